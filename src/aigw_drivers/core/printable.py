"""Text of strangers that is safe to print on a terminal.

Decides: which characters a terminal or a reader's eye might obey. Must not know: where the text comes from.
"""

import re
from typing import Final

#: C0 but tab and newline, DEL, C1; marks that change the direction or hide text; lone surrogates; tags.
_OBEYED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    """``text`` with such characters as JSON writes them, so that JSON stays JSON."""
    return _OBEYED.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
