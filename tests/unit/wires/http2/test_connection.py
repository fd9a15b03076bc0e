"""One HTTP/2 connection, whichever end it is: limits, credit, floods, and breaches of the protocol.

Most of it is shown on the client wire; the breaches on both roles, because both read frames in the same place.
"""

import struct

import pytest
from tests.peers import http2_frames as peers
from tests.peers.http2_frames import data, frame, goaway, headers, rst, settings, update
from tests.peers.http2_reference import reading
from tests.rigs.http2_client_wire import OK, client, request

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import FaultKind, Side
from aigw_sansio.wires.http import BodyData, ConnectionFailed
from aigw_sansio.wires.http2.connection import Http2Connection
from aigw_sansio.wires.http2.events import StreamAborted
from aigw_sansio.wires.http2.floods import FLOOD, PROBE_AFTER
from aigw_sansio.wires.http2.frames import PREFACE
from aigw_sansio.wires.http2.server import Http2Server

# -- credit -----------------------------------------------------------------------------------------------------------


def test_a_stream_gets_credit_by_consumption_only_and_the_connection_at_once() -> None:
    wire = client(connection_window=1 << 20)
    for _ in range(2):
        wire.send_request(request())
    wire.receive_data(headers(1, OK) + headers(3, OK))
    wire.data_to_send()
    for _ in range(16):  # 256 KiB: the whole window of stream 1
        assert wire.receive_data(data(1, bytes(16_384))) != []
    assert [f[2] for f in peers.frames(wire.data_to_send())] == []
    wire.receive_data(data(3, bytes(16_384)))
    assert peers.frames(wire.data_to_send()) == [(8, 0, 0, struct.pack(">I", 17 * 16_384))]
    wire.consume(1, 32_767)
    assert wire.data_to_send() == b""
    wire.consume(1, 32_760)
    assert peers.frames(wire.data_to_send()) == [(8, 0, 1, struct.pack(">I", 32_768))]  # a whole quantum, no more
    with pytest.raises(LocalProtocolError, match="more than was received"):
        wire.consume(1, 1 << 18)
    assert wire.receive_data(data(1, bytes(16_384)) * 2) == [BodyData(1, bytes(32_768), 32_768)]
    assert isinstance(wire.receive_data(data(1, b"x"))[-1], ConnectionFailed)


def test_a_stream_over_its_window_fails_the_connection() -> None:
    wire = client(stream_window=65_535)
    wire.send_request(request())
    events = wire.receive_data(headers(1, OK) + data(1, bytes(16_384)) * 4)
    found = reading(events)
    assert len(found.bodies[1]) == 3 * 16_384
    assert found.ends == {1: "failed"}
    assert found.failed
    assert peers.frames(wire.data_to_send())[-1] == (7, 0, 0, struct.pack(">II", 0, 3))


def test_credit_for_padding_is_given_back_by_the_wire() -> None:
    wire = client()
    wire.send_request(request())
    wire.receive_data(headers(1, OK))
    wire.data_to_send()
    assert wire.receive_data(data(1, b"", pad=255) * 128) == []
    assert peers.frames(wire.data_to_send()) == [(8, 0, 1, struct.pack(">I", 32_768))]


# -- breaches of the protocol -----------------------------------------------------------------------------------------


