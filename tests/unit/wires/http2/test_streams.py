"""The send queue of a stream."""

from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.wires.http2.streams import Stream


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=9), st.integers(1, 12)), max_size=30))
def test_bytes_leave_in_order_and_in_bounded_pieces(steps: list[bytes | int]) -> None:
    stream = Stream(1, 65_535)
    inside = outside = b""
    for step in steps:
        if isinstance(step, bytes):
            inside += step
            stream.queue.append(step)
            stream.queued += len(step)
        elif stream.queued:
            piece = stream.take(step)
            assert len(piece) == min(step, len(inside) - len(outside))
            outside += piece
        assert stream.queued == len(inside) - len(outside)
    assert inside.startswith(outside)
    if stream.queued:
        assert outside + stream.take(1 << 20) == inside
