"""Streams of WebSocket frames for tests: right, nearly right and wrong, and what wsproto reads in them.

Decides: how such streams are drawn and how wsproto's events and ours are put into comparable form. Must not know: the
code under test beyond its masking and its events.
"""

import itertools
from collections.abc import Sequence
from typing import Final, TypeAlias

import wsproto.events
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.extensions import Extension

from aigw_sansio.faults import CLOSE_CODE
from aigw_sansio.wires.websocket.events import CloseReceived, PingReceived, PongReceived, Violation
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.masking import mask_by_integer
from aigw_sansio.wires.websocket.messages import BinaryMessage, TextMessage, WebSocketEvent

#: ("text" | "binary", data), ("ping" | "pong", payload), ("close", code, reason) or ("fault", close code).
Item: TypeAlias = tuple[str | int | bytes, ...]

#: wsproto's verdict on a close code that it does not know: 1016 to 2999, but also 1014 (Bad Gateway), which has been
#: in the IANA registry since 2015.
RESERVED: Final[Item] = ("reserved code",)
_SAYS_RESERVED: Final = "CLOSE with unknown reserved code"

KEY: Final = b"\x9a\x01\x7f\xe3"


def item(event: WebSocketEvent) -> Item:
    """Ours."""
    match event:
        case TextMessage(data):
            return "text", data
        case BinaryMessage(data):
            return "binary", data
        case PingReceived(payload):
            return "ping", payload
        case PongReceived(payload):
            return "pong", payload
        case CloseReceived(code, reason):
            return "close", code, reason
        case Violation(fault):
            return "fault", CLOSE_CODE[fault.kind]


def raw_frame(
    first: int, payload: bytes, *, masked: bool, key: bytes = KEY, length: int | None = None, form: int | None = None
) -> bytes:
    """A frame whose every field can be wrong. ``length`` replaces the declared length, ``form`` (0, 2, 8) the number
    of extra bytes that it takes."""
    size = len(payload) if length is None else length
    if form is None:
        form = 0 if size < 126 else 2 if size < 65536 else 8
    short = {0: size & 0x7F, 2: 126, 8: 127}[form]
    head = bytes((first, short | (0x80 if masked else 0))) + (size.to_bytes(8)[8 - form :])
    return head + (key + mask_by_integer(payload, key) if masked else payload)


_SIZES = st.sampled_from((0, 1, 3, 4, 5, 124, 125, 126, 127, 300))
_TEXTS = st.one_of(
    st.text(max_size=12).map(lambda text: text.encode("utf-8", "replace")),
    st.sampled_from((b"\xc3", b"\xa9", b"\xf0\x9f", b"\x98\x80", b"\xed\xa0\x80", b"\xff", b"\xf4\x90\x80\x80")),
    _SIZES.map(lambda size: b"x" * size),
)
_CODES = st.one_of(
    st.sampled_from((0, 999, 1000, 1003, 1004, 1005, 1006, 1007, 1011, 1013, 1014, 1015, 1016, 2999, 3000, 4999, 5000)),
    st.integers(0, 65535),
)
_CLOSES = st.one_of(
    st.builds(lambda code, reason: code.to_bytes(2) + reason, _CODES, _TEXTS.map(lambda text: text[:123])),
    st.sampled_from((b"", b"\x03")),
)


@st.composite
def _frame(draw: st.DrawFn, role: Role) -> bytes:
    """Mostly right for ``role`` as its receiver; sometimes one thing is wrong."""
    masked = role is Role.SERVER
    opcode = draw(st.sampled_from((0, 0, 0, 1, 1, 1, 2, 2, 8, 9, 9, 10)))
    if opcode == 8:
        payload = draw(_CLOSES)
    elif opcode > 8:
        payload = draw(st.binary(max_size=8) | _SIZES.map(lambda size: b"p" * min(size, 125)))
    else:
        payload = draw(_TEXTS)
    fin = 0x80 if opcode & 8 or draw(st.booleans()) else 0
    wrong = draw(st.integers(0, 60))
    first = fin | opcode
    key = draw(st.sampled_from((KEY, b"\0\0\0\0")))
    if wrong == 0:
        first ^= draw(st.sampled_from((0x80, 0x40, 0x20, 0x10, 0x08, 0x04)))
    elif wrong == 1:
        masked = not masked
    elif wrong == 2:
        return raw_frame(first, payload, masked=masked, key=key, form=draw(st.sampled_from((2, 8))))
    elif wrong == 3:
        length = draw(st.sampled_from((2000, 2001, 65535, 65536, 1 << 31, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)))
        return raw_frame(first, payload, masked=masked, key=key, length=length)
    return raw_frame(first, payload, masked=masked, key=key)


