"""Credentials in requests to a provider: the client's are forwarded, stored ones are added.

Decides: what counts as a key in a request, what a stored key is, and what of both is to be hidden (client protocol,
sections 2 and 3.1). Must not know: how keys are stored, and whether a key is valid.

A stored key is added only if the request has none, and only for a host that the provider or the operator chose. A
client's credentials are forwarded unchanged.
"""

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final
from urllib.parse import unquote, unquote_plus

import msgspec

from ..config import ProviderSettings
from ..faults import Fault, FaultKind, Side
from ..secret import Secret, without_content
from .google_token import ServiceAccount, carried_account, read_service_account
from .headers import refuse
from .key_location import BASIC, KeyLocation, not_sendable
from .row import KEY_SCHEME, Provider
from .sigv4 import AwsCredentials

#: Fields that hold a key for some provider.
CREDENTIAL_FIELDS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "xi-api-key")
#: Query parameters that hold a key for some provider.
CREDENTIAL_PARAMETERS: Final = frozenset({"key", "api_key", "api-key", "access_token", "xi-api-key", "token"})
#: A shorter value is not treated as a key: it may be an ordinary word.
_SHORTEST_KEY: Final = 8
#: The most keys from one part of a request that are searched for. More are the client's own problem, and each costs a
#: search.
MOST_KEYS: Final = 16
#: A header of the settings is treated as a key if its name says so or its value is as long as keys are. Other values,
#: for example versions, may be in every response.
_NAMES_A_KEY: Final = re.compile(r"auth|key|token|secret|password|cookie", re.IGNORECASE)
_SHORTEST_UNNAMED_KEY: Final = 16
_PLAIN_KEY: Final = re.compile(r"[!-~]+\Z")
_BARE_SCHEMES: Final = frozenset({"bearer", "token", "key", "api-key", "basic"})


def drop_empty_credentials(fields: dict[str, str]) -> None:
    """Remove fields for a key that hold none."""
    for name in CREDENTIAL_FIELDS:
        value = fields.get(name)
        if value is not None and (not value or (name == "authorization" and value.lower() in _BARE_SCHEMES)):
            del fields[name]


def take_key(fields: dict[str, str]) -> str:
    """The client's key, taken out of ``fields``: the first of ``Authorization: Bearer`` and the fields that hold
    nothing else. Empty if there is none, or one that is no bearer token (a signature)."""
    scheme, _, bearer = fields.get("authorization", "").partition(" ")
    if scheme and scheme.lower() != "bearer":
        return ""
    keys = [bearer.strip() if name == "authorization" else fields[name] for name in CREDENTIAL_FIELDS if name in fields]
    for name in CREDENTIAL_FIELDS:
        fields.pop(name, None)
    return keys[0] if keys else ""


def has_key(fields: Mapping[str, str], query: str, parameters: Sequence[str], location: KeyLocation) -> bool:
    """Whether the request carries a key: in a field, in one of the query ``parameters``, or at ``location``."""
    if any(name in fields for name in CREDENTIAL_FIELDS) or fields.get(location.header):
        return True
    return bool(query and (parameters or location.query)) and any(
        value and (name in parameters or name == location.query)
        for name, _, value in (item.partition("=") for item in _plain_names(query))
    )


def _plain_names(query: str) -> Iterator[str]:
    """The parameters of ``query``, their names percent-decoded."""
    for item in query.split("&"):
        name, equals, value = item.partition("=")
        yield (unquote(name) if "%" in name else name) + equals + value


def carried_keys(
    fields: Mapping[str, str], query: str, parameters: Sequence[str], others: Iterable[str], header: str = ""
) -> list[str]:
    """All keys in a request, longest first: from fields (``header`` among them), from the query (encoded and decoded),
    and ``others``."""
    names = (*CREDENTIAL_FIELDS, "x-amz-security-token", header)
    keys = {*others, *(fields[name].rpartition(" ")[2].removeprefix("Signature=") for name in names if name in fields)}
    items = (item.partition("=") for item in _plain_names(query))
    carrying = (value for name, _, value in items if name in parameters or name.lower() in CREDENTIAL_PARAMETERS)
    for value in islice(carrying, MOST_KEYS):
        keys |= {value, unquote_plus(value)}
    return sorted((key for key in keys if len(key) >= _SHORTEST_KEY), key=len, reverse=True)


def operators_secrets(headers: Iterable[tuple[str, str]], query: str) -> list[str]:
    """What is to be hidden of the settings' ``headers`` and of the ``query`` of their URL."""
    keys: list[str] = []
    for name, value in headers:
        bare = value.rpartition(" ")[2]
        if _NAMES_A_KEY.search(name) or len(bare) >= _SHORTEST_UNNAMED_KEY:
            keys += (value, *(_basic_forms(bare) if value[:6].lower() == "basic " else [bare]))
    for item in query.split("&") if query else ():
        name, _, value = item.partition("=")
        if _NAMES_A_KEY.search(unquote(name)) or len(value) >= _SHORTEST_UNNAMED_KEY:
            keys += (value, unquote_plus(value))
    return keys


def names_a_key(name: str) -> bool:
    """Whether the name of a field or a parameter says that its value is a key."""
    return _NAMES_A_KEY.search(name) is not None


