"""The client of this package, against the loopback provider and against peers of a few bytes."""

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute

from aigw_drivers.client import WebSocketClosed, connect
from aigw_drivers.loopback import LoopbackProvider
from aigw_sansio.wires.frames import FIN, Opcode, Role, encode_frame
from aigw_sansio.wires.handshake import Upgrade, accept, check_upgrade
from aigw_sansio.wires.heads import RequestHead, parse_request_head
from aigw_sansio.wires.websocket import BinaryMessage, CloseReceived, PongReceived, WebSocketWire

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
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive()
            asked = parse_request_head(head)
            assert isinstance(asked, RequestHead)
            upgrade = check_upgrade(asked)
            assert isinstance(upgrade, Upgrade)
            await stream.send(accept(upgrade))
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
        with anyio.fail_after(10):
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
        with anyio.fail_after(10):
            async with connect(provider.base_url.replace("http", "ws") + "/echo") as client:
                async with anyio.create_task_group() as tasks:
                    for number in range(3):
                        tasks.start_soon(client.send, bytes([number]) * 3_000_000)
                    got = sorted([await client.receive() for _ in range(3)], key=str)
                assert got == [bytes([number]) * 3_000_000 for number in range(3)]
