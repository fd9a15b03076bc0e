"""Requests that the host judges and whose media it fetches, each decided once or never."""

from collections.abc import Sequence

import pytest
from tests.rigs.core_rig import Rig
from tests.rigs.steps import client

from aigw_sansio.config import Limits, Timeouts
from aigw_sansio.dialects.commands import Create
from aigw_sansio.effects import (
    Answer,
    Ask,
    Authenticate,
    Authenticated,
    FetchedMedia,
    FetchMedia,
    Metrics,
    Question,
    Unavailable,
)
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.ids import AskId
from aigw_sansio.prompt import Blob
from aigw_sansio.secret import Secret
from aigw_sansio.sessions.compat import GivenMedia
from aigw_sansio.sessions.host_questions import HostQuestions, PendingCreate
from aigw_sansio.sessions.step_questions import refusal

ALLOWED, REFUSED = Authenticated(True), Authenticated(False)


class Host(Rig):
    """Answers the questions of the checks of one session, and keeps what was decided."""

    def __init__(self) -> None:
        super().__init__(timeouts=Timeouts(ask_s=5.0, fetch_s=30.0), limits=Limits(fetched_media_bytes=10))
        self.asked: list[tuple[AskId, str]] = []
        self.decided: list[tuple[str, FaultKind | None, float]] = []
        self.answers_of: dict[str, list[Answer]] = {}
        self.waits: list[float] = []
        self.fault: Fault | None = None  # why media may not be kept
        self.media: list[GivenMedia] = []
        self.urls: list[tuple[AskId, str]] = []
        self.checked: dict[str, list[Question]] = {}
        self.checks = HostQuestions(
            self.services,
            refusal=self._refusal,
            checked=self._checked,
            fetched=self._fetched,
            waits=self.waits.append,
            overfull=lambda: self.fault,
        )

    def _refusal(self, pending: PendingCreate, question: Question, answer: Answer) -> Fault | None:
        return refusal(question, answer, len(pending.create.steps))

    def _checked(
        self, pending: PendingCreate, questions: Sequence[Question], outcome: Fault | list[Answer], now: float
    ) -> None:
        assert questions is self.checked.pop(pending.event_id)
        if isinstance(outcome, Fault):
            self._decided(pending, outcome, now)
        else:
            self._decided(pending, None, now)
            self.answers_of[pending.event_id] = outcome

    def _fetched(self, pending: PendingCreate, fault: Fault | None, now: float) -> None:
        self._decided(pending, fault, now)
        self.media.append(pending.media)

    def _decided(self, pending: PendingCreate, fault: Fault | None, now: float) -> None:
        assert pending.event_id not in self.checks, "it is decided, so its id is free"
        self.decided.append((pending.event_id, fault.kind if fault is not None else None, now))

    def check(self, event_id: str, *tokens: str) -> PendingCreate:
        create = Create(event_id, [])
        pending = PendingCreate(
            create=create,
            event_id=event_id,
            log_id=f"log-{event_id}",
            size=9,
            client=client(principal="ann", services=self.services),
        )
        self.checked[event_id] = [Authenticate("acme", "main", Secret(token)) for token in tokens]
        self.checks.check(pending, self.checked[event_id], self.now)
        self.questions()
        return pending

    def fetch(self, event_id: str, *urls: str) -> PendingCreate:
        create = Create(event_id, [])
        pending = PendingCreate(
            create=create,
            event_id=event_id,
            log_id=f"log-{event_id}",
            size=9,
            client=client(principal="ann", services=self.services),
        )
        self.checks.fetch(pending, urls, self.now)
        for effect in self.effects():
            assert isinstance(effect, Ask)
            assert isinstance(effect.question, FetchMedia)
            asked = effect.question
            assert (asked.account, asked.gateway, asked.principal, asked.limit) == ("acme", "main", "ann", 10)
            assert effect.deadline == self.now + 30.0
            self.urls.append((effect.id, asked.url))
        return pending

    def give(self, which: int, value: Answer) -> None:
        self.services.answer(self.urls[which][0], value, self.now)
        assert not self.effects()

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
    assert host.checks.size == 9
    assert host.decided == []
    host.now = 1.5
    host.answer(ALLOWED)
    assert host.decided == [("a", None, 1.5)]
    assert host.answers_of["a"] == [ALLOWED]
    assert host.waits == []
    assert len(host.checks) == host.checks.size == 0
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
    assert host.waits == [4.0, 8.0]
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


