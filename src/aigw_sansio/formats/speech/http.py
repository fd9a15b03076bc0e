"""Speech over HTTP: ElevenLabs, Cartesia, Deepgram, and fal's queue and streams.

Decides: what their stream events, transcripts and binary bodies mean. Must not know: voices or codecs.

Source: ElevenLabs API reference ("Stream speech with timing"), Cartesia API reference ("/tts/sse"), Deepgram API
reference ("Pre-recorded audio", "Speak"), fal documentation ("Queue", "Streaming"). A body that is not JSON is audio.
"""

from typing import ClassVar

from ...bodies.chunk import Chunk
from ...events import AudioDelta, ImageDelta, ProviderEvent, ResponseFinished, TextDelta, UsageReported
from ..base import BaseReader
from ..values import BROKEN, JsonObject, arr, base64_size, obj, parse, text, word
from .seconds import seconds


class SpeechReader(BaseReader):
    """The base of the four readers: binary is audio, ``text`` is a transcript, and every finish reason is ``stop``."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"', b'"err_code"', b'"detail"', b'"done"')

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        if type(value.get("text")) is str:
            self.report_text(text(value["text"]), out)
        else:
            self.unknown(value, out)

    def read_other(self, value: object, chunk: Chunk, out: list[ProviderEvent]) -> None:
        if value is BROKEN and not chunk.event and chunk.data.strip() not in (b"", b"[DONE]"):
            self.start(None, None, out)
            out.append(AudioDelta(len(chunk.data)))
        else:
            super().read_other(value, chunk, out)

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        # audio never begins like JSON or an HTML page
        if body[:1] not in (b"{", b"[", b"<", b'"', b"") and parse(body) is BROKEN and not _is_text(body):
            return [AudioDelta(len(body)), ResponseFinished("stop")]
        return super().read_whole(body)

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        return ResponseFinished("stop", raw, choice)

    def report_text(self, piece: str, out: list[ProviderEvent]) -> None:
        """Report text of a transcript."""
        self.start(None, None, out)
        if piece:
            out.append(TextDelta(piece))

    def report_heard(self, length: object, out: list[ProviderEvent]) -> None:
        """Report the seconds of audio that a transcript was made of."""
        heard = seconds(length)
        if heard is not None:
            self.report(UsageReported(input_audio_s=heard), out)

    def report_audio(self, data: object, transcript: str | None, out: list[ProviderEvent]) -> None:
        """Report audio in base64, with its transcript if there is one."""
        size = base64_size(data)
        if size or transcript:
            self.start(None, None, out)
            out.append(AudioDelta(size, transcript))


def _is_text(body: bytes) -> bool:
    head = body[:512]
    return b"\0" not in head and head.isascii()


class ElevenLabsReader(SpeechReader):
    """Reads audio with timestamps (``audio_base64``, ``alignment``) and transcripts."""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        if "audio_base64" in value or "audio" in value:
            characters = arr(obj(value.get("alignment")).get("characters"))
            spoken = "".join(text(one) for one in characters) or None
            self.report_audio(value.get("audio_base64") or value.get("audio"), spoken, out)
        elif "alignment" not in value:
            super().read_object(value, event, out)


class CartesiaReader(SpeechReader):
    """Reads ``chunk``, ``timestamps``, ``done`` and ``error`` events, and transcripts."""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type")) or event
        if kind == "chunk":
            self.report_audio(value.get("data"), None, out)
        elif kind == "done":
            self.start(None, None, out)
            self.end(0, None)
            self.terminated = True
        elif kind == "error":
            self.unknown(value, out)
        elif kind not in ("timestamps", "phoneme_timestamps", "flush_done"):
            super().read_object(value, event, out)
            self.report_heard(value.get("duration"), out)


class DeepgramReader(SpeechReader):
    """Reads transcripts (``results.channels[].alternatives[]``) and spoken audio."""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        results = value.get("results")
        if type(results) is dict:
            self.start(obj(value.get("metadata")).get("request_id"), None, out)
            for choice, channel in enumerate(arr(results.get("channels"))[:16]):
                best = obj((arr(obj(channel).get("alternatives")) or [None])[0])
                if text(best.get("transcript")):
                    out.append(TextDelta(text(best["transcript"]), choice))
            self.report_heard(obj(value.get("metadata")).get("duration"), out)
            summary = obj(obj(results).get("summary"))
            if text(summary.get("text")) and "channels" not in results:
                out.append(TextDelta(text(summary["text"])))
        elif "request_id" not in value or "err_code" in value:
            super().read_object(value, event, out)


class FalReader(SpeechReader):
    """Reads the queue's status, results of any model, and streams of cumulative objects.

    Each of fal's models has its own result: text, images and audio are reported, other results give no events.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown = 0
        self._tail = ""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        if value.get("detail") or value.get("error"):
            self.unknown(value, out)
            return
        if "request_id" in value and "status" in value:  # queued, in progress
            return
        self.start(None, None, out)
        piece = text(value.get("output")) or text(value.get("text"))
        if piece:
            # each object holds the whole text so far
            grown = piece[self._shown :] if piece[: self._shown].endswith(self._tail) else piece
            self._shown, self._tail = len(piece), piece[-64:]
            if grown:
                out.append(TextDelta(grown))
        for image in [*arr(value.get("images")), value.get("image"), value.get("video")]:
            if text(obj(image).get("url")):
                address = text(obj(image)["url"])
                size = base64_size(address.partition(";base64,")[2]) if address.startswith("data:") else 0
                out.append(ImageDelta(size, word(obj(image).get("content_type"))))
        if text(obj(value.get("audio")).get("url")) or text(obj(value.get("audio_url")).get("url")):
            out.append(AudioDelta(0))
