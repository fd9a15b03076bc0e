"""JSON and ids of answers."""

import json

from aigw_sansio.formats.answers.encoding import encode, make_id, own_id


def test_any_text_can_be_encoded() -> None:
    assert encode({"a": "ä\n"}) == '{"a":"ä\\n"}'.encode()
    assert json.loads(encode({"a": "x\ud800y", "b": [1, None]})) == {"a": "x?y", "b": [1, None]}


def test_the_same_parts_make_the_same_id() -> None:
    assert make_id("call_", "r", 1) == make_id("call_", "r", 1)
    assert (
        len({make_id("call_", "r", 1), make_id("call_", "r", 2), make_id("call_", "r1", ""), make_id("fc_", "r", 1)})
        == 4
    )
    assert len(make_id("call_", "r", 1)) == len("call_") + 24
    assert make_id("x", "\ud800").isascii()


def test_a_prefix_is_not_repeated() -> None:
    assert own_id("resp_", "1") == own_id("resp_", "resp_1") == "resp_1"
