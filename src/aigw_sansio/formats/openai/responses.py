"""OpenAI Responses, as served by OpenAI, Azure, xAI, DeepSeek, OpenRouter, LM Studio and Bedrock's mantle.

Decides: what its stream events and its whole response object mean. Must not know: the provider, or the ids of items:
some providers change them on each event (GitHub Copilot), so calls are identified by ``output_index``.

Source: OpenAI API reference, Responses and "Streaming events". A stream ends with one of ``response.completed``,
``.incomplete``, ``.failed``, ``.cancelled``, which has the usage; a resumed stream may begin anywhere.
"""

from typing import ClassVar, Final

from ...events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFinished,
    TextDelta,
    Unrecognised,
)
from ..base import BaseReader, ToolKind
from ..errors import any_error, response_failed
from ..values import JsonObject, arguments, arr, base64_size, count, obj, text, word
from .chat import openai_usage

_ENDS: Final = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})
_TEXTS: Final = frozenset({"response.output_text.delta", "response.text.delta"})
_THOUGHTS: Final = frozenset(
    {
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.reasoning.delta",
        "response.reasoning_summary.delta",
    }
)
_ARGUMENTS: Final = frozenset(
    {
        "response.function_call_arguments.delta",
        "response.mcp_call_arguments.delta",
        "response.custom_tool_call_input.delta",
    }
)
#: Items that are calls, and who runs them. :func:`_input` reads their arguments.
_CALLS: Final[dict[str, ToolKind]] = {
    "function_call": "function",
    "custom_tool_call": "custom",
    "computer_call": "function",
    "local_shell_call": "function",
    "shell_call": "function",
    "apply_patch_call": "function",
    "tool_search_call": "function",
    "mcp_approval_request": "function",
    "mcp_call": "provider",
    "web_search_call": "provider",
    "x_search_call": "provider",
    "file_search_call": "provider",
    "code_interpreter_call": "provider",
    "image_generation_call": "provider",
}
_QUIET_ITEMS: Final = frozenset({"mcp_list_tools", "compaction", "compaction_summary", "item_reference", "program"})


