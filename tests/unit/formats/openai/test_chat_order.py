"""Results stand behind their calls, whatever stood between."""

from aigw_sansio.formats.openai.chat_order import alternating, in_order
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import Role, Text, ToolCall, ToolCallResponse, Turn


def call(*ids: str) -> Turn:
    return Turn("assistant", tuple(ToolCall(one, "f") for one in ids))


def result(*ids: str) -> Turn:
    return Turn("tool", tuple(ToolCallResponse(one) for one in ids))


def say(text: str, role: Role = "user") -> Turn:
    return Turn(role, (Text(text),))


def shape(*turns: Turn) -> tuple[list[str], list[str]]:
    """The messages as ``ROLE ID ...``, and the fields of the notes."""
    notes: list[Note] = []
    messages = in_order(turns, notes)
    lines = [
        " ".join([message.role, *(getattr(one.part, "id", getattr(one.part, "text", "")) for one in message.parts)])
        for message in messages
    ]
    return lines, [note.field for note in notes]


def test_what_is_in_order_stays() -> None:
    turns = (say("a"), call("1", "2"), result("2", "1"), say("b"), say("c", "assistant"))
    assert shape(*turns) == (["user a", "assistant 1 2", "tool 2 1", "user b", "assistant c"], [])


def test_results_in_several_turns_are_one_message() -> None:
    assert shape(call("1", "2"), result("1"), result("2")) == (["assistant 1 2", "tool 1 2"], [])


def test_a_turn_between_is_moved_behind() -> None:
    lines, moved = shape(call("1"), say("a"), result("1"), say("b"))
    assert lines == ["assistant 1", "tool 1", "user a", "user b"]
    assert moved == ["turns[2].parts[0]"]


def test_calls_of_neighbouring_turns() -> None:
    lines, moved = shape(call("1"), call("2"), result("1", "2"))
    assert lines == ["assistant 1", "tool 1", "assistant 2", "tool 2"]
    assert moved == ["turns[2].parts[0]"]


def test_an_id_may_come_again() -> None:
    lines, moved = shape(call("1"), result("1"), call("1"), result("1"))
    assert lines == ["assistant 1", "tool 1", "assistant 1", "tool 1"]
    assert moved == []
    lines, moved = shape(call("1", "1"), result("1", "1"))
    assert lines == ["assistant 1 1", "tool 1 1"]
    assert moved == []


def test_results_without_a_call_stay_where_they_are() -> None:
    assert shape(result("9"), say("a"), call("1"), result("8")) == (
        ["tool 9", "user a", "assistant 1", "tool 8"],
        [],
    )


def test_empty_turns_are_left_out() -> None:
    assert shape(Turn("user", ()), say("a")) == (["user a"], [])


def test_alternating() -> None:
    notes: list[Note] = []
    turns = (say("a"), say("b"), say("c", "system"), say("d", "assistant"), say("e", "assistant"))
    joined = alternating(in_order(turns, notes), notes, "It")
    assert [(one.role, len(one.parts)) for one in joined] == [("user", 3), ("assistant", 2)]
    assert [note.field for note in notes] == ["turns[2]"]
