"""The HTTP/2 client wire: tables against a real h2 server, the repairs of h2, and equality with plain h2."""

import random
import struct
from itertools import accumulate

import msgspec
import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, Event, PingAckReceived, StreamEnded, StreamReset
from h2.events import RequestReceived as H2Request
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st
from tests.peers import http2_frames as peers
from tests.peers.http2_frames import cuttings, data, frame, goaway, headers, rst, settings, update
from tests.peers.http2_reference import hold_client_to_h2, reading
from tests.rigs.heads import memo_of
from tests.rigs.http2_client_wire import OK, client, request

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import FaultKind
from aigw_sansio.wires.http import (
    BodyData,
    ConnectionFailed,
    ResponseEnd,
    ResponseHead,
    StreamFailed,
    WireEvent,
)
from aigw_sansio.wires.http2.client import Http2Client
from aigw_sansio.wires.http2.connection import Http2Connection
from aigw_sansio.wires.http2.floods import FLOOD


def pump(wire: Http2Client, server: H2Connection, *, acknowledge: bool = True) -> tuple[list[WireEvent], list[Event]]:
    """Carry bytes both ways until both are quiet."""
    ours: list[WireEvent] = []
    theirs: list[Event] = []
    while True:
        up = wire.data_to_send()
        if up:
            events = server.receive_data(up)
            theirs += events
            for event in events:
                if acknowledge and isinstance(event, DataReceived) and event.flow_controlled_length:
                    server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        down = server.data_to_send()
        if down:
            ours += wire.receive_data(down)
        if not up and not down:
            return ours, theirs


# -- against a real server ------------------------------------------------------------------------------------------


def test_the_preface_forbids_push_and_widens_both_windows_once() -> None:
    raw = Http2Client(stream_window=200_000, head_bytes=20_000).data_to_send()
    assert raw.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    first, second = peers.frames(raw)
    assert first[0] == 4
    values = dict(struct.iter_unpack(">HI", first[3]))
    assert (values[2], values[4], values[6]) == (0, 200_000, 20_000)
    assert second == (8, 0, 0, struct.pack(">I", (1 << 24) - 65_535))


def test_a_request_with_a_body_and_its_response() -> None:
    wire, server = Http2Client(), peers.peer(client=False)
    stream = wire.send_request(request(b"q" * 100_000, b"POST", [(b"authorization", b"Bearer k"), (b"x-a", b"1")]))
    assert not wire.request_sent(stream)
    ours, theirs = pump(wire, server)
    assert ours == []
    assert wire.request_sent(stream)
    [got] = [event for event in theirs if isinstance(event, H2Request)]
    assert got.headers == [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", b"api.example"),
        (b":path", b"/v1?x=1"),
        (b"authorization", b"Bearer k"),
        (b"x-a", b"1"),
        (b"content-length", b"100000"),
    ]
    assert [field.indexable for field in got.headers] == [True, True, True, False, False, False, True]
    assert sum(len(event.data) for event in theirs if isinstance(event, DataReceived)) == 100_000
    assert isinstance(theirs[-1], StreamEnded)
    server.send_headers(stream, [(":status", "103"), ("link", "<x>")])
    server.send_headers(stream, [(":status", "200"), ("content-type", "text/event-stream")])
    server.send_data(stream, b"one ")
    server.ping(b"12345678")
    server.send_data(stream, b"two", pad_length=7)
    server.send_headers(stream, [("x-usage", "3")], end_stream=True)
    ours, _ = pump(wire, server)
    assert ours == [
        ResponseHead(1, 200, [(b"content-type", b"text/event-stream")]),
        BodyData(1, b"one two", 7),
        ResponseEnd(1),
    ]
    assert wire.capacity == 100


def test_streams_share_the_peers_windows_in_turns() -> None:
    wire, server = Http2Client(), peers.peer(client=False)
    first = wire.send_request(request(b"a" * 80_000, b"POST"))
    second = wire.send_request(request(b"b" * 20_000, b"POST"))
    _, theirs = pump(wire, server, acknowledge=False)
    order = [event.stream_id for event in theirs if isinstance(event, DataReceived)]
    assert order == [first, second, first, second, first]  # the connection's 65,535 are used up
    assert wire.request_sent(second)
    assert not wire.request_sent(first)
    server.increment_flow_control_window(100_000)
    server.increment_flow_control_window(100_000, first)
    _, theirs = pump(wire, server, acknowledge=False)
    assert wire.request_sent(first)
    sent = sum(len(event.data) for event in theirs if isinstance(event, DataReceived))
    assert sent == 100_000 - 65_535


