"""Builds the WebSocket upgrade to a provider from a client's upgrade.

Decides: which query names change, which fields and subprotocols are forwarded, where the key is put (client protocol,
sections 2 and 4). Must not know: connections, messages, or the client's identity.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from ..config import NO_SETTINGS, ProviderSettings
from ..faults import Fault, FaultKind, Side
from ..ids import NO_OPTIONS, CustomCost, RecordOptions
from ..origin import Origin
from ..quotas.claim import StepQuota
from ..secret import Secret
from ..wires.http import Headers
from .auth import (
    StoredAws,
    StoredAzure,
    StoredGoogle,
    StoredKey,
    aws_secrets,
    carried_google_account,
    carried_keys,
    drop_empty_credentials,
    has_key,
    holds_key,
    is_stored,
    key_forms,
    operators_secrets,
    read_stored_key,
    refuse_chosen_host,
)
from .google_token import ServiceAccount
from .headers import PASS_ORIGIN, TOKEN, encode_fields, forwarded_upgrade, put_operators_fields, refuse
from .key_location import BEARER, key_location, key_text, not_sendable, put_key, query_with_key, subprotocols_with_key
from .model_rows import REALTIME_FORMATS_BY_PATH
from .own_tokens import OwnTokens, drop_own_fields, drop_own_parameters
from .realtime_url import find_realtime_url
from .registry import NO_ROWS, REGISTRY, find_provider, realtime_format_of
from .row import Provider, RealtimeRoute
from .sigv4 import sign
from .subprotocols import MOST_SECRETS, plain_items, read_offer
from .target import Endpoint, RefusedTarget, build_target, check_endpoint

#: A host of AWS: its service and region.
_AWS_HOST: Final = r"([a-z0-9-]+)\.([a-z]{2,4}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2})\.(?:amazonaws\.com|api\.aws)"
#: Services that sign with another name than their host's.
_AWS_SERVICES: Final = {"bedrock-runtime": "bedrock", "transcribestreaming": "transcribe"}


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
    account: ServiceAccount | None = None  #: the upgrade still needs its access token: see :meth:`with_token`
    key: Literal["client", "stored", "none"] = "none"  #: whose key is in it
    endpoint: str = ""  #: the path behind the provider, as it was asked for; without one the provider's own
    record: RecordOptions = NO_OPTIONS  #: what is said about the record of the session
    lent: Secret | None = None  #: the stored key in it, if its provider has several
    quota: StepQuota | None = None  #: what it needs of the quotas of its gateway
    price: CustomCost | None = None  #: what its tokens cost, if somebody knows

    def with_token(self, token: Secret) -> "RealtimeCall":
        """The upgrade with the access token of its ``account``."""
        text = token.reveal()
        field = (b"authorization", key_text(BEARER, text).encode("ascii"))
        keys = sorted([*self.keys, text], key=len, reverse=True)
        return msgspec.structs.replace(self, headers=[*self.headers, field], keys=keys, account=None)

    def __repr__(self) -> str:
        path = self.target.partition(b"?")[0].decode("ascii")
        return f"RealtimeCall({self.provider} {self.origin.authority}{path})"


def build_realtime_call(
    *,
    path: str,
    headers: Sequence[tuple[bytes, bytes]],
    subprotocols: Sequence[bytes],
    settings: Mapping[str, ProviderSettings],
    own_tokens: OwnTokens,
    unix_time: float,
    rows: Mapping[str, Provider] = NO_ROWS,
) -> RealtimeCall | Fault:
    """Build the upgrade for ``path``: ``PROVIDER[/PATH][?QUERY]``, the part of the client's URL after the gateway's
    name.

    ``headers`` and ``subprotocols`` are the client's; ``settings`` are keyed by canonical slug; ``own_tokens``
    recognises the gateway's own tokens; ``unix_time`` (seconds) dates signatures; ``rows`` are the host's own
    providers, by slug. Faults: ``UNKNOWN_PROVIDER``, ``INVALID_REQUEST``, and ``NOT_CONFIGURED`` if the URL has to come
    from the settings, or a stored key cannot be sent.
    """
    where, mark, query = path.partition("?")
    slug, _, rest = where.partition("/")
    row = find_provider(
        slug,
        [slug for slug, of in settings.items() if of.base_url or of.realtime_url],
        settings,
        rows=rows,
        is_secret=lambda text: own_tokens(text) or is_stored(text, settings),
    )
    if isinstance(row, Fault):
        return row
    own = settings.get(row.slug, NO_SETTINGS)
    route = _route(row, own)
    if isinstance(route, Fault):
        return route
    checked = check_endpoint(rest + mark + query)
    if isinstance(checked, RefusedTarget):
        return refuse(f"the path behind {row.slug}", checked.why)
    offer = read_offer(subprotocols, plain_items(slug, settings, rows)).without(own_tokens)
    if len(offer.secrets) > MOST_SECRETS:
        return refuse("sec-websocket-protocol", f"has more than {MOST_SECRETS} items that may be keys")
    fields = forwarded_upgrade(headers, pass_origin=own.origin == PASS_ORIGIN)
    drop_own_fields(fields, own_tokens)
    drop_empty_credentials(fields)
    offer.put_fields(fields)
    query = _query(route, checked.query or "", own_tokens)
    location = key_location(own.key_in) or route.key
    client_has_key = bool(offer.secrets) or has_key(fields, query, route.query_keys, location)
    stored = None if client_has_key or own.api_key is None else read_stored_key(row, own.api_key)
    if isinstance(stored, Fault):
        return stored
    region = stored.account.region if isinstance(stored, StoredGoogle) else ""
    found = find_realtime_url(row, route, Endpoint(checked.path, query or None), own, region=region)
    if isinstance(found, Fault):
        return found
    base = found.base
    origin = Origin(base.scheme, base.host, base.port, ca_file=own.ca_file, http2="off", proxy=own.proxy)

    account: ServiceAccount | None = None
    offered = offer.upstream()
    secrets = [*offer.keys, *operators_secrets(own.headers, base.query)]
    names = {name.lower() for name, _ in own.headers} - {"origin"}
    if client_has_key:
        if row.slug == "google-vertex-ai":
            carried = carried_google_account(fields)
            if isinstance(carried, Fault):
                return carried
            account = carried
    elif stored is not None or names:
        refused = _refuse_host(row, own, stored, found.resource)
        if refused is not None:
            return refused
    put_operators_fields(fields, own.headers, own.origin, client_has_key=client_has_key)
    if isinstance(stored, StoredGoogle):
        account = None if "authorization" in names else stored.account
    elif isinstance(stored, StoredAzure | Secret):
        key = (stored.key if isinstance(stored, StoredAzure) else stored).reveal()
        secrets += key_forms(key, location)
        if location.query:
            query = query_with_key(found.endpoint.query or "", location.query, key)
            secrets.append(query.rpartition("=")[2])
            found = found._replace(endpoint=Endpoint(found.endpoint.path, query))
        elif location.marker:
            if not TOKEN.match(key):
                return not_sendable(f"providers.{row.slug}.api_key")
            offered = subprotocols_with_key(offered, location.marker, key)
        else:
            put_key(fields, location, key)
    target = build_target(base, found.endpoint)
    if isinstance(target, RefusedTarget):
        return refuse(f"the path behind {row.slug}", target.why)
    if isinstance(stored, StoredAws):
        secrets += aws_secrets(stored)
        fields.update(_signature(row, stored, origin, target, fields, unix_time=unix_time))
    encoded = encode_fields(fields)
    if isinstance(encoded, Fault):
        return encoded
    return RealtimeCall(
        provider=row.slug,
        origin=origin,
        target=target.encode("ascii"),
        headers=encoded,
        subprotocols=offered,
        format=realtime_format_of(route, target.partition("?")[0]),
        keys=carried_keys(fields, query, parameters=route.query_keys, others=secrets, header=location.header),
        account=None if account is None else account.through(own.proxy),
        key="client"
        if client_has_key
        else "stored"
        if stored is not None or names or holds_key(own.realtime_url or own.base_url)
        else "none",
        endpoint=rest or target.partition("?")[0],
    )


def _route(row: Provider, own: ProviderSettings) -> RealtimeRoute | Fault:
    """The route of the row, or one from the settings' URLs alone."""
    route = row.realtime
    if route is not None and (row.routes or own.realtime_url):
        return route
    if own.realtime_url is None and (row.routes or own.base_url is None):
        return _no_realtime(row)
    return RealtimeRoute(url=own.base_url or "", path="", key=row.key, formats=REALTIME_FORMATS_BY_PATH)


