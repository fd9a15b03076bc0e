from typing import Any

import pytest

from aigw_sansio.formats.openai.responses_plain import read_plain, write_plain
from aigw_sansio.formats.plain.conversation import Answered, Asked, Call, Function, NotPlain, Plain, Result, plain_of
from aigw_sansio.formats.request_tools import OPENAI_NAMES, NameMap

USER = {"type": "message", "role": "user", "content": "How warm?"}
SAID = {"type": "message", "role": "assistant", "content": "I look."}
CALL = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "a", "output": "1"}


def written(plain: Plain) -> list[dict[str, object]]:
    items: list[dict[str, object]] = []
    write_plain(plain, NameMap(OPENAI_NAMES, []), items)
    return items


def test_items_are_read_and_written() -> None:
    given = [USER, SAID, CALL, OUTPUT, SAID]
    plain = read_plain(given)
    assert plain is not None
    calls = [Call("a", Function("f", "{}"))]
    assert plain.items == [
        Asked("How warm?"),
        Answered("I look.", calls),
        Result("a", "1"),
        Answered("I look.", []),
    ]
    assert written(plain) == given


def test_a_message_may_leave_out_its_type_and_have_its_text_in_a_part() -> None:
    plain = read_plain([{"role": "user", "content": [{"type": "input_text", "text": "How warm?"}]}])
    assert plain is not None
    assert plain.items == [Asked("How warm?")]


@pytest.mark.parametrize(
    "given",
    [
        "text",
        [],
        [{"type": "message", "content": "x"}],
        [{**USER, "role": "system"}],
        [{**USER, "id": "msg_1"}],
        [{**USER, "name": "x"}],
        [{**USER, "arguments": "x"}],
        [{**USER, "call_id": "x"}],
        [{**USER, "output": "x"}],
        [{**USER, "content": [{"type": "input_text", "text": "x"}] * 2}],
        [USER, SAID, SAID],
        [USER, CALL, SAID, OUTPUT],
        *([USER, {**CALL, **more}, OUTPUT] for more in ({"role": "user"}, {"content": "x"}, {"output": "x"})),
        *([USER, {**CALL, name: None}, OUTPUT] for name in ("call_id", "name", "arguments")),
        *([USER, CALL, {**OUTPUT, **more}] for more in ({"role": "user"}, {"content": "x"}, {"name": "f"})),
        *([USER, CALL, {**OUTPUT, name: None}] for name in ("call_id", "output")),
        [{"role": "user"}],
    ],
)
def test_other_items_are_not_plain(given: Any) -> None:
    assert read_plain(given) is None


@pytest.mark.parametrize("arguments", ["", " "])
def test_empty_arguments_are_noted(arguments: str) -> None:
    plain = plain_of([Answered(None, [Call("a", Function("f", arguments))]), Result("a", "1")])
    assert plain is not None
    with pytest.raises(NotPlain):
        written(plain)
