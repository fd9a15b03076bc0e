"""The message layer, in tables and held equal to wsproto."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.websocket_frames import KEY, cut, item, raw_frame, read_by_wsproto, same_end, streams

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import CLOSE_CODE, FaultKind, Side
from aigw_sansio.wires.websocket.base import ClosingState
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.messages import (
    BinaryMessage,
    CloseReceived,
    PingReceived,
    PongReceived,
    TextMessage,
    Violation,
    WebSocketEvent,
    WebSocketWire,
)

LIMIT = 2000
#: Completes any frame within the limit, so that what is judged at its end is judged.
FILLER = bytes(LIMIT + 14)
ROLES = pytest.mark.parametrize("role", Role)


def make(role: Role, limit: int = LIMIT) -> WebSocketWire:
    return WebSocketWire(role, message_limit=limit, mask_key=None if role is Role.SERVER else lambda: KEY)


def frame(role: Role, first: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """A frame that a receiver in ``role`` takes."""
    return raw_frame(first, payload, masked=role is Role.SERVER, length=length)


def receive(wire: WebSocketWire, reads: list[bytes]) -> list[WebSocketEvent]:
    return list(itertools.chain.from_iterable(map(wire.receive_data, reads)))


def assert_equal_to_wsproto(role: Role, stream: bytes) -> None:
    """Ours equals wsproto's reading, apart from what is known of wsproto:

    * it has no limit, so it reads on where we say 1009;
    * it takes 1014 (Bad Gateway, in the IANA registry since 2015) for an error;
    * it judges a frame's payload as its pieces come, we when the frame is complete: hence the filler;
    * its verdict comes as if the peer had closed: ``read_by_wsproto`` tells them apart by wsproto's state.
    """
    ours = [item(event) for event in make(role).receive_data(stream + FILLER)]
    theirs = read_by_wsproto(role, stream + FILLER)
    if ours and ours[-1] == ("fault", 1009):
        assert theirs[: len(ours) - 1] == ours[:-1]
    else:
        assert same_end(ours, theirs)


# -- held equal to wsproto ------------------------------------------------------------------------------------------


@ROLES
@given(data=st.data())
def test_streams_are_read_as_wsproto_reads_them(role: Role, data: st.DataObject) -> None:
    stream = data.draw(streams(role))
    assert_equal_to_wsproto(role, stream)


@ROLES
@given(stream=st.binary(max_size=60))
def test_arbitrary_bytes_are_read_as_wsproto_reads_them(role: Role, stream: bytes) -> None:
    assert_equal_to_wsproto(role, stream)


@ROLES
@given(data=st.data())
def test_cuts_change_nothing(role: Role, data: st.DataObject) -> None:
    stream = data.draw(streams(role))
    whole = make(role)
    parts = make(role)
    events = whole.receive_data(stream)
    assert receive(parts, data.draw(cut(stream))) == events
    assert whole.state is parts.state


@ROLES
@pytest.mark.parametrize("first", range(256))
def test_every_first_byte(role: Role, first: int) -> None:
    for second in (0, 5, 125, 126, 127):
        head = bytes((first, second | (0x80 if role is Role.SERVER else 0)))
        assert_equal_to_wsproto(role, head + bytes(300))


@ROLES
def test_every_close_code(role: Role) -> None:
    for code in (*range(1100), *range(2990, 3010), *range(4990, 5010), 65535):
        (event,) = make(role).receive_data(frame(role, 0x88, code.to_bytes(2) + "é".encode()))
        if 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999:
            assert event == CloseReceived(code, "é")
        else:
            assert isinstance(event, Violation)
            assert event.fault.kind is FaultKind.PROTOCOL_ERROR


# -- tables ---------------------------------------------------------------------------------------------------------


@ROLES
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_each_end_reads_the_frames_of_the_other(role: Role, size: int) -> None:
    sender, receiver = make(role, 1 << 20), make(Role(1 - role), 1 << 20)
    payload = b"z" * size
    sent = sender.text(payload) + sender.binary(payload) + sender.ping(payload[:125]) + sender.pong(payload[:125])
    sent += sender.close(1000, "bye")
    assert receiver.receive_data(sent) == [
        TextMessage(payload),
        BinaryMessage(payload),
        PingReceived(payload[:125]),
        PongReceived(payload[:125]),
        CloseReceived(1000, "bye"),
    ]
    assert read_by_wsproto(Role(1 - role), sent)[-1] == ("close", 1000, "bye")


@ROLES
@pytest.mark.parametrize("size", [0, 125, 126, 300, 65536])
def test_a_header_may_be_cut_anywhere(role: Role, size: int) -> None:
    stream = frame(role, 0x81, b"z" * size)
    for at in range(1, 15):
        reads = [part for part in (stream[:at], stream[at:]) if part]
        assert receive(make(role, 1 << 17), reads) == [TextMessage(b"z" * size)]


@ROLES
def test_fragments_with_control_frames_between(role: Role) -> None:
    euro = "€".encode()
    stream = (
        frame(role, 0x01, euro[:1])
        + frame(role, 0x89, b"p")
        + frame(role, 0x00, euro[1:2])
        + frame(role, 0x8A)
        + frame(role, 0x00)
        + frame(role, 0x80, euro[2:])
        + frame(role, 0x81, b"next")
    )
    assert make(role).receive_data(stream) == [
        PingReceived(b"p"),
        PongReceived(b""),
        TextMessage(euro),
        TextMessage(b"next"),
    ]


@ROLES
@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        ([(0x81, b"\xff")], FaultKind.INVALID_PAYLOAD),
        ([(0x81, b"\xed\xa0\x80")], FaultKind.INVALID_PAYLOAD),
        ([(0x01, b"\xc3"), (0x00, b"(")], FaultKind.INVALID_PAYLOAD),
        ([(0x01, b"\xc3"), (0x80, b"")], FaultKind.INVALID_PAYLOAD),
        ([(0x88, b"\x03")], FaultKind.PROTOCOL_ERROR),
        ([(0x80, b"")], FaultKind.PROTOCOL_ERROR),
        ([(0x01, b""), (0x81, b"")], FaultKind.PROTOCOL_ERROR),
        ([(0xC1, b"")], FaultKind.PROTOCOL_ERROR),
        ([(0x83, b"")], FaultKind.PROTOCOL_ERROR),
        ([(0x09, b"")], FaultKind.PROTOCOL_ERROR),
        ([(0x89, b"x" * 126)], FaultKind.PROTOCOL_ERROR),
    ],
)
def test_violations(role: Role, frames: list[tuple[int, bytes]], kind: FaultKind) -> None:
    wire = make(role)
    stream = b"".join(frame(role, first, payload) for first, payload in frames)
    (event,) = wire.receive_data(stream + frame(role, 0x81, b"dropped"))
    assert isinstance(event, Violation)
    assert event.fault.kind is kind
    assert event.fault.side is (Side.CLIENT if role is Role.SERVER else Side.PROVIDER)
    assert wire.state is ClosingState.BROKEN
    assert wire.receive_data(frame(role, 0x81, b"dropped")) == []
    assert wire.pong(b"what came before may still be answered")
    assert wire.close(CLOSE_CODE[kind], event.fault.detail)[0] == 0x88
    assert wire.state is ClosingState.CLOSED


@ROLES
def test_the_wrong_mask_bit_shows_in_two_bytes(role: Role) -> None:
    unmasked, masked = bytes.fromhex("8100"), bytes.fromhex("8180")
    right, wrong = (masked, unmasked) if role is Role.SERVER else (unmasked, masked)
    assert isinstance(make(role).receive_data(wrong)[0], Violation)
    assert not any(isinstance(event, Violation) for event in make(role).receive_data(right))


@ROLES
def test_the_limit_is_inclusive_and_taken_from_the_declared_length(role: Role) -> None:
    assert make(role).receive_data(frame(role, 0x81, b"x" * LIMIT)) == [TextMessage(b"x" * LIMIT)]
    header_only = frame(role, 0x82, b"", length=LIMIT + 1)
    (event,) = make(role).receive_data(header_only)
    assert isinstance(event, Violation)
    assert event.fault.kind is FaultKind.MESSAGE_TOO_BIG
    assert event.fault.detail == "a message of 2001 bytes is over the gateway's limit of 2000 bytes"


@ROLES
def test_the_limit_counts_all_fragments(role: Role) -> None:
    start = frame(role, 0x02, b"x" * 1000)
    assert make(role).receive_data(start + frame(role, 0x80, b"y" * 1000)) == [BinaryMessage(b"x" * 1000 + b"y" * 1000)]
    wire = make(role)
    assert wire.receive_data(start) == []
    (event,) = wire.receive_data(frame(role, 0x80, b"", length=1001))
    assert isinstance(event, Violation)
    assert event.fault.kind is FaultKind.MESSAGE_TOO_BIG
    # what was assembled does not count for the next message
    twice = start + frame(role, 0x80) + start + frame(role, 0x80, b"y" * 1000)
    assert [type(event) for event in make(role).receive_data(twice)] == [BinaryMessage, BinaryMessage]


def test_a_large_message_in_tiny_reads_is_gathered() -> None:
    wire = make(Role.SERVER, 1 << 17)
    payload = b"0123456789" * 10_000
    stream = frame(Role.SERVER, 0x82, payload)
    assert receive(wire, [stream[at : at + 3] for at in range(0, len(stream), 3)]) == [BinaryMessage(payload)]
    assert receive(wire, [stream[:5000], *(stream[at : at + 9000] for at in range(5000, len(stream), 9000))]) == [
        BinaryMessage(payload)
    ]


# -- closing and sending --------------------------------------------------------------------------------------------


@ROLES
def test_messages_still_arrive_after_our_close(role: Role) -> None:
    wire = make(role)
    wire.close(1001)
    assert wire.state is ClosingState.CLOSE_SENT
    assert wire.receive_data(frame(role, 0x81, b"late") + frame(role, 0x88)) == [
        TextMessage(b"late"),
        CloseReceived(1005, ""),
    ]
    assert wire.state is ClosingState.CLOSED
    assert wire.receive_data(frame(role, 0x81, b"later")) == []


@ROLES
def test_nothing_may_be_sent_after_our_close(role: Role) -> None:
    wire = make(role)
    wire.close(None)
    for send in (wire.text, wire.binary, wire.ping, wire.pong):
        with pytest.raises(LocalProtocolError, match="CLOSE_SENT"):
            send(b"")
    with pytest.raises(LocalProtocolError, match="SEND_CLOSE"):
        wire.close(1000)
    assert wire.state is ClosingState.CLOSE_SENT


@ROLES
def test_after_the_peers_close_we_may_still_send(role: Role) -> None:
    wire = make(role)
    wire.receive_data(frame(role, 0x88, b"\x03\xe9") + frame(role, 0x81, b"dropped"))
    assert wire.state is ClosingState.CLOSE_RECEIVED
    assert wire.text(b"last words")
    assert wire.close(1001)
    assert wire.state is ClosingState.CLOSED


@ROLES
@pytest.mark.parametrize("unfinished", [(0x01, b"fragment", None), (0x81, b"a part", 100)])
def test_who_stops_reading_ignores_what_comes_and_may_still_close(
    role: Role, unfinished: tuple[int, bytes, int | None]
) -> None:
    first, payload, length = unfinished
    wire = make(role)
    assert wire.receive_data(frame(role, first, payload, length)) == []
    wire.stop_reading()
    wire.stop_reading()
    assert wire.receive_data(frame(role, 0x80, b"the rest") + FILLER) == []
    assert wire.receive_data(frame(role, 0x88)) == []
    assert wire.close(1000)[0] == 0x88


@ROLES
@pytest.mark.parametrize("size", [1, 7, 100, 4000])
def test_dropped_messages_take_no_memory_and_what_is_between_them_is_read(role: Role, size: int) -> None:
    data = b"".join(
        [
            frame(role, 0x01, b"a" * 700),
            frame(role, 0x89, b"ping"),
            frame(role, 0x00, b"b" * 200),
            frame(role, 0x80, b"c" * 300),
            frame(role, 0x82, b"d" * 1500),
            frame(role, 0x8A, b"pong"),
            frame(role, 0x81, b"e" * 1000),
            frame(role, 0x88, b"\x03\xe8"),
        ]
    )
    longest = 125 + 14 + size
    for start in range(0, 2100, 3 if size >= 100 else 101):
        wire = make(role)
        read = [type(event) for event in wire.receive_data(data[:start])]
        wire.drop_messages()
        assert wire.held <= longest
        kept = []
        for at in range(start, len(data), size):
            piece = data[at : at + size]
            if at % 2:
                wire.keep(piece)
                piece = b""
            kept += wire.receive_data(piece)
            assert wire.held <= longest
        read += map(type, kept)
        assert [kind for kind in read if kind not in (TextMessage, BinaryMessage)] == [
            PingReceived,
            PongReceived,
            CloseReceived,
        ]


def test_a_dropped_message_that_is_too_big_is_refused_all_the_same() -> None:
    wire = make(Role.SERVER)
    wire.drop_messages()
    assert receive(wire, [frame(Role.SERVER, 0x01, b"a" * 1000)]) == []
    (event,) = receive(wire, [frame(Role.SERVER, 0x00, b"a" * 1000), frame(Role.SERVER, 0x00, b"a")])
    assert isinstance(event, Violation)


@pytest.mark.parametrize("sizes", [[0], [5], [16384], [65535, 3, 65536], [1, 2, 16383], [7, 20_000, 8]])
def test_texts_are_the_same_frames_one_after_the_other(sizes: list[int]) -> None:
    payloads = [b"t" * size for size in sizes]
    for role in Role:
        wire = make(role)
        pieces, count, size = wire.texts(payloads, 1 << 20)
        assert b"".join(pieces) == b"".join(map(wire.text, payloads))
        assert (count, size) == (len(payloads), sum(sizes))
        if role is Role.SERVER:
            assert [piece for piece in pieces if piece in payloads] == [one for one in payloads if len(one) >= 16384]


def test_texts_end_when_there_is_no_room() -> None:
    wire = make(Role.SERVER)
    assert wire.texts([b"a" * 6, b"b" * 6, b"c"], 10)[1:] == (2, 12)
    assert wire.texts([b"a"], 0) == ([], 0, 0)
    wire.close(1000, "")
    for size in (1, 20_000):
        with pytest.raises(LocalProtocolError):
            wire.texts([b"t" * size], 1)
