"""Finds the URL of a realtime path.

Decides: the host and path of an upgrade, from the provider's row, the settings and what the client asked for (client
protocol, section 4). Must not know: credentials, header fields and subprotocols.
"""

import re
from typing import Final, NamedTuple

import msgspec

from ..config import ProviderSettings
from ..faults import Fault, FaultKind, Side
from .headers import refuse
from .registry import REGISTRY
from .row import VARIABLES, Provider, RealtimeRoute
from .target import BaseUrl, Endpoint, RefusedTarget, join_path, parse_base_url

_UNSET: Final = BaseUrl("https", "unset.invalid", 443)


class RealtimeUrl(NamedTuple):
    """Where an upgrade goes. ``resource``: the name that the client filled into the host, if anyone can register such
    names."""

    base: BaseUrl
    endpoint: Endpoint
    resource: str | None


def find_realtime_url(
    row: Provider, route: RealtimeRoute, endpoint: Endpoint, own: ProviderSettings, *, region: str = ""
) -> RealtimeUrl | Fault:
    """Find the URL. ``region`` is the one of the stored key, for a path that names none."""
    where = f"the path behind {row.slug}"
    chosen = _choose_host(row, route, endpoint.path, region)
    if isinstance(chosen, Fault):
        return chosen
    url, path, resource = chosen
    if not url and own.realtime_url is None:
        return Fault(
            FaultKind.NOT_CONFIGURED,
            Side.GATEWAY,
            f"{row.slug} has no realtime URL; the operator has to set providers.{row.slug}.realtime_url",
        )
    base = parse_base_url(url) if url else _UNSET
    if isinstance(base, RefusedTarget):
        return refuse(f"providers.{row.slug}.base_url", base.why)
    if own.realtime_url is not None:
        set_base = parse_base_url(own.realtime_url)
        if isinstance(set_base, RefusedTarget):
            return refuse(f"providers.{row.slug}.realtime_url", set_base.why)
        if not path or join_path(base.path, path) == join_path(base.path, route.path):
            path = "" if set_base.path else route.path
            base = set_base if set_base.path else msgspec.structs.replace(set_base, path=base.path)
        else:
            base = msgspec.structs.replace(set_base, path=base.path)
    elif not path:
        path = route.path
        if row.slug in REGISTRY and not path:
            return refuse(where, f"is missing; allowed is {row.slug}/PATH")
    return RealtimeUrl(base, Endpoint(path, endpoint.query), resource)


def _choose_host(row: Provider, route: RealtimeRoute, path: str, region: str) -> tuple[str, str, str | None] | Fault:
    """The URL, the rest of the path, and the name that the client filled in."""
    first, _, rest = path.partition("/")
    for prefix, url in route.prefixes:
        found = _fill(prefix, url, first)
        if found is not None:
            name = prefix[1:-1]
            return found, rest, first if name in VARIABLES and VARIABLES[name].tenant else None
    if route.prefixes and not route.url:
        name = route.prefixes[0][0][1:-1]
        shape = f"{row.slug}/{name.upper()}[/PATH]"
        allowed = VARIABLES[name].allowed
        return refuse(f"the path behind {row.slug}", f"has a bad first part; allowed is {allowed}: {shape}")
    if region:
        for prefix, url in route.prefixes:
            found = _fill(prefix, url, region)
            if found is not None:
                return found, path, None
    return next((url for pattern, url in route.other_hosts if re.search(pattern, "/" + path)), route.url), path, None


def _fill(prefix: str, url: str, segment: str) -> str | None:
    """``url`` for a path that begins with ``segment``, or ``None`` if ``prefix`` does not fit it."""
    if not prefix.startswith("{"):
        return url if segment == prefix else None
    return url.replace(prefix, segment) if re.fullmatch(VARIABLES[prefix[1:-1]].form, segment) else None
