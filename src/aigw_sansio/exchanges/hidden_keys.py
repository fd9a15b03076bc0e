"""The gateway's keys in one response of a provider, which may quote them (client protocol, section 2, "Hiding").

Decides: which chunks are searched for them, so that a chunk which cannot hold one costs next to nothing. Must not know:
how a key is found (:mod:`aigw_sansio.providers.redaction`), and what a chunk means.

Each piece of a body is searched before it is divided, because that costs less than to search each chunk. Only if the
piece is suspicious, its chunks are searched; and the first one is, if it began in an earlier piece.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from ..bodies.chunk import Chunk
from ..bodies.framing import Framing
from ..providers.redaction import redactor
from ..providers.spellings import SHORTEST
from ..wires.http import Headers

#: More chunks than there are in one piece of a body.
ALL: Final = 1 << 30


class HiddenKeys:
    """Hides ``keys`` in one response."""

    __slots__ = ("_always", "_everything", "_redactor", "_stream", "_suspicious", "guard")

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._redactor = redactor(keys)
        self._stream = self._redactor.stream()
        self._always = False
        self._suspicious = False  # the last piece was
        self._everything = False  # the next piece is searched, whatever is in it
        #: Tells of most pieces of the body that :meth:`search` need not be called.
        self.guard: Callable[[bytes], bool] = self._redactor.guard

    def begin(self, content_type: str | None, framing: Framing | None) -> str | None:
        """The media type of the response without the keys. ``framing``: ``None`` if it is one of the host's own."""
        if framing is Framing.AWS_EVENT_STREAM or framing is None:  # payloads are coded inside: every chunk is searched
            self._always = self._everything = True
            self.guard = any_bytes
        return None if content_type is None else self._redactor.hide_lower(content_type.encode()).decode()

    def search(self, piece: bytes, *, began: bool, unread: bool = False) -> int:
        """How many of the next chunks are to be searched. ``piece``: what is added to the body. ``began``: the first
        one began before it. ``unread``: some of the piece before it is not divided yet."""
        suspicious = self._everything or (unread and self._suspicious) or self._redactor.suspects(piece)
        self._suspicious = suspicious
        if suspicious:
            return ALL
        self.guard = self._redactor.guard  # it may have learnt something
        return 1 if began else 0

    def chunk(self, chunk: Chunk) -> Chunk:
        """``chunk``, the next one of the body, without the keys, also one that goes on in the next chunk."""
        data = self._stream.hide(chunk.data)
        event = self._redactor.hide_name(chunk.event) if len(chunk.event) >= SHORTEST else chunk.event
        self._everything = self._always or self.goes_on
        self.guard = any_bytes if self._everything else self._redactor.guard
        if data is chunk.data and event is chunk.event:
            return chunk
        return msgspec.structs.replace(chunk, data=data, event=event)

    @property
    def goes_on(self) -> bool:
        """Whether a key has begun whose rest may be in the next chunks."""
        return self._stream.goes_on

    def other_search(self) -> Callable[[bytes], bytes]:
        """What hides the keys in another reading of the chunks, all of them and in order."""
        return self._redactor.stream().hide

    def text(self, data: bytes) -> bytes:
        """A whole text without the keys."""
        return self._redactor.hide_whole(data)

    def headers(self, headers: Headers) -> Headers:
        """The fields of a head without the keys."""
        return self._redactor.hide_fields(headers)


def any_bytes(data: bytes) -> bool:
    """A guard, or a search, that finds something in any bytes."""
    return True
