"""The client of this package, against the loopback provider and against peers of a few bytes."""

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute
from tests.peers.server_handshake import accept_upgrade

from aigw_drivers.client import WebSocketClient, WebSocketClosed, connect
from aigw_drivers.loopback import LoopbackProvider
from aigw_sansio.wires.websocket.frames import FIN, Opcode, Role, encode_frame
from aigw_sansio.wires.websocket.messages import BinaryMessage, CloseReceived, PongReceived, WebSocketWire

pytestmark = pytest.mark.anyio
BIG = 32 * 1024 * 1024


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("last", ["ping", "close"])
async def test_control_frames_are_answered_while_a_message_is_on_its_way(last: str) -> None:
    """The server says something and reads nothing before the client has read it: so the client's message is stuck."""
    heard, over = anyio.Event(), anyio.Event()
    seen: list[object] = []

    async def server(stream: ByteStream) -> None:
        async with stream:
            await accept_upgrade(stream)
            await stream.receive(1)  # the message has begun
            control = encode_frame(FIN | Opcode.PING, b"?")
            if last == "close":
                control = encode_frame(FIN | Opcode.CLOSE, (4000).to_bytes(2))
            await stream.send(encode_frame(FIN | Opcode.TEXT, b"hear me first") + control)
            await heard.wait()
            wire = WebSocketWire(Role.SERVER, message_limit=BIG)
            rest = b"\x82"  # the byte that was taken above
            while len(seen) < 2:
                seen.extend(wire.receive_data(rest))
                rest = await stream.receive() if len(seen) < 2 else b""
        over.set()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        url = f"ws://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/"
        with anyio.fail_after(120):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, server)
                async with connect(url) as client, anyio.create_task_group() as sender:
                    sender.start_soon(client.send, bytes(BIG))
                    assert await client.receive() == "hear me first"
                    heard.set()
                    with pytest.raises(WebSocketClosed):
                        await client.receive()
                await over.wait()
                tasks.cancel_scope.cancel()
    message, answer = seen
    assert message == BinaryMessage(bytes(BIG))
    assert answer == (PongReceived(b"?") if last == "ping" else CloseReceived(4000, ""))


async def test_two_tasks_may_send_at_once() -> None:
    async with LoopbackProvider.start() as provider:
        with anyio.fail_after(120):
            async with connect(provider.base_url.replace("http", "ws") + "/echo") as client:
                async with anyio.create_task_group() as tasks:
                    for number in range(3):
                        tasks.start_soon(client.send, bytes([number]) * 3_000_000)
                    got = sorted([await client.receive() for _ in range(3)], key=str)
                assert got == [bytes([number]) * 3_000_000 for number in range(3)]


class StuckStream(ByteStream):
    """Says what it was given, then nothing more; takes nothing before ``taking`` is set."""

    def __init__(self, said: bytes) -> None:
        self.said = said
        self.taking = anyio.Event()
        self.taken = b""

    async def receive(self, max_bytes: int = 65536) -> bytes:
        data, self.said = self.said[:max_bytes], self.said[max_bytes:]
        if not data:
            await anyio.sleep_forever()
        return data

    async def send(self, item: bytes) -> None:
        await self.taking.wait()
        self.taken += item

    async def send_eof(self) -> None: ...

    async def aclose(self) -> None: ...


def told(stream: StuckStream) -> list[object]:
    return list(WebSocketWire(Role.SERVER, message_limit=BIG).receive_data(stream.taken))


async def test_pings_of_a_server_that_does_not_read_are_not_stored_up() -> None:
    """The latest is answered (RFC 6455 5.5.3)."""
    stream = StuckStream(b"".join(encode_frame(FIN | Opcode.PING, b"%d" % number) for number in range(1000)))
    client = WebSocketClient(stream, WebSocketWire(Role.CLIENT, message_limit=BIG, mask_key=lambda: b"mask"), None)
    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.send, b"stuck")
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(client.receive)
            await anyio.wait_all_tasks_blocked()
            stream.taking.set()
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
    assert told(stream) == [BinaryMessage(b"stuck"), PongReceived(b"999")]


async def test_a_message_waits_behind_a_pong_that_is_not_taken() -> None:
    stream = StuckStream(encode_frame(FIN | Opcode.PING, b"?"))
    client = WebSocketClient(stream, WebSocketWire(Role.CLIENT, message_limit=BIG, mask_key=lambda: b"mask"), None)
    sent = False

    async def send() -> None:
        nonlocal sent
        await client.send(b"after it")
        sent = True

    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.receive)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(send)
            await anyio.wait_all_tasks_blocked()
            assert not sent
            stream.taking.set()
            await anyio.wait_all_tasks_blocked()
            assert sent
            tasks.cancel_scope.cancel()
    assert told(stream) == [PongReceived(b"?"), BinaryMessage(b"after it")]
