"""OpenAI Realtime, GA and beta, as served by OpenAI, Azure, xAI, Alibaba, Inworld, Together, Mistral and vLLM.

Decides: what the server's events mean; the events of a response are those of the Responses API. Must not know: the
relay, or the client's events.

Source: OpenAI API reference, Realtime server events; Azure Voice Live and xAI voice for their deviations (xAI puts the
usage of a response at the top of ``response.done``); Mistral "Realtime transcription", vLLM "Realtime API"
(``transcription.*``); Together "Streaming transcription", "Streaming text-to-speech" (``conversation.item.*``).

Usage of a response is counted for the response's id, usage of a transcription, in tokens or in seconds, for its item's
id. What a user says is text only if the session does nothing else than transcribe. After ``error`` the session mostly
goes on.
"""

from typing import ClassVar, Final

import msgspec

from ...events import AudioDelta, ProviderEvent, ResponseFinished, TextDelta, UsageReported
from ..base import NO_CHOICES
from ..errors import response_failed
from ..finish_reasons import map_reason
from ..speech.seconds import seconds
from ..values import JsonObject, arr, base64_size, obj, text, word
from .responses import OpenAIResponsesReader
from .usage_counts import openai_usage

#: Prefixes of events about the session, the input and limits: they are not part of a response.
_SESSION: Final = (
    "session.",
    "conversation.",
    "input_audio_buffer.",
    "output_audio_buffer.",
    "transcription_session.",
    "tts_session.",
    "rate_limits.",
    "mcp_list_tools.",
    "ping",
    "warning",
)
#: The final events of the Responses API over a WebSocket; several responses may run at once.
_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_MOST_AT_ONCE: Final = 64
_STOPPED: Final = frozenset({"turn_detected", "client_cancelled"})


