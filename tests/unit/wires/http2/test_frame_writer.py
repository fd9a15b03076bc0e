"""Output over a real h2 connection: control frames first, data in turns, nothing past a window."""

from h2.connection import H2Connection
from tests.peers import http2_frames as peers
from tests.peers.http2_frames import settings, update

from aigw_sansio.wires.http2.floods import FloodGuard
from aigw_sansio.wires.http2.frame_writer import FrameWriter
from aigw_sansio.wires.http2.frames import ping
from aigw_sansio.wires.http2.streams import Stream

REQUEST = [(":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/")]


class Out:
    def __init__(self, *numbers: int) -> None:
        self.conn: H2Connection = peers.peer(client=True)
        self.conn.receive_data(settings())
        self.written: list[int] = []
        self.floods = FloodGuard()
        self.writer = FrameWriter(self.conn, self.floods, lambda stream: self.written.append(stream.number))
        self.streams = {}
        for number in numbers:
            self.conn.send_headers(number, REQUEST)
            self.streams[number] = Stream(number, 65_535)
        self.conn.data_to_send()

    def queue(self, number: int, data: bytes, *, end: bool = False) -> None:
        self.writer.queue(self.streams[number], data, end=end)

    def take(self, limit: int = 1 << 30) -> list[tuple[int, int, int]]:
        """Type, stream and length of every frame."""
        return [(kind, stream, len(payload)) for kind, _, stream, payload in peers.frames(self.writer.take(limit))]


def test_control_frames_pass_queued_data() -> None:
    out = Out(1)
    out.queue(1, b"x" * 10)
    out.writer.put(ping(b"12345678"))
    assert out.take() == [(6, 0, 8), (0, 1, 10)]
    assert not out.writer.pending
    assert out.take() == []


def test_turns_and_one_frame_for_small_pieces() -> None:
    out = Out(1, 3)
    out.queue(1, b"a" * 20_000)
    for _ in range(5):
        out.queue(3, b"b" * 10)
    assert out.take() == [(0, 1, 16_384), (0, 3, 50), (0, 1, 3_616)]
    assert out.floods.data_frames_sent == 3


def test_data_waits_in_its_queue_until_it_is_wanted() -> None:
    out = Out(1)
    out.queue(1, b"a" * 60_000)
    out.writer.take(10)
    assert out.streams[1].queued == 60_000 - 16_384
    assert out.writer.size == 16_384 + 9 - 10


def test_no_more_becomes_frames_than_is_wanted() -> None:
    out = Out(1, 3)
    out.queue(1, b"a" * 91)
    out.queue(3, b"b" * 91)
    assert out.take(100) == [(0, 1, 91)]
    assert (out.writer.size, out.streams[3].queued) == (0, 91)


def test_the_end_is_told_once_and_needs_no_window() -> None:
    out = Out(1, 3)
    out.queue(1, b"a" * 65_535)
    out.take()
    out.queue(3, b"", end=True)
    out.queue(1, b"more", end=True)
    assert out.take() == [(0, 3, 0)]
    assert out.written == [3]
    assert not out.writer.pending
    out.conn.receive_data(update(0, 4))
    assert out.writer.pending
    assert out.take() == []  # the stream's own window is still used up
    out.conn.receive_data(update(1, 4))
    out.writer.wake(out.streams[1])
    assert out.take() == [(0, 1, 4)]
    assert out.written == [3, 1]


def test_a_closed_stream_leaves_its_turn() -> None:
    out = Out(1, 3)
    out.queue(1, b"a", end=True)
    out.queue(3, b"b", end=True)
    out.conn.reset_stream(1)
    out.conn.data_to_send()
    out.streams[1].close()
    assert out.take() == [(0, 3, 1)]
    assert out.written == [3]
