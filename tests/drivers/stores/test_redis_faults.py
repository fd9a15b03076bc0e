"""The store on a server that says what no such server says, or breaks off: no more than an error of the store."""

import gc
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from aigw_drivers.stores import StoreError, open_store
from aigw_drivers.stores.redis import RedisStore
from aigw_sansio import Counter

pytest.importorskip("coredis")
pytestmark = [
    pytest.mark.anyio,
    # coredis leaves streams of anyio unclosed if it cannot connect
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ONE = Counter(gateway="a/g", rule="r", value="", amount=1, limit=2, interval_s=3600, sliding=True)
HELLO = b"%3\r\n+server\r\n+redis\r\n+version\r\n+7.0.0\r\n+proto\r\n:3\r\n"

#: What is said in place of an answer; ``None``: a reset.
ANSWERS = {
    "bytes": b"\x00\xff garbage\r\n\r\n",
    "no length": b"$abc\r\n",
    "no number": b":zz\r\n",
    "no float": b",word\r\n",
    "a map": b"%1\r\n+proto\r\n:3\r\n",
    "a boolean": b"#x\r\n",
    "an error in no encoding": b"-\xff\xfe\xfd\r\n",
    "nothing": b"",
    "a reset": None,
}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def nothing_unclosed_is_left() -> Iterator[None]:
    yield
    gc.collect()


@asynccontextmanager
async def server(answer: bytes | None, *, greets: bool) -> AsyncIterator[str]:
    """One that gives ``answer`` to the first command, or to the one after its greeting. Gives its URL."""

    async def serve(stream: SocketStream) -> None:
        async with stream:
            try:
                await stream.receive()
                if greets:
                    await stream.send(HELLO)
                    await stream.receive()
                if answer is None:
                    own = stream.extra(SocketAttribute.raw_socket)
                    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif answer:
                    await stream.send(answer)
                    while True:
                        await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield f"redis://:pass-word@127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("greets", [False, True])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_what_is_no_answer_is_an_error_of_the_store(answer: bytes | None, *, greets: bool) -> None:
    async with server(answer, greets=greets) as url, open_store(url, within_s=1.0) as store:
        for ask in (lambda: store.count([ONE]), lambda: store.get("a")):
            with pytest.raises(StoreError) as caught:
                await ask()
            assert "word" not in str(caught.value)


class Broken:
    """A client whose every use raises ``exc``: at once, or when it is awaited."""

    def __init__(self, exc: Exception, *, at_once: bool) -> None:
        self._exc, self._at_once = exc, at_once

    def register_script(self, text: str) -> object:
        return self.get

    def get(self, *args: object, **kwargs: object) -> object:
        if self._at_once:
            raise self._exc
        return self._fail()

    async def _fail(self) -> None:
        raise self._exc


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize(
    "exc", [RuntimeError("word"), anyio.EndOfStream(), ValueError("word"), ExceptionGroup("word", [KeyError("word")])]
)
async def test_whatever_its_client_raises_is_an_error_of_the_store(exc: Exception, *, at_once: bool) -> None:
    store = RedisStore(Broken(exc, at_once=at_once), 5.0)  # type: ignore[arg-type]
    for ask in (lambda: store.count([ONE]), lambda: store.get("a")):
        with pytest.raises(StoreError, match=f"^the store failed: {type(exc).__name__}$"):
            await ask()


@pytest.mark.parametrize("answer", [None, b"x", [], [0], [b"0", 1], [1, 5], [0, -1], [0, 1, 2]])
async def test_a_count_that_is_none_is_an_error_of_the_store(answer: object) -> None:
    class Client:
        def register_script(self, text: str) -> object:
            return self.run

        async def run(self, **kwargs: object) -> object:
            return answer

    store = RedisStore(Client(), 5.0)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match=r"^the server gave an answer that is none$"):
        await store.count([ONE])
