"""The table of providers: what a slug means.

Decides: which providers there are, by slug and by other names, and the formats of their responses. Must not know: how
targets, headers and credentials are built from the rows (:mod:`.call`, :mod:`.realtime`).

One row (:mod:`.row`) is one provider. To add one, add a row to :mod:`.model_rows` or :mod:`.speech_rows`, and a row to
``tests/unit/providers/test_registry.py``.
"""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Final

from ..faults import Fault, FaultKind, Side
from ..quoting import quoted
from .model_rows import MODEL_ROWS
from .row import Provider, RealtimeRoute
from .speech_rows import SPEECH_ROWS

_ON_THIS_MACHINE: Final = re.compile(r"[a-z]+://(?:127\.|localhost[:/]|localhost$|\[::1\])")

#: The built-in providers, by slug.
REGISTRY: Final[dict[str, Provider]] = {row.slug: row for row in (*MODEL_ROWS, *SPEECH_ROWS)}

#: Other names for slugs (client protocol, section 3.1).
ALIASES: Final[dict[str, str]] = {"google": "google-ai-studio", "xai": "grok", "perplexity": "perplexity-ai"}

#: Those that exist without a line in the settings: the ones on other machines.
DEFAULT_SLUGS: Final = frozenset(
    slug
    for slug, row in REGISTRY.items()
    if row.routes and not any(_ON_THIS_MACHINE.match(route.url) for route in row.routes)
)

_CUSTOM: Final = re.compile(r"custom-[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?\Z")

#: (pattern of the upstream path, format of the response) for all providers.
_COMMON_READINGS: Final = tuple(
    (re.compile(pattern), format)
    for pattern, format in (
        (r"/chat/completions$", "openai-chat"),
        (r"/completions$", "openai-completions"),
        (r"/responses(?:/|$)", "openai-responses"),
        (r"/audio/(?:speech|transcriptions|translations)$", "openai-audio"),
        (r"/messages$", "anthropic-messages"),
        (r":(?:streamG|g)enerateContent$", "gemini"),
        (r":(?:streamR|r)awPredict$", "anthropic-messages"),
        (r"/interactions(?:/|$)", "gemini-interactions"),
        (r"/converse(?:-stream)?$", "bedrock-converse"),
        (r"/invoke(?:-with-response-stream)?$", "bedrock-invoke"),
        (r"/api/(?:chat|generate)$", "ollama"),
        (r"/generate(?:_stream)?$", "tgi"),
    )
)


#: No providers of the host's own.
NO_ROWS: Final[Mapping[str, Provider]] = {}


def _never(text: str) -> bool:
    return False


def is_custom(slug: str) -> bool:
    """Whether ``slug`` has the form of a provider that the settings define."""
    return _CUSTOM.match(slug) is not None


def find_provider(
    slug: str,
    defined: Iterable[str],
    settings: Container[str] = (),
    *,
    rows: Mapping[str, Provider] = NO_ROWS,
    is_secret: Callable[[str], bool] = _never,
) -> Provider | Fault:
    """The provider with the slug or alias ``slug``. ``defined``: the slugs with a URL in the ``settings``.
    ``rows``: the host's own providers, by slug. ``is_secret``: whether a text must not be quoted.

    A provider without a URL of its own exists only if it is defined, and one on this machine if it has settings. The
    error names none of those, and no row of the host's own: which there are is the operator's business.
    """
    name = ALIASES.get(slug, slug)
    if name in rows:
        return rows[name]
    row = REGISTRY.get(name)
    if row is not None and (name in DEFAULT_SLUGS or name in defined or (row.routes and name in settings)):
        return row
    if is_custom(name) and name in defined:
        return Provider(slug=name, routes=())
    known = ", ".join(sorted({*DEFAULT_SLUGS, *ALIASES}))
    shown = "***" if is_secret(slug) else quoted(slug)
    return Fault(
        FaultKind.UNKNOWN_PROVIDER,
        Side.CLIENT,
        f"unknown provider {shown}; allowed are {known}, and those of the settings",
    )


def format_of(provider: Provider, path: str) -> str:
    """The format of the provider's responses at the upstream ``path`` (without query)."""
    for pattern, format in provider.formats:
        if re.search(pattern, path):
            return format
    for common, format in _COMMON_READINGS:
        if common.search(path):
            return format
    return provider.format


def realtime_format_of(realtime: RealtimeRoute, path: str) -> str:
    """The format of the provider's WebSocket messages at the upstream ``path`` (without query)."""
    return next((format for pattern, format in realtime.formats if re.search(pattern, path)), realtime.format)


def is_array_stream(path: str, query: str) -> bool:
    """Whether the response is a streamed JSON array (client protocol, section 3.2): Gemini without SSE."""
    return path.endswith(":streamGenerateContent") and "alt=sse" not in query.split("&")
