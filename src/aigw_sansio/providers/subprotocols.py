"""The WebSocket subprotocols that a client offers. Browsers put their keys there.

Decides: which offered items are secrets, which one we select, which go upstream, which become header fields (client
protocol, section 2; RFC 6455 section 1.9). Must not know: any provider's URL, and whether a token is valid.

Only items that are known to be plain are so; every other one is a secret. There are too many forms of keys to know all.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from ..config import ProviderSettings
from .key_location import KeyLocation, key_location, put_key
from .own_tokens import OwnTokens, shows_own_token
from .registry import ALIASES, NO_ROWS, REGISTRY
from .row import KEY_SCHEME, XI_API_KEY, Provider

_OURS: Final = "cf-aig-"
_OUR_TOKEN: Final = "cf-aig-authorization"
_OUR_SECRETS: Final = frozenset({_OUR_TOKEN, "cf-aig-resume"})
#: Items whose key goes upstream in a header field instead of a subprotocol.
_BECOME_FIELDS: Final[dict[str, KeyLocation]] = {"xi-api-key": XI_API_KEY, "fal-api-key": KEY_SCHEME}
#: Names of secrets that say nothing about the key, so they may be shown.
_SHOWN_NAMES: Final = frozenset({*_OUR_SECRETS, *_BECOME_FIELDS, "openai-insecure-api-key"})
_MARKERS: Final = frozenset({"token", "bearer"})
#: Plain items, as they are.
_PLAIN: Final = frozenset({*_MARKERS, "realtime", "convai"})
#: Plain items whatever stands behind their first dot.
_PLAIN_WITH_VALUE: Final = frozenset({"openai-organization", "openai-project", "openai-beta", "openai-agents-sdk"})
#: The most secrets that one client can offer: each is searched for in what its provider says.
MOST_SECRETS: Final = 16


class PlainItems(msgspec.Struct, frozen=True):
    """Items that are plain for one provider, besides those that always are. A name that ends with a dot stands for all
    items that begin with it. ``markers``: the item behind one of them is a key, whatever its form."""

    names: Collection[str] = ()
    markers: Collection[str] = ()


NO_MORE: Final = PlainItems()


def plain_items(
    slug: str, settings: Mapping[str, ProviderSettings], rows: Mapping[str, Provider] = NO_ROWS
) -> PlainItems:
    """What the row and the settings of the provider ``slug``, or of its alias, call plain. ``rows``: the host's own."""
    slug = ALIASES.get(slug, slug)
    row = REGISTRY.get(slug) or rows.get(slug)
    route = row.realtime if row is not None else None
    names = list(route.subprotocols) if route is not None else []
    markers = set(route.markers) if route is not None else set()
    own = settings.get(slug)
    if own is not None:
        names += own.subprotocols
        location = key_location(own.key_in)
        if location is not None and location.marker not in ("", "realtime") and not location.marker.endswith("."):
            names.append(location.marker)
            markers.add(location.marker.lower())
    return PlainItems(frozenset(name.lower() for name in names), frozenset(markers)) if names else NO_MORE


class OfferedItem(msgspec.Struct, frozen=True):
    """One offered item, split at its first dot; ``value`` is empty if it has no dot. ``secret``: it must not be shown,
    and selected only if there is no other choice."""

    text: bytes
    name: str
    value: str
    secret: bool

    @property
    def is_ours(self) -> bool:
        """Whether it is meant for the gateway."""
        return self.name.startswith(_OURS)

    def values(self) -> tuple[str, ...]:
        """What may be the key in a secret: the whole, and what stands behind the first or the last dot."""
        text = self.text.decode("latin-1")
        found = (text, self.value, self.value.partition(".")[2], text.rpartition(".")[2])
        return tuple(dict.fromkeys(value for value in found if value))

    def shown(self) -> str:
        """The item as it may stand in an event or a log."""
        if not self.secret:
            return self.text.decode("latin-1")
        return f"{self.name}.***" if self.name in _SHOWN_NAMES else "***"

    def __repr__(self) -> str:
        return f"OfferedItem({self.shown()})"


class Offer(msgspec.Struct, frozen=True):
    """All items that a client offered, in order."""

    items: tuple[OfferedItem, ...]

    @property
    def secrets(self) -> list[OfferedItem]:
        """The items that are, or may be, a provider's keys."""
        return [item for item in self.items if item.secret and not item.is_ours]

    @property
    def keys(self) -> list[str]:
        """All that may be a provider's key, in every form in which it may be quoted."""
        return [value for item in self.secrets for value in item.values()]

    @property
    def token(self) -> str | None:
        """The client's token for the gateway itself."""
        return next((item.value for item in self.items if item.name == _OUR_TOKEN and item.value), None)

    def select(self, providers_choice: bytes | None = None) -> bytes | None:
        """The item to select in our 101; ``None`` only if nothing was offered.

        ``providers_choice``: the item of :meth:`upstream` that the provider selected, if any.
        """
        items = self.items
        if not items:
            return None
        if providers_choice is not None and any(item.text == providers_choice for item in items):
            return providers_choice
        plain = [item.text for item in items if not item.secret]
        if b"realtime" in plain:
            return b"realtime"
        for text in plain:
            if text.decode("latin-1").lower() not in _MARKERS:
                return text
        return next((item.text for item in items if item.name in _OUR_SECRETS), items[0].text)

    def shown(self, selected: bytes | None) -> str | None:
        """The ``selected`` item as it may stand in an event or a log."""
        return next((item.shown() for item in self.items if item.text == selected), None)

    def upstream(self) -> tuple[bytes, ...]:
        """The items to offer to the provider."""
        return tuple(item.text for item in self.items if not item.is_ours and item.name not in _BECOME_FIELDS)

    def put_fields(self, fields: dict[str, str]) -> None:
        """Add the keys that become header fields to ``fields`` (by lower-case name), unless the field exists."""
        for item in self.items:
            location = _BECOME_FIELDS.get(item.name)
            if location is not None and item.value and location.header not in fields:
                put_key(fields, location, item.value)

    def without(self, own_tokens: OwnTokens) -> "Offer":
        """The offer without the gateway's own tokens that were sent in place of a provider's key."""
        kept: list[OfferedItem] = []
        for item in self.items:
            if not item.is_ours and any(shows_own_token(value, own_tokens) for value in item.values()):
                if kept and item.name == "" and kept[-1].text.decode("latin-1").lower() in _MARKERS:
                    kept.pop()
                continue
            kept.append(item)
        return Offer(tuple(kept))


def read_offer(items: Sequence[bytes], plain: PlainItems = NO_MORE) -> Offer:
    """Read the items of ``Sec-WebSocket-Protocol``, already split at commas and checked to be tokens."""
    read: list[OfferedItem] = []
    next_is_secret = False
    for text in items:
        if next_is_secret:  # a key may contain dots and must not be read as a named item
            read.append(OfferedItem(text, name="", value="", secret=True))
            next_is_secret = False
            continue
        whole = text.decode("latin-1")
        name, dot, value = whole.partition(".")
        whole, name = whole.lower(), name.lower()
        known = (
            whole in _PLAIN
            or name in _PLAIN_WITH_VALUE
            or whole in plain.names
            or (dot != "" and name + "." in plain.names)
        )
        read.append(OfferedItem(text, name, value, secret=not known))
        next_is_secret = whole in _MARKERS or whole in plain.markers
    return Offer(tuple(read))
