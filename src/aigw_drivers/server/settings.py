"""Settings from a TOML file.

Decides: how tables and keys of the file (client protocol, section 7) become :class:`aigw_sansio.Config` and the
settings of a server, and the words for an error in the file. Must not know: defaults and ranges of the core's settings;
the core's classes check them.

All errors of a file are reported at once. Values that may be secrets are never quoted.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from os import PathLike, fspath
from os.path import dirname, isfile, join
from typing import Final, Literal, TypeVar, get_type_hints

import msgspec

from aigw_sansio import Config, Fault, GatewaySettings, Limits, ProviderSettings, Retry, Secret, Timeouts
from aigw_sansio.config import CLIENT_CLOCKS, POLICIES, Backoff, Compression
from aigw_sansio.providers.auth import holds_key, names_a_key, read_stored_key
from aigw_sansio.providers.headers import NEVER_FORWARDED, TOKEN
from aigw_sansio.providers.registry import ALIASES, REGISTRY, is_custom
from aigw_sansio.providers.row import Provider
from aigw_sansio.providers.target import RefusedTarget, parse_base_url

from .proxy_values import ProxyReader
from .toml_values import EnvironmentText, Table, key_text, kind_of, suggestion, toml_text


class SettingsError(Exception):
    """The settings cannot be used. ``errors`` has one line for each error: file, key, and the allowed values."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The address of the server. With a certificate it speaks TLS; without ``tls_key``, the key is in the same file."""

    host: str = "127.0.0.1"
    port: int = 8787  #: 0 takes a free port
    tls_certificate: str | None = None
    tls_key: str | None = None
    workers: int = 1


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in a settings file. ``Settings()`` is the default: no file is needed."""

    config: Config = Config()
    server: ServerSettings = ServerSettings()
    store: str = "memory:"
    #: Gateways for which the file does not say whether clients need a token.
    undecided: tuple[str, ...] = ("local/default",)
    #: Keys or tokens stand in the file itself, and not in the environment.
    holds_secrets: bool = False


def load_settings(path: str | PathLike[str] | None, environ: Mapping[str, str]) -> Settings:
    """Read the file at ``path``; ``None`` gives the defaults. Values ``env:NAME`` are looked up in ``environ``.

    Paths in the file are relative to its folder. Raises :class:`SettingsError`. Next: :func:`.running`.
    """
    if path is None:
        return Settings()
    name = fspath(path)
    try:
        with open(name, "rb") as file:
            data = file.read()
    except OSError as error:
        raise SettingsError([f"{name}: cannot be read: {error.strerror or error}"]) from error
    return read_settings(data, file=name, environ=environ)


def read_settings(
    data: bytes, *, file: str, environ: Mapping[str, str], is_file: Callable[[str], bool] = isfile
) -> Settings:
    """Read settings from the bytes of a TOML document; ``file`` is its name, for errors and relative paths.

    Raises :class:`SettingsError`, and nothing else.
    """
    try:
        document = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file}: is not UTF-8: byte {error.start} is wrong"]) from None
    except (ValueError, RecursionError) as error:
        # A message may quote keys of the file, which may be misplaced secrets.
        raise SettingsError([f"{file}: is not TOML: {_QUOTED.sub('***', str(error))}"]) from None
    reader = _Reader(file, environ, is_file)
    settings = reader.read(document)
    if reader.errors:
        raise SettingsError(reader.errors)
    return settings


_T = TypeVar("_T", Limits, Timeouts, Retry)

#: Keys that are known but not supported yet, each with the only allowed value: the one that turns it off.
_NOT_SUPPORTED: Final[dict[str, object]] = {
    "cache_ttl": 0,
    "rate_limiting_limit": 0,
    "rate_limiting_interval": 0,
    "rate_limiting_technique": "fixed",
    "collect_logs": False,
}
_RETRY_KEYS: Final = {"retry_max_attempts": "max_attempts", "retry_delay": "delay_ms", "retry_backoff": "backoff"}
_GATEWAY_KEYS: Final = (
    "authentication", "tokens", "origins", "query_token", "providers", "endpoints", "methods", "byok_only", "ask",
    "fetch_media", "compression", *_RETRY_KEYS, *_NOT_SUPPORTED,
)  # fmt: skip
_PROVIDER_KEYS: Final = (
    "base_url", "realtime_url", "api_key", "headers", "origin", "key_in", "subprotocols", "methods",
    "models", "http2", "ca_file", "proxy",
)  # fmt: skip
_SERVER_KEYS: Final = ("host", "port", "tls_certificate", "tls_key", "workers")
_SERVER_KEYS_OF_CORE: Final = ("hosts", "trusted_proxies", "proxy", "no_proxy")
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_TABLES: Final = ("server", "gateways", "providers", "limits", "timeouts", "store")
_HTTP2: Final[dict[object, Literal["auto", "on", "off"]]] = {True: "on", False: "off", "auto": "auto"}
_COMPRESSIONS: Final[dict[object, Compression]] = {name: name for name in ("off", "messages", "stream")}
_BACKOFFS: Final[dict[str, Backoff]] = {name: name for name in ("constant", "linear", "exponential")}

_GATEWAY_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}\Z")
_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@]+\Z")
_HOST: Final = re.compile(r"\[[0-9A-Fa-f:.]+\]|[^\s/:?#@\[\]]+")
_QUOTED: Final = re.compile(r"'[^']{2,}'|\"[^\"]{2,}\"")
_SECRET: Final = re.compile(r"[!-~]+\Z")
_HEADER_VALUE: Final = re.compile(r"[ -~\t\x80-\xff]*\Z")
_LOOPBACK: Final = re.compile(r"(?:127\.[0-9.]+|localhost|::1)\Z")


class _Reader(ProxyReader):
    """Reads one document; records every error and continues with the default."""

    def __init__(self, file: str, environ: Mapping[str, str], is_file: Callable[[str], bool]) -> None:
        super().__init__(file, environ)
        self.is_file = is_file

    def read(self, document: Table) -> Settings:
        self.known("", document, _TABLES)
        providers = self.providers("providers", document)
        tables = self.tables("gateways", document)
        gateways = {
            name: self.gateway(name, f"gateways.{key_text(name)}", table, providers) for name, table in tables.items()
        }
        undecided = [name for name, table in tables.items() if not {"authentication", "tokens"} & table.keys()]
        store = self.table("store", document)
        self.known("store", store, ("url",))
        url = self.string("store.url", store.get("url", "memory:"))
        if url is not None and url != "memory:":
            self.error("store.url", "is not supported by this version; allowed is 'memory:'")
        server = self.table("server", document)
        clocks = self.table("timeouts", document)
        config = Config(
            providers=providers,
            hosts=self.hosts(server),
            trusted_proxies=self.proxies(server),
            proxy=self.proxy("server.proxy", server.get("proxy")),
            no_proxy=self.no_proxy("server.no_proxy", server.get("no_proxy", [])),
            limits=self.core("limits", self.table("limits", document), Limits),
            timeouts=self.core("timeouts", clocks, Timeouts),
            ceilings=tuple(name for name in CLIENT_CLOCKS if name in clocks),
        )
        if gateways:
            config = msgspec.structs.replace(config, gateways=gateways)
        return Settings(
            config=config,
            server=self.server(server),
            undecided=tuple(undecided) if tables else Settings().undecided,
            holds_secrets=self.holds_secrets,
        )

    # -- tables ----------------------------------------------------------------------------------------------------

    def server(self, table: Table) -> ServerSettings:
        self.known("server", table, (*_SERVER_KEYS, *_SERVER_KEYS_OF_CORE))
        found: Table = {}
        if "host" in table and (host := self.string("server.host", table["host"])) is not None:
            found["host"] = host
        if "port" in table and (port := self.integer("server.port", table["port"], 0, 65535)) is not None:
            found["port"] = port
        if "workers" in table:
            workers = self.integer("server.workers", table["workers"], 1, 1 << 16)
            if workers is not None and workers > 1:
                self.error("server.workers", "above 1 is not supported by this version; allowed is 1")
        for name in ("tls_certificate", "tls_key"):
            if name in table:
                found[name] = self.path(f"server.{name}", table[name])
        if "tls_key" in table and "tls_certificate" not in table:
            self.error("server.tls_key", "needs server.tls_certificate beside it")
        return ServerSettings(**found)

    def hosts(self, table: Table) -> tuple[str, ...]:
        items = self.strings("server.hosts", table.get("hosts", []))
        for path, host in items.items():
            if not _HOST.fullmatch(host):
                self.error(path, "is no host; allowed is a name or an address, without a port")
        return tuple(items.values())

    def proxies(self, table: Table) -> tuple[str, ...]:
        items = self.strings("server.trusted_proxies", table.get("trusted_proxies", []))
        found = []
        for path, text in items.items():
            try:
                Config(trusted_proxies=(text,))
            except ValueError:
                self.error(path, "is no address; allowed is an IP address, or a network as ADDRESS/BITS")
            else:
                found.append(text)
        return tuple(found)

    def gateway(
        self, name: str, where: str, table: Table, providers: Mapping[str, ProviderSettings]
    ) -> GatewaySettings:
        if not _GATEWAY_NAME.match(name):
            self.error(where, "has a bad name; allowed is ACCOUNT/GATEWAY, each 1 to 64 letters, digits, - and _")
        self.known(where, table, _GATEWAY_KEYS)
        found: Table = {}
        for flag in ("authentication", "query_token", "byok_only", "fetch_media"):
            if flag in table:
                found[flag] = self.boolean(f"{where}.{flag}", table[flag]) or False
        if "compression" in table:
            compression = self.from_environment(f"{where}.compression", table["compression"])
            if isinstance(compression, str) and compression in _COMPRESSIONS:
                found["compression"] = _COMPRESSIONS[compression]
            elif compression is not None:
                self.error(f"{where}.compression", "has a bad value; allowed are 'off', 'messages' and 'stream'")
        found |= self.allowed(where, table, providers)
        tokens = self.strings(f"{where}.tokens", table.get("tokens", []))
        self.holds_secrets |= any(not isinstance(token, EnvironmentText) for token in tokens.values())
        for path, token in tokens.items():
            if not _SECRET.match(token):
                self.error(path, "is not usable; allowed is printable ASCII without blanks")
        origins = self.strings(f"{where}.origins", table.get("origins", []))
        for path, origin in origins.items():
            if origin not in ("*", "null") and not _ORIGIN.match(origin):
                self.error(path, "is no origin; allowed is scheme://host[:port], 'null', or '*' for any")
        for key, neutral in _NOT_SUPPORTED.items():
            if key in table and (table[key] != neutral or type(table[key]) is not type(neutral)):
                self.error(f"{where}.{key}", f"is not supported by this version; allowed is {toml_text(neutral)}")
        if tokens:
            if found.get("authentication") is False:
                self.error(
                    f"{where}.tokens", "has no use without authentication; allowed is authentication = true, or none"
                )
            found["authentication"] = True
        retry = {_RETRY_KEYS[key]: value for key, value in table.items() if key in _RETRY_KEYS}
        written = {new: f"{where}.{old}" for old, new in _RETRY_KEYS.items()}
        return GatewaySettings(
            tokens=tuple(map(Secret, tokens.values())),
            origins=tuple(origins.values()),
            retry=self.core(where, retry, Retry, written),
            **found,
        )

    def allowed(self, where: str, table: Table, providers: Mapping[str, ProviderSettings]) -> Table:
        """The lists of what a gateway's clients may use, and its own settings of providers."""
        found: Table = {}
        if isinstance(table.get("providers"), dict):
            found["provider_settings"] = self.providers(f"{where}.providers", table, providers)
        elif "providers" in table:
            slugs = self.strings(f"{where}.providers", table["providers"])
            for path, slug in slugs.items():
                if ALIASES.get(slug, slug) not in REGISTRY and not is_custom(slug):
                    self.error(path, f"is not a known provider{suggestion(slug, [*REGISTRY, *ALIASES])}")
            found["providers"] = tuple(ALIASES.get(slug, slug) for slug in slugs.values())
        if "endpoints" in table:
            found["endpoints"] = tuple(self.strings(f"{where}.endpoints", table["endpoints"]).values())
        if "methods" in table:
            found["methods"] = self.words(f"{where}.methods", table["methods"], "method", _METHODS)
        if "ask" in table:
            found["ask"] = self.words(f"{where}.ask", table["ask"], "question", POLICIES)
        return found

    def providers(
        self, key: str, parent: Table, common: Mapping[str, ProviderSettings] | None = None
    ) -> dict[str, ProviderSettings]:
        """The tables of providers at ``key``. Those of a gateway complete the ``common`` ones, key by key."""
        found: dict[str, ProviderSettings] = {}
        for name, table in self.tables(key, parent, "providers").items():
            where = f"{key}.{key_text(name)}"
            slug = ALIASES.get(name, name)
            if slug not in REGISTRY and not is_custom(slug):
                near = suggestion(name, [*REGISTRY, *ALIASES])
                known = ", ".join(sorted(REGISTRY))
                self.error(
                    where, f"is not a known provider{near}; allowed are {known}, custom-NAME (a-z, 0-9, - and _)"
                )
                continue
            if slug in found:
                self.error(where, "is given twice: under its own and under another name")
            found[slug] = self.provider(slug, where, table, (common or {}).get(slug))
        return found

    def provider(self, slug: str, where: str, table: Table, common: ProviderSettings | None = None) -> ProviderSettings:
        self.known(where, table, _PROVIDER_KEYS)
        row = REGISTRY.get(slug) or Provider(slug=slug, routes=())
        if not row.routes and "base_url" not in table and (common is None or common.base_url is None):
            self.error(f"{where}.base_url", "is required; allowed is https://HOST[:PORT][/PATH], or http on loopback")
        found: Table = {}
        for name, schemes in (("base_url", ("https", "http")), ("realtime_url", ("wss", "ws"))):
            if name in table:
                found[name] = self.url(f"{where}.{name}", table[name], *schemes)
        if "api_key" in table and (key := self.string(f"{where}.api_key", table["api_key"])) is not None:
            self.holds_secrets |= not isinstance(key, EnvironmentText)
            found["api_key"] = Secret(
                str(key)
            )  # plain text, also if it came from the environment as a class of its own
            stored = read_stored_key(row, found["api_key"])
            if key.lstrip().startswith("{") and isinstance(stored, Fault):
                self.error(f"{where}.api_key", stored.detail.partition(" ")[2])
            elif isinstance(stored, Fault):
                self.error(f"{where}.api_key", "is not usable; allowed is printable ASCII without blanks")
        if "headers" in table:
            found["headers"] = self.headers(f"{where}.headers", table["headers"])
        for name in ("origin", "key_in"):
            if name in table and (text := self.string(f"{where}.{name}", table[name])) is not None:
                self.checked(where, found, name, text)
        if "subprotocols" in table:
            items = self.strings(f"{where}.subprotocols", table["subprotocols"])
            self.checked(where, found, "subprotocols", tuple(items.values()))
        if "methods" in table:
            found["methods"] = self.words(f"{where}.methods", table["methods"], "method", _METHODS)
        if "models" in table:
            found["models"] = tuple(self.strings(f"{where}.models", table["models"]).values())
        self.key_place(where, found)
        if "http2" in table:
            value = self.from_environment(f"{where}.http2", table["http2"])
            if isinstance(value, EnvironmentText):
                value = {"true": True, "false": False}.get(value, value)
            if isinstance(value, (str, bool)) and value in _HTTP2:
                found["http2"] = _HTTP2[value]
            elif value is not None:
                self.error(f"{where}.http2", "has a bad value; allowed are true, false and 'auto'")
        if "proxy" in table:
            found["proxy"] = self.proxy(f"{where}.proxy", table["proxy"])
        if "ca_file" in table:
            found["ca_file"] = self.path(f"{where}.ca_file", table["ca_file"])
        return ProviderSettings(**found) if common is None else msgspec.structs.replace(common, **found)

    def checked(self, where: str, found: Table, name: str, value: object) -> None:
        """Take a value of a provider if the core allows it."""
        one: Table = {name: value}
        try:
            ProviderSettings(**one)
        except ValueError as error:
            self.error(f"{where}.{name}", str(error).partition(" ")[2])
        else:
            found[name] = value

    def key_place(self, where: str, found: Table) -> None:
        """Whether the key can stand where ``key_in`` says."""
        kind, _, name = str(found.get("key_in", "")).partition(":")
        if kind == "header" and (name.lower() in NEVER_FORWARDED or name.lower().startswith(("cf-aig-", "sec-"))):
            self.error(f"{where}.key_in", "names a header that is never sent to a provider")
        key = found.get("api_key")
        if kind == "subprotocol" and isinstance(key, Secret) and not TOKEN.match(key.reveal()):
            self.error(
                f"{where}.api_key", "cannot stand in a subprotocol; allowed are letters, digits and !#$%&'*+-.^_`|~"
            )

    def headers(self, where: str, value: object) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, dict):
            self.error(where, f"is {kind_of(value)}; allowed is a table of strings")
            return ()
        found: dict[str, str] = {}
        for name, item in value.items():
            path = f"{where}.{key_text(name)}"
            if not TOKEN.match(name):
                self.error(path, "is no header name; allowed are letters, digits and !#$%&'*+-.^_`|~")
            elif name.lower() in NEVER_FORWARDED or name.lower().startswith("cf-aig-"):
                self.error(path, "is never sent to a provider")
            elif name.lower() in found:
                self.error(path, "is given twice: header names do not tell upper from lower case")
            elif (text := self.string(path, item, empty=True)) is not None:
                if not _HEADER_VALUE.match(text) or text != text.strip():
                    self.error(
                        path, "is not usable; allowed is latin-1 text without control characters or blanks around it"
                    )
                found[name.lower()] = text
                self.holds_secrets |= names_a_key(name) and text != "" and not isinstance(text, EnvironmentText)
        return tuple(found.items())

    def core(self, where: str, table: Table, cls: type[_T], written: Mapping[str, str] | None = None) -> _T:
        """Build one of the core's classes, key by key; its own checks say what is allowed.

        ``written`` maps names of the class to keys of the file, if they differ.
        """
        types = get_type_hints(cls)
        if written is None:
            self.known(where, table, cls.__struct_fields__)
        found: Table = {}
        for name in [name for name in types if name in table]:
            path = written[name] if written else f"{where}.{name}"
            value: object
            if types[name] == Backoff:
                value = self.string(path, table[name])
                if value is not None and value not in _BACKOFFS:
                    self.error(path, "has a bad value; allowed are constant, linear and exponential")
                    value = None
            elif types[name] in (float | None, int | None) and table[name] == "none":
                found[name] = None
                continue
            else:
                value = self.number(path, table[name], whole=types[name] in (int, int | None))
            if value is None:
                continue
            one: Table = {name: value}
            try:
                cls(**one)
            except ValueError as error:
                self.error(path, str(error).partition(" ")[2])
                continue
            found[name] = float(value) if types[name] in (float, float | None) else value
        return cls(**found)

    def path(self, where: str, value: object) -> str | None:
        text = self.string(where, value)
        if text is None:
            return None
        if "\0" in text or not self.is_file(path := join(dirname(self.file), text)):
            self.error(where, "names no file; allowed is a path, absolute or from the settings' folder")
            return None
        return path

    def url(self, where: str, value: object, secure: str, plain: str) -> str | None:
        text = self.string(where, value)
        if text is None:
            return None
        scheme = text.partition(":")[0].lower()
        base = parse_base_url(text)
        allowed = f"allowed is {secure}://HOST[:PORT][/PATH], or {plain} on loopback"
        if scheme not in (secure, plain):
            self.error(where, f"has the wrong scheme; {allowed}")
        elif isinstance(base, RefusedTarget):
            self.error(where, f"{base.why}; {allowed}")
        elif base.scheme == "http" and not _LOOPBACK.match(base.host):
            self.error(where, f"is not encrypted; {allowed}")
        else:
            self.holds_secrets |= holds_key(text) and not isinstance(text, EnvironmentText)
            return text
        return None
