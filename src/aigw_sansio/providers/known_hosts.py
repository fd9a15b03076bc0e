"""The hosts that no client chooses: those of the settings, of the stored keys, and of the rows that have no place for a
client to fill in.

Decides: just that. Must not know: endpoints, and what the hosts are asked for. Both who counts look-ups
(:mod:`aigw_sansio.engine.dials`) and who makes them ask here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from ..config import Config, ProviderSettings
from ..origin import read_proxy
from ..secret import Secret
from .auth import StoredAws, StoredAzure, StoredGoogle, read_stored_key, stored_keys
from .google_token import TOKEN_URI
from .registry import NO_ROWS, REGISTRY
from .row import VARIABLES, Provider
from .target import RefusedTarget, parse_base_url


def known_hosts(config: Config, rows: Mapping[str, Provider] = NO_ROWS) -> frozenset[str]:
    """The hosts of all providers, and those that give access tokens. ``rows``: the host's own providers, by slug."""
    found = set(_built_in())
    found.update(_proxy(config.proxy), _hosts_of_rows(rows.values()))
    for settings in (config.providers, *(gateway.provider_settings for gateway in config.gateways.values())):
        for slug, own in settings.items():
            found.update(_hosts([url for url in (own.base_url, own.realtime_url) if url], {}), _proxy(own.proxy))
            if (named := REGISTRY.get(slug) or rows.get(slug)) is not None:
                found.update(_hosts_of_key(named, own))
    return frozenset(found)


@cache  # nothing else in the making of a gateway costs as much
def _built_in() -> frozenset[str]:
    return frozenset((*_hosts([TOKEN_URI], {}), *_hosts_of_rows(REGISTRY.values())))


def _hosts_of_rows(rows: Iterable[Provider]) -> Iterator[str]:
    few = {name: variable.values for name, variable in VARIABLES.items()}
    for row in rows:
        yield from row.known_hosts
        yield from _hosts(_urls(row), few)


def _proxy(url: Secret | None) -> Iterator[str]:
    proxy = None if url is None else read_proxy(url)
    if proxy is not None:
        yield proxy.host


def _hosts_of_key(row: Provider, own: ProviderSettings) -> Iterator[str]:
    """Those that the stored key of ``row`` names."""
    for key in stored_keys(own):
        stored = read_stored_key(row, key)
        if isinstance(stored, StoredGoogle):
            yield stored.account.origin.host
            region = stored.account.region
            yield from _hosts(_urls(row), {"location": (region,)})
        elif isinstance(stored, StoredAws):
            yield from _hosts(_urls(row), {"region": (stored.region,)})
        elif isinstance(stored, StoredAzure):
            yield from _hosts(_urls(row), {"resource": (stored.resource,)})


def _urls(row: Provider) -> Iterator[str]:
    for route in row.routes:
        yield route.url
    if row.realtime is not None:
        yield row.realtime.url
        for _, url in (*row.realtime.prefixes, *row.realtime.other_hosts):
            yield url


def _hosts(urls: Iterable[str], values: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """The hosts of ``urls``, with each of ``values`` for the variable in them; none for a variable without values."""
    for url in urls:
        scheme, _, rest = url.partition("://")
        before, opening, behind = rest.partition("/")[0].partition("{")
        name, _, after = behind.partition("}")
        fills = values.get(name, ()) if opening else ("",)
        for fill in fills:
            if opening and not re.fullmatch(VARIABLES[name].form, fill):
                continue
            base = parse_base_url(f"{scheme}://{before}{fill}{after}")
            if not isinstance(base, RefusedTarget):
                yield base.host
