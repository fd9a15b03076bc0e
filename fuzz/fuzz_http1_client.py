"""On any bytes, cut anywhere, the HTTP/1.1 client wire reads the response that h11 reads, or both refuse.

``python -m fuzz.fuzz_http1_client --seconds 60``. The first byte of an input chooses the method and
the cuts; the rest is sent by the provider before it closes.
"""

from itertools import pairwise

import h11
from fuzz._fuzz import main
from fuzz._transcripts import connections

from aigw_sansio.faults import FaultKind
from aigw_sansio.wires.http import BodyData, ConnectionFailed, Request, ResponseEnd, ResponseHead, StreamFailed
from aigw_sansio.wires.http1.client import MAX_INFORMATIONAL, Http1Client

HEAD_LIMIT = 16 * 1024

#: Status, header fields, body and how it ended: "end", "last" (ended, no further request), "fault".
Reading = tuple[int | None, list[tuple[bytes, bytes]], bytes, str]


def read_with_h11(raw: bytes, method: bytes) -> tuple[Reading, bool]:
    """The reading of h11, and whether our wire is stricter there and must refuse the head."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
    connection.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"a")]))
    connection.send(h11.EndOfMessage())
    if raw:
        connection.receive_data(raw)
    eof = not raw
    if eof:
        connection.receive_data(b"")
    status: int | None = None
    headers: list[tuple[bytes, bytes]] = []
    body = bytearray()
    informational = 0
    stricter = False
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return (status, headers, bytes(body), "fault"), stricter
        if isinstance(event, h11.InformationalResponse):
            informational += 1
            stricter = informational > MAX_INFORMATIONAL
        elif isinstance(event, h11.Response):
            status, headers = event.status_code, list(event.headers)
            names = {name for name, _ in headers}
            stricter = stricter or status > 599 or {b"content-length", b"transfer-encoding"} <= names
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            last = eof or connection.our_state is h11.MUST_CLOSE
            return (status, headers, bytes(body), "last" if last else "end"), stricter
        elif event is h11.NEED_DATA and not eof:
            eof = True
            connection.receive_data(b"")
        else:
            raise AssertionError(f"h11 stopped with {event}")


def read_with_wire(raw: bytes, method: bytes, cuts: list[int]) -> Reading:
    """The reading of our wire when reads end at ``cuts``."""
    wire = Http1Client(HEAD_LIMIT)
    stream = wire.send_request(Request(method, b"https", b"a", b"/", [], b""))
    wire.data_to_send()
    status: int | None = None
    headers: list[tuple[bytes, bytes]] = []
    body = bytearray()
    how = "open"
    edges = [0, *sorted(set(cuts)), len(raw)]
    reads = [raw[start:stop] for start, stop in pairwise(edges) if stop > start]
    for number in range(len(reads) + 1):
        events = wire.receive_data(reads[number]) if number < len(reads) else wire.receive_eof()
        assert sum(isinstance(event, BodyData) for event in events) <= 1, "more than one BodyData from one read"
        for event in events:
            assert how != "fault", "an event after the failure of the connection"
            if isinstance(event, ConnectionFailed):
                assert not wire.reusable
                assert not wire.capacity
                how = "fault" if how == "failed" else how
            elif isinstance(event, StreamFailed):
                assert how == "open"
                assert (event.stream, event.unprocessed) == (stream, False)
                assert event.fault.kind in FaultKind
                how = "failed"
            else:
                assert how == "open", f"{event} after the end"
                assert event.stream == stream
                if isinstance(event, ResponseHead):
                    assert status is None
                    status, headers = event.status, event.headers
                elif isinstance(event, BodyData):
                    assert event.data
                    assert status is not None
                    body += event.data
                elif isinstance(event, ResponseEnd):
                    # Bytes behind the end spoil the connection, but not whether it would have been kept.
                    kept = wire.reusable or any(isinstance(event, ConnectionFailed) for event in events)
                    how = "end" if kept else "last"
    assert how in ("end", "last", "fault")
    return status, headers, bytes(body), how


def check(raw: bytes, method: bytes, cuts: list[int]) -> Reading:
    """Hold the invariant for one response and one way to cut it."""
    expected, stricter = read_with_h11(raw, method)
    got = read_with_wire(raw, method, cuts)
    if stricter:
        assert got == (None, [], b"", "fault"), got
    else:
        assert got == expected, f"h11: {expected}; wire: {got}"
    return got


def target(data: bytes) -> None:
    """One fuzz input."""
    if not data:
        return
    raw = data[1:]
    step = (0, 1, 2, 3, 5, 7, 16, 61)[data[0] & 7]
    method = (b"GET", b"HEAD", b"POST", b"GET")[data[0] >> 3 & 3]
    check(raw, method, list(range(step, len(raw), step)) if step else [])


_OK = b"HTTP/1.1 200 OK\r\n"
SEEDS: list[bytes] = [
    bytes([choice]) + raw
    for choice, raw in enumerate(
        (
            _OK + b"content-length: 5\r\n\r\nhello",
            _OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n",
            _OK + b"transfer-encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\n",
            _OK + b"content-type: text/event-stream\r\n\r\ndata: 1\n\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
            b"HTTP/1.0 200 OK\nx: y\n z\n\nbody",
            _OK + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello world",
            _OK + b"content-length: 5, 6\r\n\r\nhello",
            _OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            _OK + b"transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
            b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
            b"\x15\x03\x01\x00\x02\x02\x16",
            *connections("provider http/1.1"),
        )
    )
]

if __name__ == "__main__":
    main(target, SEEDS)
