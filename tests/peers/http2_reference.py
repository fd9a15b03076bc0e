"""Plain h2 as the reference for the HTTP/2 wires, and the outcome that a wire's events add up to.

Decides: what a plain use of h2 reads from a server's bytes. Must not know: how
our wires are built inside.
"""

import struct
from collections.abc import Iterable

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    InformationalResponseReceived,
    RequestReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error, InvalidBodyLengthError
from h2.settings import SettingCodes, Settings
from tests.peers.http2_frames import END_HEADERS, Fields, settings

from aigw_sansio.wires.http import (
    BodyData,
    ConnectionFailed,
    Request,
    ResponseEnd,
    ResponseHead,
    WireEvent,
)
from aigw_sansio.wires.http2.client import Http2Client
from aigw_sansio.wires.http2.events import StreamAborted, StreamData
from aigw_sansio.wires.http2.fields import content_length, read_response, read_trailers
from aigw_sansio.wires.http2.frames import PREFACE
from aigw_sansio.wires.http2.server import Http2Server


class Reading:
    """The outcome of each stream: head, body, and how it ended ("end", "failed", "unprocessed" or still open)."""

    def __init__(self) -> None:
        self.heads: dict[int, tuple[int, Fields]] = {}
        self.bodies: dict[int, bytes] = {}
        self.ends: dict[int, str] = {}
        self.failed = False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reading) and vars(self) == vars(other)

    def __repr__(self) -> str:
        return repr(vars(self))


def reading(events: Iterable[WireEvent]) -> Reading:
    """The outcome of each stream by a wire's events; asserts their order."""
    found = Reading()
    for event in events:
        assert not found.failed
        if isinstance(event, ConnectionFailed):
            found.failed = True
            continue
        assert event.stream not in found.ends
        if isinstance(event, ResponseHead):
            assert event.stream not in found.heads
            found.heads[event.stream] = event.status, event.headers
            found.bodies[event.stream] = b""
        elif isinstance(event, BodyData):
            assert event.data
            found.bodies[event.stream] += event.data
        elif isinstance(event, ResponseEnd):
            found.ends[event.stream] = "end"
        else:
            found.ends[event.stream] = "unprocessed" if event.unprocessed else "failed"
    return found


