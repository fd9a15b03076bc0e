"""One response of a provider: its coding is undone, its framing is split into chunks, and their meaning is read.

Decides: whether a response is a stream, and how much of it is read for its meaning. Must not know: the client, timers,
retries; the exchange draws the conclusions.
"""

from typing import Final

from ..bodies.chunk import PORTION_CHUNKS, BodyDecoder, Chunk
from ..bodies.coding import ContentDecoder, content_decoder
from ..bodies.framing import Framing, asks_for_stream, decoder_for, framing_of, is_textual, may_be_sse, media_type
from ..bodies.ndjson import NdjsonDecoder
from ..bodies.raw import BinaryDecoder, announced_too_large
from ..bodies.sniffing import SniffingDecoder
from ..bodies.sse import SseDecoder
from ..config import Limits
from ..engine.turns import EVENT_BYTES
from ..events import FinishReason, ProviderEvent, ResponseFailed, ResponseFinished, Unrecognised, UsageReported
from ..faults import Fault, FaultKind, Side
from ..formats.classify import LIFECYCLE, classify, marker_search, worth_reading
from ..formats.errors import failed_response, not_json, response_failed
from ..formats.keep_alives import says_nothing
from ..formats.registry import make_reader
from ..formats.unknown import OPAQUE
from ..formats.usage import UsageMeter
from ..quotas.claim import Unreported
from ..wires.heads import header_values
from ..wires.http import Headers
from .estimate import Estimate, cut_short
from .hidden_keys import ALL, HiddenKeys, any_bytes
from .own_parts import GuardedDecoder, OwnParts
from .read_depth import ReadDepth
from .shown_size import first_too_large
from .source import Verdict

#: If fewer bytes are held, a read completes no chunk that may become too large.
_LOOK_AT: Final = 64 * 1024
#: The terminator, as readers know it: the decoder of event streams takes it out.
_DONE = Chunk(b"[DONE]")


