"""Items of requests and responses: their texts, and which answers which."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.dialects.responses.items import calls_of, input_items, output_items, unknown_call
from aigw_sansio.formats.values import parse

CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
ANSWER = {"type": "function_call_output", "call_id": "c1", "output": "4"}
CUSTOM = {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"}
SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
OPEN = {"type": "reasoning", "id": "rs_2", "summary": [], "content": [{"type": "reasoning_text", "text": "so"}]}
LOST = {"type": "reasoning", "id": "rs_3", "summary": [{"type": "summary_text", "text": "so"}]}


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


@pytest.mark.parametrize(("given", "text"), [
    (b'[ {"a":1} , {"b":2} ]', b'{"a":1} , {"b":2}'), (b"[]", b""), (b"[ ]", b""), (b"null", b""),
    (b'"say \\"hi\\""', b'{"type":"message","role":"user","content":"say \\"hi\\""}'),
])  # fmt: skip
def test_texts_are_as_the_client_wrote_them(given: bytes, text: bytes) -> None:
    assert input_items(msgspec.Raw(given)).text == text


def test_who_answers_a_call_that_nobody_made() -> None:
    items = input_items(raw([CALL, ANSWER, CUSTOM]))
    assert calls_of(items) == {"c1", "c2"}
    assert unknown_call(items, ()) is None
    assert unknown_call(input_items(raw([ANSWER])), ["c1"]) is None
    assert unknown_call(input_items(raw([ANSWER, CALL])), ()) == "c1", "the call comes later"
    assert unknown_call(input_items(raw([{**ANSWER, "type": "shell_call_output"}])), ["c2"]) == "c1"


def test_strange_items_are_read_as_far_as_they_can_be() -> None:
    items = input_items(
        raw([7, None, "text", {"type": 7, "call_id": 8}, {"call_id": None}, CALL, {**ANSWER, "type": []}])
    )
    assert calls_of(items) == {"c1"}
    assert unknown_call(items, ()) is None


def test_reasoning_that_only_its_provider_can_look_up_is_left_out() -> None:
    output = json.dumps([SEALED, OPEN, LOST, CALL]).encode()
    assert output_items(output, stored=True).text == output[1:-1]
    kept = output_items(output, stored=False)
    assert json.loads(b"[%b]" % kept.text) == [SEALED, OPEN, CALL]
    assert calls_of(kept) == {"c1"}
    whole = json.dumps([SEALED, CALL]).encode()
    assert output_items(whole, stored=False).text == whole[1:-1]


@given(st.lists(st.sampled_from([CALL, ANSWER, SEALED, LOST, 1, [], {"type": None}])), st.booleans())
def test_what_is_kept_is_always_a_list_of_items(items: list[object], stored: bool) -> None:
    kept = output_items(json.dumps(items).encode(), stored=stored)
    assert parse(b"[%b]" % kept.text) == [item for item in items if stored or item != LOST]
