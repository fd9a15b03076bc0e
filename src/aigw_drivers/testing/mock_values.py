"""What a mock provider is asked, and what it answers.

Decides: how a test writes a response. Must not know: how it becomes bytes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self, TypeAlias

import msgspec

_JSON: Final = {"content-type": "application/json"}
_SSE: Final = {"content-type": "text/event-stream"}


class Wait(NamedTuple):
    """Nothing comes for so many seconds of the gateway's time; ``math.inf``: nothing more ever."""

    seconds: float


class Break(NamedTuple):
    """The connection breaks here, in the middle of the response."""

    reason: str = "connection reset by peer"


#: A piece of a body: bytes are one chunk, and become one read of the gateway if they are no larger than 128 KiB.
Part: TypeAlias = bytes | Wait | Break


@dataclass(frozen=True, slots=True)
class MockRequest:
    """A request, as the provider gets it. Its ``repr`` shows neither headers nor the query, which may hold keys."""

    method: str
    #: ``https://api.openai.com/v1/chat/completions``
    url: str
    #: Names in lower case, in order.
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of a header, ``None`` if there is none."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def json(self) -> object:
        """The decoded body. Raises :class:`msgspec.DecodeError` if it is no JSON."""
        value: object = msgspec.json.decode(self.body)
        return value

    def __repr__(self) -> str:
        return f"MockRequest({self.method} {self.url.partition('?')[0]}, {len(self.body)} bytes)"


@dataclass(frozen=True, slots=True)
class MockResponse:
    """A response: status, body, headers. A ``body`` of bytes is sent whole, with its length; any other one is sent in
    chunks as they are iterated, which the gateway holds back if its client is slow. If the gateway leaves the response
    and ``body`` is a generator, that is closed."""

    status: int = 200
    body: bytes | Iterable[Part] = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: object, *, status: int = 200) -> Self:
        """A whole JSON response."""
        return cls(status, msgspec.json.encode(value), _JSON)

    @classmethod
    def sse(cls, *payloads: object) -> Self:
        """A stream of server-sent events, one for each payload: text as it is (``"[DONE]"``), anything else as JSON.
        :class:`Wait` and :class:`Break` may stand between them."""
        return cls(200, [_event(payload) for payload in payloads], _SSE)


def _event(payload: object) -> Part:
    if isinstance(payload, Wait | Break):
        return payload
    data = payload.encode() if isinstance(payload, str) else msgspec.json.encode(payload)
    return b"data: " + data + b"\n\n"
