"""The loopback provider's WebSockets (RFC 6455), from the upgrade to the end, on the wires of the core.

Decides: the response to an upgrade, when the parts of an answer are sent, how the connection ends. Must not know: the
content of messages, and the transport.
"""

from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import parse_qsl

import anyio
import msgspec

from aigw_sansio import Fault
from aigw_sansio.faults import CLOSE_CODE
from aigw_sansio.wires.heads import RequestHead
from aigw_sansio.wires.websocket.frames import FIN, Opcode, Role, cut_reason, encode_frame, may_send_close
from aigw_sansio.wires.websocket.handshake import Upgrade, WrongVersion, accept, check_upgrade, response
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

from . import openai
from .gemini_live import GeminiLive
from .openai_realtime import OpenAIRealtime
from .openai_responses import ResponsesSession
from .realtime import (
    Action,
    Echo,
    End,
    RealtimeOptions,
    RealtimeSession,
    SessionFactory,
    carried_keys,
    parse_realtime_options,
    select,
)

MESSAGE_BYTES: Final = 64 * 1024 * 1024
#: The longest wait for the client's close frame, in seconds.
CLOSE_S: Final = 5.0
GARBAGE: Final = b"\x15\x03\x01\x00\x02\x02\x46 this is not HTTP\r\n\r\n"

#: A server's frame with a reserved bit set.
_BAD_FRAME: Final = bytes((FIN | 0x40 | Opcode.TEXT, 0))
_FLOOD_BYTES: Final = 65536
_GEMINI: Final = "/ws/google.ai.generativelanguage.v1{}.GenerativeService.BidiGenerateContent"

#: Path -> the session that answers there.
REALTIME_ROUTES: Final[dict[str, SessionFactory]] = {
    "/v1/realtime": OpenAIRealtime,
    "/v1/responses": ResponsesSession,
    _GEMINI.format("beta"): GeminiLive,
    _GEMINI.format("alpha"): GeminiLive,
    "/echo": lambda query, options: Echo(),
}


class UpgradeStream(Protocol):
    """The connection, as an upgrade uses it."""

    async def send(self, data: bytes) -> None:
        """Send all of it."""

    async def receive(self, until: float | None) -> bytes | None:
        """The bytes that came; empty if none came before the time ``until``; ``None`` if the client is gone."""

    def watch(self, data: bytes, *, inward: bool, text: bool) -> None:
        """A message passes; ``inward`` if the client sent it."""


class Record(Protocol):
    """The part of a request's record that a session fills in."""

    messages_received: int
    close_code: int | None


