"""What a client without messages is told, as objects: the counterpart of :mod:`.commands`. Data only.

The list is closed. For each exchange: :class:`NativeResponse`, :class:`NativeDone`, :class:`NativeFailed` or
:class:`NativeCancelled` is its last event, and comes exactly once. Must not know: when an event is taken.
"""

from typing import TypeAlias

import msgspec

from ..events import FinishReason, ProviderEvent, UsageReported
from ..faults import Fault
from ..formats.translation import Note
from ..secret import without_content


class NativeMetadata(msgspec.Struct, frozen=True):
    """What the gateway tells about an exchange (client protocol, section 3.2). What it cannot tell is ``None``.

    ``step`` is the number of the step whose response is shown, from 0; ``attempts`` counts the requests to providers.
    ``charset`` is that of the response's text, if its head names one. ``headers`` are those fields of the provider's
    head that clients see. ``notes`` say what the translation of the request lost. ``cached``: the response is that of
    an earlier request, or of one that ran at the same time.
    """

    event_id: str
    log_id: str
    step: int = 0
    attempts: int = 0
    status: int | None = None
    content_type: str | None = None
    charset: str | None = None
    usage: UsageReported | None = None
    finish_reason: FinishReason | None = None
    headers: dict[str, str] | None = None
    notes: tuple[Note, ...] = ()
    cached: bool = False

    __repr__ = without_content


class NativeStarted(msgspec.Struct, frozen=True):
    """A stream begins: from here on this provider's response is shown and no other."""

    event_id: str
    metadata: NativeMetadata


class NativeChunk(msgspec.Struct, frozen=True, gc=False):
    """One chunk of a stream, as the provider sent it. Only if the mode is ``raw`` or ``both``."""

    event_id: str
    data: bytes

    __repr__ = without_content


class NativeProviderEvent(msgspec.Struct, frozen=True, gc=False):
    """What a part of the response means. Only if the mode is ``events`` or ``both``."""

    event_id: str
    event: ProviderEvent


class NativeResponse(msgspec.Struct, frozen=True):
    """A whole response, of whatever status. The exchange has ended."""

    event_id: str
    metadata: NativeMetadata
    body: bytes

    __repr__ = without_content


class NativeDone(msgspec.Struct, frozen=True):
    """The stream is complete. The exchange has ended."""

    event_id: str
    metadata: NativeMetadata


class NativeFailed(msgspec.Struct, frozen=True):
    """There is no response to show, or its stream failed: ``fault`` says why. The exchange has ended.

    ``metadata.status`` is the one that clients of other dialects are told.
    """

    event_id: str
    metadata: NativeMetadata
    fault: Fault


class NativeCancelled(msgspec.Struct, frozen=True):
    """The exchange was cancelled. It has ended."""

    event_id: str
    metadata: NativeMetadata


class NativeGoingAway(msgspec.Struct, frozen=True):
    """The gateway drains: nothing new can be created, and the session is closed within ``deadline_ms``."""

    deadline_ms: int


NativeEvent: TypeAlias = (
    NativeStarted
    | NativeChunk
    | NativeProviderEvent
    | NativeResponse
    | NativeDone
    | NativeFailed
    | NativeCancelled
    | NativeGoingAway
)