@st.composite
def _messages(draw: st.DrawFn, role: Role) -> bytes:
    """A right message, often in fragments with control frames between them."""
    masked = role is Role.SERVER
    payload = draw(_TEXTS) * draw(st.integers(1, 3))
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
    opcode = draw(st.sampled_from((1, 1, 2)))
    out = []
    edges = [0, *cuts, len(payload)]
    for number, (start, stop) in enumerate(itertools.pairwise(edges)):
        fin = 0x80 if number == len(cuts) else 0
        out.append(raw_frame(fin | (0 if number else opcode), payload[start:stop], masked=masked))
        if draw(st.integers(0, 3)) == 0:
            out.append(raw_frame(0x80 | draw(st.sampled_from((9, 10))), draw(st.binary(max_size=5)), masked=masked))
    return b"".join(out)


@st.composite
def streams(draw: st.DrawFn, role: Role) -> bytes:
    """Bytes that a receiver in ``role`` might be sent."""
    pieces = draw(st.lists(_messages(role) | _frame(role), max_size=8))
    stream = b"".join(pieces)
    change = draw(st.integers(0, 9))
    if change == 0:
        stream += draw(st.binary(max_size=30))
    elif change == 1 and stream:
        at = draw(st.integers(0, len(stream) - 1))
        stream = stream[:at] + bytes((stream[at] ^ draw(st.integers(1, 255)),)) + stream[at + 1 :]
    elif change == 2 and stream:
        stream = stream[: draw(st.integers(0, len(stream)))]
    return stream


@st.composite
def cut(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """``stream`` in non-empty reads."""
    if draw(st.booleans()):
        step = draw(st.sampled_from((1, 2, 3, 4, 5, 7, 9, 13)))
        return [stream[at : at + step] for at in range(0, len(stream), step)]
    edges = sorted(set(draw(st.lists(st.integers(0, len(stream)), max_size=6))) | {0, len(stream)})
    return [stream[start:stop] for start, stop in itertools.pairwise(edges)]


def read_by_wsproto(role: Role, stream: bytes, extensions: Sequence[Extension] = ()) -> list[Item]:
    """The events that wsproto reads, up to the first close or fault."""
    connection = Connection(ConnectionType.SERVER if role is Role.SERVER else ConnectionType.CLIENT, [*extensions])
    connection.receive_data(stream)
    items: list[Item] = []
    parts = bytearray()
    for event in connection.events():
        match event:
            case wsproto.events.Message():
                parts += event.data.encode() if isinstance(event.data, str) else event.data
                if event.message_finished:
                    items.append(("text" if isinstance(event, wsproto.events.TextMessage) else "binary", bytes(parts)))
                    parts.clear()
            case wsproto.events.Ping():
                items.append(("ping", bytes(event.payload)))
            case wsproto.events.Pong():
                items.append(("pong", bytes(event.payload)))
            case wsproto.events.CloseConnection():
                # A verdict on a frame looks like a close, but does not move the state.
                if connection.state is ConnectionState.OPEN:
                    items.append(RESERVED if event.reason == _SAYS_RESERVED else ("fault", int(event.code)))
                else:
                    items.append(("close", int(event.code), event.reason or ""))
                break
    return items


def same_end(ours: list[Item], theirs: list[Item]) -> bool:
    """Whether two readings are the same, ours knowing 1014, taking no code above 4999, and keeping the code of a close
    whose reason is not UTF-8."""
    if ours != theirs and ours[:-1] == theirs[:-1]:
        if theirs[-1] == ("fault", 1007) and ours[-1][0] == "close":
            return True
        if theirs[-1][0] == "close" and theirs[-1][1] > 4999:
            return ours[-1] == ("fault", 1002)
    if theirs[-1:] != [RESERVED]:
        return ours == theirs
    return ours[:-1] == theirs[:-1] and ours[-1][:2] in (("fault", 1002), ("fault", 1007), ("close", 1014))
