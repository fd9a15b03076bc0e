"""What the operator lets the clients of a gateway ask of providers (client protocol, sections 3.1 and 7).

Decides: which settings of providers a gateway has, and which calls it does not make: providers, endpoints and methods
that are not listed, methods that do not go with a stored key, and stored keys with ``byok_only``. Must not know: how a
call is built or sent. A call is judged when it is built, before anything of it is sent.
"""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote

import msgspec

from ..config import NO_SETTINGS, GatewaySettings, ProviderSettings
from ..faults import Fault, FaultKind, Side
from .auth import without_keys
from .target import VERSION


def settings_of(gateway: GatewaySettings, providers: Mapping[str, ProviderSettings]) -> Mapping[str, ProviderSettings]:
    """The settings of all providers, as ``gateway`` has them: by slug."""
    if not gateway.provider_settings and not gateway.byok_only:
        return providers
    found = {**providers, **gateway.provider_settings}
    if gateway.byok_only:  # without the keys, so that none can go whatever happens later
        return {slug: _without_keys(own) for slug, own in found.items()}
    return found


def _without_keys(own: ProviderSettings) -> ProviderSettings:
    changes: dict[str, str] = {}
    if own.base_url is not None and "?" in own.base_url:
        changes["base_url"] = without_keys(own.base_url)
    if own.realtime_url is not None and "?" in own.realtime_url:
        changes["realtime_url"] = without_keys(own.realtime_url)
    return msgspec.structs.replace(own, api_key=None, more_keys=(), headers=(), **changes)


def refuse_call(
    gateway: GatewaySettings,
    *,
    provider: str,
    endpoint: str,
    key: Literal["client", "stored", "none"],
    method: str | None = None,
    own: ProviderSettings = NO_SETTINGS,
) -> Fault | None:
    """Why a call is not made; ``None`` if it may be.

    ``provider``: its slug. ``endpoint``: ``PATH[?QUERY]`` as the client wrote it. ``method``: ``None`` for an upgrade.
    ``key``: whose key is in the call. ``own``: the provider's settings.
    """
    if gateway.providers is not None and provider not in gateway.providers:
        return _not_allowed("provider", gateway.providers)
    if method is not None and gateway.methods is not None and method not in gateway.methods:
        return _not_allowed("method", gateway.methods)
    if method is not None and key == "stored" and method not in own.methods:
        return _not_allowed("method", own.methods, " with a key that the gateway stores")
    if gateway.endpoints is not None and not any(_matches(endpoint, item) for item in gateway.endpoints):
        return _not_allowed("endpoint", gateway.endpoints)
    if gateway.byok_only and key != "client":
        detail = "the request shows no key for the provider, and this gateway lends none (byok_only)"
        return Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, detail)
    return None


def _matches(endpoint: str, item: str) -> bool:
    """Whether ``endpoint`` is the listed ``item``. A version in front counts only if both name one."""
    path = endpoint.partition("?")[0].lstrip("/")
    item = item.lstrip("/")
    bare, bare_item = _without_version(path), _without_version(item)
    if (bare == path) is not (bare_item == item):
        path, item = bare, bare_item
    if not item.endswith("*"):
        return path == item
    # Safety: a part that is decoded only later must not lead out of the listed folder.
    return path.startswith(item[:-1]) and ".." not in unquote(unquote(path))


def _without_version(path: str) -> str:
    first, slash, rest = path.partition("/")
    # Safety: what counts as a version here and where the URL is made must be the same.
    return rest if slash and VERSION.match(first) else path


def _not_allowed(what: str, allowed: tuple[str, ...], when: str = "") -> Fault:
    listed = ", ".join(allowed) or "none"
    return Fault(FaultKind.NOT_ALLOWED, Side.CLIENT, f"this {what} is not allowed here{when}; allowed are {listed}")
