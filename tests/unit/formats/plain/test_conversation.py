from typing import Any

import pytest

from aigw_sansio.formats.plain.conversation import (
    Answered,
    Asked,
    Call,
    Function,
    Item,
    NotPlain,
    Parsed,
    Plain,
    Result,
    arguments_of,
    plain_of,
)
from aigw_sansio.formats.plain.messages import System
from aigw_sansio.formats.request_tools import (
    ANTHROPIC_IDS,
    ANTHROPIC_NAMES,
    CHAT_IDS,
    MISTRAL_IDS,
    OPENAI_NAMES,
    Alphabet,
    NameMap,
)
from aigw_sansio.prompt import Text, ToolCall, ToolCallResponse, Turn

QUESTION = Asked("How warm?")
TWO_CALLS = Answered("I look.", [Call("a", Function("f", "{}")), Call("b", Function("g", ""))])
RESULTS: tuple[Item, ...] = (Result("a", "1"), Result("b", "2"))
ANSWER = Answered("Warm.")


def plain(*items: Item) -> Plain:
    found = plain_of(items)
    assert found is not None
    return found


def test_items_are_turns() -> None:
    found = plain(QUESTION, TWO_CALLS, *RESULTS, ANSWER)
    assert (found.ids, found.names) == (["a", "b"], ("f", "g"))
    assert found.turns() == (
        Turn("user", (Text("How warm?"),)),
        Turn("assistant", (Text("I look."), ToolCall("a", "f", "{}"), ToolCall("b", "g", ""))),
        Turn("tool", (ToolCallResponse("a", (Text("1"),), "f"), ToolCallResponse("b", (Text("2"),), "g"))),
        Turn("assistant", (Text("Warm."),)),
    )


@pytest.mark.parametrize(
    "items",
    [
        (),
        (Answered(None),),
        (Answered(""),),
        (QUESTION, TWO_CALLS),
        (QUESTION, TWO_CALLS, RESULTS[0]),
        (QUESTION, TWO_CALLS, *RESULTS[::-1]),
        (QUESTION, TWO_CALLS, *RESULTS, RESULTS[1]),
        (QUESTION, TWO_CALLS, RESULTS[0], QUESTION, RESULTS[1]),
        (QUESTION, TWO_CALLS, RESULTS[0], ANSWER),
        (RESULTS[0],),
        (QUESTION, TWO_CALLS, *RESULTS, TWO_CALLS, *RESULTS),
        (QUESTION, System("Be brief.")),
    ],
)
def test_a_result_stands_behind_its_call(items: Any) -> None:
    assert plain_of(items) is None


@pytest.mark.parametrize(
    ("ids", "alphabet", "fits"),
    [
        ("a b", ANTHROPIC_IDS, True),
        ("a .", ANTHROPIC_IDS, False),
        (f"a {'x' * 65}", CHAT_IDS, False),
        (f"a {'x' * 40}", CHAT_IDS, True),
        ("abcdefghi 123456789", MISTRAL_IDS, True),
        ("abcdefghi 12345678", MISTRAL_IDS, False),
        ("", ANTHROPIC_IDS, True),
        ("a b", Alphabet("a|b", 9), True),
        ("a c", Alphabet("a|b", 9), False),
    ],
)
def test_ids_are_taken_as_they_are_or_not_at_all(ids: str, alphabet: Alphabet, fits: bool) -> None:
    conversation = Plain((), ids.split(), ())
    if fits:
        conversation.need_ids(alphabet)
    else:
        with pytest.raises(NotPlain):
            conversation.need_ids(alphabet)


def test_a_line_end_in_an_id_makes_no_two_of_it() -> None:
    with pytest.raises(NotPlain):
        Plain((), ("a\nb",), ()).need_ids(ANTHROPIC_IDS)


def test_a_name_that_tools_have_already_noted_is_known() -> None:
    names = NameMap(OPENAI_NAMES, [])
    sent = names.fit("a.b", "tools[0]")
    assert Plain((), (), ("a.b", "f")).names_in(names) == {"a.b": sent, "f": "f"}
    with pytest.raises(NotPlain):
        Plain((), (), ("a.b",)).names_in(NameMap(ANTHROPIC_NAMES, []))


@pytest.mark.parametrize(("written", "given"), [('{"a": 1}', {"a": 1}), ("", {}), (" ", {})])
def test_arguments_are_an_object(written: str, given: object) -> None:
    assert arguments_of(Function("f", written)) == given


@pytest.mark.parametrize("written", ["x", "[1]", '{"a": 1}, {"b": 2}', "1"])
def test_arguments_that_are_none_are_not_plain(written: str) -> None:
    with pytest.raises(NotPlain):
        arguments_of(Function("f", written))


def test_arguments_that_were_an_object_are_not_read_again() -> None:
    given: dict[str, object] = {"a": 1}
    assert arguments_of(Parsed("f", '{"a":1}', given)) is given
