"""The WebSocket subprotocols that a client offers. Browsers put their keys there.

Decides: which offered items are secrets, which one we select, which go upstream, which become header fields (client
protocol, section 2; RFC 6455 section 1.9). Must not know: any provider's URL, and whether a token is valid.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from .auth import put_key
from .registry import KEY_SCHEME, XI_API_KEY, KeyLocation

_OURS: Final = "cf-aig-authorization"
#: Items whose key goes upstream in a header field instead of a subprotocol.
_BECOME_FIELDS: Final[dict[str, KeyLocation]] = {"xi-api-key": XI_API_KEY, "fal-api-key": KEY_SCHEME}
_NEXT_IS_SECRET: Final = frozenset({"token", "bearer"})
_SECRET_ENDINGS: Final = ("-api-key", "-secret")


class OfferedItem(msgspec.Struct, frozen=True):
    """One offered item, split at its first dot; ``value`` is empty if it has no dot. ``secret``: it must not be shown,
    and selected only if there is no other choice."""

    text: bytes
    name: str
    value: str
    secret: bool

    def __repr__(self) -> str:
        return "OfferedItem(***)" if self.secret else f"OfferedItem({self.text!r})"


class Offer(msgspec.Struct, frozen=True):
    """All items that a client offered, in order."""

    items: tuple[OfferedItem, ...]

    @property
    def carries_key(self) -> bool:
        """Whether there is a provider's key."""
        return any(item.secret and item.name != _OURS for item in self.items)

    @property
    def keys(self) -> list[str]:
        """All providers' keys."""
        return [item.value or item.text.decode("latin-1") for item in self.items if item.secret and item.name != _OURS]

    def select(self, providers_choice: bytes | None = None) -> bytes | None:
        """The item to select in our 101; ``None`` only if nothing was offered.

        ``providers_choice``: the item of :meth:`upstream` that the provider selected, if any.
        """
        items = self.items
        if not items:
            return None
        if providers_choice is not None and any(item.text == providers_choice for item in items):
            return providers_choice
        if any(item.text == b"realtime" and not item.secret for item in items):
            return b"realtime"
        harmless = next((item.text for item in items if not item.secret), None)
        if harmless is not None:
            return harmless
        return next((item.text for item in items if item.name == _OURS), items[0].text)

    def upstream(self) -> tuple[bytes, ...]:
        """The items to offer to the provider."""
        return tuple(
            item.text for item in self.items if not item.name.startswith("cf-aig-") and item.name not in _BECOME_FIELDS
        )

    def put_fields(self, fields: dict[str, str]) -> None:
        """Add the keys that become header fields to ``fields`` (by lower-case name), unless the field exists."""
        for item in self.items:
            location = _BECOME_FIELDS.get(item.name)
            if location is not None and item.value and location.header not in fields:
                put_key(fields, location, item.value)

    def without(self, own_tokens: Callable[[str], bool]) -> "Offer":
        """The offer without the gateway's own tokens that were sent in place of a provider's key."""
        kept: list[OfferedItem] = []
        for item in self.items:
            if (
                item.secret
                and item.name != _OURS
                and (own_tokens(item.value) or own_tokens(item.text.decode("latin-1")))
            ):
                if kept and kept[-1].name in _NEXT_IS_SECRET:
                    kept.pop()
                continue
            kept.append(item)
        return Offer(tuple(kept))


def read_offer(items: Sequence[bytes]) -> Offer:
    """Read the items of ``Sec-WebSocket-Protocol``, already split at commas and checked to be tokens."""
    read: list[OfferedItem] = []
    next_is_secret = False
    for text in items:
        if next_is_secret:  # a key may contain dots and must not be read as a named item
            read.append(OfferedItem(text, name="", value="", secret=True))
            next_is_secret = False
            continue
        name, _, value = text.decode("latin-1").partition(".")
        name = name.lower()
        read.append(OfferedItem(text, name, value, secret=name == _OURS or name.endswith(_SECRET_ENDINGS)))
        next_is_secret = name in _NEXT_IS_SECRET and b"." not in text
    return Offer(tuple(read))


def gateway_token(items: Sequence[bytes]) -> str | None:
    """The client's token for the gateway itself, if it is offered."""
    return next((item.value for item in read_offer(items).items if item.name == _OURS and item.value), None)


def select_subprotocol(items: Sequence[bytes], providers_choice: bytes | None = None) -> bytes | None:
    """The item to select in our 101; see :meth:`Offer.select`."""
    return read_offer(items).select(providers_choice)


def shown_subprotocol(selected: bytes | None, items: Sequence[bytes]) -> str | None:
    """The ``selected`` item for an event or log: only its name if it is secret."""
    for item in read_offer(items).items:
        if item.text == selected:
            if not item.secret:
                return item.text.decode("latin-1")
            return f"{item.name}.***" if item.name else "***"
    return None
