"""The form of a provider's row.

Data only. ``{name}`` in a route's URL is replaced by the endpoint segment of that name in its prefix, or by the
client's account.
"""

from typing import Final

import msgspec

from .key_location import BEARER, KeyLocation

X_API_KEY: Final = KeyLocation("x-api-key")
AZURE_API_KEY: Final = KeyLocation("api-key")
GOOGLE_API_KEY: Final = KeyLocation("x-goog-api-key")
XI_API_KEY: Final = KeyLocation("xi-api-key")
KEY_SCHEME: Final = KeyLocation("authorization", "Key ")
API_KEY_SCHEME: Final = KeyLocation("authorization", "Api-Key ")


class Variable(msgspec.Struct, frozen=True):
    """A variable in an endpoint's prefix. ``form``: its regular expression; ``allowed``: the same in words. ``tenant``:
    anyone can register such a name, so the client chooses the server's owner with it. ``values``: all there are, if
    they are few."""

    form: str
    allowed: str
    tenant: bool = False
    values: tuple[str, ...] = ()


#: The variables of prefixes. Only these parts of a host can be filled in by a client.
VARIABLES: Final[dict[str, Variable]] = {
    "resource": Variable(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", "1 to 63 of a-z, 0-9 and -", tenant=True),
    "model": Variable(r"[a-z0-9](?:[a-z0-9-]{0,55}[a-z0-9])?", "1 to 57 of a-z, 0-9 and -", tenant=True),
    # exactly the form of an AWS region: with "s3" or "s3-us-west-2" the host would be somebody's bucket
    "region": Variable(r"[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}", "an AWS region such as us-east-1"),
    "location": Variable(r"[a-z]{2,24}-[a-z]{2,24}[0-9]{1,2}", "a Google Cloud location such as us-central1"),
    "multiregion": Variable(r"us|eu", "us or eu", values=("us", "eu")),
    "deployment": Variable(r"[^/]+", "a deployment's name"),
    "project": Variable(r"[^/]+", "a project's name"),
    "version": Variable(r"v[0-9]+(?:beta|alpha)?[0-9]*", "v1 or v1beta1"),
}


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One URL of a provider, for endpoints that begin with ``prefix``; the most specific route comes first.

    ``url`` is ``https://HOST[:PORT][/PATH]``. ``prefix`` is some segments, of which ``{region}`` and the like stand for
    what the client fills in. It is taken off the endpoint; ``keep``: it stays in the upstream path.
    """

    url: str
    prefix: str = ""
    keep: bool = False
    key: KeyLocation | None = None  #: where the key goes, if not as the row says
    sigv4: str = ""  #: the service name in AWS signatures
    bearer_becomes: KeyLocation | None = None  #: where the key of a client's ``Authorization: Bearer`` is moved to


class RealtimeRoute(msgspec.Struct, frozen=True, kw_only=True):
    """The realtime URL of a provider (client protocol, section 4), with ``wss`` or ``ws``. ``url`` is empty if a prefix
    has to choose it or, if there is none, if it has to come from the settings."""

    url: str
    path: str  #: used if the client gives none
    #: (first segment of the path, URL): the segment chooses or, as ``{name}``, fills the host. Tried in order.
    prefixes: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()  #: (our query name, the provider's query name)
    query_keys: tuple[str, ...] = ()  #: the provider's query names that hold a credential
    key: KeyLocation = BEARER
    other_hosts: tuple[tuple[str, str], ...] = ()  #: (pattern of the path, URL) for paths on other hosts
    formats: tuple[tuple[str, str], ...] = ()  #: (pattern of the upstream path, format), tried before ``format``
    format: str = "unknown"
    subprotocols: tuple[str, ...] = ()  #: offered items that are no secrets, besides the common ones
    markers: tuple[str, ...] = ()  #: those of them behind which a bare key stands


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider: where it is, how it takes its key, and how its responses are read.

    ``slug`` is its name for clients and in the settings. ``routes`` are tried in order. ``formats`` are (pattern of the
    upstream path, format), tried before the common ones; ``format`` is for all other paths. An empty pattern fits every
    path. ``framings`` are (media type, framing), tried before the usual ones, for a status of 2xx.

    A host gives one of its own to :class:`aigw_sansio.Parts`, which validates it.
    """

    slug: str
    routes: tuple[Route, ...]
    key: KeyLocation = BEARER
    query_keys: tuple[str, ...] = ()  #: query names that hold a credential
    formats: tuple[tuple[str, str], ...] = ()
    format: str = "unknown"
    framings: tuple[tuple[str, str], ...] = ()
    target_header: str = ""  #: the field in which a client may name another of the provider's hosts
    target_domain: str = ""  #: the domain that such a host must be, or be under
    known_hosts: tuple[str, ...] = ()  #: hosts that are the provider's own: a stored key may be sent there
    realtime: RealtimeRoute | None = None
