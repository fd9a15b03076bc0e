"""One raw WebSocket on anyio: messages as they are, for realtime sessions and for scripts that use a gateway.

Decides: when control frames are sent. The core's wires do handshake and frames. Must not know: what messages
say.
"""

import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from os import urandom
from typing import Self
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteStream

from aigw_sansio import Fault
from aigw_sansio.wires.http import Headers
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.handshake import Accepted, ClientHandshake, Refused, request
from aigw_sansio.wires.websocket.messages import (
    BinaryMessage,
    CloseReceived,
    ClosingState,
    PingReceived,
    TextMessage,
    Violation,
    WebSocketEvent,
    WebSocketWire,
)

from ..core.threads import no_thread_is_an_os_error
from ..core.tls import client_context

_READ = 65536
_HEAD_BYTES = 65536


class HandshakeRefused(Exception):
    """The server refused the WebSocket. ``status`` is the status of its response, 0 if there was no valid response."""

    def __init__(self, status: int, body: bytes, headers: Headers) -> None:
        super().__init__(f"the server answered {status}: {body[:200].decode('utf-8', 'replace')}")
        self.status = status
        self.body = body
        self.headers = headers


class WebSocketClosed(Exception):
    """There are no more messages. ``code`` and ``reason`` are those of the server; 1006 if it sent none."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class WebSocketClient:
    """One open WebSocket. :func:`connect` opens it. One task may receive while others send."""

    def __init__(self, stream: ByteStream, wire: WebSocketWire, subprotocol: str | None) -> None:
        self._stream = stream
        self._wire = wire
        self._ready: deque[str | bytes] = deque()
        self._closed: WebSocketClosed | None = None
        self._pong = b""
        self._close = b""
        self._sending = anyio.Lock()
        #: The subprotocol that the server selected.
        self.subprotocol = subprotocol
        #: Bytes that came after the handshake, those of control frames too.
        self.bytes_received = 0

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent: no side has closed."""
        return self._wire.state is ClosingState.OPEN

    async def send(self, message: str | bytes) -> None:
        """Send one message: ``str`` as text, ``bytes`` as binary. Raises :class:`anyio.BrokenResourceError` if the
        connection broke, and :class:`anyio.ClosedResourceError` if one side has closed: :meth:`receive` says how."""
        async with self._sending:
            await self._send_control()
            if not self.is_open:
                raise anyio.ClosedResourceError
            frame = self._wire.text(message.encode()) if isinstance(message, str) else self._wire.binary(message)
            await self._stream.send(frame)
            await self._send_control()

    async def receive(self) -> str | bytes:
        """The next message. Raises :class:`WebSocketClosed` if no more will come."""
        while not self._ready:
            if self._closed is not None:
                # Anew: an error that was raised refers to its frames, and they to this client.
                raise WebSocketClosed(self._closed.code, self._closed.reason)
            try:
                data = await self._stream.receive(_READ)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                self._closed = WebSocketClosed(1006, "")
                continue
            self.bytes_received += len(data)
            await self._take(self._wire.receive_data(data))
        return self._ready.popleft()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        while True:
            try:
                yield await self.receive()
            except WebSocketClosed:
                return

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame and wait for the server's."""
        if self._wire.state is ClosingState.OPEN:
            self._close = self._wire.close(code, reason)
            await self._answer()
        while self._closed is None:
            try:
                await self.receive()
            except WebSocketClosed:
                break

    async def _answer(self) -> None:
        """Send the control frames that are due. If a task is sending, it sends them behind its message, and this call
        does not wait."""
        if not self._sending.locked():
            async with self._sending:
                await self._send_control()

    async def _send_control(self) -> None:
        while frames := self._pong + self._close:
            self._pong = self._close = b""
            await self._stream.send(frames)

    async def _take(self, events: Sequence[WebSocketEvent]) -> None:
        for event in events:
            if isinstance(event, TextMessage):
                self._ready.append(event.data.decode())
            elif isinstance(event, BinaryMessage):
                self._ready.append(event.data)
            elif isinstance(event, PingReceived):
                if self._wire.state is ClosingState.OPEN:
                    self._pong = self._wire.pong(event.payload)  # the latest is enough (RFC 6455 5.5.3)
                    await self._answer()
            elif isinstance(event, CloseReceived):
                if self._wire.state is ClosingState.CLOSE_RECEIVED:
                    self._close = self._wire.close(event.code if event.code != 1005 else None)
                    await self._answer()
                self._closed = WebSocketClosed(event.code, event.reason)
            elif isinstance(event, Violation):
                self._closed = WebSocketClosed(1006, event.fault.detail)

    @classmethod
    async def _shake_hands(
        cls, stream: ByteStream, authority: str, target: str, headers: Headers, subprotocols: Sequence[bytes]
    ) -> Self:
        nonce = urandom(16)
        await stream.send(request(authority.encode(), target.encode(), headers, subprotocols, nonce))
        handshake = ClientHandshake(_HEAD_BYTES, nonce, subprotocols)
        outcome = None
        while outcome is None:
            try:
                outcome = handshake.receive_data(await stream.receive(_READ))
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                outcome = handshake.receive_eof()
        if isinstance(outcome, Refused):
            raise HandshakeRefused(outcome.status, outcome.body, outcome.headers)
        if isinstance(outcome, Fault):
            raise HandshakeRefused(0, outcome.detail.encode(), [])
        assert isinstance(outcome, Accepted)
        wire = WebSocketWire(Role.CLIENT, message_limit=1 << 40, mask_key=lambda: urandom(4))
        selected = outcome.subprotocol
        client = cls(stream, wire, selected.decode("latin-1") if selected is not None else None)
        if outcome.rest:
            await client._take(wire.receive_data(outcome.rest))
        return client


@asynccontextmanager
async def connect(
    url: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    subprotocols: Sequence[str] = (),
    ssl_context: ssl.SSLContext | None = None,
) -> AsyncIterator[WebSocketClient]:
    """Open a WebSocket to ``url`` (``ws://`` or ``wss://``). It is closed at the end of the block.

    ``headers`` are added to the handshake. ``ssl_context`` replaces the system's trust. Raises
    :class:`HandshakeRefused` if the server refuses, and ``OSError`` if it cannot be reached.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    secure = parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    stream: ByteStream
    with no_thread_is_an_os_error():
        if secure:
            context = ssl_context or client_context(None, ("http/1.1",))
            stream = await anyio.connect_tcp(host, port, ssl_context=context, tls_standard_compatible=False)
        else:
            stream = await anyio.connect_tcp(host, port)
    async with stream:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        fields = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        offered = [item.encode() for item in subprotocols]
        client = await WebSocketClient._shake_hands(stream, parts.netloc, target, fields, offered)
        yield client
        # the server may have closed first
        with anyio.move_on_after(5), suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await client.close()
