"""A client without bytes: its host owns the WebSocket, or there is none, and passes whole messages.

Decides: how a host's request becomes a request for a WebSocket, which messages are refused (RFC 6455 section 8.1: text
is UTF-8), when a client that takes no replies is paused, and when it is given up. Must not know: frames, which clients
may connect, and what a message says.

A host whose framework speaks WebSocket (ASGI, for example) does the handshake, the frames, the pings and the
compression. So nothing of that is here, and no message is ever cut: each is received in a call of its own.
"""

import re
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from ..effects import Accept, CloseMessages, Message, Refuse
from ..engine.connection import PAUSED_BY_OWNER, BytePipe, PipeConnection, PipeReceiver
from ..engine.send_buffer import PER_PIECE, CountedMessageBuffer, MessageBuffer
from ..engine.services import Services
from ..engine.turns import FRAME_COST
from ..errors import LocalProtocolError
from ..faults import CLOSE_CODE, Fault, FaultKind, Side
from ..ids import ConnId
from ..wires.http import Headers
from ..wires.websocket.frames import cut_reason
from ..wires.websocket.handshake import Offers
from ..wires.websocket.text import not_utf8
from .addresses import client_at
from .channel import NO_OWNER, ChannelOwner, MessageChannel
from .ports import ClientRequest, PendingRequest, RequestHandler
from .refusal import refuse_head, too_many_fields

#: A reason to pause beside those of every connection: the client takes no replies.
_PAUSED_BY_REPLIES: Final = 8

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_NAME: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TARGET: Final = rb"[!-~\x80-\xff]+"
_NOT_IN_VALUES: Final = re.compile(rb"[\r\n\x00]")
#: What a field takes in a head beside its name and value: colon, blank and line end.
_FIELD_BYTES: Final = 4


class MessageReceiver(Protocol):
    """Takes the messages of an accepted client, and hears of its end."""

    @property
    def ended(self) -> bool:
        """No message is wanted any more."""

    def receive(self, data: bytes, now: float, *, text: bool) -> None:
        """A whole message; a ``text`` is UTF-8."""

    def taken(self, now: float) -> None:
        """The host took messages."""

    def fail(self, fault: Fault, now: float) -> None:
        """The client broke a rule. It can still be told."""

    def client_closed(self, code: int, reason: str, now: float) -> None:
        """The client closed: nothing comes or goes any more."""

    def client_lost(self, reason: str, now: float) -> None:
        """The client was lost: nothing comes or goes any more."""