PNG = FetchedMedia(b"png", "image/png")


def test_media_are_asked_for_at_once_and_come_in_any_order() -> None:
    host = Host()
    pending = host.fetch("a", "https://x.test/1", "https://x.test/2", "https://x.test/3")
    assert [url for _, url in host.urls] == ["https://x.test/1", "https://x.test/2", "https://x.test/3"]
    assert list(host.checks) == [pending]
    assert (host.checks.fetches, host.checks.size, host.waits) == (3, 9, [0.0])
    host.give(2, PNG)
    host.give(0, Unavailable())
    assert (host.checks.fetches, host.checks.size, host.decided) == (1, 9 + 4, [])
    host.now = 2.0
    host.give(1, FetchedMedia(b"x" * 11, "image/png"))
    assert host.decided == [("a", None, 2.0)]
    assert host.media == [
        {
            "https://x.test/1": "The host gave nothing for its URL.",
            "https://x.test/2": "What is at its URL has more than 10 bytes (fetched_media_bytes).",
            "https://x.test/3": Blob("cG5n", "image/png"),
        }
    ]
    assert (host.checks.fetches, host.checks.size, len(host.checks)) == (0, 0, 0)
    assert host.services.timers.next_deadline() is None


def test_media_that_do_not_come_in_time_are_none() -> None:
    host = Host()
    host.fetch("a", "https://x.test/1", "https://x.test/2")
    host.give(0, PNG)
    host.pass_time(29.9)
    assert host.decided == []
    host.pass_time(0.1)
    assert host.decided == [("a", None, 30.0)]
    assert [type(content) for content in host.media[0].values()] == [Blob, str]
    host.give(1, PNG)  # too late
    assert len(host.decided) == 1


def test_media_that_cannot_be_kept_end_the_wait_for_the_others() -> None:
    host = Host()
    host.fetch("a", "https://x.test/1", "https://x.test/2")
    host.fault = Fault(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, "full")
    host.give(0, PNG)
    assert host.decided == [("a", FaultKind.LIMIT_EXCEEDED, 0.0)]
    assert host.services.unanswered == 0
    host.give(1, PNG)
    assert len(host.decided) == 1


def test_a_request_that_is_withdrawn_while_its_media_are_fetched() -> None:
    host = Host()
    pending = host.fetch("a", "https://x.test/1", "https://x.test/2")
    host.give(0, PNG)
    assert host.checks.withdraw("a") is pending
    assert (host.services.unanswered, host.checks.fetches, host.checks.size) == (0, 0, 0)
    host.give(1, PNG)
    host.pass_time(100.0)
    assert host.decided == []


def test_media_of_a_second_fetch_are_put_beside_those_of_the_first() -> None:
    host = Host()
    host.fetch("a", "https://x.test/1")
    host.give(0, PNG)
    pending = PendingCreate(
        Create("a", []), "a", "log-a", 9, client(principal="ann", services=host.services), media=host.media[0]
    )
    host.checks.fetch(pending, ["https://x.test/2"], 0.0)
    (ask,) = host.effects()
    assert isinstance(ask, Ask)
    host.services.answer(ask.id, PNG, 0.0)
    assert [*host.media[1]] == ["https://x.test/1", "https://x.test/2"]


def test_media_of_a_session_that_has_ended() -> None:
    host = Host()
    host.fetch("a", "https://x.test/1")
    host.checks.close()
    host.give(0, PNG)
    assert (host.decided, host.services.unanswered, host.checks.fetches) == ([], 0, 0)
