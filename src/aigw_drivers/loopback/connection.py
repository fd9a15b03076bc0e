"""One connection to the loopback provider: real HTTP/1.1 (RFC 9112, h11 in the server role) on a stream of bytes.

Decides: keep-alive, how the plan of an answer becomes bytes, and how a connection ends. Must not know: routes, and the
content of answers. A task reads all the time, so that the end of the client is noticed while we sleep or write. A
request for a WebSocket goes to :mod:`.upgrade`.
"""

import socket
import ssl
import struct
from contextlib import suppress
from typing import Final, Protocol

import anyio
import h11
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSStream

from aigw_sansio.wires.heads import RequestHead, header_tokens

from . import openai
from .options import HttpResponse, Options, Plan, cuts, plan
from .request_record import RequestRecord
from .upgrade import GARBAGE, serve_upgrade

MAX_BODY_BYTES: Final = 256 * 1024 * 1024
#: The most bytes that are read ahead of a WebSocket.
MAX_AHEAD_BYTES: Final = 1024 * 1024
_LOST: Final = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, ssl.SSLError)


class MessageWatcher(Protocol):
    """Called with each message of a WebSocket."""

    def __call__(self, data: bytes, *, inward: bool, text: bool) -> None:
        """``data`` is the payload; ``inward`` is true if the client sent it; ``text`` is its opcode."""


class ConnectionOwner(Protocol):
    """The provider, as one of its connections uses it."""

    #: Called with each message of a WebSocket.
    on_message: MessageWatcher | None

    def note(self, seen: RequestRecord) -> None:
        """Record a request that has begun."""

    def changed(self) -> None:
        """A request has ended."""

    def answer(self, seen: RequestRecord) -> tuple[HttpResponse, Options]:
        """The answer to a request and the options it is sent with."""


