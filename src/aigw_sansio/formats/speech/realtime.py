"""Speech over WebSockets: Deepgram, ElevenLabs, Cartesia, fal.

Decides: what the server's messages mean; a binary message is audio. Must not know: the relay, or the client's messages.

Source: Deepgram API reference (Listen, Flux, Speak, Voice Agent), ElevenLabs API reference (stream-input, Agents
WebSocket, Scribe "Realtime event reference"), Cartesia API reference ("/tts/websocket", contexts, "/stt/websocket",
"/stt/turns/websocket"), fal documentation (Realtime).
"""

from typing import Final, Literal

from ...events import (
    AudioDelta,
    ProviderEvent,
    ReasoningDelta,
    ResponseFinished,
    TextDelta,
    ToolKind,
    UsageReported,
)
from ..errors import embedded_error, response_failed
from ..values import JsonObject, arr, count, obj, text, word
from .http import CartesiaReader, ElevenLabsReader, FalReader, SpeechReader
from .seconds import seconds

_DEEPGRAM_QUIET: Final = frozenset(
    {
        "Connected", "ConfigureSuccess", "SpeechStarted", "UtteranceEnd", "Flushed", "Cleared", "Warning", "Welcome",
        "SettingsApplied", "UserStartedSpeaking", "PromptUpdated",
        "SpeakUpdated", "ThinkUpdated", "AgentStartedSpeaking", "History", "InjectionRefused", "Latency",
        "FunctionCallResponse",
    }
)  # fmt: skip


class DeepgramRealtimeReader(SpeechReader):
    """Reads transcripts as they become final, spoken audio, and an agent's turns.

    Audio that was heard is counted in seconds: by the last result, and by ``Metadata`` at the end. Speech that was made
    is counted in characters and seconds: after each piece, and by ``SessionMetadata`` at the end.
    """

    response_id = ""

    def __init__(self) -> None:
        super().__init__()
        self._heard = 0.0
        self._characters = 0
        self._spoken = 0.0

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        if kind == "Results":
            best = obj((arr(obj(value.get("channel")).get("alternatives")) or [None])[0])
            if value.get("is_final") is True:
                if text(best.get("transcript")):
                    out.append(TextDelta(text(best["transcript"])))
                self._hear((seconds(value.get("start")) or 0.0) + (seconds(value.get("duration")) or 0.0), out)
        elif kind == "Metadata":
            if seconds(value.get("duration")) is not None:
                self._heard = max(self._heard, seconds(value["duration"]) or 0.0)
                self.report(UsageReported(input_audio_s=self._heard), out)
        elif kind == "TurnInfo":
            if value.get("event") != "Update":
                self._hear(seconds(value.get("audio_window_end")) or 0.0, out)
            if value.get("event") == "EndOfTurn" and text(value.get("transcript")):
                out.append(TextDelta(text(value["transcript"])))
                out.append(ResponseFinished("stop", "EndOfTurn"))
        elif kind == "ConversationText":
            if value.get("role") == "assistant" and text(value.get("content")):
                out.append(TextDelta(text(value["content"])))
        elif kind == "AgentThinking":
            if text(value.get("content")):
                out.append(ReasoningDelta(text(value["content"])))
        elif kind == "FunctionCallRequest":
            for call in arr(value.get("functions")):
                one = obj(call)
                run_by: ToolKind = "provider" if one.get("client_side") is False else "function"
                self.calls.whole(word(one.get("id")), word(one.get("name")), one.get("arguments"), out, kind=run_by)
        elif kind == "SpeechMetadata":
            self._speak(value, out)
        elif kind == "SessionMetadata":
            self._characters = max(self._characters, count(value.get("total_billable_character_count")) or 0)
            self._spoken = max(self._spoken, seconds(value.get("total_audio_duration_ms"), 0.001) or 0.0)
            self._report_speech("final", out)
        elif kind in ("AgentAudioDone", "SpeechInterrupted"):
            self._speak(obj(value.get("metadata")), out)
            out.append(ResponseFinished("stop", kind))
        elif kind in ("Error", "ConfigureFailure"):
            out.append(
                response_failed(
                    text(value.get("description")) or text(value.get("message")), None, word(value.get("code"))
                )
            )
        elif kind not in _DEEPGRAM_QUIET:
            self.unknown(value, out)

    def _hear(self, so_far: float, out: list[ProviderEvent]) -> None:
        if so_far > self._heard:
            self._heard = so_far
            self.report(UsageReported(input_audio_s=so_far, quality="partial"), out)

    def _speak(self, piece: JsonObject, out: list[ProviderEvent]) -> None:
        """Count one piece of speech. It may be told without numbers."""
        characters = count(piece.get("billable_character_count"))
        if characters is not None:
            self._characters = min(self._characters + characters, 2**53)
            self._spoken += seconds(piece.get("audio_duration_ms"), 0.001) or 0.0
            self._report_speech("partial", out)

    def _report_speech(self, quality: Literal["final", "partial"], out: list[ProviderEvent]) -> None:
        usage = UsageReported(input_characters=self._characters, output_audio_s=self._spoken or None, quality=quality)
        self.report(usage, out)


