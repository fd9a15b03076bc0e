"""What a client offers as WebSocket subprotocols, where browsers put their keys.

Decides: which offered items are secrets, which one we select, which go upstream, which become header fields (client
protocol, section 2; RFC 6455 section 1.9). Must not know: any provider's URL, and whether a token is good.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from .auth import carry
from .registry import KEY_SCHEME, XI_API_KEY, KeyLocation

_OURS: Final = "cf-aig-authorization"
#: Items whose key goes upstream in a header field instead.
_BECOME_FIELDS: Final[dict[str, KeyLocation]] = {"xi-api-key": XI_API_KEY, "fal-api-key": KEY_SCHEME}
_NEXT_IS_SECRET: Final = frozenset({"token", "bearer"})
_SECRET_ENDINGS: Final = ("-api-key", "-secret")


class Item(msgspec.Struct, frozen=True):
    """One offered item, split at its first dot; ``value`` is empty where it has none. ``secret``: it must not be
    shown or selected while another will do."""

    text: bytes
    name: str
    value: str
    secret: bool

    def __repr__(self) -> str:
        return "Item(***)" if self.secret else f"Item({self.text!r})"


class Offer(msgspec.Struct, frozen=True):
    """All items that a client offered, in order."""

    items: tuple[Item, ...]

    @property
    def carries_key(self) -> bool:
        """Whether a provider's key is offered."""
        return any(item.secret and item.name != _OURS for item in self.items)

    @property
    def keys(self) -> list[str]:
        """The providers' keys that are offered."""
        return [item.value or item.text.decode("latin-1") for item in self.items if item.secret and item.name != _OURS]

    def select(self, providers_choice: bytes | None = None) -> bytes | None:
        """The one item to answer with; ``None`` only if nothing was offered.

        ``providers_choice``: what the provider selected of :meth:`upstream`, if anything.
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
        """The items that the provider is offered."""
        return tuple(
            item.text for item in self.items if not item.name.startswith("cf-aig-") and item.name not in _BECOME_FIELDS
        )

    def put_fields(self, fields: dict[str, str]) -> None:
        """Add the keys that become header fields to ``fields`` (by lower-case name), where these have none."""
        for item in self.items:
            carrier = _BECOME_FIELDS.get(item.name)
            if carrier is not None and item.value and carrier.header not in fields:
                carry(fields, carrier, item.value)

    def without(self, own_tokens: Callable[[str], bool]) -> "Offer":
        """The offer without those of the gateway's own tokens that stand where a provider's key would."""
        kept: list[Item] = []
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
    read: list[Item] = []
    next_is_secret = False
    for text in items:
        if next_is_secret:  # a key may hold dots of its own, and must not be taken for a named item
            read.append(Item(text, "", "", True))
            next_is_secret = False
            continue
        name, _, value = text.decode("latin-1").partition(".")
        name = name.lower()
        read.append(Item(text, name, value, name == _OURS or name.endswith(_SECRET_ENDINGS)))
        next_is_secret = name in _NEXT_IS_SECRET and b"." not in text
    return Offer(tuple(read))


def gateway_token(items: Sequence[bytes]) -> str | None:
    """The client's token for the gateway itself, where it is offered."""
    return next((item.value for item in read_offer(items).items if item.name == _OURS and item.value), None)


def select_subprotocol(items: Sequence[bytes], providers_choice: bytes | None = None) -> bytes | None:
    """The one item to answer with: :meth:`Offer.select`."""
    return read_offer(items).select(providers_choice)


def shown_subprotocol(selected: bytes | None, items: Sequence[bytes]) -> str | None:
    """The item ``selected`` of those offered as it may stand in an event or log: of a secret only the name."""
    for item in read_offer(items).items:
        if item.text == selected:
            if not item.secret:
                return item.text.decode("latin-1")
            return f"{item.name}.***" if item.name else "***"
    return None
