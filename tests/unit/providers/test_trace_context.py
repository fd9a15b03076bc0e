"""The trace of a request: its field, and nothing that only looks like it."""

import pytest

from aigw_sansio.providers.trace_context import passed_on, span_id, trace_id, traceparent_of
from aigw_sansio.wires.http import Request

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


LOG_ID = "019b76da-afd0-7abc-8000-0000000000ff"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00"


def told(own: str | None, given: str | None, *, traces: bool, attempt: int = 1) -> list[str]:
    fields = [(b"a", b"b"), *([(b"traceparent", own.encode())] if own is not None else [])]
    request = Request(method=b"GET", scheme=b"https", authority=b"h", target=b"/", headers=fields, body=b"")
    sent = passed_on(request, given, LOG_ID, attempt, traces=traces)
    assert [field for field in sent.headers if field[0] != b"traceparent"] == [(b"a", b"b")]
    return [value.decode() for name, value in sent.headers if name == b"traceparent"]


def test_without_spans_of_ours_a_provider_is_told_the_clients_trace() -> None:
    assert (
        told(TRACE, None, traces=False)
        == told(TRACE, OTHER, traces=False)
        == told(None, TRACE, traces=False)
        == [TRACE]
    )
    assert told(None, None, traces=False) == []
    assert told("canary", None, traces=False) == ["canary"]  # the client's own words


def test_with_spans_of_ours_it_is_below_the_attempt() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    assert told(TRACE, OTHER, traces=True) == [f"00-{trace}-8000000000000100-01"]
    assert told(None, OTHER, traces=True, attempt=2) == [f"00-{trace}-8000000000000101-00"]
    assert told("canary", None, traces=True) == [f"00-{LOG_ID.replace('-', '')}-8000000000000100-01"]


def test_spans_are_known_by_their_log_id_and_never_zero() -> None:
    assert span_id(LOG_ID) == "80000000000000ff"
    assert span_id("019b76da-afd0-7abc-ffff-ffffffffffff", 1) == "0000000000000001"
    assert trace_id(LOG_ID, None) == "019b76daafd07abc80000000000000ff"
    assert trace_id(LOG_ID, TRACE) == "0af7651916cd43dd8448eb211c80319c"
