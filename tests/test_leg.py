"""A leg: holding and releasing say it once, whatever carries it."""

from tests.core_rig import Handler, request

from aigw_sansio.leg import Leg
from aigw_sansio.origin import Origin


class Carrier:
    """An upstream that counts."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def hold(self, leg: Leg) -> None:
        self.calls.append("hold")

    def release(self, leg: Leg, now: float) -> None:
        self.calls.append(f"release {now}")


def a_leg() -> Leg:
    return Leg(Origin("https", "up.test", 443), request(), Handler(), 10.0)


def test_a_leg_without_a_connection_holds_nothing() -> None:
    leg = a_leg()
    leg.hold()
    assert not leg.held
    leg.release(1.0)
    assert not leg.held


def test_each_is_said_once() -> None:
    leg, carrier = a_leg(), Carrier()
    leg.upstream = carrier  # type: ignore[assignment]
    leg.release(0.0)
    leg.hold()
    leg.hold()
    assert leg.held
    leg.release(1.0)
    leg.release(2.0)
    assert carrier.calls == ["hold", "release 1.0"]


def test_released_after_its_connection_has_gone() -> None:
    leg, carrier = a_leg(), Carrier()
    leg.upstream = carrier  # type: ignore[assignment]
    leg.hold()
    leg.upstream = None
    leg.release(1.0)
    assert not leg.held
    assert carrier.calls == ["hold"]


def test_a_new_leg_has_done_nothing() -> None:
    leg = a_leg()
    assert (leg.sent, leg.touched, leg.after, leg.held, leg.owed, leg.replacements) == (
        False,
        False,
        0,
        False,
        0,
        0,
    )
