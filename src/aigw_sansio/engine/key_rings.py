"""Several stored keys of one provider: which one goes next.

Decides: that they are used in turn, and that one that its provider refused rests. Must not know: how a key is sent, and
what a request is.

The key that was used longest ago goes, of those that do not rest; if all rest, the one whose rest is over first. A key
rests for ``REFUSED_S`` if it was refused (401, 403); if it was used too much (429), as long as the provider asks, else
``LIMITED_S``.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from ..config import Config, ProviderSettings
from ..secret import Secret

REFUSED_S: Final = 300.0
LIMITED_S: Final = 10.0
#: A provider may ask for more.
LONGEST_S: Final = 3600.0
#: Statuses that say something about a key.
TELLING: Final = frozenset({401, 403, 429})


class _Key:
    """The settings of its provider with this key alone, and what is known of it."""

    __slots__ = ("rests_until", "secret", "settings", "used")

    def __init__(self, own: ProviderSettings, secret: Secret) -> None:
        self.secret = secret
        self.settings = msgspec.structs.replace(own, api_key=secret)
        self.used = 0  # a number that grows with each use
        self.rests_until = 0.0


class KeyRings:
    """The keys of all providers that have more than one."""

    __slots__ = ("_by_secret", "_config", "_rings", "_uses")

    def __init__(self, config: Config, before: "KeyRings | None" = None) -> None:
        """``before``: those of the settings before; what is known of a key is still known."""
        self._config = config  # as long as it is kept, its settings are told apart by their ids
        self._uses = 0
        #: By the settings that name the keys; the same settings may be of several providers.
        self._rings: dict[int, list[_Key]] = {}
        self._by_secret: dict[Secret, list[_Key]] = {}
        for own in _all_settings(config):
            if own.more_keys and own.api_key is not None and id(own) not in self._rings:
                ring = self._rings[id(own)] = [_Key(own, secret) for secret in (own.api_key, *own.more_keys)]
                for key in ring:
                    self._by_secret.setdefault(key.secret, []).append(key)
        if before is not None:
            self._uses = before._uses
            for secret, keys in self._by_secret.items():
                for known in before._by_secret.get(secret, ())[:1]:
                    for key in keys:
                        key.used, key.rests_until = known.used, known.rests_until

    def __bool__(self) -> bool:
        return bool(self._rings)

    def choose(self, settings: Mapping[str, ProviderSettings], now: float) -> Mapping[str, ProviderSettings]:
        """``settings`` (by slug) with the key that goes next for each provider that has several."""
        found = {slug: self._next(own, now)[0] for slug, own in settings.items() if id(own) in self._rings}
        return {**settings, **found} if found else settings

    def others(self, own: ProviderSettings, chosen: Secret, now: float) -> list[ProviderSettings]:
        """``own``, the settings that name the keys, with each of the others than ``chosen``, the best first."""
        return [settings for settings in self._next(own, now) if settings.api_key != chosen]

    def _next(self, own: ProviderSettings, now: float) -> list[ProviderSettings]:
        ring = sorted(self._rings.get(id(own), ()), key=lambda key: (max(key.rests_until, now), key.used))
        return [key.settings for key in ring]

    def __contains__(self, secret: object) -> bool:
        return secret in self._by_secret

    def use(self, secret: Secret) -> None:
        """A request with this key is about to be sent."""
        self._uses += 1
        for key in self._by_secret.get(secret, ()):
            key.used = self._uses

    def refused(self, secret: Secret, status: int, wait_s: float, now: float) -> None:
        """Its provider answered with ``status``, one of ``TELLING``, and asked to wait ``wait_s`` (0: it did not)."""
        rests_s = REFUSED_S if status != 429 else min(wait_s or LIMITED_S, LONGEST_S)
        for key in self._by_secret.get(secret, ()):
            key.rests_until = max(key.rests_until, now + rests_s)


def _all_settings(config: Config) -> Iterable[ProviderSettings]:
    yield from config.providers.values()
    for gateway in config.gateways.values():
        yield from gateway.provider_settings.values()