class OpenAIRealtimeReader(OpenAIResponsesReader):
    """Reads the server's events, one JSON object in each message."""

    HAS_PLAIN: ClassVar[bool] = False  # each event is looked at for the response that it is of

    def __init__(self) -> None:
        super().__init__()
        self.response_id = ""
        self._response = ""  # the id of the current response
        self._running: set[str] = set()  # the ids of all running responses: they may overlap
        self.responding = False
        self._transcribing = False  # the session gives no responses: its text is the user's
        self._heard = ""  # the item whose text came in pieces
        self._spoken = 0  # the transcripts without an id of their own

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        self.response_id = self._response
        if kind == "response.created":
            response = obj(value.get("response"))
            self.renew()
            self.response_id = self._response = text(response.get("id"))[:256]
            if len(self._running) < _MOST_AT_ONCE:
                self._running.add(self._response)
            self.responding = True
            self.start(response.get("id"), response.get("model"), out)
        elif kind == "response.done":
            self._read_done(value, obj(value.get("response")), out)
        elif kind == "session.output_audio.delta":  # translation
            out.append(AudioDelta(base64_size(value.get("delta"))))
        elif kind == "session.output_transcript.delta":
            if text(value.get("delta")):
                out.append(AudioDelta(0, text(value["delta"])))
        elif ".input_audio_transcription." in kind:
            self._read_transcription(kind, value, out)
        elif kind.startswith("transcription."):
            self._read_transcript(kind, value, out)
        elif kind.startswith("conversation.item.audio_output.") or kind == "conversation.item.tts.failed":
            self._read_speech(kind, value, out)
        elif kind in ("session.created", "session.updated", "transcription_session.created"):
            session = obj(value.get("session"))
            if "type" in session or kind.startswith("transcription_"):
                self._transcribing = session.get("type", "transcription") == "transcription"
        elif kind in _ENDS:
            self._end_response(obj(value.get("response")))
            super().read_object(value, event, out)
        elif not kind.startswith(_SESSION) and not kind.startswith(("response.animation_", "response.audio_timestamp")):
            super().read_object(value, event, out)

    def _read_transcription(self, kind: str, value: JsonObject, out: list[ProviderEvent]) -> None:
        """Read the transcription of an item of the user's audio."""
        item = text(value.get("item_id"))[:256]
        if kind.endswith(".failed"):
            error = obj(value.get("error"))
            out.append(response_failed(text(error.get("message")), word(error.get("type")), word(error.get("code"))))
        elif kind.endswith(".delta"):
            if self._transcribing and text(value.get("delta")):
                self._heard = item
                out.append(TextDelta(text(value["delta"])))
        elif kind.endswith(".completed"):
            if self._transcribing and text(value.get("transcript")) and (item != self._heard or not item):
                out.append(TextDelta(text(value["transcript"])))
            self._report_apart(item, obj(value.get("usage")), out)
        elif not kind.endswith((".segment", ".updated", ".text")):
            self.unknown(value, out)

    def _read_transcript(self, kind: str, value: JsonObject, out: list[ProviderEvent]) -> None:
        """Read an event of Mistral's or vLLM's transcription, which knows no items."""
        if kind in ("transcription.text.delta", "transcription.delta"):
            piece = text(value.get("text")) or text(value.get("delta"))
            if piece:
                self.start(None, None, out)
                out.append(TextDelta(piece))
        elif kind == "transcription.done":
            if not self._started and text(value.get("text")):
                out.append(TextDelta(text(value["text"])))
            self._spoken += 1
            self._report_apart(f"transcript-{self._spoken}", obj(value.get("usage")), out)
            self._started = False
            out.append(ResponseFinished("stop", "done"))
        elif kind not in ("transcription.language", "transcription.segment"):
            self.unknown(value, out)

    def _read_speech(self, kind: str, value: JsonObject, out: list[ProviderEvent]) -> None:
        """Read an event of Together's text to speech."""
        if kind.endswith(".delta"):
            size = base64_size(value.get("delta"))
            if size:
                self.start(None, None, out)
                out.append(AudioDelta(size))
        elif kind.endswith(".done"):
            self._started = False
            out.append(ResponseFinished("stop", "done"))
        elif kind.endswith(".failed"):
            error = obj(value.get("error"))
            out.append(response_failed(text(error.get("message")), word(error.get("type")), word(error.get("code"))))

    def _report_apart(self, response_id: str, usage: JsonObject, out: list[ProviderEvent]) -> None:
        """Report usage that is no response's; it may come during one."""
        if usage:
            self.response_id = response_id
            kept, self._usage = self._usage, None
            self.report(_transcription_usage(usage), out)
            self._usage = kept

    def renew(self) -> None:
        super().renew()
        self._filled.clear()
        self._asked = False

    def _end_response(self, response: JsonObject) -> None:
        """``response`` ends, but another may have begun after it: make it the current one again."""
        response_id = text(response.get("id"))[:256] or self._response
        self._running.discard(response_id)
        self.responding = bool(self._running)
        if response_id != self._response:
            self._usage = None
            self._ends.clear()
            self._ended = NO_CHOICES
        self.response_id = self._response = response_id

    def _read_done(self, value: JsonObject, response: JsonObject, out: list[ProviderEvent]) -> None:
        self._end_response(response)
        usage = obj(response.get("usage")) or obj(value.get("usage"))
        if usage:
            self.report(openai_usage(usage), out)
        status = text(response.get("status"))
        details = obj(response.get("status_details"))
        reason = word(details.get("reason"))
        if status == "failed":
            error = obj(details.get("error"))
            out.append(response_failed(text(error.get("message")), word(error.get("type")), word(error.get("code"))))
        elif status == "cancelled":  # by the user's voice or by the client: not an error
            out.append(ResponseFinished("stop" if reason in _STOPPED else map_reason(reason), reason or status))
        elif status == "completed":
            asked = any(obj(item).get("type") == "function_call" for item in arr(response.get("output")))
            out.append(ResponseFinished("tool_calls" if asked else "stop", status))
        else:
            out.append(ResponseFinished(map_reason(reason or status), reason or status or None))


class TogetherRealtimeReader(OpenAIRealtimeReader):
    """Reads Together's transcription and text to speech: its deltas of a transcript are guesses that change."""

    def __init__(self) -> None:
        super().__init__()
        self._transcribing = True

    def _read_transcription(self, kind: str, value: JsonObject, out: list[ProviderEvent]) -> None:
        if not kind.endswith(".delta"):
            super()._read_transcription(kind, value, out)


def _transcription_usage(usage: JsonObject) -> UsageReported:
    """Tokens, seconds of audio, or both (Mistral)."""
    heard = seconds(usage.get("seconds"))
    if heard is None:
        heard = seconds(usage.get("prompt_audio_seconds"))
    return msgspec.structs.replace(openai_usage(usage), input_audio_s=heard)
