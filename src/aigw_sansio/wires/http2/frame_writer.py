"""The output of an HTTP/2 connection: control frames at once, data in turns as the peer's windows allow.

Decides: the order in which queued data becomes DATA frames (RFC 9113 sections 5.2, 6.1 and 6.9). Must not know: what
the data means. h2's ``send_data`` never splits data and costs 10 us for each frame. So frames are written here, with
h2's public windows; only a frame with END_STREAM goes through h2, which has to know the stream's state.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from h2.connection import H2Connection

from .floods import FloodGuard
from .frames import HEADER
from .streams import Stream

#: The longest DATA frame that we send, even if the peer takes longer ones.
_LONGEST: Final = 64 * 1024


class FrameWriter:
    """The output of one connection."""

    __slots__ = ("_conn", "_floods", "_on_sent", "out", "ready", "size")

    def __init__(self, conn: H2Connection, floods: FloodGuard, on_sent: Callable[[Stream], None]) -> None:
        """``conn``: h2's connection. ``floods`` counts our DATA frames. ``on_sent`` is called when a stream's
        END_STREAM is written."""
        self._conn = conn
        self._floods = floods
        self._on_sent = on_sent
        #: Frames that wait to be taken. If this and ``ready`` are empty, :meth:`take` returns nothing.
        self.out: list[bytes] = []
        #: Streams that have data, or their end, to send.
        self.ready: deque[Stream] = deque()
        #: Bytes in ``out``.
        self.size = 0

    def put(self, data: bytes) -> None:
        """Add frames that may be sent at once."""
        self.out.append(data)
        self.size += len(data)

    def collect(self) -> None:
        """Take h2's output. It must happen after every call of h2, which drops its output on the next GOAWAY."""
        data = self._conn.data_to_send()
        if data:
            self.put(data)

    def queue(self, stream: Stream, data: bytes, *, end: bool) -> None:
        """Send ``data`` on ``stream`` as windows and turn allow. ``end``: with END_STREAM after it."""
        if data:
            stream.queue.append(data)
            stream.queued += len(data)
        stream.end = stream.end or end
        if not stream.ready and (data or end):
            stream.ready = True
            self.ready.append(stream)

    def wake(self, stream: Stream) -> None:
        """The window of ``stream`` may have opened."""
        if not stream.ready and stream.queued:
            stream.ready = True
            self.ready.append(stream)

    def close(self) -> None:
        """Nothing is sent any more: drop the output. ``on_sent`` is not called any more."""
        self.out.clear()
        self.ready.clear()
        self.size = 0
        self._on_sent = _nobody

    @property
    def pending(self) -> bool:
        """Whether :meth:`take` may have something."""
        return bool(self.out) or (bool(self.ready) and self._conn.outbound_flow_control_window > 0)

    def take(self, limit: int) -> bytes:
        """Take up to ``limit`` bytes. Data becomes frames only now: one frame for each stream in turn."""
        if self.ready:
            self._pump(limit)
        out = self.out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        self.size = 0
        if len(data) > limit:
            self.put(data[limit:])
            data = data[:limit]
        return data

    def _pump(self, limit: int) -> None:
        ready = self.ready
        conn = self._conn
        while ready and self.size < limit:
            stream = ready[0]
            if not stream.queued:
                ready.popleft()
                stream.ready = False
                if stream.end:
                    stream.end = False
                    conn.end_stream(stream.number)
                    self.collect()
                    self._on_sent(stream)
                continue
            room = conn.outbound_flow_control_window
            if room <= 0:
                return
            ready.popleft()
            state = conn.streams[stream.number]
            room = min(room, state.outbound_flow_control_window, conn.max_outbound_frame_size, _LONGEST)
            if room <= 0:
                stream.ready = False  # until its WINDOW_UPDATE comes
                continue
            data = stream.take(room)
            self._floods.data_frames_sent += 1
            if stream.end and not stream.queued:
                stream.end = stream.ready = False
                conn.send_data(stream.number, data, end_stream=True)
                self.collect()
                self._on_sent(stream)
                continue
            conn.outbound_flow_control_window -= len(data)
            state.outbound_flow_control_window -= len(data)
            self.out += (HEADER.pack(len(data) << 8, 0, stream.number), data)
            self.size += 9 + len(data)
            if stream.queued:
                ready.append(stream)
            else:
                stream.ready = False


def _nobody(stream: Stream) -> None:
    """The connection is released, and is not told."""
