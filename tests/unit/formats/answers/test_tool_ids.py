"""The ids of tool calls."""

from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.formats.answers.tool_ids import ToolIds


@given(st.lists(st.none() | st.sampled_from(["", "a", "b", "a" * 90])))
def test_no_two_calls_share_one(own: list[str | None]) -> None:
    ids = ToolIds("call_", "r")
    given_ids = [ids.give(call, id_) for call, id_ in enumerate(own)]
    assert len(set(given_ids)) == len(own)
    assert all(given_ids)


def test_the_providers_own_stays() -> None:
    assert ToolIds("call_", "r").give(0, "toolu_" + "9" * 80) == "toolu_" + "9" * 80


def test_one_that_is_made_is_always_the_same() -> None:
    assert ToolIds("call_", "r").give(3, None) == ToolIds("call_", "r").give(3, None)
    assert ToolIds("call_", "r").give(3, None).startswith("call_")
