"""Speech to text over WebSockets: AssemblyAI, Soniox, Speechmatics, Sarvam.

Decides: what the server's messages mean: text once it is final, and how much audio was heard. Must not know: the relay,
or the client's messages.

Source: AssemblyAI "Streaming API: message sequence", Soniox "WebSocket API", Speechmatics "Realtime API reference",
Sarvam "Speech to Text Realtime Streaming" and its older WebSocket. Partial transcripts change and are no events.
"""

from typing import Final, Literal

from ...events import AudioDelta, ProviderEvent, ResponseFinished, TextDelta, UsageReported
from ..base import BaseReader
from ..errors import response_failed
from ..values import JsonObject, arr, base64_size, count, obj, text, word
from .seconds import seconds


class TranscriptReader(BaseReader):
    """The base of the readers: text that is final, and the seconds of audio that were heard so far."""

    response_id = ""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0

    def say(self, piece: object, out: list[ProviderEvent]) -> None:
        """Report text that will not change."""
        if text(piece):
            out.append(TextDelta(text(piece)))

    def heard(self, so_far: float | None, out: list[ProviderEvent], *, all_of_it: bool = False) -> None:
        """Report how much audio was heard so far. ``all_of_it``: the provider's last word."""
        if so_far is not None:
            self._seconds = max(self._seconds, so_far)
            quality: Literal["final", "partial"] = "final" if all_of_it else "partial"
            self.report(UsageReported(input_audio_s=self._seconds, quality=quality), out)

    def heard_more(self, piece: float | None, out: list[ProviderEvent]) -> None:
        """Report that another piece of audio was heard."""
        if piece is not None:
            self.heard(self._seconds + piece, out, all_of_it=True)


class AssemblyAIReader(TranscriptReader):
    """Reads AssemblyAI's streams. The end of a turn may be told twice, the second time formatted."""

    def __init__(self) -> None:
        super().__init__()
        self._turn: int | None = None

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        if kind == "Turn":
            turn = count(value.get("turn_order"))
            if value.get("end_of_turn") is True and (turn is None or turn != self._turn):
                self._turn = turn
                self.say(value.get("transcript"), out)
                out.append(ResponseFinished("stop", "end_of_turn"))
        elif kind == "Termination":
            self.heard(seconds(value.get("audio_duration_seconds")), out, all_of_it=True)
        elif kind not in ("Begin", "SpeechStarted", "KeepAlive", "SpeakerRevision", "Warning"):
            self.unknown(value, out)


class SonioxReader(TranscriptReader):
    """Reads Soniox's tokens; ``<end>`` and ``<fin>`` are marks among them, not text."""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        if value.get("error_code") or value.get("error_message"):
            kind, code = word(value.get("error_type")), word(value.get("error_code"))
            out.append(response_failed(text(value.get("error_message")), kind, code))
            return
        tokens = [obj(token) for token in arr(value.get("tokens"))]
        finals = [text(token.get("text")) for token in tokens if token.get("is_final") is True]
        self.say("".join(piece for piece in finals if piece not in _SONIOX_MARKS), out)
        if "<end>" in finals:
            out.append(ResponseFinished("stop", "<end>"))
        finished = value.get("finished") is True
        if finals or finished:
            self.heard(seconds(value.get("total_audio_proc_ms"), 0.001), out, all_of_it=finished)
        if finished and not self._ended:
            self._ended |= {0}
            out.append(ResponseFinished("stop", "finished"))
        elif "tokens" not in value and not finished:
            self.unknown(value, out)


_SONIOX_MARKS: Final = frozenset({"<end>", "<fin>"})
_SPEECHMATICS_QUIET: Final = frozenset(
    {
        "RecognitionStarted", "AudioAdded", "ChannelAudioAdded", "AddPartialTranscript", "AddPartialTranslation",
        "AddTranslation", "Info", "Warning", "AudioEventStarted", "AudioEventEnded", "EndOfTurn", "SpeakersResult",
        "StartOfTurn", "SpeakerStarted", "SpeakerEnded",
    }
)  # fmt: skip


class SpeechmaticsReader(TranscriptReader):
    """Reads Speechmatics' messages, which are named by ``message``."""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("message"))
        said = obj(value.get("metadata"))
        if kind == "AddTranscript":
            self.say(said.get("transcript"), out)
            self.heard(seconds(said.get("end_time")), out)
        elif kind == "EndOfUtterance":
            out.append(ResponseFinished("stop", kind))
            self.heard(seconds(said.get("end_time")), out)
        elif kind == "EndOfTranscript":
            self.heard(self._seconds or None, out, all_of_it=True)
        elif kind == "Error":
            out.append(response_failed(text(value.get("reason")), word(value.get("type")), word(value.get("code"))))
        elif kind not in _SPEECHMATICS_QUIET:
            self.unknown(value, out)


_SARVAM_QUIET: Final = frozenset(
    {
        "session.begin", "session.end", "vad.speech_start", "vad.speech_end", "transcript.partial", "config.updated",
        "pong", "events", "ping",
    }
)  # fmt: skip


class SarvamReader(TranscriptReader):
    """Reads Sarvam's transcripts, by both of its protocols, and its text to speech."""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("event")) or text(value.get("type"))
        data = obj(value.get("data"))
        if kind == "transcript.final":
            self.say(value.get("text") or value.get("transcript") or data.get("text"), out)
            self._measure(obj(value.get("metrics")) or value, out)
        elif kind == "data":
            self.say(data.get("transcript"), out)
            self._measure(obj(data.get("metrics")), out)
        elif kind == "audio":
            size = base64_size(data.get("audio"))
            if size:
                self.start(None, None, out)
                out.append(AudioDelta(size))
        elif kind == "event":
            if data.get("event_type") == "final":
                self._started = False
                out.append(ResponseFinished("stop", "final"))
        elif kind == "error":
            holder = data or obj(value.get("error")) or value
            message = text(holder.get("message")) or text(holder.get("error")) or text(value.get("error"))
            out.append(response_failed(message, None, word(holder.get("code"))))
        elif kind not in _SARVAM_QUIET:
            self.unknown(value, out)

    def _measure(self, metrics: JsonObject, out: list[ProviderEvent]) -> None:
        self.heard_more(seconds(metrics.get("audio_duration")), out)
