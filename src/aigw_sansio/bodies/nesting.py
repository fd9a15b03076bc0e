"""Finds the end of a JSON object or array in bytes that come in pieces.

Decides: which closing bracket belongs to the first opening one (RFC 8259 section 2); brackets in strings do not count.
Must not know: whether the text in between is valid JSON; the reader of the document checks that.
"""

import re
from typing import Final

# Possessive repeats: one pass, without memory for backtracking, however long a string is.
_IN_STRING: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_FLAT: Final = re.compile(rb'[^{}\[\]"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^{}\[\]"]*+)*+', re.DOTALL)

_QUOTE: Final = ord('"')
_OPENING: Final = frozenset(b"{[")


class NestingScanner:
    """Follows one document from its first byte, which must be ``{``, ``[`` or ``"``."""

    __slots__ = ("_depth", "_escaped", "_in_string")

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def scan(self, data: bytes, position: int) -> int:
        """Read ``data`` from ``position``. Returns the index after the document's last byte, or -1 if the document goes
        on beyond ``data``: then call again with the next bytes."""
        size = len(data)
        while position < size:
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                    position += 1
                    continue
                found = _IN_STRING.match(data, position)
                position = found.end() if found else position
                if position == size:
                    return -1
                if data[position] != _QUOTE:  # a backslash; the character that it escapes has not come
                    self._escaped = True
                    return -1
                self._in_string = False
                position += 1
            elif self._depth == 0 and data[position] == _QUOTE:  # the document is a string
                self._in_string = True
                position += 1
                continue
            else:
                found = _FLAT.match(data, position)
                position = found.end() if found else position
                if position == size:
                    return -1
                byte = data[position]
                position += 1
                if byte == _QUOTE:
                    self._in_string = True
                    continue
                self._depth += 1 if byte in _OPENING else -1
            if self._depth == 0:
                return position
        return -1
