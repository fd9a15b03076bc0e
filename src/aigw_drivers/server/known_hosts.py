"""The hosts that an operator's gateway calls, whatever its clients ask for.

Decides: which host names no client has made up. Must not know: what they are used for.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

from aigw_sansio import Config
from aigw_sansio.providers.registry import REGISTRY


def known_hosts(config: Config) -> frozenset[str]:
    """The hosts of all providers, as the registry and the settings name them; no pattern that a client fills in."""
    found = set()
    for url in _urls(config):
        host = urlsplit(url).hostname
        if host and "{" not in host:
            found.add(host)
    return frozenset(found)


def _urls(config: Config) -> Iterator[str]:
    for row in REGISTRY.values():
        for route in row.routes:
            yield route.url
        if row.realtime is not None:
            yield row.realtime.url
            for _, url in (*row.realtime.prefixes, *row.realtime.other_hosts):
                yield url
    for settings in (config.providers, *(gateway.provider_settings for gateway in config.gateways.values())):
        for own in settings.values():
            yield own.base_url or ""
            yield own.realtime_url or ""
