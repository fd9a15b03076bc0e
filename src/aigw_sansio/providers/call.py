"""Builds the HTTP request to a provider from one step of a client's request.

Decides: the order in which target, fields, credentials and body are put together, and what is refused (client protocol,
section 3.1). Must not know: attempts, connections, or the client's identity.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from ..config import ProviderSettings
from ..faults import Fault
from ..origin import Origin
from ..wires.http import Request
from .auth import (
    StoredAws,
    StoredAzure,
    StoredGoogle,
    carried_keys,
    drop_own_fields,
    drop_own_parameters,
    has_key,
    header_keys,
    put_key,
    read_stored_key,
    refuse_chosen_host,
)
from .google_token import ServiceAccount, carried_account, read_service_account
from .headers import TOKEN, encode_fields, forwarded, refuse
from .hosts import Destination, find_destination, named_destination
from .registry import Provider, find_provider, format_of, is_array_stream
from .sigv4 import sign
from .target import Endpoint, RefusedTarget, build_target, check_endpoint

_NO_BODY: Final = frozenset({"GET", "HEAD"})
_REFUSED_METHODS: Final = frozenset({"CONNECT", "TRACE"})
_USUAL_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class ProviderCall(msgspec.Struct, frozen=True):
    """A request ready for a connection to ``origin``. Its ``repr`` shows no field, query or body."""

    provider: str  #: canonical slug
    origin: Origin
    request: Request
    format: str  #: format of the response
    array_stream: bool  #: a JSON response is an array stream (client protocol, section 3.2)
    account: ServiceAccount | None = None  #: the request still needs its access token
    stored_keys: tuple[bytes, ...] = ()  #: the gateway's keys in the request: hide them from the client

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
    own_tokens: Callable[[str], bool],
    unix_time: float,
) -> ProviderCall | Fault:
    """Build the request of one step, or return why the step cannot be used.

    ``provider`` is the client's name for it; ``settings`` are keyed by canonical slug; ``account`` is the client's
    account (for providers with accounts in their URLs); ``own_tokens`` recognises the gateway's own tokens, which are
    removed from every part that may hold a key; ``unix_time`` (seconds) dates signatures. Faults are of the kinds
    ``UNKNOWN_PROVIDER`` and ``INVALID_REQUEST``; they name the field and what is allowed, and quote no secret.
    """
    row = find_provider(provider, [slug for slug, of in settings.items() if of.base_url])
    if isinstance(row, Fault):
        return row
    own = settings.get(row.slug, _NO_SETTINGS)
    verb = method.upper() if method.upper() in _USUAL_METHODS else method
    if not TOKEN.match(verb) or verb.upper() in _REFUSED_METHODS:
        return refuse("request.method", "is not allowed; allowed are POST, GET, HEAD, PUT, PATCH, DELETE, OPTIONS")
    fields = forwarded(headers)
    if isinstance(fields, Fault):
        return fields
    checked = check_endpoint(endpoint)
    if isinstance(checked, RefusedTarget):
        return refuse("request.endpoint", f"{checked.why}; allowed is PATH[?QUERY] under {row.slug}")
    drop_own_fields(fields, own_tokens)
    if checked.query:
        checked = Endpoint(checked.path, drop_own_parameters(checked.query, own_tokens) or None)
    named = fields.pop(row.target_header, "") if row.target_header else ""
    if named and own.base_url is None:
        located = named_destination(row, named, checked)
    else:
        located = find_destination(row, checked, base_url=own.base_url, account=account)
    if isinstance(located, Fault):
        return located
    target = build_target(located.base, located.endpoint)
    if isinstance(target, RefusedTarget):
        return refuse("request.endpoint", target.why)
    base = located.base
    origin = Origin(base.scheme, base.host, base.port, ca_file=own.ca_file, http2=own.http2)
    path, _, query = target.partition("?")
    payload = b"" if body is None or verb in _NO_BODY else body
    fields["accept-encoding"] = "identity"
    if payload:
        fields.setdefault("content-type", "application/json")
    carries_key = has_key(fields, query, row.query_keys)  # asked here: authenticating may add a key of ours
    credential = _authenticate(
        row,
        located,
        own,
        fields,
        carries_key=carries_key,
        method=verb,
        origin=origin,
        target=target,
        body=payload,
        unix_time=unix_time,
    )
    if isinstance(credential, Fault):
        return credential
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
    stored = () if carries_key else carried_keys(fields, "", (), header_keys(own.headers))
    keys = tuple(key.encode() for key in stored)
    return ProviderCall(
        provider=row.slug,
        origin=origin,
        request=request,
        format=format_of(row, path),
        array_stream=array_stream,
        account=credential,
        stored_keys=keys,
    )


_NO_SETTINGS: Final = ProviderSettings()


def _authenticate(
    row: Provider,
    located: Destination,
    own: ProviderSettings,
    fields: dict[str, str],
    *,
    carries_key: bool,
    method: str,
    origin: Origin,
    target: str,
    body: bytes,
    unix_time: float,
) -> ServiceAccount | Fault | None:
    """Bring the credentials in ``fields`` into the provider's form; if the request carries no key, put in a stored one.

    A service account is not a credential yet: it is returned, and the field is left out.
    """
    route = located.route
    if carries_key:
        bearer = fields.get("authorization", "")
        if row.slug == "google-vertex-ai" and bearer[:7].lower() == "bearer ":
            carried = carried_account(bearer[7:].strip())
            if carried is not None:
                del fields["authorization"]
                return read_service_account(carried, "request.headers.authorization")
        if route.bearer_becomes is not None and bearer[:7].lower() == "bearer ":
            del fields["authorization"]
            put_key(fields, route.bearer_becomes, bearer[7:].strip())
        return None
    if own.api_key is None and not own.headers:
        return None
    stored = read_stored_key(row, own.api_key) if own.api_key is not None else None
    if isinstance(stored, Fault):
        return stored
    if isinstance(stored, StoredAzure):
        if own.base_url is None and stored.resource != located.values.get("resource"):
            return refuse_chosen_host(row)
    elif located.chosen_by_client:
        return refuse_chosen_host(row)
    for name, value in own.headers:
        fields.setdefault(name.lower(), value)
    if isinstance(stored, StoredGoogle):
        return None if "authorization" in fields else stored.account
    if isinstance(stored, StoredAws):
        fields.update(
            sign(
                method=method,
                authority=origin.authority,
                target=target,
                fields=fields,
                body=body,
                credentials=stored.credentials,
                region=located.values.get("region", stored.region),
                service=route.sigv4,
                unix_time=unix_time,
            )
        )
    elif stored is not None:
        put_key(fields, route.key or row.key, (stored.key if isinstance(stored, StoredAzure) else stored).reveal())
    return None
