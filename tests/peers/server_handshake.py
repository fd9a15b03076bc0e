"""The server's side of an opening handshake on a stream, for tests that go on by hand."""

from anyio.abc import ByteStream

from aigw_sansio.wires.heads import RequestHead, parse_request_head
from aigw_sansio.wires.websocket.handshake import Upgrade, accept, check_upgrade


async def accept_upgrade(stream: ByteStream) -> None:
    """Read the client's request and grant it. Bytes that it sends before that are dropped."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += await stream.receive()
    asked = parse_request_head(head)
    assert isinstance(asked, RequestHead)
    granted = check_upgrade(asked)
    assert isinstance(granted, Upgrade)
    await stream.send(accept(granted))
