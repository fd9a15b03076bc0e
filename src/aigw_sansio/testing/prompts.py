"""Requests to models, whatever their format (:class:`aigw_sansio.prompt.Prompt`).

Decides: which features of a request stand beside each other. Must not know: any format.
"""

from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from .. import prompt as p
from .wire import JSON

_WORDS: Final = st.sampled_from(("Hello", "Be brief.", "a\nb", "h\u00e9llo \U0001f44b", "{}", "12", "<x>")) | st.text(
    "ab \u00e9", min_size=1, max_size=8
).filter(lambda text: text == text.strip())
_ID: Final = st.sampled_from(("call_1", "toolu_01A", "abcdefghi", "a b|c", "x" * 90)) | st.text("abc_", min_size=1)
_TOOL_NAMES: Final = st.sampled_from(("get_weather", "f", "Look-up", "mcp.server/tool", "t" * 100))
_SCHEMAS: Final[st.SearchStrategy[p.JsonObject | None]] = st.none() | st.sampled_from(("string", "integer")).map(
    lambda kind: {"type": "object", "properties": {"city": {"type": kind}}, "required": ["city"]}
)
_OBJECTS: Final = st.dictionaries(st.text("abc", min_size=1, max_size=3), JSON, max_size=2)
_ARGUMENTS: Final = st.one_of(
    _OBJECTS.map(lambda value: msgspec.json.encode(value).decode()), st.sampled_from(("{}", "{", "[1]"))
)
_MAKERS: Final = st.sampled_from(("openai", "anthropic", "google"))
_OPAQUE: Final = st.builds(p.Opaque, _MAKERS, st.sampled_from(("c2ln", "EqQBCkYIARgCKkA=")))
_YES: Final = st.sampled_from((True,))
_CACHE: Final = st.sampled_from((p.CacheMark(), p.CacheMark("5m"), p.CacheMark("1h")))


def _sources(mime_type: str) -> st.SearchStrategy[p.Source]:
    near: st.SearchStrategy[p.Source] = st.just(p.Blob("aGVsbG8=", mime_type))
    return near | st.just(p.Uri(f"https://media.test/{mime_type}")) | st.builds(p.UploadedFile, st.just("f-1"), _MAKERS)


_IMAGES: Final = st.builds(p.Image, _sources("image/png"), st.none() | st.sampled_from(("low", "high")))
_FILES: Final = st.builds(
    p.File, _sources("application/pdf") | st.just(p.PlainText("Once.")), st.none() | st.just("a.pdf")
)
_SOUNDS: Final = st.builds(p.Audio, st.just(p.Blob("aGVsbG8=", "audio/wav")))
_DEFINED_BY: Final = (("openai", "openai-chat"), ("openai", "openai-responses"), ("anthropic", ""), ("google", ""))
_NATIVE: Final = st.sampled_from(_DEFINED_BY).map(lambda by: p.Native(by[0], {"type": "block", "id": "s1"}, by[1]))
#: What a prompt may have beside texts: a field and its values.
_SETTINGS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "parallel_tool_calls": st.booleans(),
    "output": st.builds(p.OutputFormat, st.just("json_schema"), st.just("city"), _SCHEMAS.filter(bool), st.booleans())
    | st.just(p.OutputFormat("json_object")),
    "modalities": st.sampled_from((("text",), ("text", "audio"))),
    "max_tokens": st.integers(1, 100_000),
    "temperature": st.integers(0, 8).map(lambda number: number / 4),
    "top_p": st.integers(0, 4).map(lambda number: number / 4),
    "top_k": st.integers(1, 600),
    "min_p": st.just(0.25),
    "stop_sequences": st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True).map(tuple),
    "seed": st.integers(0, 1 << 40),
    "presence_penalty": st.integers(-4, 4).map(lambda number: number / 2),
    "frequency_penalty": st.integers(-4, 4).map(lambda number: number / 2),
    "repetition_penalty": st.sampled_from((1.0, 1.25)),
    "logit_bias": st.just({"50256": -100.0}),
    "logprobs": st.integers(0, 20),
    "choice_count": st.integers(1, 3),
    "verbosity": st.sampled_from(("low", "medium", "high")),
    "reasoning": st.builds(p.ReasoningSettings, st.sampled_from(("none", "minimal", "low", "high", "max")))
    | st.builds(p.ReasoningSettings, st.none(), st.integers(0, 20_000))
    | st.builds(p.ReasoningSettings, adaptive=_YES, summary=st.none() | st.just("auto")),
    "cache": _CACHE,
    "cache_key": _WORDS,
    "metadata": st.just({"project": "x"}),
    "end_user": _WORDS,
    "service_tier": st.sampled_from(("auto", "default", "flex")),
    "stream": _YES,
    "include_usage": _YES,
    "store": st.booleans(),
    "previous_response_id": st.just("resp_1"),
    "extra": _OBJECTS,
}
_HISTORY: Final = (
    "calls", "reasoning parts", "images", "files", "audio", "refusals", "native parts", "custom tools", "cache marks",
    "errors", "media from tools", "system turns", "names", "choice of tools", "strict tools",
)  # fmt: skip
_SHOWN: Final[dict[str, st.SearchStrategy[Any]]] = {"media from tools": _IMAGES}
_NEED_TOOLS: Final = {"calls", "custom tools", "choice of tools", "strict tools", "errors", "media from tools"}


