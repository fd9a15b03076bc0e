"""What the sessions of one client connection may have together."""

from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.engine.services import Services
from aigw_sansio.faults import FaultKind
from aigw_sansio.sessions.client_limits import ClientLimits


class Busy:
    """A session with so many exchanges and bytes."""

    def __init__(self, busy: int = 0, request_bytes: int = 0, fetches: int = 0) -> None:
        self.busy = busy
        self.request_bytes = request_bytes
        self.fetches = fetches


def limits(**changes: int) -> ClientLimits:
    config = Config(limits=Limits(**changes), timeouts=Timeouts(cancelled_s=1.0))
    return ClientLimits(Services(config, b"a seed of sixteen", 0.0))


def refusal(found: ClientLimits, size: int = 0, now: float = 0.0) -> str:
    fault = found.refuse(size, now)
    if fault is None:
        return ""
    assert fault.kind is FaultKind.LIMIT_EXCEEDED
    assert fault.retryable
    return fault.detail


def test_exchanges_of_all_sessions_count() -> None:
    found = limits(exchanges_per_connection=3)
    one, two = Busy(1), Busy(1)
    found.joined(one)
    found.joined(two)
    assert not refusal(found)
    two.busy = 2
    assert refusal(found) == ("3 exchanges are under way on this connection; 3 are allowed (exchanges_per_connection)")
    found.left(two)
    assert not refusal(found)


def test_bytes_of_all_sessions_count() -> None:
    found = limits(request_bytes_per_connection=100)
    found.joined(Busy(1, 40))
    found.joined(Busy(1, 40))
    assert not refusal(found, 20)
    assert "hold 80 bytes, this one 21 more; 100 are allowed" in refusal(found, 21)


def test_cancels_count_for_a_while_beside_what_runs() -> None:
    found = limits(exchanges_per_connection=2)
    found.joined(Busy(1))
    found.cancelled(0.0)
    found.cancelled(0.0)
    assert not refusal(found, now=0.0), "a place is free at once"
    found.cancelled(0.5)
    assert refusal(found, now=0.9) == (
        "1 exchanges are under way on this connection, 3 were cancelled within 1 s; 4 are allowed (twice "
        "exchanges_per_connection)"
    )
    assert not refusal(found, now=1.0)
    found.cancelled(1.0)
    found.cancelled(1.0)
    assert refusal(found, now=1.2)
    assert not refusal(found, now=1.5)


def test_media_that_the_host_fetches_for_all_sessions_count() -> None:
    found = limits(fetches_at_once_per_client=3)
    found.joined(Busy(fetches=1))
    found.joined(Busy(fetches=1))
    assert found.refuse_fetches(1) is None
    for count, later in ((2, True), (4, False)):  # four never fit
        fault = found.refuse_fetches(count)
        assert fault is not None
        assert (fault.kind, fault.retryable) == (FaultKind.LIMIT_EXCEEDED, later)
        assert f"2 media are being fetched for this connection, this request needs {count} more" in fault.detail
