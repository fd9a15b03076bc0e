"""Prompts whose turns make no sense: any parts in any order, calls without responses, ids that are used again.

Decides: what such prompts hold. Must not know: any format. A writer refuses one or makes a request that its provider
takes.
"""

from typing import Any

from hypothesis import strategies as st

from aigw_sansio.prompt import (
    Blob,
    CacheMark,
    CustomTool,
    File,
    FunctionTool,
    Image,
    Native,
    Opaque,
    OutputFormat,
    PlainText,
    Prompt,
    Reasoning,
    ReasoningSettings,
    Refusal,
    Text,
    ToolCall,
    ToolCallResponse,
    ToolChoice,
    Turn,
)

_MARKS = st.sampled_from((None, None, CacheMark(), CacheMark("1h"), CacheMark("30m")))
_IDS = st.sampled_from(("a", "b", "call 1", "x" * 90))
_TEXTS = st.builds(Text, st.sampled_from(("a", " ", "b \n", "")), _MARKS)
_MEDIA: st.SearchStrategy[Any] = st.builds(Image, st.just(Blob("aGk=", "image/png")), cache=_MARKS) | st.builds(
    File,
    st.sampled_from((Blob("aGk=", "application/pdf"), PlainText("x"))),
    st.sampled_from((None, "a.pdf", "a/b.pdf")),
    cache=_MARKS,
)
_CALLS = st.builds(ToolCall, _IDS, st.sampled_from(("f", "a.b")), st.sampled_from(("", "{}", "x")), cache=_MARKS)
_RESPONSES = st.builds(ToolCallResponse, _IDS, st.lists(_TEXTS | _MEDIA, max_size=2).map(tuple), cache=_MARKS)
_OPAQUE = st.builds(Opaque, st.sampled_from(("anthropic", "openai")), st.just("c2ln"))
_THOUGHTS = st.builds(Reasoning, st.sampled_from(("t", "")), st.none() | _OPAQUE)
_SAID: st.SearchStrategy[Any] = st.one_of(
    _TEXTS, _CALLS, _THOUGHTS, st.just(Refusal("No.")), st.just(Native("anthropic", {"type": "server_block"}))
)


def _turns_of(role: Any, parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Turn]:
    return st.builds(Turn, st.just(role), st.lists(parts, max_size=3).map(tuple))


@st.composite
def _rounds(draw: st.DrawFn) -> list[Turn]:
    """A call and its response, so that not every prompt is refused."""
    calls = draw(st.lists(_CALLS, min_size=1, max_size=2, unique_by=lambda call: call.id))
    responses = [draw(_RESPONSES.map(lambda made, id=call.id: ToolCallResponse(id, made.response))) for call in calls]
    return [Turn("assistant", (*draw(st.lists(_THOUGHTS, max_size=1)), *calls)), Turn("tool", tuple(responses))]


_SOUP = st.one_of(
    _turns_of("user", _TEXTS | _MEDIA),
    _turns_of("assistant", _SAID),
    _turns_of("system", _TEXTS),
    _turns_of("tool", _RESPONSES),
).map(lambda turn: [turn])
_PLAIN = st.one_of(
    _turns_of("user", _TEXTS | _MEDIA),
    _turns_of("assistant", _TEXTS | _THOUGHTS),
    _turns_of("system", _TEXTS),
).map(lambda turn: [turn])


def turn_soups(models: tuple[str, ...]) -> st.SearchStrategy[Prompt]:
    """Prompts for one of ``models``. Half of them have no calls without responses."""
    tools = (FunctionTool("f", cache=CacheMark("1h")), FunctionTool("a.b", strict=True), CustomTool("sh"))
    turns = st.lists(st.one_of(_PLAIN, _rounds()), max_size=5) | st.lists(st.one_of(_SOUP, _rounds()), max_size=4)
    return st.builds(
        Prompt,
        model=st.sampled_from(models),
        instructions=st.lists(_TEXTS, max_size=2).map(tuple),
        turns=turns.map(lambda runs: tuple(turn for run in runs for turn in run)),
        tools=st.sampled_from(((), tools[:1], tools)),
        tool_choice=st.none() | st.builds(ToolChoice, st.sampled_from(("auto", "none", "required"))),
        parallel_tool_calls=st.none() | st.booleans(),
        output=st.none() | st.builds(OutputFormat, st.sampled_from(("json_object", "json_schema")), schema=st.just({"type": "object"})),
        max_tokens=st.none() | st.integers(0, 200_000),
        temperature=st.none() | st.floats(-1, 3),
        top_p=st.none() | st.floats(0, 1),
        top_k=st.none() | st.integers(-1, 600),
        reasoning=st.none()
        | st.builds(ReasoningSettings, st.sampled_from((None, "none", "low", "max")), st.none() | st.integers(0, 50_000))
        | st.just(ReasoningSettings(adaptive=True, visible=False)),
        cache=_MARKS,
    )  # fmt: skip
