"""Input items written from turns: what each part becomes, and what is told of those that become none."""

from typing import Any

import pytest

from aigw_sansio.formats.openai.responses_tools import name_map
from aigw_sansio.formats.openai.responses_write import ItemWriter
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.translation import Note
from aigw_sansio.formats.usual import look_at
from aigw_sansio.prompt import (
    Audio,
    Blob,
    CacheMark,
    File,
    Image,
    Native,
    Opaque,
    Part,
    PlainText,
    Prompt,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    UploadedFile,
    Uri,
    Video,
)

OWN = Opaque("openai", "g")


def items(
    *turns: Turn, model: str = "gpt-5.6", maker: str = "", notes: list[Note] | None = None
) -> list[dict[str, Any]]:
    told: list[Note] = [] if notes is None else notes
    prompt = Prompt(model=model, turns=turns, maker=maker)
    return ItemWriter(prompt, look_at(turns), told, name_map(told)).write({})


def one(part: Part, role: Role = "user", **more: Any) -> dict[str, Any]:
    (item,) = items(Turn(role, (part,)), **more)
    return item


def content(part: Part, **more: Any) -> Any:
    (written,) = one(part, **more)["content"]
    return written


def test_reasoning_a_message_and_calls_stand_in_their_order() -> None:
    parts = (Reasoning("", OWN), Text("a"), Refusal("b"), ToolCall("c", "f", "{}"), Text("d"))
    written = items(Turn("assistant", parts))
    assert [item["type"] for item in written] == ["reasoning", "message", "function_call", "message"]
    assert written[1]["content"] == [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}]
    assert written[3]["content"] == "d"


def test_messages_of_openai_stay_apart_and_keep_their_ids() -> None:
    parts = (Text("a", item={"id": "m1", "phase": "commentary"}), Text("b", item={"id": "m2"}), Text("c"))
    first, second = items(Turn("assistant", parts), maker="openai")
    assert (first["id"], first["phase"], first["content"]) == (
        "m1",
        "commentary",
        [{"type": "output_text", "text": "a"}],
    )
    assert (second["id"], len(second["content"])) == ("m2", 2)
    (joined,) = items(Turn("assistant", parts), maker="anthropic")
    assert joined.keys() == {"type", "role", "content"}


@pytest.mark.parametrize(
    ("part", "maker", "item"),
    [
        (
            Reasoning("a", OWN, summary=True),
            "",
            {"summary": [{"type": "summary_text", "text": "a"}], "encrypted_content": "g"},
        ),
        (Reasoning("", OWN, id="rs"), "openai", {"id": "rs", "summary": [], "encrypted_content": "g"}),
        (Reasoning("", OWN, id="rs"), "anthropic", {"summary": [], "encrypted_content": "g"}),
        (Reasoning("", id="rs"), "openai", {"id": "rs", "summary": []}),
        (
            Reasoning("a", id="rs"),
            "openai",
            {"id": "rs", "summary": [], "content": [{"type": "reasoning_text", "text": "a"}]},
        ),
    ],
)
def test_reasoning_of_openai_goes_back(part: Reasoning, maker: str, item: dict[str, Any]) -> None:
    notes: list[Note] = []
    assert items(Turn("assistant", (part, Text("t"))), maker=maker, notes=notes)[0] == {"type": "reasoning", **item}
    assert notes == []


@pytest.mark.parametrize(
    "part", [Reasoning("a"), Reasoning("a", Opaque("anthropic", "s"), id="x"), Reasoning("", id="rs")]
)
def test_reasoning_of_others_is_left_out_and_told(part: Reasoning) -> None:
    notes: list[Note] = []
    assert [item["type"] for item in items(Turn("assistant", (part, Text("t"))), notes=notes)] == ["message"]
    assert [(note.kind, note.field) for note in notes] == [("dropped", "turns[0].parts[0]")]


def test_reasoning_that_nothing_follows_is_left_out() -> None:
    notes: list[Note] = []
    turn = Turn("assistant", (Text("a"), Reasoning("", OWN), Reasoning("", OWN)))
    assert [item["type"] for item in items(turn, Turn("user", (Text("b"),)), notes=notes)] == ["message", "message"]
    assert [note.field for note in notes] == ["turns[0].parts[1]", "turns[0].parts[2]"]


def test_long_ids_become_the_same_hash_for_call_and_output() -> None:
    notes: list[Note] = []
    ids = ["x" * 70 + "1", "x" * 70 + "2"]
    calls = tuple(ToolCall(call_id, "f", "{}") for call_id in ids)
    outputs = tuple(ToolCallResponse(call_id) for call_id in ids)
    written = items(Turn("assistant", calls), Turn("tool", outputs), notes=notes)
    sent = [item["call_id"] for item in written]
    assert sent[:2] == sent[2:]
    assert len(set(sent)) == 2
    assert all(len(call_id) <= 64 for call_id in sent)
    assert [(note.kind, note.field) for note in notes] == [
        ("mapped", "turns[0].parts[0].id"), ("mapped", "turns[0].parts[1].id"),
    ]  # fmt: skip


def test_calls_with_free_input_and_their_outputs() -> None:
    call, output = items(
        Turn("assistant", (ToolCall("c", "f", "any text", custom=True),)), Turn("tool", (ToolCallResponse("c"),))
    )
    assert call == {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "any text"}
    assert output == {"type": "custom_tool_call_output", "call_id": "c", "output": ""}


