"""The HTTP/2 server wire: extended CONNECT and plain requests against a real h2 client, tables, and floods."""

import struct
from itertools import accumulate

import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st
from tests.peers import http2_frames as peers
from tests.peers.http2_frames import Fields, cuttings, data, frame, goaway, headers, rst, settings, update
from tests.peers.http2_reference import served

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import FaultKind
from aigw_sansio.wires.http import ConnectionFailed
from aigw_sansio.wires.http2.connection import Http2Connection
from aigw_sansio.wires.http2.events import RequestReceived, StreamAborted, StreamData, StreamEof
from aigw_sansio.wires.http2.floods import FLOOD
from aigw_sansio.wires.http2.frames import PREFACE
from aigw_sansio.wires.http2.server import Http2Server, ServerEvent

GET: Fields = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a.example"), (b":path", b"/x")]
CONNECT: Fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:], (b"sec-websocket-version", b"13")]


def serve(*, greeted: bool = True, **limits: int) -> Http2Server:
    wire = Http2Server(**limits)
    if greeted:
        assert wire.receive_data(PREFACE + settings()) == []
        wire.data_to_send()
    return wire


def pump(wire: Http2Server, client: H2Connection, *, acknowledge: bool = True) -> tuple[list[ServerEvent], list[Event]]:
    ours: list[ServerEvent] = []
    theirs: list[Event] = []
    while True:
        up = client.data_to_send()
        if up:
            ours += wire.receive_data(up)
        down = wire.data_to_send()
        if down:
            events = client.receive_data(down)
            theirs += events
            for event in events:
                if acknowledge and isinstance(event, DataReceived) and event.flow_controlled_length:
                    client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if not up and not down:
            return ours, theirs


def connected() -> tuple[Http2Server, H2Connection]:
    """A server with stream 1 accepted, and its client."""
    wire, client = Http2Server(), peers.peer(client=True)
    pump(wire, client)
    client.send_headers(1, CONNECT)
    pump(wire, client)
    wire.accept(1, [(b"sec-websocket-protocol", b"chat")])
    pump(wire, client)
    return wire, client


def aborted(events: list[ServerEvent]) -> list[tuple[int, FaultKind]]:
    return [(event.stream, event.fault.kind) for event in events if isinstance(event, StreamAborted)]


# -- against a real client ------------------------------------------------------------------------------------------


def test_the_first_settings_offer_extended_connect() -> None:
    first, second = peers.frames(Http2Server(max_streams=7).data_to_send())
    values = dict(struct.iter_unpack(">HI", first[3]))
    assert (first[0], values[3], values[8], values[4]) == (4, 7, 1, 262_144)
    assert second == (8, 0, 0, struct.pack(">I", (1 << 24) - 65_535))


def test_a_websocket_stream_from_open_to_end() -> None:
    wire, client = Http2Server(), peers.peer(client=True)
    pump(wire, client)
    assert client.remote_settings[SettingCodes.ENABLE_CONNECT_PROTOCOL] == 1
    client.send_headers(1, CONNECT)
    ours, _ = pump(wire, client)
    assert ours == [
        RequestReceived(1, b"CONNECT", b"websocket", b"https", b"a.example", b"/x", [(b"sec-websocket-version", b"13")])
    ]
    wire.accept(1, [(b"sec-websocket-protocol", b"chat")])
    _, theirs = pump(wire, client)
    [head] = [event for event in theirs if isinstance(event, ResponseReceived)]
    assert head.headers == [(b":status", b"200"), (b"sec-websocket-protocol", b"chat")]
    client.send_data(1, b"hello ")
    client.send_data(1, b"world", pad_length=3)
    wire.send(1, b"good ")
    wire.send(1, b"day")
    assert wire.queued(1) == 8
    ours, theirs = pump(wire, client)
    assert ours == [StreamData(1, b"hello world", 11)]
    assert [event.data for event in theirs if isinstance(event, DataReceived)] == [b"good day"]  # one frame
    assert wire.queued(1) == 0
    wire.send(1, b"bye")
    wire.end(1)
    _, theirs = pump(wire, client)
    assert isinstance(theirs[-1], StreamEnded)
    assert wire.open_streams == 1
    client.send_data(1, b"bye", end_stream=True)
    assert pump(wire, client)[0] == [StreamData(1, b"bye", 3), StreamEof(1)]
    assert wire.open_streams == 0
    assert wire.queued(1) == 0