def holds_key(url: str | None) -> bool:
    """Whether the query of a URL of the settings has a parameter whose name says that it is a key."""
    return url is not None and "?" in url and without_keys(url) != url


def without_keys(url: str) -> str:
    """A URL of the settings without the parameters whose names say that they are keys."""
    address, mark, query = url.partition("?")
    kept = [item for item in query.split("&") if not _NAMES_A_KEY.search(unquote(item.partition("=")[0]))]
    return address + mark * bool(kept) + "&".join(kept)


def is_stored(text: str, settings: Mapping[str, ProviderSettings]) -> bool:
    """Whether ``text`` is one of the stored keys: a client may have put it into a wrong place."""
    return any(key.matches(text) for own in settings.values() for key in stored_keys(own))


def stored_keys(own: ProviderSettings) -> tuple[Secret, ...]:
    """All keys that are stored for a provider."""
    return own.more_keys if own.api_key is None else (own.api_key, *own.more_keys)


def key_forms(key: str, location: KeyLocation) -> list[str]:
    """What is to be hidden of a stored key that goes to ``location``. Of one for Basic (RFC 7617), in base64 or not,
    also user and password, and the password alone; of fal's ``ID:SECRET`` also the secret alone. What is behind a colon
    of another key is not hidden by itself: it may be an ordinary word."""
    if location.scheme == BASIC.scheme:
        return _basic_forms(key)
    if location.scheme == KEY_SCHEME.scheme:
        return _with_password(key)
    return [key]


def _basic_forms(key: str) -> list[str]:
    if ":" in key:
        return _with_password(key)
    try:
        return [key, *_with_password(b64decode(key, validate=True).decode())]
    except ValueError:
        return [key]


def _with_password(text: str) -> list[str]:
    return [text, text.partition(":")[2]] if ":" in text else [text]


def aws_secrets(stored: "StoredAws") -> list[str]:
    """What is to be hidden of a stored AWS identity: error texts quote parts of what was signed."""
    identity = stored.credentials
    token = [identity.session_token.reveal()] if identity.session_token is not None else []
    return [identity.access_key_id, identity.secret_access_key.reveal(), *token]


def carried_google_account(fields: dict[str, str]) -> ServiceAccount | Fault | None:
    """The service account that a client sent in base64 instead of a bearer token, taken out of ``fields``."""
    bearer = fields.get("authorization", "")
    carried = carried_account(bearer[7:].strip()) if bearer[:7].lower() == "bearer " else None
    if carried is None:
        return None
    del fields["authorization"]
    return read_service_account(carried, "request.headers.authorization")


class _AwsKeyJson(msgspec.Struct, frozen=True, rename="camel"):
    access_key_id: str
    secret_access_key: str
    region: str
    session_token: str | None = None

    __repr__ = without_content


class _AzureKeyJson(msgspec.Struct, frozen=True, rename="camel"):
    resource: str
    api_key: str

    __repr__ = without_content


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
    """Read a stored key: a plain key, or JSON in the form of its provider. JSON of any other form is never sent as it
    stands: it may hold a private key."""
    text = secret.reveal().strip("\ufeff \t\r\n")
    where = f"providers.{provider.slug}.api_key"
    is_vertex = provider.slug == "google-vertex-ai"
    if not text.startswith("{"):
        account = carried_account(text) if is_vertex else None
        if account is not None:
            return _google(account, where)
        return secret if _PLAIN_KEY.match(secret.reveal()) else not_sendable(where)
    try:
        if any(route.sigv4 for route in provider.routes):
            aws = msgspec.json.decode(text, type=_AwsKeyJson)
            token = Secret(aws.session_token) if aws.session_token else None
            return StoredAws(AwsCredentials(aws.access_key_id, Secret(aws.secret_access_key), token), aws.region)
        if provider.slug.startswith("azure"):
            azure = msgspec.json.decode(text, type=_AzureKeyJson)
            return StoredAzure(azure.resource, Secret(azure.api_key))
        if is_vertex:
            return _google(Secret(text), where)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        forms = '{"accessKeyId", "secretAccessKey", "region", "sessionToken"?} or {"resource", "apiKey"}'
        return Fault(FaultKind.NOT_CONFIGURED, Side.GATEWAY, f"{where} is JSON of no known form; allowed are {forms}")
    detail = f"{where} is JSON, which this provider has no form for; allowed is a plain key"
    return Fault(FaultKind.NOT_CONFIGURED, Side.GATEWAY, detail)


def _google(text: Secret, where: str) -> StoredGoogle | Fault:
    account = read_service_account(text, where, loopback=True)
    if isinstance(account, Fault):
        return Fault(FaultKind.NOT_CONFIGURED, account.side, account.detail)
    return StoredGoogle(account)


def refuse_chosen_host(provider: Provider, setting: str = "base_url") -> Fault:
    """The refusal to send a stored key to a host that the client chose."""
    return refuse(
        "request.endpoint",
        f"names the host itself, so the key stored for {provider.slug} is not sent there; "
        f"send your own key, or have the operator set providers.{provider.slug}.{setting}",
    )