def test_a_request_follows_settings_of_window_and_frame_size() -> None:
    wire = client()
    wire.receive_data(settings({4: 10, 5: 20_000}))
    stream = wire.send_request(request(b"q" * 50_000, b"POST"))
    sizes = [len(f[3]) for f in peers.frames(wire.data_to_send()) if f[0] == 0]
    assert sizes == [10]
    wire.receive_data(settings({4: 40_010}))
    assert [len(f[3]) for f in peers.frames(wire.data_to_send()) if f[0] == 0] == [20_000, 20_000]
    wire.receive_data(settings({4: 0}))  # the stream's window is now below zero
    wire.receive_data(update(stream, 40_010))
    assert [len(f[3]) for f in peers.frames(wire.data_to_send()) if f[0] == 0] == []
    wire.receive_data(update(stream, 9_990))
    assert [(f[1], len(f[3])) for f in peers.frames(wire.data_to_send()) if f[0] == 0] == [(1, 9_990)]


def test_capacity_follows_both_limits() -> None:
    wire = Http2Client(max_streams=20)
    assert wire.capacity == 8
    wire.receive_data(settings())
    assert wire.capacity == 20
    wire.receive_data(settings({3: 2}))
    wire.send_request(request())
    wire.send_request(request())
    assert (wire.capacity, wire.reusable) == (0, True)
    with pytest.raises(LocalProtocolError, match="capacity"):
        wire.send_request(request())
    wire.receive_data(settings({3: 1}))
    assert wire.capacity == 0
    assert wire.cancel(1)
    assert wire.cancel(3)
    assert wire.capacity == 1
    wire.send_request(request())


HEADS = [
    msgspec.structs.replace(
        request(b"{}", b"POST", [(b"authorization", b"Bearer one"), (b"accept", b"a/b")]), target=b"/v1"
    ),
    request(b"{}", b"POST", [(b"authorization", b"Bearer two"), (b"accept", b"a/b")]),
    request(b"{}", b"POST", [(b"accept", b"x" * 3000)]),
    request(b"{}", b"POST", [(b"accept", b"x" * 5000)]),
    request(b"", b"GET", [(b"user-agent", b"u"), (b"accept-language", b"l" * 2000)]),
]


@pytest.mark.parametrize("seed", range(6))
def test_heads_that_come_again_arrive_as_they_are_whatever_else_is_compressed(seed: int) -> None:
    """Heads keep what they were compressed to while the table stays as it is, here on two connections."""
    chance = random.Random(seed)
    kept = [msgspec.structs.replace(one, memo=memo_of(one)) for one in HEADS]
    pairs = [(Http2Client(), peers.peer(client=False)) for _ in range(2)]
    for wire, server in pairs:
        pump(wire, server)
    number = 0
    for _ in range(150):
        wire, server = pairs[chance.random() < 0.2]
        for _ in range(chance.choice((0, 0, 0, 0, 1, 2))):
            server.update_settings({SettingCodes.HEADER_TABLE_SIZE: chance.choice((0, 60, 300, 4096, 9999))})
            pump(wire, server)
        if chance.random() < 0.4:
            number = chance.randrange(len(HEADS))
        head, body = HEADS[number], chance.choice((b"", b"1", b"12345"))
        stream = wire.send_request(msgspec.structs.replace(kept[number], body=body))
        _, theirs = pump(wire, server)
        [asked] = [event for event in theirs if isinstance(event, H2Request)]
        told = [(b"content-length", b"%d" % len(body))] if body or head.method == b"POST" else []
        assert asked.headers[4:] == [*head.headers, *told]
        assert dict(asked.headers[:4])[b":path"] == head.target
        assert sum(len(event.data) for event in theirs if isinstance(event, DataReceived)) == len(body)
        server.send_headers(stream, OK, end_stream=True)
        pump(wire, server)


