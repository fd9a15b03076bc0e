"""permessage-deflate: negotiated by the letter, inflated within the limit."""

import itertools
import random
import tracemalloc
import zlib

import pytest
import wsproto.events
from hypothesis import given
from hypothesis import strategies as st
from tests.websocket_streams import KEY, cut, raw_frame
from wsproto.connection import Connection, ConnectionType
from wsproto.extensions import PerMessageDeflate as TheirDeflate

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.wires.deflate import Agreement, DeflateSettings, PerMessageDeflate, agree, choose, offer
from aigw_sansio.wires.endpoint import PingReceived, State, Violation
from aigw_sansio.wires.frames import Role
from aigw_sansio.wires.handshake import Extension, parse_extensions
from aigw_sansio.wires.websocket import BinaryMessage, TextMessage, WebSocketEvent, WebSocketWire

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


_SETTINGS = [DeflateSettings(*one) for one in itertools.product((False, True), (False, True), (9, 12, 15))]


@pytest.mark.parametrize("ours", _SETTINGS)
@pytest.mark.parametrize("theirs", _SETTINGS)
def test_both_ends_agree(ours: DeflateSettings, theirs: DeflateSettings) -> None:
    chosen = choose(parsed(offer(ours)), theirs)
    assert chosen is not None
    agreement, value = chosen
    assert agree(parsed(value), ours) == agreement


@pytest.mark.parametrize(
    ("value", "settings"),
    [
        (b"foo", KEEP),
        (b"permessage-deflate, permessage-deflate", KEEP),
        (b"permessage-deflate; unknown", KEEP),
        (b"permessage-deflate; client_max_window_bits", KEEP),
        (b"permessage-deflate; server_max_window_bits=7", KEEP),
        (b"permessage-deflate; server_max_window_bits=15", DeflateSettings(True, True, 14)),
        (b"permessage-deflate", DeflateSettings(True, True, 14)),
        (b"permessage-deflate", NO_KEEP),
    ],
)
def test_an_answer_that_does_not_fit_the_offer_is_a_fault(value: bytes, settings: DeflateSettings) -> None:
    fault = agree(parsed(value), settings)
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.MALFORMED_RESPONSE


def test_a_server_may_decline() -> None:
    assert agree((), KEEP) is None


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
def test_what_one_end_sends_the_other_reads(
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
    assert wire.state is State.OPEN


@ROLES
@given(payload=st.binary(max_size=30), fin=st.booleans(), data=st.data())
def test_any_compressed_bytes_are_judged(role: Role, payload: bytes, fin: bool, data: st.DataObject) -> None:
    stream = raw_frame(0xC2 if fin else 0x42, payload, masked=role is Role.SERVER)
    stream += raw_frame(0x80 if not fin else 0xC2, payload, masked=role is Role.SERVER)
    whole, parts = make(role, Agreement(), 200), make(role, Agreement(), 200)
    events = whole.receive_data(stream)
    assert list(itertools.chain.from_iterable(map(parts.receive_data, data.draw(cut(stream))))) == events
    assert all(len(event.data) <= 200 for event in events if isinstance(event, BinaryMessage))


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
