"""Messages that alternate: their order, their ids, their beginning and end."""

import pytest

from aigw_sansio.formats.alternating import OPENING, CallIds, finish_messages, group_turns, join_last, thoughts_first
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.request_tools import ANTHROPIC_IDS, IdMap, Placed
from aigw_sansio.formats.translation import Note
from aigw_sansio.formats.usual import look_at
from aigw_sansio.prompt import JsonObject, Opaque, Part, Reasoning, Text, ToolCall, ToolCallResponse, Turn


def finished(messages: list[JsonObject], *, joined: bool = False) -> list[Note]:
    notes: list[Note] = []
    opening: JsonObject = {"text": OPENING}
    finish_messages(messages, notes, joined=joined, is_response=lambda block: "response" in block, opening=opening)
    return notes


def test_turns_of_one_role_are_one_message() -> None:
    turns = (
        Turn("user", (Text("a"), Text(""))),
        Turn("user", ()),
        Turn("assistant", (ToolCall("1", "f"),)),
        Turn("tool", (ToolCallResponse("1"),)),
        Turn("user", (Text("b"),)),
    )
    groups = group_turns(turns, look_at(turns), {"tool": "user"})
    assert [group.role for group in groups] == ["user", "assistant", "user"]
    assert [placed.field for placed in groups[2].parts()] == ["turns[3].parts[0]", "turns[4].parts[0]"]
    assert [placed.part for placed in groups[0].parts()] == [Text("a")]


def test_an_empty_text_with_opaque_data_stays() -> None:
    turns = (Turn("assistant", (Text("", opaque=Opaque("google", "s")),)),)
    assert len(group_turns(turns, look_at(turns), {})) == 1


def test_responses_come_first_in_their_order() -> None:
    turns = (
        Turn("user", (Text("a"),)),
        Turn("tool", (ToolCallResponse("1"), ToolCallResponse("2"))),
        Turn("user", (Text("b"),)),
    )
    (group,) = group_turns(turns, look_at(turns), {"tool": "user"})
    assert [placed.part for placed in group.parts(responses_first=True)] == [
        ToolCallResponse("1"), ToolCallResponse("2"), Text("a"), Text("b"),
    ]  # fmt: skip


def test_the_assistants_thoughts_stand_in_front_and_its_calls_behind() -> None:
    given: tuple[Part, ...] = (ToolCall("1", "f", ""), Text("a"), Reasoning("r"), Text("b"))
    parts = [Placed("", part) for part in given]
    assert thoughts_first("user", [*parts]) == parts
    assert [placed.part for placed in thoughts_first("assistant", parts)] == [given[i] for i in (2, 1, 3, 0)]


def test_neighbours_of_one_role_are_one_message_and_its_responses_stand_first() -> None:
    messages: list[JsonObject] = [{"role": "user", "content": [{"text": "a"}]}]
    join_last(messages, [{"response": 1}, {"text": "b"}])
    messages.append({"role": "assistant", "content": [{"text": "c"}]})
    assert finished(messages, joined=True) == []
    assert messages == [
        {"role": "user", "content": [{"response": 1}, {"text": "a"}, {"text": "b"}]},
        {"role": "assistant", "content": [{"text": "c"}]},
    ]


def test_the_user_begins_and_the_last_text_ends_without_white_space() -> None:
    messages: list[JsonObject] = []
    messages.append({"role": "assistant", "content": [{"text": "a \n"}]})
    assert [note.kind for note in finished(messages)] == ["mapped", "mapped"]
    assert messages == [
        {"role": "user", "content": [{"text": OPENING}]},
        {"role": "assistant", "content": [{"text": "a"}]},
    ]
    thinks: list[JsonObject] = [{"role": "user", "content": [{"text": "x "}]}]
    thinks.append({"role": "assistant", "content": [{"type": "other", "text": "a "}]})
    assert finished(thinks) == []
    assert finished([]) != []


def test_an_id_that_is_used_again_is_another_and_responses_belong_to_the_latest() -> None:
    ids = CallIds(IdMap(ANTHROPIC_IDS, []), unique=True)
    first = ids.of_call("a", "")
    assert (first, ids.of_response("a", "")) == ("a", "a")
    second = ids.of_call("a", "")
    assert second == ids.of_response("a", "")
    assert len({"a", second, ids.of_call("a", "")}) == 3
    assert ids.known("b") is None
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
