"""Requests that the host judges: one question after the other, each request decided once or never."""

import pytest
from tests.rigs.core_rig import Rig

from aigw_sansio.config import Timeouts
from aigw_sansio.dialects.commands import Create
from aigw_sansio.effects import Answer, Ask, Authenticate, Authenticated, Metrics, Question, Unavailable
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.ids import AskId
from aigw_sansio.secret import Secret
from aigw_sansio.sessions.host_checks import HostChecks, PendingCreate
from aigw_sansio.sessions.step_questions import refusal

ALLOWED, REFUSED = Authenticated(True), Authenticated(False)


class Host(Rig):
    """Answers the questions of the checks of one session, and keeps what was decided."""

    def __init__(self) -> None:
        super().__init__(timeouts=Timeouts(ask_s=5.0))
        self.asked: list[tuple[AskId, str]] = []
        self.decided: list[tuple[str, FaultKind | None, float]] = []
        self.answers_of: dict[str, list[Answer]] = {}
        self.answers: list[float] = []  # those that left another question
        self.checks = HostChecks(
            self.services, refusal=self._refusal, decided=self._decided, answered=self.answers.append
        )

    def _refusal(self, pending: PendingCreate, question: Question, answer: Answer) -> Fault | None:
        return refusal(question, answer, len(pending.create.steps))

    def _decided(self, pending: PendingCreate, outcome: Fault | list[Answer], now: float) -> None:
        assert pending.event_id not in self.checks, "it is decided, so its id is free"
        self.decided.append((pending.event_id, outcome.kind if isinstance(outcome, Fault) else None, now))
        if not isinstance(outcome, Fault):
            self.answers_of[pending.event_id] = outcome

    def check(self, event_id: str, *tokens: str) -> PendingCreate:
        create = Create(event_id, [])
        pending = PendingCreate(create=create, event_id=event_id, log_id=f"log-{event_id}", size=9)
        self.checks.check(pending, [Authenticate("acme", "main", Secret(token)) for token in tokens], self.now)
        self.questions()
        return pending

    def questions(self) -> None:
        for effect in self.effects():
            assert isinstance(effect, Ask)
            assert isinstance(effect.question, Authenticate)
            assert (effect.question.account, effect.question.gateway) == ("acme", "main")
            assert effect.deadline == self.now + 5.0
            assert effect.question.token is not None
            self.asked.append((effect.id, effect.question.token.reveal()))

    def answer(self, value: Answer, which: int = -1) -> None:
        self.services.answer(self.asked[which][0], value, self.now)
        self.questions()

    @property
    def tokens(self) -> list[str]:
        return [token for _, token in self.asked]


def test_an_allowed_token() -> None:
    host = Host()
    pending = host.check("a", "t1")
    assert "a" in host.checks
    assert len(host.checks) == 1
    assert list(host.checks) == [pending]
    assert host.checks.request_bytes == 9
    assert host.decided == []
    host.now = 1.5
    host.answer(ALLOWED)
    assert host.decided == [("a", None, 1.5)]
    assert host.answers_of["a"] == [ALLOWED]
    assert len(host.checks) == host.checks.request_bytes == 0
    assert host.services.timers.next_deadline() is None


@pytest.mark.parametrize("value", [REFUSED, Unavailable()])
def test_a_refused_token_and_a_host_that_cannot_tell(value: Answer) -> None:
    host = Host()
    host.check("a", "t1", "t2")
    host.answer(value)
    assert host.decided == [("a", FaultKind.UNAUTHORIZED, 0.0)]
    assert host.tokens == ["t1"]  # the second is not asked about any more


def test_a_host_that_says_nothing() -> None:
    host = Host()
    host.check("a", "t1")
    host.pass_time(4.9)
    assert host.decided == []
    host.pass_time(0.1)
    assert host.decided == [("a", FaultKind.UNAUTHORIZED, 5.0)]
    host.answer(ALLOWED)  # too late
    assert len(host.decided) == 1


def test_several_tokens_in_a_row_each_with_its_own_time() -> None:
    host = Host()
    host.check("a", "t1", "t2", "t3")
    host.pass_time(4.0)
    host.answer(ALLOWED)
    assert host.tokens == ["t1", "t2"]
    assert "a" in host.checks
    host.pass_time(4.0)
    host.answer(ALLOWED)
    assert host.tokens == ["t1", "t2", "t3"]
    assert host.decided == []
    host.answer(ALLOWED)
    assert host.decided == [("a", None, 8.0)]
    assert host.tokens == ["t1", "t2", "t3"]


def test_the_last_of_several_tokens_is_refused() -> None:
    host = Host()
    host.check("a", "t1", "t2")
    host.answer(ALLOWED)
    host.answer(REFUSED)
    assert host.decided == [("a", FaultKind.UNAUTHORIZED, 0.0)]


def test_an_answer_counts_for_its_own_question_alone() -> None:
    host = Host()
    host.check("a", "t1", "t2")
    host.answer(ALLOWED, 0)
    host.answer(ALLOWED, 0)  # a second answer to the first question
    assert host.decided == []
    host.answer(ALLOWED, 1)
    assert len(host.decided) == 1


def test_checks_side_by_side() -> None:
    host = Host()
    first, second = host.check("a", "t1"), host.check("b", "t2")
    assert list(host.checks) == [first, second]
    host.answer(REFUSED, 1)
    assert host.decided == [("b", FaultKind.UNAUTHORIZED, 0.0)]
    assert list(host.checks) == [first]
    host.answer(ALLOWED, 0)
    assert host.decided[1:] == [("a", None, 0.0)]


def test_a_check_that_is_withdrawn_while_it_is_asked() -> None:
    host = Host()
    pending = host.check("a", "t1")
    kept = host.check("b", "t2")
    assert host.checks.withdraw("a") is pending
    assert host.checks.withdraw("a") is None
    assert host.checks.withdraw("never") is None
    assert list(host.checks) == [kept]
    host.answer(ALLOWED, 0)
    host.pass_time(4.9)
    assert host.decided == []
    assert host.services.unanswered == 1


def test_the_second_question_can_be_withdrawn_too() -> None:
    host = Host()
    host.check("a", "t1", "t2")
    host.answer(ALLOWED)
    host.checks.withdraw("a")
    assert host.services.unanswered == 0
    host.answer(ALLOWED)
    host.pass_time(100.0)
    assert host.decided == []


def test_an_id_is_free_once_its_check_is_withdrawn() -> None:
    host = Host()
    host.check("a", "t1")
    host.checks.withdraw("a")
    second = host.check("a", "t2")
    host.answer(REFUSED, 0)  # to the check that is gone
    assert host.decided == []
    assert list(host.checks) == [second]
    host.answer(ALLOWED, 1)
    assert host.decided == [("a", None, 0.0)]


def test_the_session_ends_meanwhile() -> None:
    host = Host()
    host.check("a", "t1")
    host.check("b", "t2", "t3")
    host.answer(ALLOWED, 1)
    host.checks.close()
    assert len(host.checks) == host.services.unanswered == 0
    assert host.services.timers.next_deadline() is None
    for which in range(len(host.asked)):
        host.answer(ALLOWED, which)
    assert host.decided == []


def test_an_answer_of_another_question_moves_nothing() -> None:
    host = Host()
    host.check("a", "t1")
    with pytest.raises(LocalProtocolError, match="Authenticate is answered by Authenticated or Unavailable"):
        host.answer(Metrics(b""))
    assert "a" in host.checks
    host.answer(ALLOWED)
    assert host.decided == [("a", None, 0.0)]