def test_a_head_that_comes_again_costs_a_few_bytes_but_its_key_is_in_no_table() -> None:
    wire, server = Http2Client(), peers.peer(client=False)
    one = msgspec.structs.replace(HEADS[0], memo=memo_of(HEADS[0]))
    pump(wire, server)
    sizes = []
    for _ in range(4):
        wire.send_request(one)
        raw = wire.data_to_send()
        sizes.append(len(raw))
        server.receive_data(raw)
    assert sizes[0] > sizes[1] == sizes[2] == sizes[3]
    assert {name for name, _ in server.decoder.header_table.dynamic_entries} == {b":authority", b":path", b"accept"}


def test_what_was_made_of_another_head_is_not_sent() -> None:
    wire, server = Http2Client(), peers.peer(client=False)
    memo = memo_of(HEADS[0])
    for one in (HEADS[0], HEADS[1], msgspec.structs.replace(HEADS[0], target=b"/other")):
        wire.send_request(msgspec.structs.replace(one, memo=memo))
        _, theirs = pump(wire, server)
        [asked] = [event for event in theirs if isinstance(event, H2Request)]
        assert asked.headers[4:-1] == one.headers
        assert dict(asked.headers[:4])[b":path"] == one.target


def test_settings_and_goaway_move_the_settings_version() -> None:
    wire = Http2Client()
    wire.send_request(request())
    moved = []
    frames = (settings(), settings({3: 2}), headers(1, OK), data(1, b"x"), update(0, 9), settings(ack=True), goaway(1))
    for raw in frames:
        before = wire.settings_version
        wire.receive_data(raw)
        moved.append(wire.settings_version != before)
    assert moved == [True, True, False, False, False, False, True]


@pytest.mark.parametrize(
    "field",
    [(b"Accept", b"x"), (b"host", b"a"), (b"connection", b"close"), (b"x", b"a\r\nb"), (b"x", b" a"), (b"", b"a")],
)
def test_a_bad_field_of_ours_is_misuse(field: tuple[bytes, bytes]) -> None:
    wire = client()
    with pytest.raises(LocalProtocolError):
        wire.send_request(request(fields=[field]))
    assert wire.send_request(request()) == 1  # nothing had moved


def test_a_response_has_been_read_once_its_end_or_its_failure_came() -> None:
    wire = client()
    one, two = wire.send_request(request()), wire.send_request(request())
    assert not wire.response_read(one)
    wire.receive_data(headers(one, OK) + data(one, b"x"))
    assert not wire.response_read(one)
    wire.receive_data(data(one, b"", end=True) + rst(two, 8))
    assert wire.response_read(one)
    assert wire.response_read(two)


def test_ids_that_were_never_issued_are_misuse() -> None:
    wire = client()
    for call in (wire.request_sent, wire.response_read, wire.cancel):
        for stream in (1, 0, -1, 2):
            with pytest.raises(LocalProtocolError, match="never issued"):
                call(stream)
    with pytest.raises(LocalProtocolError, match="never issued"):
        wire.consume(1, 1)


def test_an_empty_post_declares_its_length() -> None:
    wire, server = Http2Client(), peers.peer(client=False)
    wire.send_request(request(method=b"POST"))
    _, theirs = pump(wire, server)
    [got] = [event for event in theirs if isinstance(event, H2Request)]
    assert got.headers is not None
    assert got.headers[-1] == (b"content-length", b"0")


def test_ids_run_out() -> None:
    wire = client()
    link: Http2Connection = wire
    link._h2.highest_outbound_stream_id = 2**31 - 3
    assert wire.reusable
    assert wire.send_request(request()) == 2**31 - 1
    assert (wire.capacity, wire.reusable) == (0, False)
    assert reading(wire.receive_data(headers(2**31 - 1, OK, 5))).ends == {2**31 - 1: "end"}


def test_an_upload_byte_by_byte_is_no_flood() -> None:
    wire = client()
    wire.receive_data(settings({4: 0}))
    wire.send_request(request(b"x" * 3 * FLOOD, b"POST"))
    for _ in range(FLOOD):
        assert wire.receive_data(update(1, 1) + update(0, 1)) == []
        assert all(f[0] in (0, 1, 4) for f in peers.frames(wire.data_to_send()))


# -- how streams end ------------------------------------------------------------------------------------------------

