"""Data of one vendor in the fields of another: packed, they tell whose they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.formats.foreign_reasoning import ForeignBlock, Kind, opaque, pack, pack_all, seal, unpack
from aigw_sansio.prompt import Opaque

kinds = st.sampled_from(("signature", "redacted", "tool_call"))


@given(st.text(), kinds, st.text(min_size=1))
def test_what_is_packed_is_unpacked(maker: str, kind: Kind, data: str) -> None:
    assert unpack(pack(maker, kind, data)) == (ForeignBlock(maker, kind, data),)


@given(st.lists(st.builds(ForeignBlock, st.text(), kinds, st.text(min_size=1)), min_size=1))
def test_several_keep_their_order(blocks: list[ForeignBlock]) -> None:
    assert unpack(pack_all(blocks)) == tuple(blocks)


@given(st.text())
def test_any_other_text_is_no_packed_one(text: str) -> None:
    assert unpack(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        '[{"type":"foreign_reasoning"',
        '[{"type":"foreign_reasoning"}]',
        '[{"type":"foreign_reasoning","maker":"x","kind":"other","data":"d"}]',
        '[{"type":"foreign_reasoning","maker":"x","kind":"signature","data":7}]',
        '[{"type":"foreign_reasoning","maker":"x","kind":"signature","data":"d"},3]',
    ],
)
def test_a_broken_one_is_none(text: str) -> None:
    assert unpack(text) == ()


def test_data_stay_as_they_are_in_the_fields_of_their_maker() -> None:
    assert seal("openai", "openai", "signature", "gAAA") == "gAAA"
    assert opaque("openai", "gAAA") == Opaque("openai", "gAAA")


def test_data_of_others_come_back_to_them() -> None:
    sealed = seal("openai", "anthropic", "signature", "EqQB")
    assert sealed != "EqQB"
    assert opaque("openai", sealed) == Opaque("anthropic", "EqQB")


def test_a_call_is_always_marked_as_one() -> None:
    (block,) = unpack(seal("google", "google", "tool_call", "s"))
    assert block.kind == "tool_call"


def test_nothing_is_packed_twice() -> None:
    once = pack("google", "signature", "s")
    assert pack("openai", "redacted", once) == once


def test_lone_surrogates_do_not_raise() -> None:
    assert unpack(pack("x", "signature", "a\ud800"))[0].data == "a?"
    assert unpack('[{"type":"foreign_reasoning"\ud800') == ()
