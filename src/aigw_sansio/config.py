"""The settings of a gateway: frozen, validated once, units in the names.

Decides: the names, defaults, forms and allowed ranges of all settings (client protocol, section 7). Must not know:
their source, and the tables of providers. ``aigw_drivers.server.settings`` reads TOML into these classes; what depends
on a provider is checked by :mod:`aigw_sansio.providers.setting_checks` when a gateway is made.

Each class raises :class:`.ConfigError`, a ``ValueError``, if it is made with values that are not allowed, also by
``msgspec.structs.replace``. A list is taken for a tuple, a ``str`` for a :class:`.Secret`, and a dict for pairs.
"""

import re
from ipaddress import ip_network
from typing import Final, Literal

import msgspec

from .checks import Check, Named
from .ids import MOST_PRICE, CustomCost
from .origin import check_no_proxy, read_proxy
from .quota_rules import QuotaRule, unlike_their_count
from .secret import Secret

Backoff = Literal["constant", "linear", "exponential"]
Compression = Literal["off", "messages", "stream"]
Policy = Literal["admit", "find_key", "count", "review"]


MIB = 1024 * 1024


class Limits(msgspec.Struct, frozen=True, kw_only=True, metaclass=Named):
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
    record_payload_bytes: int = 64 * 1024  #: of each body, if a record is to have what was sent and received
    read_on_bytes: int = 64 * 1024  #: behind the end of a provider's stream, until its connection can be kept
    connections: int | None = None  #: of clients
    memory_bytes: int | None = None  #: all that is held for peers, in all buffers
    lookups_at_once_per_client: int = 4  #: dials of one client connection to names that it made up
    fetched_media_bytes: int = 16 * MIB  #: what the host may give for one URL
    fetches_at_once_per_client: int = 32  #: URLs of one client connection that the host is asked for
    signings_at_once: int = 1  #: questions to the host for a signature
    connections_per_address: int | None = None  #: of one IPv4 address or one IPv6 /64; trusted proxies do not count
    cache_bytes: int = 4 * MIB  #: a response that is kept in the cache
    resume_bytes: int = 4 * MIB  #: messages kept for a session that can be resumed
    detached_sessions: int = 1000  #: sessions without a connection, until they are resumed
    lanes_per_connection: int = 32  #: names of lanes that a client of Responses may use
    responses_at_once_per_connection: int = 16  #: running in all lanes of such a client; others wait
    conversation_bytes_per_connection: int = 16 * MIB  #: what such a client said and was told, to go on from it
    recorded_bytes: int = 64 * MIB  #: all responses that are being recorded, and kept ones of later steps

    def __post_init__(self) -> None:
        check = Check(self, "limits")
        check.ranges(
            dict.fromkeys(self.__struct_fields__, (1, 1 << 40))
            | {"head_bytes": (1024, MIB), "head_fields": (16, 10_000), "steps_per_request": (1, 10_000)}
            | {"resume_bytes": (64 * 1024, 1 << 40)}
        )
        check.done()


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, metaclass=Named):
    """Time limits, in seconds. ``None``: no limit."""

    handshake_s: float = 10.0  #: from a client's connection to the end of its request head
    connection_idle_s: float = 60.0  #: a client's HTTP/2 connection without a stream
    close_s: float = 5.0  #: from our close to the end of the connection
    write_stall_s: float = 60.0  #: bytes wait to be sent and none is taken
    ping_after_s: float = 30.0  #: silence of a WebSocket peer before we ping
    pong_s: float = 20.0  #: from the ping's last byte to the next byte of the peer
    client_idle_s: float | None = None  #: a universal socket without an exchange or a message
    session_s: float | None = None  #: a WebSocket's longest life
    responses_session_s: float | None = 3600.0  #: the longest life of one that speaks Responses; what runs is finished
    life_sign_s: float | None = 25.0  #: silence of a running response of such a client, before it is told that it runs
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
    store_s: float = 1.0  #: for an answer that the host takes from a store
    lease_s: float = 15.0  #: from the last sign of a process to its requests counting no more among those that run
    fetch_s: float = 30.0  #: for its answer to a question for media
    look_up_s: float = 0.25  #: for its answer from the cache; then the request goes to its provider
    review_s: float = 10.0  #: for its answer to a review; then the response is stopped
    resume_s: float = 0.0  #: for a client whose connection was lost; 0: no session can be resumed
    drain_s: float = 30.0  #: for running exchanges, when the gateway shuts down

    def __post_init__(self) -> None:
        check = Check(self, "timeouts")
        ranges = dict.fromkeys(self.__struct_fields__, (0.001, 86400.0 * 365))
        check.ranges(ranges | {"resume_s": (0.0, 86400.0 * 365)})
        check.done()


