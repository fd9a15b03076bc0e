"""Workers ask each other: who answers, who is not waited for, and that an answer may be long."""

import logging
import socket
from collections.abc import Iterator
from functools import partial

import anyio
import anyio.lowlevel
import pytest

from aigw_drivers.server import siblings
from aigw_drivers.server.siblings import Family, Siblings

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not hasattr(socket, "send_fds"), reason="there are no workers here"),
]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def family() -> Iterator[Family]:
    made = Family(4)
    yield made
    made.close()


def answering(number: int, question: bytes) -> bytes:
    return b"%d %b" % (number, question)


async def test_all_others_answer(family: Family) -> None:
    workers = [Siblings(family, number) for number in range(4)]
    async with anyio.create_task_group() as tasks:
        for one in workers[:3]:
            tasks.start_soon(one.serve, partial(answering, one.number))
        await anyio.wait_all_tasks_blocked()
        assert sorted(await workers[0].ask(b"who")) == [b"1 who", b"2 who"]
        tasks.start_soon(workers[3].serve, partial(answering, 3))
        await anyio.wait_all_tasks_blocked()
        found: list[list[bytes]] = []

        async def ask(one: Siblings) -> None:
            found.append(sorted(await one.ask(b"?")))

        async with anyio.create_task_group() as asking:
            for one in workers * 3:
                asking.start_soon(ask, one)
        assert sorted(found) == sorted(
            [[b"%d ?" % other for other in range(4) if other != one] for one in range(4)] * 3
        )
        tasks.cancel_scope.cancel()


async def test_an_answer_may_be_long(family: Family) -> None:
    long = b"x" * 5_000_000
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Siblings(family, 1).serve, lambda question: long)
        await anyio.wait_all_tasks_blocked()
        assert await Siblings(family, 0).ask(b"?") == [long]
        tasks.cancel_scope.cancel()


async def test_who_hangs_or_has_ended_keeps_nobody_waiting(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siblings, "ANSWER_S", 0.2)
    family.alive[1] = family.alive[2] = 1
    own = Siblings(family, 0)
    unheard = []
    while (stream := siblings._asked(family.boxes[1][1], b"?")) is not None:  # until its mailbox is full
        unheard.append(stream)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Siblings(family, 2).serve, partial(answering, 2))
        await anyio.wait_all_tasks_blocked()
        assert await own.ask(b"?") == [b"2 ?"]
        family.ended(1)
        monkeypatch.setattr(siblings, "ANSWER_S", 1e6)
        with anyio.fail_after(60):
            assert await own.ask(b"?") == [b"2 ?"]
        tasks.cancel_scope.cancel()
    for stream in unheard:
        stream.close()


async def test_who_ends_while_it_is_asked_is_not_waited_for(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siblings, "ANSWER_S", 1e6)
    family.alive[1] = 1
    answers: list[list[bytes]] = []

    async def ask() -> None:
        answers.append(await Siblings(family, 0).ask(b"?"))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            family.ended(1)
    assert answers == [[]]


async def test_an_answer_that_breaks_off_is_none(family: Family) -> None:
    family.alive[1] = 1
    for sent in (b"", b"\0\0", b"\0\0\0\7half", b"\0\0\0\1more"):
        async with anyio.create_task_group() as tasks:

            async def answer(sent: bytes = sent) -> None:
                await anyio.wait_readable(family.boxes[1][0])
                ((_, stream),) = siblings._taken(family.boxes[1][0])
                with stream:
                    stream.send(sent)

            tasks.start_soon(answer)
            assert await Siblings(family, 0).ask(b"?") == []


async def test_a_question_for_the_worker_before_is_not_answered(family: Family) -> None:
    stream = siblings._asked(family.boxes[1][1], b"?")
    assert stream is not None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Siblings(family, 1).serve, partial(answering, 1))
        await anyio.wait_readable(stream)
        assert stream.recv(100) == b""
        stream.close()
        tasks.cancel_scope.cancel()


async def test_a_bug_in_an_answer_is_loud_and_ends_nothing(family: Family, caplog: pytest.LogCaptureFixture) -> None:
    def wrong(question: bytes) -> bytes:
        if question == b"a":
            raise RuntimeError("a bug")
        return b"yes"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Siblings(family, 1).serve, wrong)
        await anyio.wait_all_tasks_blocked()
        with caplog.at_level(logging.ERROR, "aigw.serve"):
            assert await Siblings(family, 0).ask(b"a") == []
        assert "worker 1 cannot answer b'a' of another one" in caplog.text
        assert await Siblings(family, 0).ask(b"b") == [b"yes"]
        tasks.cancel_scope.cancel()


async def test_clients_are_served_between_two_questions(family: Family) -> None:
    asked = [siblings._asked(family.boxes[1][1], b"before")]
    ticks: list[int] = []
    ticked = 0

    def answer(question: bytes) -> bytes:
        ticks.append(ticked)
        return b""

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Siblings(family, 1).serve, answer)
        await anyio.wait_all_tasks_blocked()
        asked += [siblings._asked(family.boxes[1][1], b"?") for _ in range(9)]
        with anyio.fail_after(60):
            while len(ticks) < 9:
                ticked += 1
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert ticks[-1] - ticks[0] >= 4
    for stream in asked:
        assert stream is not None
        stream.close()


async def test_who_asks_the_same_at_once_asks_once(family: Family) -> None:
    family.alive[1] = 1
    own = Siblings(family, 0)
    found: list[list[bytes]] = []

    async def ask() -> None:
        found.append(await own.ask(b"?"))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as asking:
            async with anyio.create_task_group() as first:
                first.start_soon(ask)
                await anyio.wait_all_tasks_blocked()
                for _ in range(20):
                    asking.start_soon(ask)
                await anyio.wait_all_tasks_blocked()
                first.cancel_scope.cancel()  # another one asks in its place
            await anyio.wait_all_tasks_blocked()
            (_, cancelled), (_, stream) = siblings._taken(family.boxes[1][0])
            cancelled.close()
            await siblings._tell(stream, b"answer")
    assert found == [[b"answer"]] * 20


async def test_who_hangs_leaves_time_for_the_answer(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siblings, "ANSWER_S", 1e6)
    family.alive[1] = 1
    own = Siblings(family, 0)
    own.ask_s = lambda: 0.2
    with anyio.fail_after(60):
        assert await own.ask(b"?") == []


async def test_who_answers_no_more_is_not_asked(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(siblings, "ANSWER_S", 1e6)
    stream = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Siblings(family, 1).serve, partial(answering, 1))
        await anyio.wait_all_tasks_blocked()
        stream = siblings._asked(family.boxes[1][1], b"too late")
        tasks.cancel_scope.cancel()
    assert stream is not None
    with stream, anyio.fail_after(60):
        assert family.alive[1] == 0
        await anyio.wait_readable(stream)
        assert stream.recv(100) == b""
        assert await Siblings(family, 0).ask(b"?") == []
