"""OpenAI Responses, as served by OpenAI, Azure, xAI, DeepSeek, OpenRouter, LM Studio and Bedrock's mantle.

Decides: what its stream events and its whole response object mean. Must not know: the provider, or the ids of items:
some providers change them on each event (GitHub Copilot), so calls are identified by ``output_index``.

Source: OpenAI API reference, Responses and "Streaming events". A stream ends with one of ``response.completed``,
``.incomplete``, ``.failed``, ``.cancelled`` (``.done``), which has the usage; a resumed stream may begin anywhere. Text
and arguments come as deltas, then whole in ``.done`` events, in the item and in the response: what came before is not
read again, what did not is (bridges to this format send no deltas).
"""

from typing import ClassVar, Final

from ...events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFailed,
    ResponseFinished,
    TextDelta,
    ToolKind,
    Unrecognised,
)
from ..base import BaseReader
from ..errors import any_error, response_failed
from ..keep_alives import is_keep_alive
from ..text_chunks import responses_text
from ..values import JsonObject, arguments, arr, base64_size, count, obj, text, word
from .content_parts import place_in_text
from .usage_counts import openai_usage

_ENDS: Final = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done"}
)
_TEXTS: Final = frozenset({"response.output_text.delta", "response.text.delta"})
_THOUGHTS: Final = frozenset(
    {
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.reasoning.delta",
        "response.reasoning_summary.delta",
    }
)
#: Events with a whole piece of an item, by the member that holds it.
_WHOLE_PIECES: Final = {
    "response.output_text.done": "text",
    "response.text.done": "text",
    "response.reasoning_summary_text.done": "text",
    "response.reasoning_text.done": "text",
    "response.reasoning_summary.done": "text",
    "response.reasoning.done": "text",
    "response.refusal.done": "refusal",
}
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
    "mcp_approval_request": "approval",
    "mcp_call": "provider",
    "web_search_call": "provider",
    "x_search_call": "provider",
    "file_search_call": "provider",
    "code_interpreter_call": "provider",
    "image_generation_call": "provider",
}
_QUIET_ITEMS: Final = frozenset({"mcp_list_tools", "compaction", "compaction_summary", "item_reference", "program"})
#: Deltas of items that are reported whole when they are done, or not at all.
_PIECES: Final = (
    "response.code_interpreter_call_code.",
    "response.apply_patch_call_operation_diff.",
    "response.shell_call_",
    "response.mcp_list_tools.",
)
#: The most pieces that are remembered as told.
_MOST_TOLD: Final = 4096


