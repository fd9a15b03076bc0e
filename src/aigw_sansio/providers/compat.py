"""Where a request in the client's format goes: ``PROVIDER/MODEL`` names the provider, its model and its format.

Decides: which providers take translated requests, in which format, and at which endpoint (client protocol, section
3.5). Must not know: how a request is translated, and how a call is built from the result.

Sources: the providers' own documentation of their chat APIs; developers.cloudflare.com/ai-gateway, "Unified API".
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

import msgspec

from ..config import NO_SETTINGS, ProviderSettings
from ..faults import Fault, FaultKind, Side
from ..quoting import quoted
from .auth import StoredAws, StoredAzure, StoredGoogle, is_stored, read_stored_key
from .google_token import ServiceAccount, carried_account, read_service_account
from .headers import refuse
from .registry import ALIASES, DEFAULT_SLUGS, NO_ROWS, REGISTRY, find_provider, format_of, is_custom
from .row import Provider

#: The provider that stands for all of them.
COMPAT: Final = "compat"
#: The formats in which clients write.
ClientFormat: TypeAlias = Literal["openai-chat", "openai-responses", "anthropic-messages"]

#: The endpoints of a compat step (without ``v1/``), and the formats that clients write there. The original's
#: documentation once writes ``chat/completion``.
CLIENT_ENDPOINTS: Final[dict[str, ClientFormat]] = {
    "chat/completions": "openai-chat",
    "chat/completion": "openai-chat",
    "responses": "openai-responses",
    "messages": "anthropic-messages",
}


class CompatTarget(msgspec.Struct, frozen=True):
    """Where a request goes. ``format`` names how it is written there, and ``model`` the model as the provider does.
    ``endpoint`` is ``PATH`` under the provider's base URL; if it is empty, the format's own path is, behind
    ``prefix``. ``passes``: the client's own text can be sent, but for its model."""

    provider: str
    model: str
    format: str
    endpoint: str = ""
    prefix: str = ""
    passes: bool = False


#: Providers with OpenAI's chat format: how a request is written for each, and where it takes it.
_CHAT: Final = {
    "openai": ("openai-chat", "chat/completions"),
    "groq": ("groq", "chat/completions"),
    "grok": ("xai", "chat/completions"),
    "mistral": ("mistral", "v1/chat/completions"),
    "deepseek": ("deepseek", "chat/completions"),
    "perplexity-ai": ("perplexity", "chat/completions"),
    "cerebras": ("cerebras", "chat/completions"),
    "openrouter": ("openrouter", "chat/completions"),
    "baseten": ("baseten", "v1/chat/completions"),
    "parallel": ("openai-like", "chat/completions"),
    "together": ("openai-like", "chat/completions"),
    "alibaba": ("openai-like", "chat/completions"),
    "fireworks": ("fireworks", "chat/completions"),
    "workers-ai": ("workers-ai", "v1/chat/completions"),
    "loopback": ("openai-like", "chat/completions"),
}
#: The formats in which a provider takes whatever a client of OpenAI's Chat Completions writes, as far as is known.
_AS_OPENAI: Final = frozenset({"openai-chat", "openai-like", "azure-openai"})
#: Those that have the Responses format as well, and are better asked in it if the client writes it.
_RESPONSES: Final = frozenset({"openai", "grok"})
#: Providers with a format of their own, whose path it tells.
_OWN_FORMATS: Final = {
    "anthropic": "anthropic-messages",
    "google-ai-studio": "gemini",
    "cohere": "cohere-v2",
    "ollama": "ollama-chat",
}
#: Those whose endpoint needs more than the model.
_PLACED: Final = frozenset({"azure-openai", "huggingface", "aws-bedrock", "google-vertex-ai"})
_SLUGS: Final = frozenset({*_CHAT, *_OWN_FORMATS, *_PLACED})
_DEFAULT_REGION: Final = "us-east-1"


def find_target(
    model: str,
    client_format: ClientFormat,
    settings: Mapping[str, ProviderSettings],
    *,
    bearer: str = "",
    rows: Mapping[str, Provider] = NO_ROWS,
    is_secret: Callable[[str], bool],
) -> CompatTarget | Fault:
    """The target of ``model``, which is ``PROVIDER/MODEL``; a fault of the kind ``UNKNOWN_PROVIDER`` if it names none.

    ``settings`` are keyed by canonical slug. ``bearer`` is the client's key, which may be a service account that says
    where its models run. ``rows``: the host's own providers, by slug; those are asked that have OpenAI's chat format at
    its usual path. ``is_secret``: whether a text must not be quoted.
    """
    slug, slash, name = model.partition("/")
    slug = ALIASES.get(slug, slug)
    is_own = slug in rows and format_of(rows[slug], "/chat/completions") == "openai-chat"
    if not slash or not name or not (slug in _SLUGS or is_custom(slug) or is_own):
        return _unknown(model if not slash else slug, settings, is_secret)
    defined = [slug for slug, of in settings.items() if of.base_url]
    row = find_provider(slug, defined, settings, rows=rows, is_secret=is_secret)
    if isinstance(row, Fault):
        return _unknown(slug, settings, is_secret)
    own = settings.get(slug, NO_SETTINGS)
    if slug in _OWN_FORMATS:
        format = _OWN_FORMATS[slug]
        return CompatTarget(slug, name, format, passes=format == client_format)
    if client_format == "openai-responses" and slug in _RESPONSES:
        return CompatTarget(slug, name, client_format, endpoint="responses", passes=True)
    if slug == "azure-openai":
        return _azure(row, name, client_format, own)
    if slug == "aws-bedrock":
        return _bedrock(row, name, own)
    if slug == "google-vertex-ai":
        return _vertex(row, name, client_format, own, bearer)
    if slug == "huggingface":
        return CompatTarget(slug, name, "huggingface", endpoint=f"{quote(name, safe='/')}/v1/chat/completions")
    format, path = _CHAT.get(slug, ("openai-like", "chat/completions"))
    return CompatTarget(slug, name, format, endpoint=path, passes=_is_chat(client_format, format))


