"""What the client gives back: contents of a provider, and what the gateway tells about an exchange.

Decides: how a content is shown to a program: as JSON, bytes or text. Must not know: messages and sockets.
"""

from base64 import b64decode
from typing import Literal, TypeAlias

import msgspec

from aigw_sansio import ProviderEvent, TextDelta, UsageReported

#: What a stream gives: provider-agnostic events, the provider's chunks, or both.
Mode: TypeAlias = Literal["events", "raw", "both"]


class Metadata(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What the gateway tells about an exchange (client protocol, section 3.2). What it does not tell is ``None``.

    ``step`` is the number of the step whose response is shown, as text. ``usage`` has the counts of tokens that are
    known so far.
    """

    event_id: str | None = None
    log_id: str | None = None
    cache_status: str | None = None
    step: str | None = None
    content_type: str | None = None
    status: int | None = None
    attempts: int | None = None
    encoding: str | None = None
    usage: UsageReported | None = None
    finish_reason: str | None = None
    headers: dict[str, str] = {}


class Content(msgspec.Struct, frozen=True):
    """What a provider sent: one chunk of a stream, or a whole response.

    ``raw`` is what came. Out of a message of the gateway it is JSON text: the provider's own JSON byte for byte, else a
    JSON string of its text, or with ``is_base64`` of its bytes. With ``is_plain`` it is the provider's bytes: the
    gateway runs in this process, and no message was around them.
    """

    raw: bytes
    is_base64: bool = False
    is_plain: bool = False

    def json(self) -> object:
        """The decoded JSON; the text, if it is no JSON. Raises :class:`msgspec.DecodeError` if it came in a message and
        is nested too deeply."""
        try:
            value: object = msgspec.json.decode(self.raw)
        except ValueError:  # no JSON, or half of a surrogate pair
            if not self.is_plain:
                raise
            return self.text()
        return value

    def data(self) -> bytes:
        """The provider's bytes: decoded base64, the text of a JSON string in UTF-8, else the JSON itself."""
        if self.is_plain or not self.raw.startswith(b'"'):
            return self.raw
        try:
            text = msgspec.json.decode(self.raw, type=str)
            return b64decode(text) if self.is_base64 else text.encode()
        except ValueError:  # half of a surrogate pair, or no base64
            return self.raw

    def text(self) -> str:
        """:meth:`data` as text; what is not UTF-8 is replaced."""
        return self.data().decode("utf-8", "replace")


class Response(msgspec.Struct, frozen=True):
    """A response that has come to its end. ``body`` is a whole response; of a stream there are ``chunks`` instead.

    ``events`` say the same in the words that are common to all providers; they are empty if the mode was ``"raw"`` or
    the provider's format is unknown.
    """

    metadata: Metadata
    body: Content | None = None
    chunks: tuple[Content, ...] = ()
    events: tuple[ProviderEvent, ...] = ()

    @property
    def text(self) -> str:
        """The text of the first choice, joined from :attr:`events`."""
        return "".join(event.text for event in self.events if isinstance(event, TextDelta) and event.choice == 0)
