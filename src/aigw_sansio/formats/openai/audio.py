"""OpenAI's transcription (audio to text) and speech (text to audio).

Decides: what their stream events and whole responses mean. Must not know: the models behind them.

Source: OpenAI API reference, "Create transcription" and "Create speech" (events ``transcript.text.*``,
``speech.audio.*``).
"""

from typing import ClassVar

from ...bodies.chunk import Chunk
from ...events import AudioDelta, ProviderEvent, ResponseFinished, TextDelta
from ..base import BaseReader
from ..values import BROKEN, JsonObject, base64_size, obj, parse, text
from .usage_counts import openai_usage


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
        elif type(value.get("text")) is str:  # a whole transcription
            self._show(text(value["text"]), out)
            self._read_usage(value, out)
        else:
            self.unknown(value, out)

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        return ResponseFinished("stop", raw, choice)

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        if body and parse(body) is BROKEN:
            return _bare(body)
        return super().read_whole(body)

    def read_other(self, value: object, chunk: Chunk, out: list[ProviderEvent]) -> None:
        if value is BROKEN and chunk.data != b"[DONE]" and not chunk.event:
            out.append(AudioDelta(len(chunk.data)))
        else:
            super().read_other(value, chunk, out)

    def _show(self, piece: str, out: list[ProviderEvent]) -> None:
        if piece:
            self.start(None, None, out)
            out.append(TextDelta(piece))

    def _read_usage(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        usage = obj(value.get("usage"))
        if usage.get("type") != "duration" and usage:
            self.report(openai_usage(usage), out)


def _bare(body: bytes) -> list[ProviderEvent]:
    """Read a whole body that is not JSON: a plain transcript if it is text, else audio."""
    try:
        plain = body.decode()
    except UnicodeDecodeError:
        return [AudioDelta(len(body)), ResponseFinished("stop")]
    if "\0" in plain:
        return [AudioDelta(len(body)), ResponseFinished("stop")]
    return [TextDelta(plain), ResponseFinished("stop")]