class OpenAIResponsesReader(BaseReader):
    """Reads Responses, streamed and whole."""

    HAS_PLAIN: ClassVar[bool] = True
    MARKERS: ClassVar[tuple[bytes, ...]] = (
        b'"error"',
        b'"response.output_item.added"',
        b'"response.completed"',
        b'"response.incomplete"',
        b'"response.failed"',
        b'"response.cancelled"',
        b'"response.done"',
        b'"response.error"',
        b'"detail":',
    )
    ALWAYS_ENDS: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._filled: set[int] = set()  # the calls whose arguments came
        self._told: set[tuple[str, int]] = set()  # the items whose text, reasoning, refusal or sources came
        self._said: set[str] = set()  # which of these came at all
        self._text_before = 0  # the characters of all parts of text that ended
        self._indexes: dict[str, int] = {}  # of items in events without ``output_index``

    def read_plain(self, data: bytes) -> list[ProviderEvent]:
        said, index = responses_text(data)
        if not said:
            return []
        self._said.add("text")
        self._note_at("text", index if type(index) is int else -1)
        return [TextDelta(said)]

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = value.get("type")
        if type(kind) is not str:
            if not event.startswith("response."):
                self._read_typeless(value, out)
                return
            self.typed_by_name = True
            kind = event
        if kind in _TEXTS:
            piece = text(value.get("delta"))
            if piece:
                self._note("text", value)
                out.append(TextDelta(piece))
        elif kind in _THOUGHTS:
            piece = text(value.get("delta")) or text(obj(value.get("delta")).get("text"))
            if piece:
                self._note("reasoning", value)
                out.append(ReasoningDelta(piece))
        elif kind in _ARGUMENTS:
            self._fill(self._index(value), text(value.get("delta")), out)
        elif kind == "response.output_item.added":
            self._begin_item(obj(value.get("item")), self._index(value), out)
        elif kind == "response.output_item.done":
            self._end_item(obj(value.get("item")), self._index(value), out)
        elif kind in _ENDS:
            response = obj(value.get("response"))
            status = kind[9:]
            self._end(response, (text(response.get("status")) or "completed") if status == "done" else status, out)
        elif kind == "error" or kind == "response.error":
            error = any_error(value)
            if error is None:
                error = response_failed(text(value.get("message")), None, word(value.get("code")))
            out.append(error)
        elif kind.startswith("response."):
            self._read_rest(kind, value, out)
        else:
            self.unknown(value, out)

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        if value.get("object") == "response" or type(value.get("output")) is list:
            self.start(value.get("id"), value.get("model"), out)
            self._end(value, text(value.get("status")) or "completed", out)
        else:
            self.read_object(value, "", out)

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        if raw == "completed" and self.calls.asked(choice):
            return ResponseFinished("tool_calls", raw, choice)
        return super().finished(choice, raw)

    def renew(self) -> None:
        super().renew()
        self._filled.clear()
        self._told.clear()
        self._said.clear()
        self._indexes.clear()
        self._text_before = 0

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
            if response.get("id") or response.get("model"):  # a bare one may come first
                self.start(response.get("id"), response.get("model"), out)
        elif kind == "response.refusal.delta":
            piece = text(value.get("delta"))
            if piece:
                self._note("refusal", value)
                out.append(RefusalDelta(piece))
        elif kind in _WHOLE_PIECES:
            piece = text(value.get(_WHOLE_PIECES[kind]))
            what = "reasoning" if "reasoning" in kind else "refusal" if "refusal" in kind else "text"
            if what == "text":
                self._text_before += len(piece)
            if piece and not self._was_told(what, self._place(value)):
                self._tell(what, piece, out)
                self._note(what, value)
        elif kind == "response.output_text.annotation.added":
            self._note("citation", value)
            _read_annotation(obj(value.get("annotation")), self._text_before, out)
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
            self._complete(self._index(value), value.get("arguments"), out)
        elif kind == "response.custom_tool_call_input.done":
            self._complete(self._index(value), value.get("input"), out)
        elif (
            not kind.endswith(
                (
                    ".done",
                    ".added",
                    ".in_progress",
                    ".completed",
                    ".searching",
                    ".generating",
                    ".interpreting",
                    ".failed",
                )
            )
            and not kind.startswith(_PIECES)
            and not is_keep_alive(kind)
        ):
            out.append(Unrecognised(f"type {kind[:60]}"))

    # -- items --------------------------------------------------------------------------------------------------

    def _begin_item(self, item: JsonObject, index: int, out: list[ProviderEvent], *, done: bool = False) -> None:
        kind = text(item.get("type"))
        run_by = _run_by(kind, item)
        if run_by is not None:
            name = word(item.get("name")) or (None if kind == "function_call" else kind.removesuffix("_call"))
            if name is None and not done:
                return  # it comes with the end of the item
            if not self.calls.is_waiting(index):
                self._filled.discard(index)
            self.calls.begin(index, word(item.get("call_id")) or word(item.get("id")), name, out, kind=run_by)
        elif kind not in ("message", "reasoning") and kind not in _QUIET_ITEMS and not kind.endswith("_output"):
            out.append(Unrecognised(f"item {kind[:60]}"))

    def _end_item(self, item: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        kind = text(item.get("type"))
        if kind in _CALLS:
            if not self.calls.is_told(index):  # there was no ``output_item.added``, or none with a name
                self._begin_item(item, index, out, done=True)
            self._complete(index, _input(kind, item), out)
            self.calls.close(index, out=out)
            if kind == "image_generation_call" and item.get("result"):
                out.append(ImageDelta(base64_size(item["result"]), word(item.get("output_format"))))
        elif kind == "message":
            self._read_message(item, index, out)
        elif kind == "reasoning":
            if not self._was_told("reasoning", index):
                for part in arr(item.get("summary")) + arr(item.get("content")):
                    self._tell("reasoning", text(obj(part).get("text")), out)
                    self._note_at("reasoning", index)
            sealed = word(item.get("encrypted_content"))
            if sealed:
                self._said.add("reasoning")
                out.append(
                    ReasoningDelta("", signature=sealed, redacted=not item.get("summary") and not item.get("content"))
                )

    def _read_message(self, item: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        """Read what a message holds that has not come in pieces. Of a compaction it may be the user's own."""
        if text(item.get("role")) not in ("", "assistant"):
            return
        before = self._text_before
        whole = sum(len(text(obj(part).get("text"))) for part in arr(item.get("content")))
        if self._was_told("text", index):
            before -= whole
        else:
            self._text_before += whole
        for what, member in (("text", "text"), ("refusal", "refusal")):
            if not self._was_told(what, index):
                for part in arr(item.get("content")):
                    self._tell(what, text(obj(part).get(member)), out)
                self._note_at(what, index)
        if not self._was_told("citation", index):
            for part in arr(item.get("content")):
                for annotation in arr(obj(part).get("annotations")):
                    _read_annotation(obj(annotation), before, out)
                before += len(text(obj(part).get("text")))
            self._note_at("citation", index)

    def _tell(self, what: str, piece: str, out: list[ProviderEvent]) -> None:
        if piece:
            self._said.add(what)
            if what == "text":
                out.append(TextDelta(piece))
            else:
                out.append(ReasoningDelta(piece) if what == "reasoning" else RefusalDelta(piece))

    # -- what came before ---------------------------------------------------------------------------------------

    def _index(self, value: JsonObject) -> int:
        """The index of the item that an event is about. Without ``output_index`` its id tells items apart."""
        index = count(value.get("output_index"))
        if index is not None:
            return index
        name = text(value.get("item_id")) or text(obj(value.get("item")).get("id"))
        if not name or len(self._indexes) >= _MOST_TOLD:
            return self._indexes.get(name, 0)
        return self._indexes.setdefault(name[:256], -1 - len(self._indexes))

    def _place(self, value: JsonObject) -> int:
        return count(value.get("output_index")) or 0

    def _note(self, what: str, value: JsonObject) -> None:
        """A piece of an item came. An event without ``output_index`` counts for every item."""
        self._said.add(what)
        index = value.get("output_index")
        self._note_at(what, index if type(index) is int else -1)

    def _note_at(self, what: str, index: int) -> None:
        if len(self._told) < _MOST_TOLD:
            self._told.add((what, index))

    def _was_told(self, what: str, index: int) -> bool:
        told = self._told
        return (what, index) in told or (what, -1) in told or len(told) >= _MOST_TOLD

    def _fill(self, index: int, piece: str, out: list[ProviderEvent]) -> None:
        if piece:
            if len(self._filled) < _MOST_TOLD:
                self._filled.add(index)
            self.calls.more(index, piece, out)

    def _complete(self, index: int, whole: object, out: list[ProviderEvent]) -> None:
        """Read the whole arguments: they are used only if no fragment of them came."""
        if index not in self._filled:
            self._fill(index, arguments(whole), out)
        self.calls.settle(index, out)

    # -- the end ------------------------------------------------------------------------------------------------

    def _read_output(self, output: list[object], out: list[ProviderEvent]) -> None:
        """Read the items of a whole response; at the end of a stream only the kinds of which nothing came."""
        said, called = set(self._said), self.calls.count > 0
        for index, one in enumerate(output):
            item = obj(one)
            kind = text(item.get("type"))
            if kind in _CALLS:
                told = called
            elif kind == "message":
                told = "text" in said or "refusal" in said
            else:
                told = called or bool(said)
            if not told:
                if kind not in ("message", "reasoning"):
                    self._begin_item(item, index, out)
                self._end_item(item, index, out)

    def _end(self, response: JsonObject, status: str, out: list[ProviderEvent]) -> None:
        if status not in ("failed", "queued", "in_progress") and not self._failed:
            self._read_output(arr(response.get("output")), out)
        usage = obj(response.get("usage"))
        if usage:
            self.report(openai_usage(usage), out)
        if status == "failed":
            if not self._failed:  # else an ``error`` event reported it before
                out.append(_failure(response))
        elif status in ("queued", "in_progress"):
            self._started = False  # a background response: it has not ended, so no end may be reported for it
            return
        elif not self._failed:
            reason = word(obj(response.get("incomplete_details")).get("reason"))
            self.end(0, reason or status)
            self.report_ends(out)
        self.terminated = True


def _failure(response: JsonObject) -> ResponseFailed:
    error = obj(response.get("error"))
    if error.get("code") == "server_error" and error.get("type"):
        error = {**error, "code": error["type"]}  # codes are a closed list, and this one of it says nothing
    return any_error({"error": error}) or response_failed(text(error.get("message")))


def _run_by(kind: str, item: JsonObject) -> ToolKind | None:
    """Who runs the call ``item``; ``None`` if it is none. Some tools run at the provider or at the client."""
    run_by = _CALLS.get(kind)
    if run_by == "function" and (
        item.get("execution") == "server" or text(obj(item.get("environment")).get("type")).startswith("container")
    ):
        return "provider"
    return run_by


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


def _read_annotation(annotation: JsonObject, before: int, out: list[ProviderEvent]) -> None:
    """``before``: how much text there was before the part that it is of."""
    url, title = word(annotation.get("url")), word(annotation.get("title")) or word(annotation.get("filename"))
    if url or title:
        start, end = place_in_text(annotation)
        if start is None or end is None:
            out.append(Citation(url, title))
        else:
            out.append(Citation(url, title, start=before + start, end=before + end))
