"""Usual shapes, and the shapes that look like one: both ways make the same of each."""

from typing import Any, Final

import pytest
from tests.rigs.usual_shapes import nothing_usual

from aigw_sansio.formats.usual import Shape, look_at
from aigw_sansio.prompt import CacheMark, JsonObject, Opaque, Prompt, Reasoning, Text, ToolCall, ToolCallResponse, Turn
from aigw_sansio.translate import REQUEST_FORMATS, read_request, write_request

CALL: Final = ToolCall("c1", "f", '{"a":1}')
RESULT: Final = ToolCallResponse("c1", (Text("r"),), "f")
EXTRA: Final[JsonObject] = {"x": 1}
SIGNED: Final = Opaque("google", "c2ln")


def shape_of(turn: Turn) -> Shape | None:
    (shape,), unusual = look_at((turn,))
    assert unusual == ([] if shape else [(0, turn)])
    return shape


def test_a_text_alone_is_usual() -> None:
    assert shape_of(Turn("user", (Text("a"),))) == "a"
    assert shape_of(Turn("user", (Text("a", item=EXTRA),))) == "a"
    for part in (Text("a", CacheMark()), Text("a", opaque=SIGNED), Text("a", extra=EXTRA), Reasoning("a"), Text("")):
        assert shape_of(Turn("assistant", (part,))) is None
    for turn in (Turn("user", (Text("a"),), "Bo"), Turn("user", (Text("a"),), extra=EXTRA), Turn("user", ())):
        assert shape_of(turn) is None
    assert shape_of(Turn("system", (Text("a"),))) is None
    assert shape_of(Turn("user", (CALL,))) is None
    assert shape_of(Turn("tool", (Text("a"),))) is None


def test_calls_behind_a_text_are_usual() -> None:
    assert shape_of(Turn("assistant", (Text("a"), CALL, CALL))) == ("a", [CALL, CALL])
    assert shape_of(Turn("assistant", (CALL,))) == ("", [CALL])
    unusual = (
        ToolCall("c", "f", custom=True), ToolCall("c", "f", cache=CacheMark()), ToolCall("c", "f", opaque=SIGNED),
        ToolCall("c", "f", extra=EXTRA), Text(""), Text("a", CacheMark()), Reasoning("a"),
    )  # fmt: skip
    for part in unusual:
        assert shape_of(Turn("assistant", (part,))) is None
        assert shape_of(Turn("assistant", (part, CALL))) is None
    for parts in ((CALL, Text("a")), (Text("a"), Text("b")), (Text("a"), Text("b"), CALL), ()):
        assert shape_of(Turn("assistant", parts)) is None
    assert shape_of(Turn("assistant", (CALL,), "Bo")) is None


def test_results_of_one_text_are_usual() -> None:
    assert shape_of(Turn("tool", (RESULT, RESULT))) == [(RESULT, "r"), (RESULT, "r")]
    unusual = (
        ToolCallResponse("c1"), ToolCallResponse("c1", (Text("a"), Text("b"))), ToolCallResponse("c1", (Text(""),)),
        ToolCallResponse("c1", (Text("a", CacheMark()),)), ToolCallResponse("c1", (Text("a"),), is_error=True),
        ToolCallResponse("c1", (Text("a"),), custom=True), ToolCallResponse("c1", (Text("a"),), extra=EXTRA), Text("a"),
    )  # fmt: skip
    for part in unusual:
        assert shape_of(Turn("tool", (RESULT, part))) is None
    assert shape_of(Turn("tool", (RESULT,), extra=EXTRA)) is None


def test_unusual_turns_are_told_with_their_places() -> None:
    turns = (Turn("user", (Text("a"),)), Turn("user", ()), Turn("assistant", (CALL,)), Turn("tool", ()))
    shapes, unusual = look_at(turns)
    assert shapes == ["a", None, ("", [CALL]), None]
    assert unusual == [(1, turns[1]), (3, turns[3])]