class Reference:
    """A client on plain h2: one frame a call, every DATA frame through h2, h2's own windows.

    What our wire decides differently on purpose is repeated here: the first frame is SETTINGS, malformed messages
    end their stream alone, frames and header blocks are bounded, GOAWAY does not end what is in flight.
    ``stopped`` is set if h2 has ended the connection and ours ends the stream: compare no further.
    """

    def __init__(self, streams: Iterable[int], cancelled: Iterable[int], *, head_bytes: int, window: int) -> None:
        config = H2Configuration(client_side=True, header_encoding=None, validate_inbound_headers=False)
        self.conn = conn = H2Connection(config)
        conn.local_settings = Settings(
            client=True,
            initial_values={SettingCodes.ENABLE_PUSH: 0, SettingCodes.INITIAL_WINDOW_SIZE: window},
        )
        conn.decoder.max_header_list_size = head_bytes
        conn.initiate_connection()
        conn.increment_flow_control_window(1 << 24)
        self.head_bytes = head_bytes
        self.open = set(streams)
        for stream in sorted({*streams, *cancelled}):
            conn.send_headers(stream, [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")])
            conn.end_stream(stream)
        for stream in cancelled:
            conn.reset_stream(stream, 8)
        self.reading = Reading()
        self.declared: dict[int, int | None] = {}
        self.stopped: int | None = None
        self.greeted = False
        self.in_block = False
        self.block_size = 0

    def end(self, stream: int, how: str) -> None:
        if stream in self.open:
            self.open.discard(stream)
            self.reading.ends[stream] = how

    def fail(self) -> None:
        for stream in list(self.open):
            self.end(stream, "failed")
        self.reading.failed = True

    def malformed(self, stream: int) -> None:
        if stream in self.open:
            self.end(stream, "failed")
            if self.conn.streams[stream].open:
                self.conn.reset_stream(stream, 1)

    def read(self, raw: bytes) -> None:
        while len(raw) >= 9 and not self.reading.failed and self.stopped is None:
            word, flags, _ = struct.unpack_from(">IBI", raw)
            length, kind = word >> 8, word & 0xFF
            if length > 16384:
                self.fail()
                return
            if len(raw) < 9 + length:
                return
            self.one(kind, flags, raw[: 9 + length])
            raw = raw[9 + length :]

    def one(self, kind: int, flags: int, raw: bytes) -> None:
        stream = struct.unpack_from(">I", raw, 5)[0] & 0x7FFFFFFF
        if not self.greeted and (kind != 4 or flags & 1):
            self.fail()
            return
        self.greeted = True
        if kind == 5 or (kind == 9 and not self.in_block):
            self.fail()
            return
        if kind in (1, 9):
            self.block_size = len(raw) - 9 + (self.block_size if kind == 9 else 0)
            self.in_block = not flags & END_HEADERS
            if self.block_size > self.head_bytes:
                self.fail()
                return
        try:
            events = self.conn.receive_data(raw)
        except InvalidBodyLengthError:
            self.stopped = stream
            return
        except H2Error:
            self.fail()
            return
        self.conn.data_to_send()
        if kind == 0 and len(raw) > 9 and self.conn.inbound_flow_control_window < 1 << 24:
            self.conn.increment_flow_control_window(1 << 14)
        for event in events:
            self.event(event)

    def event(self, event: object) -> None:
        reading = self.reading
        if isinstance(event, RequestReceived):
            self.fail()
        elif isinstance(event, InformationalResponseReceived):
            if event.stream_id in self.open and isinstance(read_response(event.headers, interim=True), str):
                self.malformed(event.stream_id)
        elif isinstance(event, ResponseReceived):
            stream = event.stream_id
            head = read_response(event.headers)
            if isinstance(head, str):
                self.malformed(stream)
            elif stream in self.open:
                reading.heads[stream] = head
                reading.bodies[stream] = b""
                self.declared[stream] = 0 if head[0] in (204, 304) else content_length(head[1])
        elif isinstance(event, TrailersReceived):
            if read_trailers(event.headers) is not None:
                self.malformed(event.stream_id)
        elif isinstance(event, DataReceived):
            stream = event.stream_id
            if stream in self.open:
                declared = self.declared[stream]
                if declared is not None and len(reading.bodies[stream]) + len(event.data) > declared:
                    self.malformed(stream)
                else:
                    reading.bodies[stream] += event.data
        elif isinstance(event, StreamEnded):
            stream = event.stream_id
            if stream in self.open:
                declared = self.declared.get(stream)
                if declared is not None and len(reading.bodies[stream]) != declared:
                    self.malformed(stream)
                else:
                    self.end(stream, "end")
        elif isinstance(event, StreamReset):
            self.end(event.stream_id, "unprocessed" if event.error_code == 7 and event.remote_reset else "failed")
        elif isinstance(event, ConnectionTerminated):
            self.conn.state_machine.state = ConnectionState.CLIENT_OPEN
            for stream in [stream for stream in self.open if stream > (event.last_stream_id or 0)]:
                self.end(stream, "unprocessed")
                self.conn.reset_stream(stream, 8)
            if event.error_code:
                self.fail()


#: For :func:`hold_client_to_h2`: streams that are open, cancelled; the largest header section; a stream's window.
OPEN, CANCELLED, HEAD_BYTES, WINDOW = (1, 3, 9), (5, 7), 4096, 65_535


def _received(pieces: Iterable[bytes]) -> Reading:
    wire = Http2Client(head_bytes=HEAD_BYTES, stream_window=WINDOW)
    for _ in range(5):
        wire.send_request(Request(b"GET", b"https", b"a", b"/", [], b""))
    for stream in CANCELLED:
        wire.cancel(stream)
    events: list[WireEvent] = []
    for piece in pieces:
        if piece:
            events += wire.receive_data(piece)
            wire.data_to_send()
    return reading(events)


def hold_client_to_h2(raw: bytes, ways: Iterable[list[bytes]]) -> Reading:
    """A server's bytes ``raw``, whole, in each of ``ways`` to cut them and, if short, byte by byte: our client wire
    reads what plain h2 reads."""
    reference = Reference(OPEN, CANCELLED, head_bytes=HEAD_BYTES, window=WINDOW)
    reference.read(raw)
    found = _received([raw])
    for pieces in ways:
        assert _received(pieces) == found
    if len(raw) < 2000:
        assert _received([raw[i : i + 1] for i in range(len(raw))]) == found
    if reference.stopped is not None:
        assert found.ends.get(reference.stopped) == "failed"
        assert found.heads.items() >= reference.reading.heads.items()
    else:
        assert found == reference.reading, f"h2: {reference.reading}; wire: {found}"
    return found


def served(pieces: Iterable[bytes]) -> tuple[dict[int, list[object]], bool]:
    """The events of each stream, data joined, and whether the connection failed; asserts their order."""
    wire = Http2Server()
    wire.receive_data(PREFACE + settings())
    found: dict[int, list[object]] = {}
    failed = False
    for piece in filter(None, pieces):
        for event in wire.receive_data(piece):
            assert not failed
            if isinstance(event, ConnectionFailed):
                failed = True
                continue
            story = found.setdefault(event.stream, [])
            if isinstance(event, StreamData):
                assert event.data
                if story and isinstance(story[-1], bytes):
                    story[-1] += event.data
                else:
                    story.append(event.data)
            else:
                assert not story or not isinstance(story[-1], StreamAborted)
                story.append(event)
        wire.data_to_send()
    return found, failed