LONG = [*OK, (b"content-length", b"5")]
MALFORMED = FaultKind.MALFORMED_RESPONSE
RESPONSES: dict[str, tuple[bytes, list[WireEvent] | FaultKind]] = {
    "head alone": (headers(1, OK, 5), [ResponseHead(1, 200, []), ResponseEnd(1)]),
    "empty body": (headers(1, OK) + data(1, b"", end=True), [ResponseHead(1, 200, []), ResponseEnd(1)]),
    "exact length": (headers(1, LONG) + data(1, b"12345", end=True, pad=3), [BodyData(1, b"12345", 5), ResponseEnd(1)]),
    "reserved bit": (
        headers(1, OK) + frame(0, 0, 1 | 1 << 31, b"x") + data(1, b"y", end=True),
        [BodyData(1, b"xy", 2), ResponseEnd(1)],
    ),
    "padding alone is no data": (
        headers(1, OK) + data(1, b"", pad=9) + data(1, b"x", end=True),
        [BodyData(1, b"x", 1), ResponseEnd(1)],
    ),
    "too long": (headers(1, LONG) + data(1, b"123456"), MALFORMED),
    "too short": (headers(1, LONG) + data(1, b"1234", end=True), MALFORMED),
    "too short with trailers": (headers(1, LONG) + data(1, b"1234") + headers(1, [(b"x", b"y")], 5), MALFORMED),
    "too short, no body": (headers(1, LONG, 5), MALFORMED),
    "204 with a body": (headers(1, [(b":status", b"204")]) + data(1, b"x"), MALFORMED),
    "304 with a length": (
        headers(1, [(b":status", b"304"), (b"content-length", b"5")], 5),
        [ResponseEnd(1)],
    ),
    "no status": (headers(1, [(b"x", b"y")]), MALFORMED),
    "status abc": (headers(1, [(b":status", b"abc")]), MALFORMED),
    "status 2000": (headers(1, [(b":status", b"2000")]), MALFORMED),
    "status 600": (headers(1, [(b":status", b"600")]), MALFORMED),
    "status 101": (headers(1, [(b":status", b"101")]), MALFORMED),
    "status 1xy": (headers(1, [(b":status", b"1xy")]), MALFORMED),
    "two statuses": (headers(1, OK + OK), MALFORMED),
    "request field": (headers(1, [*OK, (b":path", b"/")]), MALFORMED),
    "status behind": (headers(1, [(b"x", b"y"), *OK]), MALFORMED),
    "upper case": (headers(1, [*OK, (b"X", b"y")]), MALFORMED),
    "line feed": (headers(1, [*OK, (b"x", b"y\nz")]), MALFORMED),
    "connection field": (headers(1, [*OK, (b"transfer-encoding", b"chunked")]), MALFORMED),
    "pseudo trailer": (headers(1, OK) + headers(1, OK, 5), MALFORMED),
    "refused": (rst(1, 7), FaultKind.STREAM_REFUSED),
    "reset in the body": (headers(1, OK) + data(1, b"x") + rst(1, 2), FaultKind.STREAM_RESET),
    "NO_ERROR behind the response": (headers(1, OK, 5) + rst(1, 0), [ResponseHead(1, 200, []), ResponseEnd(1)]),
    "window past 2**31": (update(1, 2**31 - 1), MALFORMED),
}


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("cut", ["whole", "bytes"])
def test_responses(name: str, cut: str) -> None:
    raw, expected = RESPONSES[name]
    wire = client()
    wire.send_request(request())
    wire.send_request(request())
    pieces = [raw] if cut == "whole" else [raw[i : i + 1] for i in range(len(raw))]
    events = [event for piece in pieces for event in wire.receive_data(piece)]
    if isinstance(expected, FaultKind):
        last = events[-1]
        assert isinstance(last, StreamFailed)
        assert (last.stream, last.fault.kind) == (1, expected)
        assert last.unprocessed == (name == "refused")
    else:
        if cut == "whole":
            assert events[-len(expected) :] == expected
        assert reading(events).ends == {1: "end"}
    assert (wire.capacity, wire.reusable) == (99, True)  # the other stream is untouched
    assert reading(wire.receive_data(headers(3, OK, 5))).ends == {3: "end"}


