"""Which resource a client's URL names (client protocol, section 1).

Decides: the form of our URLs. Must not know: which gateways exist, and what the response is.
"""

import re
from typing import Final, TypeAlias
from urllib.parse import unquote_to_bytes

import msgspec

from ..providers.compat import COMPAT


class UniversalResource(msgspec.Struct, frozen=True):
    """``/v1/{account}/{gateway}``."""

    account: str
    gateway: str


class RealtimeResource(msgspec.Struct, frozen=True):
    """``/v1/{account}/{gateway}/{provider}[/{path}]``; ``path`` is everything after the gateway, as received."""

    account: str
    gateway: str
    path: str


class ResponsesResource(msgspec.Struct, frozen=True):
    """``/v1/{account}/{gateway}/{provider}/[v1/]responses``; ``provider`` may be ``compat``: the models name theirs."""

    account: str
    gateway: str
    provider: str


class UnservedResource(msgspec.Struct, frozen=True):
    """Below ``compat``, or with ``responses`` as the last segment, and none of ours: never a realtime path."""


class HealthResource(msgspec.Struct, frozen=True):
    """``/healthz``."""


class ReadinessResource(msgspec.Struct, frozen=True):
    """``/readyz``."""


class MetricsResource(msgspec.Struct, frozen=True):
    """``/metrics``."""


class PageResource(msgspec.Struct, frozen=True):
    """The operator's page at ``/``, with an empty ``name``, and what is below ``/page/``."""

    name: str


class NoResource(msgspec.Struct, frozen=True):
    """Anything else."""


Resource: TypeAlias = (
    UniversalResource | RealtimeResource | ResponsesResource | UnservedResource | HealthResource | ReadinessResource
    | MetricsResource | PageResource | NoResource
)  # fmt: skip

#: Scheme and authority, up to the path, query or fragment (RFC 3986 section 3.2).
_ABSOLUTE = r"(?i)(?:https?|wss?)://([^/?#]*)"
_PAGE: Final = "/page/"
_RESPONSES: Final = "responses"
_PLAIN: dict[str, Resource] = {
    "/healthz": HealthResource(),
    "/readyz": ReadinessResource(),
    "/metrics": MetricsResource(),
    "/": PageResource(""),
}


def split_target(target: bytes) -> tuple[str, str]:
    """Path and query of a request target in origin or absolute form (RFC 9112 section 3.2), as latin-1 text."""
    text = target.decode("latin-1")
    absolute = re.match(_ABSOLUTE, text)
    if absolute:
        text = text[absolute.end() :]
        text = text if text.startswith("/") else f"/{text}"
    path, _, query = text.partition("#")[0].partition("?")
    return path, query


def target_authority(target: bytes) -> str | None:
    """The authority of a request target in absolute form; ``None`` if it has another form."""
    absolute = re.match(_ABSOLUTE, target.decode("latin-1"))
    return None if absolute is None else absolute[1]


def route(path: str) -> Resource:
    """The resource at ``path``. Account and gateway are percent-decoded."""
    plain = _PLAIN.get(path)
    if plain is not None:
        return plain
    if path.startswith(_PAGE):
        return PageResource(path.removeprefix(_PAGE))
    parts = path.split("/", 4)
    if len(parts) < 4 or parts[0] or parts[1] != "v1":
        return NoResource()
    account, gateway = _decoded(parts[2]), _decoded(parts[3])
    if not account or not gateway:
        return NoResource()
    rest = parts[4] if len(parts) == 5 else ""
    return _below(account, gateway, rest) if rest else UniversalResource(account, gateway)


def _below(account: str, gateway: str, rest: str) -> Resource:
    """What is at ``rest``, below a gateway."""
    provider, _, path = rest.partition("/")
    if path in (_RESPONSES, f"v1/{_RESPONSES}"):
        return ResponsesResource(account, gateway, provider)
    # Safety: decoded, because a provider decodes it, too, and would speak this protocol on a relay that nobody reads.
    last = unquote_to_bytes(rest.rstrip("/").rpartition("/")[2].encode("latin-1"))
    if unquote_to_bytes(provider.encode("latin-1")) == COMPAT.encode() or last == _RESPONSES.encode():
        return UnservedResource()
    return RealtimeResource(account, gateway, rest)


def _decoded(part: str) -> str:
    """One segment, decoded; empty if it is invalid. An encoded slash is invalid: two names could mean one gateway."""
    try:
        name = unquote_to_bytes(part.encode("latin-1")).decode()
    except UnicodeDecodeError:
        return ""
    return "" if "/" in name else name
