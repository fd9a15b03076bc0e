"""Requests to Gemini's ``generateContent``, at AI Studio and at Vertex AI.

Decides: the URL and the members of the body. Must not know: what contents, tools and settings look like
(:mod:`.contents`, :mod:`.declarations`, :mod:`.settings`).

Source: Gemini API reference, ``models.generateContent``; Vertex AI reference, the same method. Members are in camel
case. Vertex takes no ids of calls.
"""

from typing import Final
from urllib.parse import quote

from ...prompt import JsonObject, Prompt
from ..plain.conversation import Plain
from ..refusing import RequestRefused, refusal
from ..request_tools import drop_unsupported, dropped, mapped, own_tier
from ..translation import Note, Refused, WireRequest
from ..usual import Looked, look_at
from .contents import ContentWriter
from .declarations import name_map, write_config, write_tools
from .models import GeminiModel, rules_of
from .settings import write_settings

_SUPPORTED: Final = frozenset(
    {
        "tools", "tool_choice", "parallel_tool_calls", "output", "modalities", "max_tokens", "temperature", "top_p",
        "top_k", "stop_sequences", "seed", "presence_penalty", "frequency_penalty", "logprobs", "choice_count",
        "reasoning", "service_tier",
    }
)  # fmt: skip


def write_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """The request to AI Studio: ``v1beta/models/MODEL:generateContent``, or ``:streamGenerateContent?alt=sse``.

    Refused: a conversation that another vendor keeps, tools of other vendors, media that the model does not fetch, a
    response of a tool without its call, tools for Gemma, and a form of the response beside tools before Gemini 3.
    """
    return _write(prompt, notes, plain, vertex=False)


def write_vertex_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """The request to Vertex AI: ``publishers/google/models/MODEL:generateContent``, below
    ``v1/projects/PROJECT/locations/LOCATION``. Refused: as :func:`write_request`."""
    return _write(prompt, notes, plain, vertex=True)


def _write(prompt: Prompt, notes: list[Note], plain: Plain | None, *, vertex: bool) -> WireRequest | Refused:
    looked = look_at(prompt.turns)
    refused = drop_unsupported(prompt, looked, notes, _SUPPORTED, "Gemini")
    if refused is not None:
        return refused
    try:
        return WireRequest(
            method="POST",
            path=_path(prompt, vertex=vertex),
            headers=(),
            body=_body(prompt, looked, notes, plain, vertex=vertex),
        )
    except RequestRefused as failure:
        return failure.refused


def _path(prompt: Prompt, *, vertex: bool) -> str:
    name = prompt.model
    for start in ("publishers/", "google/", "models/"):
        name = name.removeprefix(start)
    if not name:
        raise refusal("model", "It is missing.")
    if vertex:
        root = "" if name.startswith("endpoints/") else "publishers/google/models/"
    else:
        root = "v1beta/" if name.startswith("tunedModels/") else "v1beta/models/"
    kept = "/" if not root.endswith("models/") else ""
    method = "streamGenerateContent?alt=sse" if prompt.stream else "generateContent"
    return f"{root}{quote(name.encode('utf-8', 'replace'), safe=kept)}:{method}"


def _body(prompt: Prompt, looked: Looked, notes: list[Note], plain: Plain | None, *, vertex: bool) -> JsonObject:
    model = rules_of(prompt.model)
    names = name_map(notes)
    # Tools come first: notes then name the definition of a tool, and not a call of it.
    tools = write_tools(prompt, notes, names, model)
    contents = ContentWriter(prompt, looked, notes, names, model, vertex=vertex).write(plain)
    body: JsonObject = {"contents": contents}
    _instruct(prompt, notes, model, contents, body)
    if not contents:
        mapped(notes, "turns", "Gemini wants a text of the user; a space is sent.")
        contents.append({"role": "user", "parts": [{"text": " "}]})
    if tools:
        body["tools"] = tools
    members: tuple[tuple[str, object], ...] = (
        ("toolConfig", write_config(prompt, notes, names, model, tools=tools, vertex=vertex)),
        ("generationConfig", write_settings(prompt, notes, model, vertex=vertex)),
        ("serviceTier", own_tier(prompt, notes, "google", "Gemini")),
    )
    body |= {name: value for name, value in members if value}
    _put_extra(prompt, notes, body)
    return body


def _instruct(
    prompt: Prompt, notes: list[Note], model: GeminiModel, contents: list[JsonObject], body: JsonObject
) -> None:
    """Put the instructions into ``body``; for Gemma, which has none, in front of the user's first text."""
    texts = [text.text for text in prompt.instructions if text.text]
    for at, text in enumerate(prompt.instructions):
        if text.cache is not None:
            dropped(notes, f"instructions[{at}].cache", "Gemini caches by itself.")
    if not texts:
        return
    if not model.gemma:
        body["systemInstruction"] = {"parts": [{"text": text} for text in texts]}
        return
    mapped(notes, "instructions", "Gemma has none; they stand in front of the first text of the user.")
    first = next((content for content in contents if content["role"] == "user"), None)
    parts = [] if first is None else first["parts"]
    told = "\n\n".join(texts)
    if type(parts) is list and parts and parts[0].keys() == {"text"}:
        parts[0] = {"text": f"{told}\n\n{parts[0]['text']}"}
    elif first is not None and type(parts) is list:
        parts.insert(0, {"text": told})
    else:
        contents.insert(0, {"role": "user", "parts": [{"text": told}]})


def _put_extra(prompt: Prompt, notes: list[Note], body: JsonObject) -> None:
    """Put the members that only Google defines into ``body``; those of a member that is there already are added to
    it."""
    for name, value in prompt.extra.items():
        there = body.get(name)
        if prompt.maker != "google":
            dropped(notes, f"extra.{name[:60]}", "Gemini does not define it.")
        elif there is None:
            body[name] = value
        elif type(there) is dict and type(value) is dict:
            body[name] = {**value, **there}
        else:
            dropped(notes, f"extra.{name[:60]}", "Another field says it already.")
