"""The values of a prompt: what they share."""

import copy

import msgspec
import pytest

from aigw_sansio.prompt import NO_MEMBERS, Text, Turn


def test_values_without_members_share_one_empty_object_that_stays_empty() -> None:
    text, turn = Text("a"), Turn("user", (Text("a"),))
    assert text.extra is text.item is turn.extra is NO_MEMBERS
    for change in (NO_MEMBERS.__setitem__, NO_MEMBERS.setdefault):
        with pytest.raises(TypeError, match="shared by all values"):
            change("a", 1)
    with pytest.raises(TypeError):
        NO_MEMBERS.update({"a": 1})
    assert NO_MEMBERS == {}
    assert Text("a", extra={}) == text == copy.deepcopy(text)
    assert msgspec.json.encode(text) == b'{"type":"text","text":"a"}'
    assert msgspec.json.decode(b'{"type":"text","text":"a"}', type=Text).extra is NO_MEMBERS
