"""How an end is told: every code, every length of a reason, both directions, held against a table of its own."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.faults import Side
from aigw_sansio.realtime.close_codes import CloseCause, CloseFrame, ClosePair, close_frames, map_close

SIDES: tuple[Side, ...] = (Side.CLIENT, Side.PROVIDER)
ENDERS: tuple[Side, ...] = (*SIDES, Side.GATEWAY)
#: What may stand in a close frame that we send.
SENDABLE = {*range(1000, 1004), *range(1007, 1014), *range(3000, 5000)}


def sides(words: ClosePair, who: Side) -> tuple[CloseFrame | None, CloseFrame | None]:
    """What whoever ended it hears, and what the other side does."""
    return (words.client, words.provider) if who == Side.CLIENT else (words.provider, words.client)


def other_code(who: Side) -> int:
    """What the side hears that did nothing wrong."""
    return 1001 if who == Side.CLIENT else 1011


@pytest.mark.parametrize("who", SIDES)
def test_every_received_code(who: Side) -> None:
    for code in range(5001):
        answer, onward = sides(map_close(code, "why", by=who, cause=CloseCause.CLOSED), who)
        if code == 1005:
            assert answer == onward == CloseFrame(None, "")
        elif code == 1014:
            assert answer == onward == CloseFrame(1011, "why")
        elif code in SENDABLE:
            assert answer == onward == CloseFrame(code, "why")
        else:
            assert answer == CloseFrame(1002, "why")
            assert onward == CloseFrame(other_code(who), f"the {who} broke the protocol: why")


@pytest.mark.parametrize("code", [5001, 9999, 65535, -1])
def test_codes_beyond_every_range_break_the_protocol(code: int) -> None:
    assert map_close(code, "", by=Side.CLIENT, cause=CloseCause.CLOSED) == ClosePair(
        CloseFrame(1002, ""), CloseFrame(1001, "the client broke the protocol")
    )


@pytest.mark.parametrize("who", SIDES)
def test_whoever_breaks_the_protocol_hears_how_and_the_other_side_that(who: Side) -> None:
    for code in range(5001):
        answer, onward = sides(map_close(code, "why", by=who, cause=CloseCause.BROKE), who)
        assert answer == CloseFrame(code if code in (1002, 1007, 1009) else 1002, "why")
        assert onward == CloseFrame(other_code(who), f"the {who} broke the protocol: why")


@pytest.mark.parametrize("who", SIDES)
def test_a_lost_side_hears_nothing(who: Side) -> None:
    for code in range(5001):
        answer, onward = sides(map_close(code, "gone", by=who, cause=CloseCause.LOST), who)
        assert answer is None
        assert onward == CloseFrame(other_code(who), "gone")


def test_without_memory_the_client_may_come_again_later() -> None:
    pair = ClosePair(CloseFrame(1013, "used up"), CloseFrame(1001, "used up"))
    assert close_frames(1013, "used up", by=Side.GATEWAY, cause=CloseCause.ENDED) == pair
    for code, by, cause in itertools.product((1001, 1006, 1013), Side, CloseCause):
        if (code, by) != (1013, Side.GATEWAY) and cause is not CloseCause.HOST:
            same = map_close(code, "used up", by=by, cause=cause)
            assert close_frames(code, "used up", by=by, cause=cause) == same


def test_what_the_host_says_is_for_the_client_alone() -> None:
    over = CloseFrame(1001, "the gateway ended the session")
    for code in (1000, 1008, 1013, 4001):
        pair = close_frames(code, "your account is closed", by=Side.GATEWAY, cause=CloseCause.HOST)
        assert pair == ClosePair(CloseFrame(code, "your account is closed"), over)


def test_what_the_gateway_ends_ends_with_1001_both_ways() -> None:
    words = CloseFrame(1001, "time is over")
    for code in range(5001):
        for who in ENDERS:
            assert map_close(code, "time is over", by=who, cause=CloseCause.ENDED) == ClosePair(words, words)
        for how in CloseCause:
            assert map_close(code, "time is over", by=Side.GATEWAY, cause=how) == ClosePair(words, words)


@pytest.mark.parametrize("character", ["a", "ä", "€", "😀"])
@pytest.mark.parametrize("who", ENDERS)
@pytest.mark.parametrize("how", CloseCause)
def test_every_length_of_a_reason(how: CloseCause, who: Side, character: str) -> None:
    for length in range(140):
        reason = "x" * (length % 4) + character * length
        for words in (
            (said := map_close(1000, reason, by=who, cause=how)).client,
            said.provider,
        ):
            if words is None:
                continue
            encoded = words.reason.encode()
            whole = words.reason.removeprefix(f"the {who} broke the protocol").removeprefix(": ")
            assert len(encoded) <= 123
            assert reason.startswith(whole)
            if whole != reason:
                assert len(encoded) > 123 - len(character.encode())  # no more was cut than had to be


@given(code=st.integers(0, 70_000), reason=st.text(), who=st.sampled_from(ENDERS), how=st.sampled_from(CloseCause))
def test_whatever_happens_only_what_may_be_sent_is_sent(code: int, reason: str, who: Side, how: CloseCause) -> None:
    said = map_close(code, reason, by=who, cause=how)
    lost = how in (CloseCause.LOST, CloseCause.HALF_CLOSED)
    assert (said.client is None) is (lost and who == Side.CLIENT)
    assert (said.provider is None) is (lost and who == Side.PROVIDER)
    for words in (said.client, said.provider):
        if words is not None:
            assert words.code is None or words.code in SENDABLE
            assert len(words.reason.encode("utf-8")) <= 123
            assert words.code is not None or not words.reason


def test_a_reason_that_is_no_text_is_told_all_the_same() -> None:
    assert map_close(1000, "a\ud800b", by=Side.CLIENT, cause=CloseCause.CLOSED).provider == CloseFrame(1000, "a?b")
