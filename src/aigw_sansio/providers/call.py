"""Builds the HTTP request to a provider from one step of a client's request.

Decides: the order in which target, fields, credentials and body are put together, and what is refused (client protocol,
section 3.1). Must not know: attempts, connections, or the client's identity.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from ..config import METHODS, NO_SETTINGS, ProviderSettings
from ..faults import Fault
from ..ids import Lineage
from ..origin import Origin
from ..quotas.claim import StepQuota
from ..secret import Secret
from ..wires.head_memo import HeadMemo
from ..wires.http import Request
from .auth import (
    StoredAws,
    StoredAzure,
    StoredGoogle,
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
    take_key,
)
from .cache_use import CacheUse
from .google_token import ServiceAccount
from .headers import PASS_ORIGIN, encode_fields, forwarded, put_operators_fields, refuse
from .hosts import Destination, find_destination, named_destination
from .key_location import KeyLocation, key_location, put_key, query_with_key
from .own_tokens import OwnTokens, drop_own_fields, drop_own_parameters
from .registry import NO_ROWS, find_provider, format_of, is_array_stream
from .row import Provider
from .sigv4 import sign
from .target import Endpoint, RefusedTarget, build_target, check_endpoint, join_path

_NO_BODY: Final = frozenset({"GET", "HEAD"})


class ProviderCall(msgspec.Struct, frozen=True):
    """A request ready for a connection to ``origin``. Its ``repr`` shows no field, query or body."""

    provider: str  #: canonical slug
    origin: Origin
    request: Request
    format: str  #: format of the response
    array_stream: bool  #: a JSON response is an array stream (client protocol, section 3.2)
    account: ServiceAccount | None = None  #: the request still needs its access token
    stored_keys: tuple[bytes, ...] = ()  #: the gateway's keys in the request: hide them from the client
    key: Literal["client", "stored", "none"] = "none"  #: whose key is in it
    #: The path that the client asked for: its endpoint, below the path of the server if it named one.
    endpoint: str = ""
    cache: CacheUse | None = None  #: ``None``: the cache is not used
    lent: Secret | None = None  #: the stored key in it, if its provider has several
    quota: StepQuota | None = None  #: what it needs of the quotas of its gateway
    signed: bool = False  #: it holds a signature of its body and of its time
    #: The gateway has put the question for the usage into its body, or has taken it back because it was refused.
    usage_question: Literal["none", "put", "refused"] = "none"
    #: It may go over a WebSocket of its session, as what its body says there.
    lineage: Lineage | None = None

    def __repr__(self) -> str:
        path = self.request.target.partition(b"?")[0].decode("ascii")
        return f"ProviderCall({self.provider} {self.request.method.decode()} {self.origin.authority}{path})"


def build_call(
    *,
    provider: str,
    endpoint: str,
    method: str,
    headers: Sequence[tuple[str, str]],
    body: bytes | None,
    settings: Mapping[str, ProviderSettings],
    account: str,
    own_tokens: OwnTokens,
    unix_time: float,
    moves_key: bool = False,
    rows: Mapping[str, Provider] = NO_ROWS,
) -> ProviderCall | Fault:
    """Build the request of one step, or return why the step cannot be used.

    ``provider`` is the client's name for it; ``settings`` are keyed by canonical slug; ``account`` is the client's
    account (for providers with accounts in their URLs); ``own_tokens`` recognises the gateway's own tokens, which are
    removed from every part that may hold a key; ``unix_time`` (seconds) dates signatures. ``moves_key``: the client
    does not know where this provider wants its key, so it is put there. ``rows``: the host's own providers, by slug.
    Faults are of the kinds ``UNKNOWN_PROVIDER``, ``INVALID_REQUEST`` and ``NOT_CONFIGURED``; they name the field and
    what is allowed, and quote no secret.
    """
    row = find_provider(
        provider,
        [slug for slug, of in settings.items() if of.base_url],
        settings,
        rows=rows,
        is_secret=lambda text: own_tokens(text) or is_stored(text, settings),
    )
    if isinstance(row, Fault):
        return row
    own = settings.get(row.slug, NO_SETTINGS)
    verb = method.upper()
    if not method.isascii() or verb not in METHODS:
        return refuse("request.method", f"is not allowed; allowed are {', '.join(METHODS)}")
    fields = forwarded(headers, pass_origin=own.origin == PASS_ORIGIN)
    if isinstance(fields, Fault):
        return fields
    checked = check_endpoint(endpoint)
    if isinstance(checked, RefusedTarget):
        return refuse("request.endpoint", f"{checked.why}; allowed is PATH[?QUERY] under {row.slug}")
    drop_own_fields(fields, own_tokens)
    drop_empty_credentials(fields)
    if checked.query:
        checked = Endpoint(checked.path, drop_own_parameters(checked.query, own_tokens) or None)
    named = fields.pop(row.target_header, "") if row.target_header else ""
    client_named_it = bool(named) and own.base_url is None
    if client_named_it:
        located = named_destination(row, named, checked)
    else:
        located = find_destination(row, checked, base_url=own.base_url, account=account)
    if isinstance(located, Fault):
        return located
    base = located.base
    origin = Origin(base.scheme, base.host, base.port, ca_file=own.ca_file, http2=own.http2, proxy=own.proxy)
    payload = b"" if body is None or verb in _NO_BODY else body
    fields["accept-encoding"] = "identity"
    if payload:
        fields.setdefault("content-type", "application/json")
    location = _location(row, located, own)
    way = located.endpoint
    if moves_key and (key := take_key(fields)):
        way = _with_key(fields, way, location, key)
    asked = way.query or ""
    # asked here: authenticating may add a key of ours; and the query of a URL of the settings is not the client's
    shown = f"{base.query}&{asked}" if client_named_it and base.query else asked
    client_has_key = has_key(fields, shown, row.query_keys, location)
    credential = _authenticate(
        row,
        located,
        own,
        fields,
        client_has_key=client_has_key,
    )
    if isinstance(credential, Fault):
        return credential
    put_operators_fields(fields, own.headers, own.origin, client_has_key=client_has_key)
    added: list[str] = []
    if isinstance(credential, str):
        added += key_forms(credential, location)
        way = _with_key(fields, way, location, credential)
        if location.query:
            added.append((way.query or "").rpartition("=")[2])
    target = build_target(base, way)
    if isinstance(target, RefusedTarget):
        return refuse("request.endpoint", target.why)
    if isinstance(credential, StoredAws):
        added += aws_secrets(credential)
        fields.update(
            sign(
                method=verb,
                authority=origin.authority,
                target=target,
                fields=fields,
                body=payload,
                credentials=credential.credentials,
                region=located.values.get("region", credential.region),
                service=located.route.sigv4,
                unix_time=unix_time,
            )
        )
    path, _, query = target.partition("?")
    encoded = encode_fields(fields)
    if isinstance(encoded, Fault):
        return encoded
    request = Request(
        method=verb.encode("ascii"),
        scheme=base.scheme.encode("ascii"),
        authority=origin.authority.encode("ascii"),
        target=target.encode("ascii"),
        headers=encoded,
        body=payload,
    )
    array_stream = is_array_stream(path, query)
    if client_has_key:
        added = operators_secrets((), base.query)
        stored = carried_keys({}, "", (), added)
    else:
        added += operators_secrets(own.headers, base.query)
        stored = carried_keys(fields, "", (), added, location.header)
    keys = tuple(key.encode() for key in stored)
    return ProviderCall(
        provider=row.slug,
        origin=origin,
        request=request,
        format=format_of(row, path),
        array_stream=array_stream,
        account=credential.through(own.proxy) if isinstance(credential, ServiceAccount) else None,
        stored_keys=keys,
        key="client" if client_has_key else "stored" if _lends(own) else "none",
        endpoint=join_path(base.path, checked.path) if client_named_it else endpoint,
        signed=isinstance(credential, StoredAws),
    )


def without_body(call: ProviderCall) -> ProviderCall:
    """``call`` without its body, for others that differ in nothing else: see :func:`with_body`."""
    one = call.request
    memo = HeadMemo(one.method, one.scheme, one.authority, one.target, one.headers)
    return msgspec.structs.replace(call, request=msgspec.structs.replace(one, body=b"", memo=memo))


def with_body(call: ProviderCall, body: bytes) -> ProviderCall:
    """``call`` of :func:`without_body` with another body."""
    return msgspec.structs.replace(call, request=msgspec.structs.replace(call.request, body=body))


def _lends(own: ProviderSettings) -> bool:
    """Whether something of the operator goes that may be a key."""
    return own.api_key is not None or bool(own.headers) or holds_key(own.base_url)


def _location(row: Provider, located: Destination, own: ProviderSettings) -> KeyLocation:
    """Where the key goes. There are no subprotocols here, so a setting for those does not count."""
    set_location = key_location(own.key_in)
    if set_location is not None and not set_location.marker:
        return set_location
    return located.route.key or row.key


def _with_key(fields: dict[str, str], way: Endpoint, location: KeyLocation, key: str) -> Endpoint:
    """The endpoint with ``key``, if its place is the query; else it is put into ``fields``."""
    if location.query:
        return Endpoint(way.path, query_with_key(way.query or "", location.query, key))
    put_key(fields, location, key)
    return way


def _authenticate(
    row: Provider,
    located: Destination,
    own: ProviderSettings,
    fields: dict[str, str],
    *,
    client_has_key: bool,
) -> str | StoredAws | ServiceAccount | Fault | None:
    """Bring the client's credentials in ``fields`` into the provider's form; if there are none, find the stored one.

    Returned is what is still to be put in: a key for its place, an identity to sign with, or a service account that
    needs its token first.
    """
    route = located.route
    if client_has_key:
        if row.slug == "google-vertex-ai" and (account := carried_google_account(fields)) is not None:
            return account
        bearer = fields.get("authorization", "")
        if route.bearer_becomes is not None and bearer[:7].lower() == "bearer ":
            del fields["authorization"]
            put_key(fields, route.bearer_becomes, bearer[7:].strip())
        return None
    names = {name.lower() for name, _ in own.headers} - {"origin"}
    if own.api_key is None and not names:
        return None
    stored = read_stored_key(row, own.api_key) if own.api_key is not None else None
    if isinstance(stored, Fault):
        return stored
    if isinstance(stored, StoredAzure):
        if own.base_url is None and stored.resource != located.values.get("resource"):
            return refuse_chosen_host(row)
        return stored.key.reveal()
    if located.chosen_by_client:
        return refuse_chosen_host(row)
    if isinstance(stored, StoredGoogle):
        return None if "authorization" in names else stored.account
    return stored if isinstance(stored, StoredAws) or stored is None else stored.reveal()
