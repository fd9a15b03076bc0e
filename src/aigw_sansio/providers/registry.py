"""The table of providers: URLs, where each takes its key, and the formats of its responses.

Decides: what a slug means. One row is one provider. To add one, add a row here and a row to
``tests/unit/providers/test_registry.py``. Must not know: how targets, headers and credentials are built from the rows
(:mod:`.call`, :mod:`.realtime`).

``{name}`` in a route's URL is replaced by the endpoint segment of that name in its ``prefix``, or by the client's
account. Sources: the providers' own documentation of their HTTP and WebSocket APIs.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ..faults import Fault, FaultKind, Side


class KeyLocation(msgspec.Struct, frozen=True):
    """The form of a key in a header field: ``header: {scheme}KEY``."""

    header: str
    scheme: str = ""


BEARER: Final = KeyLocation("authorization", "Bearer ")
X_API_KEY: Final = KeyLocation("x-api-key")
AZURE_API_KEY: Final = KeyLocation("api-key")
GOOGLE_API_KEY: Final = KeyLocation("x-goog-api-key")
XI_API_KEY: Final = KeyLocation("xi-api-key")
TOKEN_SCHEME: Final = KeyLocation("authorization", "Token ")
KEY_SCHEME: Final = KeyLocation("authorization", "Key ")
API_KEY_SCHEME: Final = KeyLocation("authorization", "Api-Key ")


class Variable(msgspec.Struct, frozen=True):
    """A variable in an endpoint's prefix. ``form``: its regular expression; ``allowed``: the same in words. ``tenant``:
    anyone can register such a name, so the client chooses the server's owner with it."""

    form: str
    allowed: str
    tenant: bool = False


