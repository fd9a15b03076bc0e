"""Others' words in texts of ours (client protocol, section 2, "Texts of ours").

Decides: how much of a client's name for a thing is quoted, that nothing of a peer's protocol is, and how the place of a
setting is written. Must not know: what the texts are for.
"""

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

#: The most characters of a name that are quoted.
LONGEST: Final = 100
#: A place below some settings: names of fields and tables, and positions in lists.
Place: TypeAlias = tuple[str | int, ...]
#: A long word with a digit in it, or one that begins as keys of providers do; but for the setting ``key_in``.
_MAY_BE_SECRET: Final = re.compile(
    r"(?=[^\s/.]*[0-9])[^\s/.]{20}|^(?:(?:sk|pk|rk|rt|ek|gsk|xai|hf|ghp|r8|pplx|nvapi|key(?!_in\Z))[-_]|AIza|AKIA|ey[JI])",
    re.ASCII,
)
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+\Z")
#: How the libraries of the wires quote: a ``repr`` of bytes or of a view of them, behind a colon or a word.
_QUOTE: Final = re.compile(r"(?: from)?:? *(?:bytearray\(|<memory|b?['\"])")


def quoted(name: str) -> str:
    """What a client called something, for an error text: escaped, so that no control or bidi character is in it."""
    return ascii(name if len(name) <= LONGEST else name[: LONGEST - 3] + "...")


def without_quotes(error: Exception) -> str:
    """The text of a library's error up to the bytes that it quotes: they may hold a secret."""
    return _QUOTE.split(str(error), maxsplit=1)[0][:LONGEST] or type(error).__name__


def key_text(name: str) -> str:
    """A name as TOML writes a key; ``***`` if it may be a secret at the wrong place."""
    if _MAY_BE_SECRET.search(name):
        return "***"
    return name if _BARE_KEY.match(name) else '"' + shown(name, quote="").replace('"', '\\"') + '"'


def shown(text: str, quote: str = "'") -> str:
    """An excerpt of ``text`` that is safe to print."""
    return quote + ascii(text if len(text) <= 64 else text[:61] + "...")[1:-1] + quote


def place_text(place: Place) -> str:
    """A place as TOML writes it: ``gateways."a/b".tokens[0]``."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{key_text(part)}" if text else key_text(part)
    return text


def suggestion(word: str, known: Iterable[str]) -> str:
    """A remark with the known word that was likely meant; empty if no word is near."""
    from difflib import get_close_matches

    close = get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def listed(values: Iterable[object]) -> str:
    """``'a', 'b' and 'c'``."""
    *first, last = map(repr, values)
    return f"{', '.join(first)} and {last}" if first else last