@st.composite
def prompts(draw: st.DrawFn, *, maker: str = "", most: int = 3) -> p.Prompt:
    """Requests that make sense: each call of a tool is answered by the next turn, ids are unique, a choice names tools
    that there are. ``most``: so many features stand at most beside plain texts, so that small examples are frequent.
    ``maker`` is :attr:`aigw_sansio.prompt.Prompt.maker`."""
    features = draw(st.sets(st.sampled_from((*_SETTINGS, *_HISTORY)), max_size=most))
    features |= {"max_tokens"} if draw(st.booleans()) else set()  # some formats cannot do without
    fields = {name: draw(_SETTINGS[name]) for name in _SETTINGS if name in features}
    cache = st.none() | _CACHE if "cache marks" in features else st.none()
    texts = st.builds(p.Text, _WORDS, cache)
    tools = draw(_tools(features, cache))
    return p.Prompt(
        model=draw(st.sampled_from(("model-1", "gpt-4.1", "claude-sonnet-4-5", "gemini-2.5-flash"))),
        instructions=tuple(draw(st.lists(texts, max_size=2))),
        turns=tuple(draw(_turns(features, tools, texts))),
        tools=tools,
        tool_choice=draw(_choices(tools)) if "choice of tools" in features and tools else None,
        maker=maker,
        **fields,
    )


@st.composite
def _tools(draw: st.DrawFn, features: set[str], cache: st.SearchStrategy[p.CacheMark | None]) -> tuple[p.Tool, ...]:
    if not features & _NEED_TOOLS:
        return ()
    strict = st.sampled_from((None, True, False) if "strict tools" in features else (None,))
    function = st.builds(p.FunctionTool, _TOOL_NAMES, _WORDS, _SCHEMAS, strict, cache)
    tools = draw(st.lists(function, min_size=1, max_size=2, unique_by=lambda tool: tool.name))
    return (*tools, p.CustomTool("shell", draw(_WORDS))) if "custom tools" in features else tuple(tools)


def _choices(tools: tuple[p.Tool, ...]) -> st.SearchStrategy[p.ToolChoice]:
    names = [tool.name for tool in tools if isinstance(tool, p.FunctionTool)]
    some = st.lists(st.sampled_from(names), max_size=2, unique=True).map(tuple)
    return st.builds(p.ToolChoice, st.sampled_from(("auto", "required")), some) | st.just(p.ToolChoice("none"))


@st.composite
def _turns(
    draw: st.DrawFn, features: set[str], tools: tuple[p.Tool, ...], texts: st.SearchStrategy[p.Text]
) -> list[p.Turn]:
    def parts(kinds: dict[str, st.SearchStrategy[Any]], least: int = 1) -> tuple[Any, ...]:
        some = st.one_of(texts, *(kinds[name] for name in kinds if name in features))
        return tuple(draw(st.lists(some, min_size=least, max_size=2)))

    names = st.none() | st.just("Bo") if "names" in features else st.none()
    turns: list[p.Turn] = []
    ids: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        if "system turns" in features and turns:
            turns.append(p.Turn("system", (draw(texts),)))
        turns.append(p.Turn("user", parts({"images": _IMAGES, "files": _FILES, "audio": _SOUNDS}), draw(names)))
        calls: list[p.ToolCall] = []
        for tool in draw(st.lists(st.sampled_from(tools), max_size=2)) if tools else ():
            ids.append(draw(_ID.filter(lambda made: made not in ids)))
            made = p.ToolCall(ids[-1], getattr(tool, "name", ""), custom=isinstance(tool, p.CustomTool))
            calls.append(msgspec.structs.replace(made, arguments=draw(_WORDS if made.custom else _ARGUMENTS)))
        thoughts = (p.Reasoning(draw(_WORDS), draw(st.none() | _OPAQUE)),) if "reasoning parts" in features else ()
        said = parts({"refusals": st.builds(p.Refusal, _WORDS), "native parts": _NATIVE}, least=not calls)
        turns.append(p.Turn("assistant", (*thoughts, *said, *calls)))
        blank = p.ToolCallResponse("", is_error="errors" in features)
        responses = [
            msgspec.structs.replace(blank, id=call.id, response=parts(_SHOWN, 0), name=call.name, custom=call.custom)
            for call in calls
        ]
        turns += [p.Turn("tool", tuple(responses))] if responses else []
    return [*turns, p.Turn("user", (draw(texts),))] if turns[-1].role == "assistant" else turns
