"""Reads a provider's realtime messages beside the relay.

Decides: which reader a realtime format has. Must not know: the relay, frames, or any single format.
"""

from collections.abc import Callable
from typing import Final, Protocol

from ..bodies.chunk import Chunk
from ..events import AudioDelta, ProviderEvent
from .gemini.live import GeminiLiveReader
from .openai.realtime import OpenAIRealtimeReader, TogetherRealtimeReader
from .speech.realtime import (
    CartesiaRealtimeReader,
    DeepgramRealtimeReader,
    ElevenLabsRealtimeReader,
    FalRealtimeReader,
)
from .speech.transcription import AssemblyAIReader, SarvamReader, SonioxReader, SpeechmaticsReader
from .speech.voices import HumeReader, RimeReader
from .unknown import OPAQUE


class _MessageReader(Protocol):
    @property
    def response_id(self) -> str: ...
    @property
    def responding(self) -> bool: ...
    def read(self, chunk: Chunk) -> list[ProviderEvent]: ...


class BuiltInReader:
    """Reads the provider's messages of one connection, in order. Implements :class:`.reader.RealtimeReader`.

    After each :meth:`read_message`, ``answer`` is the id of the response that its events belong to, for
    :meth:`aigw_sansio.formats.usage.UsageMeter.report`; ``""`` if the protocol has only one response or gives it no id.
    """

    __slots__ = ("_binary_is_audio", "_reader")

    def __init__(self, reader: _MessageReader | None, *, binary_is_audio: bool) -> None:
        self._reader = reader
        self._binary_is_audio = binary_is_audio

    @property
    def response_id(self) -> str:
        """The id of the response that the last events belong to."""
        return "" if self._reader is None else self._reader.response_id

    @property
    def responding(self) -> bool:
        """Whether a response goes on after a ``ResponseFailed``: the error may belong to something else."""
        return self._reader is not None and self._reader.responding

    def read_message(self, data: bytes, *, is_text: bool) -> list[ProviderEvent]:
        """The events of one message of the provider. ``is_text``: its opcode is TEXT, not BINARY. Never raises."""
        if self._reader is None:
            return [OPAQUE]
        if not is_text and self._binary_is_audio:
            return [AudioDelta(len(data))] if data else []
        if not is_text and data[:1] != b"{":  # msgpack and similar
            return []
        return self._reader.read(Chunk(data))


#: By format: the class of its reader, and whether a binary message is audio.
_READERS: Final[dict[str, tuple[Callable[[], _MessageReader], bool]]] = {
    "openai-realtime": (OpenAIRealtimeReader, False),
    "gemini-live": (GeminiLiveReader, False),
    "deepgram": (DeepgramRealtimeReader, True),
    "elevenlabs": (ElevenLabsRealtimeReader, True),
    "cartesia": (CartesiaRealtimeReader, True),
    "fal": (FalRealtimeReader, False),
    "together": (TogetherRealtimeReader, False),
    "assemblyai": (AssemblyAIReader, True),
    "soniox": (SonioxReader, False),
    "speechmatics": (SpeechmaticsReader, False),
    "sarvam": (SarvamReader, True),
    "rime": (RimeReader, True),
    "hume": (HumeReader, True),
    # the same events, by other names of the providers that send them
    "azure-voice-live": (OpenAIRealtimeReader, False),
    "alibaba": (OpenAIRealtimeReader, False),
    "inworld": (OpenAIRealtimeReader, False),
    "mistral": (OpenAIRealtimeReader, False),
    "vllm": (OpenAIRealtimeReader, False),
}

#: All realtime formats that have a reader.
REALTIME_FORMATS: Final[tuple[str, ...]] = tuple(_READERS)


def make_realtime_reader(format: str) -> BuiltInReader:
    """A new reader for one connection. For an unknown format it says of each message that it cannot be read."""
    make, binary_is_audio = _READERS.get(format, (None, False))
    return BuiltInReader(None if make is None else make(), binary_is_audio=binary_is_audio)
