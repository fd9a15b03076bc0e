"""Messages become turns."""

import pytest

from aigw_sansio.formats.openai.chat_messages import MessageReader
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import (
    Audio,
    CacheMark,
    Image,
    JsonObject,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    UploadedFile,
    Uri,
)


def read(*messages: JsonObject) -> tuple[list[Text], tuple[Turn, ...], list[str]]:
    notes: list[Note] = []
    reader = MessageReader(notes)
    for number, message in enumerate(messages):
        reader.read(number, message, last=number == len(messages) - 1)
    return reader.instructions, reader.finish(), [note.field for note in notes]


def turns(*messages: JsonObject) -> tuple[Turn, ...]:
    instructions, found, notes = read(*messages)
    assert (instructions, notes) == ([], [])
    return found


def call(id: str | None = "c1", name: str = "f", arguments: object = "{}", **more: object) -> JsonObject:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def calls(*made: JsonObject, **more: object) -> JsonObject:
    return {"role": "assistant", "content": None, "tool_calls": list(made), **more}


USER: JsonObject = {"role": "user", "content": "a"}


def test_instructions_stand_in_front_and_are_turns_later() -> None:
    system: JsonObject = {"role": "system", "content": "s"}
    developer: JsonObject = {"role": "developer", "content": [{"type": "text", "text": "d"}]}
    instructions, found, notes = read(system, developer, USER, system)
    assert instructions == [Text("s"), Text("d")]
    assert found == (Turn("user", (Text("a"),)), Turn("system", (Text("s"),)))
    assert notes == []


def test_names_tell_participants_apart() -> None:
    assert turns({**USER, "name": "ann"}) == (Turn("user", (Text("a"),), "ann"),)
    assert turns({**USER, "name": None, "tool_calls": None}) == (Turn("user", (Text("a"),)),)
    assert read({"role": "system", "content": "s", "name": "x"})[2] == ["messages[0].name"]


def test_a_round_with_a_tool() -> None:
    found = turns(
        USER,
        calls(call("c1", "f", '{"x": 1}'), call("c2", "g", "")),
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "two"}]},
        {"role": "tool", "tool_call_id": "c1", "content": ""},
        {"role": "assistant", "content": "done"},
    )
    assert found[1:] == (
        Turn("assistant", (ToolCall("c1", "f", '{"x": 1}'), ToolCall("c2", "g", ""))),
        Turn("tool", (ToolCallResponse("c2", (Text("two"),), "g"), ToolCallResponse("c1", (), "f"))),
        Turn("assistant", (Text("done"),)),
    )


def test_free_input() -> None:
    made: JsonObject = {"id": "c1", "type": "custom", "custom": {"name": "f", "input": "any text"}}
    found = turns(calls(made), {"role": "tool", "tool_call_id": "c1", "content": "r"})
    assert found == (
        Turn("assistant", (ToolCall("c1", "f", "any text", custom=True),)),
        Turn("tool", (ToolCallResponse("c1", (Text("r"),), "f", custom=True),)),
    )


def test_the_older_functions() -> None:
    found = turns(
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "r"},
    )
    assert found == (
        Turn("assistant", (ToolCall("call_0_0", "f", "{}"),)),
        Turn("tool", (ToolCallResponse("call_0_0", (Text("r"),), "f"),)),
    )


def test_calls_without_ids_are_paired_by_name_then_by_order() -> None:
    found = turns(
        calls(call(None, "f"), call("", "g"), call(None, "g")),
        {"role": "tool", "name": "g", "content": "1"},
        {"role": "tool", "content": "2"},
        {"role": "tool", "content": "3"},
    )
    made = found[0].parts
    ids = [part.id for part in made if isinstance(part, ToolCall)]
    assert len(set(ids)) == 3
    assert [part.id for part in found[1].parts if isinstance(part, ToolCallResponse)] == [ids[1], ids[0], ids[2]]


def test_a_late_result_knows_its_call() -> None:
    made: JsonObject = {"id": "c1", "type": "custom", "custom": {"name": "f", "input": "x"}}
    found = turns(calls(made), calls(call("c2", "g")), {"role": "tool", "tool_call_id": "c1", "content": "r"})
    assert found[2] == Turn("tool", (ToolCallResponse("c1", (Text("r"),), "f", custom=True),))


def test_a_result_that_nothing_waits_for() -> None:
    _, found, notes = read(USER, {"role": "tool", "content": "r"})
    assert found[1] == Turn("tool", (ToolCallResponse("call_1", (Text("r"),)),))
    assert notes == ["messages[1].tool_call_id"]
    assert turns({"role": "tool", "tool_call_id": "x", "content": "r", "name": "f"}) == (
        Turn("tool", (ToolCallResponse("x", (Text("r"),), "f"),)),
    )


def test_reasoning_stands_in_front() -> None:
    found = turns(calls(call(), reasoning_content="hm", content="x"))
    assert found == (Turn("assistant", (Reasoning("hm"), Text("x"), ToolCall("c1", "f", "{}"))),)


SIGNED = ToolCall("c1", "f", "{}", opaque=Opaque("google", "sig"))


