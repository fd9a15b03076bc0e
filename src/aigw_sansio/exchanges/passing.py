"""An encoder that stands in front of another one, and changes nothing.

Decides: nothing. A subclass replaces what it is for. Must not know: the encoder behind it.
"""

from collections.abc import Sequence
from typing import Generic

from ..bodies.chunk import Chunk
from ..events import ProviderEvent, ResponseFailed, UsageReported
from ..faults import Fault
from .encoder import FinalResponse, KeptText, Progress, ResponseEncoder
from .ports import MessageT
from .response import ProviderResponse


class PassingEncoder(ResponseEncoder[MessageT], Generic[MessageT]):
    """Passes everything on to ``encoder``."""

    __slots__ = ("_encoder",)

    def __init__(self, encoder: ResponseEncoder[MessageT]) -> None:
        self._encoder = encoder

    @property
    def held(self) -> int:
        return self._encoder.held

    @property
    def kept(self) -> KeptText | None:
        return self._encoder.kept

    def attempt(self, step: int) -> None:
        self._encoder.attempt(step)

    @property
    def reads_everything(self) -> bool:
        return self._encoder.reads_everything

    @property
    def shows_chunks(self) -> bool:
        return self._encoder.shows_chunks

    def shows_body(self, step: int) -> bool:
        return self._encoder.shows_body(step)

    def begin(self, response: ProviderResponse, progress: Progress) -> list[MessageT]:
        return self._encoder.begin(response, progress)

    def chunks(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[MessageT], ResponseFailed | None]:
        return self._encoder.chunks(response, chunks)

    def chunk(self, response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[MessageT]:
        return self._encoder.chunk(response, chunk, events)

    def rewritten(
        self, response: ProviderResponse, chunk: Chunk, own: Chunk, events: list[ProviderEvent]
    ) -> list[MessageT]:
        return self._encoder.rewritten(response, chunk, own, events)

    def texts(self, texts: Sequence[bytes], events: list[ProviderEvent]) -> list[MessageT]:
        return self._encoder.texts(texts, events)

    def events(self, events: list[ProviderEvent]) -> list[MessageT]:
        return self._encoder.events(events)

    def whole(self, final: FinalResponse, progress: Progress) -> list[MessageT]:
        return self._encoder.whole(final, progress)

    def refused(self, fault: Fault, progress: Progress, usage: UsageReported | None) -> list[MessageT]:
        return self._encoder.refused(fault, progress, usage)

    def finished(self, response: ProviderResponse, progress: Progress, usage: UsageReported | None) -> list[MessageT]:
        return self._encoder.finished(response, progress, usage)

    def failed(
        self, response: ProviderResponse, fault: Fault, progress: Progress, usage: UsageReported | None
    ) -> list[MessageT]:
        return self._encoder.failed(response, fault, progress, usage)

    def cancelled(
        self, response: ProviderResponse | None, progress: Progress, usage: UsageReported | None
    ) -> list[MessageT]:
        return self._encoder.cancelled(response, progress, usage)
