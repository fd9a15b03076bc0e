"""``aigw keys``: the keys of providers in the store of a settings file.

Decides: what is done with one key, or shown of all. Must not know: how a store keeps them. No key is ever printed.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aigw_sansio.providers.registry import ALIASES, REGISTRY
from aigw_sansio.quoting import key_text, suggestion

from ..server.settings import Settings
from ..server.stored_keys import PREFIX, stored_name
from ..stores import Store, StoreError, open_store

_T = TypeVar("_T")
#: Seconds that a store may take here: nobody else waits.
_WITHIN_S = 10.0


class KeyRefused(ValueError):
    """What was asked for cannot be; the words say why."""


async def list_keys(settings: Settings) -> list[str]:
    """Whose keys there are: ``ACCOUNT/GATEWAY/PROVIDER/ALIAS``. ``StoreError`` if the store fails."""
    names = await _ask(settings, lambda store: store.names(PREFIX))
    return [name.removeprefix(PREFIX) for name in names]


async def put_key(settings: Settings, gateway: str, provider: str, alias: str, key: str | None) -> str:
    """Keep ``key``; ``None``: forget it. Its name. :class:`KeyRefused` if it cannot be, ``StoreError`` if the store
    fails."""
    if gateway not in settings.config.gateways:
        raise KeyRefused(f"there is no such gateway; allowed are {', '.join(settings.config.gateways)}")
    try:
        name = stored_name(gateway, ALIASES.get(provider, provider), alias)
    except ValueError as error:
        raise KeyRefused(f"--alias {error}") from None
    slug = ALIASES.get(provider, provider)
    if key is not None and slug not in {*REGISTRY, *settings.config.providers}:
        near = suggestion(slug, REGISTRY)
        print(f"warning: neither aigw nor the settings know a provider {key_text(slug)}{near}", file=sys.stderr)
    if key is not None and not (key and key.isascii() and key.isprintable()):
        raise KeyRefused("the key is not usable; allowed is printable ASCII")
    await _ask(settings, lambda store: store.delete(name) if key is None else store.set(name, key.encode("ascii")))
    return name.removeprefix(PREFIX)


async def _ask(settings: Settings, question: Callable[[Store], Awaitable[_T]]) -> _T:
    """What the store of ``settings`` answers. ``StoreError`` comes from behind its block: inside, a group would wrap
    it."""
    async with open_store(settings.store.reveal(), within_s=_WITHIN_S) as store:
        try:
            return await question(store)
        except StoreError as error:
            failed = error
    raise failed
