"""The terminator of OpenAI's formats, as servers spell it."""

import pytest

from aigw_sansio.bodies.terminator import is_done


@pytest.mark.parametrize(
    "data", [b"[DONE]", b"[DONE] ", b"\t[DONE]\r", b'"[DONE]"', b"'[DONE]'", b"[done]", b"DONE", b' "DONE" ']
)
def test_done(data: bytes) -> None:
    assert is_done(data)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"[DONE", b"[[DONE]]", b"done!", b'["DONE"]', b"[DONE]" + b" " * 100, b"{}"]
)
def test_not_done(data: bytes) -> None:
    assert not is_done(data)
