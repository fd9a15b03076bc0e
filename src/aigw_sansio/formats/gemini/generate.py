"""Google Gemini ``generateContent``, on generativelanguage and on Vertex, as SSE, as a JSON array and whole.

Decides: what its chunks mean; a whole response is one chunk. Must not know: how the chunks were framed.

Source: Gemini API reference, ``GenerateContentResponse``; Vertex AI "Stream function call arguments". A
``finishReason`` may be on every chunk, so a finish is held back until the transport ends. Usage is a running total;
``candidatesTokenCount`` excludes thoughts, which are added here.
"""

from typing import ClassVar, Final

from ...events import (
    AudioDelta,
    Citation,
    FinishReason,
    ImageDelta,
    ProviderEvent,
    ReasoningDelta,
    ResponseFailed,
    ResponseFinished,
    TextDelta,
    Unrecognised,
    UsageReported,
)
from ..base import BaseReader, choice_of
from ..errors import embedded_error
from ..text_chunks import gemini_text
from ..values import JsonObject, arr, base64_size, count, obj, text, word
from .partial_arguments import PartialArguments

_KNOWN: Final = frozenset(
    {"candidates", "promptFeedback", "usageMetadata", "modelVersion", "responseId", "createTime", "modelStatus"}
)
#: The numbers of the reasons, which some services send instead of the names.
_NUMBERS: Final[dict[str | None, FinishReason]] = {
    "1": "stop",
    "2": "length",
    "3": "content_filter",
    "4": "content_filter",
    "5": "error",
}
_STOPS: Final = frozenset({"STOP", "1"})
_UNFINISHED: Final = frozenset({"FINISH_REASON_UNSPECIFIED", "0"})


