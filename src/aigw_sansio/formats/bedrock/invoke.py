"""Bedrock InvokeModel: the format depends on the vendor of the model.

Decides: which vendor's format it is, from the first chunk that shows it, and what the formats mean that exist only on
Bedrock (Llama, Titan, the older ones of Mistral and AI21). Must not know: the frames.

Source: Amazon Bedrock user guide, "Inference request parameters and response fields". The last chunk carries
``amazon-bedrock-invocationMetrics`` with counts for every vendor; they fill in counts that the vendor left out.
"""

from typing import ClassVar, Final

from ...bodies.chunk import Chunk
from ...events import ProviderEvent, ResponseFailed, TextDelta, UsageReported
from ..anthropic import AnthropicReader
from ..base import BaseReader
from ..cohere import CohereV1Reader, CohereV2Reader
from ..openai.chat import OpenAIChatReader
from ..values import JsonObject, arr, count, obj, parse, text, unbase64, word
from .converse import BedrockConverseReader, bedrock_usage

_OTHER_ANSWERS: Final = frozenset({"results", "embedding", "embeddings", "embeddingsByType", "images", "artifacts"})
_METRICS: Final = "amazon-bedrock-invocationMetrics"


class BedrockVendorReader(BaseReader):
    """Reads the formats of Llama, Titan, Mistral and AI21 that exist only on Bedrock."""

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        if "generation" in value:  # Llama
            self._show(value["generation"], value.get("stop_reason"), out)
            read, written = count(value.get("prompt_token_count")), count(value.get("generation_token_count"))
            if read is not None or written is not None:
                self.report(UsageReported(read, written, quality="final" if self._ends else "partial"), out)
        elif "outputText" in value:  # Titan, streamed
            self._show(value["outputText"], value.get("completionReason"), out)
            read, written = count(value.get("inputTextTokenCount")), count(value.get("totalOutputTextTokenCount"))
            if read is not None or written is not None:
                self.report(UsageReported(read, written), out)
        elif arr(value.get("results")) and "outputText" in obj(arr(value["results"])[0]):  # Titan, whole
            result = obj(arr(value["results"])[0])
            self._show(result.get("outputText"), result.get("completionReason"), out)
            self.report(UsageReported(count(value.get("inputTextTokenCount")), count(result.get("tokenCount"))), out)
        elif "outputs" in value:  # Mistral
            for one in arr(value["outputs"]):
                self._show(obj(one).get("text"), obj(one).get("stop_reason"), out)
        elif "completions" in value:  # AI21 Jurassic
            for one in arr(value["completions"]):
                reason = obj(obj(one).get("finishReason")).get("reason")
                self._show(obj(obj(one).get("data")).get("text"), reason, out)
        elif "completion" in value:  # Claude 2
            self._show(value["completion"], value.get("stop_reason"), out)
        elif not _OTHER_ANSWERS.isdisjoint(value):  # embeddings, rankings, images
            return
        elif set(value) - {_METRICS, "amazon-bedrock-guardrailAction", "amazon-bedrock-trace"}:
            self.unknown(value, out)

    def _show(self, piece: object, reason: object, out: list[ProviderEvent]) -> None:
        self.start(None, None, out)
        if text(piece):
            out.append(TextDelta(text(piece)))
        if word(reason):
            self.end(0, word(reason))


class BedrockInvokeReader:
    """Finds the vendor's reader and lets it read."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (
        *AnthropicReader.MARKERS,
        b'"stopReason"',
        b'"usage"',
        b'"finish_reason":"',
        b'"stop_reason":"',
        b'"completionReason":"',
        b'"is_finished":true',
        b'"message-end"',
    )

    def __init__(self) -> None:
        self._reader: BaseReader | None = None

    @property
    def terminated(self) -> bool:
        return self._reader is not None and self._reader.terminated

    @property
    def finish_seen(self) -> bool:
        return self._reader is not None and self._reader.finish_seen

    @property
    def complete(self) -> bool:
        return self._reader is not None and self._reader.complete

    @property
    def markers(self) -> tuple[bytes, ...]:
        return self.MARKERS

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        if chunk.data.startswith((b'{"bytes"', b'{"chunk"')):
            chunk = _unwrapped(chunk)
        if chunk.failed:
            return (self._reader or BedrockVendorReader()).read(chunk)
        value: object = None
        if self._reader is None or b'"amazon-bedrock-invocationMetrics"' in chunk.data:
            value = parse(chunk.data)
        reader = self._find(obj(value))
        out = reader.read(chunk)
        metrics = obj(obj(value).get(_METRICS))
        if metrics and not (out and type(out[-1]) is ResponseFailed):
            reader.report(bedrock_usage(metrics), out)
            reader.terminated = reader.complete
        return out

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        return self._find(obj(parse(body))).read_whole(body)

    def finish(self) -> list[ProviderEvent]:
        return (self._reader or BedrockVendorReader()).finish()

    def _find(self, value: JsonObject) -> BaseReader:
        if self._reader is not None:
            return self._reader
        kind = text(value.get("type"))
        reader: BaseReader
        if kind.startswith(("message", "content_block")) and "-" not in kind:
            reader = AnthropicReader()
        elif kind.startswith(("message-", "content-", "tool-", "citation-")):
            reader = CohereV2Reader()
        elif "choices" in value:
            reader = OpenAIChatReader()
        elif "event_type" in value or "generations" in value or ("text" in value and "generation_id" in value):
            reader = CohereV1Reader()
        elif "message" in value and "finish_reason" in value:
            reader = CohereV2Reader()
        elif not _NOVA.isdisjoint(value):
            reader = BedrockConverseReader()
        else:
            reader = BedrockVendorReader()
            if not value or value.keys() <= {_METRICS}:
                return reader  # this chunk does not show the vendor
        self._reader = reader
        return reader


_NOVA: Final = frozenset(
    {
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "output",
        "stopReason",
    }
)


def _unwrapped(chunk: Chunk) -> Chunk:
    """Unwrap a chunk that holds the vendor's JSON in base64."""
    value = obj(parse(chunk.data))
    data = unbase64(value.get("bytes", obj(value.get("chunk")).get("bytes")))
    return chunk if data is None else Chunk(data, chunk.event, chunk.failed)
