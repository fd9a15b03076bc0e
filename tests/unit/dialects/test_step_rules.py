"""What every dialect demands of a step."""

import pytest

from aigw_sansio.config import Limits
from aigw_sansio.dialects.step_rules import (
    bad_event_id,
    head_too_large,
    invalid,
    misplaced_body,
    most_steps,
    too_many_headers,
    too_many_steps,
    utf8_size,
)
from aigw_sansio.faults import FaultKind, Side


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(steps_per_request=3, attempts_per_exchange=9), (3, "steps_per_request")),
        (Limits(steps_per_request=9, attempts_per_exchange=3), (3, "attempts_per_exchange")),
        (Limits(steps_per_request=3, attempts_per_exchange=3), (3, "steps_per_request")),
    ],
)
def test_the_lower_limit_holds_and_is_named(limits: Limits, expected: tuple[int, str]) -> None:
    assert most_steps(limits) == expected
    assert expected[1] in too_many_steps(limits).detail


def test_headers_are_counted() -> None:
    limits = Limits(headers_per_step=4)
    assert too_many_headers("request", 4, limits) is None
    fault = too_many_headers("request[2]", 5, limits)
    assert fault is not None
    assert fault.detail == "request[2].headers has 5 headers; headers_per_step allows 4"


@pytest.mark.parametrize(("text", "size"), [("", 0), ("abc", 3), ("é", 2), ("\ud800", 3)])
def test_text_counts_as_it_is_sent(text: str, size: int) -> None:
    assert utf8_size(text) == size


@pytest.mark.parametrize(
    ("has_query", "method", "why"),
    [
        (False, "POST", None),
        (True, "POST", "beside query"),
        (False, "get", "method GET"),
        (False, "HEAD", "method HEAD"),
    ],
)
def test_a_body_may_not_stand_everywhere(has_query: bool, method: str, why: str | None) -> None:
    fault = misplaced_body("request", has_query=has_query, method=method)
    assert (fault is None) is (why is None)
    if fault is not None and why is not None:
        assert why in fault.detail


def test_they_are_faults_of_the_client() -> None:
    for fault in (invalid("x"), bad_event_id(), head_too_large("request", 9, Limits())):
        assert (fault.kind, fault.side, fault.retryable) == (FaultKind.INVALID_REQUEST, Side.CLIENT, False)