class Retry(msgspec.Struct, frozen=True, kw_only=True, metaclass=Named):
    """A gateway's default for the attempts of one step (client protocol, section 3.3)."""

    max_attempts: int = 1
    delay_ms: int = 0
    backoff: Backoff = "exponential"

    def __post_init__(self) -> None:
        check = Check(self, "retry")
        check.ranges({"max_attempts": (1, 5), "delay_ms": (0, 60_000)})
        check.done()


#: Methods that settings may name.
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_METHOD: Final = "|".join(METHODS)
_NO_METHOD: Final = f"is no method; allowed are {', '.join(METHODS)}"
#: The shortest and the longest time for which a response may be kept, in seconds: a minute and 30 days.
CACHE_TTL_S: Final = (60, 30 * 86400)
_GATEWAY_NAME: Final = r"[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}"
_PAGE_ORIGIN: Final = r"\*|null|[a-z][a-z0-9+.-]*://[^\s/?#@]+"
_HOST: Final = r"\[[0-9A-Fa-f:.]+\]|[^\s/:?#@\[\]]+"
_VISIBLE: Final = r"[!-~]+"


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True, metaclass=Named):
    """One ``account/gateway``.

    ``tokens`` turn ``authentication`` on: it is never ``None`` in a gateway that has been made.
    """

    authentication: bool | None = None  #: ``None``: only if there are ``tokens``
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
    #: Whether there is a record, and with bodies, if the client does not say (:class:`~.ids.RecordOptions`).
    collect_logs: bool = True
    collect_log_payload: bool = False
    #: What the host is asked: "admit" whether a request may go (:class:`~.effects.Admit`), "find_key" for its key
    #: (:class:`~.effects.FindKey`), "count" to keep the counts of the quotas below (:class:`~.effects.Count`), if other
    #: processes share them, "review" whether its response may be shown (:class:`~.review.Review`).
    ask: tuple[Policy, ...] = ()
    cache_ttl: int = 0  #: seconds for which responses are kept; 0: only those of clients that ask for it
    store_ttl: int = 0  #: seconds for which the host stores responses that a client of Responses wants stored; 0: never
    coalesce: bool = False  #: requests that the cache takes for one share one call while they run at the same time
    #: Quotas: requests in a time; more rules, also about tokens and money; requests and realtime sessions that run.
    rate_limit: QuotaRule | None = None
    rules: tuple[QuotaRule, ...] = ()
    concurrency: int | None = None
    fail_open: bool = False  #: a request goes on if the host is asked to count and does not answer
    ask_usage: bool = True  #: streams whose tokens a rule counts are asked to report them, if their format can be
    unreported_tokens: int | None = None  #: of a response whose provider reports none; ``None``: they are estimated
    custom_cost: bool = True  #: clients may name the price of a response (``cf-aig-custom-cost``)
    review_chunks: int = 1  #: with content that are reviewed at a time; of a realtime session: messages
    review_bytes: int = 16 * 1024  #: or so many, of all chunks; one read may exceed it
    review_wait_ms: int = 100  #: or so long after the first that waits; 0 waits for nothing

    def __post_init__(self) -> None:
        check = Check(self, "gateway")
        low, high = CACHE_TTL_S
        for name, ttl in (("cache_ttl", self.cache_ttl), ("store_ttl", self.store_ttl)):
            if check.good(name) and ttl and not low <= ttl <= high:
                check.error((name,), f"is {ttl}; allowed are 0 and {low} to {high}")
        check.ranges({"review_chunks": (1, 100_000), "review_bytes": (1, 16 * MIB), "review_wait_ms": (0, 60_000)})
        check.form("tokens", _VISIBLE, "is not usable; allowed is printable ASCII without blanks")
        check.form("origins", _PAGE_ORIGIN, "is no origin; allowed is scheme://host[:port], 'null', or '*' for any")
        check.form("methods", _METHOD, _NO_METHOD)
        check.ranges({"concurrency": (1, 1 << 40), "unreported_tokens": (0, 1 << 40)})
        if check.good("rate_limit") and self.rate_limit is not None and self.rate_limit.measure != "count":
            check.error(("rate_limit",), "does not count requests; allowed is the measure 'count'")
        if check.good("rules"):
            first = [self.rate_limit] if check.good("rate_limit") and self.rate_limit is not None else []
            for index in unlike_their_count((*first, *self.rules)):
                why = "is the id of a rule of another measure, window or technique; allowed is one of its own"
                check.error(("rules", index - len(first), "id"), why)
        if self.authentication is False and self.tokens:
            check.error(("tokens",), "has no use without authentication; allowed is authentication = true, or none")
        check.done()
        if self.authentication is None:  # safety: who names tokens wants them to be asked for
            msgspec.structs.force_setattr(self, "authentication", bool(self.tokens))

    @property
    def has_quotas(self) -> bool:
        """Whether anything is to be counted."""
        return bool(self.rate_limit or self.rules or self.concurrency)

    @property
    def has_budgets(self) -> bool:
        """Whether tokens or money are to be counted."""
        return any(rule.enabled and rule.measure != "count" for rule in self.rules)


