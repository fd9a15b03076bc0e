"""Whether a 2xx response was one: the failures that no single chunk tells (client protocol, section 3.3).

Decides: when a stream that ended without content, or a whole response, has failed, and what is said of it. Must not
know: transports, retries, or any format.

A model that finishes without a word has answered. A stream with nothing in it, or with something unreadable and no
content, has not; nor has a response whose finish is ``error``.
"""

from collections.abc import Iterable

from ..bodies.chunk import Chunk
from ..events import ProviderEvent, ResponseFailed, ResponseFinished, Unrecognised
from .classify import is_content
from .errors import LONGEST_MESSAGE, response_failed
from .keep_alives import is_done, is_keep_alive

_NOTHING = frozenset({b"{}", b"null"})


class HeldStream:
    """What a stream has shown before its commit. ``note`` each chunk that is held, ask ``failure`` at its end."""

    __slots__ = ("_something", "_unreadable")

    def __init__(self) -> None:
        self._something = False
        self._unreadable: str | None = None

    def note(self, chunk: Chunk, events: Iterable[ProviderEvent]) -> None:
        """``chunk`` was read as ``events``, and none of them is content or an error."""
        data = chunk.data.strip()
        for event in events:
            self._something = True
            if type(event) is Unrecognised and event.unreadable and self._unreadable is None:
                self.note_text(data)
                return
        if not (self._something or data in _NOTHING or is_done(data) or is_keep_alive(data) or _is_ping(data)):
            self._something = True

    def note_text(self, data: bytes) -> None:
        """Text came that is no chunk: the provider's own words about what went wrong."""
        self._something = True
        if self._unreadable is None:
            self._unreadable = data[:LONGEST_MESSAGE].decode("utf-8", "replace").strip()

    def failure(self, last: Iterable[ProviderEvent]) -> ResponseFailed | None:
        """Why the stream, which has ended without content, is no response; ``None`` if it is one. ``last``: what the
        reader says of its end (``finish``)."""
        events = list(last)
        if is_content(events):
            return None
        if self._unreadable is not None:
            return response_failed(self._unreadable, "not_json")
        if not self._something:
            return response_failed("the provider's stream is empty", "empty")
        return _error_finish(events)


def whole_failure(events: Iterable[ProviderEvent]) -> ResponseFailed | None:
    """Why a whole 2xx response of a known format, read as ``events``, is none; ``None`` if it is one."""
    events = list(events)
    for event in events:
        if type(event) is ResponseFailed:
            return event
    return None if is_content(events) else _error_finish(events)


def _error_finish(events: list[ProviderEvent]) -> ResponseFailed | None:
    for event in events:
        if type(event) is ResponseFinished and event.reason == "error":
            raw = event.raw_reason or "error"
            return response_failed(f"the provider finished with {raw!r}", raw)
    return None


def _is_ping(data: bytes) -> bool:
    """Whether ``data`` is an object that is only a ping."""
    return len(data) < 200 and b'"type"' in data and any(word in data for word in (b'"ping"', b'"keepalive"'))
