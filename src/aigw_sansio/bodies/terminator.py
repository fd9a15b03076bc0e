"""The terminator ``[DONE]`` of OpenAI's formats, in the spellings that servers send.

Decides: which data is the terminator. Must not know: any framing or format.
"""

from typing import Final

_DONE: Final = frozenset({b"[DONE]", b"DONE"})
_LONGEST: Final = 24


def is_done(data: bytes) -> bool:
    """Whether ``data`` is the terminator ``[DONE]``: with blanks around it, quoted, in any case, without brackets."""
    return len(data) <= _LONGEST and data.strip(b" \t\r\n\"'").upper() in _DONE
