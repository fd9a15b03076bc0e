"""The tap on realtime connections: what a provider's messages mean, read beside the relay.

Decides: which reader a format has, and that only the provider's messages are read. Must not know: the relay, frames,
or any single protocol (``readings/realtime_*``).
"""

from collections.abc import Callable
from typing import Final, Protocol

from ..bodies.chunk import Chunk
from ..events import AudioDelta, ProviderEvent
from .gemini.live import GeminiLiveReader
from .openai.realtime import OpenAIRealtimeReader
from .speech.realtime import (
    CartesiaRealtimeReader,
    DeepgramRealtimeReader,
    ElevenLabsRealtimeReader,
    FalRealtimeReader,
)


class _MessageReader(Protocol):
    @property
    def answer(self) -> str: ...
    @property
    def answering(self) -> bool: ...
    def read(self, chunk: Chunk) -> list[ProviderEvent]: ...


class RealtimeReader:
    """Reads the messages of one connection, in order.

    After each :meth:`read_message`, ``answer`` names the answer that its events belong to, for
    :meth:`aigw_sansio.formats.usage.UsageMeter.report`; ``""`` where the protocol has but one, or names none.
    """

    __slots__ = ("_binary_is_audio", "_reader")

    def __init__(self, reader: _MessageReader | None, binary_is_audio: bool) -> None:
        self._reader = reader
        self._binary_is_audio = binary_is_audio

    @property
    def answer(self) -> str:
        """The answer that the last events belong to."""
        return "" if self._reader is None else self._reader.answer

    @property
    def answering(self) -> bool:
        """Whether an answer goes on behind a ``ResponseFailed``: an error may be that of something else."""
        return self._reader is not None and self._reader.answering

    def read_message(self, text: bool, data: bytes, from_provider: bool) -> list[ProviderEvent]:
        """What one message means. ``text``: its opcode. Never raises, whatever the bytes."""
        if not from_provider or self._reader is None:
            return []
        if not text and self._binary_is_audio:
            return [AudioDelta(len(data))] if data else []
        if not text and data[:1] != b"{":  # msgpack and the like
            return []
        return self._reader.read(Chunk(data))


_READERS: Final[dict[str, tuple[Callable[[], _MessageReader], bool]]] = {
    "openai-realtime": (OpenAIRealtimeReader, False),
    "gemini-live": (GeminiLiveReader, False),
    "deepgram": (DeepgramRealtimeReader, True),
    "elevenlabs": (ElevenLabsRealtimeReader, True),
    "cartesia": (CartesiaRealtimeReader, True),
    "fal": (FalRealtimeReader, False),
}

#: The formats of realtime protocols that have a reading.
REALTIME_FORMATS: Final[tuple[str, ...]] = tuple(_READERS)


def make_realtime_reader(format: str) -> RealtimeReader:
    """A fresh reader for one connection; of an unknown format it reads nothing."""
    found = _READERS.get(format)
    return RealtimeReader(None, False) if found is None else RealtimeReader(found[0](), found[1])
