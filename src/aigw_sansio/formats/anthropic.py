"""Anthropic Messages, as served by Anthropic, Vertex, Azure and Bedrock.

Decides: what its stream events and its whole message mean. Must not know: the provider that serves it.

Source: Anthropic API reference, Messages and "Streaming messages". ``input_tokens`` excludes cached tokens: they are
added here. ``message_delta`` holds running totals that replace those of ``message_start``; counts that it leaves out
stay. A second ``message_start`` in one stream (a retry inside the provider) restarts the response.
"""

from typing import ClassVar, Final, Literal, TypeAlias

from ..events import (
    Citation,
    ProviderEvent,
    ReasoningDelta,
    ResponseStarted,
    TextDelta,
    ToolKind,
    Unrecognised,
    UsageReported,
)
from .base import BaseReader
from .errors import any_error, response_failed
from .values import JsonObject, arguments, arr, count, obj, text, word

_SILENT: Final = frozenset({"ping", "keepalive", "keep_alive", "heartbeat"})
#: By the member that only one type of delta has.
_DELTAS: Final[dict[str, str]] = {
    "text": "text_delta",
    "partial_json": "input_json_delta",
    "thinking": "thinking_delta",
    "signature": "signature_delta",
    "citation": "citations_delta",
}


class AnthropicReader(BaseReader):
    """Reads Anthropic Messages, streamed and whole."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (
        b'"error"',
        b'"message_delta"',
        b'"message_stop"',
        b'"message_start"',
        b'"amazon-bedrock-invocationMetrics"',
    )

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, int] = {}

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        if not kind and event:
            kind, self.typed_by_name = event, True
        if kind == "content_block_delta":
            self._read_delta(value, out)
        elif kind == "content_block_start":
            self._read_block(obj(value.get("content_block")), count(value.get("index")) or 0, out, whole=False)
        elif kind == "content_block_stop":
            self.calls.close(count(value.get("index")) or 0, out=out)
        elif kind == "message_delta":
            self._read_usage(obj(value.get("usage")), "final", out)
            reason = word(obj(value.get("delta")).get("stop_reason"))
            if reason:
                self.end(0, reason)
        elif kind == "message_start":
            self._read_start(obj(value.get("message")), out)
        elif kind == "message_stop":
            self.report_ends(out)
            self.terminated = True
        elif kind in _SILENT:
            return
        elif kind == "message":
            self.read_whole_object(value, out)
        elif kind == "error":
            error = any_error(value)
            out.append(error if error is not None else response_failed(text(value.get("message"))))
        else:
            self.unknown(value, out)

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        kind = value.get("type")
        if kind == "completion" or type(value.get("completion")) is str:  # the older Text Completions
            self.start(value.get("id"), value.get("model"), out)
            if value.get("completion"):
                out.append(TextDelta(text(value["completion"])))
        elif kind == "message" or type(value.get("content")) is list:
            self.start(value.get("id"), value.get("model"), out)
            for position, block in enumerate(arr(value.get("content"))):
                self._read_block(obj(block), position, out, whole=True)
            self._read_usage(obj(value.get("usage")), "final", out)
        elif kind == "error":
            self.read_object(value, "", out)
            return
        elif type(value.get("input_tokens")) is int:  # count_tokens
            self._read_usage(value, "final", out)
            return
        else:
            self.unknown(value, out)
            return
        reason = word(value.get("stop_reason"))
        if reason:
            self.end(0, reason)

    def _read_start(self, message: JsonObject, out: list[ProviderEvent]) -> None:
        if self._started:
            self.calls.restart()
            self._counts.clear()
            self._ends.clear()
            out.append(ResponseStarted(word(message.get("id")), word(message.get("model")), restarted=True))
        else:
            self.start(message.get("id"), message.get("model"), out)
        for position, block in enumerate(arr(message.get("content"))):
            self._read_block(obj(block), position, out, whole=True)
        self._read_usage(obj(message.get("usage")), "partial", out)

    def _read_delta(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        delta = obj(value.get("delta"))
        kind = delta.get("type") or _kind_of(delta)
        if kind == "text_delta":
            piece = text(delta.get("text"))
            if piece:
                out.append(TextDelta(piece))
        elif kind == "input_json_delta":
            self.calls.more(count(value.get("index")) or 0, text(delta.get("partial_json")), out)
        elif kind == "thinking_delta":
            piece = text(delta.get("thinking"))
            if piece:
                out.append(ReasoningDelta(piece))
        elif kind == "signature_delta":
            signature = word(delta.get("signature"))
            if signature:
                out.append(ReasoningDelta("", signature=signature))
        elif kind == "citations_delta":
            _read_citation(obj(delta.get("citation")), out)
        elif kind == "compaction_delta":
            piece = text(delta.get("content"))
            if piece:
                out.append(ReasoningDelta(piece))
        else:
            out.append(Unrecognised(f"delta {text(kind)[:60]}"))

    def _read_block(self, block: JsonObject, index: int, out: list[ProviderEvent], *, whole: bool) -> None:
        """A content block: the start of one in a stream, all of it in a whole message."""
        kind = text(block.get("type"))
        if kind == "text":
            piece = text(block.get("text"))
            if piece:
                out.append(TextDelta(piece))
            for citation in arr(block.get("citations")):
                _read_citation(obj(citation), out)
        elif kind == "thinking":
            thought, signature = text(block.get("thinking")), word(block.get("signature"))
            if thought or signature:
                out.append(ReasoningDelta(thought, signature=signature))
        elif kind == "redacted_thinking":
            out.append(ReasoningDelta("", signature=word(block.get("data")), redacted=True))
        elif kind.endswith("tool_use"):
            run_by: ToolKind = "function" if kind == "tool_use" else "provider"
            self.calls.begin(index, word(block.get("id")), word(block.get("name")), out, kind=run_by)
            given = block.get("input")
            if given:  # in a stream it is mostly {} and fragments follow; if both come, they say the same
                self.calls.more(index, arguments(given), out)
        elif kind == "compaction":
            piece = text(block.get("content"))
            if piece:
                out.append(ReasoningDelta(piece))
        elif not kind.endswith("tool_result") and kind not in ("fallback", "container_upload"):
            out.append(Unrecognised(f"content block {kind[:60]}"))

    def _read_usage(self, usage: JsonObject, quality: str, out: list[ProviderEvent]) -> None:
        """Keep each count separately, because a report may repeat some and leave out others; then add up."""
        counts = self._counts
        for name in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
            number = count(usage.get(name))
            if number is not None:
                counts[name] = max(number, counts.get(name, 0))  # running totals: some servers repeat one as 0
        details = obj(usage.get("output_tokens_details"))
        if not counts:
            return
        read, created = counts.get("cache_read_input_tokens"), counts.get("cache_creation_input_tokens")
        given = counts.get("input_tokens")
        self.report(
            UsageReported(
                input_tokens=None if given is None else count(given + (read or 0) + (created or 0)),
                output_tokens=counts.get("output_tokens"),
                cache_read_input_tokens=read,
                cache_creation_input_tokens=created,
                reasoning_output_tokens=count(details.get("thinking_tokens")),
                quality="partial" if quality == "partial" else "final",
            ),
            out,
        )


def _kind_of(delta: JsonObject) -> str:
    """The type of a delta without one."""
    return next((kind for name, kind in _DELTAS.items() if name in delta), "")


def _read_citation(citation: JsonObject, out: list[ProviderEvent]) -> None:
    document, start, end, unit = _place_in_document(citation)
    out.append(
        Citation(
            word(citation.get("url")) or word(citation.get("source")),
            word(citation.get("title")) or word(citation.get("document_title")),
            word(citation.get("cited_text")),
            document=document,
            source_start=start,
            source_end=end,
            source_unit=unit,
        )
    )


#: The unit of each type of place in a document, and the members that tell it.
_PLACES: Final[dict[object, tuple[Literal["char", "page", "block"], str, str]]] = {
    "char_location": ("char", "start_char_index", "end_char_index"),
    "page_location": ("page", "start_page_number", "end_page_number"),
    "content_block_location": ("block", "start_block_index", "end_block_index"),
}


_Unit: TypeAlias = Literal["char", "page", "block"]


def _place_in_document(citation: JsonObject) -> tuple[int | None, int | None, int | None, _Unit | None]:
    """Which document of the request a citation is of, where in it, and in which unit; if it tells all of that."""
    kind = citation.get("type")
    found = _PLACES.get(kind) if type(kind) is str else None
    if found is not None:
        unit, first, last = found
        document, start, end = (count(citation.get(name)) for name in ("document_index", first, last))
        if document is not None and start is not None and end is not None:
            return document, start, end, unit
    return None, None, None, None