@pytest.mark.parametrize("body", [b"", b"pong"])
def test_a_plain_request(body: bytes) -> None:
    wire, client = Http2Server(), peers.peer(client=True)
    client.send_headers(1, [*GET, (b"cookie", b"a=1"), (b"cookie", b"b=2")], end_stream=True)
    ours, _ = pump(wire, client)
    assert ours == [
        RequestReceived(1, b"GET", None, b"https", b"a.example", b"/x", [(b"cookie", b"a=1; b=2")]),
        StreamEof(1),
    ]
    wire.respond(1, 200, [(b"content-type", b"text/plain")], body)
    _, theirs = pump(wire, client)
    [head] = [event for event in theirs if isinstance(event, ResponseReceived)]
    assert head.headers[1:] == [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    assert b"".join(event.data for event in theirs if isinstance(event, DataReceived)) == body
    assert any(isinstance(event, StreamEnded) for event in theirs)
    assert wire.open_streams == 0


def test_head_gets_the_length_and_no_body() -> None:
    wire, client = Http2Server(), peers.peer(client=True)
    client.send_headers(1, [(b":method", b"HEAD"), *GET[1:]], end_stream=True)
    pump(wire, client)
    wire.respond(1, 404, [], b"gone")
    _, theirs = pump(wire, client)
    [head] = [event for event in theirs if isinstance(event, ResponseReceived)]
    assert head.headers == [(b":status", b"404"), (b"content-length", b"4")]
    assert not any(isinstance(event, DataReceived) for event in theirs)


def test_an_answer_before_the_end_of_the_request_stops_the_upload() -> None:
    wire, client = Http2Server(), peers.peer(client=True)
    client.send_headers(1, [(b":method", b"POST"), *GET[1:]])
    client.send_data(1, b"x" * 1000)
    pump(wire, client)
    wire.respond(1, 405, [], b"no")
    _, theirs = pump(wire, client)
    assert isinstance(theirs[-1], StreamReset)
    assert theirs[-1].error_code == 0
    assert wire.open_streams == 0
    assert wire.receive_data(data(1, b"late", end=True)) == []


def test_streams_take_turns_under_the_clients_windows() -> None:
    wire, client = connected()
    client.send_headers(3, CONNECT)
    pump(wire, client)
    wire.accept(3, [])
    pump(wire, client)
    wire.send(1, b"a" * 100_000)
    wire.send(3, b"b" * 10)
    _, theirs = pump(wire, client, acknowledge=False)
    order = [(event.stream_id, len(event.data)) for event in theirs if isinstance(event, DataReceived)]
    assert order == [(1, 16_384), (3, 10), (1, 16_384), (1, 16_384), (1, 65_535 - 3 * 16_384 - 10)]
    assert wire.queued(1) == 100_000 - 65_525
    assert not wire.pending
    client.increment_flow_control_window(1 << 20)
    _, theirs = pump(wire, client, acknowledge=False)
    assert sum(len(event.data) for event in theirs if isinstance(event, DataReceived)) == 10  # the stream's own window
    client.increment_flow_control_window(1 << 20, 1)
    pump(wire, client, acknowledge=False)
    assert wire.queued(1) == 0


def test_output_is_taken_in_bounded_pieces_and_data_waits_in_its_queue() -> None:
    wire = serve()
    wire.receive_data(settings({4: 1 << 20}) + update(0, 1 << 20) + headers(1, CONNECT))
    wire.accept(1, [])
    wire.data_to_send()
    wire.send(1, b"a" * 200_000)
    first = wire.data_to_send(20_000)
    assert len(first) == 20_000
    assert wire.queued(1) == 200_000 - 2 * 16_384
    assert wire.pending
    rest = first
    while piece := wire.data_to_send(20_000):
        assert len(piece) <= 20_000
        rest += piece
    assert not wire.pending
    assert b"".join(f[3] for f in peers.frames(rest)) == b"a" * 200_000


def test_credit_is_the_owners_to_give() -> None:
    wire, client = connected()
    for _ in range(16):
        client.send_data(1, bytes(16_384))
    pump(wire, client)
    assert client.streams[1].outbound_flow_control_window == 0
    assert client.outbound_flow_control_window > 1 << 23
    wire.consume(1, 100_000)
    pump(wire, client)
    assert client.streams[1].outbound_flow_control_window == 3 * 32_768
    with pytest.raises(LocalProtocolError, match="more than was received"):
        wire.consume(1, 1 << 20)
    wire.reset(1, 8)
    wire.consume(1, 5)


# -- how streams end ------------------------------------------------------------------------------------------------


def test_resets_both_ways() -> None:
    wire, client = connected()
    client.send_data(1, b"x")
    client.reset_stream(1, 8)
    ours, _ = pump(wire, client)
    assert ours[0] == StreamData(1, b"x", 1)
    assert aborted(ours) == [(1, FaultKind.CLIENT_GONE)]
    for call in (wire.send, wire.respond):
        call(1, *((b"x",) if call == wire.send else (200, [])))  # of no effect
    wire.end(1)
    wire.reset(1, 8)
    client.send_headers(3, CONNECT)
    pump(wire, client)
    wire.accept(3, [])
    wire.send(3, b"never leaves")
    wire.reset(3, 11)
    _, theirs = pump(wire, client)
    assert [(event.stream_id, event.error_code) for event in theirs if isinstance(event, StreamReset)] == [(3, 11)]
    assert not any(isinstance(event, DataReceived) for event in theirs)


def test_other_resets_are_faults() -> None:
    wire = serve()
    wire.receive_data(headers(1, CONNECT))
    assert aborted(wire.receive_data(rst(1, 2))) == [(1, FaultKind.STREAM_RESET)]


MALFORMED: dict[str, Fields] = {
    "no method": GET[1:],
    "method of no token": [(b":method", b"G T"), *GET[1:]],
    "no path": GET[:3],
    "empty path": [*GET[:3], (b":path", b"")],
    "path without slash": [*GET[:3], (b":path", b"x")],
    "no scheme": [GET[0], *GET[2:]],
    "no authority": [GET[0], GET[1], GET[3]],
    "two hosts": [*GET, (b"host", b"b.example")],
    "status": [*GET, (b":status", b"200")],
    "unknown pseudo-field": [*GET, (b":x", b"y")],
    "twice": [*GET, GET[0]],
    "behind a field": [*GET[:3], (b"x", b"y"), GET[3]],
    "protocol without CONNECT": [*GET, (b":protocol", b"websocket")],
    "empty protocol": [(b":method", b"CONNECT"), (b":protocol", b""), *GET[1:]],
    "CONNECT with a path": [(b":method", b"CONNECT"), *GET[1:]],
    "extended CONNECT without path": CONNECT[:4],
    "upper case": [*GET, (b"X", b"y")],
    "blank in a name": [*GET, (b"x y", b"z")],
    "line feed": [*GET, (b"x", b"y\nz")],
    "trailing blank": [*GET, (b"x", b"y ")],
    "line feed in the path": [*GET[:3], (b":path", b"/\n")],
    "upgrade": [*GET, (b"upgrade", b"websocket")],
    "te": [*GET, (b"te", b"gzip")],
    "empty name": [*GET, (b"", b"y")],
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("flags", [4, 5])
def test_malformed_requests_are_reset_and_the_next_is_served(name: str, flags: int) -> None:
    wire = serve()
    assert wire.receive_data(headers(1, MALFORMED[name], flags)) == []
    assert peers.frames(wire.data_to_send()) == [(3, 0, 1, struct.pack(">I", 1))]
    with pytest.raises(LocalProtocolError):
        wire.respond(1, 200, [])
    [event] = wire.receive_data(headers(3, GET))
    assert isinstance(event, RequestReceived)


def test_other_well_formed_heads() -> None:
    wire = serve()
    [plain, host, options] = wire.receive_data(
        headers(1, [(b":method", b"CONNECT"), (b":authority", b"a:443")])
        + headers(3, [GET[0], GET[1], GET[3], (b"host", b"b.example"), (b"te", b"trailers")])
        + headers(5, [(b":method", b"OPTIONS"), *GET[1:3], (b":path", b"*")])
    )
    assert plain == RequestReceived(1, b"CONNECT", None, b"", b"a:443", b"", [])
    assert isinstance(host, RequestReceived)
    assert host.authority == b"b.example"
    assert isinstance(options, RequestReceived)


BODIES = {
    "too long": data(1, b"123456"),
    "too short": data(1, b"1234", end=True),
    "too short, trailers": data(1, b"1234") + headers(1, [(b"x", b"y")], 5),
    "bad trailers": data(1, b"12345") + headers(1, [(b":path", b"/")], 5),
}


@pytest.mark.parametrize("name", BODIES)
def test_malformed_bodies_abort_their_stream(name: str) -> None:
    wire = serve()
    wire.receive_data(headers(1, [(b":method", b"POST"), *GET[1:], (b"content-length", b"5")]))
    events = wire.receive_data(BODIES[name])
    assert aborted(events) == [(1, FaultKind.PROTOCOL_ERROR)]
    assert not any(isinstance(event, ConnectionFailed) for event in events)
    assert (3, 0, 1, struct.pack(">I", 1)) in peers.frames(wire.data_to_send())


def test_a_tunnel_has_no_length() -> None:
    wire = serve()
    wire.receive_data(headers(1, [*CONNECT, (b"content-length", b"5")]))
    assert wire.receive_data(data(1, b"123456", end=True)) == [StreamData(1, b"123456", 6), StreamEof(1)]


def test_trailers_end_a_request_and_break_a_tunnel() -> None:
    wire = serve()
    wire.receive_data(headers(1, [(b":method", b"POST"), *GET[1:]]) + headers(3, CONNECT))
    assert wire.receive_data(headers(1, [(b"x", b"y")], 5)) == [StreamEof(1)]
    assert aborted(wire.receive_data(headers(3, [(b"x", b"y")], 5))) == [(3, FaultKind.PROTOCOL_ERROR)]


def test_data_behind_the_end_aborts_the_stream() -> None:
    wire = serve()
    wire.receive_data(headers(1, CONNECT) + data(1, b"", end=True))
    assert aborted(wire.receive_data(data(1, b"x"))) == [(1, FaultKind.PROTOCOL_ERROR)]
    assert peers.frames(wire.data_to_send()) == [(3, 0, 1, struct.pack(">I", 5))]


def test_calls_out_of_order_are_misuse_and_change_nothing() -> None:
    wire = serve()
    for stream in (0, 1, 2, -1):
        with pytest.raises(LocalProtocolError, match="never opened"):
            wire.send(stream, b"x")
    wire.receive_data(headers(1, CONNECT))
    with pytest.raises(LocalProtocolError, match="not answered"):
        wire.send(1, b"x")
    with pytest.raises(LocalProtocolError, match="not answered"):
        wire.end(1)
    with pytest.raises(LocalProtocolError, match="final status"):
        wire.respond(1, 101, [])
    with pytest.raises(LocalProtocolError, match="itself"):
        wire.respond(1, 200, [(b"content-length", b"1")])
    wire.accept(1, [])
    with pytest.raises(LocalProtocolError, match="answered already"):
        wire.accept(1, [])
    wire.end(1)
    with pytest.raises(LocalProtocolError, match="ended"):
        wire.send(1, b"x")
    wire.data_to_send()
    with pytest.raises(LocalProtocolError, match="ended"):
        wire.end(1)


# -- limits and floods ----------------------------------------------------------------------------------------------


def test_streams_above_the_limit_are_refused_and_the_table_stays_in_step() -> None:
    wire, client = Http2Server(max_streams=2), peers.peer(client=True)
    for stream in (1, 3, 5):  # before the client knows the limit
        client.send_headers(stream, CONNECT)
    ours, theirs = pump(wire, client)
    assert [event.stream for event in ours if isinstance(event, RequestReceived)] == [1, 3]
    assert [(event.stream_id, event.error_code) for event in theirs if isinstance(event, StreamReset)] == [(5, 7)]
    assert wire.receive_data(data(5, b"late", end=True)) == []
    assert wire.data_to_send() == b""
    wire.reset(1, 8)
    pump(wire, client)
    client.send_headers(7, CONNECT)
    [event] = pump(wire, client)[0]
    assert isinstance(event, RequestReceived)
    assert event.path == b"/x"


@pytest.mark.parametrize("how", ["reset", "malformed", "refused", "made to reset"])
def test_rapid_resets_end_the_connection(how: str) -> None:
    wire = serve(max_streams=1 if how == "refused" else 50)
    events = []
    for number in range(1, 600, 2):
        raw = headers(number, GET[1:] if how == "malformed" else CONNECT)
        if how == "reset":
            raw += rst(number, 8)
        elif how == "made to reset":
            raw += update(number, 2**31 - 1)
        events += wire.receive_data(raw)
        wire.data_to_send()
    last = events[-1]
    assert isinstance(last, ConnectionFailed)
    assert "answered" in last.fault.detail
    requests = sum(isinstance(event, RequestReceived) for event in events)
    assert requests <= 101


def test_answered_streams_may_be_reset_for_ever() -> None:
    wire = serve()
    for number in range(1, 2000, 2):
        wire.receive_data(headers(number, CONNECT))
        wire.accept(number, [])
        wire.data_to_send()
        assert aborted(wire.receive_data(rst(number, 8))) == [(number, FaultKind.CLIENT_GONE)]
        for _, flags, _, payload in [f for f in peers.frames(wire.data_to_send()) if f[0] == 6]:
            assert not flags
            wire.receive_data(frame(6, 1, 0, payload))


def gone_away(wire: Http2Server) -> bool:
    return any(kind == 7 for kind, *_ in peers.frames(wire.data_to_send()))


def test_after_so_many_requests_no_more_are_accepted_and_open_ones_go_on() -> None:
    wire = serve(max_requests=3)
    for number in (1, 3, 5):
        assert not wire.shutting_down
        wire.receive_data(headers(number, CONNECT))
        wire.accept(number, [])
    assert wire.shutting_down
    assert gone_away(wire)
    assert [type(event) for event in wire.receive_data(headers(7, CONNECT))] == []
    assert wire.receive_data(data(3, b"on")) == [StreamData(3, b"on", 2)]


@pytest.mark.parametrize("how", ["reset", "made to reset"])
@pytest.mark.parametrize(("carried", "most"), [(b"", 11), (b"x" * 63, 11), (b"x" * 64, 101)])
def test_streams_that_are_reset_after_their_answer_count_more(how: str, carried: bytes, most: int) -> None:
    wire = serve(max_requests=101)
    number = 1
    while not wire.shutting_down:
        wire.receive_data(headers(number, CONNECT))
        wire.accept(number, [])
        if carried:
            wire.receive_data(data(number, carried))
        wire.receive_data(rst(number, 8) if how == "reset" else update(number, 2**31 - 1))
        assert not wire.is_open(number)
        for kind, flags, _, payload in peers.frames(wire.data_to_send()):
            if kind == 6 and not flags:
                wire.receive_data(frame(6, 1, 0, payload))
        number += 2
    assert number // 2 == most


def test_answers_make_good_for_resets() -> None:
    wire = serve()
    for number in range(1, 1000, 4):
        wire.receive_data(headers(number, CONNECT) + headers(number + 2, GET, 5) + rst(number, 8))
        wire.respond(number + 2, 200, [])
        for kind, flags, _, payload in peers.frames(wire.data_to_send()):
            if kind == 6 and not flags:
                wire.receive_data(frame(6, 1, 0, payload))
    assert wire.open_streams == 0
    assert wire.receive_data(headers(2001, GET)) != []


def test_a_client_that_answers_probes_without_reading_is_bounded() -> None:
    wire = serve()
    events: list[ServerEvent] = []
    pings = frame(6, 0, 0, b"12345678") * 500 + frame(6, 1, 0, b"aigw fl?")
    for _ in range(40):
        events += wire.receive_data(pings)
    assert isinstance(events[-1], ConnectionFailed)
    assert len(wire.data_to_send(1 << 24)) < 300_000


FLOODS = {
    "PING": frame(6, 0, 0, b"12345678"),
    "SETTINGS": settings({1: 0, 4: 5}) + settings({1: 4096}),
    "empty DATA": data(1, b""),
    "WINDOW_UPDATE": update(1, 1),
    "PRIORITY": frame(2, 0, 1, b"\0\0\0\3\0"),
    "empty DATA on a closed stream": data(3, b""),
    "HEADERS on a closed stream": headers(3, GET, 5),
    "trailers on a closed stream": headers(3, [(b"x", b"y")], 5),
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_end_the_connection(name: str) -> None:
    wire = serve()
    wire.receive_data(headers(1, CONNECT) + headers(3, CONNECT))
    wire.accept(1, [])
    wire.reset(3, 8)
    events: list[ServerEvent] = []
    for _ in range(FLOOD // 64 + 1):
        events += wire.receive_data(FLOODS[name] * 64)
        wire.data_to_send(1 << 20)
    assert isinstance(events[-1], ConnectionFailed)
    assert wire.data_to_send(1 << 20) == b""


def test_a_header_block_without_end_is_bounded() -> None:
    wire = serve(head_bytes=4096)
    events = wire.receive_data(headers(1, GET, 0) + frame(9, 0, 1, bytes(1000)) * 5)
    assert isinstance(events[-1], ConnectionFailed)
    assert peers.frames(wire.data_to_send())[-1] == (7, 0, 0, struct.pack(">II", 0, 11))


# -- the connection's ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\n\r\n", PREFACE[:-1] + b"x", PREFACE + headers(1, GET), b"P\0"])
@pytest.mark.parametrize("cut", ["whole", "bytes"])
def test_other_protocols_end_the_connection(raw: bytes, cut: str) -> None:
    wire = serve(greeted=False)
    pieces = [raw] if cut == "whole" else [raw[i : i + 1] for i in range(len(raw))]
    events = [event for piece in pieces for event in wire.receive_data(piece)]
    assert [type(event) for event in events] == [ConnectionFailed]
    assert peers.frames(wire.data_to_send())[-1][0] == 7
    assert wire.receive_data(b"x") == wire.receive_eof() == []


def test_shutdown_refuses_new_streams_and_lets_the_open_ones_finish() -> None:
    wire = serve()
    wire.receive_data(headers(1, CONNECT))
    wire.accept(1, [])
    wire.data_to_send()
    wire.shutdown()
    wire.shutdown()
    assert peers.frames(wire.data_to_send()) == [(7, 0, 0, struct.pack(">II", 1, 0))]
    assert wire.receive_data(headers(3, CONNECT)) == []
    assert peers.frames(wire.data_to_send()) == [(3, 0, 3, struct.pack(">I", 7))]
    assert wire.receive_data(data(1, b"x")) == [StreamData(1, b"x", 1)]
    wire.send(1, b"y")
    assert peers.frames(wire.data_to_send()) == [(0, 0, 1, b"y")]


def test_a_clients_goaway() -> None:
    wire = serve()
    wire.receive_data(headers(1, CONNECT))
    wire.accept(1, [])
    assert wire.receive_data(goaway(0) + data(1, b"x")) == [StreamData(1, b"x", 1)]
    wire.send(1, b"y")
    assert peers.frames(wire.data_to_send())[-1] == (0, 0, 1, b"y")
    events = wire.receive_data(goaway(0, 2))
    assert aborted(events) == [(1, FaultKind.CONNECTION_LOST)]
    assert isinstance(events[-1], ConnectionFailed)


@pytest.mark.parametrize("clean", [True, False])
def test_the_end_of_the_connection_ends_every_stream(clean: bool) -> None:
    wire = serve()
    wire.receive_data(headers(1, CONNECT) + headers(3, GET, 5))
    events = wire.receive_eof() if clean else wire.connection_lost("reset")
    assert aborted(events) == [(1, FaultKind.CLIENT_GONE), (3, FaultKind.CLIENT_GONE)]
    assert isinstance(events[-1], ConnectionFailed)
    assert wire.open_streams == 0
    assert wire.connection_lost("again") == []


# -- any bytes ------------------------------------------------------------------------------------------------------

some_stream = st.sampled_from((1, 1, 1, 3, 3, 5, 7, 2, 0))
some_frame = st.one_of(
    st.builds(
        data,
        some_stream,
        st.sampled_from((b"", b"x", b"x" * 300)),
        end=st.sampled_from((False, False, True)),
        pad=st.sampled_from((None, None, 0, 9)),
    ),
    st.builds(
        headers, some_stream, st.sampled_from((GET, CONNECT, GET[1:], [(b"x", b"y")])), st.sampled_from((4, 5, 0))
    ),
    st.builds(rst, some_stream, st.sampled_from((0, 8))),
    st.builds(update, some_stream, st.sampled_from((0, 1, 2**31 - 1))),
    st.builds(goaway, some_stream, st.sampled_from((0, 0, 1))),
    st.builds(frame, st.integers(0, 12), st.integers(0, 255), some_stream, st.binary(max_size=12)),
    st.builds(settings, st.dictionaries(st.integers(1, 9), st.integers(0, 70_000), max_size=2), ack=st.booleans()),
)


@given(
    st.lists(some_frame, max_size=12),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=2),
    st.lists(st.integers(0, 1 << 20), max_size=6),
)
def test_any_frames_read_alike_under_any_cuts(
    parts: list[bytes], mutations: list[tuple[int, int]], cuts: list[int]
) -> None:
    parts = [headers(1, CONNECT), *parts]
    raw = bytearray(b"".join(parts))
    for where, value in mutations:
        raw[where % len(raw)] = value
    whole = bytes(raw)
    expected = served([whole])
    assert served(cuttings(whole, cuts)) == expected
    assert served(cuttings(whole, accumulate(map(len, parts)))) == expected  # one frame a read
    assert served([whole[i : i + 1] for i in range(len(whole))]) == expected


@given(st.lists(some_frame, max_size=12), st.data())
def test_any_calls_among_any_frames_raise_misuse_alone(parts: list[bytes], draw: st.DataObject) -> None:
    wire = serve()
    link: Http2Connection = wire
    calls = {
        "accept": lambda stream: wire.accept(stream, []),
        "respond": lambda stream: wire.respond(stream, 200, [], b"body"),
        "send": lambda stream: wire.send(stream, b"x" * 20_000),
        "end": wire.end,
        "reset": lambda stream: wire.reset(stream, 8),
        "take": lambda stream: wire.data_to_send(100),
        "shutdown": lambda stream: wire.shutdown(),
        "consume": lambda stream: wire.consume(stream, 1),
    }
    for part in [headers(1, CONNECT), headers(3, GET), *parts]:
        wire.receive_data(part)
        for name in draw.draw(st.lists(st.sampled_from(sorted(calls)), max_size=3)):
            try:
                calls[name](draw.draw(st.sampled_from((1, 3, 5))))
            except LocalProtocolError:
                continue
        for number, stream in link._streams.items():
            assert stream.queued == sum(map(len, stream.queue)) - stream._offset
            assert link._h2.streams[number].open
    wire.receive_eof()
    assert wire.open_streams == 0
    while wire.data_to_send():
        pass


def test_the_fields_of_trailers_are_counted() -> None:
    wire = serve(head_fields=3)
    for number, count in ((1, 3), (3, 4)):
        wire.receive_data(headers(number, [(b":method", b"POST"), *GET[1:]]))
        events = wire.receive_data(headers(number, [(b"x", b"y")] * count, 5))
        assert events == [StreamEof(1)] if count == 3 else aborted(events) == [(3, FaultKind.PROTOCOL_ERROR)]