def test_empty_arguments_are_an_object_and_others_stay_text() -> None:
    notes: list[Note] = []
    first, second = items(Turn("assistant", (ToolCall("a", "f"), ToolCall("b", "f", '{"x":  1}'))), notes=notes)
    assert (first["arguments"], second["arguments"]) == ("{}", '{"x":  1}')
    assert [note.field for note in notes] == ["turns[0].parts[0].arguments"]


@pytest.mark.parametrize(
    ("response", "output"),
    [
        ((), ""),
        ((Text("a"),), "a"),
        ((Text("a"), Text("b")), [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]),
        (
            (Image(Blob("AA", "image/png"), "low"),),
            [{"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"}],
        ),
    ],
)
def test_outputs(response: Any, output: object) -> None:
    assert one(ToolCallResponse("c", response), "tool")["output"] == output


def test_an_error_is_told_by_its_text_alone() -> None:
    notes: list[Note] = []
    assert one(ToolCallResponse("c", (Text("bad"),), is_error=True), "tool", notes=notes)["output"] == "bad"
    assert [(note.kind, note.field) for note in notes] == [("mapped", "turns[0].parts[0].is_error")]


@pytest.mark.parametrize(
    ("part", "written"),
    [
        (Image(Uri("https://x/y")), {"type": "input_image", "image_url": "https://x/y"}),
        (Image(UploadedFile("f", "openai")), {"type": "input_image", "file_id": "f"}),
        (
            File(Blob("AA", "application/pdf"), "a.pdf"),
            {"type": "input_file", "file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"},
        ),
        (File(Uri("https://x/y")), {"type": "input_file", "file_url": "https://x/y"}),
        (
            Audio(Blob("AA", "audio/mp3")),
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
        ),
        (Native("openai", {"type": "input_x"}), {"type": "input_x"}),
        (
            Text("a", CacheMark("1h")),
            {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
        ),
    ],
)
def test_content(part: Part, written: dict[str, Any]) -> None:
    assert content(part) == written


def test_a_file_of_text_is_text() -> None:
    notes: list[Note] = []
    item = one(File(PlainText("body"), "a.txt", citations=True), notes=notes)
    assert item["content"] == "a.txt\n\nbody"
    assert [(note.kind, note.field) for note in notes] == [
        ("dropped", "turns[0].parts[0].citations"), ("mapped", "turns[0].parts[0]"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "part",
    [
        Audio(Blob("AA", "audio/flac")),
        Audio(Uri("https://x/y")),
        Video(Uri("https://x/y")),
        Image(Uri("gs://x/y")),
        Image(UploadedFile("f", "google")),
    ],
)
def test_media_that_openai_lacks_are_refused(part: Part) -> None:
    with pytest.raises(RequestRefused) as caught:
        one(part)
    assert caught.value.refused.field.startswith("turns[0].parts[0]")


def test_a_fifth_mark_and_marks_for_older_models() -> None:
    notes: list[Note] = []
    turn = Turn("user", tuple(Text(str(at), CacheMark()) for at in range(5)))
    (item,) = items(turn, notes=notes)
    assert ["prompt_cache_breakpoint" in part for part in item["content"]] == [True] * 4 + [False]
    assert [note.field for note in notes] == ["turns[0].parts[4].cache"]
    notes.clear()
    assert one(Text("a", CacheMark()), model="gpt-5", notes=notes)["content"] == "a"
    assert [note.field for note in notes] == ["turns[0].parts[0].cache"]


def test_blocks_of_other_vendors_and_names_are_told() -> None:
    notes: list[Note] = []
    written = items(
        Turn("assistant", (Native("anthropic", {"type": "server_tool_use"}), Text("a", opaque=Opaque("google", "s")))),
        Turn("user", (Native("anthropic", {}), Text("b", extra={"citations": []})), name="ann", extra={"cache": 1}),
        maker="anthropic",
        notes=notes,
    )
    assert [item["content"] for item in written] == ["a", "b"]
    assert [note.field for note in notes] == [
        "turns[1].name", "turns[0].parts[0]", "turns[0].parts[1].opaque", "turns[1].extra.cache", "turns[1].parts[0]",
        "turns[1].parts[1].extra.citations",
    ]  # fmt: skip


def test_items_stand_between_the_messages_of_a_user() -> None:
    native = Native("openai", {"type": "mcp_approval_response"})
    written = items(Turn("user", (Text("a"), native, Text("b"))), maker="openai")
    assert [item["type"] for item in written] == ["message", "mcp_approval_response", "message"]


def test_a_part_that_responses_alone_define_stays_in_the_message_that_it_is_of() -> None:
    new = {"type": "output_new"}
    (item,) = items(Turn("assistant", (Text("a"), Native("openai", new, "openai-responses"))), maker="openai")
    assert item["content"] == [{"type": "output_text", "text": "a"}, new]


def test_a_part_of_a_chat_message_is_no_item() -> None:
    notes: list[Note] = []
    part = Native("openai", {"type": "new"}, "openai-chat")
    written = items(Turn("user", (Text("a"), part)), Turn("assistant", (part, Text("b"))), maker="openai", notes=notes)
    assert [item["content"] for item in written] == ["a", "b"]
    assert [note.field for note in notes] == ["turns[0].parts[1]", "turns[1].parts[0]"]