_AGENT_QUIET: Final = frozenset(
    {
        "conversation_initiation_metadata", "ping", "user_transcript", "vad_score", "internal_tentative_agent_response",
        "tentative_user_transcript", "agent_tool_response", "agent_tool_request", "mcp_connection_status",
        "mcp_tool_call", "asr_initiation_metadata", "agent_response_metadata", "agent_response_complete",
    }
)  # fmt: skip


#: What a message of Scribe says went wrong; others end in ``error``.
_SCRIBE_FAILURES: Final = frozenset(
    {
        "quota_exceeded", "commit_throttled", "unaccepted_terms", "rate_limited", "queue_overflow",
        "resource_exhausted", "session_time_limit_exceeded", "chunk_size_exceeded", "insufficient_audio_activity",
    }
)  # fmt: skip


class ElevenLabsRealtimeReader(ElevenLabsReader):
    """Reads text to speech (no ``type``), an agent's messages, and Scribe's transcripts (``message_type``)."""

    response_id = ""

    def __init__(self) -> None:
        super().__init__()
        self._committed: str | None = None

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        if "message_type" in value:
            self._read_transcript(text(value.get("message_type")), value, out)
        elif not kind:
            self._read_speech(value, out)
        elif kind == "audio":
            self.report_audio(obj(value.get("audio_event")).get("audio_base_64"), None, out)
        elif kind == "agent_chat_response_part":
            part = obj(value.get("text_response_part"))
            if part.get("type") == "delta" and text(part.get("text")):
                out.append(TextDelta(text(part["text"])))
        elif kind == "agent_response":
            spoken = text(obj(value.get("agent_response_event")).get("agent_response"))
            if spoken:
                out.append(AudioDelta(0, spoken))
        elif kind == "interruption":
            out.append(ResponseFinished("stop", kind))
        elif kind == "client_tool_call":
            call = obj(value.get("client_tool_call"))
            self.calls.whole(word(call.get("tool_call_id")), word(call.get("tool_name")), call.get("parameters"), out)
        elif kind not in _AGENT_QUIET and kind != "agent_response_correction":
            self.unknown(value, out)

    def _read_transcript(self, kind: str, value: JsonObject, out: list[ProviderEvent]) -> None:
        if kind in ("committed_transcript", "committed_transcript_with_timestamps", "final_transcript"):
            said = text(value.get("text"))
            again = kind == "committed_transcript_with_timestamps" and said == self._committed
            self._committed = None if again else said
            if said and not again:
                out.append(TextDelta(said))
        elif kind.endswith("error") or kind in _SCRIBE_FAILURES:
            out.append(response_failed(text(value.get("error")) or text(value.get("message")), kind))
        elif kind not in ("session_started", "partial_transcript"):
            self.unknown(value, out)

    def _read_speech(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        if value.get("error"):
            self.unknown(value, out)
            return
        if text(value.get("audio")):
            spoken = obj(value.get("alignment"))
            characters = arr(spoken.get("chars")) or arr(spoken.get("characters"))
            self.report_audio(value["audio"], "".join(text(one) for one in characters) or None, out)
        if value.get("isFinal") is True or value.get("is_final") is True:
            self._started = False
            out.append(ResponseFinished("stop"))
        elif not ("audio" in value or "flush_done" in value):
            self.unknown(value, out)


class CartesiaRealtimeReader(CartesiaReader):
    """Reads speech of all contexts of a connection (the end of each context is a finish) and transcripts: each final
    piece goes on where the last one ended, and tells how much audio it was made of."""

    response_id = ""

    def __init__(self) -> None:
        super().__init__()
        self._heard = 0.0

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        self.response_id = text(value.get("context_id"))[:256]
        if kind == "transcript":
            if value.get("is_final") is True:
                if text(value.get("text")):
                    out.append(TextDelta(text(value["text"])))
                piece = seconds(value.get("duration"))
                if piece is not None:
                    self._heard += piece
                    self.report(UsageReported(input_audio_s=self._heard), out)
        elif kind == "turn.end":
            if text(value.get("transcript")):
                out.append(TextDelta(text(value["transcript"])))
            out.append(ResponseFinished("stop", kind))
        elif kind == "done":
            self._started = False
            out.append(ResponseFinished("stop"))
        elif kind not in ("connected", "turn.start", "turn.update", "turn.eager_end", "turn.resume"):
            super().read_object(value, event, out)


class FalRealtimeReader(FalReader):
    """Reads errors only: the other messages depend on the app and are mostly msgpack."""

    response_id = ""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        error = embedded_error(value)
        idle = value.get("type") == "x-fal-error" and value.get("error") == "TIMEOUT"  # nothing was asked for a while
        if error is not None and value.get("type") != "x-fal-message" and not idle:
            out.append(error)
