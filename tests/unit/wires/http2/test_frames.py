"""The frames written by hand, against hyperframe's reading of them."""

import pytest
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, PingFrame, WindowUpdateFrame
from tests.peers.http2_frames import frame, settings

from aigw_sansio.wires.http2.frames import data_header, goaway, known_settings, ping, window_update


def parsed(raw: bytes) -> Frame:
    found, length = Frame.parse_frame_header(memoryview(raw[:9]))
    assert len(raw) == 9 + length
    found.parse_body(memoryview(raw[9:]))
    return found


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (data_header(3, 5) + b"hello", DataFrame(3, b"hello")),
        (data_header(2**31 - 1, 0, end=True), DataFrame(2**31 - 1, b"", flags=["END_STREAM"])),
        (window_update(0, 2**31 - 1), WindowUpdateFrame(0, 2**31 - 1)),
        (window_update(7, 1), WindowUpdateFrame(7, 1)),
        (ping(b"12345678"), PingFrame(0, b"12345678")),
        (goaway(9, 11), GoAwayFrame(0, 9, 11)),
    ],
)
def test_frames_read_as_they_were_meant(raw: bytes, expected: Frame) -> None:
    assert raw == expected.serialize()
    assert repr(parsed(raw)) == repr(expected)


def test_settings_nobody_reads_are_dropped() -> None:
    assert known_settings(settings({1: 2, 99: 3, 8: 1})) == settings({1: 2, 8: 1})
    assert known_settings(settings({4: 1})) == settings({4: 1})
    assert known_settings(frame(4, 0, 0, b"1234567")) == frame(4, 0, 0, b"1234567")
