"""The machine of an exchange. That it moves as its table says is ``tests/laws/test_machines.py``; here is what the table
must say."""

import pytest

from aigw_sansio.exchanges.states import EXCHANGE_TABLE, ExchangeInput, ExchangeState

S, I = ExchangeState, ExchangeInput  # noqa: E741 - S for state, I for input


def states_that(event: ExchangeInput) -> set[ExchangeState]:
    """States in which ``event`` is allowed."""
    return {state for state, allowed in EXCHANGE_TABLE if allowed is event}


def reachable(start: ExchangeState, *without: ExchangeInput) -> set[ExchangeState]:
    """States that follow ``start``, however many moves later, if none of ``without`` is made."""
    found: set[ExchangeState] = set()
    new = {start}
    while new:
        new = {
            target for (state, event), target in EXCHANGE_TABLE.items() if state in new and event not in without
        } - found
        found |= new
    return found


def test_the_way_of_a_stream_that_succeeds() -> None:
    state = S.PLACING
    for event in (I.PLACED, I.SENT, I.HEAD, I.COMMIT, I.END):
        state = EXCHANGE_TABLE[state, event]
    assert state is S.ENDED


def test_every_state_but_the_last_can_end_and_the_last_cannot_move() -> None:
    assert states_that(I.END) == set(S) - {S.ENDED}
    assert not [state for state, _ in EXCHANGE_TABLE if state is S.ENDED]
    assert {target for (_, event), target in EXCHANGE_TABLE.items() if event is I.END} == {S.ENDED}


def test_what_the_client_has_seen_is_never_replaced() -> None:
    """Behind the commit there is no other attempt: fallback would duplicate content."""
    assert reachable(S.STREAMING) == {S.STREAMING, S.ENDED}
    assert states_that(I.COMMIT) == {S.READING}


def test_a_request_is_placed_again_only_before_its_response_began() -> None:
    assert states_that(I.REPLACED) == {S.SENDING, S.WAITING}


def test_a_head_may_come_before_the_request_is_sent_and_that_moves_nothing_later() -> None:
    """A provider may answer early (RFC 9112 section 9.5)."""
    assert EXCHANGE_TABLE[S.SENDING, I.HEAD] is S.READING
    for state in (S.READING, S.STREAMING):
        assert EXCHANGE_TABLE[state, I.SENT] is state


@pytest.mark.parametrize("state", [S.PLACING, S.SENDING, S.WAITING, S.READING])
def test_whatever_fails_before_the_commit_may_be_tried_again(state: ExchangeState) -> None:
    assert EXCHANGE_TABLE[state, I.RETRY_LATER] is S.BACKOFF
    assert EXCHANGE_TABLE[state, I.TRY_NEXT] is S.PLACING


def test_after_a_backoff_comes_the_next_attempt_or_the_end() -> None:
    assert {event: target for (state, event), target in EXCHANGE_TABLE.items() if state is S.BACKOFF} == {
        I.TRY_NEXT: S.PLACING,
        I.END: S.ENDED,
    }


def test_no_response_is_read_without_a_head_and_none_is_shown_without_a_commit() -> None:
    assert S.READING not in reachable(S.PLACING, I.HEAD)
    assert S.STREAMING not in reachable(S.PLACING, I.COMMIT)
