"""Duties 2 and 9, and questions: one clock, one alarm, every question answered once."""

import time
from collections.abc import Awaitable, Callable

import pytest
from tests.peers.sockets import connect, read_exactly
from tests.rigs.hosts import HOSTS, OURS, HostFactory, running
from tests.rigs.toy_engines import ToyEngine

from aigw_sansio.effects import (
    ANSWER_TYPES,
    Admit,
    Admitted,
    Answer,
    Authenticate,
    Authenticated,
    Denied,
    FindKey,
    Key,
    Metrics,
    Question,
    ReadMetrics,
    Sign,
    Signed,
    Unavailable,
)
from aigw_sansio.ids import ConnId
from aigw_sansio.secret import Secret


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


def test_the_alarm(start: HostFactory) -> None:
    engine = _Ticker()
    with running(start, engine) as host, connect(host.port) as client:
        assert read_exactly(client, 12) == b"tick" * 3  # deadlines set by the timeout itself
        client.sendall(b"far")
        assert read_exactly(client, 3) == b"far"
        client.sendall(b"near")  # moves it to an earlier time
        assert read_exactly(client, 4) == b"tick"
        assert engine.due is None
    for tick in engine.named("handle_timeout"):
        assert tick.now >= engine.calls[0].now + 0.02


def test_a_silent_client_is_timed_out(start: HostFactory) -> None:
    class Strict(ToyEngine):
        def on_open(self, conn: ConnId) -> None:
            self.due = self.now + 0.02

        def on_timeout(self) -> None:
            self.close(ConnId(1))

    engine = Strict()
    with running(start, engine) as host, connect(host.port) as client:
        assert client.recv(1) == b""
        client.close()
        engine.wait_for("closed")


def test_a_clock_of_our_own(start: HostFactory) -> None:
    engine = _Ticker()
    with running(start, engine, clock=lambda: time.monotonic() + 1e6) as host, connect(host.port) as client:
        assert read_exactly(client, 4) == b"tick"
    assert all(call.now > 1e6 for call in engine.calls)


class _Asks(ToyEngine):
    within_s = 20.0

    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.ask(Authenticate("a", "g", None), self.within_s)

    def on_answer(self, value: Answer) -> None:
        self.send(ConnId(1), type(value).__name__.encode().ljust(16))


async def _allow(question: Question) -> Answer:
    assert isinstance(question, Authenticate)
    return Authenticated(True, question.account)


async def _fail(question: Question) -> Answer:
    raise LookupError("no")


@pytest.mark.parametrize(
    ("handler", "expected"),
    [(None, Unavailable), (_allow, Authenticated), (_fail, Unavailable)],
    ids=["no handler", "answer", "exception"],
)
def test_questions(
    start: HostFactory, handler: Callable[[Question], Awaitable[Answer]] | None, expected: type[Answer]
) -> None:
    engine = _Asks()
    with running(start, engine, answer=handler) as host, connect(host.port) as client:
        for _ in range(2):
            client.sendall(b"?")
            assert read_exactly(client, 16).strip() == expected.__name__.encode()
    assert len(engine.named("answer")) == 2


#: Every question, and an answer of each class that it can have.
ANSWERED: list[tuple[Question, Answer]] = [
    (Authenticate("a", "g", None), Authenticated(True, "me")),
    (Admit("me", "a", "g", "openai", "chat/completions", "m", 2, {}), Admitted()),
    (Admit("you", "a", "g", "openai", "chat/completions", "m", 2, {}), Denied(429, retry_after_s=1.0)),
    (FindKey("me", "a", "g", "openai"), Key(Secret("k"))),
    (ReadMetrics(), Metrics(b"up 1")),
    (Sign(Secret("k"), b"message"), Signed(b"signature")),
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


async def _answer_all(question: Question) -> Answer:
    return next(answer for asked, answer in ANSWERED if asked == question)


def test_every_question_gets_each_of_its_answers(start: HostFactory) -> None:
    assert {type(question) for question, _ in ANSWERED} == {*ANSWER_TYPES}
    assert {type(answer) for _, answer in ANSWERED} == {one for kinds in ANSWER_TYPES.values() for one in kinds}
    engine = _AsksAll()
    with running(start, engine, answer=_answer_all) as host, connect(host.port) as client:
        client.sendall(b"?")
        engine.wait_for("answer", times=len(ANSWERED))
    assert len(engine.answers) == len(ANSWERED)
    assert all(answer in engine.answers for _, answer in ANSWERED)


async def _wrong(question: Question) -> Answer:
    return Metrics(b"")


async def _never(question: Question) -> Answer:
    import anyio

    await anyio.sleep_forever()
    return Unavailable()


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("handler", [_wrong, _never], ids=["wrong class", "too late"])
def test_a_host_that_answers_badly(name: str, handler: Callable[[Question], Awaitable[Answer]]) -> None:
    engine = _Asks()
    engine.within_s = 0.05
    with running(HOSTS[name], engine, answer=handler) as host, connect(host.port) as client:
        client.sendall(b"?")
        assert read_exactly(client, 16).strip() == b"Unavailable"
