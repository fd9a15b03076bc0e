"""The tap: what a provider's answer means, read beside the byte path.

Decides: which reader a family of formats has, what a chunk is for the commit (content, mere lifecycle, an error),
and, for files, which family a body belongs to. Must not know: any single format (``readings/``), framing
(``bodies/``) or who listens.

A reader never raises and never holds an answer's text, so any body of any size can run through it. The rule of
the commit is client protocol, section 3.3.
"""

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final, Protocol

from ..bodies.chunk import Chunk
from ..events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
)
from .readings.anthropic_messages import AnthropicReader
from .readings.openai_chat import OpenAIChatReader, OpenAICompletionsReader
from .readings.unknown import UnknownReader
from .readings.workers_ai import WorkersAIReader


class Reader(Protocol):
    """Reads one answer: ``read`` each chunk of a stream, then ``finish``; or ``read_whole`` once, alone."""

    @property
    def markers(self) -> tuple[bytes, ...]:
        """What an error, usage or an end cannot come without. After the commit, and while nobody listens, a chunk
        that :func:`worth_reading` denies may be left out; all others must be read."""

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        """What one chunk means, in order. Never raises, whatever the bytes."""

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        """What a whole answer means, whatever its status; its end included."""

    def finish(self) -> list[ProviderEvent]:
        """The transport ended cleanly: the ends held back, because usage could still follow them. Do not call it
        for a body that broke off."""


class Weight(IntEnum):
    """What a chunk is for the commit."""

    LIFECYCLE = 0
    CONTENT = 1
    ERROR = 2


LIFECYCLE: Final = Weight.LIFECYCLE
CONTENT: Final = Weight.CONTENT
ERROR: Final = Weight.ERROR

_CONTENT_TYPES: Final = frozenset(
    {
        TextDelta,
        ReasoningDelta,
        ToolCallStarted,
        ToolCallDelta,
        AudioDelta,
        ImageDelta,
        RefusalDelta,
        Citation,
        Unrecognised,
    }
)


def classify(events: Iterable[ProviderEvent]) -> Weight:
    """What a chunk with these events is: an error if it holds one, else content if it holds any."""
    weight = LIFECYCLE
    for event in events:
        kind = type(event)
        if kind is ResponseFailed:
            return ERROR
        if kind in _CONTENT_TYPES:
            weight = CONTENT
    return weight


def is_content(events: Iterable[ProviderEvent]) -> bool:
    """Whether a chunk with these events commits the answer."""
    return classify(events) is CONTENT


def worth_reading(chunk: Chunk, markers: tuple[bytes, ...]) -> bool:
    """Whether an unlistened tap must read ``chunk`` after the commit. False positives are harmless."""
    if chunk.failed or chunk.event == "error":
        return True
    data = chunk.data
    for marker in markers:  # noqa: SIM110 - a generator would cost more than the searches
        if marker in data:
            return True
    return False


_READERS: Final[dict[str, Callable[[], Reader]]] = {
    "openai-chat": OpenAIChatReader,
    "openai-completions": OpenAICompletionsReader,
    "anthropic-messages": AnthropicReader,
    "workers-ai": WorkersAIReader,
    "unknown": UnknownReader,
}

#: The families that have a reading.
FAMILIES: Final[tuple[str, ...]] = tuple(_READERS)


def make_reader(family: str) -> Reader:
    """A fresh reader for one answer of ``family``; an unknown name gets the reader of ``unknown``."""
    return _READERS.get(family, UnknownReader)()