class GeminiReader(BaseReader):
    """Reads Gemini, streamed and whole."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (
        b'"error"',
        b'"usageMetadata"',
        b'"finishReason"',
        b'"functionCall"',
        b'"promptFeedback"',
        b'"usage_metadata"',
        b'"finish_reason"',
        b'"function_call"',
        b'"prompt_feedback"',
    )

    HAS_PLAIN: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._partial = PartialArguments()
        self._cited = 0
        self._blocked = False
        self._said: JsonObject = {}
        self._spoke: set[int] = set()  # the candidates with content
        self._early: dict[int, str] = {}  # a STOP before any content: the end only if nothing follows

    def read_plain(self, data: bytes) -> list[ProviderEvent]:
        said, usage = gemini_text(data) if 0 in self._spoke and not self._ends else ("", None)
        if not said:
            return []
        out: list[ProviderEvent] = [TextDelta(said)]
        if usage is not None:
            self._read_usage({"usageMetadata": usage}, out)
        return out

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        error = embedded_error(value) if "error" in value else None
        if error is not None:
            out.append(error)
            return
        if is_snake(value):
            value = camel(value)
        candidates = arr(value.get("candidates"))
        feedback = obj(value.get("promptFeedback"))
        if candidates or feedback or "usageMetadata" in value:
            self.start(value.get("responseId"), value.get("modelVersion"), out)
        for position, candidate in enumerate(candidates):
            self._read_candidate(obj(candidate), position, out)
        blocked = word(feedback.get("blockReason"))
        if blocked and blocked != "BLOCK_REASON_UNSPECIFIED":
            self.end(0, blocked)
            self._blocked = True
        self._read_usage(value, out)
        if not self._started and not _KNOWN.intersection(value):
            if type(value.get("totalTokens")) is int:  # countTokens
                self.report(UsageReported(input_tokens=count(value["totalTokens"])), out)
            else:
                self.unknown(value, out)

    def _read_usage(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        usage = obj(value.get("usageMetadata"))
        if usage and (usage != self._said or self._ends):  # most chunks repeat the last usage
            self._said = usage
            self.report(gemini_usage(usage, ended=bool(self._ends)), out)

    def read_whole_other(self, value: object, out: list[ProviderEvent]) -> None:
        if type(value) is list and all(type(item) is dict for item in value):  # the array form, whole
            for item in value:
                self.read_object(obj(item), "", out)
                if out and type(out[-1]) is ResponseFailed:
                    return
        else:
            super().read_whole_other(value, out)

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        if self._blocked and choice == 0:
            return ResponseFinished("content_filter", raw, choice)
        if raw == "1" and self.calls.asked(choice):
            return ResponseFinished("tool_calls", raw, choice)
        if raw in _NUMBERS:
            return ResponseFinished(_NUMBERS[raw], raw, choice)
        return super().finished(choice, raw)

    def close(self, out: list[ProviderEvent]) -> None:
        self._partial.close(out)
        for choice, raw in self._early.items():
            self._ends.setdefault(choice, raw)
        super().close(out)

    def _read_candidate(self, candidate: JsonObject, position: int, out: list[ProviderEvent]) -> None:
        index = choice_of(candidate.get("index"), position)
        if index is None:
            out.append(Unrecognised("candidate index out of range"))
            return
        self._choices.setdefault(index, True)
        parts = arr(obj(candidate.get("content")).get("parts"))
        if parts:
            before = len(out)
            for part in parts:
                self.read_part(obj(part), index, out)
            if len(out) > before:
                self._spoke.add(index)
        if "groundingMetadata" in candidate or "citationMetadata" in candidate:
            self._read_sources(candidate, index, out)
        reason = word(candidate.get("finishReason"))
        if reason and reason not in _UNFINISHED:
            if index in self._spoke or reason.upper() not in _STOPS:
                self.end(index, reason)
            else:
                self._early[index] = reason

    def read_part(self, part: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        """Read one part of a candidate's content."""
        if len(part) == 1 and "text" in part:  # by far the most common
            if text(part["text"]):
                out.append(TextDelta(text(part["text"]), index))
            return
        signature = word(part.get("thoughtSignature"))
        piece = text(part.get("text"))
        thought = part.get("thought") is True
        call = part.get("functionCall")
        if type(call) is dict:
            self._partial.read(call, index, self.calls, out, signature)
            signature = None  # it goes with the call
        if thought or (signature and not piece):
            if piece or signature:
                out.append(ReasoningDelta(piece, index, signature))
        elif piece:
            out.append(TextDelta(piece, index))
            if signature:
                out.append(ReasoningDelta("", index, signature))
        if type(part.get("inlineData")) is dict:
            _read_media(obj(part["inlineData"]), index, out)
        elif type(part.get("fileData")) is dict:
            out.append(ImageDelta(0, word(obj(part["fileData"]).get("mimeType")), index))
        elif type(part.get("executableCode")) is dict:
            code = obj(part["executableCode"])
            self.calls.whole(word(code.get("id")), "code_execution", code, out, choice=index, kind="provider")
        elif type(part.get("toolCall")) is dict:
            tool = obj(part["toolCall"])
            self.calls.whole(
                word(tool.get("id")), word(tool.get("toolType")), tool.get("args"), out, choice=index, kind="provider"
            )
        elif not thought and not signature and part and call is None and not _QUIET_PARTS.intersection(part):
            out.append(Unrecognised("part with " + ", ".join(key[:40] for key in list(part)[:4])))

    def _read_sources(self, candidate: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        """Grounding repeats its whole list on later chunks: report only the new sources."""
        sources = [
            obj(obj(one).get("web")) for one in arr(obj(candidate.get("groundingMetadata")).get("groundingChunks"))
        ]
        if sources:
            for source in sources[self._cited :]:
                out.append(Citation(word(source.get("uri")), word(source.get("title")), choice=index))
            self._cited = max(self._cited, len(sources))
        citations = obj(candidate.get("citationMetadata"))
        for one in arr(citations.get("citationSources")) + arr(citations.get("citations")):
            out.append(Citation(word(obj(one).get("uri")), word(obj(one).get("title")), choice=index))


_QUIET_PARTS: Final = frozenset({"text", "codeExecutionResult", "toolResponse", "functionResponse", "partMetadata"})


def _read_media(media: JsonObject, index: int, out: list[ProviderEvent]) -> None:
    kind, size = text(media.get("mimeType")), base64_size(media.get("data"))
    if kind.startswith("audio/"):
        out.append(AudioDelta(size, None, index))
    else:
        out.append(ImageDelta(size, kind[:100] or None, index))


def gemini_usage(usage: JsonObject, *, ended: bool) -> UsageReported:
    """Read ``usageMetadata``. Tokens of tool results count as input, thoughts as output."""
    prompt, tools = count(usage.get("promptTokenCount")), count(usage.get("toolUsePromptTokenCount"))
    written, thought = count(usage.get("candidatesTokenCount")), count(usage.get("thoughtsTokenCount"))
    if written is None:
        written = count(usage.get("responseTokenCount"))  # Live
    return UsageReported(
        input_tokens=None if prompt is None and tools is None else count((prompt or 0) + (tools or 0)),
        output_tokens=None if written is None and thought is None else count((written or 0) + (thought or 0)),
        cache_read_input_tokens=count(usage.get("cachedContentTokenCount")),
        reasoning_output_tokens=thought,
        input_audio_tokens=_audio(usage.get("promptTokensDetails")),
        output_audio_tokens=_audio(usage.get("candidatesTokensDetails") or usage.get("responseTokensDetails")),
        cache_read_input_audio_tokens=_audio(usage.get("cacheTokensDetails")),
        quality="final" if ended else "partial",
    )


def is_snake(value: JsonObject) -> bool:
    """Whether members have underscores in their names, as Google's protocol buffers allow: told by the outer ones."""
    if not _SNAKE.isdisjoint(value):
        return True
    first = arr(value.get("candidates"))[:1]
    return bool(first) and not _SNAKE.isdisjoint(obj(first[0]))


_SNAKE: Final = frozenset(
    {
        "usage_metadata", "model_version", "response_id", "prompt_feedback", "finish_reason", "citation_metadata",
        "grounding_metadata", "safety_ratings", "token_count", "server_content", "tool_call", "setup_complete",
        "go_away", "session_resumption_update", "tool_call_cancellation", "total_tokens",
    }
)  # fmt: skip
#: Members whose content is the caller's own and stays as it is.
_VERBATIM: Final = frozenset({"args", "response", "partial_args", "partialArgs", "function_responses"})


def camel(value: JsonObject) -> JsonObject:
    """``value`` with the names of all members as the JSON form has them: ``finishReason``, not ``finish_reason``."""
    return {_camel_name(name): member if name in _VERBATIM else _camel_member(member) for name, member in value.items()}


def _camel_member(member: object) -> object:
    if type(member) is dict:
        return camel(member)
    return [_camel_member(item) for item in member] if type(member) is list else member


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest) if rest else name


def _audio(details: object) -> int | None:
    for one in arr(details):
        if obj(one).get("modality") == "AUDIO":
            return count(obj(one).get("tokenCount"))
    return None
