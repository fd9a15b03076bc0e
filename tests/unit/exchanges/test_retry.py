"""What is tried again, and when: ``retry-after`` against the standard library's calendar."""

import calendar
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.effects import KeptResponse
from aigw_sansio.exchanges.policy import Policy
from aigw_sansio.exchanges.ports import PlannedStep
from aigw_sansio.exchanges.retry import is_retried, retry_after_s, should_retry, tried_for_nothing, wants_another
from aigw_sansio.faults import Denial, Fault, FaultKind, Side, SocketFault
from aigw_sansio.ids import Lineage
from aigw_sansio.origin import Origin
from aigw_sansio.providers.cache_use import CacheUse
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.wires.http import Request

NOW = calendar.timegm((2026, 2, 28, 23, 59, 58))
BAD = Fault(FaultKind.MALFORMED_RESPONSE, Side.PROVIDER, "it is no good", retryable=True)


def test_statuses() -> None:
    retried = {status for status in range(100, 600) if is_retried(status)}
    assert retried == {408, 409, 429, *range(500, 600)}


@pytest.mark.parametrize(("value", "wanted"), [
    (b"0", 0.0), (b"1", 1.0), (b"2.5", 2.5), (b"5", 5.0), (b"6", 6.0), (b"3600", 3600.0), (b"999999999999", 999999999999.0),
    (b"9" * 13, 0.0), (b"9" * 5000, 0.0), (b"-1", 0.0), (b"+1", 0.0), (b"1e0", 0.0), (b"nan", 0.0), (b"inf", 0.0), (b"", 0.0),
    (b"1, 2", 0.0), ("١".encode(), 0.0), (b"1_0", 0.0), (b"soon", 0.0),
    (b"Sun, 01 Mar 2026 00:00:00 GMT", 2.0), (b"Sat, 28 Feb 2026 23:59:59 GMT", 1.0), (b"Sat, 28 Feb 2026 23:59:58 GMT", 0.0),
    (b"Mon, 02 Mar 2026 00:00:00 GMT", 86402.0), (b"Thu, 01 Jan 1970 00:00:00 GMT", 0.0), (b"Friday, 31-Dec-99 23:59:59 GMT", 0.0), (b"Saturday, 28-Feb-26 23:59:59 GMT", 1.0),
    (b"Sat Feb 28 23:59:59 2026", 1.0), (b"Sun Mar  1 00:00:00 2026", 2.0), (b"Sun Mar 01 00:00:00 2026", 2.0),
    (b"Sat, 28-Feb-26 23:59:59 GMT", 0.0), (b"Sun Foo  1 00:00:00 2026", 0.0),
    (b"Sun, 01 Foo 2026 00:00:00 GMT", 0.0), (b"Sun, 01 Mar 2026 00:00:00 UTC", 0.0), (b"Sun, 1 Mar 2026 00:00:00 GMT", 0.0),
    (b"sun, 01 mar 2026 00:00:00 gmt", 0.0), (b"Sun, 00 Jan 0000 00:00:00 GMT", 0.0),
])  # fmt: skip
def test_retry_after(value: bytes, wanted: float) -> None:
    assert retry_after_s([(b"retry-after", value)], float(NOW)) == wanted


@pytest.mark.parametrize(("headers", "wanted"), [
    ([], 0.0),
    ([(b"retry-after-ms", b"250")], 0.25),
    ([(b"retry-after-ms", b"250"), (b"retry-after", b"3")], 0.25),
    ([(b"retry-after", b"3"), (b"retry-after-ms", b"1500.5")], 1.5005),
    ([(b"retry-after-ms", b"soon"), (b"retry-after", b"3")], 3.0),
    ([(b"retry-after", b"soon"), (b"retry-after", b"3")], 3.0),
    ([(b"retry-after-ms", b"999999")], 999.999),
    ([(b"x-retry-after", b"3")], 0.0),
])  # fmt: skip
def test_fields(headers: list[tuple[bytes, bytes]], wanted: float) -> None:
    assert retry_after_s(headers, float(NOW)) == wanted


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)), st.floats(-10, 10))
def test_dates_are_those_of_the_calendar(moment: datetime, ahead: float) -> None:
    moment = moment.replace(microsecond=0)
    now = calendar.timegm(moment.utctimetuple()) - ahead
    wanted = max(calendar.timegm(moment.utctimetuple()) - now, 0.0)
    for form in (
        format_datetime(moment, usegmt=True),
        moment.strftime("%a %b ") + f"{moment.day:2} {moment:%H:%M:%S} {moment.year:04}",
    ):
        assert retry_after_s([(b"retry-after", form.encode())], now) == wanted


