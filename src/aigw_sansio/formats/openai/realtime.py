"""OpenAI Realtime, GA and beta, as served by OpenAI, Azure and xAI.

Decides: what the server's events mean; the events of a response are those of the Responses API. Must not know: the
relay, or the client's events.

Source: OpenAI API reference, Realtime server events; Azure Voice Live and xAI voice for their deviations (xAI puts the
usage of a response at the top of ``response.done``). Usage of a response is counted for the response's id, usage of a
transcription for its item's id. After ``error`` the session mostly goes on.
"""

from typing import Final

from ...events import AudioDelta, ProviderEvent, ResponseFinished
from ..errors import response_failed
from ..finish_reasons import map_reason
from ..values import JsonObject, arr, base64_size, obj, text, word
from .usage_counts import openai_usage
from .responses import OpenAIResponsesReader

#: Prefixes of events about the session, the input and limits: they are not part of a response.
_SESSION: Final = (
    "session.",
    "conversation.",
    "input_audio_buffer.",
    "output_audio_buffer.",
    "transcription_session.",
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

    def __init__(self) -> None:
        super().__init__()
        self.answer = ""
        self._response = ""  # the id of the current response
        self._running: set[str] = set()  # the ids of all running responses: they may overlap
        self.answering = False

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        self.answer = self._response
        if kind == "response.created":
            response = obj(value.get("response"))
            self.renew()
            self.answer = self._response = text(response.get("id"))[:256]
            if len(self._running) < _MOST_AT_ONCE:
                self._running.add(self._response)
            self.answering = True
            self.start(response.get("id"), response.get("model"), out)
        elif kind == "response.done":
            self._read_done(value, obj(value.get("response")), out)
        elif kind == "session.output_audio.delta":  # translation
            out.append(AudioDelta(base64_size(value.get("delta"))))
        elif kind == "session.output_transcript.delta":
            if text(value.get("delta")):
                out.append(AudioDelta(0, text(value["delta"])))
        elif kind.endswith("input_audio_transcription.completed"):
            usage = obj(value.get("usage"))
            if usage.get("type") == "tokens":
                self.answer = text(value.get("item_id"))[:256]
                kept, self._usage = self._usage, None  # it may come during a response
                self.report(openai_usage(usage), out)
                self._usage = kept
        elif kind.endswith("input_audio_transcription.failed"):
            error = obj(value.get("error"))
            out.append(response_failed(text(error.get("message")), word(error.get("type")), word(error.get("code"))))
        elif kind in _ENDS:
            self._end_response(obj(value.get("response")))
            super().read_object(value, event, out)
        elif not kind.startswith(_SESSION) and not kind.startswith(("response.animation_", "response.audio_timestamp")):
            super().read_object(value, event, out)

    def renew(self) -> None:
        super().renew()
        self._filled.clear()
        self._asked = False

    def _end_response(self, response: JsonObject) -> None:
        """``response`` ends, but another may have begun after it: make it the current one again."""
        answer = text(response.get("id"))[:256] or self._response
        self._running.discard(answer)
        self.answering = bool(self._running)
        if answer != self._response:
            self._usage = None
            self._ends.clear()
            self._ended.clear()
        self.answer = self._response = answer

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
