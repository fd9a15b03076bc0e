"""Credentials in requests to a provider: the client's are forwarded, the gateway's own are removed, stored ones are
added.

Decides: what counts as a key in a request, and where a stored key is put (client protocol, sections 2 and 3.1). Must
not know: how keys are stored, and whether a key is valid.

A stored key is added only if the request has none, and only for a host that the provider or the operator chose. A
client's credentials are forwarded unchanged.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final
from urllib.parse import unquote_plus

import msgspec

from ..faults import Fault, FaultKind, Side
from ..secret import Secret
from .google_token import ServiceAccount, read_service_account
from .headers import refuse
from .registry import KeyLocation, Provider
from .sigv4 import AwsCredentials

#: Fields that hold a key for some provider.
CREDENTIAL_FIELDS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "xi-api-key")
#: Query parameters that hold a key for some provider. Our own tokens are removed from them.
CREDENTIAL_PARAMETERS: Final = frozenset({"key", "api_key", "api-key", "access_token", "xi-api-key", "token"})
#: A shorter value is not treated as a key: it may be an ordinary word.
_SHORTEST_KEY: Final = 8
#: The most keys from one part of a request that are searched for. More are the client's own problem, and each costs a
#: search.
MOST_KEYS: Final = 16
#: A header of the settings is treated as a key if its name says so or its value is as long as keys are. Other values,
#: for example versions, may be in every response.
_NAMES_A_KEY: Final = re.compile(r"auth|key|token|secret|password|cookie", re.IGNORECASE)
_SHORTEST_UNNAMED_KEY: Final = 20
_BARE_SCHEMES: Final = frozenset({"bearer", "token", "key", "api-key", "basic"})


def drop_own_fields(fields: dict[str, str], own_tokens: Callable[[str], bool]) -> None:
    """Remove the gateway's own tokens, and empty credentials, from ``fields``."""
    for name in CREDENTIAL_FIELDS:
        value = fields.get(name)
        if value is None:
            continue
        scheme, blank, bare = value.partition(" ")
        bare = bare.strip() if blank else scheme
        if (
            not bare
            or (name == "authorization" and value.lower() in _BARE_SCHEMES)
            or own_tokens(bare)
            or own_tokens(value)
        ):
            del fields[name]


def drop_own_parameters(query: str, own_tokens: Callable[[str], bool]) -> str:
    """``query`` without the parameters that hold one of the gateway's own tokens; the rest is unchanged, byte for
    byte."""
    if "=" not in query:
        return query
    return "&".join(
        item
        for item, (name, _, value) in ((item, item.partition("=")) for item in query.split("&"))
        if not (name.lower() in CREDENTIAL_PARAMETERS and own_tokens(unquote_plus(value)))
    )


def has_key(fields: dict[str, str], query: str, parameters: Sequence[str]) -> bool:
    """Whether the request carries a key: in a field, or in one of the query ``parameters``."""
    if any(name in fields for name in CREDENTIAL_FIELDS):
        return True
    return bool(parameters) and any(
        name in parameters and value for name, _, value in (item.partition("=") for item in query.split("&"))
    )


def carried_keys(fields: Mapping[str, str], query: str, parameters: Sequence[str], others: Iterable[str]) -> list[str]:
    """All keys in a request, longest first: from fields, from the query (encoded and decoded), and ``others``."""
    keys = {*others, *(fields[name].rpartition(" ")[2] for name in CREDENTIAL_FIELDS if name in fields)}
    items = (item.partition("=") for item in query.split("&"))
    carrying = (value for name, _, value in items if name in parameters or name.lower() in CREDENTIAL_PARAMETERS)
    for value in islice(carrying, MOST_KEYS):
        keys |= {value, unquote_plus(value)}
    return sorted((key for key in keys if len(key) >= _SHORTEST_KEY), key=len, reverse=True)


def header_keys(headers: Iterable[tuple[str, str]]) -> list[str]:
    """The keys in ``headers`` of the settings, with and without a scheme."""
    keys: list[str] = []
    for name, value in headers:
        bare = value.rpartition(" ")[2]
        if _NAMES_A_KEY.search(name) or len(bare) >= _SHORTEST_UNNAMED_KEY:
            keys += (value, bare)
    return keys


def put_key(fields: dict[str, str], location: KeyLocation, key: str) -> None:
    """Put ``key`` into the field that ``location`` names."""
    fields[location.header] = location.scheme + key


class _AwsKeyJson(msgspec.Struct, frozen=True, rename="camel"):
    access_key_id: str
    secret_access_key: str
    region: str
    session_token: str | None = None


class _AzureKeyJson(msgspec.Struct, frozen=True, rename="camel"):
    resource: str
    api_key: str


class StoredAws(msgspec.Struct, frozen=True):
    """A stored AWS identity, and the region to use if the endpoint names none."""

    credentials: AwsCredentials
    region: str


class StoredAzure(msgspec.Struct, frozen=True):
    """A stored key for one Azure resource only."""

    resource: str
    key: Secret


class StoredGoogle(msgspec.Struct, frozen=True):
    """A Google service account: an access token must be fetched for it first (:mod:`.google_token`)."""

    account: ServiceAccount


StoredKey = Secret | StoredAws | StoredAzure | StoredGoogle


def read_stored_key(provider: Provider, secret: Secret) -> StoredKey | Fault:
    """Parse a stored key: a plain key, or JSON in the form of its provider."""
    text = secret.reveal()
    if not text.lstrip().startswith("{"):
        return secret
    where = f"providers.{provider.slug}.api_key"
    try:
        if any(route.sigv4 for route in provider.routes):
            aws = msgspec.json.decode(text, type=_AwsKeyJson)
            token = Secret(aws.session_token) if aws.session_token else None
            return StoredAws(AwsCredentials(aws.access_key_id, Secret(aws.secret_access_key), token), aws.region)
        if provider.slug.startswith("azure"):
            azure = msgspec.json.decode(text, type=_AzureKeyJson)
            return StoredAzure(azure.resource, Secret(azure.api_key))
        if provider.slug == "google-vertex-ai":
            account = read_service_account(secret, where, loopback=True)
            return account if isinstance(account, Fault) else StoredGoogle(account)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        forms = '{"accessKeyId", "secretAccessKey", "region", "sessionToken"?} or {"resource", "apiKey"}'
        return Fault(FaultKind.INVALID_REQUEST, Side.GATEWAY, f"{where} is JSON of no known form; allowed are {forms}")
    return secret


def refuse_chosen_host(provider: Provider, setting: str = "base_url") -> Fault:
    """The refusal to send a stored key to a host that the client chose."""
    return refuse(
        "request.endpoint",
        f"names the host itself, so the key stored for {provider.slug} is not sent there; "
        f"send your own key, or have the operator set providers.{provider.slug}.{setting}",
    )
