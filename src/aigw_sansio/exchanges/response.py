"""One response of a provider: its coding is undone, its framing is split into chunks, and their meaning is read.

Decides: whether a response is a stream, and how much of it is read for its meaning. Must not know: the client, timers,
retries; the exchange draws the conclusions.
"""

from enum import IntEnum

import msgspec

from ..bodies.chunk import Chunk
from ..bodies.coding import ContentDecoder, content_decoder
from ..bodies.framing import Framing, decoder_for, framing_of, media_type
from ..config import Limits
from ..events import ProviderEvent, UsageReported
from ..faults import Fault, FaultKind, Side
from ..formats.classify import (
    marker_search,
    worth_reading,
)
from ..formats.registry import (
    make_reader,
)
from ..formats.usage import UsageMeter
from ..redaction import redactor
from ..wires.heads import header_values
from ..wires.http import Headers


class ReadDepth(IntEnum):
    """How much of a response is read for its meaning."""

    COMMIT = 0  #: every chunk, to find the commit
    MARKERS = 1  #: nobody listens: only chunks with a marker of an error or of usage
    ALL = 2  #: somebody listens


class ProviderResponse:
    """One response. Call ``next_chunks`` with each piece of the body, and again until ``needs_data``; or ``buffer`` the
    piece for later. When the body has ended, call ``finish``."""

    __slots__ = (
        "_coding",
        "_decoder",
        "_keys",
        "_reader",
        "_redacted",
        "_redactor",
        "_undecoded",
        "buffered",
        "charset",
        "content_type",
        "fault",
        "framing",
        "headers",
        "meter",
        "needs_data",
        "read_depth",
        "search",
        "status",
    )

    def __init__(
        self,
        status: int,
        headers: Headers,
        *,
        format: str,
        limits: Limits,
        array_stream: bool,
        keys: tuple[bytes, ...] = (),
    ) -> None:
        """``format`` names how the provider writes; ``array_stream``: a JSON array is a stream here; ``keys``: the
        gateway's own keys in the request, which are redacted."""
        self._keys = keys
        self._redactor = redactor(keys)
        self._redacted = self._redactor.stream()
        self.status = status
        self.headers = headers
        self.content_type, self.charset = media_type(headers)
        has_length = bool(header_values(headers, b"content-length"))
        self.framing = framing_of(status, self.content_type, has_length=has_length, array_stream=array_stream)
        self._decoder = decoder_for(self.framing, limits)
        encodings = header_values(headers, b"content-encoding")
        coding = content_decoder(b", ".join(encodings) if encodings else None)
        #: Why the response cannot be read any further.
        self.fault: Fault | None = coding if isinstance(coding, Fault) else None
        if coding is None and self.framing is Framing.WHOLE:
            self.fault = _too_large(headers, limits.response_body_bytes)
        self._coding: ContentDecoder | None = coding if isinstance(coding, ContentDecoder) else None
        self._undecoded = b""
        #: ``next_chunks`` has nothing more before more of the body comes.
        self.needs_data = True
        #: Bytes of the body that are held here.
        self.buffered = 0
        self._reader = make_reader(format)
        #: For :func:`aigw_sansio.formats.classify.worth_reading`.
        self.search = marker_search((*self._reader.markers, *self._redactor.marks))
        self.meter = UsageMeter()
        self.read_depth = ReadDepth.COMMIT

    @property
    def is_stream(self) -> bool:
        """Whether the client gets it chunk by chunk."""
        return self.framing is not Framing.WHOLE

    def buffer(self, data: bytes) -> None:
        """Keep more of the body for a later ``next_chunks``."""
        if self._coding is not None:
            self._coding.feed(data)
        else:
            self._undecoded += data
        self.needs_data = False
        self.buffered = self._decoder.buffered + len(self._undecoded) + (self._coding.buffered if self._coding else 0)

    def next_chunks(self, data: bytes = b"") -> list[Chunk]:
        """Add ``data`` to the body, and decode its next piece. Returns the chunks that this piece completes."""
        decoder = self._decoder
        coding = self._coding
        if coding is None:
            if self._undecoded:
                data, self._undecoded = self._undecoded + data, b""
            self.needs_data = True
            if not data:
                return []
            chunks = decoder.feed(data)
            self.buffered = decoder.buffered
        else:
            if data:
                coding.feed(data)
            piece = coding.pull()
            self.fault = self.fault or coding.fault
            self.needs_data = not piece
            chunks = decoder.feed(piece) if piece else []
            self.buffered = decoder.buffered + coding.buffered
        if decoder.fault is not None:
            self.fault = self.fault or decoder.fault
        return chunks

    def finish(self) -> list[Chunk] | Fault:
        """The body has ended: its last chunks, or why it is not complete. ``needs_data`` must be true."""
        fault = self.fault or (self._coding.finish() if self._coding is not None else None)
        if fault is not None:
            return fault
        chunks = self._decoder.finish()
        return self._decoder.fault or chunks

    def redacted(self, chunk: Chunk) -> Chunk:
        """``chunk``, the next one of the body, with the gateway's keys redacted, also one over the border of chunks."""
        if not self._keys:
            return chunk
        data = self._redacted.hide(chunk.data)
        return chunk if data is chunk.data else msgspec.structs.replace(chunk, data=data)

    def redact(self, data: bytes) -> bytes:
        """``data`` without the gateway's keys: a provider may quote a key that it refuses."""
        return self._redactor.hide(data) if self._keys else data

    # -- meaning ------------------------------------------------------------------------------------------------

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        """What ``chunk`` means, as far as ``read_depth`` asks for it. Usage goes to the meter."""
        if self.read_depth is ReadDepth.MARKERS and not worth_reading(chunk, self.search):
            return []
        return self._note(self._reader.read(chunk))

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        """What a whole response means."""
        return self._note(self._reader.read_whole(body))

    def read_end(self) -> list[ProviderEvent]:
        """What the end of a complete stream means."""
        return self._note(self._reader.finish())

    def _note(self, events: list[ProviderEvent]) -> list[ProviderEvent]:
        for event in events:
            if type(event) is UsageReported:
                self.meter.report(event)
        return events


def _too_large(headers: Headers, limit: int) -> Fault | None:
    """A fault if a whole response announces more than may be held. The wire has checked the field."""
    for value in header_values(headers, b"content-length"):
        if value.isdigit() and int(value) > limit:
            detail = f"the provider announces a body of {int(value)} bytes; a whole answer may have {limit}"
            return Fault(FaultKind.BODY_TOO_LARGE, Side.PROVIDER, detail)
    return None
