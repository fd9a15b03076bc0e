"""A call: holding and releasing say it once, whatever carries it."""

from tests.peers.core_rig import Handler, request

from aigw_sansio.origin import Origin
from aigw_sansio.upstream.call import UpstreamCall


class KeyLocation:
    """An upstream that counts."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def hold(self, call: UpstreamCall) -> None:
        self.calls.append("hold")

    def release(self, call: UpstreamCall, now: float) -> None:
        self.calls.append(f"release {now}")


def a_leg() -> UpstreamCall:
    return UpstreamCall(Origin("https", "up.test", 443), request(), Handler(), 10.0)


def test_a_leg_without_a_connection_holds_nothing() -> None:
    call = a_leg()
    call.hold()
    assert not call.held
    call.release(1.0)
    assert not call.held


def test_each_is_said_once() -> None:
    call, carrier = a_leg(), KeyLocation()
    call.upstream = carrier  # type: ignore[assignment]
    call.release(0.0)
    call.hold()
    call.hold()
    assert call.held
    call.release(1.0)
    call.release(2.0)
    assert carrier.calls == ["hold", "release 1.0"]


def test_released_after_its_connection_has_gone() -> None:
    call, carrier = a_leg(), KeyLocation()
    call.upstream = carrier  # type: ignore[assignment]
    call.hold()
    call.upstream = None
    call.release(1.0)
    assert not call.held
    assert carrier.calls == ["hold"]


def test_a_new_leg_has_done_nothing() -> None:
    call = a_leg()
    assert (call.sent, call.response_started, call.after, call.held, call.withheld_credit, call.replacements) == (
        False,
        False,
        0,
        False,
        0,
        0,
    )