class MessagesConnection(PipeConnection):
    """A client whose host passes messages. Implements ``Responder``. Call :meth:`ask` next, once."""

    __slots__ = ("_decided", "_messages", "_pending", "_receiver", "peer")

    def __init__(self, services: Services, conn: ConnId, *, peer: str) -> None:
        """``peer``: the client's address."""
        super().__init__(services, conn)
        self.peer = peer
        self.buffer = self._messages = MessageBuffer()
        self._decided = False  # accepted or refused
        self._pending: PendingRequest | None = None
        self._receiver: MessageReceiver | None = None  # from the acceptance to the end

    def ask(
        self,
        handler: RequestHandler,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        subprotocols: Sequence[str],
        principal: str | None,
        now: float,
        *,
        local: str | None,
    ) -> None:
        """Have ``handler`` decide about the client's request. The arguments are those of
        :meth:`aigw_sansio.Gateway.open_messages`."""
        limits = self.services.config.limits
        fields = [(name.lower(), value.strip(b" \t")) for name, value in headers]
        size = len(target) + sum(len(name) + len(value) + _FIELD_BYTES for name, value in fields)
        if size > limits.head_bytes:
            detail = f"the request head is longer than the {limits.head_bytes} bytes that are allowed"
            self._refuse_head(431, Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, detail), now)
        elif len(fields) > limits.head_fields:
            self._refuse_head(431, too_many_fields(len(fields), limits.head_fields), now)
        elif (wrong := _malformed(target, fields, subprotocols)) is not None:
            self._refuse_head(400, Fault(FaultKind.BAD_HANDSHAKE, Side.CLIENT, wrong), now)
        else:
            request = ClientRequest(
                conn=self.conn,
                peer=self.peer,
                method=b"GET",
                target=target,
                headers=fields,
                websocket=Offers(tuple(item.encode("latin-1") for item in subprotocols), ()),
                local=local,
                principal=principal,
            )
            pending = handler.request_arrived(request, self, now)
            if not self._decided:  # the handler may have decided before it returned
                self._pending = pending

    # -- inputs -------------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        raise LocalProtocolError(f"receive_data({self.conn}): this client has messages; call receive_message")

    def receive_eof(self, now: float) -> None:
        raise LocalProtocolError(f"receive_eof({self.conn}): this client has messages; call receive_close")

    def receive_message(self, data: bytes, now: float, *, text: bool) -> None:
        receiver = self._receiver
        if receiver is None and not self.closing:
            raise LocalProtocolError(f"receive_message({self.conn}): the client is not accepted yet")
        if receiver is None or receiver.ended:
            return
        limit = self.services.config.limits.message_bytes
        if len(data) > limit:
            detail = f"a message of {len(data)} bytes; {limit} are allowed"
            receiver.fail(Fault(FaultKind.MESSAGE_TOO_BIG, Side.CLIENT, detail), now)
        elif text and (detail := not_utf8(data)):
            receiver.fail(Fault(FaultKind.INVALID_PAYLOAD, Side.CLIENT, detail), now)
        else:
            receiver.receive(data, now, text=text)

    def receive_close(self, code: int, reason: str, now: float) -> None:
        self.mark_lost()
        receiver = self._let_go(now)
        if receiver is not None:
            receiver.client_closed(code, reason, now)

    def connection_lost(self, reason: str, now: float) -> None:
        self.mark_lost()
        receiver = self._let_go(now)
        if receiver is not None:
            receiver.client_lost(reason, now)

    def data_sent(self, n: int, now: float) -> None:
        super().data_sent(n, now)
        if self._receiver is not None:
            self._receiver.taken(now)

    def closed(self, now: float) -> None:
        if not self.ended:
            self.connection_lost("the connection was given up", now)
        super().closed(now)

    # -- Responder ----------------------------------------------------------------------------------------------

    @property
    def pipe(self) -> BytePipe:
        return self

    def accept(
        self, subprotocol: bytes | None, receiver: PipeReceiver, now: float, *, extension: bytes | None = None
    ) -> None:
        """Accept the client for a relay, whose side is known since :meth:`open_relay`."""
        self.accept_messages(subprotocol)

    def accept_messages(self, subprotocol: bytes | None) -> None:
        """Accept the client. Call it after :meth:`open_channel` or :meth:`open_relay`."""
        self._decide()
        text = None if subprotocol is None else subprotocol.decode("latin-1")
        self.services.effects.append(Accept(self.conn, text))

    def stream(self, headers: Headers, receiver: PipeReceiver, now: float) -> None:
        self.refuse(404, headers, b"", now)  # a host that owns a WebSocket sends no other long responses

    def refuse(self, status: int, headers: Headers, body: bytes, now: float) -> None:
        self._decide()
        self._close_by(Refuse(conn=self.conn, status=status, headers=tuple(headers), body=body), now)

    # -- for the session or the relay ------------------------------------------------------------------------------

    def open_channel(self, owner: ChannelOwner) -> "DirectChannel":
        """The channel of ``owner``, the client's session."""
        channel = DirectChannel(self.services, self, owner=owner)
        self._receiver = channel
        return channel

    def open_relay(self, side: MessageReceiver) -> None:
        """``side`` takes the client's messages. What the client does not take of those for it is counted."""
        self._receiver = side
        self.buffer = self._messages = CountedMessageBuffer()

    @property
    def weight(self) -> int:
        """What the messages count that the host has not taken."""
        return self._messages.weight

    @property
    def undelivered(self) -> tuple[int, int]:
        """After :meth:`open_relay`: how many messages, and bytes of them, the host has not taken in full."""
        messages = self._messages
        assert isinstance(messages, CountedMessageBuffer)
        return messages.undelivered, messages.undelivered_bytes

    def send(self, message: Message, now: float) -> None:
        """Queue ``message``. Nothing is queued after the end or after ``close_messages``."""
        if self.closing:
            return
        buffer = self._messages
        if not buffer.size:
            self._stall_timer.arm(now + self._stall_s)
        if buffer.put(message):
            self.services.effects.append(self._flush)

    def close_messages(self, code: int, reason: str, now: float) -> None:
        """Close: what is queued is sent first."""
        self._close_by(CloseMessages(self.conn, code, cut_reason(reason).decode()), now)

    def squeeze(self, now: float, *, on: bool) -> None:
        """Nothing: before there is a session no message comes, and a session pauses its channel itself."""

    # -- inside -------------------------------------------------------------------------------------------------

    def _refuse_head(self, status: int, fault: Fault, now: float) -> None:
        refuse_head(self.services, self.conn, self, fault, now, status=status, address=client_at(self.peer))

    def _decide(self) -> None:
        assert not self._decided
        self._decided = True
        self._pending = None

    def _close_by(self, effect: Refuse | CloseMessages, now: float) -> None:
        if not self.closing:
            self.closing = True
            self._arm_close(now)
            self.services.effects.append(effect)

    def _let_go(self, now: float) -> MessageReceiver | None:
        """Nothing comes any more: a pending request is withdrawn. Returns who is to be told of the end."""
        pending, self._pending = self._pending, None
        receiver, self._receiver = self._receiver, None
        if pending is not None:
            pending.client_gone(now)
        return receiver

    def _on_stall(self, now: float) -> None:
        """The host took no messages in time, or did not close in time."""
        self.ended = self.closing = True
        receiver = self._let_go(now)
        if receiver is not None:
            receiver.client_lost("the client takes no more messages", now)
        super()._on_stall(now)


