"""Amazon Bedrock: Converse, InvokeModel with the vendors' formats inside, and agents.

Decides: what the events of its streams and its whole responses mean. Must not know: the frames that they came in.

Source: Amazon Bedrock API reference, ConverseStream, InvokeModelWithResponseStream, InvokeAgent. ``metadata`` with the
usage comes after ``messageStop`` or before it, so a finish is held back until the transport ends. ``inputTokens``
excludes cached tokens: they are added here. ``p`` is padding.
"""

from typing import ClassVar, Final, Literal

from ...events import (
    Citation,
    ImageDelta,
    ProviderEvent,
    ReasoningDelta,
    ResponseFinished,
    TextDelta,
    ToolKind,
    Unrecognised,
    UsageReported,
)
from ..base import BaseReader
from ..errors import response_failed
from ..values import JsonObject, arguments, arr, base64_size, count, obj, text, unbase64, word

_EVENTS: Final = frozenset(
    {"messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"}
)


class BedrockConverseReader(BaseReader):
    """Reads Converse, and the same events inside InvokeModel (Nova)."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (
        b'"error"',
        b'"stopReason"',
        b'"usage"',
        b'"throttlingException"',  # a server that does not frame them as exceptions
        b'"validationException"',
        b'"internalServerException"',
        b'"modelStreamErrorException"',
        b'"modelTimeoutException"',
        b'"serviceUnavailableException"',
    )

    def __init__(self) -> None:
        super().__init__()
        self._stopped = False
        self._measured = False

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = event if event in _EVENTS else self._kind(value)
        if kind in value and len(value) < 3:  # the event's name is the key
            value = obj(value[kind])
        if not kind and _fail(value, out):
            return
        if kind == "contentBlockDelta":
            self._read_delta(obj(value.get("delta")), count(value.get("contentBlockIndex")) or 0, out)
        elif kind == "contentBlockStart":
            self._read_start(obj(value.get("start")), count(value.get("contentBlockIndex")) or 0, out)
        elif kind == "messageStart":
            self.start(None, None, out)
        elif kind == "messageStop":
            self.start(None, None, out)
            self.end(0, word(value.get("stopReason")))
            self._stopped = True
            self.terminated = self._measured
        elif kind == "metadata":
            self.report(bedrock_usage(obj(value.get("usage"))), out)
            self._measured = True
            self.terminated = self._stopped
        elif kind == "contentBlockStop":
            self.calls.close(count(value.get("contentBlockIndex")) or 0, out=out)
        else:
            self.unknown(value, out)

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        message = obj(obj(value.get("output")).get("message"))
        if message or "stopReason" in value:
            self.start(None, None, out)
            for block in arr(message.get("content")):
                self._read_block(obj(block), out)
            self.end(0, word(value.get("stopReason")))
            usage = obj(value.get("usage"))
            if usage:
                self.report(bedrock_usage(usage), out)
        elif "inputTokens" in value:  # CountTokens
            self.report(bedrock_usage(value), out)
        else:
            self.unknown(value, out)

    def _kind(self, value: JsonObject) -> str:
        """The event's name, told by its keys."""
        for name in value:
            if name in _EVENTS:
                return name
        if "delta" in value:
            return "contentBlockDelta"
        if "start" in value:
            return "contentBlockStart"
        if "stopReason" in value:
            return "messageStop"
        if "usage" in value or "metrics" in value:
            return "metadata"
        if "role" in value:
            return "messageStart"
        return "contentBlockStop" if "contentBlockIndex" in value else ""

    def _read_start(self, start: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        self.start(None, None, out)
        tool = start.get("toolUse")
        if type(tool) is dict:
            run_by = _run_by(tool)
            self.calls.begin(index, word(tool.get("toolUseId")), word(tool.get("name")), out, kind=run_by)
            if tool.get("input"):
                self.calls.more(index, arguments(tool["input"]), out)
        elif start and "toolResult" not in start and "image" not in start:
            out.append(Unrecognised("start with " + ", ".join(key[:40] for key in list(start)[:4])))

    def _read_delta(self, delta: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        self.start(None, None, out)
        if "text" in delta:
            piece = text(delta["text"])
            if piece:
                out.append(TextDelta(piece))
        elif "toolUse" in delta:
            self.calls.more(index, arguments(obj(delta["toolUse"]).get("input")), out)
        elif "reasoningContent" in delta:
            _read_reasoning(obj(delta["reasoningContent"]), out)
        elif "citation" in delta:
            _read_citation(obj(delta["citation"]), out)
        elif "image" in delta:
            out.append(ImageDelta(base64_size(obj(obj(delta["image"]).get("source")).get("bytes"))))
        elif delta and "toolResult" not in delta:
            out.append(Unrecognised("delta with " + ", ".join(key[:40] for key in list(delta)[:4])))

    def _read_block(self, block: JsonObject, out: list[ProviderEvent]) -> None:
        tool = block.get("toolUse")
        if type(tool) is dict:
            run_by = _run_by(tool)
            self.calls.whole(word(tool.get("toolUseId")), word(tool.get("name")), tool.get("input"), out, kind=run_by)
        elif "citationsContent" in block:
            cited = obj(block["citationsContent"])
            for part in arr(cited.get("content")):
                if text(obj(part).get("text")):
                    out.append(TextDelta(text(obj(part)["text"])))
            for one in arr(cited.get("citations")):
                _read_citation(obj(one), out)
        elif "guardContent" not in block:
            self._read_delta(block, 0, out)


def _run_by(tool: JsonObject) -> ToolKind:
    return "provider" if tool.get("type") == "server_tool_use" else "function"


def _fail(value: JsonObject, out: list[ProviderEvent]) -> bool:
    """Read an exception that came as an ordinary event, under its name: say whether it was one."""
    for name, body in value.items():
        if name.endswith("Exception") and type(body) is dict:
            message = text(body.get("message")) or text(body.get("Message")) or text(body.get("originalMessage"))
            out.append(response_failed(message, name))
            return True
    return False


def _read_reasoning(content: JsonObject, out: list[ProviderEvent]) -> None:
    """Text and signature are at the top level in a stream, and under ``reasoningText`` in a whole response."""
    inner = obj(content.get("reasoningText")) or content
    sealed = word(content.get("redactedContent"))
    piece, signature = text(inner.get("text")), sealed or word(inner.get("signature"))
    if piece or signature:
        out.append(ReasoningDelta(piece, signature=signature, redacted=sealed is not None))


#: Where a citation says which place of a document it is of, and in which unit.
_PLACES: Final[dict[str, Literal["char", "page", "block"]]] = {
    "documentChar": "char", "documentPage": "page", "documentChunk": "block"
}  # fmt: skip


def _read_citation(citation: JsonObject, out: list[ProviderEvent]) -> None:
    web = obj(obj(citation.get("location")).get("web"))
    content = [text(obj(part).get("text")) for part in arr(citation.get("sourceContent"))]
    quoted = "".join(content) or None
    url, title = word(web.get("url")), word(citation.get("title"))
    for member, unit in _PLACES.items():
        place = obj(obj(citation.get("location")).get(member))
        document, start, end = (count(place.get(name)) for name in ("documentIndex", "start", "end"))
        if document is not None and start is not None and end is not None:
            out.append(
                Citation(url, title, quoted, document=document, source_start=start, source_end=end, source_unit=unit)
            )
            return
    out.append(Citation(url, title, quoted))


def bedrock_usage(usage: JsonObject) -> UsageReported:
    """Read Converse's ``usage`` or InvokeModel's metrics, whose names differ by a suffix."""

    def number(*names: str) -> int | None:
        return next((n for name in names if (n := count(usage.get(name))) is not None), None)

    read = number("cacheReadInputTokens", "cacheReadInputTokenCount")
    created = number("cacheWriteInputTokens", "cacheWriteInputTokenCount")
    given = number("inputTokens", "inputTokenCount")
    return UsageReported(
        input_tokens=None if given is None else count(given + (read or 0) + (created or 0)),
        output_tokens=number("outputTokens", "outputTokenCount"),
        cache_read_input_tokens=read,
        cache_creation_input_tokens=created,
    )


class BedrockAgentReader(BaseReader):
    """Reads InvokeAgent: ``chunk`` events hold plain text in base64, ``trace`` events describe the agent's steps."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"', b'Exception"')

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        value = obj(value.get("chunk")) or value
        data = unbase64(value.get("bytes"))
        if data is not None:
            self.start(None, None, out)
            if data:
                out.append(TextDelta(data.decode("utf-8", "replace")))
            for citation in arr(obj(value.get("attribution")).get("citations")):
                for one in arr(obj(citation).get("retrievedReferences")):
                    location = obj(obj(obj(one).get("location")).get("s3Location"))
                    out.append(
                        Citation(word(location.get("uri")), None, word(obj(obj(one).get("content")).get("text")))
                    )
        elif "returnControl" in value:  # the client must run these and ask again
            for call in arr(obj(value["returnControl"]).get("invocationInputs")):
                function = obj(obj(call).get("functionInvocationInput"))
                api = obj(obj(call).get("apiInvocationInput"))
                name = word(function.get("function")) or word(api.get("apiPath"))
                self.start(None, None, out)
                self.calls.whole(None, name, obj(call), out)
        elif "trace" not in value and "files" not in value and not _fail(value, out):
            self.unknown(value, out)

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        if raw is None and self.calls.asked(choice):  # the client runs them; a reason is never given
            return ResponseFinished("tool_calls", raw, choice)
        return super().finished(choice, raw)
