"""Duties 2 and 9, and questions: one clock, one alarm, every question answered once.

Decides: when a driver must call, and what it must answer. Must not know: how it waits.
"""

import time

import anyio
import pytest

from aigw_sansio import (
    Admit,
    Admitted,
    Answer,
    Authenticate,
    Authenticated,
    ConnId,
    Count,
    Counted,
    Denied,
    FetchedMedia,
    FetchMedia,
    FindKey,
    Hit,
    KeptResponse,
    Key,
    LookUp,
    Metrics,
    Miss,
    Page,
    Passage,
    Question,
    ReadMetrics,
    ReadPage,
    Released,
    Review,
    Secret,
    Sign,
    Signed,
    Stopped,
    TextDelta,
    Unavailable,
)

from ..anyio_driver import AnswerHandler
from .rig import Rig
from .sockets import read_exactly
from .toy_engines import ToyEngine


class _Ticker(ToyEngine):
    """``far`` sets a deadline that never comes, ``near`` a near one; three ticks follow each other."""

    def on_open(self, conn: ConnId) -> None:
        self.due = self.now + 0.02

    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.due = self.now + (1000.0 if data == b"far" else 0.03)
        if data == b"far":
            self.send(conn, b"far")

    def on_timeout(self) -> None:
        for conn, state in self.conns.items():
            if not state.closed and not state.closing:
                self.send(conn, b"tick")
        if len(self.named("handle_timeout")) < 2:
            self.due = self.now + 0.01


class _Asks(ToyEngine):
    within_s = 20.0

    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.ask(Authenticate("a", "g", None), self.within_s)

    def on_answer(self, value: Answer) -> None:
        self.send(ConnId(1), type(value).__name__.encode().ljust(16))


async def _allow(question: Question) -> Answer:
    assert isinstance(question, Authenticate)
    return Authenticated(allowed=True, principal=question.account)


async def _fail(question: Question) -> Answer:
    raise LookupError("no")


def _may_go(principal: str) -> Admit:
    return Admit(
        principal=principal,
        account="a",
        gateway="g",
        provider="openai",
        endpoint="chat/completions",
        model="m",
        bytes=2,
        metadata={},
    )


def _may_be_shown(log_id: str) -> Review:
    return Review(
        principal="me",
        account="a",
        gateway="g",
        provider="openai",
        log_id=log_id,
        form="stream",
        passages=(Passage("text", "text"),),
        events=(TextDelta("text"),),
        data=(b'"text"',),
    )


#: Every question, and an answer of each class that it can have.
ANSWERED: list[tuple[Question, Answer]] = [
    (Authenticate("a", "g", None), Authenticated(allowed=True, principal="me")),
    (_may_go("me"), Admitted()),
    (_may_go("you"), Denied(429, retry_after_s=1.0)),
    (FindKey(principal="me", account="a", gateway="g", provider="openai"), Key(Secret("k"))),
    (Count(()), Counted(0, 1.0)),
    (ReadMetrics(), Metrics(b"up 1")),
    (Sign(Secret("k"), b"message"), Signed(b"signature")),
    (
        FetchMedia(account="a", gateway="g", principal="me", url="https://media.test/1.png", limit=9),
        FetchedMedia(b"png", "image/png"),
    ),
    (LookUp("a", "g", "kept"), Hit(KeptResponse(((b"content-type", b"text/plain"),), b"hello"))),
    (LookUp("a", "g", "not kept"), Miss()),
    (ReadPage("events"), Page(b"{}", "application/json")),
    (_may_be_shown("log-1"), Released(("text",))),
    (_may_be_shown("log-2"), Stopped()),
]


class _AsksAll(ToyEngine):
    """Asks all questions at once."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Answer] = []

    def on_data(self, conn: ConnId, data: bytes) -> None:
        for question, _ in ANSWERED:
            self.ask(question)

    def on_answer(self, value: Answer) -> None:
        self.answers.append(value)


class _Keeps(ToyEngine):
    """Has what comes kept, and sends it back."""

    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.keep(data)
        self.send(conn, data)


async def _answer_all(question: Question) -> Answer:
    return next(answer for asked, answer in ANSWERED if asked == question)


async def _wrong(question: Question) -> Answer:
    return Metrics(b"")


async def _never(question: Question) -> Answer:
    await anyio.sleep_forever()
    return Unavailable()


class TimeChecks(Rig):
    """Deadlines, the clock, and answers."""

    def test_the_alarm(self) -> None:
        engine = _Ticker()
        with self.running(engine) as host, self.connect(host) as client:
            assert read_exactly(client, 12) == b"tick" * 3  # deadlines set by the timeout itself
            client.sendall(b"far")
            assert read_exactly(client, 3) == b"far"
            client.sendall(b"near")  # moves it to an earlier time
            assert read_exactly(client, 4) == b"tick"
            assert engine.due is None
        for tick in engine.named("handle_timeout"):
            assert tick.now >= engine.calls[0].now + 0.02

    def test_a_silent_client_is_timed_out(self) -> None:
        class Strict(ToyEngine):
            def on_open(self, conn: ConnId) -> None:
                self.due = self.now + 0.02

            def on_timeout(self) -> None:
                self.close(ConnId(1))

        engine = Strict()
        with self.running(engine) as host, self.connect(host) as client:
            assert client.recv(1) == b""
            client.close()
            engine.wait_for("closed")

    def test_a_clock_of_our_own(self) -> None:
        engine = _Ticker()
        with self.running(engine, clock=lambda: time.monotonic() + 1e6) as host, self.connect(host) as client:
            assert read_exactly(client, 4) == b"tick"
        assert all(call.now > 1e6 for call in engine.calls)

    @pytest.mark.parametrize(
        ("handler", "expected"),
        [(None, Unavailable), (_allow, Authenticated), (_fail, Unavailable)],
        ids=["no handler", "answer", "exception"],
    )
    def test_questions(self, handler: AnswerHandler | None, expected: type[Answer]) -> None:
        engine = _Asks()
        with self.running(engine, answer=handler) as host, self.connect(host) as client:
            for _ in range(2):
                client.sendall(b"?")
                assert read_exactly(client, 16).strip() == expected.__name__.encode()
        assert len(engine.named("answer")) == 2

    def test_every_question_gets_each_of_its_answers(self) -> None:
        engine = _AsksAll()
        with self.running(engine, answer=_answer_all) as host, self.connect(host) as client:
            client.sendall(b"?")
            engine.wait_for("answer", times=len(ANSWERED))
        assert len(engine.answers) == len(ANSWERED)
        assert all(answer in engine.answers for _, answer in ANSWERED)

    def test_what_is_to_be_kept_is_kept_or_dropped(self) -> None:
        engine = _Keeps()
        with self.running(engine) as host, self.connect(host) as client:
            for data in (b"one", b"two"):
                client.sendall(data)
                assert read_exactly(client, 3) == data

    @pytest.mark.parametrize("handler", [_wrong, _never], ids=["wrong class", "too late"])
    def test_a_host_that_answers_badly(self, handler: AnswerHandler) -> None:
        self.need("checks_answers")
        engine = _Asks()
        engine.within_s = 0.05
        with self.running(engine, answer=handler) as host, self.connect(host) as client:
            client.sendall(b"?")
            assert read_exactly(client, 16).strip() == b"Unavailable"
