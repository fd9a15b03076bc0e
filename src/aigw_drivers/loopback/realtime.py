"""The options of a WebSocket of the loopback provider, in its URL, and the interface of its sessions.

Decides: the options (query parameters ``loopback_*``), which keys a client shows, and the selected subprotocol. Must
not know: sockets, frames, and the JSON of any provider.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal, Protocol, TypeAlias

import msgspec

from .options import Count, Milliseconds, Size

_PREFIX: Final = "loopback_"


class RealtimeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query parameters ``loopback_NAME=VALUE`` of an upgrade. A parameter without a value is true.

    ``after`` counts the client's messages: ``close`` and ``break`` happen behind the answer to the last of them.
    """

    delay_ms: Milliseconds = 0  #: before the answer to the upgrade
    refuse: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None  #: refuse the upgrade with this status
    retry_after: str | None = None  #: header of the refusal
    require_key: str | None = None  #: refuse with 401 a client without this key
    silent: bool = False  #: never answer the upgrade
    garbage: bool = False  #: answer the upgrade with bytes that are not HTTP
    subprotocol: str | None = None  #: select it, even if it was not offered
    chunk_delay_ms: Milliseconds = 0  #: before each part of an answer
    chunks: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = (
        None  #: words of an answer; if absent, the prompt decides
    )
    close: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = (
        None  #: send a close frame with this code, legal or not
    )
    close_reason: str = ""
    break_: Literal["reset", "close", "frame"] | None = msgspec.field(
        default=None, name="break"
    )  #: reset or end the connection, or send a frame that no server may send
    after: Count = 0
    flood_bytes: Size | None = None  #: send so many bytes first, in binary messages of 64 KiB
    deaf: bool = False  #: never read


class Say(msgspec.Struct, frozen=True):
    """Send one message to the client."""

    data: bytes
    text: bool = True


class End(msgspec.Struct, frozen=True):
    """Close the connection."""

    code: int
    reason: str


Action: TypeAlias = Say | End


class RealtimeSession(Protocol):
    """One session of a provider: messages in, messages out."""

    @property
    def speaking(self) -> bool:
        """Whether an answer is running."""

    def opened(self) -> list[Action]:
        """The messages before the first one of the client."""

    def received(self, message: bytes, *, text: bool) -> list[Action]:
        """The immediate answers to ``message``. ``text``: it is a text message, not a binary one."""

    def next(self) -> list[Action]:
        """The next part of the running answer. Called while :attr:`speaking` is true."""


class Echo:
    """Sends back each message."""

    speaking = False

    def opened(self) -> list[Action]:
        return []

    def received(self, message: bytes, *, text: bool) -> list[Action]:
        return [Say(message, text=text)]

    def next(self) -> list[Action]:
        return []


#: Makes a session from the other parameters of the query and the options.
SessionFactory: TypeAlias = Callable[[dict[str, str], RealtimeOptions], RealtimeSession]


def parse_realtime_options(query: Sequence[tuple[str, str]]) -> RealtimeOptions | str:
    """The options in a query, or a message that says what is wrong and what is allowed."""
    asked = {name.removeprefix(_PREFIX): value or "true" for name, value in query if name.startswith(_PREFIX)}
    try:
        return msgspec.convert(asked, RealtimeOptions, strict=False)
    except msgspec.ValidationError as error:
        names = ", ".join(_PREFIX + field.encode_name for field in msgspec.structs.fields(RealtimeOptions))
        return f"{error}. Allowed are: {names}"


def carried_keys(
    headers: Sequence[tuple[str, str]], query: Sequence[tuple[str, str]], subprotocols: Sequence[str]
) -> set[str]:
    """All keys that the client shows, in every part of a request in which a known provider looks for one."""
    keys = {value.rpartition(" ")[2] for name, value in headers if name == "authorization"}
    keys |= {value for name, value in headers if name in ("api-key", "x-api-key", "x-goog-api-key", "xi-api-key")}
    keys |= {value for name, value in query if name in ("key", "api_key", "api-key", "access_token")}
    keys |= {item.partition(".")[2] for item in subprotocols if "-api-key." in item}
    return keys | {item for before, item in pairwise(subprotocols) if before in ("token", "bearer")}


def select(offered: Sequence[str], options: RealtimeOptions) -> str | None:
    """The selected subprotocol, by OpenAI's rule: ``realtime``, else the first one that carries no value."""
    if options.subprotocol is not None:
        return options.subprotocol
    if "realtime" in offered:
        return "realtime"
    return next((item for item in offered if "." not in item), None)
