"""Providers over HTTP/1.1 and HTTP/2. Requests are read by h11 and h2.

What an HTTP/1.1 provider *answers* is built by hand: a test must be able to answer badly. Nothing here imports the
gateway.
"""

from collections.abc import Iterable

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import h11
from tests.peers.peer import Headers, Seen


class Http1Provider:
    """A provider over HTTP/1.1: requests are read by h11, answers are written by hand."""

    multiplexed = False

    def __init__(self) -> None:
        self._conn = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = b""
        self._framing = "chunked"
        self.requests = 0
        self.closes = False  #: the answer under way ends with the connection

    def take(self) -> bytes:
        return b""

    def receive(self, data: bytes) -> list[Seen]:
        self._conn.receive_data(data)
        seen: list[Seen] = []
        while True:
            event = self._conn.next_event()
            if isinstance(event, h11.Request):
                self._request = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert self._request is not None
                headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._request.headers]
                line = f"{self._request.method.decode()} {self._request.target.decode('latin-1')}"
                seen.append(Seen(line, headers=headers, body=self._body))
                self._body = b""
                self.requests += 1
                rest = self._conn.trailing_data[0]
                self._conn = h11.Connection(h11.SERVER)
                if rest:
                    self._conn.receive_data(rest)
            else:
                return seen

    def head(self, status: int, headers: Headers, framing: str) -> bytes:
        """``framing``: ``chunked``, ``length`` (then ``headers`` says it), ``close`` or ``none``."""
        self._framing = framing
        self.closes = framing == "close"
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers)]
        if framing == "chunked" and status >= 200:
            lines.append("transfer-encoding: chunked")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")

    def body(self, data: bytes) -> bytes:
        if self._framing == "chunked":
            return f"{len(data):x}\r\n".encode() + data + b"\r\n" if data else b""
        return data

    def end(self) -> bytes:
        return b"0\r\n\r\n" if self._framing == "chunked" else b""


class Http2Provider:
    """A provider over HTTP/2. Requests are numbered from 1 in the order of their heads."""

    multiplexed = True

    def __init__(self) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._conn = h2.connection.H2Connection(config)
        self._conn.initiate_connection()
        self._heads: dict[int, Headers] = {}
        self._bodies: dict[int, bytes] = {}
        self._queues: dict[int, list[bytes | None]] = {}
        self.streams: list[int] = []  #: stream ids by number
        self.running: set[int] = set()
        self.promised: int | None = None  #: what its GOAWAY says: it acts on nothing above
        self.methods: dict[int, str] = {}
        self.requests = 0
        self.closes = False
        self._raw = b""

    def take(self) -> bytes:
        data: bytes = self._conn.data_to_send()
        return data

    def receive(self, data: bytes) -> list[Seen]:
        seen: list[Seen] = []
        events = self._conn.receive_data(data)
        self.running -= {event.stream_id for event in events if isinstance(event, h2.events.StreamReset)}
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                assert event.stream_id is not None
                assert event.headers is not None
                self._heads[event.stream_id] = [(str(name), str(value)) for name, value in event.headers]
                self._bodies[event.stream_id] = b""
                self.streams.append(event.stream_id)
            elif isinstance(event, h2.events.DataReceived):
                assert event.stream_id is not None
                assert event.flow_controlled_length is not None
                self._bodies[event.stream_id] += event.data or b""
                if event.flow_controlled_length:
                    self._conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                assert event.stream_id is not None
                if self.promised is None or event.stream_id <= self.promised:
                    seen.append(self._requested(event.stream_id))
            elif isinstance(event, h2.events.StreamReset):
                assert event.stream_id is not None
                self.running.discard(event.stream_id)
                self._queues.pop(event.stream_id, None)
                code = h2.errors.ErrorCodes(event.error_code or 0).name
                seen.append(Seen(f"aborted {code}" if code != "CANCEL" else "aborted"))
            elif isinstance(event, h2.events.WindowUpdated):
                self._pump()
            elif isinstance(event, h2.events.ConnectionTerminated) and event.error_code:
                seen.append(Seen(f"goaway {h2.errors.ErrorCodes(event.error_code).name}"))
        return seen

    def _requested(self, stream: int) -> Seen:
        pseudo = {name: value for name, value in self._heads[stream] if name.startswith(":")}
        headers = [(name, value) for name, value in self._heads.pop(stream) if not name.startswith(":")]
        headers.insert(0, ("host", pseudo[":authority"]))
        self.running.add(stream)
        self.methods[stream] = pseudo[":method"]
        self.requests += 1
        seen = Seen(f"{pseudo[':method']} {pseudo[':path']}", headers=headers, body=self._bodies.pop(stream))
        seen.stream = stream
        return seen

    def send_head(self, stream: int, status: int, headers: Headers, *, end: bool = False) -> None:
        fields = [(":status", str(status)), *((name.lower(), value) for name, value in headers)]
        self._conn.send_headers(stream, fields, end_stream=end)
        if end:
            self.running.discard(stream)

    def send_body(self, stream: int, pieces: Iterable[bytes | None]) -> None:
        """Queue body pieces, ``None`` for the end, and send what the window lets pass."""
        self._queues.setdefault(stream, []).extend(pieces)
        self._pump()

    def _pump(self) -> None:
        for stream, queue in list(self._queues.items()):
            if stream not in self.running:
                del self._queues[stream]
                continue
            while queue:
                piece = queue[0]
                if piece is None:
                    self._conn.end_stream(stream)
                    self.running.discard(stream)
                    del self._queues[stream]
                    break
                window = min(
                    self._conn.local_flow_control_window(stream), self._conn.max_outbound_frame_size, len(piece)
                )
                if piece and window <= 0:
                    break
                self._conn.send_data(stream, piece[:window])
                if window == len(piece):
                    queue.pop(0)
                else:
                    queue[0] = piece[window:]

    @property
    def waiting(self) -> bool:
        """Whether flow control keeps back any of what it wants to send."""
        return any(self._queues.values())

    def reset_stream(self, stream: int, code: h2.errors.ErrorCodes) -> None:
        self._conn.reset_stream(stream, code)
        self.running.discard(stream)
        self._queues.pop(stream, None)

    def goaway(self, last: int | None, code: int = 0) -> None:
        """GOAWAY; written as a frame, since h2 ends its own connection with it."""
        last_id = self.streams[-1] if last is None and self.streams else (last or 0)
        if self.promised is not None:
            last_id = min(last_id, self.promised)
        self.promised = last_id
        self.running -= {stream for stream in self.running if stream > last_id}
        payload = last_id.to_bytes(4, "big") + code.to_bytes(4, "big")
        self._raw = len(payload).to_bytes(3, "big") + b"\x07\x00\x00\x00\x00\x00" + payload

    def change(self, settings: dict[h2.settings.SettingCodes, int]) -> None:
        """New SETTINGS."""
        self._conn.update_settings(settings)

    def kept_back(self) -> set[int]:
        """Streams of which flow control keeps something back."""
        return {stream for stream, queue in self._queues.items() if queue and stream in self.running}

    def take_raw(self) -> bytes:
        """The frame that :meth:`goaway` made."""
        raw, self._raw = self._raw, b""
        return raw

    def close_window(self, stream: int) -> int:
        """How much may still be sent on ``stream``."""
        window: int = self._conn.local_flow_control_window(stream)
        return window