BROKEN = {
    "HTTP/1.1 answer": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "no SETTINGS first": update(0, 1),
    "DATA first": data(1, b"x"),
    "SETTINGS ack first": settings(ack=True),
    "oversized frame": settings() + frame(0, 0, 1, b"")[:1] + b"\x40\x01" + frame(0, 0, 1)[3:],
    "DATA before the head": settings() + data(1, b"x"),
    "DATA on an idle stream": settings() + data(9, b"x"),
    "padding without length": settings() + headers(1, OK) + frame(0, 8, 1),
    "too much padding": settings() + headers(1, OK) + frame(0, 8, 1, b"\5abcd"),
    "push": settings() + frame(5, 4, 1, b"\0\0\0\2" + peers.block(OK)),
    "naked CONTINUATION": settings() + frame(9, 4, 1, peers.block(OK)),
    "DATA inside a header block": settings() + headers(1, OK, 0) + data(1, b"x"),
    "DATA of another stream inside": settings() + headers(1, OK) + headers(1, OK, 0) + data(1, b"x"),
    "CONTINUATION of another stream": settings() + headers(1, OK, 0) + frame(9, 4, 3, b""),
    "CONTINUATION flood": settings() + headers(1, OK, 0) + frame(9, 0, 1) * 100,
    "header block too long": settings() + headers(1, OK, 0) + frame(9, 0, 1, bytes(16_384)) * 3,
    "HPACK bomb": settings() + frame(1, 4, 1, b"\x88\x40\x01a\x7f\xa1\x1e" + b"v" * 4000 + b"\xbe" * 9),
    "broken HPACK": settings() + frame(1, 4, 1, b"\xff\xff\xff\xff\xff"),
    "WINDOW_UPDATE of nothing": settings() + update(0, 0),
    "window past 2**31": settings() + update(0, 2**31 - 1),
    "SETTINGS of five bytes": settings() + frame(4, 0, 0, b"12345"),
    "window setting past 2**31": settings({4: 2**31}),
    "PING of seven bytes": settings() + frame(6, 0, 0, b"1234567"),
    "stream opened by the server": settings() + headers(2, OK),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("cut", ["whole", "bytes"])
def test_breaches_by_a_server_end_the_connection(name: str, cut: str) -> None:
    wire = client(greeted=False)
    wire.send_request(request())
    wire.data_to_send()
    raw = BROKEN[name]
    pieces = [raw] if cut == "whole" else [raw[i : i + 1] for i in range(len(raw))]
    events = [event for piece in pieces for event in wire.receive_data(piece)]
    last = events[-1]
    assert isinstance(last, ConnectionFailed)
    assert last.fault.kind is FaultKind.MALFORMED_RESPONSE
    assert set(reading(events).ends) == {1}
    assert peers.frames(wire.data_to_send())[-1][0] == 7
    assert (wire.capacity, wire.reusable) == (0, False)


#: The same breaches by a client: on stream 1, which has a request whose body goes on.
BROKEN_FOR_A_SERVER = {
    name: BROKEN[name].removeprefix(settings()).replace(headers(1, OK), b"")
    for name in (
        "too much padding",
        "padding without length",
        "push",
        "naked CONTINUATION",
        "broken HPACK",
        "WINDOW_UPDATE of nothing",
        "window past 2**31",
        "SETTINGS of five bytes",
        "PING of seven bytes",
        "DATA on an idle stream",
    )
} | {
    "oversized frame": b"\x00\x40\x01" + frame(0, 0, 1)[3:],
    "DATA inside a header block": headers(3, [(b":method", b"POST")], 0) + data(1, b"x"),
    "CONTINUATION of another stream": headers(3, [(b":method", b"POST")], 0) + frame(9, 4, 1),
    "stream opened with an even number": headers(2, [(b":method", b"POST")]),
}


@pytest.mark.parametrize("name", BROKEN_FOR_A_SERVER)
@pytest.mark.parametrize("cut", ["whole", "bytes"])
def test_breaches_by_a_client_end_the_connection(name: str, cut: str) -> None:
    wire = Http2Server()
    fields = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/")]
    wire.receive_data(PREFACE + settings() + headers(1, fields))
    wire.data_to_send()
    raw = BROKEN_FOR_A_SERVER[name]
    pieces = [raw] if cut == "whole" else [raw[i : i + 1] for i in range(len(raw))]
    events = [event for piece in pieces for event in wire.receive_data(piece)]
    aborted, last = events[-2:]
    assert isinstance(aborted, StreamAborted)
    assert aborted.stream == 1
    assert isinstance(last, ConnectionFailed)
    assert (last.fault.kind, last.fault.side) == (FaultKind.PROTOCOL_ERROR, Side.CLIENT)
    assert peers.frames(wire.data_to_send())[-1][0] == 7
    assert wire.open_streams == 0
    assert wire.receive_data(raw) == []


# -- floods and bounds ------------------------------------------------------------------------------------------------


FLOODS = {
    "PING": frame(6, 0, 0, b"12345678"),
    "SETTINGS": settings(),
    "empty DATA": data(1, b""),
    "padding alone": data(1, b"", pad=0),
    "RST_STREAM": rst(1, 0),
    "PRIORITY": frame(2, 0, 1, b"\0\0\0\3\0"),
    "WINDOW_UPDATE": update(0, 1),
    "unknown": frame(99, 0, 0),
    "GOAWAY": goaway(2**31 - 1),
    "PING ack": frame(6, 1, 0, b"12345678"),
    "1xx": headers(3, [(b":status", b"100")]),
    "DATA of a cancelled stream": data(5, b""),
    "HEADERS of a cancelled stream": headers(5, OK),
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_are_bounded_unless_the_peer_reads(name: str) -> None:
    flood = FLOODS[name]
    for reads in (False, True):
        wire = client()
        for _ in range(3):
            wire.send_request(request())
        wire.cancel(5)
        wire.receive_data(data(5, b"x") * 2 * FLOOD)  # what was under way is no flood
        events = wire.receive_data(headers(1, OK))
        for _ in range(2 * FLOOD // 512):
            events += wire.receive_data(flood * 512)
            for kind, flags, _, payload in peers.frames(wire.data_to_send()):
                if reads and kind == 6 and not flags:
                    events += wire.receive_data(frame(6, 1, 0, payload))
        assert reading(events).failed is not reads


def test_a_probe_is_sent_once_at_a_time() -> None:
    wire = client()
    wire.receive_data(frame(6, 0, 0, b"12345678") * (PROBE_AFTER + 500))
    sent = peers.frames(wire.data_to_send())
    assert len([f for f in sent if f[0] == 6 and not f[1]]) == 1
    assert len([f for f in sent if f[0] == 6 and f[1]]) == PROBE_AFTER + 500


def test_settings_do_not_make_state_grow() -> None:
    wire = client()
    for number in range(200):
        wire.receive_data(settings({1: 4096 * (number % 2), 1000 + number: 1}))
    link: Http2Connection = wire
    assert 1000 not in link._h2.remote_settings
    assert len(link._h2.encoder.table_size_changes) <= 3
    wire.send_request(request())
    wire.data_to_send()
    assert link._h2.encoder.table_size_changes == []


def test_the_memory_of_cancelled_streams_is_bounded() -> None:
    wire = client(max_streams=10)
    link: Http2Connection = wire
    for _ in range(1100):
        wire.cancel(wire.send_request(request()))
    assert len(link._ignored) == 1024
    assert len(wire._unsent) == 20
    assert wire.capacity == 10
