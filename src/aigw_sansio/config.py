"""The settings of a gateway: frozen, validated once, units in the names.

Decides: the names, defaults and allowed ranges of all settings (client protocol, section 7). Must not know: their
source; ``aigw_drivers.server.settings`` reads TOML into these classes.
"""

import re
from ipaddress import ip_network
from typing import Final, Literal

import msgspec

from .origin import check_no_proxy, read_proxy
from .secret import Secret

Backoff = Literal["constant", "linear", "exponential"]
Compression = Literal["off", "messages", "stream"]
Policy = Literal["admit", "find_key"]

#: The allowed items of ``ask``.
POLICIES: Final[tuple[Policy, ...]] = ("admit", "find_key")


def _in_range(owner: str, name: str, value: float, *, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{owner}.{name} is {value}; allowed is {low} to {high}")


def _check_ranges(settings: msgspec.Struct, ranges: dict[str, tuple[float, float]]) -> None:
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if value is not None:
            _in_range(type(settings).__name__.lower(), name, value, low=low, high=high)


MIB = 1024 * 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what peers can make us hold or do. Byte limits are inclusive (client protocol, section 3.4)."""

    message_bytes: int = 16 * MIB  #: one WebSocket message, each way
    head_bytes: int = 32 * 1024  #: request or response head with its header fields
    head_fields: int = 128  #: header fields of a request, of a response, of a trailer section
    steps_per_request: int = 16
    headers_per_step: int = 100
    attempts_per_exchange: int = 20  #: of all steps; a step is tried again only if each later one keeps an attempt
    exchanges_per_connection: int = 100
    request_bytes_per_connection: int = 64 * MIB  #: memory that the requests of running exchanges take
    response_body_bytes: int = 32 * MIB  #: a whole response, content coding removed
    held_bytes: int = 256 * 1024  #: chunks held back before the commit
    buffered_response_bytes_per_connection: int = 64 * MIB
    upstream_connections_per_origin: int = 512
    streams_per_connection: int = 100  #: at once on one HTTP/2 connection, either side
    requests_per_connection: int = 1000  #: in all on a client's HTTP/2 connection; then GOAWAY, and open ones go on
    send_high_water_bytes: int = 64 * 1024  #: for a connection's send buffer, and for an exchange's own queue
    early_bytes: int = 64 * 1024  #: held for a realtime client until its provider answers; one read may exceed it
    unusable_messages_in_a_row: int = 100
    tap_message_bytes: int = MIB  #: largest realtime message that the tap reads
    chunk_bytes: int = 16 * MIB  #: one SSE event, line or array element
    read_on_bytes: int = 64 * 1024  #: behind the end of a provider's stream, until its connection can be kept
    connections: int | None = None  #: of clients
    memory_bytes: int | None = None  #: all that is held for peers, in all buffers
    lookups_at_once_per_client: int = 4  #: dials of one client connection to names that it made up
    fetched_media_bytes: int = 16 * MIB  #: what the host may give for one URL
    fetches_at_once_per_client: int = 32  #: URLs of one client connection that the host is asked for
    signings_at_once: int = 1  #: questions to the host for a signature
    connections_per_address: int | None = None  #: of one IPv4 address or one IPv6 /64; trusted proxies do not count

    def __post_init__(self) -> None:
        _check_ranges(self, dict.fromkeys(self.__struct_fields__, (1, 1 << 40)))
        _in_range("limits", "head_bytes", self.head_bytes, low=1024, high=MIB)
        _in_range("limits", "head_fields", self.head_fields, low=16, high=10_000)
        _in_range("limits", "steps_per_request", self.steps_per_request, low=1, high=10_000)


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Time limits, in seconds. ``None``: no limit."""

    handshake_s: float = 10.0  #: from a client's connection to the end of its request head
    connection_idle_s: float = 60.0  #: a client's HTTP/2 connection without a stream
    close_s: float = 5.0  #: from our close to the end of the connection
    write_stall_s: float = 60.0  #: bytes wait to be sent and none is taken
    ping_after_s: float = 30.0  #: silence of a WebSocket peer before we ping
    pong_s: float = 20.0  #: from the ping's last byte to the next byte of the peer
    client_idle_s: float | None = None  #: a universal socket without an exchange or a message
    session_s: float | None = None  #: a WebSocket's longest life
    realtime_open_s: float = 10.0  #: from a realtime upgrade to the provider's 101
    realtime_idle_s: float | None = 600.0  #: no message from either side
    connect_s: float = 10.0  #: dial, TLS included
    pool_wait_s: float = 10.0  #: for a free connection, if all connections of an origin are taken
    first_byte_s: float | None = None
    idle_s: float = 600.0  #: between two bytes of a provider's response
    total_s: float | None = None  #: a whole exchange
    end_grace_s: float = 5.0  #: from the last finish of a provider's stream to its end, if nothing more comes
    read_on_s: float = 1.0  #: from the end of a provider's stream until its connection is given up, if it goes on
    pool_idle_s: float = 60.0  #: an upstream connection without work
    pool_age_s: float = 3600.0  #: an older upstream connection takes no new work
    upstream_ping_s: float = 30.0  #: silence of a shared HTTP/2 connection that has work, before we ping
    memory_wait_s: float = 5.0  #: above ``memory_bytes``, until the socket that holds most is closed
    cancelled_s: float = 1.0  #: from a cancel until the exchange counts no more
    ask_s: float = 5.0  #: for the host's answer
    fetch_s: float = 30.0  #: for its answer to a question for media
    drain_s: float = 30.0  #: for running exchanges, when the gateway shuts down

    def __post_init__(self) -> None:
        _check_ranges(self, dict.fromkeys(self.__struct_fields__, (0.001, 86400.0 * 365)))


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway's default for the attempts of one step (client protocol, section 3.3)."""

    max_attempts: int = 1
    delay_ms: int = 0
    backoff: Backoff = "exponential"

    def __post_init__(self) -> None:
        _check_ranges(self, {"max_attempts": (1, 5), "delay_ms": (0, 60_000)})


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """One ``account/gateway``."""

    authentication: bool = False
    tokens: tuple[Secret, ...] = ()
    #: ``Origin`` values that are allowed beside the gateway's own; "*" allows all. Empty: all if there is
    #: authentication, else none.
    origins: tuple[str, ...] = ()
    query_token: bool = False
    #: The providers (by slug), endpoints and methods that clients may use; ``None``: all. An endpoint that ends with
    #: ``*`` stands for all that begin with it.
    providers: tuple[str, ...] | None = None
    endpoints: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    #: Ask the host for media that a client names by URL, if the provider takes content only. Else they are refused.
    fetch_media: bool = False
    byok_only: bool = False  #: only clients' own keys go to providers, never a stored one
    provider_settings: dict[str, "ProviderSettings"] = {}  #: by slug; each replaces the one in ``Config.providers``
    #: permessage-deflate (RFC 7692) for universal sockets whose client offers it. "messages": each message of 1 KiB
    #: or more is compressed by itself; nothing is held between messages. "stream": all messages to the client share
    #: one context; deltas shrink to an eighth, and each socket costs 37 KiB. Realtime sockets are never compressed:
    #: they are relayed unchanged.
    compression: Compression = "off"
    retry: Retry = Retry()
    #: About what the host is asked before a request goes to a provider: "admit" whether it may
    #: (:class:`~.effects.Admit`), "find_key" for its key (:class:`~.effects.FindKey`). Nothing: it costs nothing.
    ask: tuple[Policy, ...] = ()

    def __post_init__(self) -> None:
        if not set(self.ask).issubset(POLICIES):
            raise ValueError(f"gatewaysettings.ask has an item that is no question; allowed are {', '.join(POLICIES)}")


#: The allowed values of ``key_in``, in words.
KEY_PLACES: Final = "bearer, basic, token, header:NAME, query:NAME and subprotocol:MARKER"
_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_KEY_IN: Final = re.compile(rf"bearer|basic|token|header:{_TOKEN}|query:[A-Za-z0-9._~-]+|subprotocol:{_TOKEN}")
_SUBPROTOCOL: Final = re.compile(_TOKEN)
_ORIGIN: Final = re.compile(r"pass|null|[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@]+")


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one provider. They override the registry's row.

    ``ValueError`` for a value that is not allowed; it begins with ``provider.NAME`` and says what is.
    """

    base_url: str | None = None
    realtime_url: str | None = None
    api_key: Secret | None = None
    headers: tuple[tuple[str, str], ...] = ()  #: may hold keys, so ``repr`` shows their names only
    origin: str | None = None  #: the ``Origin`` that goes upstream; "pass": the client's; without it none
    #: How the stored key is carried: "bearer", "basic", "token", "header:NAME", "query:NAME", or for WebSockets
    #: "subprotocol:MARKER".
    key_in: str | None = None
    #: WebSocket subprotocols that are no secrets. One that ends with a dot stands for all that begin with it.
    subprotocols: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("GET", "HEAD", "POST")  #: that may go with the stored key
    models: tuple[str, ...] = ()  #: the provider's names of those that clients are told of; others can be asked too
    http2: Literal["auto", "on", "off"] = "auto"  #: "on" without TLS is h2c with prior knowledge
    ca_file: str | None = None
    #: The HTTP proxy to this provider, "http://USER:PASSWORD@HOST:PORT", in place of that of all; "none": no proxy.
    proxy: Secret | None = None

    def __post_init__(self) -> None:
        _check_proxy("provider.proxy", self.proxy)
        if self.origin is not None and not _ORIGIN.fullmatch(self.origin):
            raise ValueError("provider.origin is no origin; allowed are 'pass' and scheme://host[:port]")
        if self.key_in is not None and not _KEY_IN.fullmatch(self.key_in):
            raise ValueError(f"provider.key_in has a bad value; allowed are {KEY_PLACES}")
        if not all(map(_SUBPROTOCOL.fullmatch, self.subprotocols)):
            raise ValueError("provider.subprotocols has a bad item; allowed are letters, digits and !#$%&'*+-.^_`|~")

    def __repr__(self) -> str:
        names = [name for name, _ in self.headers]
        return (
            f"ProviderSettings(base_url={shown_url(self.base_url)!r}, realtime_url={shown_url(self.realtime_url)!r}, "
            f"api_key={self.api_key!r}, headers={names!r}, origin={self.origin!r}, key_in={self.key_in!r}, "
            f"subprotocols={self.subprotocols!r}, methods={self.methods!r}, models={self.models!r}, "
            f"http2={self.http2!r}, ca_file={self.ca_file!r}, proxy={self.proxy!r})"
        )


def _check_proxy(name: str, proxy: Secret | None) -> None:
    if proxy is not None:
        try:
            read_proxy(proxy)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None


def shown_url(url: str | None) -> str | None:
    """``url`` for a person: without its query, which may hold a key."""
    if url is None or "?" not in url:
        return url
    return url.partition("?")[0] + "?***"


#: The clocks that a request may set for itself.
CLIENT_CLOCKS: Final = ("connect_s", "first_byte_s", "idle_s", "total_s")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a gateway process. ``gateways`` is keyed by ``"account/gateway"``, ``providers`` by slug.

    ``ValueError`` if ``trusted_proxies`` has an item that is no address or network, ``ceilings`` one that is no clock
    of a request, or ``proxy`` or ``no_proxy`` have another form.
    """

    gateways: dict[str, GatewaySettings] = msgspec.field(default_factory=lambda: {"local/default": GatewaySettings()})
    providers: dict[str, ProviderSettings] = {}
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    #: Those of ``CLIENT_CLOCKS`` that a request may only shorten. The others are defaults.
    ceilings: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()  #: names under which clients reach the gateway, without a port
    trusted_proxies: tuple[str, ...] = ()  #: addresses and networks whose ``X-Forwarded-For`` is believed
    #: How many connections the process can hold, of clients and to providers. ``None``: it is not known.
    descriptors: int | None = None
    emit_provider_events: bool = False
    #: The HTTP proxy to all providers, "http://USER:PASSWORD@HOST:PORT", and the hosts that are reached without it; so
    #: are those on this machine.
    proxy: Secret | None = None
    no_proxy: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_proxy("config.proxy", self.proxy)
        for item in self.no_proxy:
            try:
                check_no_proxy(item)
            except ValueError as error:
                raise ValueError(f"config.no_proxy has an item that {error}") from None
        if not set(self.ceilings).issubset(CLIENT_CLOCKS):
            raise ValueError(f"config.ceilings has an item that is no clock; allowed are {', '.join(CLIENT_CLOCKS)}")
        for text in self.trusted_proxies:
            try:
                ip_network(text, strict=False)
            except ValueError:
                raise ValueError("config.trusted_proxies has an item that is no address or network") from None
