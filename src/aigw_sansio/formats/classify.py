"""Classifies chunks: content that commits a response, lifecycle, or an error; and which chunks need not be read.

Decides: whether a chunk commits a response (client protocol, section 3.3), and which chunks need not be read while
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


class ChunkKind(IntEnum):
    """The kind of a chunk. ``CONTENT`` commits the response."""

    LIFECYCLE = 0
    CONTENT = 1
    ERROR = 2


LIFECYCLE: Final = ChunkKind.LIFECYCLE
CONTENT: Final = ChunkKind.CONTENT
ERROR: Final = ChunkKind.ERROR

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
    }
)


def classify(events: Iterable[ProviderEvent]) -> ChunkKind:
    """The kind of a chunk with these events: an error if there is one, else content if there is any, else lifecycle.

    What a known format does not define is lifecycle: keep-alives, pings, unknown objects, text that is no chunk. Of an
    unknown format every chunk is content.
    """
    weight = LIFECYCLE
    for event in events:
        if type(event) is ResponseFailed:
            return ERROR
        if type(event) in _CONTENT_TYPES or (type(event) is Unrecognised and event.opaque):
            weight = CONTENT
    return weight


def is_content(events: Iterable[ProviderEvent]) -> bool:
    """Whether a chunk with these events commits the response."""
    return classify(events) is CONTENT


def worth_reading(chunk: Chunk, search: Callable[[bytes], object]) -> bool:
    """Whether ``chunk`` must be read after the commit even if nobody listens. ``search`` is the :func:`marker_search`
    of its reader, made at the commit. False positives are harmless."""
    return chunk.failed or chunk.event == "error" or search(chunk.data) is not None


@functools.cache  # one entry for each format; one search for all markers takes a third of the time of separate searches
def marker_search(markers: tuple[bytes, ...]) -> Callable[[bytes], object]:
    """A function that finds the first of ``markers`` in bytes; it returns ``None`` if there is none. Blanks around a
    colon do not count. An empty marker is in all bytes."""
    patterns = [re.escape(marker).replace(b":", rb"\s*+:\s*+") for marker in markers]
    return re.compile(b"|".join(patterns) if markers else b"(?!)").search
