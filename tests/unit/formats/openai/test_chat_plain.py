from typing import Any

import pytest

from aigw_sansio.formats.openai.chat_plain import read_plain, write_plain
from aigw_sansio.formats.openai.quirks import LOOK_ALIKES, OPENAI
from aigw_sansio.formats.plain.conversation import NotPlain, Plain
from aigw_sansio.formats.request_tools import NameMap
from aigw_sansio.prompt import Text

CALL = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "How warm?"}
CALLS = {"role": "assistant", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "abcdefghi", "content": "1"}
ANSWER = {"role": "assistant", "content": "Warm."}


def read(*messages: Any) -> Plain:
    found = read_plain(list(messages))
    assert found is not None
    return found


def written(plain: Plain, provider: str = "") -> list[dict[str, object]]:
    messages: list[dict[str, object]] = []
    quirks = LOOK_ALIKES[provider] if provider else OPENAI
    write_plain(plain, quirks, NameMap(quirks.names, []), messages)
    return messages


def test_messages_are_read_and_written() -> None:
    found = read_plain([SYSTEM, {**SYSTEM, "role": "developer"}, USER, CALLS, RESULT, ANSWER])
    assert found is not None
    assert found.instructions == [Text("Be brief."), Text("Be brief.")]
    assert written(found) == [USER, CALLS, RESULT, ANSWER]


@pytest.mark.parametrize("message", [{"content": None}, {"content": ""}, {"content": None, "refusal": None}])
def test_a_message_of_calls_need_not_say_anything(message: dict[str, object]) -> None:
    assert written(read(USER, {**CALLS, **message}, RESULT)) == [USER, CALLS, RESULT]


def test_a_text_stands_beside_calls() -> None:
    messages = [USER, {**CALLS, "content": "I look."}, RESULT]
    assert written(read(*messages)) == messages


@pytest.mark.parametrize(
    "messages",
    [
        None,
        "text",
        [],
        [SYSTEM],
        [USER, SYSTEM],
        [{**USER, "name": "Bo"}],
        [{**USER, "content": ""}],
        [{**USER, "content": [{"type": "text", "text": "x"}]}],
        [USER, {**ANSWER, "refusal": "No."}],
        [USER, {**CALLS, "tool_calls": [{**CALL, "type": "custom"}]}],
        [USER, {**CALLS, "tool_calls": [{**CALL, "index": 0}]}],
        [
            USER,
            {**CALLS, "tool_calls": [{**CALL, "id": "a__thought__c2ln"}]},
            {**RESULT, "tool_call_id": "a__thought__c2ln"},
        ],
        [{"role": "other", "content": "x"}],
    ],
)
def test_other_messages_are_not_plain(messages: object) -> None:
    assert read_plain(messages) is None


def test_look_alikes_have_their_own_ways() -> None:
    plain = read(USER, {**CALLS, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": ""}}]}, RESULT)
    assert written(plain)[1] == {**CALLS, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": ""}}]}
    assert written(plain, "groq")[1]["tool_calls"] == [CALL]


def test_neighbours_that_must_be_joined_are_not_plain() -> None:
    with pytest.raises(NotPlain):
        written(read(USER, USER), "perplexity")
