"""permessage-deflate: negotiated by the letter, inflated within the limit."""

import itertools
import random
import tracemalloc
import zlib
from typing import NamedTuple

import pytest
import wsproto.events
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.websocket_frames import KEY, Item, cut, item, raw_frame, read_by_wsproto
from websockets.extensions.permessage_deflate import PerMessageDeflate as WebsocketsDeflate
from websockets.frames import Frame
from websockets.frames import Opcode as TheirOpcode
from websockets.protocol import OPEN, Protocol
from websockets.protocol import Side as TheirSide
from wsproto.connection import Connection, ConnectionType
from wsproto.extensions import PerMessageDeflate as TheirDeflate

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import FaultKind
from aigw_sansio.wires.websocket.base import ClosingState
from aigw_sansio.wires.websocket.deflate import Agreement, DeflateSettings, PerMessageDeflate, choose
from aigw_sansio.wires.websocket.events import PingReceived, Violation
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.handshake import Extension, parse_extensions
from aigw_sansio.wires.websocket.messages import BinaryMessage, TextMessage, WebSocketEvent, WebSocketWire

ROLES = pytest.mark.parametrize("role", Role)
KEEP = DeflateSettings(send_takeover=True, receive_takeover=True)
NO_KEEP = DeflateSettings()
LIMIT = 100_000


def parsed(value: bytes) -> tuple[Extension, ...]:
    found = parse_extensions([(b"sec-websocket-extensions", value)])
    assert found is not None
    return found


def make(role: Role, agreement: Agreement, limit: int = LIMIT) -> WebSocketWire:
    extension = PerMessageDeflate(role, agreement, message_limit=limit)
    mask_key = None if role is Role.SERVER else lambda: KEY
    return WebSocketWire(role, message_limit=limit, mask_key=mask_key, extension=extension)


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


# -- negotiation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offers", "settings", "expected"),
    [
        (b"permessage-deflate", KEEP, b"permessage-deflate"),
        (
            b"permessage-deflate",
            NO_KEEP,
            b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
        (
            b"permessage-deflate; server_no_context_takeover",
            KEEP,
            b"permessage-deflate; server_no_context_takeover",
        ),
        (b"permessage-deflate; server_max_window_bits=10", KEEP, b"permessage-deflate; server_max_window_bits=10"),
        (b'permessage-deflate; server_max_window_bits="10"', KEEP, b"permessage-deflate; server_max_window_bits=10"),
        (b"permessage-deflate; server_max_window_bits=15", KEEP, b"permessage-deflate; server_max_window_bits=15"),
        (b"permessage-deflate; client_max_window_bits", KEEP, b"permessage-deflate"),
        (b"permessage-deflate", DeflateSettings(True, False), b"permessage-deflate; client_no_context_takeover"),
        (b"permessage-deflate", DeflateSettings(False, True), b"permessage-deflate; server_no_context_takeover"),
        (b'permessage-deflate; client_max_window_bits="10"', KEEP, b"permessage-deflate; client_max_window_bits=10"),
        (b"permessage-deflate; client_max_window_bits=8", KEEP, b"permessage-deflate; client_max_window_bits=8"),
        (
            b"permessage-deflate; client_max_window_bits",
            DeflateSettings(True, True, window_bits=11),
            b"permessage-deflate; server_max_window_bits=11; client_max_window_bits=11",
        ),
        # declined (section 7.1), then the next
        (b"foo, permessage-deflate; unknown, permessage-deflate", KEEP, b"permessage-deflate"),
        (b"permessage-deflate; server_max_window_bits=8, permessage-deflate", KEEP, b"permessage-deflate"),
        (b"", KEEP, None),
        (b"permessage-deflate; server_max_window_bits", KEEP, None),
        (b"permessage-deflate; server_max_window_bits=8", KEEP, None),
        (b"permessage-deflate; server_max_window_bits=16", KEEP, None),
        (b"permessage-deflate; server_max_window_bits=010", KEEP, None),
        (b"permessage-deflate; client_max_window_bits=7", KEEP, None),
        (b"permessage-deflate; client_max_window_bits=x", KEEP, None),
        (b"permessage-deflate; client_max_window_bits; client_max_window_bits=9", KEEP, None),
        (b"permessage-deflate; server_no_context_takeover=1", KEEP, None),
        (b"permessage-deflate; server_no_context_takeover; server_no_context_takeover", KEEP, None),
        (b"permessage-deflate; x", KEEP, None),
        (b"Permessage-Deflate", KEEP, None),
        (b"x-webkit-deflate-frame", KEEP, None),
    ],
)
def test_the_first_acceptable_offer_is_chosen(offers: bytes, settings: DeflateSettings, expected: bytes | None) -> None:
    chosen = choose(parsed(offers), settings)
    assert (chosen and chosen[1]) == expected


