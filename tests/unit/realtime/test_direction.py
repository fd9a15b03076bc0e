"""What of a direction was delivered: whole frames only, whatever the transport took at a time."""

from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.realtime.direction import Direction
from aigw_sansio.wires.websocket.frames import FIN, Opcode, encode_frame

KEY = b"\x01\x02\x03\x04"


class Pipe:
    """Counts what is written."""

    def __init__(self) -> None:
        self.outstanding = 0
        self.calls: list[str] = []

    def write(self, data: bytes, now: float) -> int:
        self.outstanding += len(data)
        return self.outstanding

    def close(self, now: float) -> None:
        raise AssertionError

    def abort(self, now: float) -> None:
        raise AssertionError

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")


def make() -> tuple[Direction, Pipe, Pipe]:
    source, target = Pipe(), Pipe()
    return Direction(source, target, high_water=100, now=0.0), source, target


frames = st.tuples(st.sampled_from((0x81, 0x82, 0x01, 0x80, 0x89, 0x8A)), st.binary(max_size=200), st.booleans())


@given(st.lists(st.tuples(st.lists(frames, min_size=1, max_size=4), st.integers(0, 400))))
def test_what_was_not_taken_is_not_delivered(writes: list[tuple[list[tuple[int, bytes, bool]], int]]) -> None:
    direction, _, target = make()
    written: list[tuple[int, int, int]] = []  # where a frame ends; messages and bytes that it stands for
    size = confirmed = 0
    for run, taken in writes:
        data = b""
        for first, payload, masked in run:
            data += encode_frame(first, payload, KEY if masked else None)
            is_data = not first & 0x8
            written.append((size + len(data), is_data and first >> 7, len(payload) if is_data else 0))
        direction.unconfirmed.append(data)
        size += len(data)
        confirmed = min(size, confirmed + taken)
        target.outstanding = size - confirmed
        if taken:
            direction.confirm(target.outstanding)
        undelivered = [frame for frame in written if frame[0] > confirmed]
        assert direction.undelivered() == (sum(f[1] for f in undelivered), sum(f[2] for f in undelivered))


def test_a_frame_of_our_own_is_no_message() -> None:
    direction, _, target = make()
    direction.send(encode_frame(FIN | Opcode.CLOSE, b"\x03\xe8why"), 0.0)
    assert target.outstanding == 7
    assert direction.undelivered() == (0, 0)


def test_the_source_is_paused_once_and_resumed_at_a_quarter() -> None:
    direction, source, target = make()
    target.outstanding = 101
    direction.pause()
    direction.pause()
    assert direction.waits
    target.outstanding = 26
    direction.resume_if_low(1.0)
    target.outstanding = 25
    direction.resume_if_low(2.0)
    direction.resume_if_low(3.0)
    assert source.calls == ["pause", "resume"]
    assert direction.resumed_at == 2.0


def test_there_is_a_queue_only_while_the_target_is_slow() -> None:
    direction, _, target = make()
    frame = encode_frame(0x80 | Opcode.TEXT, b"x" * 10, KEY)
    for outstanding in (0, 4, len(frame), 0):
        direction.send(frame, 0.0)
        target.outstanding = outstanding
        direction.confirm(outstanding)
        assert (direction._held is not None) == (outstanding > 0)
    assert direction.undelivered() == (0, 0)