class ProviderResponse:
    """One response. Call ``next_chunks`` with each piece of the body, and again until ``needs_data``; or ``buffer`` the
    piece for later. When the body has ended, or ``over`` is true, call ``finish``, and after it ``read_end``. Look at
    ``notable`` after each ``next_chunks``, and after its chunks were read: something else than chunks came.
    """

    __slots__ = (
        "_asked", "_broken", "_coding", "_decoder", "_done", "_estimate", "_failed", "_finish_reason", "_finished",
        "_last", "_limits", "_marker_search", "_own", "_reader", "_said", "_undecoded", "_unreadable", "buffered",
        "charset", "content_type", "fault", "framing", "headers", "hidden", "known", "meter", "needs_data", "notable",
        "read_depth", "search", "status", "unsearched", "work",
    )  # fmt: skip

    def __init__(
        self,
        status: int,
        headers: Headers,
        *,
        format: str,
        limits: Limits,
        array_stream: bool,
        query: bytes = b"",
        keys: tuple[bytes, ...] = (),
        own: OwnParts | None = None,
        unreported: Unreported | None = None,
    ) -> None:
        """``format`` names how the provider writes; ``array_stream``: a JSON array is a stream here; ``query``: the
        body of the request, which may ask for a stream; ``keys``: the gateway's own keys in the request, which are
        redacted; ``own``: the host's own parts, if this provider has any; ``unreported``: how it counts, if it reports
        no tokens."""
        self._limits = limits
        #: Hides the gateway's keys in it; ``None``: there are none.
        self.hidden = HiddenKeys(keys) if keys else None
        #: So many of the next chunks may hold a key: give them to ``redacted`` first, and set this to 0.
        self.unsearched = 0
        self.status = status
        self.headers = headers
        self.content_type, self.charset = media_type(headers)
        fields = dict(headers)
        usual = framing_of(status, self.content_type, has_length=b"content-length" in fields, array_stream=array_stream)
        self._own = own
        named = None if own is None else own.framing(status, self.content_type)
        #: ``None``: one of the host's own.
        self.framing: Framing | None = usual if named is None else named.framing
        if self.hidden is not None:
            self.content_type = self.hidden.begin(self.content_type, self.framing)
        codings = b", ".join(header_values(headers, b"content-encoding")) if b"content-encoding" in fields else None
        coding = None if codings is None else content_decoder(codings)
        #: Why the response cannot be read any further.
        self.fault: Fault | None = coding if isinstance(coding, Fault) else None
        self._decoder: BodyDecoder
        if own is not None and named is not None and named.framing is None:
            self._decoder = GuardedDecoder(own, named, limits)
        elif named is None and may_be_sse(status, self.content_type) and asks_for_stream(query):
            self._decoder = SniffingDecoder(self._choose_decoder)
        else:
            self._decoder = decoder_for(self.framing or usual, limits, self._on_done)
            if coding is None and self.framing is Framing.WHOLE:
                self.fault = announced_too_large(headers, limits.response_body_bytes)
        self._coding: ContentDecoder | None = coding if isinstance(coding, ContentDecoder) else None
        self._undecoded: bytes | bytearray = b""  # it grows with every read while the client takes nothing
        #: ``next_chunks`` has nothing more before more of the body comes.
        self.needs_data = True
        #: If it has more: the bytes that its last call counts in a turn, besides the chunks that it returned.
        self.work = 0
        #: Bytes of the body that are held here.
        self.buffered = 0
        self._asked = bool(query)
        self._estimate = None if unreported is None else Estimate(unreported, query)
        self._reader = make_reader(format) if own is None else own.reader(format)
        if own is not None:
            self.fault = own.watch(self._on_part_failed) or self.fault
        #: Whether the format is known.
        self.known = format != "unknown"
        self._marker_search = marker_search(tuple(self._reader.markers))
        #: For :func:`aigw_sansio.formats.classify.worth_reading`.
        self.search = self._marker_search
        self.meter = UsageMeter()
        self.read_depth = ReadDepth.COMMIT
        #: A fault came, the format's own end, or a finish: look at ``fault``, ``over`` and ``finish_seen``.
        self.notable = self.fault is not None
        self._done = False  # [DONE] came
        self._said = False  # a chunk had a meaning
        self._unreadable: bytes | None = None  # the first words that nobody could read
        self._last = b""  # the last chunk without content
        self._failed = False
        self._finished = False  # a choice has finished
        self._broken: str | None = None  # the provider's word for a finish with an error
        self._finish_reason: FinishReason | None = None

    @property
    def is_stream(self) -> bool:
        """Whether the client gets it chunk by chunk."""
        return self.framing is not Framing.WHOLE

    @property
    def shown_headers(self) -> Headers:
        """The fields of its head, with the gateway's keys redacted."""
        return self.headers if self.hidden is None else self.hidden.headers(self.headers)

    @property
    def terminated(self) -> bool:
        """Whether a chunk that was read is the format's terminator."""
        return self._reader.terminated

    @property
    def over(self) -> bool:
        """Whether the format's own terminator has come: nothing of the response follows."""
        return self._done or self._reader.terminated

    @property
    def finish_seen(self) -> bool:
        """Whether every choice has told its finish, and no content has come since."""
        return self._reader.finish_seen

    @property
    def complete(self) -> bool:
        """Whether the format's own end has come, so that its usage is final."""
        return self._done or self._reader.complete

    @property
    def ended_well(self) -> bool:
        """Whether the end of the transport, whatever it is, ends the response well."""
        return self.over or self.finish_seen

    def buffer(self, data: bytes) -> None:
        """Keep more of the body for a later ``next_chunks``."""
        if self._coding is not None:
            self._coding.feed(data)
        else:
            self._undecoded = self._undecoded or bytearray()
            self._undecoded += data
        self.needs_data = False
        self.buffered = self._decoder.buffered + len(self._undecoded) + (self._coding.buffered if self._coding else 0)

    def next_chunks(self, data: bytes = b"") -> list[Chunk]:
        """Add ``data`` to the body, and decode its next portion. Returns the chunks that this portion completes; see
        ``unsearched`` for those that may hold a key of the gateway."""
        decoder = self._decoder
        coding = self._coding
        held = self.buffered
        if coding is None:
            if self._undecoded:
                data = b"".join((self._undecoded, data))
                self._undecoded = b""
            elif not data and self.needs_data:
                return []
            hidden = self.hidden
            if hidden is not None and (hidden.guard(data) or held or decoder.unread):
                self.unsearched = max(self.unsearched, hidden.search(data, began=held > 0, unread=decoder.unread))
            chunks = decoder.feed(data)
            self.buffered = decoder.buffered
            if decoder.unread:
                self.needs_data = False
                self.work = max(0, PORTION_CHUNKS - len(chunks)) * EVENT_BYTES
            else:
                self.needs_data = True
        else:
            if data:
                coding.feed(data)
            if decoder.unread:  # before more is inflated
                if self.hidden is not None:
                    self.unsearched = max(self.unsearched, self.hidden.search(b"", began=True, unread=True))
                chunks = decoder.feed(b"")
                self.needs_data = False
                self.work = 0
            else:
                piece = coding.pull()
                if coding.fault is not None:
                    self._fail(coding.fault)
                self.needs_data = not piece
                if piece and self.hidden is not None:
                    self.unsearched = max(self.unsearched, self.hidden.search(piece, began=held > 0))
                chunks = decoder.feed(piece) if piece else []
                self.work = len(piece)
            if decoder.unread:
                self.work += max(0, PORTION_CHUNKS - len(chunks)) * EVENT_BYTES
            self.buffered = decoder.buffered + coding.buffered
        if decoder.fault is not None:
            self._fail(decoder.fault)
        return chunks if held < _LOOK_AT else self._shown_within_limits(chunks)

    def _shown_within_limits(self, chunks: list[Chunk]) -> list[Chunk]:
        """``chunks`` up to one that is too large as the client is shown it."""
        most = self._limits.chunk_bytes if self.is_stream else self._limits.response_body_bytes
        found = first_too_large(chunks, most, self.charset)
        if found is None:
            return chunks
        index, detail = found
        self._fail(Fault(FaultKind.BODY_TOO_LARGE, Side.PROVIDER, detail))
        return chunks[:index]

    @property
    def unread(self) -> bool:
        """Whether ``finish`` or ``rest`` must be called again: a call does a portion of the work."""
        return self._decoder.unread

    def finish(self) -> list[Chunk] | Fault:
        """The body has ended: its last chunks, or why it is not complete. ``needs_data`` must be true. Call it again
        while ``unread`` is."""
        fault = self.fault or (self._coding.finish() if self._coding is not None else None)
        if fault is not None:
            return fault
        self.unsearched = ALL
        chunks = self._shown_within_limits(self._decoder.finish())
        if self._decoder.fault is not None:
            return self._decoder.fault
        if self.fault is not None:  # it is larger than it may be, which only its end could tell
            return self.fault
        if isinstance(self._decoder, SseDecoder | NdjsonDecoder) and self._decoder.dropped:
            self._unreadable = self._unreadable or b""
        return chunks

    def rest(self) -> list[Chunk]:
        """The transport broke: the last event or line, if it is whole."""
        lines = self.framing is Framing.SSE or self.framing is Framing.NDJSON
        self.unsearched = ALL
        return self._shown_within_limits(self._decoder.finish()) if lines and self.fault is None else []

    @property
    def broken_part(self) -> Fault | None:
        """Why a part of the host's own is not called any more: a bug in it."""
        return None if self._own is None else self._own.fault

    def close(self) -> None:
        """Nothing of the body is read any more, and what is held of it is dropped. What the response said stays."""
        if self._own is not None:
            self._own.close()
        self._decoder = BinaryDecoder()  # the decoder may refer to this response
        self._coding = None
        self._undecoded = b""
        self.buffered = 0

    def _choose_decoder(self, *, sse: bool) -> BodyDecoder:
        """The first bytes have told the framing."""
        framing = self.framing or Framing.WHOLE
        if sse:
            framing = self.framing = Framing.SSE
        elif self._coding is None and self.framing is Framing.WHOLE:
            fault = announced_too_large(self.headers, self._limits.response_body_bytes)
            if fault is not None:
                self._fail(fault)
        self._decoder = decoder_for(framing, self._limits, self._on_done)
        return self._decoder

    def _fail(self, fault: Fault) -> None:
        self.fault = self.fault or fault
        self.notable = True

    def _on_done(self) -> None:
        """The terminator came. The chunks before it are not read yet."""
        self._done = self.notable = True

    def _on_part_failed(self, fault: Fault) -> None:
        self._done = False  # else it would end well
        self._fail(fault)

    def redacted(self, chunk: Chunk) -> Chunk:
        """``chunk``, the next one of the body, with the gateway's keys redacted, also one over the border of chunks."""
        hidden = self.hidden
        if hidden is not None:
            chunk = hidden.chunk(chunk)
            if hidden.goes_on and not self.unsearched:
                self.unsearched = 1  # the rest of a key
        return chunk

    def redact(self, data: bytes) -> bytes:
        """``data`` without the gateway's keys: a provider may quote a key that it refuses."""
        return data if self.hidden is None else self.hidden.text(data)

    # -- meaning ------------------------------------------------------------------------------------------------

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        """What ``chunk`` means, as far as ``read_depth`` asks for it. Usage goes to the meter."""
        if self.read_depth is ReadDepth.MARKERS and not worth_reading(chunk, self.search):
            return []
        reader = self._reader
        events = self._note(reader.read(chunk))
        if self.read_depth is ReadDepth.COMMIT:
            if self.framing is Framing.BINARY_STREAM and classify(events) is LIFECYCLE:
                return [OPAQUE]  # bytes that no format knows are content
            self._last = chunk.data
            if not self._said:
                self._said = any(type(event) is not Unrecognised for event in events) or not says_nothing(chunk)
        for event in events:
            if type(event) is Unrecognised and event.unreadable and self._unreadable is None:
                self._unreadable = chunk.data
        if reader.terminated:
            self.notable = True
        elif reader.finish_seen:
            # What follows a finish is read, whatever it is: content among it takes the finish back.
            if self.search is not any_bytes or any(type(event) is not Unrecognised for event in events):
                self.notable = True
            self.search = any_bytes
        elif self.search is any_bytes:
            self.search = self._marker_search
            self.notable = True
        return events

    def committed(self, *, everything: bool) -> None:
        """The client sees this response from here on. ``everything``: every chunk is read; otherwise only what has a
        marker."""
        self.read_depth = ReadDepth.ALL if everything else ReadDepth.MARKERS
        self._marker_search = marker_search(tuple(self._reader.markers))  # a server may have changed them by then
        if self.search is not any_bytes:
            self.search = self._marker_search

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        """What a whole response means. A body of a binary type that no format knows has no meaning. An empty one with
        the status 200, to a request that has a body, is no response."""
        if self._asked and self.status == 200 and self.known and not body.strip():
            return self._note([response_failed("the provider's response is empty")])
        events = self._reader.read_whole(body)
        unreadable = any(type(event) is ResponseFailed and event.kind == "not_json" for event in events)
        return [] if unreadable and not is_textual(self.content_type) else self._note(events)

    def error_of(self, body: bytes) -> ResponseFailed:
        """The error that a whole response with a status of 300 or more is."""
        return failed_response(self.status, body)

    def read_end(self) -> list[ProviderEvent]:
        """What the end of a complete stream means. In a known format it always has an end. One with content that stops
        behind words which nobody can read (a proxy's error page) failed with them, as far as events can tell."""
        reader = self._reader
        if self._done:
            reader.read(_DONE)
        cut = self.read_depth is not ReadDepth.COMMIT and self._unreadable and not reader.complete
        events = reader.finish()
        if cut and self._unreadable:
            self._note(events)
            events = [event for event in events if type(event) is not ResponseFinished]
            events.append(not_json(self._unreadable))
        self._note(events)
        if self.known and not self._finished and not self._failed:  # nothing that its format knows came at all
            events += self._note([ResponseFinished("unknown")])
        return events

    @property
    def may_be_kept(self) -> bool:
        """Whether a response that was shown to its end may be shown again to others: it is no error, and told its own
        end if its format has one."""
        if self.status != 200 or self._failed or self._broken is not None or self._finish_reason == "unknown":
            return False
        return not (self.is_stream and self.known) or self.ended_well

    def verdict(self, fault: Fault | None, used: UsageReported | None) -> Verdict:
        """What its reader, who knows what it ``used``, says of it at the end. ``fault``: why it was not shown to its
        end. That its reader left, or had no more time for it, makes no response bad."""
        good: bool | None = self.may_be_kept
        if fault is not None:
            good = None if cut_short(fault) else False
        return Verdict(good, used)

    def failure(self, events: list[ProviderEvent]) -> ResponseFailed | None:
        """Why a response of status 2xx without content is none, if it is none (client protocol, section 3.3).
        ``events``: those of its end, or of all of it if it is whole. A response in an unknown format never fails."""
        if not self.known:
            return None
        for event in events:
            if type(event) is ResponseFailed:
                return event
        if self._broken is not None and classify(events) is LIFECYCLE:
            return response_failed(f"the response finished with {self._broken or 'an error'}")
        if not self.is_stream:
            return None
        if self._unreadable is not None:
            told = self._unreadable
            return not_json(told) if told else response_failed("the provider's stream ended inside of its first event")
        return None if self._said else response_failed("the provider's stream ended with nothing in it")

    @property
    def provider_words(self) -> bytes:
        """What the provider said in place of a response: what nobody could read, or the last chunk."""
        return self._last if self._unreadable is None else self._unreadable

    @property
    def told_end(self) -> bool:
        """Whether the events have told how the response ended: an error, or the finish of every choice."""
        return self._failed or (self._finished and self._reader.complete)

    @property
    def finish_reason(self) -> FinishReason | None:
        """The finish of choice 0, or ``None`` if there is none to tell."""
        return self._finish_reason

    def usage(self) -> UsageReported | None:
        """The usage as far as it is known: final only if the format's own end came."""
        return self.meter.total(complete=self.complete and not self._failed)

    def used(self, *, cut: bool) -> UsageReported | None:
        """The same as quotas count it: with what its provider has not reported. ``cut``: see :func:`.cut_short`."""
        usage = self.usage()
        return usage if self._estimate is None else self._estimate.complete(usage, self.status, cut=cut)

    def _note(self, events: list[ProviderEvent]) -> list[ProviderEvent]:
        if self._estimate is not None:
            self._estimate.note(events)
        for event in events:
            if type(event) is UsageReported:
                self.meter.report(event)
            elif type(event) is ResponseFinished:
                self._finished = True
                if event.reason == "error":
                    self._broken = event.raw_reason or ""
                if event.choice == 0:
                    self._finish_reason = event.reason
            elif type(event) is ResponseFailed:
                self._failed = self.notable = True
        return events
