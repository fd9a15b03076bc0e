"""The events of a stream are put together as a client does it."""

import pytest

from aigw_sansio.formats.answers.anthropic_message import AnthropicMessage
from aigw_sansio.formats.values import JsonObject


def put_together(*events: JsonObject) -> JsonObject:
    message = AnthropicMessage()
    for event in events:
        message.add(event)
    return message.value()


def block(block: JsonObject, *deltas: JsonObject) -> JsonObject:
    start: JsonObject = {"type": "content_block_start", "index": 0, "content_block": block}
    more: list[JsonObject] = [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    content = put_together(start, *more, {"type": "content_block_stop", "index": 0})["content"]
    assert isinstance(content, list)
    (found,) = content
    assert isinstance(found, dict)
    return found


def test_texts_are_joined_and_sources_collected() -> None:
    deltas: list[JsonObject] = [
        {"type": "text_delta", "text": "a"},
        {"type": "citations_delta", "citation": {"url": "u"}},
        {"type": "text_delta", "text": "b"},
        {"type": "citations_delta", "citation": {"url": "v"}},
    ]
    assert block({"type": "text", "text": ""}, *deltas) == {
        "type": "text", "text": "ab", "citations": [{"url": "u"}, {"url": "v"}],
    }  # fmt: skip


def test_thinking_has_its_signature() -> None:
    empty: JsonObject = {"type": "thinking", "thinking": "", "signature": ""}
    deltas: list[JsonObject] = [
        {"type": "thinking_delta", "thinking": "x"},
        {"type": "signature_delta", "signature": "s"},
    ]
    assert block(empty, *deltas) == {"type": "thinking", "thinking": "x", "signature": "s"}
    assert block(empty) == empty


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [(["", '{"a"', ":1}"], {"a": 1}), ([""], {}), (["[1]"], {"input": "[1]"}), (["{"], {"input": "{"})],
)
def test_arguments_are_an_object(pieces: list[str], expected: JsonObject) -> None:
    deltas: list[JsonObject] = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    assert block({"type": "tool_use", "id": "t", "name": "f", "input": {}}, *deltas)["input"] == expected


def test_the_last_reason_and_usage_stand_in_the_message() -> None:
    start: JsonObject = {
        "type": "message_start",
        "message": {"id": "msg_1", "content": [], "stop_reason": None, "usage": 0},
    }
    end: JsonObject = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    assert put_together(start, end, {"type": "message_stop"}) == {
        "id": "msg_1", "content": [], "stop_reason": "end_turn", "usage": {"output_tokens": 1},
    }  # fmt: skip
