"""Words that say nothing, and terminators in all spellings."""

import pytest

from aigw_sansio.formats.keep_alives import glued, is_done, is_keep_alive


@pytest.mark.parametrize("data", [b"[DONE]", b"[DONE] ", b" [done]\n", b'"[DONE]"', b"DONE", b"'[DONE]'"])
def test_done(data: bytes) -> None:
    assert is_done(data)


@pytest.mark.parametrize("data", [b"", b"[DONE", b"[DONE]x", b"done and dusted", b"[DONE]" * 100])
def test_not_done(data: bytes) -> None:
    assert not is_done(data)


@pytest.mark.parametrize(
    "value", [b"", b" ", b"pong", b"PING", b'"ping"', b": keepalive", "ping", "keepalive", "heartbeat"]
)
def test_keep_alives(value: object) -> None:
    assert is_keep_alive(value)


@pytest.mark.parametrize("value", [b"Internal Server Error", b"pong" * 100, "", None, 7, "text", b"{}"])
def test_no_keep_alives(value: object) -> None:
    assert not is_keep_alive(value)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"{}", None),
        (b"data: {}", (b"{}", False)),
        (b"{}[DONE]", (b"{}", True)),
        (b"{}\ndata: [DONE]", (b"{}", True)),
        (b"data:{} data:[DONE]", (b"{}", True)),
        (b"data: [DONE]", (b"", True)),
    ],
)
def test_what_is_glued_to_a_chunk_is_taken_off(data: bytes, found: tuple[bytes, bool] | None) -> None:
    assert glued(data) == found