HELLO: Final = Turn("user", (Text("Hello"),))
CALLING: Final = Turn("assistant", (CALL,))
RESPONDING: Final = Turn("tool", (RESULT,))
#: What writers have to look at beyond the shapes.
CONVERSATIONS: Final[dict[str, tuple[Turn, ...]]] = {
    "usual": (HELLO, CALLING, RESPONDING, HELLO),
    "blank result": (HELLO, CALLING, Turn("tool", (ToolCallResponse("c1", (Text(" "),), "f"),))),
    "blank text": (HELLO, Turn("assistant", (Text(" "), CALL)), RESPONDING, Turn("user", (Text(" \n"),))),
    "neighbours": (HELLO, HELLO, Turn("assistant", (Text("a"),)), CALLING, RESPONDING, HELLO),
    "results in two turns": (HELLO, Turn("assistant", (CALL, ToolCall("c2", "f"))), RESPONDING,
                             Turn("tool", (ToolCallResponse("c2", (Text("r"),), "f"),))),
    "result without a call": (HELLO, RESPONDING),
    "result of another call": (HELLO, CALLING, Turn("tool", (ToolCallResponse("x", (Text("r"),), "f"),))),
    "result far behind": (HELLO, CALLING, HELLO, RESPONDING),
    "one of two results far behind": (HELLO, Turn("assistant", (CALL, ToolCall("c2", "f"))), HELLO, RESPONDING),
    "result in a user's turn": (HELLO, CALLING, Turn("user", (RESULT,))),
    "no result in a turn of tools": (HELLO, CALLING, Turn("tool", (RESULT, Text("a")))),
    "id used again": (HELLO, CALLING, RESPONDING, CALLING, RESPONDING),
    "no fitting id": (HELLO, Turn("assistant", (ToolCall("c 1" * 40, "f.g h", "{}"),)),
                      Turn("tool", (ToolCallResponse("c 1" * 40, (Text('{"a":1}'),), "f.g h"),))),
    "no name": (HELLO, CALLING, Turn("tool", (ToolCallResponse("c1", (Text("r"),)),))),
    "no arguments": (HELLO, Turn("assistant", (ToolCall("c1", "f"),)), RESPONDING),
    "no JSON": (HELLO, Turn("assistant", (ToolCall("c1", "f", "a\ud800"),)), RESPONDING),
    "members of an item": (HELLO, Turn("assistant", (Text("a", item={"id": "m"}), ToolCall("c1", "f", item=EXTRA))),
                           Turn("tool", (ToolCallResponse("c1", (Text("r"),), "f", item=EXTRA),))),
    "an instruction": (HELLO, Turn("system", (Text("Be brief."),)), CALLING, RESPONDING),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("model", ["gemini-3-pro", "gemma-3", "claude-sonnet-4-5"])
def test_writers_look_at_the_rest(name: str, model: str) -> None:
    for maker in ("openai", "anthropic", "google"):
        prompt = Prompt(model=model, max_tokens=9, turns=CONVERSATIONS[name], maker=maker)
        for target in REQUEST_FORMATS:
            short = write_request(prompt, target)
            with nothing_usual():
                assert write_request(prompt, target) == short, target


def _chat(*messages: Any, **members: Any) -> JsonObject:
    return {"model": "m", "messages": [{"role": "user", "content": "Hello"}, *messages], **members}


def _calling(**changed: Any) -> JsonObject:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}, **changed}
    return _chat({"role": "assistant", "tool_calls": [call]})


