"""Ollama's own API: ``/api/chat``, ``/api/generate`` and the progress of ``/api/pull``.

Decides: what its lines mean; a whole response is one line. Must not know: the framing.

Source: Ollama API documentation. The last line has ``done: true`` and the counts; calls come whole, with their
arguments as objects.
"""

from typing import ClassVar

from ..events import ImageDelta, ProviderEvent, ReasoningDelta, ResponseFinished, TextDelta, UsageReported
from .base import BaseReader
from .text_chunks import ollama_text
from .values import JsonObject, arr, base64_size, count, obj, text, word


class OllamaReader(BaseReader):
    """Reads Ollama's lines."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (
        b'"error"',
        b'"tool_calls"',
        b'"done":true',
        b'"done": true',
    )
    HAS_PLAIN: ClassVar[bool] = True

    def read_plain(self, data: bytes) -> list[ProviderEvent]:
        said = ollama_text(data)
        return [TextDelta(said)] if said else []

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        if value.get("error"):
            self.unknown(value, out)
            return
        message = obj(value.get("message"))
        if "done" not in value and not message and "response" not in value:
            # pull, create, embeddings, lists of models: progress and whole responses without text
            if not _OTHER.intersection(value):
                self.unknown(value, out)
            return
        self.start(None, value.get("model"), out)
        thought = text(message.get("thinking")) or text(value.get("thinking"))
        if thought:
            out.append(ReasoningDelta(thought))
        piece = text(message.get("content")) or text(value.get("response"))
        if piece:
            out.append(TextDelta(piece))
        for call in arr(message.get("tool_calls")):
            function = obj(obj(call).get("function"))
            self.calls.whole(word(obj(call).get("id")), word(function.get("name")), function.get("arguments"), out)
        for image in arr(message.get("images")):
            out.append(ImageDelta(base64_size(image)))
        if value.get("done") is True:
            self.terminated = True
            read, written = count(value.get("prompt_eval_count")), count(value.get("eval_count"))
            if read is not None or written is not None:
                self.report(UsageReported(read, written), out)
            self.end(0, word(value.get("done_reason")))
            self.report_ends(out)

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        if raw is None and self.terminated:  # older servers give no reason
            return ResponseFinished("tool_calls" if self.calls.asked(choice) else "stop", raw, choice)
        return super().finished(choice, raw)


_OTHER = frozenset({"status", "embedding", "embeddings", "models", "model_info", "version", "modelfile"})
