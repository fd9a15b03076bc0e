"""Messages that alternate: their order, their ids, their beginning and end."""

import pytest

from aigw_sansio.formats.alternating import OPENING, CallIds, finish_messages, put_message, thoughts_first
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.request_tools import ANTHROPIC_IDS, Group, IdMap, Placed
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import JsonObject, Part, Reasoning, Text, ToolCall


def finished(messages: list[JsonObject]) -> list[Note]:
    notes: list[Note] = []
    finish_messages(messages, notes, is_response=lambda block: "response" in block, opening={"text": OPENING})
    return notes


def test_the_assistants_thoughts_stand_in_front_and_its_calls_behind() -> None:
    given: tuple[Part, ...] = (ToolCall("1", "f", ""), Text("a"), Reasoning("r"), Text("b"))
    parts = tuple(Placed("", part) for part in given)
    assert [placed.part for placed in thoughts_first(Group("assistant", parts))] == [given[i] for i in (2, 1, 3, 0)]
    assert thoughts_first(Group("user", parts)) == list(parts)


def test_neighbours_of_one_role_are_one_message_and_its_responses_stand_first() -> None:
    messages: list[JsonObject] = []
    put_message(messages, "user", [{"text": "a"}])
    put_message(messages, "user", [{"response": 1}, {"text": "b"}])
    put_message(messages, "assistant", [{"text": "c"}])
    assert finished(messages) == []
    assert messages == [
        {"role": "user", "content": [{"response": 1}, {"text": "a"}, {"text": "b"}]},
        {"role": "assistant", "content": [{"text": "c"}]},
    ]


def test_the_user_begins_and_the_last_text_ends_without_white_space() -> None:
    messages: list[JsonObject] = []
    put_message(messages, "assistant", [{"text": "a \n"}])
    assert [note.kind for note in finished(messages)] == ["mapped", "mapped"]
    assert messages == [
        {"role": "user", "content": [{"text": OPENING}]},
        {"role": "assistant", "content": [{"text": "a"}]},
    ]
    thinks: list[JsonObject] = [{"role": "user", "content": [{"text": "x "}]}]
    put_message(thinks, "assistant", [{"type": "other", "text": "a "}])
    assert finished(thinks) == []
    assert finished([]) != []


def test_an_id_that_is_used_again_is_another_and_responses_belong_to_the_latest() -> None:
    ids = CallIds(IdMap(ANTHROPIC_IDS, []), unique=True)
    first = ids.of_call("a", "")
    assert (first, ids.of_response("a", "")) == ("a", "a")
    second = ids.of_call("a", "")
    assert second == ids.of_response("a", "")
    assert len({"a", second, ids.of_call("a", "")}) == 3
    kept = CallIds(IdMap(ANTHROPIC_IDS, []), unique=False)
    used = [kept.of_call("a", ""), kept.of_response("a", ""), kept.of_call("a", ""), kept.of_response("b", "")]
    assert used == ["a", "a", "a", "b"]


@pytest.mark.parametrize("unique", [True, False])
def test_two_calls_at_once_or_two_responses_of_one_id_are_refused(unique: bool) -> None:
    ids = CallIds(IdMap(ANTHROPIC_IDS, []), unique=unique)
    ids.of_call("a", "turns[1].parts[0]")
    with pytest.raises(RequestRefused) as caught:
        ids.of_call("a", "turns[1].parts[1]")
    assert caught.value.refused.field == "turns[1].parts[1].id"
    assert "the same id" in caught.value.refused.why
    ids.of_response("a", "")
    with pytest.raises(RequestRefused) as caught:
        ids.of_response("a", "turns[2].parts[1]")
    assert caught.value.refused.field == "turns[2].parts[1].id"
    assert "a response already" in caught.value.refused.why
