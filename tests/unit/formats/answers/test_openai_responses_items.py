"""Items tell their life in events, and are whole at its end."""

from typing import Any

import pytest

from aigw_sansio.formats.answers.kept import ITEM, OBJECT
from aigw_sansio.formats.answers.openai_responses_items import (
    CallItem,
    ImageItem,
    Item,
    MessageItem,
    ProviderItem,
    ReasoningItem,
    Status,
)

Life = list[dict[str, Any]]


def life(item: Item, *filled: Life, status: Status = "completed") -> Life:
    return [*item.begin(), *(event for events in filled for event in events), *item.close(status)]


def message() -> tuple[Item, Life]:
    item = MessageItem(2, "msg_1")
    return item, life(item, item.say("a"), item.say("b"), item.refuse("no"), item.cite({"url": "u"}))


def reasoning() -> tuple[Item, Life]:
    item = ReasoningItem(2, "rs_1")
    item.seal("data")
    return item, life(item, item.say("a"), item.say("b"))


def call() -> tuple[Item, Life]:
    item = CallItem(2, "fc_1", "call_1", "f", custom=False)
    return item, life(item, item.more("{"), item.more("}"))


def search() -> tuple[Item, Life]:
    item = ProviderItem(2, {"id": "ws_1", "type": "web_search_call", "status": "in_progress"}, approval=False)
    return item, life(item, item.more('{"type":"open_page","url":"u"}'))


def image() -> tuple[Item, Life]:
    item = ImageItem(2, "ig_1")
    preview = item.preview("AAAA", 0)
    item.show("AAAB", "image/webp")
    return item, life(item, preview)


@pytest.mark.parametrize("make", [message, reasoning, call, search, image], ids=lambda make: make.__name__)
def test_every_event_names_its_item(make: Any) -> None:
    item, events = make()
    assert events[0]["type"] == "response.output_item.added"
    assert events[-1] == {"type": "response.output_item.done", "output_index": 2, "item": item.value}
    for event in events:
        assert event["output_index"] == 2
        assert event.get("item_id", item.value["id"]) == item.value["id"]


def test_a_part_ends_where_the_next_begins() -> None:
    item, events = message()
    assert [event["type"].removeprefix("response.") for event in events[1:-1]] == [
        "content_part.added", "output_text.delta", "output_text.delta", "output_text.done", "content_part.done",
        "content_part.added", "refusal.delta", "refusal.done", "content_part.done",
        "content_part.added", "output_text.annotation.added", "output_text.done", "content_part.done",
    ]  # fmt: skip
    assert [event["content_index"] for event in events[1:-1]] == [0] * 5 + [1] * 4 + [2] * 4
    content = item.value["content"]
    assert content == [event["part"] for event in events if event["type"] == "response.content_part.done"]
    assert events[4]["text"] == "ab"
    assert item.held == ITEM + 4 * 2 * OBJECT + len("abnot"), "three parts, one source, and what they say"


def test_an_item_that_the_response_ended_in_is_incomplete() -> None:
    item = CallItem(0, "fc_1", "call_1", "f", custom=True)
    events = life(item, item.more("x"), status="incomplete")
    assert events[-1]["item"]["status"] == "incomplete"
    assert [event["type"] for event in events[1:-1]] == [
        "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done",
    ]  # fmt: skip


def test_other_actions_than_a_search_stay() -> None:
    item, _ = search()
    assert item.value["action"] == {"type": "open_page", "url": "u"}


def test_reasoning_without_a_text_has_no_summary() -> None:
    item = ReasoningItem(0, "rs_1")
    item.seal("data")
    assert len(life(item)) == 2
    assert item.value == {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "data"}
