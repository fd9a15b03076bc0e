"""Reads a provider's realtime messages beside the relay.

Decides: which reader a realtime format has. Must not know: the relay, frames, or any single format.
"""

from collections.abc import Callable
from functools import cache
from typing import Final, Protocol

from ..bodies.chunk import Chunk
from ..events import AudioDelta, ProviderEvent
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


#: By format: whether a binary message is audio.
_BINARY_IS_AUDIO: Final = {
    "openai-realtime": False,
    "gemini-live": False,
    "deepgram": True,
    "elevenlabs": True,
    "cartesia": True,
    "fal": False,
    "together": False,
    "assemblyai": True,
    "soniox": False,
    "speechmatics": False,
    "sarvam": True,
    "rime": True,
    "hume": True,
    # the same events as ``openai-realtime``, by other names of the providers that send them
    "azure-voice-live": False,
    "alibaba": False,
    "inworld": False,
    "mistral": False,
    "vllm": False,
}

#: All realtime formats that have a reader.
REALTIME_FORMATS: Final[tuple[str, ...]] = tuple(_BINARY_IS_AUDIO)


def make_realtime_reader(format: str) -> BuiltInReader:
    """A new reader for one connection. For an unknown format it says of each message that it cannot be read."""
    if format not in _BINARY_IS_AUDIO:
        return BuiltInReader(None, binary_is_audio=False)
    return BuiltInReader(_class_of(format)(), binary_is_audio=_BINARY_IS_AUDIO[format])


@cache
def _class_of(format: str) -> Callable[[], _MessageReader]:
    """What makes readers of ``format``, one of :data:`REALTIME_FORMATS`. Its module is loaded now: few programs need
    all."""
    match format:
        case "gemini-live":
            from .gemini.live import GeminiLiveReader

            return GeminiLiveReader
        case "deepgram" | "elevenlabs" | "cartesia" | "fal":
            from .speech.realtime import (
                CartesiaRealtimeReader,
                DeepgramRealtimeReader,
                ElevenLabsRealtimeReader,
                FalRealtimeReader,
            )

            speech: dict[str, Callable[[], _MessageReader]] = {
                "deepgram": DeepgramRealtimeReader,
                "elevenlabs": ElevenLabsRealtimeReader,
                "cartesia": CartesiaRealtimeReader,
            }
            return speech.get(format, FalRealtimeReader)
        case "assemblyai" | "soniox" | "speechmatics" | "sarvam":
            from .speech.transcription import AssemblyAIReader, SarvamReader, SonioxReader, SpeechmaticsReader

            transcripts: dict[str, Callable[[], _MessageReader]] = {
                "assemblyai": AssemblyAIReader,
                "soniox": SonioxReader,
                "speechmatics": SpeechmaticsReader,
            }
            return transcripts.get(format, SarvamReader)
        case "rime" | "hume":
            from .speech.voices import HumeReader, RimeReader

            return RimeReader if format == "rime" else HumeReader
        case _:
            from .openai.realtime import OpenAIRealtimeReader, TogetherRealtimeReader

            return TogetherRealtimeReader if format == "together" else OpenAIRealtimeReader
