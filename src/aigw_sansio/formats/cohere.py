"""Cohere, both versions of its API.

Decides: what the events and whole responses of v1 (NDJSON, ``event_type``) and v2 (``type``) mean. Must not know: the
framing.

Source: Cohere API reference, "Chat (v2)", "Chat (v1)", "Streaming". ``tokens`` count the use, ``billed_units`` the
charge: ``tokens`` are reported, ``billed_units`` only if they are missing. The model's tool plan is read as reasoning.
"""

from typing import ClassVar, Final

from ..events import Citation, ProviderEvent, ReasoningDelta, TextDelta, Unrecognised, UsageReported
from .base import BaseReader
from .errors import embedded_error, response_failed
from .values import JsonObject, arguments, arr, count, obj, text, word

#: The type of a citation that stands in the text; others stand in thoughts or plans.
_IN_TEXT: Final = "TEXT_CONTENT"
_QUIET: Final = frozenset({"content-start", "content-end", "tool-call-end", "citation-end", "debug"})


class CohereV2Reader(BaseReader):
    """Reads v2."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"', b'"message-end"')

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("type"))
        if not kind and event:
            kind, self.typed_by_name = event, True
        delta = obj(value.get("delta"))
        message = obj(delta.get("message"))
        if kind == "content-delta" or kind == "content-start":
            self.start(None, None, out)
            content = obj(message.get("content"))
            said, thought = text(content.get("text")), text(content.get("thinking"))
            if said:
                out.append(TextDelta(said))
            if thought:
                out.append(ReasoningDelta(thought))
        elif kind == "tool-call-delta" or kind == "tool-call-start":
            self._read_call(kind, value, message, out)
        elif kind == "tool-plan-delta":
            piece = text(message.get("tool_plan"))
            if piece:
                out.append(ReasoningDelta(piece))
        elif kind == "citation-start":
            _read_citation(obj(message.get("citations")), out)
        elif kind == "message-start":
            self.start(value.get("id"), None, out)
        elif kind == "message-end":
            self.start(value.get("id"), None, out)
            self._end(delta, out)
            self.report_ends(out)
            self.terminated = True
        elif type(value.get("message")) is dict:  # a whole response in one event
            self.read_whole_object(value, out)
        elif kind not in _QUIET or "error" in value:
            self.unknown(value, out)

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        message = value.get("message")
        if type(message) is not dict:
            self.unknown(value, out)
            return
        self.start(value.get("id"), value.get("model"), out)
        if text(message.get("tool_plan")):
            out.append(ReasoningDelta(text(message["tool_plan"])))
        for part in arr(message.get("content")):
            content = obj(part)
            kind = content.get("type")
            if text(content.get("thinking")):
                out.append(ReasoningDelta(text(content["thinking"])))
            elif text(content.get("text")):
                out.append(TextDelta(text(content["text"])))
            elif kind not in ("text", "thinking"):
                out.append(Unrecognised(f"content part {text(kind)[:40]}"))
        for call in arr(message.get("tool_calls")):
            function = obj(obj(call).get("function"))
            self.calls.whole(word(obj(call).get("id")), word(function.get("name")), function.get("arguments"), out)
        for citation in arr(message.get("citations")):
            _read_citation(obj(citation), out)
        self._end(value, out)

    def _read_call(self, kind: str, value: JsonObject, message: JsonObject, out: list[ProviderEvent]) -> None:
        call = obj(message.get("tool_calls"))
        function = obj(call.get("function"))
        index = count(value.get("index")) or 0
        self.start(None, None, out)
        if kind == "tool-call-start":
            self.calls.begin(index, word(call.get("id")), word(function.get("name")), out)
        self.calls.more(index, arguments(function.get("arguments")), out)

    def _end(self, holder: JsonObject, out: list[ProviderEvent]) -> None:
        usage = obj(holder.get("usage"))
        if usage:
            self.report(cohere_usage(usage), out)
        if holder.get("error"):
            error = embedded_error(holder)
            out.append(error if error is not None else response_failed(""))
        else:
            self.end(0, word(holder.get("finish_reason")))


class CohereV1Reader(BaseReader):
    """Reads v1 chat and the older generate."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"', b'"stream-end"', b'"finish_reason"')

    def __init__(self) -> None:
        super().__init__()
        self._spoke = False  # text came before the end

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("event_type"))
        if kind == "text-generation":
            self.start(None, None, out)
            self._show(value.get("text"), out)
        elif kind == "stream-start":
            self.start(value.get("generation_id"), None, out)
        elif kind == "stream-end":
            self.terminated = True
            response = obj(value.get("response"))
            self.start(response.get("generation_id"), None, out)
            if not self._spoke:
                self._show(response.get("text"), out)
            if not self.calls.count:
                self._read_calls(arr(response.get("tool_calls")), out)
            self._read_usage(obj(response.get("meta")), out)
            error = embedded_error(value)
            if error is not None:
                out.append(error)
                return
            self.end(0, word(value.get("finish_reason")) or word(response.get("finish_reason")))
        elif kind == "tool-calls-generation":
            if not self.calls.count:
                self._read_calls(arr(value.get("tool_calls")), out)
        elif kind == "tool-calls-chunk":
            self._read_call_delta(value, out)
        elif kind == "citation-generation":
            for citation in arr(value.get("citations")):
                _read_citation(obj(citation), out)
        elif type(value.get("text")) is str and "is_finished" in value:  # streamed generate
            self.start(None, None, out)
            if value.get("is_finished") is True:
                self.terminated = True
                self.end(0, word(value.get("finish_reason")))
            else:
                self._show(value["text"], out)
        elif kind not in ("search-queries-generation", "search-results", "debug"):
            self.unknown(value, out)

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        generations = arr(value.get("generations"))
        if type(value.get("text")) is str:
            self.start(value.get("generation_id"), None, out)
            if value["text"]:
                out.append(TextDelta(text(value["text"])))
            self._read_calls(arr(value.get("tool_calls")), out)
            for citation in arr(value.get("citations")):
                _read_citation(obj(citation), out)
            self.end(0, word(value.get("finish_reason")))
        elif generations:
            self.start(value.get("id"), None, out)
            for choice, generation in enumerate(generations[:5]):  # the API's own limit
                if text(obj(generation).get("text")):
                    out.append(TextDelta(text(obj(generation)["text"]), choice))
                self.end(choice, word(obj(generation).get("finish_reason")))
        else:
            self.unknown(value, out)
            return
        self._read_usage(obj(value.get("meta")), out)

    def _show(self, piece: object, out: list[ProviderEvent]) -> None:
        if text(piece):
            self._spoke = True
            out.append(TextDelta(text(piece)))

    def _read_calls(self, calls: list[object], out: list[ProviderEvent]) -> None:
        for call in calls:
            self.calls.whole(None, word(obj(call).get("name")), obj(call).get("parameters"), out)

    def _read_call_delta(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        delta = obj(value.get("tool_call_delta"))
        piece = text(delta.get("parameters"))
        index = count(delta.get("index")) or 0
        if word(delta.get("name")):
            self.calls.begin(index, None, word(delta.get("name")), out)
        if piece:
            self.calls.more(index, piece, out)
        elif text(value.get("text")):
            out.append(ReasoningDelta(text(value["text"])))

    def _read_usage(self, meta: JsonObject, out: list[ProviderEvent]) -> None:
        if meta.get("tokens") or meta.get("billed_units"):
            self.report(cohere_usage(meta), out)


def cohere_usage(usage: JsonObject) -> UsageReported:
    """Read ``tokens``, else ``billed_units``."""
    tokens, billed = obj(usage.get("tokens")), obj(usage.get("billed_units"))
    read, written = count(tokens.get("input_tokens")), count(tokens.get("output_tokens"))
    return UsageReported(
        input_tokens=count(billed.get("input_tokens")) if read is None else read,
        output_tokens=count(billed.get("output_tokens")) if written is None else written,
        cache_read_input_tokens=count(usage.get("cached_tokens")),
    )


def _read_citation(citation: JsonObject, out: list[ProviderEvent]) -> None:
    sources = [obj(one) for one in arr(citation.get("sources"))]
    document = next((obj(one.get("document")) for one in sources if one.get("document")), {})
    title = word(document.get("title")) or word(document.get("id"))
    start, end = count(citation.get("start")), count(citation.get("end"))
    if start is None or end is None or citation.get("type", _IN_TEXT) != _IN_TEXT:
        start = end = None
    out.append(Citation(word(document.get("url")), title, word(citation.get("text")), start=start, end=end))
