"""Settings from a TOML file.

Decides: how tables and keys of the file (client protocol, section 7) become :class:`aigw_sansio.Config` and the
settings of a server, and where in the file an error is. Must not know: defaults, forms and ranges of the core's
settings, and which providers there are; the core checks them.

All errors of a file are reported at once. Values that may be secrets are never quoted.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from os import PathLike, fspath
from os.path import dirname, isfile, join
from typing import Final, Literal, TypeAlias, TypeVar, get_type_hints

import msgspec

from aigw_sansio import Config, ConfigError, GatewaySettings, Limits, Parts, ProviderSettings, Retry, Secret, Timeouts
from aigw_sansio.checks import Check
from aigw_sansio.config import CLIENT_CLOCKS
from aigw_sansio.providers.auth import holds_key, names_a_key
from aigw_sansio.providers.registry import ALIASES, NO_ROWS
from aigw_sansio.providers.row import Provider
from aigw_sansio.providers.setting_checks import check_config
from aigw_sansio.quoting import Place, key_text, place_text

from ..stores.opening import MEMORY, SQLITE, STORE_KEYS, STORE_URL, STORES
from .observe.otlp import OtelSettings, read_otel
from .observe.places import RecordSettings, read_records
from .quota_values import RATE_KEYS, QuotaReader
from .setting_names import (
    GATEWAY_FLAGS,
    GATEWAY_KEYS,
    HOMES,
    HTTP2,
    MOVED,
    PROVIDER_KEYS,
    RENAMED,
    RETRY_KEYS,
    REVIEW_KEYS,
    SERVER_KEYS,
    SERVER_LISTS,
    TABLES,
)
from .toml_values import EnvironmentText, Table, kind_of

_VISIBLE: Final = "[!-~]+"

_IsFile: TypeAlias = Callable[[str], bool]


class SettingsError(Exception):
    """The settings cannot be used. ``errors`` has one line for each error: file, key, and the allowed values."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


#: The most worker processes.
MAX_WORKERS: Final = 1024


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The address of the server. With a certificate it speaks TLS; without ``tls_key``, the key is in the same file."""

    host: str = "127.0.0.1"
    port: int = 8787  #: 0 takes a free port
    tls_certificate: str | None = None
    tls_key: str | None = None
    workers: int | None = None  #: worker processes of ``aigw serve``; ``None``: it serves by itself
    metrics: bool = False  #: ``/metrics``; it needs the extra ``metrics``
    metrics_token: Secret | None = None  #: which ``/metrics`` wants
    #: The operator's page: for clients on this machine, for all, or for none.
    page: Literal["loopback", "on", "off"] = "loopback"
    page_token: Secret | None = None  #: which the page's events want

    def __post_init__(self) -> None:
        check = Check(self, "server")
        check.ranges({"port": (0, 65535), "workers": (1, MAX_WORKERS)})
        for name in ("metrics_token", "page_token"):
            check.form(name, _VISIBLE, "is not usable; allowed is printable ASCII without blanks")
        if check.good("tls_key") and self.tls_certificate is None:
            check.error(("tls_key",), "needs server.tls_certificate beside it")
        check.done()


def require_unchanged(before: msgspec.Struct, after: msgspec.Struct, table: str, *, but: Collection[str] = ()) -> None:
    """Raise :class:`aigw_sansio.ConfigError` if a server that runs as ``before`` says cannot become as ``after`` says:
    both are the ``table`` of its settings. ``but``: what does not count."""
    check = Check(after, table)
    for name in after.__struct_fields__:
        if name not in but and getattr(after, name) != getattr(before, name):
            check.error((name,), "cannot change while the server runs; allowed is what it began with")
    check.done()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything in a settings file. ``Settings()`` is the default: no file is needed."""

    config: Config = Config()
    server: ServerSettings = ServerSettings()
    store: Secret = Secret("memory:")  #: a URL; it may hold a password
    store_bytes: int | None = None  #: of all values with a time, but not of a server; ``None``: as the store has it
    records: RecordSettings = RecordSettings()
    otel: OtelSettings = OtelSettings()
    #: Gateways for which the file does not say whether clients need a token.
    undecided: tuple[str, ...] = ("local/default",)
    #: Keys or tokens stand in the file itself, and not in the environment.
    holds_secrets: bool = False

    def __post_init__(self) -> None:
        check = Check(self, "settings")
        check.form("store", STORE_URL, f"is no store; allowed are {STORES}")
        check.ranges({"store_bytes": (1 << 20, 1 << 40)})
        if (
            self.store_bytes is not None
            and check.good("store")
            and not self.store.reveal().startswith((MEMORY, SQLITE))
        ):
            check.error(("store_bytes",), "is not for a server; allowed is its own setting maxmemory")
        check.done()


