"""Builds the WebSocket upgrade to a provider from a client's upgrade.

Decides: the URL of a realtime path, which query names change, which fields and subprotocols are forwarded, where the
key is put (client protocol, sections 2 and 4). Must not know: connections, messages, or the client's identity.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from ..config import ProviderSettings
from ..faults import Fault, FaultKind, Side
from ..origin import Origin
from ..wires.http import Headers
from .auth import (
    MOST_KEYS,
    StoredAzure,
    carried_keys,
    drop_own_fields,
    drop_own_parameters,
    has_key,
    header_keys,
    put_key,
    read_stored_key,
    refuse_chosen_host,
)
from .headers import encode_fields, forwarded_upgrade, refuse
from .registry import (
    REALTIME_FORMATS_BY_PATH,
    REGISTRY,
    VARIABLES,
    Provider,
    RealtimeRoute,
    find_provider,
    realtime_format_of,
)
from .subprotocols import read_offer
from .target import BaseUrl, Endpoint, RefusedTarget, build_target, check_endpoint, join_path, parse_base_url

_OUR_PARAMETER: Final = "cf-aig-authorization"
#: This many characters are more than the prefix that all keys of a provider share.
_LONGEST_COMMON_PREFIX: Final = 16
_NO_SETTINGS: Final = ProviderSettings()


class RealtimeCall(msgspec.Struct, frozen=True):
    """An upgrade ready to be sent to ``origin``. ``headers`` are the client's and the credentials; the wire adds
    ``host`` and the fields of RFC 6455. Its ``repr`` shows no field, query or subprotocol."""

    provider: str  #: canonical slug
    origin: Origin
    target: bytes
    headers: Headers
    subprotocols: tuple[bytes, ...]
    format: str  #: format of the provider's messages
    keys: Sequence[str] = ()  #: all keys in it

    def hide(self, text: str) -> str:
        """``text`` from a peer, with all keys that it quotes replaced by ``***``. The beginning of a key at its end is
        replaced too, because a close reason may cut a long key."""
        for key in self.keys:
            text = text.replace(key, "***")
            at = text.rfind(key[:_LONGEST_COMMON_PREFIX])
            if at >= 0 and key.startswith(text[at:]):
                text = text[:at] + "***"
        return text

    def __repr__(self) -> str:
        path = self.target.partition(b"?")[0].decode("ascii")
        return f"RealtimeCall({self.provider} {self.origin.authority}{path})"


def build_realtime_call(
    *,
    path: str,
    headers: Sequence[tuple[bytes, bytes]],
    subprotocols: Sequence[bytes],
    settings: Mapping[str, ProviderSettings],
    own_tokens: Callable[[str], bool],
) -> RealtimeCall | Fault:
    """Build the upgrade for ``path``: ``PROVIDER[/PATH][?QUERY]``, the part of the client's URL after the gateway's
    name.

    ``headers`` and ``subprotocols`` are the client's; ``settings`` are keyed by canonical slug; ``own_tokens``
    recognises the gateway's own tokens. Faults: ``UNKNOWN_PROVIDER``, ``INVALID_REQUEST``, and ``NOT_CONFIGURED`` if
    the URL has to come from the settings.
    """
    where, mark, query = path.partition("?")
    slug, _, rest = where.partition("/")
    row = find_provider(slug, [slug for slug, of in settings.items() if of.base_url or of.realtime_url])
    if isinstance(row, Fault):
        return row
    own = settings.get(row.slug, _NO_SETTINGS)
    route = row.realtime
    if route is None or not (row.routes or own.realtime_url):  # without routes: only the settings' URLs
        if own.realtime_url is None and (row.routes or own.base_url is None):
            return _no_realtime(row)
        route = RealtimeRoute(url=own.base_url or "", path="", key=row.key, formats=REALTIME_FORMATS_BY_PATH)
    checked = check_endpoint(rest + mark + query)
    if isinstance(checked, RefusedTarget):
        return refuse(f"the path behind {row.slug}", checked.why)
    offer = read_offer(subprotocols).without(own_tokens)
    fields = forwarded_upgrade(headers)
    drop_own_fields(fields, own_tokens)
    offer.put_fields(fields)
    query = _query(route, checked.query or "", own_tokens)
    found = _find_url(row, route, Endpoint(checked.path, query or None), own)
    if isinstance(found, Fault):
        return found
    base, target, resource = found
    if not (has_key(fields, query, route.query_keys) or offer.carries_key):
        refused = _put_stored_key(row, route, own, fields=fields, resource=resource)
        if refused is not None:
            return refused
    encoded = encode_fields(fields)
    if isinstance(encoded, Fault):
        return encoded
    origin = Origin(base.scheme, base.host, base.port, ca_file=own.ca_file, http2="off")
    format = realtime_format_of(route, target.partition("?")[0])
    others = [*offer.keys[:MOST_KEYS], *header_keys(own.headers)]
    keys = carried_keys(fields, query, parameters=route.query_keys, others=others)
    return RealtimeCall(
        provider=row.slug,
        origin=origin,
        target=target.encode("ascii"),
        headers=encoded,
        subprotocols=offer.upstream(),
        format=format,
        keys=keys,
    )


def _query(route: RealtimeRoute, query: str, own_tokens: Callable[[str], bool]) -> str:
    """The client's query with the provider's names; other parameters stay unchanged, byte for byte."""
    if not query:
        return ""
    renamed = dict(route.query)
    items = []
    for item in drop_own_parameters(query, own_tokens).split("&"):
        name, equals, value = item.partition("=")
        if name.lower() != _OUR_PARAMETER:
            items.append(renamed.get(name, name) + equals + value)
    return "&".join(items)


def _find_url(
    row: Provider, route: RealtimeRoute, endpoint: Endpoint, own: ProviderSettings
) -> tuple[BaseUrl, str, str | None] | Fault:
    """Find the URL of the upgrade: its base, its target, and the resource that the client named."""
    resource = None
    path = endpoint.path
    url = route.url
    if route.prefix:
        resource, _, path = path.partition("/")
        variable = VARIABLES[route.prefix[1:-1]]
        if not re.fullmatch(variable.form, resource):
            shape = f"{row.slug}/{route.prefix[1:-1].upper()}[/PATH]"
            return refuse(
                f"the path behind {row.slug}", f"has a bad first part; allowed is {variable.allowed}: {shape}"
            )
        url = url.replace(route.prefix, resource)
    else:
        url = next((other for pattern, other in route.other_hosts if re.search(pattern, "/" + path)), url)
    if not url and own.realtime_url is None:
        return Fault(
            FaultKind.NOT_CONFIGURED,
            Side.GATEWAY,
            f"{row.slug} has no realtime URL; the operator has to set providers.{row.slug}.realtime_url",
        )
    base = parse_base_url(url) if url else BaseUrl("https", "unset.invalid", 443)
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
            return refuse(f"the path behind {row.slug}", f"is missing; allowed is {row.slug}/PATH")
    target = build_target(base, Endpoint(path, endpoint.query))
    if isinstance(target, RefusedTarget):
        return refuse(f"the path behind {row.slug}", target.why)
    return base, target, resource


def _put_stored_key(
    row: Provider, route: RealtimeRoute, own: ProviderSettings, fields: dict[str, str], resource: str | None
) -> Fault | None:
    if own.api_key is None and not own.headers:
        return None
    stored = read_stored_key(row, own.api_key) if own.api_key is not None else None
    if isinstance(stored, Fault):
        return stored
    key = own.api_key
    if isinstance(stored, StoredAzure):
        if own.realtime_url is None and stored.resource != resource:
            return refuse_chosen_host(row, "realtime_url")
        key = stored.key
    elif resource is not None and own.realtime_url is None:
        return refuse_chosen_host(row, "realtime_url")
    for name, value in own.headers:
        fields.setdefault(name.lower(), value)
    if key is not None:
        put_key(fields, route.key, key.reveal())
    return None


def _no_realtime(row: Provider) -> Fault:
    known = ", ".join(sorted(slug for slug, other in REGISTRY.items() if other.realtime and other.routes))
    return Fault(
        FaultKind.UNKNOWN_PROVIDER,
        Side.CLIENT,
        f"{row.slug} has no realtime endpoint; allowed are {known}, and providers with a realtime_url in the settings",
    )