FUNCTION: Final = {"name": "f", "description": "d", "parameters": {"type": "object"}}
BODIES: Final[list[JsonObject]] = [
    _calling(),
    _calling(id=""),
    _calling(id=7),
    _calling(id="a__thought__b"),
    _calling(function=None),
    _calling(function={"name": "f"}),
    _calling(function={"name": "", "arguments": "{}"}),
    _calling(function={"name": "f", "arguments": {}}),
    _calling(index=0),
    _chat({"role": "assistant", "content": "a", "tool_calls": None}),
    _chat({"role": "assistant", "content": "", "tool_calls": []}),
    _chat({"role": "assistant", "content": None, "tool_calls": {}}),
    _chat({"role": "assistant", "content": "a", "refusal": "b"}),
    _chat({"role": "assistant", "content": ""}),
    _chat({"role": "tool", "content": "r", "tool_call_id": "a__thought__b"}),
    _chat({"role": "tool", "content": "r", "tool_call_id": "c9"}),
    _chat({"role": "tool", "content": "r"}),
    _chat({"role": "developer", "content": "Be brief."}),
    _chat({"role": "tool", "content": "r", "tool_call_id": "c9"}, {"role": "system", "content": "Be brief."}),
    _chat({"role": "user", "content": ""}, "no message"),
    _chat(tools=[{"type": "function", "function": FUNCTION}]),
    _chat(tools=[{"type": "function", "function": {**FUNCTION, "strict": True}}]),
    _chat(tools=[{"type": "function", "function": {**FUNCTION, "description": None}}]),
    _chat(tools=[{"type": "function", "function": {**FUNCTION, "parameters": []}}]),
    _chat(tools=[{"type": "function", "function": {"name": ""}}]),
]


@pytest.mark.parametrize("body", BODIES)
def test_the_reader_of_chat_looks_at_the_rest(body: JsonObject) -> None:
    short = read_request(body, "openai-chat")
    with nothing_usual():
        assert read_request(body, "openai-chat") == short


def _messages(*blocks: Any, role: str = "assistant", **members: Any) -> JsonObject:
    return {"model": "m", "max_tokens": 9, "messages": [{"role": role, "content": [*blocks]}], **members}


USE: Final = {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}
GIVEN: Final = {"type": "tool_result", "tool_use_id": "c1", "content": "r"}
DEEP: dict[str, Any] = {}
for _ in range(2000):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    "body",
    [
        _messages({"type": "text", "text": "a"}, USE),
        _messages({"type": "text", "text": ""}),
        _messages({**USE, "input": "{}"}),
        _messages({**USE, "input": DEEP}),
        _messages({**USE, "input": {"a": 2**80}}),
        _messages(GIVEN),
        _messages(GIVEN, role="user"),
        _messages({**GIVEN, "content": [{"type": "text", "text": "r"}]}, role="user"),
        _messages({**GIVEN, "content": [{"type": "image"}]}, role="user"),
        _messages({**GIVEN, "content": []}, role="user"),
        _messages({**GIVEN, "tool_use_id": 1}, role="user"),
        _messages(GIVEN, {"type": "text", "text": "a"}, role="user"),
        _messages(USE, role="user"),
        _messages("no block"),
        _messages(role="system"),
        _messages(tools=[{"name": "f", "description": "d", "input_schema": {}}, {"name": "g"}, {"name": 1}]),
        _messages(tools=[{"name": "f", "description": None, "input_schema": {}}]),
    ],
)
def test_the_reader_of_anthropic_messages_looks_at_the_rest(body: JsonObject) -> None:
    short = read_request(body, "anthropic-messages")
    with nothing_usual():
        assert read_request(body, "anthropic-messages") == short


@pytest.mark.parametrize(
    "item",
    [
        {"role": "user", "content": "a"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": 1}]},
        {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "a"}]},
        {"type": "message", "role": "developer", "content": "a"},
        {"type": "message", "role": "user", "content": ""},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": None},
        {"type": "function_call", "call_id": "", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "r"},
        {"type": "function_call_output", "call_id": "c1", "output": ""},
        {"type": "custom_tool_call", "call_id": "c1", "name": "f", "input": "a"},
        {"type": None, "content": "a"},
        "no item",
    ],
)
def test_the_reader_of_responses_looks_at_the_rest(item: Any) -> None:
    body: JsonObject = {"model": "m", "input": [{"role": "user", "content": "Hello"}, item]}
    short = read_request(body, "openai-responses")
    with nothing_usual():
        assert read_request(body, "openai-responses") == short
