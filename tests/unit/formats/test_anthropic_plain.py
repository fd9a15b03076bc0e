from typing import Any

import pytest

from aigw_sansio.formats.anthropic_plain import read_plain
from aigw_sansio.formats.plain.conversation import Answered, Asked, Call, Parsed, Result

TEXT = {"type": "text", "text": "How warm?"}
USE = {"type": "tool_use", "id": "a", "name": "f", "input": {"b": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "1"}


def user(*content: object) -> dict[str, object]:
    return {"role": "user", "content": list(content)}


def assistant(*content: object) -> dict[str, object]:
    return {"role": "assistant", "content": list(content)}


@pytest.mark.parametrize(
    "result", [RESULT, {**RESULT, "content": [{"type": "text", "text": "1"}]}, {**RESULT, "is_error": False}]
)
def test_messages_are_read(result: object) -> None:
    said = {"role": "assistant", "content": "Warm."}
    asked = {"role": "user", "content": "And now?"}
    plain = read_plain([user(TEXT), assistant(TEXT, USE), user(result), said, asked, assistant(TEXT)])
    assert plain is not None
    assert plain.items == [
        Asked("How warm?"),
        Answered("How warm?", [Call("a", Parsed("f", '{"b":1}', {"b": 1}))]),
        Result("a", "1"),
        Answered("Warm."),
        Asked("And now?"),
        Answered("How warm?"),
    ]


@pytest.mark.parametrize(
    "messages",
    [
        None,
        [],
        [user()],
        [user(TEXT, TEXT)],
        [user({**TEXT, "cache_control": {"type": "ephemeral"}})],
        [user(TEXT), assistant(TEXT, TEXT)],
        [user(TEXT), assistant(USE, TEXT), user(RESULT)],
        [user(TEXT), assistant(USE), user({**RESULT, "is_error": True})],
        [user(TEXT), assistant(USE), user(RESULT, TEXT)],
        [user(TEXT), assistant(USE, {**USE, "id": "b"}), user(TEXT, RESULT)],
        [user(TEXT), assistant(USE, {**USE, "id": "b"}), user(RESULT), user({**RESULT, "tool_use_id": "b"})],
        [user(TEXT), assistant({**USE, "input": {"b": "\ud800"}}), user(RESULT)],
        [user(USE)],
        [assistant(RESULT)],
    ],
)
def test_other_messages_are_not_plain(messages: Any) -> None:
    assert read_plain(messages) is None
