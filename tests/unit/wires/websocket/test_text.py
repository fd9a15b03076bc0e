"""Text that is none."""

import pytest

from aigw_sansio.wires.websocket.text import not_utf8


@pytest.mark.parametrize("data", [b"", b"plain", "grüße".encode(), "\U0001f600".encode()])
def test_text(data: bytes) -> None:
    assert not_utf8(data) == ""


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"ab\xff", "a text message is not UTF-8: invalid start byte at byte 2"),
        (b"\xc3", "a text message is not UTF-8: unexpected end of data at byte 0"),
        (b"x\xed\xa0\x80", "a text message is not UTF-8: invalid continuation byte at byte 1"),
    ],
)
def test_what_is_none(data: bytes, detail: str) -> None:
    assert not_utf8(data) == detail
