"""One event of a response as the message that its client gets: ``type``, ``sequence_number``, ``stream_id``, the rest.

Decides: the number and the lane of each event, and that a delta is copied and not written anew. Must not know: what an
event means, and which of them begins or ends a response.

Source: OpenAI's guide "WebSocket mode"; its SDKs' contract scenarios. Numbers begin at 0 with every response, whatever
a provider counts. ``stream_id`` is there exactly if the client named a lane.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from ...json_text import valid_json

_encode: Final = msgspec.json.Encoder().encode
#: The beginning of a delta: nearly all providers write the type first, and the number behind it.
_DELTA: Final = re.compile(rb'\{ ?"type": ?"(response\.[a-z_.]+\.delta)", ?(?:"sequence_number": ?\d+, ?)?(?=")').match
#: What must not stand behind that: a reader takes the last of two members with one name.
_AGAIN: Final = re.compile(rb'"(?:type|sequence_number|stream_id)"').search
#: The beginning of every event that we write.
_WRITTEN: Final = re.compile(rb'\{"type":"(response\.[a-z_.]+)","sequence_number":(\d+),').match
#: Events that hold the response, which is filled.
_FRAME: Final = frozenset(
    b"response." + name for name in (b"created", b"queued", b"in_progress", b"completed", b"incomplete", b"failed")
)
_OWN: Final = frozenset(("type", "sequence_number", "stream_id"))


class Lines:
    """The messages of one response. ``number`` is that of its next event."""

    __slots__ = ("_between", "_lane", "number", "stream_id")

    def __init__(self, stream_id: str | None) -> None:
        """``stream_id``: as the client wrote it; ``None`` if it named no lane."""
        self.number = 0
        self.stream_id = stream_id
        self._lane = None if stream_id is None else msgspec.Raw(_encode(stream_id))
        self._between = b"," if self._lane is None else b',"stream_id":%b,' % bytes(self._lane)

    def delta(self, data: bytes) -> bytes | None:
        """The message of a provider's event whose type ends in ``.delta``, by a copy; ``None`` if it is another one, or
        written in another way: then read it."""
        text = valid_json(data)
        if text is None:
            return None
        head = _DELTA(text)
        if head is None:
            return None
        rest = text[head.end() :]
        if _AGAIN(rest) is not None:
            return None
        number = self.number
        self.number = number + 1
        return b'{"type":"%b","sequence_number":%d%b%b' % (head[1], number, self._between, rest)

    def written(self, text: bytes) -> bytes | None:
        """The same for an event of any type that we wrote ourselves, but for those that hold the response."""
        head = _WRITTEN(text)
        if head is None or head[1] in _FRAME:
            return None
        number = self.number
        self.number = number + 1
        if self._lane is None and int(head[2]) == number:
            return text
        return b'{"type":"%b","sequence_number":%d%b%b' % (head[1], number, self._between, text[head.end() :])

    def event(self, kind: str, members: Mapping[str, object]) -> bytes:
        """The message of an event of the type ``kind`` with these ``members``; of a provider's event all that it has.
        Values may be JSON text as :class:`msgspec.Raw`."""
        said: dict[str, object] = {"type": kind, "sequence_number": self.number}
        self.number += 1
        if self._lane is not None:
            said["stream_id"] = self._lane
        said.update((name, value) for name, value in members.items() if name not in _OWN)
        return _encode(said)