class LoopbackConnection:
    """One accepted connection."""

    def __init__(self, provider: ConnectionOwner, stream: ByteStream, number: int) -> None:
        self.provider = provider
        self._stream = stream
        self._number = number
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=256 * 1024)
        self._inbox = bytearray()
        self._arrived = anyio.Event()
        self._room: anyio.Event | None = None
        self._head: RequestHead | None = None
        self._gone_at: float | None = None
        self._answering: anyio.CancelScope | None = None
        self._reset = False

    async def run(self) -> None:
        """Serve requests until either side ends the connection."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read)
                await self._serve()
                tasks.cancel_scope.cancel()
        finally:
            await self._close()

    async def _close(self) -> None:
        if self._reset:
            # Linger 0 turns the close into a reset, but only if no FIN is sent before. anyio's asyncio stream sends a
            # FIN in aclose(), so its transport, if it has one, is aborted first.
            inner = self._stream.transport_stream if isinstance(self._stream, TLSStream) else self._stream
            raw = inner.extra(SocketAttribute.raw_socket)
            with suppress(OSError):  # it is closed already, if the peer's own reset came first
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport = getattr(inner, "_transport", None)
            if transport is not None:
                transport.abort()
            await anyio.aclose_forcefully(inner)
            return
        # Under TLS a close in order waits for the peer's close_notify: limit that.
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + 1):
            try:
                await self._stream.aclose()
            except (*_LOST, OSError):
                pass

    async def _read(self) -> None:
        try:
            while True:
                self._inbox += await self._stream.receive(65536)
                self._arrived.set()
                if self._head is not None and len(self._inbox) > MAX_AHEAD_BYTES:
                    self._room = anyio.Event()
                    await self._room.wait()
        except (*_LOST, OSError):
            self._gone_at = anyio.current_time()
            self._arrived.set()
            if self._answering is not None:
                self._answering.cancel()

    async def _next(self) -> object:
        """The next h11 event of the client. ``ConnectionClosed`` is its end."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            while not self._inbox and self._gone_at is None:
                self._arrived = anyio.Event()
                await self._arrived.wait()
            if not self._inbox and self._http.trailing_data[1]:
                return h11.ConnectionClosed()
            self._http.receive_data(bytes(self._inbox))
            self._inbox.clear()
        return event

    async def _serve(self) -> None:
        number = 0
        while True:
            number += 1
            try:
                seen = await self._request(number)
            except h11.RemoteProtocolError as error:
                await self._refuse(error.error_status_hint, str(error))
                return
            if seen is None:
                return
            self.provider.note(seen)
            try:
                with anyio.CancelScope() as scope:
                    if self._head is not None:
                        # not cancelled if the client is gone: we may not have read its last messages yet
                        seen.how = await serve_upgrade(_UpgradeStream(self, seen), self._head, seen)
                    elif self._gone_at is None:
                        self._answering = scope
                        seen.how = await self._answer(seen)
                    if seen.how is None:
                        seen.cancelled_at = self._gone_at or anyio.current_time()
            except (*_LOST, OSError):
                seen.cancelled_at = anyio.current_time()
            finally:
                self._answering = None
                if seen.how is None:
                    gone = seen.cancelled_at or self._gone_at
                    seen.cancelled_at = gone
                    seen.how = "shutdown" if gone is None else "cancelled"
                seen.ended_at = anyio.current_time()
                self.provider.changed()
            if seen.how != "complete" or self._http.our_state is not h11.DONE:
                self._reset = seen.how == "reset"
                return
            if self._http.their_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _request(self, number: int) -> RequestRecord | None:
        """The next whole request, or ``None`` if the client has ended the connection."""
        head = await self._next()
        if not isinstance(head, h11.Request):
            return None
        started_at = anyio.current_time()
        if self._http.they_are_waiting_for_100_continue:
            await self._stream.send(self._http.send(h11.InformationalResponse(status_code=100, headers=[])))
        body = bytearray()
        while isinstance(event := await self._next(), h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise h11.RemoteProtocolError(f"the body is over {MAX_BODY_BYTES} bytes", error_status_hint=413)
        if not isinstance(event, h11.EndOfMessage):
            return None
        path, _, query = head.target.decode().partition("?")
        if b"websocket" in (item.lower() for item in header_tokens(list(head.headers), b"upgrade")):
            self._head = RequestHead(
                method=head.method, target=head.target, http_version=head.http_version, headers=list(head.headers)
            )
            self._inbox[:0] = self._http.trailing_data[0]
        return RequestRecord(
            connection=self._number,
            request=number,
            method=head.method.decode(),
            path=path,
            query=query,
            headers=[(name.decode(), value.decode("latin-1")) for name, value in head.headers],
            body=bytes(body),
            started_at=started_at,
        )

    async def take(self, until: float | None) -> bytes | None:
        """The bytes that came; empty if none came before the time ``until``; ``None`` if the client is gone."""
        if not self._inbox and self._gone_at is None:
            self._arrived = anyio.Event()
            with anyio.move_on_at(until):
                await self._arrived.wait()
        if not self._inbox:
            return None if self._gone_at is not None else b""
        data = bytes(self._inbox)
        self._inbox.clear()
        if self._room is not None:
            self._room.set()
        return data

    async def send(self, seen: RequestRecord, data: bytes) -> None:
        """Send ``data`` and count it."""
        await self._stream.send(data)
        seen.bytes_sent += len(data)

    async def _refuse(self, status: int, message: str) -> None:
        """Answer a request that is not HTTP, if the client still reads."""
        body = openai.error_body(status, message)
        headers = [("content-type", openai.JSON), ("content-length", str(len(body))), ("connection", "close")]
        try:
            out = self._http.send(h11.Response(status_code=status, headers=headers))
            await self._stream.send(out + self._http.send(h11.Data(data=body)))
        except (h11.LocalProtocolError, *_LOST, OSError):
            pass

    async def _answer(self, seen: RequestRecord) -> str:
        """Answer one request and return how it ended."""
        answer, options = self.provider.answer(seen)
        await anyio.sleep(options.delay_ms / 1000)
        if options.garbage:
            await self._send(seen, GARBAGE, options)
            return "garbage"
        script = plan(answer, options)
        framed = await self._send_head(seen, answer, options, script)
        for delay, data in script.steps:
            if delay:
                await anyio.sleep(delay)
            if data:
                await self._send(seen, self._http.send(h11.Data(data=data)) or b"" if framed else data, options)
        if script.ending == "stall":
            await anyio.sleep_forever()
        if script.ending == "mid_chunk":
            chunked = answer.streamed and not options.content_length and not options.close_delimited
            await self._send(seen, (b"40\r\n" if chunked else b"") + b'data: {"cut":', options)
        if script.ending != "end":
            return script.ending
        if framed:
            await self._send(seen, self._http.send(h11.EndOfMessage()) or b"", options)
        return "complete"

    async def _send_head(self, seen: RequestRecord, answer: HttpResponse, options: Options, script: Plan) -> bool:
        """Send the response head. Returns whether h11 frames the body."""
        headers = [("server", "loopback"), ("content-type", answer.content_type), *answer.headers]
        headers.append(("x-request-id", f"req_{seen.connection}_{seen.request}"))
        if options.gzip:
            headers.append(("content-encoding", "gzip"))
        if options.close_delimited:
            # for a client of HTTP/1.1, h11 would frame the body, so this head is written by hand
            lines = [
                f"HTTP/1.1 {answer.status} ",
                *(f"{name}: {value}" for name, value in headers),
                "connection: close",
            ]
            await self._send(seen, "\r\n".join([*lines, "", ""]).encode(), options)
            return False
        if options.content_length or not answer.streamed:
            # a body that shall break off must promise more than it sends
            length = sum(len(data) for _, data in script.steps) + (0 if script.ending == "end" else 100)
            headers.append(("content-length", str(length)))
        await self._send(seen, self._http.send(h11.Response(status_code=answer.status, headers=headers)), options)
        return True

    async def _send(self, seen: RequestRecord, data: bytes, options: Options) -> None:
        if not data:
            return
        for piece in cuts(data, options.split):
            await self._stream.send(piece)
            seen.bytes_sent += len(piece)


class _UpgradeStream:
    """A connection as :mod:`.upgrade` uses it."""

    def __init__(self, connection: LoopbackConnection, seen: RequestRecord) -> None:
        self._connection = connection
        self._seen = seen

    async def send(self, data: bytes) -> None:
        await self._connection.send(self._seen, data)

    async def receive(self, until: float | None) -> bytes | None:
        return await self._connection.take(until)

    def watch(self, data: bytes, *, inward: bool, text: bool) -> None:
        if (watcher := self._connection.provider.on_message) is not None:
            watcher(data, inward=inward, text=text)
