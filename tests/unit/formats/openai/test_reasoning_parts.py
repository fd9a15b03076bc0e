"""Reasoning beside messages, in the members of several servers."""

import pytest

from aigw_sansio.formats.foreign_reasoning import pack
from aigw_sansio.formats.openai.reasoning_parts import read_reasoning, write_details
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import JsonObject, Opaque, Part, Reasoning, Text, ToolCall


def read(message: JsonObject) -> tuple[list[Reasoning], dict[str, Opaque], list[Note]]:
    notes: list[Note] = []
    parts, signatures = read_reasoning(message, "m.", notes)
    return parts, signatures, notes


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "reasoning_text"])
def test_plain_text(name: str) -> None:
    assert read({name: "hm"}) == ([Reasoning("hm")], {}, [])
    assert read({name: ""}) == read({name: None}) == ([], {}, [])


def test_the_same_text_in_two_members_counts_once() -> None:
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "s"}]
    parts, _, notes = read({"reasoning_content": "hm", "thinking_blocks": blocks})
    assert parts == [Reasoning("hm", Opaque("anthropic", "s"))]
    assert notes == []


def test_data_of_other_makers_in_blocks() -> None:
    blocks: list[object] = [
        {"type": "thinking", "thinking": "a", "signature": pack("openai", "signature", "x")},
        {"type": "redacted_thinking", "data": pack("amazon", "redacted", "y")},
    ]
    assert read({"thinking_blocks": blocks})[0] == [
        Reasoning("a", Opaque("openai", "x")),
        Reasoning("", Opaque("amazon", "y"), redacted=True),
    ]


def test_plain_text_that_says_more_than_the_blocks() -> None:
    blocks = [{"type": "thinking", "thinking": "one ", "signature": "s"}]
    signed = Reasoning("one ", Opaque("anthropic", "s"))
    assert read({"reasoning_content": "one two", "thinking_blocks": blocks})[0] == [signed, Reasoning("two")]
    parts, _, notes = read({"reasoning_content": "other", "thinking_blocks": blocks})
    assert parts == [signed]
    assert [note.field for note in notes] == ["m.reasoning_content"]
    hidden = [{"type": "redacted_thinking", "data": "x"}]
    assert read({"reasoning": "a", "thinking_blocks": hidden})[0][0] == Reasoning("a")


def test_blocks_of_anthropic() -> None:
    blocks: list[object] = [
        {"type": "thinking", "thinking": "a"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "other"},
    ]
    parts, _, notes = read({"thinking_blocks": blocks})
    assert parts == [
        Reasoning("a"),
        Reasoning("", Opaque("anthropic", "x"), redacted=True),
        Reasoning("", Opaque("anthropic", "s")),
    ]
    assert [note.field for note in notes] == ["m.thinking_blocks[3]"]


#: Details as OpenRouter sends them, and what they are.
DETAILS: list[tuple[list[JsonObject], list[Part]]] = [
    (
        [{"type": "reasoning.text", "text": "a", "signature": "s", "format": "anthropic-claude-v1", "index": 0}],
        [Reasoning("a", Opaque("anthropic", "s"))],
    ),
    (
        [{"type": "reasoning.encrypted", "data": "x", "format": "anthropic-claude-v1", "index": 0}],
        [Reasoning("", Opaque("anthropic", "x"), redacted=True)],
    ),
    (
        [
            {"type": "reasoning.summary", "summary": "a", "format": "openai-responses-v1", "index": 0},
            {
                "type": "reasoning.encrypted",
                "data": "x",
                "id": "rs_1",
                "format": "openai-responses-v1",
                "index": 0,
            },
        ],
        [Reasoning("a", Opaque("openai", "x"), summary=True, id="rs_1")],
    ),
    ([{"type": "reasoning.text", "text": "a", "format": "unknown", "index": 0}], [Reasoning("a")]),
    (
        [
            {"type": "reasoning.text", "text": "a", "format": "unknown", "index": 0},
            {"type": "reasoning.encrypted", "data": "x", "id": "c1", "format": "google-gemini-v1", "index": 0},
        ],
        [Reasoning("a"), ToolCall("c1", "f", "{}", opaque=Opaque("google", "x"))],
    ),
    (
        [{"type": "reasoning.encrypted", "data": "x", "format": "xai-responses-v1", "index": 0}],
        [Reasoning("", Opaque("xai", "x"))],
    ),
]


@pytest.mark.parametrize(("details", "parts"), DETAILS)
def test_details_go_back_unchanged(details: list[JsonObject], parts: list[Part]) -> None:
    found, signatures, notes = read({"reasoning_details": details})
    assert notes == []
    assert found == [part for part in parts if isinstance(part, Reasoning)]
    assert signatures == {part.id: part.opaque for part in parts if isinstance(part, ToolCall) and part.opaque}
    assert write_details(parts, {}) == details


def test_a_signature_names_the_call_as_it_is_sent() -> None:
    call = ToolCall("long", "f", opaque=Opaque("google", "x"))
    assert [detail["id"] for detail in write_details([call], {"long": "short"})] == ["short"]


def test_a_signature_of_a_text_names_nothing() -> None:
    assert write_details([Text("a", opaque=Opaque("google", "x"))], {}) == [
        {"type": "reasoning.encrypted", "data": "x", "format": "google-gemini-v1", "index": 0}
    ]


def test_encrypted_text_of_openai_stays_apart_from_a_summary_of_another_block() -> None:
    details: list[JsonObject] = [
        {"type": "reasoning.summary", "summary": "a", "format": "openai-responses-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "x", "format": "openai-responses-v1", "index": 1},
    ]
    parts, _, _ = read({"reasoning_details": details})
    assert parts == [Reasoning("a", summary=True), Reasoning("", Opaque("openai", "x"))]


def test_what_is_no_reasoning_is_noted() -> None:
    parts, _, notes = read({"reasoning_details": [{"type": "reasoning.server_tool_call", "index": {"a": []}}]})
    assert parts == []
    assert [note.field for note in notes] == ["m.reasoning_details[0]"]
    with pytest.raises(RequestRefused):
        read({"reasoning_details": ["x"]})
