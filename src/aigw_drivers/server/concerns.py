"""What an operator would regret: settings that are refused or warned of, although each is right by itself.

Decides: which settings together open a gateway, its keys or its tokens to strangers, and what to write instead. Must
not know: how a settings file is read, and where the words are printed.

No value is quoted: it may be a secret.
"""

from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import Final

from aigw_sansio import GatewaySettings, ProviderSettings
from aigw_sansio.providers.auth import holds_key, names_a_key
from aigw_sansio.quoting import key_text

from ..stores.opening import MEMORY
from ..stores.redis import is_redis
from .settings import ServerSettings, Settings

#: Shorter tokens can be guessed.
SHORT_TOKEN: Final = 16
#: Shorter keys are not searched for in what providers send.
SHORT_KEY: Final = 8


def is_local(host: str) -> bool:
    """Whether only this machine reaches the listening address ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # of a package that it is in
        return False


def errors(settings: Settings) -> list[str]:
    """Why the server must not start: on a public address nothing was decided about who may use it; or a library is
    missing."""
    server = settings.server
    missing = []
    if is_redis(settings.store.reveal()) and not _is_installed("coredis"):
        missing.append("store.url needs coredis: pip install aigw[redis]")
    if server.metrics and not _is_installed("prometheus_client"):
        missing.append("server.metrics needs the extra `metrics`: pip install 'aigw[metrics]'")
    if settings.otel.endpoint is not None and not _is_installed("opentelemetry.exporter.otlp.proto.http"):
        missing.append("[otel] needs the extra `otel`: pip install 'aigw[otel]'")
    if "otel" in settings.records.to and settings.otel.endpoint is None:
        missing.append("records.to has 'otel': write endpoint under [otel]")
    if is_local(server.host):
        return missing
    open_pages = [
        f"server.host is no loopback address, and server.{name} is on: write server.{name}_token, or {name} = {off}"
        for name, on, token, off in (
            ("metrics", server.metrics, server.metrics_token, "false"),
            ("page", server.page == "on", server.page_token, '"loopback"'),
        )
        if on and token is None
    ]
    return (
        missing
        + open_pages
        + [
            f"server.host is no loopback address, and gateways.{key_text(name)} does not say who may use it: write "
            f"authentication = true, or authentication = false if everybody may, under [gateways.{key_text(name)}]"
            for name in settings.undecided
        ]
    )


def warnings(settings: Settings, *, file_mode: int | None = None) -> list[str]:
    """What is allowed and dangerous. ``file_mode``: the permissions of the settings file."""
    found: list[str] = []
    server, config = settings.server, settings.config
    public = not is_local(server.host)
    if public and server.tls_certificate is None:
        found.append("server.tls_certificate is missing: tokens and keys go over the network in plain text")
    if any(ip_network(text, strict=False).prefixlen == 0 for text in config.trusted_proxies):
        found.append("server.trusted_proxies trusts everybody: a client can choose the address that counts for it")
    front = [name for name in ("trusted_proxies", "hosts") if getattr(config, name)]
    if front:
        found += _behind_a_front(front[0], server, public=public)
    if (server.workers or 1) > 1 and config.timeouts.resume_s:
        found.append(
            "timeouts.resume_s is above 0, and server.workers is not 1: a session is resumed only by the worker that "
            "has it, and most clients come to another one; they are refused with 401"
        )
    counts = [name for name, gateway in config.gateways.items() if gateway.has_quotas]
    if counts and (server.workers or 1) > 1 and settings.store.reveal() == MEMORY:
        found.append(f"store.url is {MEMORY}, so each worker counts the quotas of {', '.join(counts)} for itself")
    stores = [name for name, gateway in config.gateways.items() if gateway.store_ttl]
    if stores and (server.workers or 1) > 1 and settings.store.reveal() == MEMORY:
        found.append(
            f"store.url is {MEMORY}, so each worker knows only the responses that it stored itself (store_ttl of "
            f"{', '.join(stores)})"
        )
    for name, gateway in config.gateways.items():
        found += _of_gateway(f"gateways.{key_text(name)}", gateway, config.providers, public=public)
    for name in ("metrics_token", "page_token"):
        token = getattr(server, name)
        if token is not None and len(token.reveal()) < SHORT_TOKEN:
            found.append(f"server.{name} has fewer than {SHORT_TOKEN} characters: it can be guessed")
    for slug, own in config.providers.items():
        found += _of_provider(f"providers.{key_text(slug)}", own)
    if file_mode is not None and (file_mode & 0o022 or (file_mode & 0o044 and settings.holds_secrets)):
        found.append("the settings file can be read or changed by other users of this machine: chmod 600")
    return found


def _behind_a_front(names_it: str, server: ServerSettings, *, public: bool) -> list[str]:
    """What the clients of a front see, for whom it asks from this machine. What is an error already is left out."""
    found = []
    if server.page_token is None and (server.page == "loopback" or (server.page == "on" and not public)):
        if_on = "" if server.page == "on" else ", if it is on this machine and does not say for whom it asks"
        found.append(
            f"server.{names_it} tells of a front, and server.page is on without a token: the front's clients see the "
            f"page{if_on}. Write server.page_token, or page = false"
        )
    if server.metrics and server.metrics_token is None and not public:
        found.append(
            f"server.{names_it} tells of a front, and server.metrics is on without a token: the front's clients see "
            f"them. Write server.metrics_token, or metrics = false"
        )
    return found


def _of_gateway(
    where: str, gateway: GatewaySettings, providers: dict[str, ProviderSettings], *, public: bool
) -> list[str]:
    found: list[str] = []
    if "admit" in gateway.ask:
        found.append(
            f"{where}.ask names admit, which is for a program that runs the gateway and answers; aigw serve admits "
            f"every request"
        )
    if "review" in gateway.ask:
        found.append(
            f"{where}.ask names review, which is for a program that runs the gateway and answers; aigw serve stops "
            f"every response"
        )
    if gateway.custom_cost and any(rule.measure == "cost" for rule in gateway.rules):
        found.append(f"{where}.custom_cost is on: clients can set the prices that count for their own budgets")
    if not gateway.authentication:
        if public:
            found.append(f"{where}.authentication is off, and server.host is no loopback address: everybody may use it")
        if "*" in gateway.origins:
            found.append(f"{where}.origins admits every web page to a gateway without authentication")
        if "find_key" in gateway.ask and not gateway.byok_only:
            found.append(
                f"{where}.authentication is off, and ask names find_key: everybody who reaches it uses the keys of the "
                f"store and the environment"
            )
        lent = [slug for slug, own in {**providers, **gateway.provider_settings}.items() if _lends(own)]
        lent = [slug for slug in lent if gateway.providers is None or slug in gateway.providers]
        if lent and not gateway.byok_only:
            found.append(
                f"{where}.authentication is off: everybody who reaches it uses the stored keys of {', '.join(lent)}"
            )
    for index, token in enumerate(gateway.tokens):
        if len(token.reveal()) < SHORT_TOKEN:
            found.append(f"{where}.tokens[{index}] has fewer than {SHORT_TOKEN} characters: it can be guessed")
    for slug, own in gateway.provider_settings.items():
        found += [
            line for line in _of_provider(f"{where}.providers.{key_text(slug)}", own) if own != providers.get(slug)
        ]
    return found


def _lends(own: ProviderSettings) -> bool:
    return bool(own.api_key or own.headers or holds_key(own.base_url) or holds_key(own.realtime_url))


def _of_provider(where: str, own: ProviderSettings) -> list[str]:
    found: list[str] = []
    for index, key in enumerate([] if own.api_key is None else [own.api_key, *own.more_keys]):
        if len(key.reveal()) < SHORT_KEY:
            place = f"{where}.api_key[{index}]" if own.more_keys else f"{where}.api_key"
            found.append(f"{place} has fewer than {SHORT_KEY} characters: it is not hidden if a provider quotes it")
    for name, value in own.headers:
        if value and len(value) < SHORT_KEY and names_a_key(name):
            found.append(
                f"{where}.headers.{key_text(name)} has fewer than {SHORT_KEY} characters: it is not hidden if a "
                f"provider quotes it"
            )
    for url in ("base_url", "realtime_url"):
        for item in (getattr(own, url) or "").partition("?")[2].split("&"):
            name, _, value = item.partition("=")
            if value and len(value) < SHORT_KEY and names_a_key(name):
                found.append(
                    f"{where}.{url} has a key of fewer than {SHORT_KEY} characters in its query: it is not hidden"
                )
    return found
