"""DATA frames of 200 bytes: our reader in front of h2 against h2 alone. ``python -m tests.benchmarks.h2_data``.

Decides: what is compared. Both sides read the same frames of one open stream, hand the data out and give the credit
back, so both end each call as they began it.
"""

from collections.abc import Callable
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived
from tests.benchmarks._timing import compare, print_table
from tests.peers.http2_frames import data, headers, settings

from aigw_sansio.wires.http import BodyData, Request
from aigw_sansio.wires.http2.client import Http2Client
from aigw_sansio.wires.http2.events import StreamData
from aigw_sansio.wires.http2.server import Http2Server

SIZE: Final = 200
REQUEST: Final = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/")]


def ours(raw: bytes) -> Callable[[], object]:
    wire = Http2Client()
    wire.send_request(Request(b"GET", b"https", b"a", b"/", [], b""))
    wire.receive_data(settings() + headers(1, [(b":status", b"200")]))
    wire.data_to_send()

    def run() -> None:
        for event in wire.receive_data(raw):
            assert isinstance(event, BodyData)
            wire.consume(1, event.flow)
        wire.data_to_send()

    return run


def plain_h2(raw: bytes) -> Callable[[], object]:
    conn = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    conn.initiate_connection()
    conn.send_headers(1, REQUEST, end_stream=True)
    conn.receive_data(settings() + headers(1, [(b":status", b"200")]))
    conn.data_to_send()

    def run() -> None:
        for event in conn.receive_data(raw):
            assert isinstance(event, DataReceived)
            conn.acknowledge_received_data(event.flow_controlled_length, 1)
        conn.data_to_send()

    return run


def ours_serving(raw: bytes) -> Callable[[], object]:
    """Receive on an accepted stream and send as many bytes back."""
    wire = Http2Server()
    wire.receive_data(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings({4: 2**31 - 1}))
    connect = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *REQUEST[1:]]
    wire.receive_data(headers(1, connect))
    wire.accept(1, [])
    wire.data_to_send()
    reply = bytes(SIZE)
    count = len(raw) // (SIZE + 9)

    def run() -> None:
        wire._h2.outbound_flow_control_window = 1 << 24  # the client has read all
        for event in wire.receive_data(raw):
            assert isinstance(event, StreamData)
            wire.consume(1, event.flow)
        for _ in range(count):
            wire.send(1, reply)
        while wire.data_to_send():
            pass
        wire._h2.streams[1].outbound_flow_control_window = 1 << 24

    return run


def h2_serving(raw: bytes) -> Callable[[], object]:
    conn = H2Connection(H2Configuration(client_side=False, header_encoding=None))
    conn.initiate_connection()
    conn.receive_data(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings({4: 2**31 - 1}) + headers(1, REQUEST))
    conn.send_headers(1, [(":status", "200")])
    conn.data_to_send()
    reply = bytes(SIZE)

    def run() -> None:
        conn.outbound_flow_control_window = 1 << 24
        for event in conn.receive_data(raw):
            assert isinstance(event, DataReceived)
            conn.acknowledge_received_data(event.flow_controlled_length, 1)
            conn.send_data(1, reply)
        conn.data_to_send()
        conn.streams[1].outbound_flow_control_window = 1 << 24

    return run


def main() -> None:
    for count in (1, 8, 150):
        raw = data(1, bytes(SIZE)) * count
        results = compare({"h2": plain_h2(raw), "ours": ours(raw)}, per_call=count)
        print_table(f"receive, {count} frames of {SIZE} B a read, per frame", results)
        results = compare({"h2": h2_serving(raw), "ours": ours_serving(raw)}, per_call=count)
        print_table(f"receive and send back, {count} at a time, per frame", results)


if __name__ == "__main__":
    main()
