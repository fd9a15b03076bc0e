"""Log probabilities of a response, beside the events that tell its text.

Decides: where in a provider's chunk they stand, and that they are told as OpenAI does. Must not know: who writes them.

Events hold none, because a client of the provider's own format has them in the provider's chunk. Only the translation
of a response whose request asked for them calls :func:`find_logprobs`, so nobody else pays.

Source: OpenAI's API reference (Chat Completions, Completions, Responses), Gemini's ``LogprobsResult``, Cohere's
``LogprobItem``, Ollama's ``/api/chat``.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias, TypeGuard

from .values import JsonObject, arr, obj, parse, text

#: Tokens in the form of OpenAI: ``token``, ``logprob``, ``bytes``, ``top_logprobs``.
Tokens: TypeAlias = list[JsonObject]
#: OpenAI's own value for what is so improbable that it is not told.
_LEAST: Final = -9999.0


def find_logprobs(data: bytes) -> dict[int, Tokens]:
    """The tokens in ``data``, a provider's chunk or its whole body, by choice. Never raises; linear in its size."""
    value = obj(parse(data))
    found: dict[int, Tokens] = {}
    if "choices" in value:
        for position, one in enumerate(arr(value["choices"])):
            choice = obj(one)
            index = choice.get("index")
            _add(found, index if type(index) is int else position, _of_choice(choice.get("logprobs")))
    elif "candidates" in value:
        for position, one in enumerate(arr(value["candidates"])):
            candidate = obj(one)
            index = candidate.get("index")
            _add(found, index if type(index) is int else position, _of_gemini(obj(candidate.get("logprobsResult"))))
    elif text(value.get("type")).startswith("response."):
        if value["type"] == "response.output_text.delta":  # later events repeat what these told
            _add(found, 0, _of_openai(value.get("logprobs")))
    elif "output" in value:
        for item in arr(value["output"]):
            for part in arr(obj(item).get("content")):
                _add(found, 0, _of_openai(obj(part).get("logprobs")))
    elif value.get("logprobs"):
        told = arr(value["logprobs"]) or [value["logprobs"]]
        _add(found, 0, _of_cohere(told) if "logprobs" in obj(told[0]) else _of_openai(told))
    return found


def _add(found: dict[int, Tokens], choice: int, tokens: Tokens) -> None:
    if tokens:
        found.setdefault(choice, []).extend(tokens)


def _of_choice(told: object) -> Tokens:
    """Of Chat Completions; of servers that write them there as the older Completions did."""
    members = obj(told)
    if "tokens" not in members:
        return _of_openai(members.get("content"))
    pairs = zip(arr(members["tokens"]), arr(members.get("token_logprobs")), strict=False)
    alternatives = arr(members.get("top_logprobs"))
    tokens = [_token(token, logprob) | {"top_logprobs": []} for token, logprob in pairs]
    for token, of_token in zip(tokens, alternatives, strict=False):
        token["top_logprobs"] = [_token(name, logprob) for name, logprob in obj(of_token).items()]
    return tokens


def _of_openai(told: object) -> Tokens:
    tokens: Tokens = []
    for one in arr(told):
        value = obj(one)
        tokens.append(
            {
                **_token(value.get("token"), value.get("logprob"), value.get("bytes")),
                "top_logprobs": [
                    _token(top.get("token"), top.get("logprob"), top.get("bytes"))
                    for top in map(obj, arr(value.get("top_logprobs")))
                ],
            }
        )
    return tokens


def _of_gemini(result: JsonObject) -> Tokens:
    tokens = _gemini_tokens(arr(result.get("chosenCandidates")))
    for token, of_token in zip(tokens, arr(result.get("topCandidates")), strict=False):
        token["top_logprobs"] = _gemini_tokens(arr(obj(of_token).get("candidates")), top=True)
    return tokens


def _gemini_tokens(told: Iterable[object], *, top: bool = False) -> Tokens:
    more: JsonObject = {} if top else {"top_logprobs": []}
    return [_token(one.get("token"), one.get("logProbability")) | more for one in map(obj, told)]


def _of_cohere(told: Iterable[object]) -> Tokens:
    """Cohere tells the text of several tokens as one: what it tells of them is added up."""
    tokens: Tokens = []
    for one in map(obj, told):
        values = [value for value in arr(one.get("logprobs")) if _is_logprob(value)]
        if values and text(one.get("text")):
            tokens.append({**_token(one["text"], sum(values)), "top_logprobs": []})
    return tokens


def _token(token: object, logprob: object, data: object = None) -> JsonObject:
    name = text(token)
    return {
        "token": name,
        "logprob": logprob if _is_logprob(logprob) else _LEAST,
        "bytes": data if type(data) is list else list(name.encode("utf-8", "replace")),
    }


def _is_logprob(value: object) -> TypeGuard[float]:
    """Whether it is a number, and not one that JSON cannot write."""
    return (type(value) is int or type(value) is float) and _LEAST <= value <= 1
