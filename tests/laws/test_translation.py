"""The laws of translation: nothing is lost silently, nothing raises, and the cost is linear.

* What a format wrote and reads again is the same prompt, but for what the notes say. So the same prompt through any two
  formats differs only in what the notes say.
* No request raises, whatever JSON it is: it is read or refused, and then written or refused.
* Twice as much of anything costs about twice as much.
"""

import copy
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.reading.any_json import JSON, mutate
from tests.reading.prompts import unexplained
from tests.reading.provider_requests import read_provider_request
from tests.rigs.compiled import needs_sources
from tests.rigs.meter import Cost, cost_of

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.prompt import FunctionTool, JsonObject, Prompt, Text, ToolCall, ToolCallResponse, Turn
from aigw_sansio.testing import prompts
from aigw_sansio.translate import (
    CLIENT_FORMATS,
    REQUEST_FORMATS,
    Refused,
    Translated,
    WireRequest,
    read_request,
    translate_request,
    write_request,
)
from aigw_sansio.translate.registry import find_format

#: Who defines the members that only one vendor has.
MAKERS: Final = {"openai-chat": "openai", "openai-responses": "openai", "anthropic-messages": "anthropic"}
#: Formats without a member for it always tell the usage of a stream.
USAGE: Final = "include_usage"
quick = settings(suppress_health_check=[HealthCheck.too_slow])


def written(prompt: Prompt, format: str) -> tuple[WireRequest, tuple[Any, ...]] | None:
    """The request and its notes, which must be JSON; ``None`` if it is refused."""
    before = copy.deepcopy(prompt)
    result = write_request(prompt, format)
    assert prompt == before
    if isinstance(result, Refused):
        assert result.field
        assert result.why
        return None
    msgspec.json.encode(result[0].body)
    assert not result[0].path.startswith("/"), "a path is relative to the provider's root"
    assert not any(note.field == "" or note.why == "" for note in result[1])
    return result


@pytest.mark.parametrize("format", CLIENT_FORMATS)
@quick
@given(data=st.data())
def test_what_was_written_is_read_again(format: str, data: st.DataObject) -> None:
    prompt = data.draw(prompts(maker=MAKERS[format]))
    result = written(prompt, format)
    if result is None:
        event("refused")
        return
    request, notes = result
    event("with notes" if notes else "without a note")
    found = read_request(msgspec.json.decode(msgspec.json.encode(request.body)), format)
    assert not isinstance(found, Refused), found
    again, more = found
    assert again.maker == MAKERS[format]
    names, loose = find_format(format).names, format != "anthropic-messages"
    assert unexplained(prompt, again, (*notes, *more), ignore=[USAGE], names=names, loose=loose) == []


@pytest.mark.parametrize("format", sorted({*REQUEST_FORMATS} - {*CLIENT_FORMATS}))
@quick
@given(data=st.data())
def test_nothing_is_lost_silently(format: str, data: st.DataObject) -> None:
    prompt = data.draw(prompts(maker=data.draw(st.sampled_from(("openai", "anthropic", "")))))
    result = written(prompt, format)
    if result is None:
        event("refused")
        return
    request, notes = result
    event("with notes" if notes else "without a note")
    found = read_provider_request(request, format)
    names = find_format(format).names
    # Gemini is strict with all tools or none, and says so in their choice
    ignore = [USAGE, "strict"] if "gemini" in format else [USAGE]
    assert unexplained(prompt, found, notes, ids=False, ignore=ignore, names=names, joined=True) == []


# -- any JSON -------------------------------------------------------------------------------------------------------


def check_all_targets(body: object, source: str) -> None:
    for target in REQUEST_FORMATS:
        result = translate_request(body, source=source, target=target)
        if isinstance(result, Translated):
            msgspec.json.encode(result.request.body)
        else:
            assert result.why


@pytest.mark.parametrize("source", CLIENT_FORMATS)
@quick
@given(body=JSON | st.dictionaries(st.sampled_from(("model", "messages", "input", "tools", "max_tokens")), JSON))
def test_no_json_raises(source: str, body: object) -> None:
    check_all_targets(body, source)


@pytest.mark.parametrize("source", CLIENT_FORMATS)
@quick
@given(data=st.data())
def test_no_broken_request_raises(source: str, data: st.DataObject) -> None:
    result = written(data.draw(prompts(maker=MAKERS[source])), source)
    if result is not None:
        body: Any = msgspec.to_builtins(result[0].body)
        for _ in range(data.draw(st.integers(1, 3))):
            body = mutate(body, data.draw)
        check_all_targets(body, source)


