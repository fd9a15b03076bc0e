"""OpenAI's smaller formats: Assistants runs, transcription and speech.

Decides: what their stream events and whole answers mean. Must not know: the models behind them.

Source: OpenAI API reference, "Assistants streaming" (events ``thread.*``), "Create transcription" and "Create
speech" (events ``transcript.text.*``, ``speech.audio.*``).
"""

from typing import ClassVar, Final

from ...bodies.chunk import Chunk
from ...events import AudioDelta, ProviderEvent, ResponseFinished, TextDelta
from .base import BaseReader, ToolKind
from .errors import failed
from .openai_chat import openai_usage
from .values import BROKEN, Object, arr, base64_size, count, obj, parse, text, word

_RUN_ENDS: Final = frozenset({"completed", "incomplete", "cancelled", "expired", "requires_action"})


class OpenAIAssistantsReader(BaseReader):
    """Reads the runs of the Assistants API. ``event:`` names the event; the data is the object it is about."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"', b'"usage":{', b'"usage": {', b'"thread.run"')

    def read_object(self, value: Object, event: str, out: list[ProviderEvent]) -> None:
        kind = text(value.get("object")) or event
        if kind == "thread.message.delta":
            for part in arr(obj(value.get("delta")).get("content")):
                piece = text(obj(obj(part).get("text")).get("value"))
                if piece:
                    out.append(TextDelta(piece))
        elif kind == "thread.run.step.delta":
            self._read_step(obj(obj(value.get("delta")).get("step_details")), out)
        elif kind == "thread.run":
            self._read_run(value, out)
        elif not kind.startswith("thread") and kind not in ("list", "assistant") and event != "done":
            self.unknown(value, out)

    def _read_run(self, run: Object, out: list[ProviderEvent]) -> None:
        self.start(run.get("id"), run.get("model"), out)
        usage = obj(run.get("usage"))
        if usage:
            self.report(openai_usage(usage), out)
        status = text(run.get("status"))
        if status == "failed":
            error = obj(run.get("last_error"))
            out.append(failed(text(error.get("message")), None, word(error.get("code"))))
        elif status in _RUN_ENDS:
            reason = obj(run.get("incomplete_details")).get("reason")
            self.end(0, word(reason) or status)

    def _read_step(self, details: Object, out: list[ProviderEvent]) -> None:
        for call in arr(details.get("tool_calls")):
            value = obj(call)
            kind = text(value.get("type"))
            index = count(value.get("index")) or 0
            if kind == "function":
                function = obj(value.get("function"))
                name, args = word(function.get("name")), function.get("arguments")
                self.calls.fragment(0, index, word(value.get("id")), name, args, out)
            elif word(value.get("id")):  # run by OpenAI: shown as begun, its code is no JSON
                run_by: ToolKind = "provider"
                self.calls.begin(index, word(value.get("id")), kind or None, out, 0, run_by)


class OpenAIAudioReader(BaseReader):
    """Reads transcriptions (text out) and speech (audio out)."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"', b'.done"')

    def __init__(self) -> None:
        super().__init__()
        self._segments = False
        self._deltas = False

    def read_object(self, value: Object, event: str, out: list[ProviderEvent]) -> None:
        kind = value.get("type")
        if kind == "transcript.text.delta":
            self._deltas = True
            self._show(text(value.get("delta")), out)
        elif kind == "transcript.text.segment":
            # diarised: segments instead of deltas, or beside them
            if not self._deltas:
                self._segments = True
                self._show(text(value.get("text")), out)
        elif kind in ("speech.audio.delta", "audio.delta"):
            size = base64_size(value.get("audio"))
            if size:
                self.start(None, None, out)
                out.append(AudioDelta(size))
        elif kind in ("transcript.text.done", "speech.audio.done", "audio.done"):
            if not self._deltas and not self._segments:
                self._show(text(value.get("text")), out)
            self._read_usage(value, out)
            self.end(0, None)
        elif type(value.get("text")) is str:  # the whole of a transcription
            self._show(text(value["text"]), out)
            self._read_usage(value, out)
        else:
            self.unknown(value, out)

    def finished(self, choice: int, raw: str | None) -> ResponseFinished:
        return ResponseFinished("stop", raw, choice)

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        if body and parse(body) is BROKEN:
            return _bare(body)
        return super().read_whole(body)

    def read_other(self, value: object, chunk: Chunk, out: list[ProviderEvent]) -> None:
        if value is BROKEN and chunk.data != b"[DONE]" and not chunk.event:
            out.append(AudioDelta(len(chunk.data)))
        else:
            super().read_other(value, chunk, out)

    def _show(self, piece: str, out: list[ProviderEvent]) -> None:
        if piece:
            self.start(None, None, out)
            out.append(TextDelta(piece))

    def _read_usage(self, value: Object, out: list[ProviderEvent]) -> None:
        usage = obj(value.get("usage"))
        if usage.get("type") != "duration" and usage:
            self.report(openai_usage(usage), out)


def _bare(body: bytes) -> list[ProviderEvent]:
    """A whole body that is no JSON: a plain transcript if it is text, audio if it is not."""
    try:
        plain = body.decode()
    except UnicodeDecodeError:
        return [AudioDelta(len(body)), ResponseFinished("stop")]
    if "\0" in plain:
        return [AudioDelta(len(body)), ResponseFinished("stop")]
    return [TextDelta(plain), ResponseFinished("stop")]
