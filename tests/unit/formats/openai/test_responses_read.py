"""Input items of OpenAI Responses: turns, parts, and what other vendors' data look like in them."""

from typing import Any

import pytest

from aigw_sansio.formats.foreign_reasoning import ForeignBlock, pack, pack_all
from aigw_sansio.formats.openai.responses_read import RESPONSES, is_content, read_content, read_input
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.prompt import (
    Audio,
    Blob,
    CacheMark,
    File,
    Image,
    Native,
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

CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "x"}


@pytest.mark.parametrize("empty", [None, "", [], [{"role": "user", "content": ""}], [{"role": "user"}]])
def test_nothing(empty: object) -> None:
    assert read_input(empty) == ()


def test_a_text_is_the_users() -> None:
    assert read_input("hi") == (Turn("user", (Text("hi"),)),)


def test_items_of_one_answer_are_one_turn_and_outputs_another() -> None:
    turns = read_input(
        [
            {"role": "user", "content": "a"},
            {"role": "user", "content": "b"},
            {"type": "reasoning", "summary": [], "encrypted_content": "g", "id": "rs"},
            {"role": "assistant", "content": "c"},
            CALL,
            {**CALL, "call_id": "c2"},
            OUTPUT,
            {**OUTPUT, "call_id": "c2"},
            {"role": "assistant", "content": "d"},
        ]
    )
    assert [turn.role for turn in turns] == ["user", "user", "assistant", "tool", "assistant"]
    assert turns[2].parts == (
        Reasoning("", Opaque("openai", "g"), id="rs"),
        Text("c"),
        ToolCall("c1", "f", "{}"),
        ToolCall("c2", "f", "{}"),
    )
    assert turns[3].parts == (ToolCallResponse("c1", (Text("x"),), "f"), ToolCallResponse("c2", (Text("x"),), "f"))


def test_what_openai_alone_defines_stays_whole_and_in_its_place() -> None:
    search = {"type": "web_search_call", "id": "ws", "status": "completed"}
    more = {"type": "additional_tools", "role": "developer", "tools": []}
    patch = {"type": "apply_patch_call_output", "call_id": "c", "status": "completed"}
    turns = read_input([search, {"role": "assistant", "content": "a"}, more, patch, {"id": "msg_1"}])
    assert turns == (
        Turn("assistant", (Native("openai", search, RESPONSES), Text("a"))),
        Turn("user", (Native("openai", more, RESPONSES), Native("openai", patch, RESPONSES))),
        Turn("assistant", (Native("openai", {"id": "msg_1"}, RESPONSES),)),
    )


def test_what_only_openai_needs_of_an_item() -> None:
    turns = read_input(
        [
            {
                "type": "message",
                "role": "assistant",
                "id": "msg",
                "phase": "final_answer",
                "status": "completed",
                "content": [
                    {"type": "output_text", "text": "a", "annotations": []},
                    {"type": "output_text", "text": "b"},
                ],
            },
            {**CALL, "id": "fc", "namespace": "n", "status": "incomplete"},
            {**OUTPUT, "id": "fo"},
            {"role": "developer", "content": "c"},
        ]
    )
    assert turns[0].parts == (
        Text("a", item={"id": "msg", "phase": "final_answer"}),
        Text("b"),
        ToolCall("c1", "f", "{}", item={"id": "fc", "namespace": "n", "status": "incomplete"}),
    )
    assert turns[1].parts == (ToolCallResponse("c1", (Text("x"),), "f", item={"id": "fo"}),)
    assert turns[2].parts == (Text("c", item={"role": "developer"}),)


@pytest.mark.parametrize(
    ("item", "part"),
    [
        ({"summary": [{"type": "summary_text", "text": "a"}, {"text": "b"}]}, Reasoning("a\n\nb", summary=True)),
        ({"summary": [], "content": [{"type": "reasoning_text", "text": "a"}]}, Reasoning("a")),
        ({"id": "rs_1", "summary": []}, Reasoning(id="rs_1")),
        ({"encrypted_content": "g"}, Reasoning("", Opaque("openai", "g"))),
    ],
)
def test_reasoning(item: dict[str, Any], part: Reasoning) -> None:
    assert read_input([{"type": "reasoning", **item}]) == (Turn("assistant", (part,)),)


def test_reasoning_without_anything_is_nothing() -> None:
    assert read_input([{"type": "reasoning", "summary": []}]) == ()


def test_another_vendors_reasoning_is_recognised() -> None:
    summary = [{"type": "summary_text", "text": "Hm."}]
    (turn,) = read_input(
        [
            {
                "type": "reasoning",
                "id": "rs",
                "summary": summary,
                "encrypted_content": pack("anthropic", "signature", "S"),
            }
        ]
    )
    assert turn.parts == (Reasoning("Hm.", Opaque("anthropic", "S")),)


def test_hidden_reasoning_and_the_signature_of_the_next_call() -> None:
    sealed = pack_all([ForeignBlock("anthropic", "redacted", "R"), ForeignBlock("google", "tool_call", "T")])
    (turn,) = read_input(
        [{"type": "reasoning", "summary": [], "encrypted_content": sealed}, CALL, {**CALL, "call_id": "d"}]
    )
    assert turn.parts == (
        Reasoning("", Opaque("anthropic", "R"), redacted=True),
        ToolCall("c1", "f", "{}", opaque=Opaque("google", "T")),
        ToolCall("d", "f", "{}"),
    )


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ({"type": "input_text", "text": "a"}, Text("a")),
        ({"type": "input_text", "text": ""}, None),
        (
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
            Text("a", CacheMark()),
        ),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
        ({"type": "input_image", "image_url": "data:image/gif;base64,AA=="}, Image(Blob("AA==", "image/gif"))),
        (
            {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"},
            Image(Uri("https://x/y.png"), "low"),
        ),
        ({"type": "input_image", "file_id": "f"}, Image(UploadedFile("f", "openai"))),
        (
            {"type": "input_file", "file_data": "AAAA", "filename": "b.PDF"},
            File(Blob("AAAA", "application/pdf"), "b.PDF"),
        ),
        ({"type": "input_file", "file_data": "AAAA"}, File(Blob("AAAA", "application/octet-stream"))),
        ({"type": "input_file", "file_url": "https://x/y"}, File(Uri("https://x/y"))),
        (
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
            Audio(Blob("AA", "audio/mpeg")),
        ),
        ({"type": "input_hologram", "x": 1}, Native("openai", {"type": "input_hologram", "x": 1}, RESPONSES)),
    ],
)
def test_content(value: dict[str, Any], part: object) -> None:
    assert read_content(value, "") == part


def test_content_and_items_are_told_apart() -> None:
    assert is_content({"type": "computer_screenshot"})
    assert not is_content({"type": "web_search_call"})
    assert not is_content({"id": "x"})


def test_a_refusal_is_no_output_of_a_tool() -> None:
    with pytest.raises(RequestRefused):
        read_input([{**OUTPUT, "output": [{"type": "refusal", "refusal": "no"}]}])