def load_settings(path: str | PathLike[str] | None, environ: Mapping[str, str], parts: Parts | None = None) -> Settings:
    """Read the file at ``path``; ``None`` gives the defaults. Values ``env:NAME`` are looked up in ``environ``.

    It may name the providers of ``parts``, and its paths are relative to its folder. Raises :class:`SettingsError`.
    Next: :func:`.running`.
    """
    if path is None:
        return Settings()
    name = fspath(path)
    try:
        with open(name, "rb") as file:
            data = file.read()
    except OSError as error:
        raise SettingsError([f"{name}: cannot be read: {error.strerror or error}"]) from error
    return read_settings(data, file=name, environ=environ, parts=parts)


def read_settings(
    data: bytes, *, file: str, environ: Mapping[str, str], is_file: _IsFile = isfile, parts: Parts | None = None
) -> Settings:
    """Read settings from the bytes of a TOML document; ``file`` is its name, for errors and relative paths. It may name
    the providers of ``parts``.

    Raises :class:`SettingsError`, and nothing else.
    """
    try:
        document = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file}: is not UTF-8: byte {error.start} is wrong"]) from None
    except (ValueError, RecursionError) as error:
        # A message may quote keys of the file, which may be misplaced secrets.
        raise SettingsError([f"{file}: is not TOML: {_QUOTED.sub('***', str(error))}"]) from None
    reader = _Reader(file, environ, is_file, NO_ROWS if parts is None else parts.rows)
    settings = reader.read(document)
    if reader.errors:
        raise SettingsError(reader.errors)
    return settings


_Numbers = TypeVar("_Numbers", Limits, Timeouts, Retry)
_Settings = TypeVar("_Settings", bound=msgspec.Struct)

_QUOTED: Final = re.compile(r"'[^']{2,}'|\"[^\"]{2,}\"")