@pytest.mark.parametrize(
    "message",
    [
        calls(call(extra_content={"google": {"thought_signature": "sig"}})),
        calls(call(provider_specific_fields={"thought_signature": "sig"})),
        calls(call("c1__thought__sig")),
        calls(call(), extra_content={"google": {"thought_signature": "sig"}}),
        calls(
            call(),
            reasoning_details=[
                {"type": "reasoning.encrypted", "data": "sig", "id": "c1", "format": "google-gemini-v1"}
            ],
        ),
        calls(call(), reasoning_details=[{"type": "reasoning.encrypted", "data": "sig", "format": "google-gemini-v1"}]),
    ],
)
def test_signatures_of_google(message: JsonObject) -> None:
    result: JsonObject = {"role": "tool", "tool_call_id": "c1", "content": "r"}
    assert turns(message, result) == (
        Turn("assistant", (SIGNED,)),
        Turn("tool", (ToolCallResponse("c1", (Text("r"),), "f"),)),
    )


def test_a_signature_in_the_id_is_taken_off_on_both_sides() -> None:
    found = turns(calls(call("c1__thought__sig")), {"role": "tool", "tool_call_id": "c1__thought__sig", "content": ""})
    assert found[1] == Turn("tool", (ToolCallResponse("c1", (), "f"),))


def test_a_signature_of_a_text() -> None:
    signed = {"google": {"thought_signature": "sig"}}
    assert turns({"role": "assistant", "content": "a", "extra_content": signed}) == (
        Turn("assistant", (Text("a", opaque=Opaque("google", "sig")),)),
    )
    assert turns({"role": "assistant", "content": "", "extra_content": signed}) == (
        Turn("assistant", (Reasoning("", Opaque("google", "sig")),)),
    )
    thought = {"google": {"thought": True}}
    assert turns({"role": "assistant", "content": "hm", "extra_content": thought}) == (
        Turn("assistant", (Reasoning("hm"),)),
    )


def test_refusals_and_sound() -> None:
    assert turns({"role": "assistant", "content": None, "refusal": "no"}) == (Turn("assistant", (Refusal("no"),)),)
    assert turns({"role": "assistant", "audio": {"id": "a1"}}) == (
        Turn("assistant", (Audio(UploadedFile("a1", "openai")),)),
    )


def test_arguments_may_be_an_object() -> None:
    assert turns(calls(call("c1", "f", {"x": [1]}))) == (Turn("assistant", (ToolCall("c1", "f", '{"x":[1]}'),)),)


def test_a_mark_at_a_message_is_one_at_its_last_part() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    assert turns({**USER, **mark}) == (Turn("user", (Text("a", CacheMark()),)),)
    assert read({"role": "system", "content": "s", **mark})[0] == [Text("s", CacheMark())]
    assert turns(calls(call()), {"role": "tool", "tool_call_id": "c1", "content": "r", **mark})[1] == Turn(
        "tool", (ToolCallResponse("c1", (Text("r"),), "f", cache=CacheMark()),)
    )


def test_media_in_results() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a"}}
    (turn,) = turns({"role": "tool", "tool_call_id": "c", "content": [image]})
    assert turn == Turn("tool", (ToolCallResponse("c", (Image(Uri("https://a")),)),))


def test_what_is_left_out_is_noted() -> None:
    assert read({"role": "user", "content": ""})[1:] == ((), ["messages[0]"])
    assert read({**USER, "x": 1, "y": None, "z": []})[2] == ["messages[0].x"]
    assert read(calls(call(x=1, index=0)))[2] == ["messages[0].tool_calls[0].x"]
    assert read({"role": "assistant", "content": "a", "prefix": True}, USER)[2] == ["messages[0].prefix"]
    assert read({"role": "assistant", "content": "a", "prefix": True})[2] == []
    assert read({"role": "assistant", "content": "a", "annotations": [{"type": "url_citation"}]})[2] == [
        "messages[0].annotations"
    ]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({}, "role"),
        ({"role": 1}, "role"),
        ({"role": "model", "content": "a"}, "role"),
        ({"role": "user", "content": 1}, "content"),
        ({"role": "system", "content": [{"type": "image_url", "image_url": "https://a"}]}, "content"),
        ({"role": "assistant", "tool_calls": {}}, "tool_calls"),
        ({"role": "assistant", "tool_calls": [1]}, "tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": [{"id": 1, "function": {"name": "f"}}]}, "tool_calls[0].id"),
        ({"role": "assistant", "tool_calls": [call("c", "f", 5)]}, "tool_calls[0].function.arguments"),
        ({"role": "tool", "tool_call_id": 1, "content": "a"}, "tool_call_id"),
        ({"role": "tool", "tool_call_id": "c", "content": [{"type": "refusal", "refusal": "no"}]}, "content"),
        ({"role": "assistant", "reasoning_content": 1}, "reasoning_content"),
    ],
)
def test_what_is_wrong_is_named(message: JsonObject, field: str) -> None:
    with pytest.raises(RequestRefused) as refusing:
        read(message)
    assert refusing.value.refused.field == "messages[0]." + field