def test_data_before_a_failure_is_handed_out_first() -> None:
    wire = client()
    wire.send_request(request())
    events = wire.receive_data(headers(1, OK) + data(1, b"a") + data(1, b"b") + rst(1, 2))
    assert events[1] == BodyData(1, b"ab", 2)
    events = wire.receive_data(frame(0, 0, 0))
    assert isinstance(events[-1], ConnectionFailed)


def test_an_early_answer_ends_the_request() -> None:
    wire, server = Http2Client(), peers.peer(client=False)
    wire.send_request(request(b"q" * 200_000, b"POST"))
    pump(wire, server, acknowledge=False)
    server.send_headers(1, [(":status", "413")], end_stream=True)
    ours, theirs = pump(wire, server, acknowledge=False)
    assert ours == [ResponseHead(1, 413, []), ResponseEnd(1)]
    assert [event.error_code for event in theirs if isinstance(event, StreamReset)] == [8]
    assert wire.capacity == 100
    assert not wire.request_sent(1)


def test_cancel_absorbs_what_still_comes_and_gives_its_credit_back() -> None:
    wire = client(connection_window=65_536)
    wire.send_request(request())
    wire.send_request(request())
    assert wire.cancel(1)
    assert peers.frames(wire.data_to_send())[-1] == (3, 0, 1, struct.pack(">I", 8))
    raw = headers(1, OK) + data(1, b"x" * 16_000) * 8 + data(1, b"", end=True)
    assert wire.receive_data(raw) == []
    credit = [f for f in peers.frames(wire.data_to_send()) if f[0] == 8]
    assert {f[2] for f in credit} == {0}
    assert sum(struct.unpack(">I", f[3])[0] for f in credit) >= 128_000 - 16_384
    assert wire.cancel(1)
    wire.consume(1, 5)
    assert wire.data_to_send() == b""


def test_data_behind_the_end_is_answered_as_h2_does() -> None:
    wire = client()
    wire.send_request(request())
    wire.data_to_send()
    assert reading(wire.receive_data(headers(1, OK, 5) + data(1, b"x"))).ends == {1: "end"}
    assert peers.frames(wire.data_to_send()) == [(3, 0, 1, struct.pack(">I", 5))]


def test_an_answer_to_head_has_no_body() -> None:
    wire = client()
    wire.send_request(request(method=b"HEAD"))
    wire.send_request(request(method=b"HEAD"))
    events = wire.receive_data(headers(1, LONG, 5) + headers(3, LONG) + data(3, b"12345", end=True))
    assert reading(events).ends == {1: "end", 3: "failed"}


def test_request_sent_stays_true_to_what_left() -> None:
    wire = client()
    stream = wire.send_request(request())
    assert not wire.request_sent(stream)
    wire.data_to_send()
    assert wire.request_sent(stream)
    unsent = wire.send_request(request())
    wire.connection_lost("reset")
    assert not wire.request_sent(unsent)


# -- the connection's ends ------------------------------------------------------------------------------------------


def test_goaway_lets_the_accepted_streams_finish() -> None:
    wire = client()
    for _ in range(3):
        wire.send_request(request(b"q", b"POST"))
    events = wire.receive_data(headers(1, OK) + goaway(3))
    assert reading(events).ends == {5: "unprocessed"}
    assert (wire.capacity, wire.reusable) == (0, False)
    sent = peers.frames(wire.data_to_send())
    assert not any(f[0] == 3 for f in sent)
    assert [f[2] for f in sent if f[0] == 0] == [1, 3]  # what waited is not lost; the third stream's body is
    events = wire.receive_data(data(1, b"x", end=True) + headers(3, OK, 5) + data(5, b"late", end=True))
    assert events == [BodyData(1, b"x", 1), ResponseEnd(1), ResponseHead(3, 200, []), ResponseEnd(3)]
    assert wire.data_to_send() == b""
    assert wire.receive_data(data(5, b"later still") + headers(5, OK)) == []


def test_a_graceful_shutdown_in_two_steps() -> None:
    wire = client()
    wire.send_request(request())
    wire.send_request(request())
    assert wire.receive_data(goaway(2**31 - 1)) == []
    assert (wire.capacity, wire.reusable) == (0, False)
    assert reading(wire.receive_data(goaway(1))).ends == {3: "unprocessed"}
    assert reading(wire.receive_data(headers(1, OK, 5))).ends == {1: "end"}


