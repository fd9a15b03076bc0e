"""The texts of a response, as a review of it takes them out and puts others in their place.

Decides: which events of a part say something, how those of one kind are joined, and how another text is divided among
them again. Must not know: any format, and who reviews.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from msgspec.structs import replace

from ..bodies.chunk import Chunk
from ..events import (
    AudioDelta,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    Unrecognised,
    UsageReported,
)
from ..review import Passage, PassageKind

#: Whose text it is: its kind, choice and call.
Slot: TypeAlias = tuple[PassageKind, int, int | None]
#: Events in which no words of a model are.
_SILENT: Final = frozenset({ResponseStarted, UsageReported, ResponseFinished, Unrecognised})


class ReadChunk(NamedTuple):
    """A chunk, or a message, and its meaning; ``None``: the meaning of an end. ``ends``: a turn ends with it."""

    chunk: Chunk | None
    events: list[ProviderEvent]
    ends: bool = False


def said(event: ProviderEvent) -> tuple[Slot, str] | None:
    """The text of ``event`` and whose it is; ``None`` if it has none."""
    if type(event) is TextDelta:
        slot: Slot = ("text", event.choice, None)
        text = event.text
    elif type(event) is ReasoningDelta:
        slot, text = ("reasoning", event.choice, None), event.text
    elif type(event) is ToolCallDelta:
        slot, text = ("arguments", event.choice, event.call), event.arguments
    elif type(event) is RefusalDelta:
        slot, text = ("refusal", event.choice, None), event.text
    elif type(event) is AudioDelta:
        slot, text = ("transcript", event.choice, None), event.transcript or ""
    else:
        return None
    return (slot, text) if text else None


def saying(event: ProviderEvent, text: str) -> ProviderEvent | None:
    """``event`` with another text; ``None`` if nothing is left of it."""
    if type(event) is TextDelta or type(event) is RefusalDelta:
        return replace(event, text=text) if text else None
    if type(event) is ReasoningDelta:
        return replace(event, text=text) if text or event.signature else None
    if type(event) is ToolCallDelta:
        return replace(event, arguments=text) if text else None
    assert type(event) is AudioDelta
    return replace(event, transcript=text or None)


def passages_of(items: Sequence[ReadChunk]) -> dict[Slot, str]:
    """The texts of a part, in the order in which they begin."""
    found: dict[Slot, list[str]] = {}
    for item in items:
        for event in item.events:
            if (one := said(event)) is not None:
                found.setdefault(one[0], []).append(one[1])
    return {slot: "".join(texts) for slot, texts in found.items()}


def as_passages(texts: dict[Slot, str]) -> tuple[Passage, ...]:
    """``texts`` as a host is shown them."""
    return tuple(Passage(kind, text, choice=choice, call=call) for (kind, choice, call), text in texts.items())


def is_silent(items: Sequence[ReadChunk]) -> bool:
    """Whether no event of a part holds words: there is nothing to review, unless the client is shown its chunks."""
    return all(type(event) in _SILENT for item in items for event in item.events)