@pytest.mark.parametrize("source", CLIENT_FORMATS)
@pytest.mark.parametrize("member", ["model", "messages", "input", "tools", "system", "metadata", "other"])
def test_no_depth_raises(source: str, member: str) -> None:
    deep: object = "x"
    for _ in range(300):
        deep = [deep]
    for value in (deep, {"a": deep}, [deep], [{"role": "user", "content": deep}]):
        body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "input": "x"}
        check_all_targets({**body, member: value}, source)


def test_an_unknown_format_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(LocalProtocolError, match=r"'x' is no format here; allowed are .*cohere-v2"):
        write_request(Prompt(model="m"), "x")
    with pytest.raises(LocalProtocolError, match=r"'gemini' is no format here; allowed are "):
        read_request({}, "gemini")


# -- cost -------------------------------------------------------------------------------------------------------------


def many_turns(count: int) -> Prompt:
    return Prompt(model="m", max_tokens=9, turns=tuple(Turn("user", (Text("a"),)) for _ in range(count)))


def many_calls(count: int) -> Prompt:
    rounds = [
        (
            Turn("user", (Text("a"),)),
            Turn("assistant", (ToolCall(f"call_{at}", "f", '{"a":1}'),)),
            Turn("tool", (ToolCallResponse(f"call_{at}", (Text("b"),), "f"),)),
        )
        for at in range(count)
    ]
    return Prompt(model="m", max_tokens=9, turns=tuple(t for one in rounds for t in one), tools=(FunctionTool("f"),))


def many_parallel_calls(count: int) -> Prompt:
    calls = tuple(ToolCall(f"call {at}", "f.g", "{}") for at in range(count))
    responses = tuple(ToolCallResponse(call.id, (Text("b"),), "f.g") for call in calls)
    turns = (Turn("user", (Text("a"),)), Turn("assistant", calls), Turn("tool", responses))
    return Prompt(model="m", max_tokens=9, turns=turns, tools=(FunctionTool("f.g"),))


def many_parts(count: int) -> Prompt:
    return Prompt(model="m", max_tokens=9, turns=(Turn("user", tuple(Text("a") for _ in range(count))),))


def many_tools(count: int) -> Prompt:
    schema: JsonObject = {"type": "object", "properties": {"a": {"type": "string"}}}
    tools = tuple(FunctionTool(f"tool.{at}", "d", schema) for at in range(count))
    return Prompt(model="m", max_tokens=9, turns=(Turn("user", (Text("a"),)),), tools=tools)


def wide_schema(count: int) -> Prompt:
    schema: JsonObject = {"type": "object", "properties": {f"a{at}": {"type": "string"} for at in range(count)}}
    tools = (FunctionTool("f", "d", schema, strict=True),)
    return Prompt(model="m", max_tokens=9, turns=(Turn("user", (Text("a"),)),), tools=tools)


def long_texts(count: int) -> Prompt:
    return Prompt(model="m", max_tokens=9, turns=(Turn("user", (Text("ab " * count),)),))


def many_members(count: int) -> Prompt:
    extra: JsonObject = {f"a{at}": at for at in range(count)}
    return Prompt(model="m", max_tokens=9, turns=(Turn("user", (Text("a"),)),), maker="openai", extra=extra)


SHAPES: Final[dict[str, Callable[[int], Prompt]]] = {
    shape.__name__: shape
    for shape in (
        many_turns, many_calls, many_parallel_calls, many_parts, many_tools, wide_schema, long_texts, many_members,
    )
}  # fmt: skip
SIZE: Final = 60


def assert_linear(prepare: Callable[[int], Callable[[], object]]) -> None:
    prepare(2)()
    nothing, once, twice = (cost_of(prepare(count)) for count in (1, SIZE, 2 * SIZE))
    for which in Cost._fields:
        base = getattr(nothing, which)
        some, more = max(0, getattr(once, which) - base), getattr(twice, which) - base
        assert more <= 2.25 * some + 400, f"{which}: {base} for 1, {some} more for {SIZE}, {more} more for twice"


@needs_sources
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("format", REQUEST_FORMATS)
def test_writing_is_linear(format: str, shape: str) -> None:
    def prepare(count: int) -> Callable[[], object]:
        prompt = SHAPES[shape](count)
        return lambda: write_request(prompt, format)

    assert_linear(prepare)


@needs_sources
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("format", CLIENT_FORMATS)
def test_reading_is_linear(format: str, shape: str) -> None:
    def prepare(count: int) -> Callable[[], object]:
        result = write_request(SHAPES[shape](count), format)
        assert not isinstance(result, Refused), result
        return lambda: read_request(result[0].body, format)

    assert_linear(prepare)
