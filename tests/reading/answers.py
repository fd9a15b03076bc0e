"""The answer that a client puts together from events: text, reasoning, tool calls put together, usage, ends.

Decides: how events add up, by the rules of the vocabulary alone. Must not know: any format, and where the events come
from.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from aigw_sansio import events as e


@dataclass
class Call:
    """A tool call put together."""

    id: str | None
    name: str | None
    kind: str
    choice: int
    arguments: str = ""
    void: bool = False


@dataclass
class Answer:
    """An answer put together."""

    text: dict[int, str] = field(default_factory=dict)
    reasoning: dict[int, str] = field(default_factory=dict)
    signatures: list[str] = field(default_factory=list)
    refusal: str = ""
    calls: dict[int, Call] = field(default_factory=dict)
    citations: list[e.Citation] = field(default_factory=list)
    audio: int = 0
    usages: list[e.UsageReported] = field(default_factory=list)
    finishes: list[e.ResponseFinished] = field(default_factory=list)
    failures: list[e.ResponseFailed] = field(default_factory=list)
    starts: list[e.ResponseStarted] = field(default_factory=list)
    unrecognised: list[str] = field(default_factory=list)

    @property
    def usage(self) -> e.UsageReported | None:
        return self.usages[-1] if self.usages else None


def assemble(events: Iterable[e.ProviderEvent]) -> Answer:
    """The answer that these events add up to, by the rules of the vocabulary."""
    answer = Answer()
    for event in events:
        match event:
            case e.TextDelta(text, choice):
                assert text
                answer.text[choice] = answer.text.get(choice, "") + text
            case e.ReasoningDelta(text, choice, signature):
                answer.reasoning[choice] = answer.reasoning.get(choice, "") + text
                if signature is not None:
                    answer.signatures.append(signature)
            case e.RefusalDelta(text):
                answer.refusal += text
            case e.ToolCallStarted(call, id_, name, choice, kind):
                assert call not in answer.calls, "a call's number was used twice"
                answer.calls[call] = Call(id_, name, kind, choice)
            case e.ToolCallDelta(call, arguments):
                answer.calls[call].arguments += arguments
            case e.AudioDelta(size):
                answer.audio += size
            case e.Citation():
                answer.citations.append(event)
            case e.UsageReported():
                answer.usages.append(event)
            case e.ResponseFinished():
                answer.finishes.append(event)
            case e.ResponseFailed():
                answer.failures.append(event)
            case e.ResponseStarted():
                answer.starts.append(event)
                if event.restarted:
                    for before in answer.calls.values():
                        before.void = before.void or not _complete(before.arguments)
            case e.Unrecognised(what):
                answer.unrecognised.append(what)
    return answer


def _complete(arguments: str) -> bool:
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True
