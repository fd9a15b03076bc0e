"""Settings that depend on a provider: its name, its URLs, its key, and the fields that are added for it.

Decides: which settings of providers are allowed, beyond the types and forms that :mod:`aigw_sansio.config` checks
(client protocol, section 7). Must not know: where the settings come from.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ..config import Config, GatewaySettings, ProviderSettings
from ..errors import ConfigError, SettingError
from ..faults import Fault
from ..quoting import Place, suggestion
from .auth import read_stored_key, stored_keys
from .compat import speaks_responses
from .headers import NEVER_FORWARDED, TOKEN
from .registry import ALIASES, NO_ROWS, REGISTRY, is_custom
from .row import Provider
from .target import RefusedTarget, parse_base_url

_FIELD_VALUE: Final = r"[ -~\t\x80-\xff]*\Z"
_LOOPBACK: Final = (
    r"(?:127\.[0-9.]+|localhost|::1)\Z"
    #: The schemes of a URL of each kind: encrypted, and for loopback.
)
_SCHEMES: Final = {"base_url": ("https", "http"), "realtime_url": ("wss", "ws")}


def check_config(config: Config, rows: Mapping[str, Provider] = NO_ROWS) -> None:
    """Raise :class:`.ConfigError` if a setting of a provider, or a provider's name, is not allowed. ``rows``: the
    host's own providers."""
    rows = {**REGISTRY, **rows}
    errors = list(_of_providers(("providers",), config.providers, rows))
    for name, gateway in config.gateways.items():
        errors += _of_gateway(("gateways", name), gateway, rows)
    if errors:
        raise ConfigError("config", errors)


def _of_gateway(place: Place, gateway: GatewaySettings, rows: Mapping[str, Provider]) -> Iterator[SettingError]:
    for index, slug in enumerate(gateway.providers or ()):
        if why := _unknown(slug, rows):
            yield SettingError((*place, "providers", index), why)
    yield from _of_providers((*place, "provider_settings"), gateway.provider_settings, rows)


def _of_providers(
    place: Place, providers: Mapping[str, ProviderSettings], rows: Mapping[str, Provider]
) -> Iterator[SettingError]:
    for slug, own in providers.items():
        if why := _unknown(slug, rows):
            yield SettingError((*place, slug), why)
        else:
            yield from _of_provider((*place, slug), rows.get(slug) or Provider(slug=slug, routes=()), own)


def _unknown(slug: str, rows: Mapping[str, Provider]) -> str | None:
    """What is wrong with the name of a provider."""
    if slug in rows or is_custom(slug):
        return None
    if slug in ALIASES:
        return f"is another name; allowed is {ALIASES[slug]}"
    known = ", ".join(sorted(rows))
    near = suggestion(slug, [*rows, *ALIASES])
    return f"is not a known provider{near}; allowed are {known}, custom-NAME (a-z, 0-9, - and _)"


def _of_provider(place: Place, row: Provider, own: ProviderSettings) -> Iterator[SettingError]:
    if not row.routes and own.base_url is None and own.realtime_url is None:
        required = "is required; allowed is https://HOST[:PORT][/PATH], or http on loopback"
        yield SettingError((*place, "base_url"), required)
    for name, url in (("base_url", own.base_url), ("realtime_url", own.realtime_url)):
        if url is not None and (why := _bad_url(url, *_SCHEMES[name])):
            yield SettingError((*place, name), why)
    if own.native and not speaks_responses(row.slug):
        yield SettingError((*place, "native"), "is only for openai, azure-openai and grok, which have such WebSockets")
    kind, _, where = (own.key_in or "").lower().partition(":")
    if kind == "header" and (where in NEVER_FORWARDED or where.startswith(("cf-aig-", "sec-"))):
        yield SettingError((*place, "key_in"), "names a header that is never sent to a provider")
    for index, key in enumerate(stored_keys(own)):
        at = (*place, "api_key") if index == 0 else (*place, "more_keys", index - 1)
        stored = read_stored_key(row, key)
        if isinstance(stored, Fault):
            is_json = key.reveal().lstrip().startswith("{")
            plain = "is not usable; allowed is printable ASCII without blanks"
            yield SettingError(at, stored.detail.partition(" ")[2] if is_json else plain)
        elif kind == "subprotocol" and not TOKEN.match(key.reveal()):
            no_token = "cannot stand in a subprotocol; allowed are letters, digits and !#$%&'*+-.^_`|~"
            yield SettingError(at, no_token)
    yield from _of_headers((*place, "headers"), own)


def _bad_url(url: str, secure: str, plain: str) -> str | None:
    allowed = f"allowed is {secure}://HOST[:PORT][/PATH], or {plain} on loopback"
    base = parse_base_url(url)
    if url.partition(":")[0].lower() not in (secure, plain):
        return f"has the wrong scheme; {allowed}"
    if isinstance(base, RefusedTarget):
        return f"{base.why}; {allowed}"
    if base.scheme == "http" and not re.match(_LOOPBACK, base.host):
        return f"is not encrypted; {allowed}"
    return None


def _of_headers(place: Place, own: ProviderSettings) -> Iterator[SettingError]:
    """Fields that are added to each request."""
    seen = set()
    for name, value in own.headers:
        lower = name.lower()
        why = None
        if not TOKEN.match(name):
            why = "is no header name; allowed are letters, digits and !#$%&'*+-.^_`|~"
        elif lower in NEVER_FORWARDED or lower.startswith("cf-aig-"):
            why = "is never sent to a provider"
        elif lower in seen:
            why = "is given twice: header names do not tell upper from lower case"
        elif not re.match(_FIELD_VALUE, value) or value != value.strip():
            why = "is not usable; allowed is latin-1 text without control characters or blanks around it"
        seen.add(lower)
        if why:
            yield SettingError((*place, name), why)
