"""Speech over WebSockets: Deepgram, ElevenLabs, Cartesia, fal.

Decides: what the server's messages mean; a binary message is audio. Must not know: the relay, or the client's messages.

Source: Deepgram API reference (Listen, Flux, Speak, Voice Agent), ElevenLabs API reference (stream-input, Agents
WebSocket), Cartesia API reference ("/tts/websocket", contexts), fal documentation (Realtime).
"""

from typing import Final

from ...events import AudioDelta, ProviderEvent, ReasoningDelta, ResponseFinished, TextDelta, ToolKind
from ..errors import embedded_error, response_failed
from ..values import JsonObject, arr, obj, text, word
from .http import CartesiaReader, ElevenLabsReader, FalReader, SpeechReader

_DEEPGRAM_QUIET: Final = frozenset(
    {
        "Connected", "ConfigureSuccess", "Metadata", "SpeechStarted", "UtteranceEnd", "Flushed", "Cleared", "Warning",
        "SpeechMetadata", "SessionMetadata", "Welcome", "SettingsApplied", "UserStartedSpeaking", "PromptUpdated",
        "SpeakUpdated", "ThinkUpdated", "AgentStartedSpeaking", "History", "InjectionRefused", "Latency",
        "FunctionCallResponse",
    }
)  # fmt: skip


class DeepgramRealtimeReader(SpeechReader):
    """Reads transcripts as they become final, spoken audio, and an agent's turns."""

    answer = ""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        if kind == "Results":
            best = obj((arr(obj(value.get("channel")).get("alternatives")) or [None])[0])
            if value.get("is_final") is True and text(best.get("transcript")):
                out.append(TextDelta(text(best["transcript"])))
        elif kind == "TurnInfo":
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
        elif kind in ("AgentAudioDone", "SpeechInterrupted"):
            out.append(ResponseFinished("stop", kind))
        elif kind in ("Error", "ConfigureFailure"):
            out.append(
                response_failed(
                    text(value.get("description")) or text(value.get("message")), None, word(value.get("code"))
                )
            )
        elif kind not in _DEEPGRAM_QUIET:
            self.unknown(value, out)


_AGENT_QUIET: Final = frozenset(
    {
        "conversation_initiation_metadata", "ping", "user_transcript", "vad_score", "internal_tentative_agent_response",
        "tentative_user_transcript", "agent_tool_response", "agent_tool_request", "mcp_connection_status",
        "mcp_tool_call", "asr_initiation_metadata", "agent_response_metadata", "agent_response_complete",
    }
)  # fmt: skip


class ElevenLabsRealtimeReader(ElevenLabsReader):
    """Reads text to speech (no ``type``) and an agent's messages."""

    answer = ""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        if not kind:
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
    """Reads the messages of all contexts of a connection; the end of each context is a finish."""

    answer = ""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        self.answer = text(value.get("context_id"))[:256]
        if value.get("type") == "done":
            self._started = False
            out.append(ResponseFinished("stop"))
        else:
            super().read_object(value, event, out)


class FalRealtimeReader(FalReader):
    """Reads errors only: the other messages depend on the app and are mostly msgpack."""

    answer = ""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        error = embedded_error(value)
        if error is not None and value.get("type") != "x-fal-message":
            out.append(error)
