"""The engine: questions and their answers, identities, what is put off."""

import pytest

from aigw_sansio.config import Config, Timeouts
from aigw_sansio.effects import (
    Answer,
    Ask,
    Authenticate,
    Authenticated,
    Connect,
    Emit,
    Flush,
    Metrics,
    ReadMetrics,
    Unavailable,
)
from aigw_sansio.engine.services import Services
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.events import RequestAdmitted
from aigw_sansio.ids import AskId, ConnId
from aigw_sansio.secret import Secret

QUESTION = Authenticate("a", "g", Secret("t"))
YES = Authenticated(True, "me")


class Asker:
    def __init__(self) -> None:
        self.services = Services(Config(timeouts=Timeouts(ask_s=5)), b"seed", 100.0)
        self.got: list[tuple[Answer, float]] = []

    def ask(self, now: float = 0.0, question: Authenticate | ReadMetrics = QUESTION) -> AskId:
        return self.services.ask(question, lambda answer, at: self.got.append((answer, at)), now)


def test_a_question_and_its_answer() -> None:
    asker = Asker()
    ask_id = asker.ask(1.0)
    assert asker.services.take_effects() == [Ask(ask_id, QUESTION, 6.0)]
    assert asker.services.unanswered == 1
    asker.services.answer(ask_id, YES, 2.0)
    assert asker.got == [(YES, 2.0)]
    assert asker.services.unanswered == 0
    assert asker.services.timers.next_deadline() is None


def test_the_deadline_answers_for_the_host() -> None:
    asker = Asker()
    ask_id = asker.ask()
    asker.services.timers.fire(4.9)
    assert asker.got == []
    asker.services.timers.fire(5.0)
    assert asker.got == [(Unavailable(), 5.0)]
    asker.services.answer(ask_id, YES, 5.0)
    assert len(asker.got) == 1, "too late"


def test_late_second_and_withdrawn_answers_are_ignored() -> None:
    asker = Asker()
    first, second = asker.ask(), asker.ask()
    asker.services.answer(first, YES, 0.0)
    asker.services.answer(first, Authenticated(False), 0.0)
    asker.services.withdraw(second)
    asker.services.withdraw(second)
    asker.services.answer(second, YES, 0.0)
    asker.services.timers.fire(10.0)
    assert asker.got == [(YES, 0.0)]
    assert asker.services.unanswered == 0


def test_any_question_may_be_unavailable() -> None:
    asker = Asker()
    asker.services.answer(asker.ask(), Unavailable(), 0.0)
    asker.services.answer(asker.ask(0.0, ReadMetrics()), Unavailable(), 0.0)
    assert [answer for answer, _ in asker.got] == [Unavailable(), Unavailable()]


@pytest.mark.parametrize("bad", [0, -1, 3, 10**9])
def test_a_question_never_asked_is_misuse(bad: int) -> None:
    asker = Asker()
    asker.ask()
    asker.ask()
    with pytest.raises(LocalProtocolError, match="no such question"):
        asker.services.answer(AskId(bad), YES, 0.0)
    assert asker.services.unanswered == 2


def test_an_answer_of_the_wrong_class_is_misuse_and_changes_nothing() -> None:
    asker = Asker()
    ask_id = asker.ask()
    with pytest.raises(
        LocalProtocolError, match="Authenticate is answered by Authenticated or Unavailable, not by Metrics"
    ):
        asker.services.answer(ask_id, Metrics(b""), 0.0)
    assert asker.got == []
    asker.services.answer(ask_id, YES, 0.0)
    assert asker.got == [(YES, 0.0)]


def test_a_callback_may_ask_again() -> None:
    services = Services(Config(), b"seed", 0.0)
    got: list[Answer] = []

    def first(answer: Answer, now: float) -> None:
        services.ask(QUESTION, lambda again, at: got.append(again), now)

    first_id = services.ask(QUESTION, first, 0.0)
    services.answer(first_id, YES, 0.0)
    second_id = services.take_effects()[-1].id  # type: ignore[union-attr]
    assert second_id == first_id + 1
    services.answer(second_id, YES, 0.0)
    assert got == [YES]


def test_connections_are_numbered_and_never_again() -> None:
    services = Services(Config(), b"seed", 0.0)
    assert not services.was_issued(ConnId(1))
    assert [services.issue_conn() for _ in range(3)] == [1, 2, 3]
    assert [services.was_issued(ConnId(n)) for n in (-1, 0, 1, 3, 4)] == [False, False, True, True, False]


def test_effects_keep_their_order_and_are_handed_out_once() -> None:
    services = Services(Config(), b"seed", 0.0)
    conn = services.issue_conn()
    services.connect(Connect(conn, host="h", port=443, tls=None, alpn=("h2",)), None, None, 0.0)
    services.effects.append(Flush(conn))
    services.pause(conn)
    services.resume(conn)
    event = RequestAdmitted(1, "e", "l", 1)
    services.emit(event)
    services.close(conn, abort=False)
    services.close(conn, abort=True)
    effects = services.take_effects()
    names = [type(effect).__name__ for effect in effects]
    assert names == ["Connect", "Flush", "PauseReading", "ResumeReading", "Emit", "Close", "Close"]
    assert effects[4] == Emit(event)
    assert services.take_effects() == []
    services.effects.append(Flush(conn))
    assert len(effects) == 7, "a list that was handed out does not grow"


def test_what_is_put_off_is_done_in_order_with_what_it_puts_off() -> None:
    services = Services(Config(), b"seed", 0.0)
    done: list[str] = []

    def first(now: float) -> None:
        done.append(f"first {now}")
        services.defer(lambda at: done.append(f"third {at}"))

    services.defer(first)
    services.defer(lambda now: done.append(f"second {now}"))
    assert done == []
    services.run_deferred(3.0)
    services.run_deferred(4.0)
    assert done == ["first 3.0", "second 3.0", "third 3.0"]


def test_wall_time() -> None:
    services = Services(Config(), b"seed", 1000.0)
    assert services.unix_time(5.0) == 1005.0
    services.wall_offset = 2000.0
    assert services.unix_time(5.0) == 2005.0