#: The allowed values of ``key_in``, in words.
KEY_PLACES: Final = "bearer, basic, token, header:NAME, query:NAME and subprotocol:MARKER"
_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_KEY_IN: Final = rf"bearer|basic|token|header:{_TOKEN}|query:[A-Za-z0-9._~-]+|subprotocol:{_TOKEN}"
_ORIGIN: Final = r"pass|null|[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@]+"


class ProviderSettings(msgspec.Struct, frozen=True, kw_only=True, metaclass=Named):
    """Settings of one provider. They override the registry's row."""

    base_url: str | None = None
    realtime_url: str | None = None
    api_key: Secret | None = None
    more_keys: tuple[Secret, ...] = ()  #: they go in turn with ``api_key``
    headers: tuple[tuple[str, str], ...] = ()  #: may hold keys, so ``repr`` shows their names only
    origin: str | None = None  #: the ``Origin`` that goes upstream; "pass": the client's; without it none
    #: How the stored key is carried: "bearer", "basic", "token", "header:NAME", "query:NAME", or for WebSockets
    #: "subprotocol:MARKER".
    key_in: str | None = None
    #: WebSocket subprotocols that are no secrets. One that ends with a dot stands for all that begin with it.
    subprotocols: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("GET", "HEAD", "POST")  #: that may go with the stored key
    models: tuple[str, ...] = ()  #: the provider's names of those that clients are told of; others can be asked too
    #: What tokens cost, by the name of a model. One that ends with ``*`` is for all that begin with it.
    prices: dict[str, CustomCost] = {}
    ask_usage: bool = True  #: it may be asked to report the tokens of a stream; some servers refuse such a request
    native: bool = False  #: clients of Responses over WebSocket have WebSockets of their own to it
    http2: Literal["auto", "on", "off"] = "auto"  #: "on" without TLS is h2c with prior knowledge
    ca_file: str | None = None
    #: The HTTP proxy to this provider, "http://USER:PASSWORD@HOST:PORT", in place of that of all; "none": no proxy.
    proxy: Secret | None = None

    def __post_init__(self) -> None:
        check = Check(self, "provider")
        _check_proxy(check, self.proxy)
        check.form("origin", _ORIGIN, "is no origin; allowed are 'pass' and scheme://host[:port]")
        check.form("key_in", _KEY_IN, f"has a bad value; allowed are {KEY_PLACES}")
        check.form("subprotocols", _TOKEN, "is no subprotocol; allowed are letters, digits and !#$%&'*+-.^_`|~")
        check.form("methods", _METHOD, _NO_METHOD)
        if check.good("more_keys") and self.more_keys and self.api_key is None:
            check.error(("more_keys",), "needs api_key beside it")
        for model, price in self.prices.items() if check.good("prices") else ():
            for name, value in msgspec.structs.asdict(price).items():
                if value is not None and not (isinstance(value, int | float) and 0 <= value <= MOST_PRICE):
                    check.error(("prices", model, name), "is no price; allowed is a number from 0 to 1000000")
        check.done()

    def __repr__(self) -> str:
        names = [name for name, _ in self.headers]
        return (
            f"ProviderSettings(base_url={shown_url(self.base_url)!r}, realtime_url={shown_url(self.realtime_url)!r}, "
            f"api_key={self.api_key!r}, more_keys={self.more_keys!r}, headers={names!r}, "
            f"origin={self.origin!r}, key_in={self.key_in!r}, "
            f"subprotocols={self.subprotocols!r}, methods={self.methods!r}, models={self.models!r}, "
            f"prices={self.prices!r}, ask_usage={self.ask_usage!r}, http2={self.http2!r}, ca_file={self.ca_file!r}, "
            f"proxy={self.proxy!r})"
        )


