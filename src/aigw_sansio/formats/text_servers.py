"""Text servers with their own formats: TGI, Replicate, watsonx, Aleph Alpha.

Decides: what their stream events and whole responses mean. Must not know: the models behind them.

Source: Hugging Face Text Generation Inference API (``/generate_stream``), Replicate HTTP API ("Streaming output"),
IBM watsonx.ai API (``/ml/v1/text/generation_stream``), Aleph Alpha API (``/complete``).
"""

from typing import ClassVar, Final

from ..bodies.chunk import Chunk
from ..events import ProviderEvent, ResponseFinished, TextDelta, UsageReported
from .base import CHOICES, BaseReader
from .errors import response_failed
from .openai.chat import OpenAIChatReader
from .values import JsonObject, arr, count, obj, parse, text, word

_PREDICTION_ENDS: Final = frozenset({"succeeded", "failed", "canceled", "aborted"})


class TGIReader(OpenAIChatReader):
    """Reads TGI's native streams and whole responses, and OpenAI's format, which it also serves."""

    HAS_PLAIN: ClassVar[bool] = False
    MARKERS: ClassVar[tuple[bytes, ...]] = (
        *OpenAIChatReader.MARKERS,
        b'"details":{',
        b'"details": {',
        b'"generated_text":"',
        b'"generated_text": "',
    )

    def __init__(self) -> None:
        super().__init__()
        self._spoke = False  # text came before the end

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        token = value.get("token")
        if type(token) is dict:
            self.start(None, None, out)
            piece = text(token.get("text"))
            if piece and token.get("special") is not True:
                self._spoke = True
                out.append(TextDelta(piece))
            if type(value.get("generated_text")) is str:
                if value["generated_text"] and not self._spoke:
                    out.append(TextDelta(text(value["generated_text"])))
                self._read_details(obj(value.get("details")), 0, out)
                self.terminated = True
        elif type(value.get("generated_text")) is str:
            self._read_generated(value, 0, out)
        else:
            super().read_object(value, event, out)

    def read_whole_other(self, value: object, out: list[ProviderEvent]) -> None:
        items = [obj(item) for item in value] if type(value) is list else []
        if items and all(type(item.get("generated_text")) is str for item in items):
            for choice, item in enumerate(items[:CHOICES]):
                self._read_generated(item, choice, out)
        elif not (items and any(items)) and type(value) is list:
            return  # embeddings: numbers
        elif items and any(_TASKS.intersection(item) for item in items):
            return  # other inference tasks: labels, scores, boxes
        else:
            super().read_whole_other(value, out)

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        if not _TASKS.intersection(value) or "choices" in value:
            super().read_whole_object(value, out)

    def _read_generated(self, value: JsonObject, choice: int, out: list[ProviderEvent]) -> None:
        self.start(None, None, out)
        if value["generated_text"]:
            out.append(TextDelta(text(value["generated_text"]), choice))
        self._read_details(obj(value.get("details")), choice, out)

    def _read_details(self, details: JsonObject, choice: int, out: list[ProviderEvent]) -> None:
        self.end(choice, word(details.get("finish_reason")))
        read, written = count(details.get("input_length")), count(details.get("generated_tokens"))
        if read is None and type(details.get("prefill")) is list:
            read = len(arr(details["prefill"])) or None
        if read is not None or written is not None:
            self.report(UsageReported(read, written), out)


_TASKS: Final = frozenset(
    {"label", "score", "labels", "scores", "answer", "summary_text", "translation_text", "entity_group"}
)


class ReplicateReader(BaseReader):
    """Reads the stream of a prediction (raw text in ``event: output``) and the prediction itself."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"', b'"reason"', b'"metrics"', b"{")

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        if chunk.event == "output":
            out: list[ProviderEvent] = []
            self.start(None, None, out)
            if chunk.data:
                out.append(TextDelta(chunk.data.decode("utf-8", "replace")))
            return out
        if chunk.event == "done":
            out = []
            reason = word(obj(parse(chunk.data)).get("reason"))
            if reason == "error":
                self._failed = True
                return [response_failed("the prediction failed", "error")]
            self.end(0, reason)
            self.terminated = True
            return out
        return super().read(chunk)

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        if "status" not in value or ("output" not in value and "urls" not in value):
            self.unknown(value, out)
            return
        self.start(value.get("id"), value.get("model") or value.get("version"), out)
        output = value.get("output")
        joined = output if type(output) is str else "".join(text(one) for one in arr(output))
        if joined:
            out.append(TextDelta(joined))
        metrics = obj(value.get("metrics"))
        read, written = count(metrics.get("input_token_count")), count(metrics.get("output_token_count"))
        if read is not None or written is not None:
            self.report(UsageReported(read, written), out)
        status = word(value.get("status"))
        if status in _PREDICTION_ENDS:
            self.end(0, status)
        else:
            self._started = False  # a prediction that has only begun has not finished

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        if raw in ("succeeded", None):
            return ResponseFinished("stop", raw, choice)
        return ResponseFinished("error", raw, choice)


class WatsonxReader(OpenAIChatReader):
    """Reads watsonx text generation, and its chat, which is OpenAI's format. Each event has running totals."""

    HAS_PLAIN: ClassVar[bool] = False
    MARKERS: ClassVar[tuple[bytes, ...]] = (*OpenAIChatReader.MARKERS, b'"generated_token_count"', b'"errors":[')

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        results = value.get("results")
        if type(results) is not list:
            if "system" not in value or "choices" in value:
                super().read_object(value, event, out)
            return
        self.start(None, value.get("model_id"), out)
        for item in results:
            result = obj(item)
            if text(result.get("generated_text")):
                out.append(TextDelta(text(result["generated_text"])))
            reason = word(result.get("stop_reason"))
            ended = reason is not None and reason.lower() != "not_finished"
            if ended:
                self.end(0, reason)
            read, written = count(result.get("input_token_count")), count(result.get("generated_token_count"))
            if read or written:
                # the input count is on the first event only; it is 0 on later ones
                self.report(UsageReported(read or None, written, quality="final" if ended else "partial"), out)

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        self.read_object(value, "", out)


class AlephAlphaReader(OpenAIChatReader):
    """Reads Aleph Alpha's completions, and its chat, which is OpenAI's format."""

    HAS_PLAIN: ClassVar[bool] = False
    MARKERS: ClassVar[tuple[bytes, ...]] = (*OpenAIChatReader.MARKERS, b'"completion_summary"')

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        if type(value.get("completions")) is list:
            self.start(None, value.get("model_version"), out)
            for choice, item in enumerate(arr(value["completions"])[:CHOICES]):
                completion = obj(item)
                if text(completion.get("completion")):
                    out.append(TextDelta(text(completion["completion"]), choice))
                self.end(choice, word(completion.get("finish_reason")))
            self._count(value, out)
        elif value.get("type") == "stream_chunk":
            self.start(None, None, out)
            if text(value.get("completion")):
                out.append(TextDelta(text(value["completion"])))
        elif value.get("type") == "stream_summary":
            self.end(0, word(value.get("finish_reason")))
        elif value.get("type") == "completion_summary":
            self._count(value, out)
            self.terminated = True
        else:
            super().read_object(value, event, out)

    def _count(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        read, written = count(value.get("num_tokens_prompt_total")), count(value.get("num_tokens_generated"))
        if read is not None or written is not None:
            self.report(UsageReported(read, written), out)