class DirectChannel(MessageChannel[bytes]):
    """The channel of a client whose host passes messages. Implements ``MessageReceiver``."""

    __slots__ = (
        "_client",
        "_high_water",
        "_owner",
        "_replies",
        "_reply_bytes",
        "_sent",
        "_turns",
        "bytes_received",
        "bytes_sent",
        "ended",
        "messages_received",
        "messages_sent",
    )

    def __init__(self, services: Services, client: MessagesConnection, *, owner: ChannelOwner) -> None:
        self._client = client
        self._owner: ChannelOwner = owner
        self._turns = services.turns
        self._high_water = services.config.limits.send_high_water_bytes
        self.ended = False
        self.messages_received = self.messages_sent = 0
        self.bytes_received = self.bytes_sent = 0
        self._sent = 0  # all bytes ever queued
        self._replies: deque[tuple[int, int]] = deque()  # (end, counted in ``_sent``, size)
        self._reply_bytes = 0

    # -- from the client ----------------------------------------------------------------------------------------

    def receive(self, data: bytes, now: float, *, text: bool) -> None:
        """A whole message."""
        self._turns.left -= FRAME_COST + len(data)
        self.messages_received += 1
        self.bytes_received += len(data)
        self._owner.message_received(data, now, text=text)

    def taken(self, now: float) -> None:
        """The host took messages."""
        outstanding = self._client.outstanding
        replies = self._replies
        if replies:
            confirmed = self._sent - outstanding
            while replies and replies[0][0] <= confirmed:
                self._reply_bytes -= replies.popleft()[1]
            if self._reply_bytes <= self._high_water // 4:
                self._client.resume_for(_PAUSED_BY_REPLIES)
        if outstanding < self._high_water:
            self._owner.room_made(now)

    def fail(self, fault: Fault, now: float) -> None:
        self.close(CLOSE_CODE[fault.kind], fault.detail, now, by=Side.CLIENT)

    def client_closed(self, code: int, reason: str, now: float) -> None:
        self._end(Side.CLIENT, code, reason, now)

    def client_lost(self, reason: str, now: float) -> None:
        self._end(Side.CLIENT, 1006, f"the connection was lost: {reason}", now)

    def _end(self, by: Side, code: int, reason: str, now: float) -> None:
        """No message comes or goes any more: tell the owner, once."""
        if self.ended:
            return
        self.ended = True  # before the owner is told: what it sends from here on has no effect
        owner, self._owner = self._owner, NO_OWNER  # the session and its channel refer to each other until here
        owner.channel_ended(by, code, reason, now)

    # -- MessageChannel -----------------------------------------------------------------------------------------

    @property
    def outstanding(self) -> int:
        return self._client.outstanding

    @property
    def held(self) -> int:
        return PER_PIECE * len(self._replies)

    def send_text(self, payload: bytes, now: float) -> None:
        if self.ended:
            return
        self.messages_sent += 1
        self.bytes_sent += len(payload)
        self._sent += len(payload)
        self._client.send(Message(payload, text=True), now)

    def send_texts(self, payloads: list[bytes], limit: int, now: float) -> list[bytes]:
        count = 0
        for payload in payloads:
            if self._client.outstanding >= limit:
                break
            self.send_text(payload, now)
            count += 1
        return payloads[count:]

    def send_control_text(self, payload: bytes, now: float) -> None:
        if self.ended:
            return
        self.send_text(payload, now)
        size = max(len(payload), PER_PIECE)  # an object is kept for each
        self._replies.append((self._sent, size))
        self._reply_bytes += size
        if self._reply_bytes > self._high_water:
            self._client.pause_for(_PAUSED_BY_REPLIES)

    def pause(self) -> None:
        self._client.pause_for(PAUSED_BY_OWNER)

    def resume(self, now: float) -> None:
        self._client.resume_for(PAUSED_BY_OWNER)

    def close(self, code: int, reason: str, now: float, *, by: Side = Side.GATEWAY) -> None:
        if self.ended:
            return
        self._client.close_messages(code, reason, now)
        self._end(by, code, reason, now)


def _malformed(target: bytes, fields: Headers, subprotocols: Sequence[str]) -> str | None:
    """Why a request cannot be used; ``None`` if it can."""
    if not re.fullmatch(_TARGET, target):
        return "the target of the request is malformed"
    if any(not re.fullmatch(_NAME, name) or _NOT_IN_VALUES.search(value) for name, value in fields):
        return "a header field is malformed"
    if not all(re.fullmatch(_TOKEN, name) for name in subprotocols):
        return "an item of sec-websocket-protocol is not a token"
    if len(set(subprotocols)) != len(subprotocols):
        return "an item of sec-websocket-protocol is there twice"
    return None
