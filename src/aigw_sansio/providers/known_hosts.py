"""The hosts that no client chooses: those of the settings, and those of the rows that have no place to fill in.

Decides: just that. Must not know: endpoints, and what the hosts are asked for.
"""

from collections.abc import Iterable, Iterator

from ..config import Config
from .registry import REGISTRY
from .row import Provider
from .target import RefusedTarget, parse_base_url


def known_hosts(config: Config) -> frozenset[str]:
    """The hosts of all providers."""
    urls = [url for row in REGISTRY.values() for url in _urls(row)]
    for settings in (config.providers, *(gateway.provider_settings for gateway in config.gateways.values())):
        urls += [url for own in settings.values() for url in (own.base_url, own.realtime_url) if url]
    return frozenset(_hosts(urls))


def _urls(row: Provider) -> Iterator[str]:
    for route in row.routes:
        yield route.url
    if row.realtime is not None:
        yield row.realtime.url
        for _, url in (*row.realtime.prefixes, *row.realtime.other_hosts):
            yield url


def _hosts(urls: Iterable[str]) -> Iterator[str]:
    for url in urls:
        scheme, _, rest = url.partition("://")
        authority = rest.partition("/")[0]
        if "{" not in authority:
            base = parse_base_url(f"{scheme}://{authority}")
            if not isinstance(base, RefusedTarget):
                yield base.host
