"""How much work it is to look for a secret, and the names of characters. Which spellings are found:
``test_redaction``."""

import sys
from html.entities import html5
from types import FrameType

import pytest

from aigw_sansio.providers.spellings import ENTITIES, Spans, spellings

SECRET = b"sk-proj-Ab12Cd34Ef56Gh78Ij90Kl12Mn34Op56Qr78St90Uv12Wx34Yz56"


def test_all_names_that_html_has_for_a_character() -> None:
    found: dict[bytes, list[bytes]] = {}
    for name, one in sorted(html5.items()):
        if len(one) == 1 and "!" <= one <= "~" and name.endswith(";"):
            optional = b"?" if name[:-1] in html5 else b""
            found.setdefault(one.encode(), []).append(name.encode() + optional)
    assert found == ENTITIES


def calls_to_find(text: bytes, *, escapes: bool) -> int:
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    spans: Spans = []
    for spelling in spellings(SECRET):  # compiles
        spelling.find(text, spans, None, escapes=escapes)
    found = spellings(SECRET)
    sys.setprofile(count)
    try:
        for spelling in found:
            spelling.find(text, spans, None, escapes=escapes)
    finally:
        sys.setprofile(None)
    assert not spans
    return calls


@pytest.mark.parametrize("escapes", [False, True])
def test_what_is_almost_the_secret_again_and_again_takes_few_steps(escapes: bool) -> None:
    """A whole answer of such a text is searched at once, while all other clients wait."""
    assert calls_to_find(SECRET[:-1] * 1000, escapes=escapes) < (60_000 if escapes else 4_000)


def test_the_same_in_escapes() -> None:
    almost = b"".join(b"\\u%04x" % byte for byte in SECRET[:-1])
    assert calls_to_find(almost * 100, escapes=True) < 10_000
