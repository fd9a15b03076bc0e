"""One HTTP/2 connection, for both roles: h2, but DATA frames are read here.

Decides: how bytes become frames, what both receive windows allow, which frames count as a flood, and how streams and
the connection end (RFC 9113 sections 4 to 6). Must not know: requests, responses and the events of the two roles
(:mod:`.client`, :mod:`.server`).

h2 keeps header compression, stream states, settings and the peer's windows. DATA frames are read here, because they are
the path of every message. h2 sees only *empty* DATA frames: to move the state of a stream (END_STREAM) or to check it
(a stream that is not open). So receive windows and content lengths are kept here alone. h2 gets one frame in each call,
because it loses what it parsed before an error in the same call. Its output is taken after every call, because GOAWAY
empties it. :mod:`.repairs` has the other workarounds for h2.
"""

from typing import Final

from h2.events import (
    ConnectionTerminated,
    Event,
    PingAckReceived,
    RemoteSettingsChanged,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error, ProtocolError
from h2.settings import SettingCodes
from hpack import HPACKError
from hyperframe.exceptions import HyperframeError

from ...errors import LocalProtocolError
from ...faults import Fault, FaultKind
from ...quoting import without_quotes
from . import frames as wire
from . import repairs
from .floods import FloodGuard, FloodVerdict
from .frame_writer import FrameWriter
from .role import HeadReceived, Http2Role, OwnerEvent
from .streams import UNKNOWN_LENGTH, Stream

#: A header word ``length << 8 | type`` above this announces a longer payload than we accept.
_MAX_WORD: Final = wire.MAX_FRAME << 8 | 0xFF
#: The most output that may wait while the peer asks for more: a peer can answer probes without reading the rest.
_OUTPUT_LIMIT: Final = 256 * 1024
_PROBE: Final = b"aigw fl?"

_unpack = wire.HEADER.unpack_from


class Http2Connection(Http2Role[OwnerEvent]):
    """One connection. A role (client or server) is a subclass."""

    def __init__(
        self, *, client: bool, settings: dict[SettingCodes, int], head_limit: int, stream_window: int, window: int
    ) -> None:
        """``settings``: our SETTINGS besides windows and limits. ``head_limit``: the largest header section in bytes,
        both encoded and decoded. ``stream_window`` and ``window``: bytes that the peer may send before we give more
        credit, on a stream and on the connection; at least 65,535."""
        super().__init__()
        self._client = client
        self._preface = b"" if client else wire.PREFACE  #: the part of it that has not come
        self._h2 = repairs.start(client=client, settings=settings, head_limit=head_limit, stream_window=stream_window)
        self._head_limit = head_limit
        self._stream_window = stream_window
        #: Stream credit is given in pieces of exactly this size, so it does not depend on how reads were cut.
        self._quantum = min(32 * 1024, stream_window // 2)
        self._window = window
        self._low = window // 4 * 3
        self._credit = window  #: the rest of the connection's window
        self.settings_received = False  #: the peer's first SETTINGS came
        self.settings_version = 0  #: how many SETTINGS and GOAWAYs came
        self._block = 0  #: the stream whose header block has not ended
        self._block_size = 0
        self._streams: dict[int, Stream] = {}
        self._receiving: dict[int, Stream] = {}  #: streams that may get DATA now
        self._ignored: dict[int, None] = {}  #: streams that we reset: late frames are absorbed
        self._touched: list[Stream] = []
        self._floods = FloodGuard()
        self._writer = FrameWriter(self._h2, self._floods, self._on_sent)
        self._failed = False
        self._draining = False
        self._writer.collect()
        if window > wire.INITIAL_WINDOW:
            self._writer.put(wire.window_update(0, window - wire.INITIAL_WINDOW))

    @property
    def began(self) -> bool:
        """Whether the peer has shown that it speaks HTTP/2."""
        return not self._preface

    # -- bytes in -----------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes) -> list[OwnerEvent]:
        """Bytes from the peer; returns their events. All data of one stream comes as one event, at the end of the read
        or before the stream ends. After the connection failed, there are no events."""
        if self._failed or self._preface:
            data = self._behind_preface(data)
        if self._tail:
            data, self.unread = self._tail + data, False
        size = len(data)
        position, left = 0, self._portion
        touched = self._touched
        receiving = {} if self._block else self._receiving
        low = self._low
        credit = self._credit
        while size - position >= 9:
            word, flags, number = _unpack(data, position)
            if word > _MAX_WORD:
                self._fail(wire.FRAME_SIZE_ERROR, f"a frame of {word >> 8} bytes; {wire.MAX_FRAME} are allowed")
                return self._take_events()
            start = position + 9
            end = start + (word >> 8)
            if end > size:
                break
            position = end
            if not (word & 0xFF or flags & 9) and number in receiving and start < end:
                # Fast path: DATA that is not empty, not padded and not the last, for a stream that expects it
                stream = receiving[number]
                seen = stream.seen + end - start
                if seen <= stream.limit:
                    stream.seen = seen
                    credit -= end - start
                    if credit < low:
                        self._writer.put(wire.window_update(0, self._window - credit))
                        credit = self._window
                    if end == size and not touched:
                        self._events.append(self._data_event(number, data[start:], end - start))
                        break  # only this frame has data, and the read is over
                    parts = stream.parts
                    if not parts:
                        touched.append(stream)
                    parts.append(data[start:end])
                    continue
            self._credit = credit
            number &= wire.MAX_STREAM_ID
            if word & 0xFF == wire.DATA and not self._block:
                # By position, here and below: keywords cost 25 ns more for each frame.
                self._data_frame(flags, number, data, start, end)
            else:
                self._other_frame(word & 0xFF, flags, number, data[start - 9 : end])
            if self._is_lost():
                return self._take_events()
            receiving = {} if self._block else self._receiving
            credit = self._credit
            left -= 1
            if not left:
                self.unread = position < size
                break
        self._credit = credit
        self._tail = data[position:] if position < size else b""
        if touched:
            for stream in touched:
                self._flush(stream)
            touched.clear()
        return self._take_events() if self._events else []

    def _behind_preface(self, data: bytes) -> bytes:
        """The part of ``data`` that is frames: what follows the client's preface (RFC 9113 section 3.4); nothing after
        a failure."""
        if self._failed:
            return b""
        preface = self._preface
        n = min(len(data), len(preface))
        if data[:n] != preface[:n]:
            self._fail(wire.PROTOCOL_ERROR, "the connection does not begin with the HTTP/2 preface")
            return b""
        self._preface = preface[n:]
        if not self._preface:
            self._h2.receive_data(wire.PREFACE)
        return data[n:]

    def _flush(self, stream: Stream) -> None:
        """Make the event for the data of ``stream`` that came in this read."""
        parts = stream.parts
        if parts:
            data = parts[0] if len(parts) == 1 else b"".join(parts)
            parts.clear()
            self._events.append(self._data_event(stream.number, data, len(data)))

    def _data_frame(self, flags: int, number: int, buffer: bytes, start: int, end: int) -> None:
        """A DATA frame that is not on the fast path: the last one, padded, empty, too large, or for no open stream."""
        if not self.settings_received:
            self._fail(wire.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            return
        length = end - start
        if flags & wire.PADDED:
            if not length:
                self._fail(wire.FRAME_SIZE_ERROR, "a padded DATA frame without a padding length")
                return
            padding = buffer[start]
            if padding >= length:
                self._fail(wire.PROTOCOL_ERROR, "a DATA frame with more padding than payload")
                return
            start += 1
            end -= padding
        self._credit -= length
        if self._credit < self._low:
            self._writer.put(wire.window_update(0, self._window - self._credit))
            self._credit = self._window
        stream = self._receiving.get(number)
        if stream is None:
            if number in self._ignored:
                if flags & wire.END_STREAM:
                    del self._ignored[number]
                if not length:
                    self._charge()
                return
            self._charge()
            if not self._failed:
                self._feed(wire.data_header(number, 0, end=bool(flags & wire.END_STREAM)))
            return
        seen = stream.seen + length
        if seen > stream.granted:
            self._fail(wire.FLOW_CONTROL_ERROR, "more data than the stream's window allows")
            return
        stream.seen = seen
        padding = length - (end - start)
        if padding:
            # The owner's flow counts data alone, so the credit for padding is returned here.
            stream.allowed += padding
            stream.credit_due += padding
            self._grant(stream)
        stream.limit = min(stream.granted, stream.allowed)
        if seen > stream.allowed:
            self._malformed(stream, "the body is longer than its content-length")
            return
        if start < end:
            if not stream.parts:
                self._touched.append(stream)
            stream.parts.append(buffer[start:end])
        elif not flags & wire.END_STREAM:
            self._charge()
        if flags & wire.END_STREAM and not self._failed:
            self._feed(wire.data_header(number, 0, end=True))

    def _other_frame(self, kind: int, flags: int, number: int, frame: bytes) -> None:
        if not self.settings_received:
            if kind != wire.SETTINGS or flags & wire.ACK:
                self._fail(wire.PROTOCOL_ERROR, "the first frame is not SETTINGS")
                return
            self.settings_received = True
        if self._block and (kind != wire.CONTINUATION or number != self._block):
            self._fail(wire.PROTOCOL_ERROR, "a header block is interrupted by another frame")
            return
        if kind in (wire.HEADERS, wire.CONTINUATION):
            if kind == wire.HEADERS:
                self._block_size = 0
            elif not self._block:
                self._fail(wire.PROTOCOL_ERROR, "CONTINUATION without a header block before it")
                return
            self._block = 0 if flags & wire.END_HEADERS else number
            self._block_size += len(frame) - 9
            if self._block_size > self._head_limit:
                self._fail(wire.ENHANCE_YOUR_CALM, f"a header block over the {self._head_limit} bytes of head_bytes")
                return
            if number not in self._streams and (self._client or number <= self._h2.highest_inbound_stream_id):
                self._charge()  # a stream that has ended; h2 resets it again
        else:
            if kind == wire.PUSH_PROMISE:
                self._fail(wire.PROTOCOL_ERROR, "PUSH_PROMISE, which our settings forbid")
                return
            if kind == wire.SETTINGS and not flags & wire.ACK:
                frame = wire.known_settings(frame)
            if not (kind == wire.PING and flags & wire.ACK and frame[9:] == _PROBE and self._floods.probing):
                self._charge()
        if not self._failed:
            self._feed(frame)

    def _feed(self, frame: bytes) -> None:
        """Give h2 one frame, take its output, and handle its events."""
        try:
            events = self._h2.receive_data(frame)
        except (H2Error, HyperframeError, HPACKError) as error:
            code = error.error_code if isinstance(error, ProtocolError) else wire.PROTOCOL_ERROR
            self._fail(int(code), f"h2: {without_quotes(error)}")
            return
        self._writer.collect()
        for event in events:
            self._handle(event)
            if self._failed:
                return

    def _handle(self, event: Event) -> None:
        if isinstance(event, HeadReceived):
            self._on_head(event)
        elif isinstance(event, StreamEnded):
            stream = self._streams.get(event.stream_id)
            if stream is not None:
                self._flush(stream)
                if stream.declared and stream.seen != stream.allowed:
                    self._malformed(stream, "the body is shorter than its content-length")
                else:
                    stream.ended = True
                    self._receiving.pop(stream.number, None)
                    self._on_end(stream)
        elif isinstance(event, WindowUpdated):
            stream = self._streams.get(event.stream_id or 0)
            if stream is not None:
                self._writer.wake(stream)
        elif isinstance(event, StreamReset):
            stream = self._streams.get(event.stream_id)
            if stream is not None:
                code = int(event.error_code or 0)
                if event.remote_reset:
                    self._forget(stream)
                    self._on_reset(stream, code)
                else:
                    self._fault(stream, self._bad(f"a frame the stream's state does not allow (code {code})"))
        elif isinstance(event, RemoteSettingsChanged):
            self._settings_changed()
        elif isinstance(event, PingAckReceived):
            if event.ping_data == _PROBE:
                self._floods.answered()
        elif isinstance(event, ConnectionTerminated):
            self._goaway(event)

    def _settings_changed(self) -> None:
        self.settings_version += 1
        repairs.bound_table(self._h2)
        for stream in self._streams.values():
            self._writer.wake(stream)

    def _goaway(self, event: ConnectionTerminated) -> None:
        repairs.reopen(self._h2)
        self.settings_version += 1
        self._draining = True
        code = int(event.error_code or 0)
        self._on_goaway(event.last_stream_id or 0, code)
        if code:
            self._end_connection(
                Fault(FaultKind.CONNECTION_LOST, self._blame, f"the peer sent GOAWAY with code {code}", retryable=True)
            )

    # -- floods and ends ----------------------------------------------------------------------------------------

    def _charge(self) -> None:
        """Count a frame that costs work and brings no data."""
        verdict = self._floods.charge()
        if verdict is FloodVerdict.TOO_MANY or self._writer.size > _OUTPUT_LIMIT:
            self._fail(wire.ENHANCE_YOUR_CALM, "too many frames that ask for work and bring nothing")
        elif verdict is FloodVerdict.PROBE:
            self._writer.put(wire.ping(_PROBE))

    def _bad(self, detail: str) -> Fault:
        """The fault for a protocol violation by the peer."""
        kind = FaultKind.MALFORMED_RESPONSE if self._client else FaultKind.PROTOCOL_ERROR
        return Fault(kind, self._blame, f"HTTP/2: {detail}", retryable=self._client)

    def _malformed(self, stream: Stream, detail: str) -> None:
        """End ``stream`` with RST_STREAM(PROTOCOL_ERROR) (RFC 9113 section 8.1.1)."""
        self._reset(stream, wire.PROTOCOL_ERROR)
        self._fault(stream, self._bad(detail))

    def _fault(self, stream: Stream, fault: Fault, *, unprocessed: bool = False) -> None:
        self._forget(stream)
        self._on_fault(stream, fault, unprocessed=unprocessed)

    def _reset(self, stream: Stream, code: int) -> None:
        """Send RST_STREAM, unless both directions have ended."""
        state = self._h2.streams.get(stream.number)
        if state is not None and state.open:
            self._h2.reset_stream(stream.number, code)
            self._writer.collect()

    def _forget(self, stream: Stream) -> None:
        """``stream`` ended early: hand out the data that came, and absorb frames that still come."""
        self._flush(stream)
        self._remove(stream)
        if not stream.ended:
            self._ignore(stream.number)

    def _ignore(self, number: int) -> None:
        ignored = self._ignored
        ignored[number] = None
        if len(ignored) > repairs.REMEMBERED:
            del ignored[next(iter(ignored))]

    def _remove(self, stream: Stream) -> None:
        del self._streams[stream.number]
        self._receiving.pop(stream.number, None)
        stream.close()

    def close(self) -> None:
        """The connection is released: all that is held is dropped. The last call."""
        self._failed = True
        for stream in list(self._streams.values()):
            self._remove(stream)
        self._ignored.clear()
        self._touched.clear()
        self._events.clear()
        self._tail = b""
        self._writer.close()
        repairs.release(self._h2)

    def _is_lost(self) -> bool:
        """Whether the frame just read ended the connection."""
        return self._failed

    def _fail(self, code: int, detail: str) -> None:
        """Fail the connection because the peer violated the protocol: send GOAWAY with ``code``."""
        self._end_connection(self._bad(detail), code=code)

    def _end_connection(self, fault: Fault, *, code: int | None = None) -> None:
        """The connection ended. Every stream fails first."""
        self._failed = True
        for stream in list(self._streams.values()):
            self._fault(stream, fault)
        self._tail, self.unread = b"", False
        if code is not None:
            self._writer.put(wire.goaway(self._h2.highest_inbound_stream_id, code))
        self._on_failure(fault)

    # -- credit -------------------------------------------------------------------------------------------------

    def _grant(self, stream: Stream) -> None:
        """Give the peer the credit that is due for ``stream``, in whole quanta."""
        quantum = self._quantum
        while stream.credit_due >= quantum:
            stream.credit_due -= quantum
            stream.granted += quantum
            stream.limit = min(stream.granted, stream.allowed)
            self._writer.put(wire.window_update(stream.number, quantum))

    def consume(self, stream: int, flow: int) -> None:
        """The owner passed on data of ``stream`` that counted ``flow``: give the peer as much credit. No effect after
        the stream has ended."""
        state = self._streams.get(stream)
        if state is None:
            self._check(stream)
        elif not state.ended:
            credit_due = state.credit_due + flow
            if flow < 0 or credit_due > state.seen - state.granted + self._stream_window:
                raise LocalProtocolError(f"consume({stream}, {flow}) gives back more than was received")
            state.credit_due = credit_due
            if credit_due >= self._quantum:
                self._grant(state)

    def _start(self, number: int) -> Stream:
        stream = self._streams[number] = Stream(number, self._stream_window)
        return stream

    def _expect(self, stream: Stream, length: int | None) -> None:
        """The peer's message head came. ``length``: the declared length of the body."""
        stream.declared = length is not None
        stream.allowed = UNKNOWN_LENGTH if length is None else length
        stream.limit = min(stream.granted, stream.allowed)
        repairs.forget_length(self._h2, stream.number)
        self._receiving[stream.number] = stream
