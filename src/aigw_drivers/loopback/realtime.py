"""What a URL may ask of the loopback provider's WebSockets, and what answers there.

Decides: the options (query parameters ``loopback_*``), the routes, who may come in, which subprotocol is selected.
Must not know: sockets, frames, and any provider's JSON.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Final, Literal, Protocol, TypeAlias

import msgspec

from .options import Count, Milliseconds, Size

_PREFIX: Final = "loopback_"


class RealtimeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query parameters ``loopback_NAME=VALUE`` of an upgrade. A parameter without a value is true.

    ``after`` counts the caller's messages: ``close`` and ``break`` happen behind the answer to the last of them.
    """

    delay_ms: Milliseconds = 0  #: before the answer to the upgrade
    refuse: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None  #: answer the upgrade with it
    retry_after: str | None = None  #: header of that refusal
    require_key: str | None = None  #: refuse with 401 whoever does not carry this key, wherever providers allow it
    silent: bool = False  #: never answer the upgrade
    garbage: bool = False  #: answer the upgrade with bytes that are not HTTP
    subprotocol: str | None = None  #: select it, offered or not
    chunk_delay_ms: Milliseconds = 0  #: before each part of an answer
    chunks: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = (
        None  #: words of an answer; by the prompt if absent
    )
    close: Annotated[int, msgspec.Meta(ge=0, le=65535)] | None = None  #: send a close frame with it, legal or not
    close_reason: str = ""
    break_: Literal["reset", "close", "frame"] | None = msgspec.field(
        default=None, name="break"
    )  #: reset or end the connection, or send a frame that breaks the protocol
    after: Count = 0
    flood_bytes: Size | None = None  #: send so much at once, in binary messages of 64 KiB
    deaf: bool = False  #: take nothing of what the caller sends


class Say(msgspec.Struct, frozen=True):
    """One message to the caller."""

    data: bytes
    text: bool = True


class End(msgspec.Struct, frozen=True):
    """Close the connection."""

    code: int
    reason: str


Step: TypeAlias = Say | End


class Talker(Protocol):
    """One session of a provider: messages in, messages out."""

    @property
    def speaking(self) -> bool:
        """Whether an answer is under way."""

    def opened(self) -> list[Step]:
        """What is said before the caller has said anything."""

    def received(self, message: bytes, text: bool) -> list[Step]:
        """What is answered at once. ``text`` is the message's opcode."""

    def next(self) -> list[Step]:
        """The next part of the answer under way."""


class Echo:
    """Says again what it is told."""

    speaking = False

    def opened(self) -> list[Step]:
        return []

    def received(self, message: bytes, text: bool) -> list[Step]:
        return [Say(message, text)]

    def next(self) -> list[Step]:
        return []


#: What makes a session of the query's other parameters and the options.
TalkerFor: TypeAlias = Callable[[dict[str, str], RealtimeOptions], Talker]


def parse_realtime_options(query: Sequence[tuple[str, str]]) -> RealtimeOptions | str:
    """The options among the parameters of a query, or what is wrong with them and what is allowed."""
    asked = {name.removeprefix(_PREFIX): value or "true" for name, value in query if name.startswith(_PREFIX)}
    try:
        return msgspec.convert(asked, RealtimeOptions, strict=False)
    except msgspec.ValidationError as error:
        names = ", ".join(_PREFIX + field.encode_name for field in msgspec.structs.fields(RealtimeOptions))
        return f"{error}. Allowed are: {names}"


def carried_keys(
    headers: Sequence[tuple[str, str]], query: Sequence[tuple[str, str]], subprotocols: Sequence[str]
) -> set[str]:
    """All that the caller shows as a key, wherever one of the known providers looks for it."""
    keys = {value.rpartition(" ")[2] for name, value in headers if name == "authorization"}
    keys |= {value for name, value in headers if name in ("api-key", "x-api-key", "x-goog-api-key", "xi-api-key")}
    keys |= {value for name, value in query if name in ("key", "api_key", "api-key", "access_token")}
    keys |= {item.partition(".")[2] for item in subprotocols if "-api-key." in item}
    return keys | {item for before, item in pairwise(subprotocols) if before in ("token", "bearer")}


def select(offered: Sequence[str], options: RealtimeOptions) -> str | None:
    """The subprotocol to answer with, as OpenAI does: ``realtime``, else the first that carries nothing."""
    if options.subprotocol is not None:
        return options.subprotocol
    if "realtime" in offered:
        return "realtime"
    return next((item for item in offered if "." not in item), None)