def test_settings_are_checked() -> None:
    for bits in (8, 16):
        with pytest.raises(LocalProtocolError):
            DeflateSettings(window_bits=bits)


# -- messages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        "f248cdc9c90700",  # one block
        "000500faff48656c6c6f00",  # a block that is not compressed
        "f348cdc9c9070000",  # a final block
        "f248050000 00ffff cac9c90700",  # two blocks
    ],
)
@ROLES
def test_the_examples_of_the_rfc(role: Role, payload: str) -> None:
    data = bytes.fromhex(payload)
    masked = role is Role.SERVER
    wire = make(role, Agreement())
    assert wire.receive_data(raw_frame(0xC1, data, masked=masked)) == [TextMessage(b"Hello")]
    wire = make(role, Agreement())
    fragments = raw_frame(0x41, data[:3], masked=masked) + raw_frame(0x89, b"p", masked=masked)
    assert wire.receive_data(fragments + raw_frame(0x80, data[3:], masked=masked)) == [
        PingReceived(b"p"),
        TextMessage(b"Hello"),
    ]


@ROLES
def test_the_context_is_taken_over_only_where_that_was_agreed(role: Role) -> None:
    masked = role is Role.SERVER
    first = raw_frame(0xC1, bytes.fromhex("f248cdc9c90700"), masked=masked)
    second = raw_frame(0xC1, bytes.fromhex("f200110000"), masked=masked)  # refers to the first
    plain = raw_frame(0x81, b"between", masked=masked)
    hello = TextMessage(b"Hello")
    assert make(role, Agreement()).receive_data(first + plain + second) == [hello, TextMessage(b"between"), hello]
    apart = make(role, Agreement(server_takeover=False, client_takeover=False))
    assert isinstance(apart.receive_data(first + second)[-1], Violation)


@ROLES
@given(
    messages=st.lists(
        st.tuples(st.booleans(), st.text("ab€", max_size=30), st.sampled_from((1, 40, 2000))), max_size=4
    ),
    agreement=st.builds(Agreement, st.booleans(), st.booleans(), st.integers(9, 15), st.integers(8, 15)),
)
def test_each_end_reads_the_messages_of_the_other(
    role: Role, messages: list[tuple[bool, str, int]], agreement: Agreement
) -> None:
    sender, receiver = make(role, agreement, 1 << 20), make(Role(1 - role), agreement, 1 << 20)
    for is_text, text, times in messages:
        payload = text.encode() * times
        sent = sender.text(payload) if is_text else sender.binary(payload)
        is_server = role is Role.SERVER
        can_deflate = (agreement.server_bits if is_server else agreement.client_bits) > 8
        shortest = 64 if (agreement.server_takeover if is_server else agreement.client_takeover) else 1024
        assert (sent[0] & 0x40 != 0) is (len(payload) >= shortest and can_deflate)
        assert receiver.receive_data(sent) == [TextMessage(payload) if is_text else BinaryMessage(payload)]


@ROLES
@given(data=st.data())
def test_streams_are_read_as_wsproto_reads_them(role: Role, data: st.DataObject) -> None:
    """Compressed messages of wsproto, in fragments, with plain ones and pings between, however they are cut."""
    theirs = TheirDeflate()
    theirs.finalize("permessage-deflate")
    peer = Connection(ConnectionType.CLIENT if role is Role.SERVER else ConnectionType.SERVER, [theirs])
    stream, expected = b"", list[WebSocketEvent]()
    for text in data.draw(st.lists(st.text("ab€", max_size=50), max_size=5)):
        middle = data.draw(st.integers(0, len(text)))
        stream += peer.send(wsproto.events.TextMessage(text[:middle], message_finished=False))
        stream += peer.send(wsproto.events.Ping(b"p"))
        stream += peer.send(wsproto.events.TextMessage(text[middle:]))
        stream += raw_frame(0x82, b"plain", masked=role is Role.SERVER)
        expected += [PingReceived(b"p"), TextMessage(text.encode()), BinaryMessage(b"plain")]
    wire = make(role, Agreement())
    assert list(itertools.chain.from_iterable(map(wire.receive_data, data.draw(cut(stream))))) == expected
    assert wire.state is ClosingState.OPEN


