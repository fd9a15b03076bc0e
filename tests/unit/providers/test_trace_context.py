"""The trace of a request: its field, and nothing that only looks like it."""

import pytest

from aigw_sansio.providers.trace_context import traceparent_of

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([TRACE], TRACE),
        (["canary", TRACE], TRACE),
        ([TRACE, "canary"], None),
        ([], None),
        ([""], None),
        ([TRACE.upper()], None),
        ([f"{TRACE}-canary"], None),
        ([f"{TRACE}\n"], None),
        ([f" {TRACE}"], None),
    ],
)
def test_the_trace(values: list[str], found: str | None) -> None:
    headers = [(b"traceparent", value.encode()) for value in values]
    assert traceparent_of([(b"a", b"b"), *headers, (b"tracestate", b"canary")]) == found
