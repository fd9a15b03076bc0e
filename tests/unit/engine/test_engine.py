"""The engine: questions and their answers, identities, what is put off."""

import pytest

from aigw_sansio.config import Config, Timeouts
from aigw_sansio.effects import Answer, Ask, Authenticate, Authenticated, Emit, Flush, Metrics, ReadMetrics, Unavailable
from aigw_sansio.engine.engine import Engine
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.events import RequestAdmitted
from aigw_sansio.ids import AskId, ConnId
from aigw_sansio.secret import Secret

QUESTION = Authenticate("a", "g", Secret("t"))
YES = Authenticated(True, "me")


class Asker:
    def __init__(self) -> None:
        self.engine = Engine(Config(timeouts=Timeouts(ask_s=5)), b"seed", 100.0)
        self.got: list[tuple[Answer, float]] = []

    def ask(self, now: float = 0.0, question: Authenticate | ReadMetrics = QUESTION) -> AskId:
        return self.engine.ask(question, lambda answer, at: self.got.append((answer, at)), now)


def test_a_question_and_its_answer() -> None:
    asker = Asker()
    ask_id = asker.ask(1.0)
    assert asker.engine.take_effects() == [Ask(ask_id, QUESTION, 6.0)]
    assert asker.engine.asking == 1
    asker.engine.answer(ask_id, YES, 2.0)
    assert asker.got == [(YES, 2.0)]
    assert asker.engine.asking == 0
    assert asker.engine.timers.next_deadline() is None


def test_the_deadline_answers_for_the_host() -> None:
    asker = Asker()
    ask_id = asker.ask()
    asker.engine.timers.fire(4.9)
    assert asker.got == []
    asker.engine.timers.fire(5.0)
    assert asker.got == [(Unavailable(), 5.0)]
    asker.engine.answer(ask_id, YES, 5.0)
    assert len(asker.got) == 1, "too late"


def test_late_second_and_withdrawn_answers_are_ignored() -> None:
    asker = Asker()
    first, second = asker.ask(), asker.ask()
    asker.engine.answer(first, YES, 0.0)
    asker.engine.answer(first, Authenticated(False), 0.0)
    asker.engine.withdraw(second)
    asker.engine.withdraw(second)
    asker.engine.answer(second, YES, 0.0)
    asker.engine.timers.fire(10.0)
    assert asker.got == [(YES, 0.0)]
    assert asker.engine.asking == 0


def test_any_question_may_be_unavailable() -> None:
    asker = Asker()
    asker.engine.answer(asker.ask(), Unavailable(), 0.0)
    asker.engine.answer(asker.ask(0.0, ReadMetrics()), Unavailable(), 0.0)
    assert [answer for answer, _ in asker.got] == [Unavailable(), Unavailable()]


@pytest.mark.parametrize("bad", [0, -1, 3, 10**9])
def test_a_question_never_asked_is_misuse(bad: int) -> None:
    asker = Asker()
    asker.ask()
    asker.ask()
    with pytest.raises(LocalProtocolError, match="no such question"):
        asker.engine.answer(AskId(bad), YES, 0.0)
    assert asker.engine.asking == 2


def test_an_answer_of_the_wrong_class_is_misuse_and_changes_nothing() -> None:
    asker = Asker()
    ask_id = asker.ask()
    with pytest.raises(
        LocalProtocolError, match="Authenticate is answered by Authenticated or Unavailable, not by Metrics"
    ):
        asker.engine.answer(ask_id, Metrics(b""), 0.0)
    assert asker.got == []
    asker.engine.answer(ask_id, YES, 0.0)
    assert asker.got == [(YES, 0.0)]


def test_a_callback_may_ask_again() -> None:
    engine = Engine(Config(), b"seed", 0.0)
    got: list[Answer] = []

    def first(answer: Answer, now: float) -> None:
        engine.ask(QUESTION, lambda again, at: got.append(again), now)

    first_id = engine.ask(QUESTION, first, 0.0)
    engine.answer(first_id, YES, 0.0)
    second_id = engine.take_effects()[-1].id  # type: ignore[union-attr]
    assert second_id == first_id + 1
    engine.answer(second_id, YES, 0.0)
    assert got == [YES]


def test_connections_are_numbered_and_never_again() -> None:
    engine = Engine(Config(), b"seed", 0.0)
    assert not engine.was_issued(ConnId(1))
    assert [engine.issue_conn() for _ in range(3)] == [1, 2, 3]
    assert [engine.was_issued(ConnId(n)) for n in (-1, 0, 1, 3, 4)] == [False, False, True, True, False]


def test_effects_keep_their_order_and_are_handed_out_once() -> None:
    engine = Engine(Config(), b"seed", 0.0)
    conn = engine.issue_conn()
    engine.connect(conn, "h", 443, None, ("h2",))
    engine.effects.append(Flush(conn))
    engine.pause(conn)
    engine.resume(conn)
    event = RequestAdmitted(1, "e", "l", 1)
    engine.emit(event)
    engine.close(conn, abort=False)
    engine.close(conn, abort=True)
    effects = engine.take_effects()
    names = [type(effect).__name__ for effect in effects]
    assert names == ["Connect", "Flush", "PauseReading", "ResumeReading", "Emit", "Close", "Close"]
    assert effects[4] == Emit(event)
    assert engine.take_effects() == []
    engine.effects.append(Flush(conn))
    assert len(effects) == 7, "a list that was handed out does not grow"


def test_what_is_put_off_is_done_in_order_with_what_it_puts_off() -> None:
    engine = Engine(Config(), b"seed", 0.0)
    done: list[str] = []

    def first(now: float) -> None:
        done.append(f"first {now}")
        engine.defer(lambda at: done.append(f"third {at}"))

    engine.defer(first)
    engine.defer(lambda now: done.append(f"second {now}"))
    assert done == []
    engine.run_deferred(3.0)
    engine.run_deferred(4.0)
    assert done == ["first 3.0", "second 3.0", "third 3.0"]


def test_wall_time() -> None:
    engine = Engine(Config(), b"seed", 1000.0)
    assert engine.unix_time(5.0) == 1005.0
    engine.wall_offset = 2000.0
    assert engine.unix_time(5.0) == 2005.0