#: The variables of prefixes. Only these parts of a host can be filled in by a client.
VARIABLES: Final[dict[str, Variable]] = {
    "resource": Variable(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", "1 to 63 of a-z, 0-9 and -", tenant=True),
    "model": Variable(r"[a-z0-9](?:[a-z0-9-]{0,55}[a-z0-9])?", "1 to 57 of a-z, 0-9 and -", tenant=True),
    # exactly the form of an AWS region: with "s3" or "s3-us-west-2" the host would be somebody's bucket
    "region": Variable(r"[a-z]{2,4}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}", "an AWS region such as us-east-1"),
    "location": Variable(r"[a-z]{2,24}-[a-z]{2,24}[0-9]{1,2}", "a Google Cloud location such as us-central1"),
    "multiregion": Variable(r"us|eu", "us or eu"),
    "deployment": Variable(r"[^/]+", "a deployment's name"),
    "project": Variable(r"[^/]+", "a project's name"),
    "version": Variable(r"v[0-9]+(?:beta|alpha)?[0-9]*", "v1 or v1beta1"),
}


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The URL for endpoints with ``prefix``. ``keep``: the prefix stays in the upstream path."""

    url: str
    prefix: str = ""
    keep: bool = False
    key: KeyLocation | None = None  #: where the key goes, if not as the row says
    sigv4: str = ""  #: the service name in AWS signatures
    bearer_becomes: KeyLocation | None = None  #: where the key of a client's ``Authorization: Bearer`` is moved to


class RealtimeRoute(msgspec.Struct, frozen=True, kw_only=True):
    """The realtime URL of a provider (client protocol, section 4). ``url`` is empty if it has to come from the
    settings."""

    url: str
    path: str  #: used if the client gives none
    prefix: str = ""  #: leading segments that fill the URL's ``{name}``
    query: tuple[tuple[str, str], ...] = ()  #: (our query name, the provider's query name)
    query_keys: tuple[str, ...] = ()  #: the provider's query names that hold a credential
    key: KeyLocation = BEARER
    other_hosts: tuple[tuple[str, str], ...] = ()  #: (pattern of the path, URL) for paths on other hosts
    formats: tuple[tuple[str, str], ...] = ()  #: (pattern of the upstream path, format), tried before ``format``
    format: str = "unknown"


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider. ``routes`` are tried in order; ``formats`` are (pattern of the upstream path, format), tried before
    the common ones; ``format`` is for all other paths."""

    slug: str
    routes: tuple[Route, ...]
    key: KeyLocation = BEARER
    query_keys: tuple[str, ...] = ()  #: query names that hold a credential
    formats: tuple[tuple[str, str], ...] = ()
    format: str = "unknown"
    target_header: str = ""  #: the field in which a client may name another of the provider's hosts
    target_domain: str = ""  #: the domain that such a host must be, or be under
    known_hosts: tuple[str, ...] = ()  #: hosts that are the provider's own: a stored key may be sent there
    realtime: RealtimeRoute | None = None


_GEMINI_LIVE: Final = "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"

#: (pattern of the upstream path, realtime format) for providers that are defined by the settings: their protocol can
#: only be told from the path.
REALTIME_FORMATS_BY_PATH: Final = (
    (r"/realtime$", "openai-realtime"),
    (r"[./]BidiGenerateContent(?:Constrained)?$", "gemini-live"),
    (r"/v[0-9]+/(?:listen|speak|agent/converse)$", "deepgram"),
    (r"/(?:multi-)?stream-input$|/convai/conversation$", "elevenlabs"),
    (r"/tts/websocket$", "cartesia"),
)

_ROWS: Final = (
    Provider(
        slug="openai",
        routes=(Route(url="https://api.openai.com/v1"),),
        realtime=RealtimeRoute(url="wss://api.openai.com/v1", path="realtime", format="openai-realtime"),
    ),
    Provider(
        slug="azure-openai",
        routes=(
            Route(url="https://{resource}.openai.azure.com/openai/v1", prefix="{resource}/openai/v1"),
            Route(
                url="https://{resource}.openai.azure.com/openai/deployments/{deployment}",
                prefix="{resource}/{deployment}",
            ),
        ),
        key=AZURE_API_KEY,
        query_keys=("api-key",),
        realtime=RealtimeRoute(
            url="wss://{resource}.openai.azure.com",
            path="openai/v1/realtime",
            prefix="{resource}",
            query_keys=("api-key",),
            key=AZURE_API_KEY,
            format="openai-realtime",
        ),
    ),
    Provider(
        slug="azure",
        routes=(Route(url="https://{resource}.services.ai.azure.com/anthropic", prefix="{resource}/anthropic"),),
        key=X_API_KEY,
    ),
    Provider(slug="anthropic", routes=(Route(url="https://api.anthropic.com"),), key=X_API_KEY),
    Provider(
        slug="google-ai-studio",
        routes=(Route(url="https://generativelanguage.googleapis.com"),),
        key=GOOGLE_API_KEY,
        query_keys=("key", "access_token"),
        realtime=RealtimeRoute(
            url="wss://generativelanguage.googleapis.com",
            path=_GEMINI_LIVE,
            query=(("api_key", "key"),),
            query_keys=("key", "access_token"),
            key=GOOGLE_API_KEY,
            format="gemini-live",
        ),
    ),
    Provider(
        slug="google-vertex-ai",
        routes=(
            Route(
                url="https://aiplatform.googleapis.com",
                prefix="{version}/projects/{project}/locations/global",
                keep=True,
            ),
            Route(
                url="https://aiplatform.{multiregion}.rep.googleapis.com",
                prefix="{version}/projects/{project}/locations/{multiregion}",
                keep=True,
            ),
            Route(
                url="https://{location}-aiplatform.googleapis.com",
                prefix="{version}/projects/{project}/locations/{location}",
                keep=True,
            ),
            Route(url="https://aiplatform.googleapis.com", prefix="{version}/publishers", keep=True),
        ),
        query_keys=("key", "access_token"),
        formats=((r"/publishers/mistralai/.*:(?:streamR|r)awPredict$", "openai-chat"),),
    ),
    Provider(
        slug="aws-bedrock",
        routes=(
            Route(
                url="https://bedrock-runtime.{region}.amazonaws.com",
                prefix="bedrock-runtime/{region}",
                sigv4="bedrock",
            ),
            Route(
                url="https://bedrock-mantle.{region}.api.aws",
                prefix="bedrock-mantle/{region}",
                key=X_API_KEY,
                sigv4="bedrock-mantle",
                bearer_becomes=X_API_KEY,
            ),
        ),
    ),
    Provider(
        slug="workers-ai",
        routes=(
            Route(url="https://api.cloudflare.com/client/v4/accounts/{account}/ai", prefix="v1", keep=True),
            Route(url="https://api.cloudflare.com/client/v4/accounts/{account}/ai/run"),
        ),
        format="workers-ai",
        realtime=RealtimeRoute(url="", path="", format="deepgram"),
    ),
    Provider(slug="huggingface", routes=(Route(url="https://api-inference.huggingface.co/models"),), format="tgi"),
    Provider(slug="replicate", routes=(Route(url="https://api.replicate.com/v1"),), formats=((r"", "replicate"),)),
    Provider(slug="groq", routes=(Route(url="https://api.groq.com/openai/v1"),)),
    Provider(
        slug="grok",
        routes=(Route(url="https://api.x.ai/v1"),),
        realtime=RealtimeRoute(url="wss://api.x.ai/v1", path="realtime", format="openai-realtime"),
    ),
    Provider(
        slug="mistral",
        routes=(Route(url="https://api.mistral.ai"),),
        formats=((r"/fim/completions$", "openai-chat"), (r"/agents/completions$", "openai-chat")),
    ),
    Provider(
        slug="cohere",
        routes=(Route(url="https://api.cohere.ai/v1"),),
        formats=((r"/v1/(?:chat|generate)$", "cohere-v1"), (r"/v2/chat$", "cohere-v2")),
    ),
    Provider(
        slug="deepseek",
        routes=(Route(url="https://api.deepseek.com"),),
    ),
    Provider(slug="perplexity-ai", routes=(Route(url="https://api.perplexity.ai"),)),
    Provider(slug="cerebras", routes=(Route(url="https://api.cerebras.ai/v1"),)),
    Provider(slug="openrouter", routes=(Route(url="https://openrouter.ai/api/v1"),)),
    Provider(
        slug="baseten",
        routes=(
            Route(
                url="https://model-{model}.api.baseten.co/production/predict",
                prefix="model/{model}",
                key=API_KEY_SCHEME,
            ),
            Route(url="https://inference.baseten.co/v1"),
        ),
    ),
    Provider(slug="parallel", routes=(Route(url="https://api.parallel.ai"),), key=X_API_KEY),
    Provider(slug="fireworks", routes=(Route(url="https://api.fireworks.ai/inference/v1"),)),
    Provider(
        slug="elevenlabs",
        routes=(Route(url="https://api.elevenlabs.io"),),
        key=XI_API_KEY,
        formats=((r"", "elevenlabs"),),
        realtime=RealtimeRoute(
            url="wss://api.elevenlabs.io",
            path="v1/convai/conversation",
            query_keys=("xi-api-key", "token", "single_use_token", "authorization", "conversation_signature"),
            key=XI_API_KEY,
            format="elevenlabs",
        ),
    ),
    Provider(
        slug="cartesia",
        routes=(Route(url="https://api.cartesia.ai"),),
        key=X_API_KEY,
        query_keys=("api_key", "access_token"),
        formats=((r"", "cartesia"),),
        realtime=RealtimeRoute(
            url="wss://api.cartesia.ai",
            path="tts/websocket",
            query_keys=("api_key", "access_token"),
            key=X_API_KEY,
            format="cartesia",
        ),
    ),
    Provider(
        slug="deepgram",
        routes=(Route(url="https://api.deepgram.com"),),
        key=TOKEN_SCHEME,
        formats=((r"", "deepgram"),),
        realtime=RealtimeRoute(
            url="wss://api.deepgram.com",
            path="v1/listen",
            key=TOKEN_SCHEME,
            other_hosts=((r"^/v[0-9]+/agent/", "wss://agent.deepgram.com"),),
            format="deepgram",
        ),
    ),
    Provider(
        slug="fal",
        routes=(Route(url="https://fal.run"),),
        key=KEY_SCHEME,
        formats=((r"", "fal"),),
        target_header="x-fal-target-url",
        target_domain="fal.run",
        known_hosts=("fal.run", "queue.fal.run"),
        realtime=RealtimeRoute(
            url="wss://ws.fal.run",
            path="",
            query_keys=("fal_jwt_token",),
            key=KEY_SCHEME,
            other_hosts=((r"/realtime$", "wss://fal.run"),),
            format="fal",
        ),
    ),
    Provider(
        slug="ideogram", routes=(Route(url="https://api.ideogram.ai"),), key=AZURE_API_KEY, formats=((r"", "unknown"),)
    ),
    Provider(slug="ollama", routes=(Route(url="http://127.0.0.1:11434"),), format="ollama"),
    # a stand-in for any provider; its URLs are the settings' base_url and realtime_url
    Provider(
        slug="loopback",
        routes=(),
        realtime=RealtimeRoute(
            url="wss://loopback.invalid/v1",
            path="realtime",
            query_keys=("key",),
            other_hosts=((r"^/(?:echo|ws)(?:/|$)", "wss://loopback.invalid"),),
            formats=REALTIME_FORMATS_BY_PATH,
        ),
    ),
)

#: The built-in providers, by slug.
REGISTRY: Final[dict[str, Provider]] = {row.slug: row for row in _ROWS}

#: Other names for slugs (client protocol, section 3.1).
ALIASES: Final[dict[str, str]] = {"google": "google-ai-studio", "xai": "grok", "perplexity": "perplexity-ai"}

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


def is_custom(slug: str) -> bool:
    """Whether ``slug`` has the form of a provider that the settings define."""
    return _CUSTOM.match(slug) is not None


def find_provider(slug: str, defined: Iterable[str]) -> Provider | Fault:
    """The provider with the slug or alias ``slug``. ``defined``: the slugs with a URL in the settings."""
    name = ALIASES.get(slug, slug)
    row = REGISTRY.get(name)
    if row is not None and (row.routes or name in defined):
        return row
    if is_custom(name) and name in defined:
        return Provider(slug=name, routes=())
    known = sorted({*(slug for slug, row in REGISTRY.items() if row.routes), *defined, *ALIASES})
    return Fault(
        FaultKind.UNKNOWN_PROVIDER,
        Side.CLIENT,
        f"unknown provider {excerpt(slug)}; allowed are {', '.join(known)}",
    )


def excerpt(text: str) -> str:
    """A short, escaped form of a peer's text, for an error message."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")


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
