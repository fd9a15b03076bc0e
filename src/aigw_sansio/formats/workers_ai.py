"""Cloudflare Workers AI.

Decides: the meaning of its native chunks (``{"response": ...}``), of its wrapped whole responses (``{"result": ...,
"success": true}``) and of OpenAI's format, which newer models use on both paths. Must not know: the model.

Source: Cloudflare Workers AI documentation, "Text generation" and "OpenAI compatible endpoints".
"""

from typing import ClassVar

from ..events import AudioDelta, ImageDelta, ProviderEvent, ReasoningDelta, ResponseFinished, TextDelta
from .openai.chat import OpenAIChatReader
from .openai.usage_counts import openai_usage
from .values import JsonObject, arguments, arr, base64_size, obj, text, word


class WorkersAIReader(OpenAIChatReader):
    """Reads Workers AI, native and in OpenAI's format. A native response names no finish reason: its end is the
    finish."""

    HAS_PLAIN: ClassVar[bool] = False
    MARKERS: ClassVar[tuple[bytes, ...]] = (*OpenAIChatReader.MARKERS, b'"errors":[', b'"tool_calls"')

    def __init__(self) -> None:
        super().__init__()
        self._native = False

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        if "response" not in value or "choices" in value:
            if "tool_calls" in value and "choices" not in value:
                self._read_native(value, out)
            else:
                super().read_object(value, event, out)
            return
        self._read_native(value, out)

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        result = value.get("result")
        if type(result) is dict:
            self.read_whole_object(result, out) if "result" in result else self._read_result(result, out)
        elif "result" in value and value.get("success") is True:
            piece = _spoken(result)
            if piece:
                out.append(TextDelta(piece))
        else:
            self._read_result(value, out)

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        if self._native and raw is None:
            return ResponseFinished("tool_calls" if self.calls.count else "stop", None, choice)
        return super().finished(choice, raw)

    def _read_result(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        if type(value.get("image")) is str:
            out.append(ImageDelta(base64_size(value["image"]), None))
        elif type(value.get("audio")) is str:
            out.append(AudioDelta(base64_size(value["audio"])))
        elif type(value.get("text")) is str and "choices" not in value:  # Whisper
            out.append(TextDelta(text(value["text"])))
        else:
            self.read_object(value, "", out)

    def _read_native(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        self._native = True
        self.start(value.get("id"), value.get("model"), out)
        thought = text(value.get("reasoning_content")) or text(value.get("thinking"))
        if thought:
            out.append(ReasoningDelta(thought))
        piece = _spoken(value.get("response"))
        if piece:
            out.append(TextDelta(piece))
        for call in arr(value.get("tool_calls")):
            named = obj(call)
            function = obj(named.get("function")) or named
            args = function.get("arguments")
            self.calls.whole(word(named.get("id")), word(function.get("name")), args, out)
        usage = obj(value.get("usage"))
        if usage:
            self.report(openai_usage(usage), out)
        reason = word(value.get("finish_reason"))
        if reason:
            self.end(0, reason)


def _spoken(value: object) -> str:
    """``response`` as text. It is a number if the text is a number, and an object if JSON was asked for."""
    if type(value) is str:
        return value
    if type(value) is float:
        return repr(value)
    return arguments(value) or word(value) or ""
