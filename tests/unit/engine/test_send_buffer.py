"""The send buffer: equal to a queue of bytes, whatever the order of calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.effects import Message
from aigw_sansio.engine.send_buffer import MANY_PIECES, PER_PIECE, CountedMessageBuffer, SendBuffer
from aigw_sansio.errors import LocalProtocolError

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 40)),
        st.tuples(st.just("pull"), st.sampled_from([0, 1, 3, 17, 64, 1000])),
        st.tuples(st.just("confirm"), st.integers(0, 40)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=60,
)


@given(MOVES)
def test_it_is_a_queue(moves: list[tuple[str, int]]) -> None:
    buffer = SendBuffer()
    waiting, pulled, number = b"", 0, 0
    for move, n in moves:
        if move == "append":
            data = bytes((number + i) % 251 for i in range(n))
            number += n
            assert buffer.append(data) is (bool(data) and not waiting)
            waiting += data
        elif move == "pull":
            data = buffer.pull(n)
            assert type(data) is bytes
            assert data == waiting[:n]
            waiting = waiting[n:]
            pulled += len(data)
        elif move == "clear":
            buffer.clear()
            waiting = b""
        elif n <= pulled:
            buffer.confirm(n)
            pulled -= n
        else:
            with pytest.raises(LocalProtocolError):
                buffer.confirm(n)
        assert buffer.waiting == len(waiting)
        assert buffer.pulled == pulled
        assert buffer.size == len(waiting) + pulled


def test_flush_is_asked_for_once_until_it_is_empty_again() -> None:
    buffer = SendBuffer()
    assert buffer.append(b"a")
    assert not buffer.append(b"b")
    assert buffer.pull(10) == b"ab"
    assert buffer.append(b"c"), "what was pulled does not count as waiting"
    assert not buffer.append(b"")


@pytest.mark.parametrize("n", [-1, 6])
def test_confirming_what_was_not_pulled_changes_nothing(n: int) -> None:
    buffer = SendBuffer()
    buffer.append(b"0123456789")
    assert buffer.pull(5) == b"01234"
    with pytest.raises(LocalProtocolError):
        buffer.confirm(n)
    assert (buffer.size, buffer.pulled, buffer.waiting) == (10, 5, 5)
    buffer.confirm(5)
    assert (buffer.size, buffer.pulled) == (5, 0)


class Piece(bytes):
    """Bytes that count how much of them was sliced into copies."""

    copied = 0

    def __getitem__(self, key: object) -> bytes:  # type: ignore[override]
        found = super().__getitem__(key)  # type: ignore[index]
        Piece.copied += len(found)
        return found


def test_sixteen_mebibytes_cost_linear_work() -> None:
    size = 16 << 20
    Piece.copied = 0
    buffer = SendBuffer()
    buffer.append(Piece(size))
    total = 0
    while data := buffer.pull(65536):
        total += len(data)
        buffer.confirm(len(data))
    assert total == size
    assert buffer.size == 0
    assert Piece.copied == 0, "a rest that is copied for each pull makes the work quadratic"


def test_many_small_pieces_are_joined_in_one_pull() -> None:
    buffer = SendBuffer()
    for number in range(1000):
        buffer.append(b"%04d" % number)
    assert buffer.pull(1 << 20) == b"".join(b"%04d" % number for number in range(1000))
    assert buffer.pull(1) == b""


def test_after_clear_in_the_middle_of_a_piece_new_bytes_are_whole() -> None:
    buffer = SendBuffer()
    buffer.append(b"abcdef")
    assert buffer.pull(2) == b"ab"
    buffer.clear()
    assert buffer.append(b"xyz")
    assert buffer.pull(10) == b"xyz"
    buffer.confirm(5)
    assert buffer.size == 0


MESSAGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from([0, 0, 1, 5, 40])),
        st.tuples(st.just("take"), st.sampled_from([1, 17, 64, 1000])),
        st.tuples(st.just("confirm"), st.sampled_from([0, 0, 1, 5, 17, 40])),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=60,
)


@given(MESSAGES)
def test_messages_that_were_not_taken_in_full_are_counted(moves: list[tuple[str, int]]) -> None:
    """Against a list of what is left of each. What was cleared stays undelivered, in front of what follows."""
    buffer = CountedMessageBuffer()
    pulled: list[int] = []  # of each message that was pulled, the bytes that are not confirmed
    waiting: list[int] = []
    sizes: list[int] = []  # of those that were not taken in full
    cleared = False
    for move, n in moves:
        if move == "put" and not cleared:
            buffer.put(Message(bytes(n), text=False))
            waiting.append(n)
            sizes.append(n)
        elif move == "take":
            taken = [len(message.data) for message in buffer.take(n)]
            assert taken == waiting[: len(taken)]
            del waiting[: len(taken)]
            pulled += taken
        elif move == "confirm" and n <= sum(pulled):
            buffer.confirm(n)
            left = n
            while pulled and pulled[0] <= left:
                left -= pulled.pop(0)
                sizes.pop(0)
            if left:
                pulled[0] -= left
        elif move == "clear":
            cleared = True  # its connection has ended
            buffer.clear()
            waiting.clear()
        assert (buffer.undelivered, buffer.undelivered_bytes) == (len(sizes), sum(sizes))


def test_very_many_empty_messages_have_a_weight() -> None:
    buffer = CountedMessageBuffer()
    for _ in range(MANY_PIECES):
        assert buffer.weight == 0
        buffer.put(Message(b"", text=True))
    assert buffer.weight == PER_PIECE * MANY_PIECES
    assert len(buffer.take(1)) == MANY_PIECES
    assert buffer.weight == PER_PIECE * MANY_PIECES
    buffer.confirm(0)
    assert buffer.weight == 0
