"""What stands in for the session and its keeper after the end does nothing."""

from aigw_sansio.downstream.resume_ports import NO_KEEPER, NO_SESSION
from aigw_sansio.faults import Fault, FaultKind, Side


def test_after_the_end_nobody_is_told_and_nothing_is_kept() -> None:
    assert not NO_KEEPER.may_keep()
    NO_KEEPER.detached("lost", 1, 0.0)
    NO_KEEPER.resumed(1, 0.0)
    NO_KEEPER.left()
    NO_KEEPER.ended()
    NO_SESSION.message_unusable(Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, "late"), 0.0)
    NO_SESSION.message_received(b"late", 0.0, text=True)
