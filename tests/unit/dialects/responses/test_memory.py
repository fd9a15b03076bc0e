"""What is kept of conversations, and what goes first."""

import msgspec

from aigw_sansio.dialects.responses.memory import Conversation, Memory, Remembered

MODEL = msgspec.Raw(b'"m"')


def said(id: str, size: int = 100) -> Remembered:
    return Remembered(id, Conversation().with_items(b"x" * size), MODEL)


def test_a_lane_keeps_its_latest_response_and_all_lanes_find_it() -> None:
    memory = Memory(10_000)
    memory.keep("a", said("r1"))
    memory.keep("b", said("r2"))
    found = memory.find("r1", "b")
    assert found is not None
    assert found.conversation.items == (b"x" * 100,)
    memory.keep("a", said("r3"))
    assert memory.find("r1", "a") is None
    assert memory.lane_of("r2") == "b"
    assert memory.lane_of("r1") is None
    assert memory.held == said("r2").size + said("r3").size


def test_of_two_responses_of_one_id_the_lane_has_its_own() -> None:
    """A provider may give one id to all that it says."""
    memory = Memory(10_000)
    memory.keep("a", said("r", 1))
    memory.keep("b", said("r", 2))
    for lane, size in (("a", 1), ("b", 2), ("c", 2)):
        found = memory.find("r", lane)
        assert found is not None
        assert len(found.conversation.items[0]) == size
        memory.find("r", "b")  # so that it was used last


def test_who_was_not_used_for_long_goes_first() -> None:
    memory = Memory(3 * said("r1").size)
    for number in (1, 2, 3):
        memory.keep(str(number), said(f"r{number}"))
    assert memory.find("r1", "9") is not None
    memory.keep("4", said("r4"))
    assert memory.find("r2", "2") is None
    assert memory.find("r1", "1") is not None
    memory.keep("1", said("r5", 100_000))
    assert memory.find("r5", "1") is None, "it alone is too large"
    assert memory.find("r1", "1") is None, "it is the latest no more"
    assert memory.held == 2 * said("r3").size


def test_a_request_that_failed_takes_its_parent_out_of_its_own_lane_only() -> None:
    memory = Memory(10_000)
    memory.keep("a", said("r1"))
    memory.forget("b", "r1")
    memory.forget("a", "r2")
    memory.forget("a", None)
    assert memory.find("r1", "a") is not None
    memory.forget("a", "r1")
    assert memory.find("r1", "a") is None
    assert not memory.held


def test_conversations_grow_and_share() -> None:
    first = Conversation(base="r0").with_items(b"{}", ["call_1"])
    both = first.with_items(b"{},{}"), first.with_items(b"", ["call_2"])
    assert [one.items for one in both] == [(b"{}", b"{},{}"), (b"{}",)]
    assert [one.calls for one in both] == [{"call_1"}, {"call_1", "call_2"}]
    assert both[0].items[0] is both[1].items[0]
    assert both[0].base == "r0"
    assert both[0].size > both[0].with_items(b"").size - 1 > first.size


def test_many_small_texts_become_one() -> None:
    conversation = Conversation()
    for number in range(1000):
        conversation = conversation.with_items(b"%d" % number)
        assert len(conversation.items) <= 64
    assert b",".join(conversation.items).split(b",") == [b"%d" % number for number in range(1000)]


def test_all_that_is_kept_counts_by_its_bytes() -> None:
    wide, many = "\N{OLD ITALIC LETTER A}", 10_000
    plain = Remembered("r", Conversation(), MODEL)
    for one in (
        plain._replace(id=wide * many),
        plain._replace(model=msgspec.Raw(msgspec.json.encode(wide * many))),
        plain._replace(conversation=Conversation((), frozenset((wide * many,)))),
        plain._replace(conversation=Conversation(base=wide * many)),
    ):
        assert 4 * many <= one.size - plain.size + 4 <= 4 * many + 200