@given(st.binary(max_size=40), st.floats(0, 1e10))
def test_any_value_gives_a_wait_within_bounds(value: bytes, now: float) -> None:
    assert 0.0 <= retry_after_s([(b"retry-after", value), (b"retry-after-ms", value)], now) < 1e13


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2090, 12, 31), timezones=st.just(UTC)), st.integers(-49 * 365, 49 * 365)
)
def test_a_year_of_two_digits_is_within_50_years(moment: datetime, days: int) -> None:
    now = calendar.timegm(moment.replace(microsecond=0).utctimetuple())
    at = moment.replace(microsecond=0) + timedelta(days=days)
    value = at.strftime("%A, %d-%b-%y %H:%M:%S GMT").encode()
    assert retry_after_s([(b"retry-after", value)], float(now)) == max(days * 86400.0, 0.0)


@pytest.mark.parametrize(("value", "wanted"), [(b"true", True), (b" False ", False), (b"maybe", None), (b"", None)])
def test_should_retry(value: bytes, wanted: bool | None) -> None:
    assert should_retry([(b"x-should-retry", value)]) is wanted
    assert should_retry([]) is None


def test_a_step_that_must_make_its_own_call() -> None:
    use = CacheUse("a", "g", "name", 60, shares=True, found=KeptResponse((), b""))
    request = Request(b"POST", b"https", b"up.test", b"/v1", [], b"{}")
    policy = Policy(10.0, None, 30.0, None, 1, 0.0, "constant", "raw")
    steps = [
        PlannedStep(
            ProviderCall("openai", Origin("https", "up.test", 443), request, "unknown", False, cache=cache), policy
        )
        for cache in (use, use, None)
    ]
    changed = tried_for_nothing(steps, 1, BAD, None, cached=True)
    assert changed is not None
    assert [step.call.cache for step in changed] == [use, use.alone(), None]
    assert use.alone() == CacheUse("a", "g", "name", 60, looks_up=False)
    assert tried_for_nothing(steps, 2, BAD, None, cached=True) is None
    assert tried_for_nothing(steps, 1, BAD, None, cached=False) is None


def test_what_the_gateway_itself_denies_is_not_tried_again() -> None:
    denial = Denial(FaultKind.RATE_LIMITED, Side.CLIENT, "full", retryable=True, status=429, code=2003)
    assert wants_another([], denial, 0.0, NOW, has_another_key=True) == (False, 0.0)
    refused = Fault(FaultKind.PROVIDER_ERROR, Side.PROVIDER, "")
    assert wants_another([(b"retry-after", b"60")], refused, 0.0, NOW, has_another_key=True) == (True, 0.0)
    assert wants_another([(b"x-should-retry", b"true")], denial, 0.0, NOW) == (False, 0.0)
    assert wants_another([], Fault(FaultKind.CONNECT_FAILED, Side.PROVIDER, "", retryable=True), 1.0, NOW) == (
        True,
        1.0,
    )


def test_a_try_over_a_socket_that_is_lost_is_followed_by_one_over_http() -> None:
    request = Request(b"POST", b"https", b"up.test", b"/v1", [], b"{}")
    policy = Policy(10.0, None, 30.0, None, 1, 0.0, "constant", "raw")
    call = ProviderCall("openai", Origin("https", "up.test", 443), request, "unknown", False, lineage=Lineage("a"))
    steps = [PlannedStep(call, policy, others=(call,)), PlannedStep(call, policy)]
    lost = SocketFault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "lost", retryable=True)
    changed = tried_for_nothing(steps, 0, lost, None, cached=False)
    assert changed is not None
    assert [changed[0].call.lineage, changed[0].others[0].lineage, changed[1].call.lineage] == [
        None, None, Lineage("a"),
    ]  # fmt: skip
    plain = Fault(lost.kind, lost.side, lost.detail, retryable=True)
    assert tried_for_nothing(steps, 0, plain, None, cached=False) is None
