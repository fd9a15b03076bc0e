"""Nothing is printed that a terminal would obey."""

import json

import pytest

from aigw_drivers.core.printable import printable


@pytest.mark.parametrize("text", ["plain", "tab\tand\nline", "\u00e4\u4e2d\U0001f600", ""])
def test_harmless_text_is_unchanged(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("character", [
    "\x1b", "\x07", "\r", "\x00", "\x7f", "\x80", "\x9b", "\x9f", "\u200e", "\u200f", "\u202e", "\u2066", "\u2069", "\u2028", "\ufeff",
    "\ud800", "\U000e0041", "\u061c",
])  # fmt: skip
def test_what_a_terminal_obeys_is_escaped_and_json_stays_json(character: str) -> None:
    shown = printable(f"a{character}b")
    assert shown.isascii()
    assert shown.isprintable()
    assert json.loads(f'"{shown}"') == f"a{character}b"
