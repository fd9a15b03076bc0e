"""Gemini Live (``BidiGenerateContent``), also on Vertex.

Decides: what the server's messages mean, where a response begins and ends, because no message announces it, and which
usage belongs to which turn. Must not know: the relay; the opcode (the server's JSON comes in binary frames).

Source: Gemini API, "Live API - WebSockets API reference". One message may have several members. Transcriptions come in
no guaranteed order: alone they begin no response.

A turn ends with ``turnComplete``, or before with ``interrupted``; then its ``turnComplete`` may come late or never. A
turn may have no content at all and still has usage. Each ``usageMetadata`` counts what the server did since the last
one, except that it may repeat a growing total within a turn: same input, as much output or more.
"""

from typing import Final

from ...events import AudioDelta, FinishReason, ProviderEvent, ResponseFinished, UsageReported
from ..finish_reasons import map_reason
from ..values import JsonObject, arr, obj, text, word
from .generate import GeminiReader, camel, gemini_usage, is_snake

_QUIET: Final = frozenset(
    {"setupComplete", "goAway", "sessionResumptionUpdate", "toolCallCancellation", "voiceActivity", "usageMetadata"}
    | {"voiceActivityDetectionSignal", "serverContent", "toolCall"}
)
#: Reasons of a turn's end that are no finish reasons of ``generateContent``.
_REASONS: Final[dict[str, FinishReason]] = {
    "interrupted": "stop",
    "TURN_COMPLETE_REASON_UNSPECIFIED": "stop",
    "NEED_MORE_INPUT": "stop",
    "RESPONSE_REJECTED": "content_filter",
    "PROHIBITED_INPUT_CONTENT": "content_filter",
    "INPUT_TEXT_CONTAINS_PROHIBITED_CONTENT": "content_filter",
    "OUTPUT_CONTAINS_PROHIBITED_CONTENT": "content_filter",
}


class GeminiLiveReader(GeminiReader):
    """Reads the server's messages."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0
        self._reports = 0  # of usage, in this turn
        self._last: UsageReported | None = None  # the last of them, if it may still grow
        self._cut = False  # interrupted: its ``turnComplete`` is still to come
        self.response_id = "turn-0"

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        if is_snake(value):
            value = camel(value)
        if _QUIET.isdisjoint(value):
            self.unknown(value, out)
            return
        content = obj(value.get("serverContent"))
        parts = arr(obj(content.get("modelTurn")).get("parts"))
        calls = arr(obj(value.get("toolCall")).get("functionCalls"))
        complete, interrupted = content.get("turnComplete") is True, content.get("interrupted") is True
        if not self._started and (parts or calls or (complete and not self._cut)):
            self._begin(out)
        for part in parts:
            self.read_part(obj(part), 0, out)
        spoken = text(obj(content.get("outputTranscription")).get("text"))
        if spoken:
            out.append(AudioDelta(0, spoken))
        for call in calls:
            self.calls.whole(word(obj(call).get("id")), word(obj(call).get("name")), obj(call).get("args"), out)
        usage = obj(value.get("usageMetadata"))
        if usage:
            self._count(gemini_usage(usage, ended=not parts), out, apart=not content)
        if interrupted:
            self._cut = self._started or self._cut
            self._finish("interrupted", out)
        if complete:
            self._cut = False
            self._finish(word(content.get("turnCompleteReason")), out)
        if calls or complete:
            self._last = None  # what is counted from now on is no longer part of that

    def _begin(self, out: list[ProviderEvent]) -> None:
        self._turn += 1
        self._reports = 0
        self._last = None
        self._cut = False
        self.response_id = f"turn-{self._turn}"
        self.renew()
        self.start(None, None, out)

    def _count(self, usage: UsageReported, out: list[ProviderEvent], *, apart: bool) -> None:
        """``apart``: the message has nothing else, so the same numbers again are as much again."""
        last = self._last
        grown = -1
        if last is not None and last.input_tokens == usage.input_tokens:
            grown = (usage.output_tokens or 0) - (last.output_tokens or 0)
        if grown < apart:
            self.response_id = f"turn-{self._turn}.{self._reports}" if self._reports else f"turn-{self._turn}"
            self._reports += 1
            self._usage = None
        self._last = usage
        self.report(usage, out)

    def _finish(self, raw: str | None, out: list[ProviderEvent]) -> None:
        if self._started:
            self._started = False
            out.append(ResponseFinished("stop" if raw is None else _REASONS.get(raw) or map_reason(raw), raw))
