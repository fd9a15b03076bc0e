"""A call: pausing, resuming and giving up are said once, whatever carries it."""

from tests.rigs.core_rig import Handler, request

from aigw_sansio.origin import Origin
from aigw_sansio.upstream.call import UpstreamCall


class Recorder:
    """A connection and a pool that write down what they are told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self, call: UpstreamCall) -> None:
        self.told.append("pause")

    def resume(self, call: UpstreamCall, now: float) -> None:
        self.told.append(f"resume {now}")

    def cancel(self, call: UpstreamCall, now: float) -> None:
        self.told.append(f"cancel {now}")

    def submit(self, call: UpstreamCall, now: float) -> None:
        self.told.append(f"submit {now}")

    def withdraw(self, call: UpstreamCall, now: float) -> None:
        self.told.append(f"withdraw {now}")


def a_call() -> tuple[UpstreamCall, Recorder]:
    pool = Recorder()
    origin = Origin("https", "up.test", 443)
    return UpstreamCall(pool, origin, request(), handler=Handler(), connect_timeout_s=10.0), pool


def placed() -> tuple[UpstreamCall, Recorder]:
    call, _ = a_call()
    connection = Recorder()
    call.connection = connection  # type: ignore[assignment]
    return call, connection


def test_without_a_connection_nothing_is_paused() -> None:
    call, pool = a_call()
    call.pause()
    assert not call.paused
    call.resume(1.0)
    assert not call.paused
    assert pool.told == []


def test_each_is_said_once() -> None:
    call, connection = placed()
    call.resume(0.0)
    call.pause()
    call.pause()
    assert call.paused
    call.resume(1.0)
    call.resume(2.0)
    assert connection.told == ["pause", "resume 1.0"]


def test_resumed_after_its_connection_has_gone() -> None:
    call, connection = placed()
    call.pause()
    call.connection = None
    call.resume(1.0)
    assert not call.paused
    assert connection.told == ["pause"]


def test_it_is_withdrawn_while_it_waits_and_cancelled_once_it_is_placed() -> None:
    call, pool = a_call()
    call.start(1.0)
    call.cancel(2.0)
    assert pool.told == ["submit 1.0", "withdraw 2.0"]
    call, connection = placed()
    call.cancel(3.0)
    assert connection.told == ["cancel 3.0"]


def test_a_new_call_has_done_nothing() -> None:
    call, _ = a_call()
    assert (call.sent, call.response_started, call.paused) == (False, False, False)
    assert (call.after, call.withheld_credit, call.replacements) == (0, 0, 0)
