"""Strangers' words in texts of ours (client protocol, section 2, "Texts of ours").

Decides: how much of a client's name for a thing is quoted, and that nothing of a peer's protocol is. Must not know:
what the texts are for, and whether a name is a secret.
"""

import re
from typing import Final

#: The most characters of a name that are quoted.
LONGEST: Final = 100
#: How the libraries of the wires quote: a ``repr`` of bytes or of a view of them, behind a colon or a word.
_QUOTE: Final = re.compile(r"(?: from)?:? *(?:bytearray\(|<memory|b?['\"])")


def quoted(name: str) -> str:
    """What a client called something, for an error text: escaped, so that no control or bidi character is in it."""
    return ascii(name if len(name) <= LONGEST else name[: LONGEST - 3] + "...")


def without_quotes(error: Exception) -> str:
    """The text of a library's error up to the bytes that it quotes: they may hold a secret."""
    return _QUOTE.split(str(error), maxsplit=1)[0][:LONGEST] or type(error).__name__
