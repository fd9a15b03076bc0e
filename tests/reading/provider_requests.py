"""Requests of providers, read for their meaning: what a test compares a written or recorded request with.

Only what tests need: the readers take well-formed requests, and raise on others. A reader gives a
:class:`~aigw_sansio.prompt.Prompt`, so that any two requests can be compared.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import msgspec
from tests.reading.requests_cohere import read_cohere
from tests.reading.requests_converse import read_converse
from tests.reading.requests_gemini import read_gemini
from tests.reading.requests_ollama import read_ollama

from aigw_sansio.prompt import Prompt
from aigw_sansio.translate import CLIENT_FORMATS, Refused, WireRequest, read_request

#: Formats of their own.
READERS: dict[str, Callable[[dict[str, Any]], Prompt]] = {
    "bedrock-converse": read_converse,
    "cohere-v2": read_cohere,
    "gemini": read_gemini,
    "ollama-chat": read_ollama,
    "vertex-gemini": read_gemini,
}
#: Formats that are those of clients, with small differences.
LIKE: dict[str, str] = {
    **{format: format for format in CLIENT_FORMATS},
    "vertex-anthropic": "anthropic-messages",
    "bedrock-anthropic": "anthropic-messages",
}
#: Formats whose path tells the model, and whether the response is streamed, and how it tells that.
IN_THE_PATH: dict[str, str] = {
    "bedrock-anthropic": "/invoke-with-response-stream",
    "bedrock-converse": "/converse-stream",
    "gemini": ":streamGenerateContent",
    "vertex-anthropic": ":streamRawPredict",
    "vertex-gemini": ":streamGenerateContent",
}


def read_body(body: dict[str, Any], format: str) -> Prompt:
    """What the body of a request asks."""
    if format in READERS:
        return READERS[format](body)
    like = LIKE.get(format, "openai-chat")
    result = read_request(_as_openai(body) if like == "openai-chat" else body, like)
    assert not isinstance(result, Refused), result
    return result[0]


def _as_openai(body: dict[str, Any]) -> dict[str, Any]:
    """``body`` with OpenAI's names for what look-alikes call otherwise."""
    body = dict(body)
    if "random_seed" in body:
        body["seed"] = body.pop("random_seed")
    if "repeat_penalty" in body:
        body["repetition_penalty"] = body.pop("repeat_penalty")
    if body.get("tool_choice") == "any":
        body["tool_choice"] = "required"
    thinks = body.pop("chat_template_kwargs", {}).get("enable_thinking")
    if thinks is False:
        body["reasoning_effort"] = "none"
    if isinstance(body.get("reasoning_effort"), int):
        body["thinking"] = {"type": "enabled", "budget_tokens": body.pop("reasoning_effort")}
    return body


def read_provider_request(request: WireRequest, format: str) -> Prompt:
    """What a written request asks, with what its path says."""
    prompt = read_body(msgspec.json.decode(msgspec.json.encode(request.body)), format)
    stream = IN_THE_PATH.get(format)
    if stream is None:
        return prompt
    place = unquote(request.path).partition("?")[0].rpartition("/")
    model = place[0].rpartition("/")[2] if format.startswith("bedrock") else place[2].partition(":")[0]
    return msgspec.structs.replace(prompt, model=model, stream=stream in request.path)
