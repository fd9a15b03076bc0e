"""OpenAI's transcription (audio to text) and speech (text to audio).

Decides: what their stream events and whole responses mean. Must not know: the models behind them.

Source: OpenAI API reference, "Create transcription" and "Create speech" (events ``transcript.text.*``,
``speech.audio.*``).
"""

import re
from typing import ClassVar, Final

from ...bodies.chunk import Chunk
from ...events import AudioDelta, ProviderEvent, ResponseFinished, TextDelta, UsageReported
from ..base import BaseReader
from ..values import BROKEN, JsonObject, base64_size, obj, parse, text
from .usage_counts import openai_usage

#: More seconds than that are no length of audio.
_LONGEST: Final = 1e9
_PAGE: Final = rb"(?i)\s*<(?:!doctype|html)"


class OpenAIAudioReader(BaseReader):
    """Reads transcriptions (text out) and speech (audio out)."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"', b'.done"')

    def __init__(self) -> None:
        super().__init__()
        self._segments = False
        self._deltas = False

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = value.get("type")
        if kind == "transcript.text.delta":
            self._deltas = True
            self._show(text(value.get("delta")), out)
        elif kind == "transcript.text.segment":
            # diarised: segments instead of deltas, or in addition to them
            if not self._deltas:
                self._segments = True
                self._show(text(value.get("text")), out)
        elif kind in ("speech.audio.delta", "audio.delta"):
            size = base64_size(value.get("audio"))
            if size:
                self.start(None, None, out)
                out.append(AudioDelta(size))
        elif kind in ("transcript.text.done", "speech.audio.done", "audio.done"):
            if not self._deltas and not self._segments:
                self._show(text(value.get("text")), out)
            self._read_usage(value, out)
            self.end(0, None)
            self.terminated = True
        elif type(value.get("text")) is str:  # a whole transcription
            self._show(text(value["text"]), out)
            self._read_usage(value, out)
        else:
            self.unknown(value, out)

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        return ResponseFinished("stop", raw, choice)

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        if body and parse(body) is BROKEN and not re.match(_PAGE, body):
            self.terminated = True
            return _bare(body)
        return super().read_whole(body)

    def read_other(self, value: object, chunk: Chunk, out: list[ProviderEvent]) -> None:
        if value is BROKEN and not chunk.event and not chunk.failed and not _is_text(chunk.data):
            self.start(None, None, out)
            out.append(AudioDelta(len(chunk.data)))
        else:
            super().read_other(value, chunk, out)

    def _show(self, piece: str, out: list[ProviderEvent]) -> None:
        if piece:
            self.start(None, None, out)
            out.append(TextDelta(piece))

    def _read_usage(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        usage = obj(value.get("usage"))
        length = usage.get("seconds") if usage.get("type") == "duration" else None
        if length is None and not usage:
            length = value.get("duration")  # of a verbose transcription
        if type(length) is int or type(length) is float:
            if 0 <= length < _LONGEST:
                self.report(UsageReported(input_audio_s=float(length)), out)
        elif usage and usage.get("type") != "duration":
            self.report(openai_usage(usage), out)


def _is_text(data: bytes) -> bool:
    """Whether a chunk that is no JSON is a text rather than audio: the terminator, a proxy's error."""
    return len(data) < 4096 and data.isascii() and not any(byte < 9 or 13 < byte < 32 for byte in data)


def _bare(body: bytes) -> list[ProviderEvent]:
    """Read a whole body that is not JSON: a plain transcript if it is text, else audio."""
    try:
        plain = body.decode()
    except UnicodeDecodeError:
        return [AudioDelta(len(body)), ResponseFinished("stop")]
    if "\0" in plain:
        return [AudioDelta(len(body)), ResponseFinished("stop")]
    return [TextDelta(plain), ResponseFinished("stop")]
