"""Google's Interactions API (``/v1beta/interactions``).

Decides: what its events and its whole interaction mean. Must not know: ``generateContent``.

Source: Gemini API reference, Interactions. ``interaction.completed`` has the usage and a status; ``event: done``
follows it. The output count excludes thoughts, which are added here.
"""

from typing import ClassVar, Final

from ...events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolKind,
    Unrecognised,
    UsageReported,
)
from ..base import BaseReader
from ..errors import embedded_error
from ..values import JsonObject, arguments, arr, base64_size, count, obj, text, word

_ENDS: Final = frozenset({"completed", "incomplete", "failed", "cancelled", "requires_action"})
#: With the last of these comes the usage. The status alone may be told before.
_TERMINATORS: Final = frozenset(
    {"interaction.completed", "interaction.complete", "interaction.failed", "interaction.cancelled"}
    | {"interaction.incomplete"}
)


class GeminiInteractionsReader(BaseReader):
    """Reads interactions, streamed and whole."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"', b'"interaction.', b'"usage"')

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("event_type")) or text(value.get("type")) or event
        if kind == "step.delta" or kind == "content.delta":
            self._read_delta(obj(value.get("delta")), count(value.get("index")) or 0, out)
        elif kind == "step.start" or kind == "content.start":
            self._read_step(obj(value.get("step")) or obj(value.get("content")), count(value.get("index")), out)
        elif kind.startswith("interaction."):
            interaction = obj(value.get("interaction"))
            if interaction:
                self._read_interaction(interaction, out)
            self.terminated = self.terminated or kind in _TERMINATORS
        elif kind == "done":
            self.terminated = True
        elif value.get("error") or kind not in ("step.stop", "content.stop"):
            self.unknown(value, out)

    def read_whole_object(self, value: JsonObject, out: list[ProviderEvent]) -> None:
        steps = value.get("steps") if "steps" in value else value.get("outputs")
        if type(steps) is list or value.get("object") == "interaction":
            self.start(value.get("id"), value.get("model"), out)
            for step in arr(steps):
                self._read_step(obj(step), None, out)
            self._read_interaction(value, out)
        else:
            self.unknown(value, out)

    def _read_interaction(self, interaction: JsonObject, out: list[ProviderEvent]) -> None:
        self.start(interaction.get("id"), interaction.get("model"), out)
        usage = obj(interaction.get("usage"))
        if usage:
            written, thought = count(usage.get("total_output_tokens")), count(usage.get("total_thought_tokens"))
            read, tools = count(usage.get("total_input_tokens")), count(usage.get("total_tool_use_tokens"))
            self.report(
                UsageReported(
                    input_tokens=None if read is None else count(read + (tools or 0)),
                    output_tokens=None if written is None else count(written + (thought or 0)),
                    cache_read_input_tokens=count(usage.get("total_cached_tokens")),
                    reasoning_output_tokens=thought,
                ),
                out,
            )
        status = text(interaction.get("status"))
        error = embedded_error(interaction) if status == "failed" else None
        if error is not None:
            out.append(error)
        elif status in _ENDS:
            self.end(0, status)

    def _read_delta(self, delta: JsonObject, index: int, out: list[ProviderEvent]) -> None:
        kind = text(delta.get("type"))
        signature = word(delta.get("signature"))
        if kind == "text":
            self._show(delta, out)
        elif kind in ("thought_summary", "thought"):
            piece = text(delta.get("text")) or text(obj(delta.get("content")).get("text"))
            if piece or signature:
                out.append(ReasoningDelta(piece, 0, signature))
        elif kind in ("thought_signature", "signature") or (not kind and signature):
            if signature:
                out.append(ReasoningDelta("", 0, signature))
        elif kind in ("arguments_delta", "function_call"):
            self.calls.more(index, arguments(delta.get("arguments")), out)
        elif kind == "audio":
            out.append(AudioDelta(base64_size(delta.get("data"))))
        elif kind in ("image", "video", "document"):
            out.append(ImageDelta(base64_size(delta.get("data")), word(delta.get("mime_type"))))
        elif not kind.endswith(("_call", "_result", "annotation", "annotations")):
            out.append(Unrecognised(f"delta {kind[:60]}"))

    def _read_step(self, step: JsonObject, index: int | None, out: list[ProviderEvent]) -> None:
        """Read the start of a step (mostly empty) or, without an index, a whole step."""
        kind = text(step.get("type"))
        signature = word(step.get("signature"))
        if kind == "text":
            self._show(step, out)
        elif kind in ("model_output", "user_input"):
            for part in arr(step.get("content")) if kind == "model_output" else []:
                self._read_delta(obj(part), 0, out)
        elif kind == "thought":
            pieces = [text(obj(part).get("text")) for part in arr(step.get("summary")) + arr(step.get("content"))]
            for piece in filter(None, pieces):
                out.append(ReasoningDelta(piece))
            if signature:
                out.append(ReasoningDelta("", 0, signature))
        elif kind.endswith("_call"):
            run_by: ToolKind = "function" if kind == "function_call" else "provider"
            name = word(step.get("name")) or kind.removesuffix("_call")
            given = step.get("arguments")
            if index is None:
                self.calls.whole(word(step.get("id")), name, given, out, kind=run_by)
            else:
                self.calls.begin(index, word(step.get("id")), name, out, kind=run_by)
                if given:
                    self.calls.more(index, arguments(given), out)
        elif not kind.endswith("_result"):
            out.append(Unrecognised(f"step {kind[:60]}"))

    def _show(self, part: JsonObject, out: list[ProviderEvent]) -> None:
        piece = text(part.get("text"))
        if piece:
            out.append(TextDelta(piece))
        for annotation in arr(part.get("annotations")):
            cited = obj(annotation)
            out.append(Citation(word(cited.get("url")) or word(cited.get("source")), word(cited.get("title"))))
