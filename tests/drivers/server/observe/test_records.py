"""Which events make a record."""

from tests.rigs.ended_events import attempt_events, exchange_ended, session_ended

from aigw_drivers.server.observe.records import Ended, Records, row_of
from aigw_sansio import Event, RecordOptions


def told(*events: Event) -> tuple[list[Ended], list[Event]]:
    added: list[Ended] = []
    passed: list[Event] = []
    records = Records(added.append, passed.append)
    for event in events:
        records(event)
    assert not records._attempts
    return added, passed


def test_an_exchange_with_its_attempts() -> None:
    first, second = attempt_events(0), attempt_events(1)
    events: list[Event] = [*first[:2], *second[:2], *first[2:], exchange_ended(0), exchange_ended(1)]
    added, passed = told(*events)
    assert passed == events
    assert [len(attempts) for _, attempts in added] == [4, 2]
    assert row_of(added[0]).attempts[1].reach == "reused"


def test_a_realtime_session_is_recorded_and_another_socket_is_not() -> None:
    added, _ = told(session_ended(), session_ended(mode="universal", log_id=None))
    assert [row_of(one).kind for one in added] == ["realtime"]


def test_who_wants_no_record_has_none() -> None:
    nothing = RecordOptions(collect=False)
    added, passed = told(*attempt_events(), exchange_ended(record=nothing), session_ended(record=nothing))
    assert added == []
    assert len(passed) == 6