def _check_proxy(check: Check, proxy: Secret | None) -> None:
    if proxy is not None and check.good("proxy"):
        try:
            read_proxy(proxy)
        except ValueError as error:
            check.error(("proxy",), str(error))


def shown_url(url: str | None) -> str | None:
    """``url`` for a person: without its query, which may hold a key."""
    if url is None or "?" not in url:
        return url
    return url.partition("?")[0] + "?***"


#: Those of a provider that the settings do not name.
NO_SETTINGS: Final = ProviderSettings()
#: The clocks that a request may set for itself.
CLIENT_CLOCKS: Final = ("connect_s", "first_byte_s", "idle_s", "total_s")
_CLOCK: Final = "|".join(CLIENT_CLOCKS)


class Config(msgspec.Struct, frozen=True, kw_only=True, metaclass=Named):
    """All settings of a gateway process. ``gateways`` is keyed by ``"account/gateway"``, ``providers`` by slug."""

    gateways: dict[str, GatewaySettings] = msgspec.field(default_factory=lambda: {"local/default": GatewaySettings()})
    providers: dict[str, ProviderSettings] = {}
    limits: Limits = Limits()
    timeouts: Timeouts = Timeouts()
    ceilings: tuple[str, ...] = ()  #: those of ``CLIENT_CLOCKS`` that a request may only shorten; others are defaults
    hosts: tuple[str, ...] = ()  #: names under which clients reach the gateway, without a port
    trusted_proxies: tuple[str, ...] = ()  #: addresses and networks whose ``X-Forwarded-For`` is believed
    descriptors: int | None = None  #: connections of all kinds that the process can hold; ``None``: it is not known
    emit_provider_events: bool = False
    read_realtime: bool = False  #: realtime messages are read for their usage, though nobody is told of their events
    tell_turns: bool = False  #: the host is told the begin, the end and the usage of realtime responses
    traces: bool = False  #: each attempt is a span, whose ``traceparent`` its provider gets; else it gets the client's
    metrics_token: Secret | None = None  #: which ``/metrics`` wants (:class:`~.effects.ReadMetrics`)
    page: Literal["off", "loopback", "on"] = "off"  #: the operator's, perhaps for this machine (``ReadPage``)
    page_token: Secret | None = None  #: which its events want
    #: The HTTP proxy to all providers, "http://USER:PASSWORD@HOST:PORT", and the hosts that are reached without it; so
    #: are those on this machine.
    proxy: Secret | None = None
    no_proxy: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check = Check(self, "config")
        _check_proxy(check, self.proxy)
        for index, item in enumerate(self.no_proxy if check.good("no_proxy") else ()):
            try:
                check_no_proxy(item)
            except ValueError as error:
                check.error(("no_proxy", index), str(error))
        for name in self.gateways if check.good("gateways") else ():
            if not re.fullmatch(_GATEWAY_NAME, name):
                why = "has a bad name; allowed is ACCOUNT/GATEWAY, each 1 to 64 letters, digits, - and _"
                check.error(("gateways", name), why)
        check.form("ceilings", _CLOCK, f"is no clock of a request; allowed are {', '.join(CLIENT_CLOCKS)}")
        check.form("hosts", _HOST, "is no host; allowed is a name or an address, without a port")
        for index, text in enumerate(self.trusted_proxies if check.good("trusted_proxies") else ()):
            try:
                ip_network(text, strict=False)
            except ValueError:
                why = "is no address; allowed is an IP address, or a network as ADDRESS/BITS"
                check.error(("trusted_proxies", index), why)
        check.ranges({"descriptors": (1, 1 << 40)})
        check.done()
