"""The events of one exchange in the native dialect.

Decides: how chunks, events and ends become events for a client in this process, in the form that it asked for, and what
each counts while it waits. Must not know: when they are taken, and which attempts there are.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from ...bodies.chunk import Chunk
from ...events import FinishReason, ProviderEvent, ResponseFailed, TextDelta, Unrecognised, UsageReported
from ...exchanges.encoder import FinalResponse, Progress, ResponseEncoder
from ...exchanges.policy import ResponseMode
from ...exchanges.response import ProviderResponse
from ...faults import HTTP_STATUS, Fault
from ..base import Listener
from ..events import (
    NativeCancelled,
    NativeChunk,
    NativeDone,
    NativeEvent,
    NativeFailed,
    NativeMetadata,
    NativeProviderEvent,
    NativeResponse,
    NativeStarted,
)
from ..head_fields import shown_headers

#: What an event counts beside its texts: about the bytes of memory that its objects take.
EVENT_BYTES: Final = 128


class NativeItem:
    """An event that waits for its client. Its ``len`` is what it counts in queues and limits, in bytes."""

    __slots__ = ("_size", "event")

    def __init__(self, event: NativeEvent, size: int) -> None:
        """``size``: of its texts."""
        self.event = event
        self._size = EVENT_BYTES + size

    def __len__(self) -> int:
        return self._size


class NativeEncoder(ResponseEncoder[NativeItem]):
    """The events of one exchange."""

    __slots__ = ("_event_id", "_listener", "_log_id", "_mode")

    def __init__(self, event_id: str, log_id: str, *, mode: ResponseMode, listener: Listener | None) -> None:
        self._event_id = event_id
        self._log_id = log_id
        self._mode = mode
        self._listener = listener

    @property
    def reads_everything(self) -> bool:
        return self._mode != "raw" or self._listener is not None

    @property
    def shows_chunks(self) -> bool:
        return self._mode != "events"

    def begin(self, response: ProviderResponse, progress: Progress) -> list[NativeItem]:
        headers = shown_headers(response.shown_headers)
        return [_item(NativeStarted(self._event_id, self._metadata(progress, response, headers=headers)))]

    def chunks(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[NativeItem], ResponseFailed | None]:
        """See :meth:`ResponseEncoder.chunks`. Every token takes this path."""
        items: list[NativeItem] = []
        for received in chunks:
            chunk = response.redacted(received)
            events = response.read(chunk)
            items += self.chunk(response, chunk, events)
            if response.notable:
                for event in events:
                    if type(event) is ResponseFailed:
                        return items, event
                if response.terminated:
                    break
        return items, None

    def chunk(self, response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[NativeItem]:
        items = self.events(events)
        return items if self._mode == "events" else [self._raw(chunk.data), *items]

    def texts(self, texts: Sequence[bytes], events: list[ProviderEvent]) -> list[NativeItem]:
        items = self.events(events)
        return items if self._mode == "events" else [*map(self._raw, texts), *items]

    def events(self, events: list[ProviderEvent]) -> list[NativeItem]:
        if self._listener is not None:
            self._listener(events)
        if self._mode == "raw":
            return []
        name = self._event_id
        return [
            NativeItem(NativeProviderEvent(name, event), _text_size(event))
            for event in events
            if type(event) is not Unrecognised
        ]

    def whole(self, final: FinalResponse, progress: Progress) -> list[NativeItem]:
        metadata = NativeMetadata(
            self._event_id,
            self._log_id,
            step=final.step,
            attempts=progress.attempts,
            status=final.status,
            content_type=final.content_type,
            charset=final.charset,
            usage=final.usage,
            finish_reason=final.finish_reason,
            headers=shown_headers(final.headers),
            notes=progress.notes,
            cached=progress.cached,
        )
        response = NativeResponse(self._event_id, metadata, final.body)
        return [*self.events(final.events), NativeItem(response, len(final.body) + _told(metadata))]

    def refused(self, fault: Fault, progress: Progress, usage: UsageReported | None) -> list[NativeItem]:
        metadata = self._metadata(progress, None, usage, status=HTTP_STATUS[fault.kind])
        return [_item(NativeFailed(self._event_id, metadata, fault))]

    def finished(self, response: ProviderResponse, progress: Progress, usage: UsageReported | None) -> list[NativeItem]:
        headers = shown_headers(response.shown_headers)
        metadata = self._metadata(progress, response, usage, headers=headers, finish_reason=response.finish_reason)
        return [_item(NativeDone(self._event_id, metadata))]

    def failed(
        self, response: ProviderResponse, fault: Fault, progress: Progress, usage: UsageReported | None
    ) -> list[NativeItem]:
        return [_item(NativeFailed(self._event_id, self._metadata(progress, response, usage), fault))]

    def cancelled(
        self, response: ProviderResponse | None, progress: Progress, usage: UsageReported | None
    ) -> list[NativeItem]:
        return [_item(NativeCancelled(self._event_id, self._metadata(progress, response, usage)))]

    def _raw(self, data: bytes) -> NativeItem:
        return NativeItem(NativeChunk(self._event_id, data), len(data))

    def _metadata(
        self,
        progress: Progress,
        response: ProviderResponse | None,
        usage: UsageReported | None = None,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        finish_reason: FinishReason | None = None,
    ) -> NativeMetadata:
        return NativeMetadata(
            self._event_id,
            self._log_id,
            step=progress.step,
            attempts=progress.attempts,
            status=status if response is None else response.status,
            content_type=None if response is None else response.content_type,
            charset=None if response is None else response.charset,
            usage=usage,
            finish_reason=finish_reason,
            headers=headers,
            notes=progress.notes,
            cached=progress.cached,
        )


def _item(event: NativeStarted | NativeDone | NativeFailed | NativeCancelled) -> NativeItem:
    said = len(event.fault.detail) if type(event) is NativeFailed else 0
    return NativeItem(event, said + _told(event.metadata))


def _told(metadata: NativeMetadata) -> int:
    """The characters of what the provider, or a translation of its own request, may make large."""
    size = sum(len(name) + len(value) for name, value in (metadata.headers or {}).items())
    return size + sum(len(note.field) + len(note.why) for note in metadata.notes)


def _text_size(event: ProviderEvent) -> int:
    """The characters of its texts."""
    if type(event) is TextDelta:
        return len(event.text)
    return sum(len(value) for value in msgspec.structs.astuple(event) if isinstance(value, str))