def test_goaway_with_an_error_ends_all() -> None:
    wire = client()
    wire.send_request(request())
    wire.send_request(request())
    events = wire.receive_data(goaway(1, 11) + headers(1, OK, 5))
    found = reading(events)
    assert found.ends == {1: "failed", 3: "unprocessed"}
    assert isinstance(events[-1], ConnectionFailed)
    assert events[-1].fault.kind is FaultKind.CONNECTION_LOST
    assert wire.receive_data(settings()) == wire.receive_eof() == []


@pytest.mark.parametrize(
    ("cut", "begun"),
    [
        (b"", set()),
        (frame(1, 0, 1, b"\x88"), {1}),
        (frame(1, 4, 1, b"\x88")[:9], {1}),
        (frame(1, 4, 1, b"\x88")[:8], {1, 3}),
        (frame(3, 0, 3, b"\0\0\0\7")[:-1], {3}),
        (frame(0, 0, 3, b"x")[:-1], {3}),
        (frame(8, 0, 1, b"\0\0\0\7")[:-1], set()),
        (frame(6, 0, 0, b"12345678")[:-1], set()),
        (frame(1, 4, 5, b"\x88")[:9], set()),
    ],
)
@pytest.mark.parametrize("clean", [True, False])
def test_a_frame_that_is_cut_may_be_a_part_of_its_response_alone(cut: bytes, begun: set[int], clean: bool) -> None:
    wire = client()
    wire.send_request(request())
    wire.send_request(request())
    assert wire.receive_data(cut) == [] if cut else True
    events = wire.receive_eof() if clean else wire.connection_lost("reset")
    assert {event.stream for event in events if isinstance(event, StreamFailed) and event.processed} == begun


@pytest.mark.parametrize("clean", [True, False])
def test_the_end_of_the_connection_ends_every_stream(clean: bool) -> None:
    wire = client()
    wire.send_request(request())
    wire.send_request(request())
    wire.receive_data(headers(1, OK) + data(1, b"x"))
    wire.data_to_send()
    events = wire.receive_eof() if clean else wire.connection_lost("reset")
    kinds = [event.fault.kind for event in events if isinstance(event, StreamFailed)]
    lost = FaultKind.CONNECTION_LOST
    assert kinds == ([FaultKind.INCOMPLETE_BODY, lost] if clean else [lost, lost])
    assert isinstance(events[-1], ConnectionFailed)
    assert (wire.capacity, wire.reusable) == (0, False)
    assert wire.connection_lost("again") == []
    wire.ping()
    assert wire.data_to_send() == b""


def test_ping_is_answered_and_sent() -> None:
    wire, server = Http2Client(), peers.peer(client=False)
    wire.ping()
    server.ping(b"abcdefgh")
    ours, theirs = pump(wire, server)
    assert ours == []
    assert [event.ping_data for event in theirs if isinstance(event, PingAckReceived)] == [b"abcdefgh"]


# -- equality with plain h2 -----------------------------------------------------------------------------------------

STREAMS = (1, 3, 5, 9)  # 1, 3 and 9 are open, 5 is cancelled, 7 is in between and cancelled, 11 is idle
some_stream = st.sampled_from((1, 1, 1, 3, 3, 5, 9, 11, 2, 0))
some_fields = st.sampled_from(
    (OK, OK, LONG, [(b":status", b"100")], [(b":status", b"204")], [(b"x", b"y")], [*OK, (b"X", b"y")], [])
)
some_data = st.builds(
    data,
    some_stream,
    st.sampled_from((b"", b"x", b"12345", b"x" * 300, b"x" * 9000)),
    end=st.sampled_from((False, False, False, True)),
    pad=st.sampled_from((None, None, None, 0, 9)),
)
some_frame = st.one_of(
    some_data,
    some_data,
    st.builds(headers, some_stream, some_fields, st.sampled_from((4, 4, 4, 5, 0, 1))),
    st.builds(rst, some_stream, st.sampled_from((0, 2, 7, 8))),
    st.builds(update, some_stream, st.sampled_from((0, 1, 2**31 - 1))),
    st.builds(goaway, st.sampled_from((0, 1, 3, 2**31 - 1)), st.sampled_from((0, 0, 0, 1))),
    st.builds(frame, st.integers(0, 12), st.integers(0, 255), some_stream, st.binary(max_size=12)),
    st.builds(settings, st.dictionaries(st.integers(1, 9), st.integers(0, 70_000), max_size=2), ack=st.booleans()),
)
some_bytes = st.tuples(
    st.lists(some_frame, max_size=12),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=2),
    st.booleans(),
)