def _is_chat(client_format: ClientFormat, format: str) -> bool:
    return client_format == "openai-chat" and format in _AS_OPENAI


def compat_slugs() -> list[str]:
    """The providers that a compat step can name."""
    return sorted(_SLUGS & REGISTRY.keys())


def usual_slugs() -> list[str]:
    """Those of them that exist without a line in the settings, as errors name them."""
    return sorted(_SLUGS & DEFAULT_SLUGS)


def speaks_responses(provider: str) -> bool:
    """Whether ``provider``, by any of its names, is asked in the format of Responses by those who write it."""
    slug = ALIASES.get(provider, provider)
    return slug in _RESPONSES or slug == "azure-openai"


def _unknown(shown: str, settings: Mapping[str, ProviderSettings], is_secret: Callable[[str], bool]) -> Fault:
    text = "***" if is_secret(shown) or is_stored(shown, settings) else quoted(shown)
    allowed = ", ".join(usual_slugs())
    detail = (
        f"request.query.model names no provider: {text}; allowed is PROVIDER/MODEL with one of {allowed}, and those of "
        "the settings"
    )
    return Fault(FaultKind.UNKNOWN_PROVIDER, Side.CLIENT, detail)


def _azure(row: Provider, name: str, client_format: ClientFormat, own: ProviderSettings) -> CompatTarget | Fault:
    """``DEPLOYMENT``, with the resource of the stored key or of the settings' URL; or ``RESOURCE/DEPLOYMENT``."""
    resource, slash, deployment = name.partition("/")
    if not slash:
        deployment = name
        stored = read_stored_key(row, own.api_key) if own.api_key is not None else None
        if isinstance(stored, Fault):
            return stored
        if isinstance(stored, StoredAzure):
            resource = stored.resource
        elif own.base_url is not None:
            resource = "resource"  # the URL of the settings is used, whatever stands here
        else:
            return refuse(
                "request.query.model",
                "does not say which Azure resource to ask; allowed is azure-openai/RESOURCE/DEPLOYMENT",
            )
    root = f"{resource}/openai/v1"
    if client_format == "openai-responses":
        return CompatTarget(row.slug, deployment, client_format, endpoint=f"{root}/responses", passes=True)
    passes = _is_chat(client_format, "azure-openai")
    return CompatTarget(row.slug, deployment, "azure-openai", endpoint=f"{root}/chat/completions", passes=passes)


def _bedrock(row: Provider, name: str, own: ProviderSettings) -> CompatTarget | Fault:
    stored = read_stored_key(row, own.api_key) if own.api_key is not None else None
    if isinstance(stored, Fault):
        return stored
    region = stored.region if isinstance(stored, StoredAws) else _DEFAULT_REGION
    return CompatTarget(row.slug, name, "bedrock-converse", prefix=f"bedrock-runtime/{region}/")


def _vertex(
    row: Provider, name: str, client_format: ClientFormat, own: ProviderSettings, bearer: str
) -> CompatTarget | Fault:
    """``PUBLISHER/MODEL``, or a model of Google's. The account says which project asks, and where."""
    publisher, slash, model = name.partition("/")
    if not slash:
        publisher, model = "google", name
    account = _account(row, own, bearer)
    if isinstance(account, Fault):
        return account
    if account is not None and account.project:
        place = account.region or "global"
        root = f"v1/projects/{quote(account.project, safe='')}/locations/{quote(place, safe='')}/"
    else:
        root = "" if "/projects/" in (own.base_url or "") else "v1/"
    if publisher in ("google", "anthropic"):
        format = "vertex-gemini" if publisher == "google" else "vertex-anthropic"
        return CompatTarget(row.slug, model, format, prefix=root)
    if root == "v1/":
        return refuse(
            "request.query.model",
            f"has a publisher that only a project can ask; store a service account for {row.slug}, or set its base_url "
            "to https://HOST/v1/projects/PROJECT/locations/LOCATION",
        )
    endpoint = f"{root}endpoints/openapi/chat/completions"
    return CompatTarget(row.slug, name, "openai-like", endpoint=endpoint, passes=_is_chat(client_format, "openai-like"))


def _account(row: Provider, own: ProviderSettings, bearer: str) -> ServiceAccount | Fault | None:
    carried = carried_account(bearer)
    if carried is not None:
        return read_service_account(carried, "request.headers.authorization")
    if bearer or own.api_key is None:
        return None
    stored = read_stored_key(row, own.api_key)
    if isinstance(stored, Fault):
        return stored
    return stored.account if isinstance(stored, StoredGoogle) else None
