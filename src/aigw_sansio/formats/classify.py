"""What the chunks of an answer are for: content that commits it, mere lifecycle, an error, or nothing worth reading.

Decides: the weight of a chunk for the commit (client protocol, section 3.3), and which chunks need no reading while
nobody listens. Must not know: any format.
"""

import functools
import re
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final

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


def worth_reading(chunk: Chunk, search: Callable[[bytes], object]) -> bool:
    """Whether an unlistened tap must read ``chunk`` after the commit, by the :func:`marker_search` of its reader.
    False positives are harmless."""
    return chunk.failed or chunk.event == "error" or search(chunk.data) is not None


@functools.cache  # one entry a format; one search for all markers costs a third of one search for each
def marker_search(markers: tuple[bytes, ...]) -> Callable[[bytes], object]:
    """A function that finds the first of ``markers`` in some bytes; ``None`` where there is none."""
    return re.compile(b"|".join(map(re.escape, markers)) or b"(?!)").search
