"""The inner parts of h2 that our repairs rely on: each test shows that a repair is still needed, and that it still works."""

import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded
from h2.exceptions import InvalidBodyLengthError, ProtocolError
from h2.settings import SettingCodes
from hpack import Decoder
from tests.peers import http2_frames as peers
from tests.peers.http2_frames import data, goaway, headers, rst, settings, update

from aigw_sansio.wires.head_memo import HeaderSection
from aigw_sansio.wires.http2 import repairs

REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")]
LONG = [(b":status", b"200"), (b"content-length", b"5")]


def start(*, client: bool = True) -> H2Connection:
    given = {} if client else {SettingCodes.MAX_CONCURRENT_STREAMS: 1}
    conn = repairs.start(client=client, settings=given, head_limit=4096, stream_window=70_000)
    if client:
        conn.send_headers(1, REQUEST)
        conn.receive_data(settings())
    return conn


def test_the_settings_are_sent_once_and_from_the_start() -> None:
    [first] = peers.frames(
        repairs.start(client=True, settings={}, head_limit=4096, stream_window=70_000).data_to_send()
    )
    assert first == peers.frames(settings({1: 4096, 2: 0, 4: 70_000, 5: 16_384, 8: 0, 6: 4096}))[0]


def test_streams_in_flight_need_the_connection_reopened_after_goaway() -> None:
    conn = start()
    conn.receive_data(headers(1, LONG) + goaway(1))
    with pytest.raises(ProtocolError):
        conn.receive_data(data(1, b"12345", end=True))
    conn = start()
    conn.receive_data(headers(1, LONG) + goaway(1))
    repairs.reopen(conn)
    assert isinstance(conn.receive_data(data(1, b"12345", end=True))[-1], StreamEnded)
    conn.end_stream(1)


def test_goaway_still_empties_the_output() -> None:
    """Why output is moved out after every call: a request not yet sent would be lost."""
    conn = start()
    assert conn._data_to_send
    conn.receive_data(goaway(1))
    assert conn.data_to_send() == b""


def test_events_before_an_error_in_the_same_call_are_still_lost() -> None:
    """Why h2 is given one frame a call."""
    raw = headers(1, LONG) + data(1, b"12345")
    assert isinstance(start().receive_data(raw)[-1], DataReceived)
    with pytest.raises(ProtocolError):
        start().receive_data(raw + update(0, 0))


def test_the_length_of_a_body_that_h2_does_not_see_has_to_be_forgotten() -> None:
    conn = start()
    conn.receive_data(headers(1, LONG))
    with pytest.raises(InvalidBodyLengthError):
        conn.receive_data(data(1, b"", end=True))
    conn = start()
    conn.receive_data(headers(1, LONG))
    repairs.forget_length(conn, 1)
    assert isinstance(conn.receive_data(data(1, b"", end=True))[-1], StreamEnded)


def test_a_stream_closes_quietly() -> None:
    conn = start()
    conn.data_to_send()
    repairs.close_quietly(conn, 1)
    assert conn.data_to_send() == b""
    assert conn.open_outbound_streams == 0
    assert conn.receive_data(rst(1, 8)) == []


def test_a_server_announces_its_limit_and_counts_itself() -> None:
    conn = start(client=False)
    [first] = peers.frames(conn.data_to_send())
    assert b"\0\3\0\0\0\1" in first[3]
    conn.receive_data(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings() + settings(ack=True))
    fields = [(name.encode(), value.encode()) for name, value in REQUEST]
    for stream in (1, 3, 5):
        conn.receive_data(headers(stream, fields))
    assert conn.open_inbound_streams == 3


def test_the_peer_does_not_size_our_table() -> None:
    conn = start()
    conn.data_to_send()
    for size in (1 << 30, 0, 100, 1 << 20):
        conn.receive_data(settings({1: size}))
        repairs.bound_table(conn)
        assert conn.encoder.header_table_size <= 4096
    assert conn.encoder.table_size_changes == [0, 4096]
    conn.receive_data(settings({1: 50}))
    repairs.bound_table(conn)
    assert conn.encoder.header_table_size == 50


def test_a_table_size_that_is_named_twice_is_still_announced() -> None:
    conn = start()
    conn.data_to_send()
    for _ in range(2):
        conn.receive_data(settings({1: 0}))
        forgotten = not conn.encoder.header_table.resized
        repairs.bound_table(conn)
    assert forgotten  # by hpack
    assert conn.encoder.encode([(b":method", b"GET")])[:1] == b"\x20"
    assert conn.encoder.encode([(b":method", b"GET")])[:1] != b"\x20"


def test_a_section_that_is_sent_again_leaves_both_tables_equal_on_every_connection() -> None:
    section = HeaderSection([(name.encode(), value.encode()) for name, value in REQUEST] + [(b"x-own", b"x" * 60)])
    for streams in ((1,), (1, 3, 5, 7), (1, 3, 5, 7)):
        conn = repairs.start(client=True, settings={}, head_limit=4096, stream_window=70_000)
        conn.receive_data(settings())
        conn.data_to_send()
        peer, sizes = Decoder(), []
        for stream in streams:
            repairs.send_request(conn, stream, section, b"17", end_stream=False)
            [frame] = peers.frames(conn.data_to_send())
            sizes.append(len(frame[3]))
            assert dict(peer.decode(frame[3], raw=True)) == {**dict(section.fields), b"content-length": b"17"}
            assert list(conn.encoder.header_table.dynamic_entries) == list(peer.header_table.dynamic_entries)
        assert all(size < sizes[0] for size in sizes[1:])


def test_h2_forgets_closed_streams_in_time() -> None:
    conn = start()
    for stream in range(3, 2 * repairs.REMEMBERED + 100, 2):
        conn.send_headers(stream, REQUEST)
        conn.reset_stream(stream)
        conn.data_to_send()
    assert len(conn._closed_streams) <= repairs.REMEMBERED
