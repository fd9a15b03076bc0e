"""Whether a request uses the cache, and for how long its response may be kept.

Decides: the precedence of headers and settings, their ranges, and which requests never use it (client protocol, section
3.6). Must not know: how a response is named and kept.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from ..config import CACHE_TTL_S, GatewaySettings
from ..faults import Fault, FaultKind, Side

#: The fields, each with the older name that some clients still use.
_TTL, _SKIP, _KEY = "cf-aig-cache-ttl", "cf-aig-skip-cache", "cf-aig-cache-key"
_OLDER: Final = {_TTL: "cf-cache-ttl", _SKIP: "cf-skip-cache", _KEY: None}
#: Older names, which a handshake may have as well.
OLDER_NAMES: Final = frozenset(name for name in _OLDER.values() if name is not None)
#: How long a response with a key of the client's own is kept, if nobody says how long.
_TTL_OF_KEY_S: Final = 300
_LONGEST_KEY: Final = 1024
_WHOLE: Final = re.compile(r"[0-9]{1,15}")
#: Endpoints that make or change something at the provider, or give out a key: the same request twice is not one.
_WITH_EFFECTS: Final = re.compile(
    r"/(?:files|uploads|batches|threads|assistants|vector_stores|fine_tuning|containers|conversations|interactions"
    r"|cachedContents|corpora|tunedModels|queue|realtime|sessions|videos)(?:/|$)"
    r"|/responses/.|/messages/batches|:batch(?!Embed)|LongRunning$"
)


class CacheWish(NamedTuple):
    """The cache is to be used. ``key``: the client's own name of the response, if it gives one."""

    ttl_s: int
    key: str | None = None


def cache_wish(
    step_headers: Sequence[tuple[str, str]],
    handshake_headers: Mapping[str, str],
    gateway: GatewaySettings,
    *,
    method: bytes,
    path: str,
) -> CacheWish | Fault | None:
    """What a step wants; ``None``: the cache is not used. ``path``: where the request goes. A header with an unusable
    value is a fault that names it."""
    found = _found(handshake_headers.items())
    found.update(_found(step_headers))
    if not (found or gateway.cache_ttl):
        return None
    if (skip := found.get(_SKIP)) is not None:
        if skip.lower() not in ("true", "false"):
            return _refuse(_SKIP, "allowed are true and false")
        if skip.lower() == "true":
            return None
    key = found.get(_KEY)
    if key is not None and not 0 < len(key) <= _LONGEST_KEY:
        return _refuse(_KEY, f"allowed are 1 to {_LONGEST_KEY} characters")
    ttl_s = gateway.cache_ttl or (0 if key is None else _TTL_OF_KEY_S)
    if (told := found.get(_TTL)) is not None:
        if not _WHOLE.fullmatch(told):
            return _refuse(_TTL, "it must be a whole number of seconds, of 0 or more")
        ttl_s = int(told)
    if not ttl_s or method != b"POST" or _WITH_EFFECTS.search(path):
        return None
    low, high = CACHE_TTL_S
    return CacheWish(min(max(ttl_s, low), high), key)


def _found(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Those of our fields that are among ``headers``. A newer name counts before its older one."""
    named = {lower: value.strip() for name, value in headers if (lower := name.lower()).startswith("cf-")}
    if not named:
        return named
    found: dict[str, str] = {}
    for name, older in _OLDER.items():
        value = named.get(name)
        if value is None and older is not None:
            value = named.get(older)
        if value is not None:
            found[name] = value
    return found


def _refuse(name: str, why: str) -> Fault:
    return Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, f"header {name}: {why}")