class _Reader(QuotaReader):
    """Reads one document; records every error and continues with the default."""

    def __init__(self, file: str, environ: Mapping[str, str], is_file: _IsFile, rows: Mapping[str, Provider]) -> None:
        super().__init__(file, environ)
        self.homes = HOMES
        self.is_file, self.rows = is_file, rows

    def read(self, document: Table) -> Settings:
        self.known("", document, TABLES)
        providers = self.providers("providers", document)
        tables = self.tables("gateways", document)
        gateways = {
            name: self.gateway(f"gateways.{key_text(name)}", table, providers) for name, table in tables.items()
        }
        undecided = [name for name, table in tables.items() if not {"authentication", "tokens"} & table.keys()]
        store = self.table("store", document)
        self.known("store", store, STORE_KEYS)
        server = self.table("server", document)
        clocks = self.table("timeouts", document)
        found: Table = {"gateways": gateways} if gateways else {}
        for name in SERVER_LISTS:
            if (items := self.strings(f"server.{name}", server.get(name, []))) is not None:
                found[name] = items
        if (hosts := self.no_proxy("server.no_proxy", server.get("no_proxy", []))) is not None:
            found["no_proxy"] = hosts
        if "proxy" in server:
            found["proxy"] = self.proxy("server.proxy", server["proxy"])
        config = self.built(
            "",
            Config,
            providers=providers,
            limits=self.numbers("limits", self.table("limits", document), Limits),
            timeouts=self.numbers("timeouts", clocks, Timeouts),
            ceilings=tuple(name for name in CLIENT_CLOCKS if name in clocks),
            **found,
        )
        try:
            check_config(config, self.rows)
        except ConfigError as error:
            self.refused("", error)
        url = self.string("store.url", store.get("url", MEMORY)) or MEMORY
        self.holds_secrets |= "@" in url and not isinstance(url, EnvironmentText)
        if url.startswith(SQLITE) and len(url) > len(SQLITE):
            url = SQLITE + join(dirname(self.file), url.removeprefix(SQLITE))
        most = self.number("store.bytes", store["bytes"], whole=True) if "bytes" in store else None
        settings = self.built("", Settings, store=Secret(str(url)), store_bytes=most)
        otel, otel_secrets = read_otel(self, document, self.built)
        self.holds_secrets |= otel_secrets
        return msgspec.structs.replace(
            settings,
            config=config,
            server=self.server(server),
            records=read_records(self, document, self.built),
            otel=otel,
            undecided=tuple(undecided) if tables else settings.undecided,
            holds_secrets=self.holds_secrets,
        )

    # -- the core's classes ----------------------------------------------------------------------------------------

    def built(self, where: str, cls: type[_Settings], **found: object) -> _Settings:
        """An object of ``cls``, which checks what was ``found``; after an error without what is wrong."""
        try:
            return cls(**found)
        except ConfigError as error:
            self.refused(where, error)
            wrong = {place[0] for place, _ in error.errors}
            return cls(**{name: value for name, value in found.items() if name not in wrong})

    def refused(self, where: str, error: ConfigError) -> None:
        """Tell what the core said about the settings of the table ``where``."""
        for place, why in error.errors:
            self.error(".".join(filter(None, (where, place_text(_in_file(place, whole=not where))))), why)

    # -- tables ----------------------------------------------------------------------------------------------------

    def server(self, table: Table) -> ServerSettings:
        self.known("server", table, (*SERVER_KEYS, *SERVER_LISTS, "proxy", "no_proxy"))
        found: Table = {}
        if "host" in table and (host := self.string("server.host", table["host"])) is not None:
            found["host"] = host
        for name in ("port", "workers"):
            if name in table and (number := self.number(f"server.{name}", table[name], whole=True)) is not None:
                found[name] = number
        for name in ("tls_certificate", "tls_key"):
            if name in table and (path := self.path(f"server.{name}", table[name])) is not None:
                found[name] = path
        for name in ("metrics_token", "page_token"):
            if name in table and (token := self.string(f"server.{name}", table[name])) is not None:
                self.holds_secrets |= not isinstance(token, EnvironmentText)
                found[name] = Secret(str(token))
        if "metrics" in table and (metrics := self.boolean("server.metrics", table["metrics"])) is not None:
            found["metrics"] = metrics
        if "page" in table and (page := self.page(table["page"])) is not None:
            found["page"] = page
        if "tls_certificate" in table and "tls_certificate" not in found:
            found.pop("tls_key", None)  # told already
        return self.built("server", ServerSettings, **found)

    def page(self, value: object) -> str | None:
        """The value of ``page``; ``None`` after an error."""
        found = self.from_environment("server.page", value)
        if isinstance(found, EnvironmentText):
            found = {"true": True, "false": False}.get(found, found)
        if isinstance(found, bool):
            return "on" if found else "off"
        if found == "loopback":
            return "loopback"
        if found is not None:
            self.error("server.page", "has a bad value; allowed are 'loopback', true and false")
        return None

    def gateway(self, where: str, table: Table, providers: Mapping[str, ProviderSettings]) -> GatewaySettings:
        self.known(where, table, GATEWAY_KEYS)
        found: Table = {}
        for flag in GATEWAY_FLAGS:
            if flag in table and (value := self.boolean(f"{where}.{flag}", table[flag])) is not None:
                found[flag] = value
        for ttl in ("cache_ttl", "store_ttl"):
            if ttl not in table:
                continue
            seconds = self.number(f"{where}.{ttl}", table[ttl], whole=True)
            found |= {} if seconds is None else {ttl: seconds}
        if "compression" in table:
            compression = self.from_environment(f"{where}.compression", table["compression"])
            if compression is not None:
                found["compression"] = compression
        if isinstance(table.get("providers"), dict):
            found["provider_settings"] = self.providers(f"{where}.providers", table, providers)
        elif "providers" in table and (slugs := self.strings(f"{where}.providers", table["providers"])) is not None:
            found["providers"] = [ALIASES.get(slug, slug) for slug in slugs]
        for name in ("endpoints", "methods", "origins", "ask"):
            if name in table and (items := self.strings(f"{where}.{name}", table[name])) is not None:
                found[name] = items
        tokens = self.strings(f"{where}.tokens", table.get("tokens", []))
        if tokens is not None:
            self.holds_secrets |= any(not isinstance(token, EnvironmentText) for token in tokens)
            found["tokens"] = [Secret(str(token)) for token in tokens]  # not as a class of the environment's own
        if set(RATE_KEYS) & table.keys() and (rate := self.rate_limit(where, table)) is not None:
            found["rate_limit"] = rate
        for name in ("concurrency", "unreported_tokens"):
            if name in table and (most := self.number(f"{where}.{name}", table[name], whole=True)) is not None:
                found[name] = most
        found["rules"] = self.rules(f"{where}.spend_limits", self.table(f"{where}.spend_limits", table, "spend_limits"))
        retry = {RETRY_KEYS[key]: value for key, value in table.items() if key in RETRY_KEYS}
        found["retry"] = self.numbers(where, retry, Retry)
        for name in REVIEW_KEYS:
            if name in table and (number := self.number(f"{where}.{name}", table[name], whole=True)) is not None:
                found[name] = number
        return self.built(where, GatewaySettings, **found)

    def providers(
        self, key: str, parent: Table, common: Mapping[str, ProviderSettings] | None = None
    ) -> dict[str, ProviderSettings]:
        """The tables of providers at ``key``. Those of a gateway complete the ``common`` ones, key by key."""
        found: dict[str, ProviderSettings] = {}
        for name, table in self.tables(key, parent, "providers").items():
            where = f"{key}.{key_text(name)}"
            slug = ALIASES.get(name, name)
            if slug in found:
                self.error(where, "is given twice: under its own and under another name")
            found[slug] = self.provider(where, table, (common or {}).get(slug))
        return found

    def provider(self, where: str, table: Table, common: ProviderSettings | None = None) -> ProviderSettings:
        self.known(where, table, PROVIDER_KEYS)
        found: Table = {}
        if isinstance(keys := table.get("api_key"), list):
            table = {name: value for name, value in table.items() if name != "api_key"}
            if (texts := self.strings(f"{where}.api_key", keys)) is not None:
                self.holds_secrets |= any(not isinstance(text, EnvironmentText) for text in texts)
                found |= self._keys(f"{where}.api_key", texts)
        elif keys is not None:
            found["more_keys"] = ()  # a gateway's key replaces all of them
        for name in ("base_url", "realtime_url", "api_key", "origin", "key_in"):
            if name in table and (text := self.string(f"{where}.{name}", table[name])) is not None:
                is_secret = name == "api_key" or (name.endswith("url") and holds_key(text))
                self.holds_secrets |= is_secret and not isinstance(text, EnvironmentText)
                found[name] = Secret(str(text)) if name == "api_key" else text
        if "headers" in table:
            found["headers"] = self.headers(f"{where}.headers", table["headers"])
        for name in ("subprotocols", "methods", "models"):
            if name in table and (items := self.strings(f"{where}.{name}", table[name])) is not None:
                found[name] = items
        if "http2" in table:
            value = self.from_environment(f"{where}.http2", table["http2"])
            if isinstance(value, EnvironmentText):
                value = {"true": True, "false": False}.get(value, value)
            if isinstance(value, (str, bool)) and value in HTTP2:
                found["http2"] = HTTP2[value]
            elif value is not None:
                self.error(f"{where}.http2", "has a bad value; allowed are true, false and 'auto'")
        for name in ("ask_usage", "native"):
            if name in table and (flag := self.boolean(f"{where}.{name}", table[name])) is not None:
                found[name] = flag
        if "prices" in table:
            found["prices"] = self.prices(f"{where}.prices", table)
        if "proxy" in table and (proxy := self.proxy(f"{where}.proxy", table["proxy"])) is not None:
            found["proxy"] = proxy
        if "ca_file" in table and (path := self.path(f"{where}.ca_file", table["ca_file"])) is not None:
            found["ca_file"] = path
        return self.built(where, ProviderSettings, **((msgspec.structs.asdict(common) if common else {}) | found))

    def _keys(self, where: str, texts: list[str]) -> Table:
        """Several keys, of which there must be one."""
        if not texts:
            self.error(where, "is empty; allowed are one key or more")
            return {}
        first, *more = (Secret(str(text)) for text in texts)
        return {"api_key": first, "more_keys": more}

    def headers(self, where: str, value: object) -> list[tuple[str, str]]:
        if not isinstance(value, dict):
            self.error(where, f"is {kind_of(value)}; allowed is a table of strings")
            return []
        found: list[tuple[str, str]] = []
        for name, item in value.items():
            if (text := self.string(f"{where}.{key_text(name)}", item, empty=True)) is not None:
                found.append((name, text))
                self.holds_secrets |= names_a_key(name) and text != "" and not isinstance(text, EnvironmentText)
        return found

    def numbers(self, where: str, table: Table, cls: type[_Numbers]) -> _Numbers:
        """Build a class of the core that has numbers, and perhaps texts. For the keys of retries ``where`` is a
        gateway's table, whose other keys are not looked at here."""
        types = get_type_hints(cls)
        if cls is not Retry:
            self.known(where, table, cls.__struct_fields__)
        found: Table = {}
        for name in [name for name in types if name in table]:
            path = f"{where}.{RENAMED.get(name, name)}"
            kind = types[name]
            if kind in (float | None, int | None) and table[name] == "none":
                found[name] = None
            elif kind not in (int, float, int | None, float | None):
                if (text := self.string(path, table[name])) is not None:
                    found[name] = text
            elif (number := self.number(path, table[name], whole=kind in (int, int | None))) is not None:
                found[name] = number
        return self.built(where, cls, **found)

    def path(self, where: str, value: object) -> str | None:
        text = self.string(where, value)
        if text is None:
            return None
        if "\0" in text or not self.is_file(path := join(dirname(self.file), text)):
            self.error(where, "names no file; allowed is a path, absolute or from the settings' folder")
            return None
        return path


def _in_file(place: Place, *, whole: bool) -> Place:
    """Where the file has the setting that is at ``place`` in its class. ``whole``: in that of the whole document."""
    if "more_keys" in place:  # the file has them behind the first, in one array
        at = place.index("more_keys")
        place = (*place[:at], "api_key", *(int(part) + 1 for part in place[at + 1 :]))
    if place[0] == "rules":
        place = ("spend_limits", *place)
    renamed = tuple(RENAMED.get(str(part), part) if n in (0, 2) else part for n, part in enumerate(place))
    return (*(MOVED.get(str(place[0]), renamed[:1]) if whole else renamed[:1]), *renamed[1:])