class OpenAIResponsesReader(BaseReader):
    """Reads Responses, streamed and whole."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (
        b'"error"',
        b'"response.output_item.added"',
        b'"response.completed"',
        b'"response.incomplete"',
        b'"response.failed"',
        b'"response.cancelled"',
    )

    def __init__(self) -> None:
        super().__init__()
        self._filled: set[int] = set()
        self._asked = False

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = value.get("type")
        if type(kind) is not str:
            self._read_typeless(value, out)
        elif kind in _TEXTS:
            piece = text(value.get("delta"))
            if piece:
                out.append(TextDelta(piece))
        elif kind in _THOUGHTS:
            piece = text(value.get("delta")) or text(obj(value.get("delta")).get("text"))
            if piece:
                out.append(ReasoningDelta(piece))
        elif kind in _ARGUMENTS:
            self._fill(count(value.get("output_index")) or 0, text(value.get("delta")), out)
        elif kind == "response.output_item.added":
            self._begin_item(obj(value.get("item")), count(value.get("output_index")) or 0, out)
        elif kind == "response.output_item.done":
            self._end_item(obj(value.get("item")), count(value.get("output_index")) or 0, out)
        elif kind in _ENDS:
            self._end(obj(value.get("response")), kind[9:], out)
        elif kind == "error":
            error = any_error(value)
            out.append(
                error
                if error is not None
                else response_failed(text(value.get("message")), None, word(value.get("code")))
            )
        elif kind.startswith("response."):
            self._read_rest(kind, value, out)
        else:
            self.unknown(value, out)

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        if value.get("object") == "response" or type(value.get("output")) is list:
            self.start(value.get("id"), value.get("model"), out)
            for index, item in enumerate(arr(value.get("output"))):
                self._begin_item(obj(item), index, out)
                self._end_item(obj(item), index, out)
                self._read_message(obj(item), out)
            self._end(value, text(value.get("status")) or "completed", out)
        else:
            self.read_object(value, "", out)

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        if raw == "completed" and self._asked:
            return ResponseFinished("tool_calls", raw, choice)
        return super().finished(choice, raw)

    def _read_typeless(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        if value.get("object") == "response":
            self.read_whole_object(value, out)
        elif type(value.get("input_tokens")) is int:  # the count of input tokens
            self.report(openai_usage(value), out)
        else:
            self.unknown(value, out)

    def _read_rest(self, kind: str, value: JsonObject, out: list[ProviderEvent]) -> None:
        if kind in ("response.created", "response.queued", "response.in_progress"):
            response = obj(value.get("response"))
            self.start(response.get("id"), response.get("model"), out)
        elif kind == "response.refusal.delta":
            piece = text(value.get("delta"))
            if piece:
                out.append(RefusalDelta(piece))
        elif kind == "response.output_text.annotation.added":
            _read_annotation(obj(value.get("annotation")), out)
        elif kind in ("response.audio.delta", "response.output_audio.delta"):
            size = base64_size(value.get("delta"))
            if size:
                out.append(AudioDelta(size))
        elif kind in (
            "response.audio.transcript.delta",
            "response.audio_transcript.delta",
            "response.output_audio_transcript.delta",
        ):
            piece = text(value.get("delta"))
            if piece:
                out.append(AudioDelta(0, piece))
        elif kind == "response.image_generation_call.partial_image":
            out.append(ImageDelta(base64_size(value.get("partial_image_b64")), word(value.get("output_format"))))
        elif kind == "response.function_call_arguments.done" or kind == "response.mcp_call_arguments.done":
            self._complete(count(value.get("output_index")) or 0, value.get("arguments"), out)
        elif kind == "response.custom_tool_call_input.done":
            self._complete(count(value.get("output_index")) or 0, value.get("input"), out)
        elif not kind.endswith(
            (".done", ".added", ".in_progress", ".completed", ".searching", ".generating", ".interpreting", ".failed")
        ) and not kind.startswith(_PIECES):
            out.append(Unrecognised(f"type {kind[:60]}"))

    def _begin_item(self, item: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        kind = text(item.get("type"))
        run_by = _CALLS.get(kind)
        if run_by is not None:
            self._filled.discard(index)
            self._asked = self._asked or run_by != "provider"
            name = word(item.get("name")) or kind.removesuffix("_call")
            self.calls.begin(index, word(item.get("call_id")) or word(item.get("id")), name, out, kind=run_by)
        elif kind not in ("message", "reasoning") and kind not in _QUIET_ITEMS and not kind.endswith("_output"):
            out.append(Unrecognised(f"item {kind[:60]}"))

    def _end_item(self, item: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        kind = text(item.get("type"))
        if kind in _CALLS:
            self._complete(index, _input(kind, item), out)
            self.calls.close(index)
            if kind == "image_generation_call" and item.get("result"):
                out.append(ImageDelta(base64_size(item["result"]), word(item.get("output_format"))))
        elif kind == "reasoning":
            sealed = word(item.get("encrypted_content"))
            if sealed:
                out.append(
                    ReasoningDelta("", signature=sealed, redacted=not item.get("summary") and not item.get("content"))
                )

    def _read_message(self, item: JsonObject, out: list[ProviderEvent]) -> None:
        """Read a message item of a whole response; a stream sends its content as deltas."""
        kind = item.get("type")
        if kind == "message":
            for part in arr(item.get("content")):
                value = obj(part)
                if text(value.get("text")):
                    out.append(TextDelta(text(value["text"])))
                if text(value.get("refusal")):
                    out.append(RefusalDelta(text(value["refusal"])))
                for annotation in arr(value.get("annotations")):
                    _read_annotation(obj(annotation), out)
        elif kind == "reasoning":
            for part in arr(item.get("summary")) + arr(item.get("content")):
                piece = text(obj(part).get("text"))
                if piece:
                    out.append(ReasoningDelta(piece))

    def _fill(self, index: int, piece: str, out: list[ProviderEvent]) -> None:
        if piece:
            if len(self._filled) < 4096:
                self._filled.add(index)
            self.calls.more(index, piece, out)

    def _complete(self, index: int, whole: object, out: list[ProviderEvent]) -> None:
        """Read the whole arguments: they are used only if no fragment of them came."""
        if index not in self._filled:
            self._fill(index, arguments(whole), out)

    def _end(self, response: JsonObject, status: str, out: list[ProviderEvent]) -> None:
        usage = obj(response.get("usage"))
        if usage:
            self.report(openai_usage(usage), out)
        if status == "failed":
            if not self._failed:  # else an ``error`` event reported it before
                error = obj(response.get("error"))
                out.append(
                    response_failed(text(error.get("message")), word(error.get("type")), word(error.get("code")))
                )
        elif status in ("queued", "in_progress"):
            self._started = False  # a background response: it has not ended, so no end may be reported for it
        elif not self._failed:
            reason = word(obj(response.get("incomplete_details")).get("reason"))
            self.end(0, reason or status)
            self.report_ends(out)


#: Deltas of items that are reported whole when they are done, or not at all.
_PIECES: Final = (
    "response.code_interpreter_call_code.",
    "response.apply_patch_call_operation_diff.",
    "response.shell_call_",
    "response.mcp_list_tools.",
    "response.keepalive",
    "response.heartbeat",
)


def _input(kind: str, item: JsonObject) -> object:
    """The arguments of a call item; each kind has its own key."""
    if kind == "custom_tool_call":
        return item.get("input")
    if kind == "code_interpreter_call":
        return {"code": text(item.get("code"))} if item.get("code") else None
    if kind == "file_search_call":
        return {"queries": arr(item.get("queries"))} if item.get("queries") else None
    for key in ("arguments", "action", "operation"):
        if item.get(key):
            return item[key]
    return None


def _read_annotation(annotation: JsonObject, out: list[ProviderEvent]) -> None:
    url, title = word(annotation.get("url")), word(annotation.get("title")) or word(annotation.get("filename"))
    if url or title:
        out.append(Citation(url, title))