def _query(route: RealtimeRoute, query: str, own_tokens: OwnTokens) -> str:
    """The client's query with the provider's names; other parameters stay unchanged, byte for byte."""
    query = drop_own_parameters(query, own_tokens)
    if not query or not route.query:
        return query
    renamed = dict(route.query)
    items = (item.partition("=") for item in query.split("&"))
    return "&".join(renamed.get(name, name) + equals + value for name, equals, value in items)


def _refuse_host(row: Provider, own: ProviderSettings, stored: StoredKey | None, resource: str | None) -> Fault | None:
    """Why the stored key or header may not be sent to a host that the client chose."""
    if own.realtime_url is not None:
        return None
    allowed = stored.resource == resource if isinstance(stored, StoredAzure) else resource is None
    return None if allowed else refuse_chosen_host(row, "realtime_url")


def _signature(
    row: Provider, stored: StoredAws, origin: Origin, target: str, fields: Mapping[str, str], *, unix_time: float
) -> dict[str, str]:
    """The fields of an AWS signature for the upgrade. The host says which service it is, and where."""
    at_aws = re.match(_AWS_HOST, origin.host)
    service, region = at_aws.groups() if at_aws else (row.routes[0].sigv4, stored.region)
    return sign(
        method="GET",
        authority=origin.authority,
        target=target,
        fields=fields,
        body=b"",
        credentials=stored.credentials,
        region=region,
        service=_AWS_SERVICES.get(service, service),
        unix_time=unix_time,
    )


def _no_realtime(row: Provider) -> Fault:
    known = ", ".join(sorted(slug for slug, other in REGISTRY.items() if other.realtime and other.routes))
    return Fault(
        FaultKind.UNKNOWN_PROVIDER,
        Side.CLIENT,
        f"{row.slug} has no realtime endpoint; allowed are {known}, and providers with a realtime_url in the settings",
    )