@given(some_bytes, st.lists(st.integers(0, 1 << 20), max_size=6))
def test_equal_to_plain_h2_on_any_frames_under_any_cuts(
    drawn: tuple[list[bytes], list[tuple[int, int]], bool], cuts: list[int]
) -> None:
    parts, mutations, opened = drawn
    parts = [settings(), *((headers(1, OK), headers(3, LONG)) if opened else ()), *parts]
    raw = bytearray(b"".join(parts))
    for where, value in mutations:
        raw[where % len(raw)] = value
    one_a_read = cuttings(bytes(raw), accumulate(map(len, parts)))
    hold_client_to_h2(bytes(raw), [cuttings(bytes(raw), cuts), one_a_read])


@given(st.lists(st.binary(max_size=80), max_size=8))
def test_no_bytes_raise(pieces: list[bytes]) -> None:
    wire = client()
    wire.send_request(request())
    wire.receive_data(headers(1, OK))
    for piece in pieces:
        if piece:
            wire.receive_data(piece)
    wire.receive_eof()
    assert not wire.reusable


@given(st.lists(some_frame, max_size=12), st.data())
def test_any_calls_among_any_frames_raise_misuse_alone(parts: list[bytes], draw: st.DataObject) -> None:
    wire = client()
    link: Http2Connection = wire
    calls = {
        "get": lambda stream: wire.send_request(request()),
        "post": lambda stream: wire.send_request(request(b"x" * 70_000, b"POST")),
        "cancel": wire.cancel,
        "consume": lambda stream: wire.consume(stream, 1),
        "take": lambda stream: wire.data_to_send(),
        "ping": lambda stream: wire.ping(),
    }
    wire.send_request(request(b"x" * 70_000, b"POST"))
    for part in parts:
        wire.receive_data(part)
        for name in draw.draw(st.lists(st.sampled_from(sorted(calls)), max_size=3)):
            able = wire.capacity > 0
            try:
                calls[name](draw.draw(st.sampled_from((1, 3, 5))))
            except LocalProtocolError:
                assert name in ("cancel", "consume") or not able
        for number in link._streams:
            assert link._h2.streams[number].open
        assert not wire.reusable or link._h2.open_outbound_streams == len(link._streams)
    wire.receive_eof()
    assert wire.capacity == 0


def test_a_closed_wire_holds_and_sends_nothing() -> None:
    wire = client()
    stream = wire.send_request(request(body=b"x" * 100_000))
    wire.data_to_send()
    wire.receive_data(headers(stream, OK) + data(stream, b"some"))
    wire.close()
    assert wire.data_to_send() == b""
    assert wire.capacity == 0
    assert not wire.reusable
    wire.consume(stream, 4)  # its end may have crossed this
    assert wire.receive_data(data(stream, b"more")) == []
    assert wire.data_to_send() == b""


@pytest.mark.parametrize(("fields", "fits"), [(3, True), (4, False)])
def test_the_fields_of_a_response_and_of_its_trailers_are_counted(fields: int, fits: bool) -> None:
    some = [(b"x", b"1")] * (fields - 1)
    for raw in (
        headers(1, [*OK, *some], 5),
        headers(1, [(b":status", b"103"), *some]) + headers(1, OK, 5),
        headers(1, OK) + headers(1, [*some, (b"x", b"2")], 5),
    ):
        wire = client(head_fields=3)
        wire.send_request(request())
        last = wire.receive_data(raw)[-1]
        assert (last == ResponseEnd(1)) is fits
        if not fits:
            assert isinstance(last, StreamFailed)
            assert last.fault.kind is FaultKind.MALFORMED_RESPONSE
            assert "4 fields; head_fields allows 3" in last.fault.detail
