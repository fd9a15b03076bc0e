"""What the client is told of one exchange: its messages, in the form it asked for.

Decides: how chunks, meanings and ends become messages (client protocol, section 3.2). Must not know: when they are
sent, and what is tried.
"""

from typing import NamedTuple

import msgspec

from ...bodies.chunk import Chunk
from ...bodies.framing import Framing
from ...engine.engine import Engine
from ...envelope import error_envelope
from ...events import ProviderEvent, ProviderEventRead, ResponseFailed, Unrecognised, UsageReported
from ...exchanges.policy import ResponseMode
from ...exchanges.response import Answer, ReadDepth
from ...faults import HTTP_STATUS, Fault
from ...formats.classify import (
    worth_reading,
)
from ...formats.usage import usage_json
from ...json_text import valid_json
from . import messages as universal
from .payload import as_base64, as_response


class FinalResponse(NamedTuple):
    """A whole answer as the client may see it. ``response`` is JSON text."""

    step: int
    status: int
    content_type: str | None
    response: bytes
    base64: bool


class UniversalEncoder:
    """The messages of one exchange. ``step`` and ``attempts`` are kept up to date by the exchange."""

    __slots__ = ("_engine", "_mode", "_prefix", "_spliced", "attempts", "event_id", "log_id", "status", "step")

    def __init__(self, engine: Engine, event_id: str, log_id: str, mode: ResponseMode) -> None:
        self._engine = engine
        self._mode = mode
        self._prefix = universal.stream_prefix(event_id)
        self._spliced = False  # JSON is passed on unread, but for marked chunks
        self.event_id = event_id
        self.log_id = log_id
        self.step = 0
        self.attempts = 0
        #: The status that the client was told last, if any.
        self.status: int | None = None

    def commit(self, answer: Answer) -> bytes:
        """The client sees ``answer`` from here on: the message that says so. Of what follows as much is read as
        somebody listens to."""
        listened = self._mode != "raw" or self._engine.config.emit_provider_events
        answer.tap = ReadDepth.ALL if listened else ReadDepth.MARKERS
        self._spliced = not listened and answer.framing is not Framing.BINARY_STREAM
        return universal.created(self._metadata(answer), None)

    def chunk(self, answer: Answer, chunk: Chunk, events: list[ProviderEvent]) -> list[bytes]:
        """The messages of one chunk that means ``events``."""
        messages = self.meaning(events)
        return messages if self._mode == "events" else [self._raw(answer, chunk), *messages]

    def chunks(self, answer: Answer, chunks: list[Chunk]) -> tuple[list[bytes], ResponseFailed | None]:
        """The messages of chunks after the commit, up to one in which the provider reports an error, and that error.

        The path that every token takes."""
        spliced = self._spliced
        prefix = self._prefix
        search = answer.search
        messages: list[bytes] = []
        for chunk in chunks:
            if spliced and not worth_reading(chunk, search):
                text = valid_json(chunk.data)
                messages.append(b"%b%b}" % (prefix, text) if text is not None else self._raw(answer, chunk))
                continue
            cleared = answer.cleared(chunk)
            events = answer.read(cleared)
            messages += self.chunk(answer, cleared, events)
            failed = next((event for event in events if type(event) is ResponseFailed), None)
            if failed is not None:
                return messages, failed
        return messages, None

    def meaning(self, events: list[ProviderEvent]) -> list[bytes]:
        """The messages of ``events`` alone; the host is told of them where it listens.

        What no reading knows is for the host only: the client has it in the raw messages, if it asked for those."""
        if self._engine.config.emit_provider_events:
            for event in events:
                self._engine.emit(ProviderEventRead(self.log_id, event))
        if self._mode == "raw":
            return []
        return [universal.event(self.event_id, event) for event in events if type(event) is not Unrecognised]

    def created_with(self, shown: FinalResponse, usage: UsageReported | None) -> bytes:
        """A whole answer."""
        metadata = self._metadata(None, usage)
        metadata.step = str(shown.step)
        metadata.status = self.status = shown.status
        metadata.content_type = shown.content_type
        metadata.encoding = "base64" if shown.base64 else None
        return universal.created(metadata, shown.response)

    def refused(self, fault: Fault) -> bytes:
        """There is no answer to show: the envelope says why."""
        metadata = self._metadata(None)
        metadata.status = self.status = HTTP_STATUS[fault.kind]
        metadata.content_type = "application/json"
        return universal.created(metadata, error_envelope(fault))

    def done(self, answer: Answer, usage: UsageReported | None) -> bytes:
        """A stream ended well."""
        return universal.done(self._metadata(answer, usage))

    def error(self, answer: Answer, fault: Fault) -> bytes:
        """A stream broke off."""
        return universal.error(fault, self._metadata(answer))

    def cancelled(self, answer: Answer | None) -> bytes:
        """It was cancelled."""
        return universal.cancelled(self._metadata(answer))

    def _raw(self, answer: Answer, chunk: Chunk) -> bytes:
        if answer.framing is Framing.BINARY_STREAM:
            return universal.stream_base64(self.event_id, as_base64(chunk.data))
        text, base64 = as_response(chunk.data, answer.charset)
        return universal.stream_base64(self.event_id, text) if base64 else b"%b%b}" % (self._prefix, text)

    def _metadata(self, answer: Answer | None, usage: UsageReported | None = None) -> universal.Metadata:
        metadata = universal.Metadata(
            cache_status="MISS",
            event_id=self.event_id,
            log_id=self.log_id,
            step=str(self.step),
            attempts=self.attempts,
        )
        if answer is not None:
            metadata.content_type = answer.content_type
            metadata.status = self.status = answer.status
        if usage is not None:
            metadata.usage = msgspec.Raw(usage_json(usage))
        return metadata
