"""OpenAI's Assistants API: the events and whole responses of a run.

Decides: what they mean. Must not know: the models behind them.

Source: OpenAI API reference, "Assistants streaming" (events ``thread.*``).
"""

from typing import ClassVar, Final

from ...events import ProviderEvent, TextDelta
from ..base import BaseReader, ToolKind
from ..errors import response_failed
from ..values import JsonObject, arr, count, obj, text, word
from .usage_counts import openai_usage

_RUN_ENDS: Final = frozenset({"completed", "incomplete", "cancelled", "expired", "requires_action"})


class OpenAIAssistantsReader(BaseReader):
    """Reads the runs of the Assistants API. ``event:`` names the event; the data is its object."""

    MARKERS: ClassVar[tuple[bytes, ...]] = (b'"error"', b'"usage":{', b'"thread.run"')
    ALWAYS_ENDS: ClassVar[bool] = True

    def read_object(self, value: JsonObject, event: str, out: list[ProviderEvent]) -> None:
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
        elif event == "done":
            self.terminated = True
        elif not kind.startswith("thread") and kind not in ("list", "assistant"):
            self.unknown(value, out)

    def _read_run(self, run: JsonObject, out: list[ProviderEvent]) -> None:
        self.start(run.get("id"), run.get("model"), out)
        usage = obj(run.get("usage"))
        if usage:
            self.report(openai_usage(usage), out)
        status = text(run.get("status"))
        if status == "failed":
            error = obj(run.get("last_error"))
            out.append(response_failed(text(error.get("message")), None, word(error.get("code"))))
            self.terminated = True
        elif status in _RUN_ENDS:
            reason = obj(run.get("incomplete_details")).get("reason")
            self.end(0, word(reason) or status)

    def _read_step(self, details: JsonObject, out: list[ProviderEvent]) -> None:
        for call in arr(details.get("tool_calls")):
            value = obj(call)
            kind = text(value.get("type"))
            index = count(value.get("index")) or 0
            if kind == "function":
                function = obj(value.get("function"))
                name, args = word(function.get("name")), function.get("arguments")
                self.calls.fragment(choice=0, index=index, id_=word(value.get("id")), name=name, args=args, out=out)
            elif word(value.get("id")):  # run by OpenAI: only its start is reported, because its code is not JSON
                run_by: ToolKind = "provider"
                self.calls.begin(index, word(value.get("id")), kind or None, out, kind=run_by)
