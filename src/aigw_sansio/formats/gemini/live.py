"""Gemini Live (``BidiGenerateContent``).

Decides: what the server's messages mean, and that a response begins with the first content after a turn's end, because
no message announces it. Must not know: the relay; the opcode (the server's JSON comes in binary frames).

Source: Gemini API, "Live API - WebSockets API reference". One message may have several members.
"""

from typing import Final

from ...events import AudioDelta, ProviderEvent, ResponseFinished
from ..values import JsonObject, arr, obj, text, word
from .generate import GeminiReader, gemini_usage

_QUIET: Final = frozenset(
    {"setupComplete", "goAway", "sessionResumptionUpdate", "toolCallCancellation", "voiceActivity", "usageMetadata"}
    | {"voiceActivityDetectionSignal", "serverContent", "toolCall"}
)


class GeminiLiveReader(GeminiReader):
    """Reads the server's messages."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = 0
        self.answer = "turn-0"

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        if _QUIET.isdisjoint(value):
            self.unknown(value, out)
            return
        content = obj(value.get("serverContent"))
        parts = arr(obj(content.get("modelTurn")).get("parts"))
        spoken = text(obj(content.get("outputTranscription")).get("text"))
        calls = arr(obj(value.get("toolCall")).get("functionCalls"))
        if (parts or spoken or calls) and not self._started:
            self._turn += 1
            self.answer = f"turn-{self._turn}"
            self.renew()
            self.start(None, None, out)
        for part in parts:
            self.read_part(obj(part), 0, out)
        if spoken:
            out.append(AudioDelta(0, spoken))
        for call in calls:
            self.calls.whole(word(obj(call).get("id")), word(obj(call).get("name")), obj(call).get("args"), out)
        complete = content.get("turnComplete") is True
        usage = obj(value.get("usageMetadata"))
        if usage:
            self.report(gemini_usage(usage, complete), out)
        if content.get("interrupted") is True:
            self._finish("interrupted", out)
        if complete:
            self._finish(word(content.get("turnCompleteReason")), out)
            self._started = False

    def _finish(self, raw: str | None, out: list[ProviderEvent]) -> None:
        if self._started and 0 not in self._ended:
            self._ended.add(0)
            out.append(ResponseFinished("stop" if raw in (None, "interrupted") else "unknown", raw))