async def serve_upgrade(stream: UpgradeStream, head: RequestHead, record: Record) -> str | None:
    """Answer an upgrade and serve the WebSocket behind it. Returns how it ended.

    "closed" by a closing handshake; "refused"; "violation" if the client broke the protocol; "garbage", "reset" or
    "close" if the options asked for it; ``None`` if the client is gone.
    """
    path, _, text = head.target.decode("latin-1").partition("?")
    query = parse_qsl(text, keep_blank_values=True)
    upgrade = check_upgrade(head)
    options = parse_realtime_options(query)
    route = REALTIME_ROUTES.get(path)
    if not isinstance(upgrade, Upgrade):
        status = 426 if isinstance(upgrade, WrongVersion) else 400
        why = upgrade.detail if isinstance(upgrade, Fault) else "The version of WebSocket must be 13"
        return await _refuse(stream, status, why, [(b"sec-websocket-version", b"13")] if status == 426 else [])
    if isinstance(options, str):
        return await _refuse(stream, 400, options, [])
    if options.delay_ms:
        await anyio.sleep(options.delay_ms / 1000)
    if options.silent:
        while await stream.receive(None) is not None:
            pass
        return None
    if options.garbage:
        await stream.send(GARBAGE)
        return "garbage"
    if options.refuse is not None:
        more = [] if options.retry_after is None else [(b"retry-after", options.retry_after.encode("latin-1"))]
        why = f"The loopback provider was asked to refuse with {options.refuse}"
        return await _refuse(stream, options.refuse, why, more)
    if route is None:
        return await _refuse(stream, 404, f"There is no {path}. There are: {', '.join(REALTIME_ROUTES)}", [])
    headers = [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
    offered = [item.decode("latin-1") for item in upgrade.offers.subprotocols]
    if options.require_key is not None and options.require_key not in carried_keys(headers, query, offered):
        return await _refuse(stream, 401, "Incorrect API key provided", [])
    return await _Session(stream, record, options, route(dict(query), options)).run(upgrade, select(offered, options))


async def _refuse(stream: UpgradeStream, status: int, why: str, headers: Sequence[tuple[bytes, bytes]]) -> str:
    body = openai.error_body(status, why)
    await stream.send(response(status, [(b"content-type", openai.JSON.encode()), *headers], body))
    return "refused"


class _Session:
    """One open WebSocket."""

    def __init__(
        self, stream: UpgradeStream, record: Record, options: RealtimeOptions, session: RealtimeSession
    ) -> None:
        self._stream = stream
        self._record = record
        self._options = options
        self._session = session
        self._wire = WebSocketWire(Role.SERVER, message_limit=MESSAGE_BYTES)
        self._out = bytearray()
        self._how: str | None = None
        self._said_last = False  # we sent a close frame that no server may send
        self._patience: float | None = None  # until when the client may answer our close frame

    async def run(self, upgrade: Upgrade, subprotocol: str | None) -> str | None:
        """Send the 101, with the first messages, then serve until the end."""
        chosen = None if subprotocol is None else subprotocol.encode("latin-1")
        if chosen is not None:  # the options may ask for one that was never offered
            offers = msgspec.structs.replace(upgrade.offers, subprotocols=(chosen,))
            upgrade = msgspec.structs.replace(upgrade, offers=offers)
        self._out += accept(upgrade, chosen)
        self._put(self._session.opened())
        await self._flood()
        self._act()
        pause_s = self._options.chunk_delay_ms / 1000
        due: float | None = None
        while True:
            await self._flush()
            if self._how is not None:
                return self._how
            if self._options.deaf:
                await anyio.sleep_forever()
            if self._is_open and self._session.speaking:
                due = anyio.current_time() + pause_s if due is None else due
            else:
                due = self._patience
            data = await self._stream.receive(due)
            if data is None:
                return None
            if data:
                for event in self._wire.receive_data(data):
                    self._take(event)
            elif self._is_open:
                self._put(self._session.next())
                due = None
            else:
                return None

    @property
    def _is_open(self) -> bool:
        return self._wire.state is ClosingState.OPEN and not self._said_last

    async def _flush(self) -> None:
        if self._out:
            data = bytes(self._out)
            self._out.clear()
            await self._stream.send(data)

    async def _flood(self) -> None:
        left = self._options.flood_bytes or 0
        while left > 0:
            self._out += self._wire.binary(bytes(min(left, _FLOOD_BYTES)))
            left -= _FLOOD_BYTES
            await self._flush()

    def _put(self, steps: Sequence[Action]) -> None:
        wire = self._wire
        for step in steps:
            if isinstance(step, End):
                self._close(step.code, step.reason)
                return
            self._stream.watch(step.data, inward=False, text=step.text)
            self._out += wire.text(step.data) if step.text else wire.binary(step.data)

    def _close(self, code: int, reason: str) -> None:
        self._patience = anyio.current_time() + CLOSE_S
        if may_send_close(code):
            self._out += self._wire.close(code, reason)
        else:
            self._said_last = True
            self._out += encode_frame(FIN | Opcode.CLOSE, code.to_bytes(2) + cut_reason(reason))

    def _take(self, event: WebSocketEvent) -> None:
        wire = self._wire
        if isinstance(event, TextMessage | BinaryMessage):
            self._record.messages_received += 1
            self._stream.watch(event.data, inward=True, text=isinstance(event, TextMessage))
            if self._is_open:
                self._put(self._session.received(event.data, text=isinstance(event, TextMessage)))
                self._act()
        elif isinstance(event, PingReceived):
            if self._is_open:
                self._out += wire.pong(event.payload)
        elif isinstance(event, CloseReceived):
            self._record.close_code = event.code
            if wire.state is ClosingState.CLOSE_RECEIVED and not self._said_last:
                self._out += wire.close(event.code if may_send_close(event.code) else None)
            self._how = "closed"
        elif isinstance(event, Violation):
            if wire.state is ClosingState.BROKEN and not self._said_last:
                self._out += wire.close(CLOSE_CODE[event.fault.kind], event.fault.detail)
            self._how = "violation"

    def _act(self) -> None:
        """Do what the options ask for after this number of messages."""
        options = self._options
        if self._record.messages_received != options.after or not self._is_open:
            return
        if options.close is not None:
            self._close(options.close, options.close_reason)
        elif options.break_ == "frame":
            self._out += _BAD_FRAME
        elif options.break_ is not None:
            self._how = options.break_
