"""Responses that a budget counts: they are read to the last chunk, and what only the gateway asked for is not shown.

Decides: which chunk is the one that tells the usage alone. Must not know: what is counted, and the dialect of the
client: it stands between an exchange and the encoder of the dialect.

Nobody else pays for it.
"""

import re
from collections.abc import Sequence
from typing import Final, Generic

import msgspec

from ..bodies.chunk import Chunk
from ..events import ProviderEvent, ResponseFailed
from .encoder import ResponseEncoder
from .passing import PassingEncoder
from .ports import MessageT
from .response import ProviderResponse


class MeteringEncoder(PassingEncoder[MessageT], Generic[MessageT]):
    """Reads everything, and passes it on to another encoder."""

    __slots__ = ("_hides", "_hides_now")

    def __init__(self, encoder: ResponseEncoder[MessageT], hides: Sequence[bool]) -> None:
        """``hides``: by step, whether only the gateway asked for the chunk that tells the usage."""
        super().__init__(encoder)
        self._hides = hides
        self._hides_now = False

    def attempt(self, step: int) -> None:
        self._hides_now = self._hides[step]
        super().attempt(step)

    @property
    def reads_everything(self) -> bool:
        return True

    def chunks(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[MessageT], ResponseFailed | None]:
        """See :meth:`ResponseEncoder.chunks`. Every token that a budget counts takes this path."""
        messages: list[MessageT] = []
        count = response.unsearched  # so many may hold a key, and those behind them the rest of it
        for index, chunk in enumerate(chunks):
            if index < count or response.unsearched:
                response.unsearched = 0
                chunk = response.redacted(chunk)
            events = response.read(chunk)
            messages += self.chunk(response, chunk, events)
            if response.notable:
                failed = next((event for event in events if type(event) is ResponseFailed), None)
                if failed is not None or response.terminated:
                    return messages, failed
        return messages, None

    def chunk(self, response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[MessageT]:
        if self._hides_now and _tells_only_usage(chunk.data):
            return self._encoder.events(events)
        return self._encoder.chunk(response, chunk, events)

    def rewritten(
        self, response: ProviderResponse, chunk: Chunk, own: Chunk, events: list[ProviderEvent]
    ) -> list[MessageT]:
        if self._hides_now and _tells_only_usage(own.data):
            return self._encoder.events(events)
        return self._encoder.rewritten(response, chunk, own, events)


_read: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_USUAL: Final = frozenset(
    {"id", "object", "created", "model", "service_tier", "system_fingerprint", "choices", "usage"}
)
_no_choice: Final = re.compile(rb'"choices"\s*+:\s*+\[\s*+\]').search


def _tells_only_usage(data: bytes) -> bool:
    """Whether ``data`` is the chunk that is sent only to who asks for the usage: it has no choice, and nothing else to
    tell, such as filters or costs."""
    if _no_choice(data) is None:
        return False
    try:
        told = _read(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    if not told.keys() <= _USUAL:
        return False
    choices, usage = bytes(told.get("choices", b"")), bytes(told.get("usage", b""))
    return choices.translate(None, b" \t\r\n") == b"[]" and usage.startswith(b"{")
