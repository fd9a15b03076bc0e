"""What a request of the command line says: its body, in the format of its endpoint, and its headers.

Decides: the fields of the body that asks a model one thing. Must not know: sockets.
"""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import msgspec

from aigw_sansio.providers.registry import ALIASES, REGISTRY, format_of
from aigw_sansio.providers.row import Provider

Body: TypeAlias = dict[str, object]

#: Anthropic demands a limit. Every model of theirs allows this much.
_MAX_TOKENS: Final = 4096
#: Providers of the format of OpenAI that refuse fields they do not know; they tell the usage unasked.
_WITHOUT_STREAM_OPTIONS: Final = frozenset({"mistral", "cohere"})


class NoQuestion(ValueError):
    """The endpoint cannot be asked in this way. The text says why, and what to write instead."""


def format_at(provider: str, endpoint: str) -> str:
    """The format of ``provider`` (a slug or alias) at ``endpoint``; ``"unknown"`` if nobody knows it."""
    slug = ALIASES.get(provider, provider)
    path = "/" + endpoint.partition("?")[0].lstrip("/")
    return format_of(REGISTRY.get(slug) or Provider(slug=slug, routes=()), path)


def body_of(provider: str, endpoint: str, model: str | None, text: str | None, query: str | None) -> Body:
    """The body that asks ``text``, with the fields of the JSON object ``query`` added; without ``text`` only those.
    Raises ``ValueError``."""
    more: Body = {}
    if query is not None:
        try:
            more = msgspec.json.decode(query, type=dict[str, object])
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError(f"--query must be a JSON object: {error}") from None
    if text is None:
        if query is None:
            raise ValueError("say what to ask: TEXT, - for standard input, or the whole body with --query")
        return more if model is None else {"model": model, **more}
    return question(provider, endpoint, model, text) | more


def headers_of(lines: Iterable[str]) -> dict[str, str]:
    """The headers in ``lines`` of the form ``NAME: VALUE``. Raises ``ValueError``; the text quotes no value."""
    headers = {}
    for number, line in enumerate(lines, 1):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ValueError(f"--header number {number} must be NAME: VALUE")
        headers[name.strip()] = value.strip()
    return headers


def question(provider: str, endpoint: str, model: str | None, text: str) -> Body:
    """The body that asks ``text``, streamed if the body says that. Raises :class:`NoQuestion`."""
    format = format_at(provider, endpoint)
    path = endpoint.partition("?")[0].rstrip("/")
    write = _prompt if format == "ollama" and path.endswith("/generate") else _WRITERS.get(format)
    if write is None or not path.endswith(_ENDS.get(write, ("",))):
        raise NoQuestion(f"how to ask {provider} at {endpoint} is not known: write the body with --query, without TEXT")
    body = write(text)
    if write in _MODEL_IN_URL:
        if model is not None:
            raise NoQuestion(f"{endpoint} names its model itself: leave --model out")
        return body
    if model is None:
        raise NoQuestion(f"{provider} needs --model at {endpoint}")
    if format in ("openai-chat", "openai-completions") and provider not in _WITHOUT_STREAM_OPTIONS:
        body["stream_options"] = {"include_usage": True}
    return {"model": model, **body}


def _messages(text: str) -> list[Body]:
    return [{"role": "user", "content": text}]


def _chat(text: str) -> Body:
    return {"messages": _messages(text), "stream": True}


def _prompt(text: str) -> Body:
    return {"prompt": text, "stream": True}


def _responses(text: str) -> Body:
    return {"input": text, "stream": True}


def _anthropic(text: str) -> Body:
    return {"max_tokens": _MAX_TOKENS, **_chat(text)}


def _gemini(text: str) -> Body:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def _converse(text: str) -> Body:
    return {"messages": [{"role": "user", "content": [{"text": text}]}]}


_WRITERS: Final[dict[str, Callable[[str], Body]]] = {
    "openai-chat": _chat,
    "openai-completions": _prompt,
    "openai-responses": _responses,
    "anthropic-messages": _anthropic,
    "gemini": _gemini,
    "bedrock-converse": _converse,
    "cohere-v2": _chat,
    "ollama": _chat,
}
#: How an endpoint of that body ends. Its format alone says less: that of OpenAI is also the one of unknown endpoints.
_ENDS: Final[dict[Callable[[str], Body], tuple[str, ...]]] = {
    _chat: ("chat", "chat/completions"),
    _anthropic: ("messages",),
}
_MODEL_IN_URL: Final = frozenset({_gemini, _converse})
