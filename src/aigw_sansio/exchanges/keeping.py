"""What a provider sent, kept for the record of its exchange, if that is wanted.

Decides: how much is kept, and that no key of the gateway is in it. Must not know: the record, the dialect of the
client, and any format: it stands between an exchange and the encoder of the dialect.

It keeps the provider's own words, chunk by chunk, whatever the client is shown of them: in another format, or with the
texts of a review, which takes nothing out of a record. Nobody else pays for it.
"""

from collections.abc import Callable
from typing import Generic

from ..bodies.chunk import Chunk
from ..bodies.framing import is_textual
from ..events import ProviderEvent, ResponseFailed
from .encoder import FinalResponse, KeptText, Progress, ResponseEncoder
from .passing import PassingEncoder
from .ports import MessageT
from .response import ProviderResponse


class KeepingEncoder(PassingEncoder[MessageT], Generic[MessageT]):
    """Keeps the beginning of a response, and passes it on to another encoder."""

    __slots__ = ("_complete", "_hide", "_most", "_pieces", "_response", "_size", "_textual")

    def __init__(self, encoder: ResponseEncoder[MessageT], most: int) -> None:
        """``most``: so many bytes are kept."""
        super().__init__(encoder)
        self._most = most
        self._forget()

    def _forget(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._complete = self._textual = True
        self._response: ProviderResponse | None = None
        self._hide: Callable[[bytes], bytes] | None = None

    @property
    def held(self) -> int:
        return self._size + self._encoder.held

    @property
    def kept(self) -> KeptText | None:
        if not self._textual:
            return None
        return KeptText(b"\n".join(self._pieces).decode("utf-8", "replace"), self._complete)

    def attempt(self, step: int) -> None:
        self._forget()
        self._encoder.attempt(step)

    def chunks(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[MessageT], ResponseFailed | None]:
        for chunk in chunks:
            self._keep(response, chunk.data)
        return self._encoder.chunks(response, chunks)

    def chunk(self, response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[MessageT]:
        self._keep(response, chunk.data)
        return self._encoder.chunk(response, chunk, events)

    def rewritten(
        self, response: ProviderResponse, chunk: Chunk, own: Chunk, events: list[ProviderEvent]
    ) -> list[MessageT]:
        self._keep(response, own.data)
        return self._encoder.rewritten(response, chunk, own, events)

    def whole(self, final: FinalResponse, progress: Progress) -> list[MessageT]:
        self._forget()
        self._textual = is_textual(final.content_type)
        self._add(final.body if final.own_body is None else final.own_body)
        return self._encoder.whole(final, progress)

    def _keep(self, response: ProviderResponse, data: bytes) -> None:
        """Keep ``data`` without the gateway's keys. The client's own search for them is not disturbed."""
        if self._response is not response:
            hidden = response.hidden
            self._response, self._hide = response, None if hidden is None else hidden.other_search()
            self._textual = is_textual(response.content_type)
        if self._textual and self._complete:
            self._add(data if self._hide is None else self._hide(data))

    def _add(self, data: bytes) -> None:
        room = self._most - self._size
        if len(data) > room:
            self._complete = False
            data = data[:room]
        if data and self._textual:
            self._pieces.append(data)
            self._size += len(data)
