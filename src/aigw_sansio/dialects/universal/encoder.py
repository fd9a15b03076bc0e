"""The messages of one exchange in the ``universal.*`` dialect (client protocol, section 3.2).

Decides: how chunks, events and ends become messages, in the form that the client asked for. Must not know: when they
are sent, and which attempts there are.
"""

from collections.abc import Sequence

import msgspec

from ...bodies.chunk import Chunk
from ...bodies.framing import Framing
from ...events import ProviderEvent, ResponseFailed, Unrecognised, UsageReported
from ...exchanges.encoder import FinalResponse, Progress, ResponseEncoder
from ...exchanges.policy import ResponseMode
from ...exchanges.response import ProviderResponse
from ...faults import Fault
from ...formats.classify import worth_reading
from ...formats.usage import usage_json
from ...json_text import valid_json
from ..base import Listener
from ..head_fields import shown_headers
from . import messages
from .payload import as_base64, as_response


class UniversalEncoder(ResponseEncoder[bytes]):
    """The messages of one exchange."""

    __slots__ = ("_event_id", "_headers", "_listener", "_log_id", "_mode", "_prefix", "_spliced")

    def __init__(self, event_id: str, log_id: str, *, mode: ResponseMode, listener: Listener | None) -> None:
        self._event_id = event_id
        self._log_id = log_id
        self._mode = mode
        self._listener = listener
        self._prefix = messages.stream_prefix(event_id)
        # Chunks are passed on unread, except those with a marker of an error or of usage.
        self._spliced = False
        self._headers: dict[str, str] | None = None  # of the response that the client sees

    @property
    def reads_everything(self) -> bool:
        return self._mode != "raw" or self._listener is not None

    @property
    def shows_chunks(self) -> bool:
        return self._mode != "events"

    def begin(self, response: ProviderResponse, progress: Progress) -> list[bytes]:
        self._spliced = not self.reads_everything and response.framing is not Framing.BINARY_STREAM
        metadata = self._metadata(progress, response)
        metadata.headers = self._headers = shown_headers(response.shown_headers)
        return [messages.created(metadata, None)]

    def chunks(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[bytes], ResponseFailed | None]:
        """See :meth:`ResponseEncoder.chunks`. Every token takes this path."""
        spliced = self._spliced
        prefix = self._prefix
        search = response.search
        texts: list[bytes] = []
        if response.unsearched and spliced:
            return self._search(response, chunks)
        goes_on = False  # a key began in the last chunk of text, and may go on in a number
        for chunk in chunks:
            if spliced and not worth_reading(chunk, search):
                text = valid_json(chunk.data)
                if text is not None and not goes_on:
                    texts.append(b"%b%b}" % (prefix, text))
                else:  # text of any kind: keys may be cut between two chunks
                    texts.append(self._raw(response, response.redacted(chunk)))
                    goes_on, response.unsearched = response.unsearched > 0, 0
                continue
            redacted = response.redacted(chunk)
            events = response.read(redacted)
            texts += self.chunk(response, redacted, events)
            if response.notable:
                failed = next((event for event in events if type(event) is ResponseFailed), None)
                if failed is not None or response.terminated:
                    return texts, failed
                search = response.search
        return texts, None

    def _search(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[bytes], ResponseFailed | None]:
        """The same for chunks of which the first ones may hold a key, and those behind them the rest of it."""
        count = response.unsearched
        texts: list[bytes] = []
        for index, chunk in enumerate(chunks):
            if index >= count and not response.unsearched:
                more, failed = self.chunks(response, chunks[index:])
                return texts + more, failed
            response.unsearched = 0
            redacted = response.redacted(chunk)
            events = response.read(redacted)
            texts += self.chunk(response, redacted, events)
            if response.notable:
                failed = next((event for event in events if type(event) is ResponseFailed), None)
                if failed is not None or response.terminated:
                    return texts, failed
        return texts, None

    def chunk(self, response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[bytes]:
        texts = self.events(events)
        return texts if self._mode == "events" else [self._raw(response, chunk), *texts]

    def texts(self, texts: Sequence[bytes], events: list[ProviderEvent]) -> list[bytes]:
        """See :meth:`ResponseEncoder.texts`. Every token of a translated response takes this path."""
        if self._mode == "events":
            return self.events(events)
        prefix = self._prefix
        shown = [b"%b%b}" % (prefix, text) for text in texts]
        return shown if self._mode == "raw" and self._listener is None else shown + self.events(events)

    def events(self, events: list[ProviderEvent]) -> list[bytes]:
        """See :meth:`ResponseEncoder.events`. Only the host is told of chunks that no format knows: the client has
        them in the raw messages, if it asked for those."""
        if self._listener is not None:
            self._listener(events)
        if self._mode == "raw":
            return []
        return [messages.event(self._event_id, event) for event in events if type(event) is not Unrecognised]

    def whole(self, final: FinalResponse, progress: Progress) -> list[bytes]:
        text, base64 = as_response(final.body, final.charset)
        metadata = self._metadata(progress, None, final.usage)
        metadata.step = str(final.step)
        metadata.status = final.status
        metadata.content_type = final.content_type
        metadata.encoding = "base64" if base64 else None
        metadata.headers = shown_headers(final.headers)
        metadata.finish_reason = final.finish_reason
        return [*self.events(final.events), messages.created(metadata, text)]

    def refused(self, fault: Fault, progress: Progress, usage: UsageReported | None) -> list[bytes]:
        return [messages.refused(self._metadata(progress, None, usage), fault)]

    def finished(self, response: ProviderResponse, progress: Progress, usage: UsageReported | None) -> list[bytes]:
        metadata = self._metadata(progress, response, usage)
        metadata.headers = self._headers
        metadata.finish_reason = response.finish_reason
        return [messages.done(metadata)]

    def failed(
        self, response: ProviderResponse, fault: Fault, progress: Progress, usage: UsageReported | None
    ) -> list[bytes]:
        return [messages.error(fault, self._metadata(progress, response, usage))]

    def cancelled(
        self, response: ProviderResponse | None, progress: Progress, usage: UsageReported | None
    ) -> list[bytes]:
        return [messages.cancelled(self._metadata(progress, response, usage))]

    def _raw(self, response: ProviderResponse, chunk: Chunk) -> bytes:
        if response.framing is Framing.BINARY_STREAM:
            return messages.stream_base64(self._event_id, as_base64(chunk.data))
        text, base64 = as_response(chunk.data, response.charset)
        return messages.stream_base64(self._event_id, text) if base64 else b"%b%b}" % (self._prefix, text)

    def _metadata(
        self, progress: Progress, response: ProviderResponse | None = None, usage: UsageReported | None = None
    ) -> messages.Metadata:
        metadata = messages.Metadata(
            cache_status="HIT" if progress.cached else "MISS",
            event_id=self._event_id,
            log_id=self._log_id,
            step=str(progress.step),
            attempts=progress.attempts,
            notes=progress.notes,
        )
        if response is not None:
            metadata.content_type = response.content_type
            metadata.status = response.status
        if usage is not None:
            metadata.usage = msgspec.Raw(usage_json(usage))
        return metadata