@ROLES
@given(payload=st.binary(max_size=30), fin=st.booleans(), data=st.data())
def test_any_compressed_bytes_are_judged(role: Role, payload: bytes, fin: bool, data: st.DataObject) -> None:
    stream = raw_frame(0xC2 if fin else 0x42, payload, masked=role is Role.SERVER)
    stream += raw_frame(0x80 if not fin else 0xC2, payload, masked=role is Role.SERVER)
    whole, parts = make(role, Agreement(), 200), make(role, Agreement(), 200)
    events = whole.receive_data(stream)
    assert list(itertools.chain.from_iterable(map(parts.receive_data, data.draw(cut(stream))))) == events
    assert all(len(event.data) <= 200 for event in events if isinstance(event, BinaryMessage))


class Said(NamedTuple):
    """A message as a peer says it. ``pings``: between its fragments."""

    is_text: bool
    payload: bytes
    is_compressed: bool
    fragments: int
    pings: bool

    def frames(self, deflater: "zlib._Compress", *, masked: bool) -> list[bytes]:
        data = self.payload
        if self.is_compressed:
            data = (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]
        size = -(-len(data) // self.fragments) or 1
        parts = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        first = (0x1 if self.is_text else 0x2) | (0x40 if self.is_compressed else 0)
        out = []
        for number, part in enumerate(parts):
            fin = 0x80 if number == len(parts) - 1 else 0
            out.append(raw_frame(fin | (0 if number else first), part, masked=masked))
            if self.pings and not fin:
                out.append(raw_frame(0x89, b"p", masked=masked))
        return out


@st.composite
def said(draw: st.DrawFn, *, pings: bool) -> Said:
    text = draw(st.text("ab€", max_size=40)) * draw(st.sampled_from((1, 1, 3, 100)))
    is_text, is_compressed, fragments = draw(st.booleans()), draw(st.booleans()), draw(st.integers(1, 4))
    return Said(is_text, text.encode(), is_compressed, fragments, pings and draw(st.booleans()))


def spoken(messages: list[Said], *, takeover: bool, masked: bool) -> bytes:
    deflater, out = zlib.compressobj(wbits=-15), list[bytes]()
    for message in messages:
        out += message.frames(deflater if takeover else zlib.compressobj(wbits=-15), masked=masked)
    return b"".join(out)


#: What may be wrong behind right messages: (first byte, payload).
WRONG = [
    [(0xC9, b"")], [(0xC8, b"")], [(0xCA, b"p")], [(0xA1, b"")], [(0x92, b"")], [(0xF1, b"")],
    [(0x41, b""), (0xC0, b"")], [(0x01, b""), (0xC0, b"")], [(0x41, b"\x02"), (0xC1, b"")], [(0xC0, b"")],
    [(0xC1, b"\xff\xff")], [(0x42, b"\x06"), (0x80, b"\xff")], [(0xC1, deflated(b"\xff"))],
    [(0x41, deflated(b"\xe2\x82")), (0x80, b"")], [(0xC1, b"\x00\x05\x00\x05\x00")],
]  # fmt: skip
_SPOKEN = st.lists(said(pings=False), max_size=4)


@ROLES
@pytest.mark.parametrize("takeover", [False, True])
@given(messages=_SPOKEN, wrong=st.sampled_from([[], *WRONG]), behind=_SPOKEN, data=st.data())
def test_any_stream_is_read_as_wsproto_reads_it(
    role: Role,
    takeover: bool,
    messages: list[Said],
    wrong: list[tuple[int, bytes]],
    behind: list[Said],
    data: st.DataObject,
) -> None:
    """Right messages, then perhaps one of all that can be wrong, under any cuts. No control frame stands between the
    fragments of a message here: wsproto 1.3.2 takes the rest of a compressed one for plain behind it."""
    masked = role is Role.SERVER
    stream = spoken(messages, takeover=takeover, masked=masked)
    stream += b"".join(raw_frame(first, payload, masked=masked) for first, payload in wrong)
    stream += spoken(behind, takeover=False, masked=masked) if not takeover or not messages else b""
    theirs = TheirDeflate(client_no_context_takeover=not takeover, server_no_context_takeover=not takeover)
    theirs.finalize("permessage-deflate")
    expected = read_by_wsproto(role, stream, [theirs])
    wire = make(role, Agreement(takeover, takeover))
    events = itertools.chain.from_iterable(map(wire.receive_data, data.draw(cut(stream))))
    assert [item(event) for event in events] == expected


@ROLES
@pytest.mark.parametrize("takeover", [False, True])
@given(messages=st.lists(said(pings=True), max_size=5), data=st.data())
def test_right_messages_are_read_as_websockets_reads_them(
    role: Role, takeover: bool, messages: list[Said], data: st.DataObject
) -> None:
    """With control frames between their fragments, under any cuts."""
    stream = spoken(messages, takeover=takeover, masked=role is Role.SERVER)
    protocol = Protocol(TheirSide.SERVER if role is Role.SERVER else TheirSide.CLIENT, state=OPEN, max_size=None)
    protocol.extensions = [WebsocketsDeflate(not takeover, not takeover, 15, 15)]
    protocol.receive_data(stream)
    expected, message = list[Item](), b""
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode is TheirOpcode.PING:
            expected.append(("ping", frame.data))
            continue
        if frame.opcode is not TheirOpcode.CONT:
            kind = "text" if frame.opcode is TheirOpcode.TEXT else "binary"
            message = b""
        message += frame.data
        if frame.fin:
            expected.append((kind, message))
    assert protocol.parser_exc is None
    wire = make(role, Agreement(takeover, takeover))
    events = itertools.chain.from_iterable(map(wire.receive_data, data.draw(cut(stream))))
    assert [item(event) for event in events] == expected


@ROLES
@given(
    messages=st.lists(st.tuples(st.text("ab€", max_size=30), st.sampled_from((1, 40, 2000))), max_size=4),
    agreement=st.builds(Agreement, st.booleans(), st.booleans(), st.integers(9, 15), st.integers(9, 15)),
    data=st.data(),
)
def test_others_read_our_messages(
    role: Role, messages: list[tuple[str, int]], agreement: Agreement, data: st.DataObject
) -> None:
    """wsproto and websockets, told of the same agreement."""
    sender, payloads = make(role, agreement, 1 << 20), [text.encode() * times for text, times in messages]
    stream = b"".join(map(sender.text, payloads))
    expected = [("text", payload) for payload in payloads]
    theirs = TheirDeflate(
        not agreement.client_takeover, agreement.client_bits, not agreement.server_takeover, agreement.server_bits
    )
    theirs.finalize("permessage-deflate")
    assert read_by_wsproto(Role(1 - role), stream, [theirs]) == expected
    takeovers = [agreement.server_takeover, agreement.client_takeover]
    bits = [agreement.server_bits, agreement.client_bits]
    if role is Role.CLIENT:  # then the other end is the server, and what is remote to it is the client's
        takeovers.reverse()
        bits.reverse()
    side = TheirSide.CLIENT if role is Role.SERVER else TheirSide.SERVER
    protocol = Protocol(side, state=OPEN, max_size=1 << 20)
    protocol.extensions = [WebsocketsDeflate(not takeovers[0], not takeovers[1], *bits)]
    for part in data.draw(cut(stream)):
        protocol.receive_data(part)
    assert [("text", frame.data) for frame in protocol.events_received() if isinstance(frame, Frame)] == expected
    assert protocol.parser_exc is None


@ROLES
@pytest.mark.parametrize("takeover", [False, True])
def test_a_message_that_does_not_shrink(role: Role, takeover: bool) -> None:
    """By itself it is sent as it is. What a context has taken in is sent."""
    wire, payload = make(role, Agreement(takeover, takeover)), random.Random(0).randbytes(2000)
    sent = wire.binary(payload)
    assert (sent[0] & 0x40 != 0) is takeover
    assert make(Role(1 - role), Agreement(takeover, takeover)).receive_data(sent) == [BinaryMessage(payload)]


@pytest.mark.parametrize("takeover", [False, True])
@pytest.mark.parametrize(("size", "is_deflated"), [(1 << 20, True), ((1 << 20) + 1, False)])
def test_a_message_that_would_take_too_long_is_sent_as_it_is(takeover: bool, size: int, is_deflated: bool) -> None:
    assert (make(Role.SERVER, Agreement(takeover, takeover)).text(b"x" * size)[0] & 0x40 != 0) is is_deflated


@ROLES
def test_nothing_is_held_between_messages_unless_the_context_is(role: Role) -> None:
    payload = b"x" * 5000
    for takeover in (False, True):
        agreement = Agreement(takeover, takeover)
        extension = PerMessageDeflate(role, agreement, message_limit=LIMIT)
        mask_key = None if role is Role.SERVER else lambda: KEY
        wire = WebSocketWire(role, message_limit=LIMIT, mask_key=mask_key, extension=extension)
        assert extension._deflater is None
        assert extension._inflater is None
        wire.text(payload)
        wire.receive_data(make(Role(1 - role), agreement).text(payload))
        assert (extension._deflater is not None) is takeover
        assert (extension._inflater is not None) is takeover


# -- limits and violations ------------------------------------------------------------------------------------------


@ROLES
def test_the_limit_holds_for_what_was_inflated(role: Role) -> None:
    masked = role is Role.SERVER
    right, wrong = deflated(bytes(LIMIT)), deflated(bytes(LIMIT + 1))
    assert make(role, Agreement()).receive_data(raw_frame(0xC2, right, masked=masked)) == [BinaryMessage(bytes(LIMIT))]
    for stream in (
        raw_frame(0xC2, wrong, masked=masked),
        raw_frame(0x42, wrong[:50], masked=masked) + raw_frame(0x80, wrong[50:], masked=masked),
        raw_frame(0x42, right + b"\x00\x00\xff\xff", masked=masked) + raw_frame(0x80, deflated(b"x"), masked=masked),
    ):
        (event,) = make(role, Agreement()).receive_data(stream)
        assert isinstance(event, Violation)
        assert event.fault.kind is FaultKind.MESSAGE_TOO_BIG
        assert event.fault.detail == "a message inflates to more than the gateway's limit of 100000 bytes"


@ROLES
def test_the_limit_is_for_each_message(role: Role) -> None:
    stream = raw_frame(0xC2, deflated(bytes(LIMIT)), masked=role is Role.SERVER)
    apart = make(role, Agreement(server_takeover=False, client_takeover=False))
    assert apart.receive_data(stream + stream) == [BinaryMessage(bytes(LIMIT))] * 2


@ROLES
@pytest.mark.parametrize("bits", [(9, 15), (15, 9)])
def test_each_direction_has_its_own_window(role: Role, bits: tuple[int, int]) -> None:
    agreement = Agreement(server_bits=bits[0], client_bits=bits[1])
    sender, payload = make(role, agreement), random.Random(0).randbytes(2000)
    first, second = sender.binary(payload), sender.binary(payload)
    assert (len(second) < 1000) is ((bits[0] if role is Role.SERVER else bits[1]) == 15)
    assert make(Role(1 - role), agreement).receive_data(first + second) == [BinaryMessage(payload)] * 2


def test_a_bomb_is_not_inflated() -> None:
    bomb = raw_frame(0xC2, deflated(bytes(64 << 20)), masked=True)
    wire = make(Role.SERVER, Agreement())
    assert len(bomb) < LIMIT
    tracemalloc.start()
    (event,) = wire.receive_data(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(event, Violation)
    assert event.fault.kind is FaultKind.MESSAGE_TOO_BIG
    assert peak < 2 << 20


@ROLES
@pytest.mark.parametrize(
    ("frames", "kind", "says"),
    [
        ([(0xC1, b"\xff\xff")], FaultKind.INVALID_PAYLOAD, "malformed"),
        ([(0xC1, deflated(b"\xff"))], FaultKind.INVALID_PAYLOAD, "utf-8"),
        ([(0x41, b""), (0xC0, b"")], FaultKind.PROTOCOL_ERROR, "continuation"),
        ([(0xC9, b"")], FaultKind.PROTOCOL_ERROR, "control frame"),
        ([(0xA1, b"")], FaultKind.PROTOCOL_ERROR, "reserved bit"),
        ([(0xC2, b"\x03\x00" * 3)], FaultKind.INVALID_PAYLOAD, "malformed"),
    ],
)
def test_violations(role: Role, frames: list[tuple[int, bytes]], kind: FaultKind, says: str) -> None:
    stream = b"".join(raw_frame(first, payload, masked=role is Role.SERVER) for first, payload in frames)
    (event,) = make(role, Agreement()).receive_data(stream)
    assert isinstance(event, Violation)
    assert event.fault.kind is kind
    assert says in event.fault.detail


@ROLES
def test_without_the_extension_the_bit_is_refused(role: Role) -> None:
    wire = WebSocketWire(role, message_limit=LIMIT, mask_key=None if role is Role.SERVER else lambda: KEY)
    (event,) = wire.receive_data(raw_frame(0xC1, b"", masked=role is Role.SERVER))
    assert isinstance(event, Violation)
    assert event.fault.kind is FaultKind.PROTOCOL_ERROR
