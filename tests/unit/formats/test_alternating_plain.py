import pytest

from aigw_sansio.formats.alternating import OPENING, Blocks
from aigw_sansio.formats.alternating_plain import write_plain
from aigw_sansio.formats.plain.conversation import Answered, Asked, Call, Function, Item, NotPlain, Result, plain_of
from aigw_sansio.formats.request_tools import ANTHROPIC_IDS, ANTHROPIC_NAMES, NameMap
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import JsonObject

CALLS = Answered("I look.", [Call("a", Function("f", '{"b": 1}'))])


def write(*items: Item) -> tuple[list[JsonObject], list[Note]]:
    plain, notes = plain_of(items), list[Note]()
    assert plain is not None
    blocks = Blocks(
        lambda text: {"text": text, "type": "text"},
        lambda call_id, name, given: {"id": call_id, "name": name, "input": given},
        lambda call_id, text: {"of": call_id, "said": text},
    )
    return write_plain(plain, blocks, ANTHROPIC_IDS, NameMap(ANTHROPIC_NAMES, notes), notes), notes


def text(value: str) -> JsonObject:
    return {"text": value, "type": "text"}


def test_results_and_what_the_user_says_behind_them_are_one_message() -> None:
    messages, notes = write(Asked("A"), Asked("B"), CALLS, Result("a", "1"), Asked("C"), Answered("D"))
    assert messages == [
        {"role": "user", "content": [text("A"), text("B")]},
        {"role": "assistant", "content": [text("I look."), {"id": "a", "name": "f", "input": {"b": 1}}]},
        {"role": "user", "content": [{"of": "a", "said": "1"}, text("C")]},
        {"role": "assistant", "content": [text("D")]},
    ]
    assert notes == []


def test_the_ends_are_put_in_order_and_noted() -> None:
    messages, notes = write(Answered("A "))
    assert messages == [
        {"role": "user", "content": [text(OPENING)]},
        {"role": "assistant", "content": [text("A")]},
    ]
    assert [note.field for note in notes] == ["turns", "turns"]


@pytest.mark.parametrize(
    "items",
    [
        (Asked(" "),),
        (Asked("A"), Answered("\n")),
        (CALLS, Result("a", " ")),
        (Answered("A"), Answered("B")),
    ],
)
def test_blank_texts_and_two_messages_of_the_assistant_are_not_plain(items: tuple[Item, ...]) -> None:
    with pytest.raises(NotPlain):
        write(*items)
