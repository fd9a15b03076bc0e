"""Deltas are put together as a client of the stream does it."""

from aigw_sansio.formats.answers.openai_chat_message import ChatMessage
from aigw_sansio.formats.values import JsonObject


def put_together(*deltas: JsonObject) -> JsonObject:
    message = ChatMessage()
    for delta in deltas:
        message.add(delta)
    choice = message.choice(2, 7)
    assert choice["index"] == 2
    value = choice["message"]
    assert isinstance(value, dict)
    return value


def test_texts_are_joined() -> None:
    deltas: list[JsonObject] = [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "a"},
        {"content": "b"},
    ]
    assert put_together(*deltas, {"reasoning_content": "r"}) == {
        "role": "assistant", "content": "ab", "refusal": None, "reasoning_content": "r",
    }  # fmt: skip


def test_there_is_no_content_if_something_else_was_said() -> None:
    assert put_together({"refusal": "no"})["content"] is None
    assert put_together()["content"] == ""


def test_calls_are_joined_by_their_index() -> None:
    def call(index: int, **more: object) -> JsonObject:
        return {"tool_calls": [{"index": index, **more}]}

    message = put_together(
        call(0, id="a", type="function", function={"name": "f", "arguments": ""}),
        call(1, id="b", type="custom", custom={"name": "g", "input": ""}),
        call(1, custom={"input": "xy"}),
        call(0, function={"arguments": "{"}),
        call(0, function={"arguments": "}"}),
    )
    assert message["tool_calls"] == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "b", "type": "custom", "custom": {"name": "g", "input": "xy"}},
    ]


def test_padded_base64_is_joined_as_bytes() -> None:
    audio = put_together({"audio": {"id": "i", "data": "AAA="}}, {"audio": {"data": "AQ=="}})["audio"]
    assert audio == {"id": "i", "data": "AAAB", "transcript": "", "expires_at": 7}
    assert put_together({"audio": {"data": "AAA"}}, {"audio": {"data": "AQ=="}})["audio"]["data"] == "AQ=="  # type: ignore[index]


def test_lists_have_no_index_in_a_message() -> None:
    images = put_together({"images": [{"index": 0, "type": "image_url"}]}, {"images": [{"index": 1, "type": "x"}]})
    assert images["images"] == [{"type": "image_url"}, {"type": "x"}]
