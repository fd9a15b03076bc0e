"""The rest of a response whose exchange has ended: so much of it, and for so long."""

from tests.rigs.core_rig import Rig

from aigw_sansio.config import Limits
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.upstream.remainder import Remainder


def make(rig: Rig, told: list[float]) -> Remainder:
    return Remainder(rig.services, told.append, rig.now)


def test_time() -> None:
    rig, told = Rig(), []
    make(rig, told)
    rig.pass_time(0.9)
    assert told == []
    rig.pass_time(10)
    assert told == [1.0]


def test_bytes() -> None:
    rig, told = Rig(Limits(read_on_bytes=10)), []
    rest = make(rig, told)
    rest.response_body(b"x" * 10, 0.0)
    assert told == []
    rest.response_body(b"x", 0.0)
    assert told == [0.0]
    rig.pass_time(10)
    assert told == [0.0], "once"


def test_an_end_in_time() -> None:
    for fault in (None, Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "lost")):
        rig, told = Rig(), []
        rest = make(rig, told)
        if fault is None:
            rest.response_end(0.0)
        else:
            rest.response_failed(fault, 0.0)
        rig.pass_time(10)
        assert told == []


def test_nothing_is_waited_for_if_the_end_has_been_read() -> None:
    rig, told = Rig(), []
    rest = Remainder(rig.services, told.append, rig.now, waits=False)
    assert rig.services.timers.next_deadline() is None
    rest.response_end(0.0)
    rig.pass_time(10)
    assert told == []


def test_what_belongs_before_a_body_moves_nothing() -> None:
    rig, told = Rig(Limits(read_on_bytes=10)), []
    rest = make(rig, told)
    rig.pass_time(0.5)
    rest.request_sent(rig.now)
    rest.response_head(200, [], rig.now)
    rest.response_activity(rig.now)
    rest.call_replaced(rig.now)
    rig.pass_time(0.5)
    assert told == [1.0], "counted from the end of the exchange"
