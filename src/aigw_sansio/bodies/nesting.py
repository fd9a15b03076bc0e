"""Finds the end of a JSON object or array in bytes that come in pieces.

Decides: which closing bracket belongs to the first opening one (RFC 8259 section 2); brackets in strings do not count.
Must not know: whether the text in between is valid JSON; the reader of the document checks that.
"""

import re
from typing import Final

# Possessive repeats: one pass, without memory for backtracking, however long a string is.
_IN_STRING: Final = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
#: Text that leaves the depth as it is: without brackets, whole strings, and pairs of brackets with plain text in them.
_FLAT: Final = re.compile(
    rb'[^{}\[\]"]*+(?:(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|\[[^{}\[\]"]*+\]|\{[^{}\[\]"]*+\})[^{}\[\]"]*+)*+', re.DOTALL
)
_OPENINGS: Final = re.compile(rb"[{\[]*+")
_CLOSINGS: Final = re.compile(rb"[}\]]*+")

_QUOTE: Final = ord('"')
_OPENING: Final = frozenset(b"{[")

#: As many steps as anybody needs.
_ALL: Final = 1 << 40


class NestingScanner:
    """Follows one document from its first byte, which must be ``{``, ``[`` or ``"``."""

    __slots__ = ("_depth", "_escaped", "_in_string", "at", "used")

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False
        #: How far the last call came.
        self.at = 0
        #: How many steps the last call took: about one for each run of brackets and each string.
        self.used = 0

    def scan(self, data: bytes, position: int, steps: int = _ALL) -> int:
        """Read ``data`` from ``position``, in at most ``steps`` steps. Returns the index after the document's last
        byte, or -1 if there is none so far: then call again, from ``at`` if that is within ``data``, else with the
        next bytes."""
        size = len(data)
        used = 0
        while position < size and used < steps:
            used += 1
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                    position += 1
                    continue
                found = _IN_STRING.match(data, position)
                position = found.end() if found else position
                if position == size:
                    break
                if data[position] != _QUOTE:  # a backslash; the character that it escapes has not come
                    self._escaped = True
                    position = size
                    break
                self._in_string = False
                position += 1
                if self._depth == 0:  # the document is a string
                    return self._stop(position, used)
            elif self._depth == 0:
                if data[position] == _QUOTE:
                    self._in_string = True
                else:
                    self._depth = 1
                position += 1
            else:
                found = _FLAT.match(data, position)
                position = found.end() if found else position
                if position == size:
                    break
                byte = data[position]
                if byte == _QUOTE:
                    self._in_string = True
                    position += 1
                elif byte in _OPENING:
                    found = _OPENINGS.match(data, position)
                    end = found.end() if found else position
                    self._depth += end - position
                    position = end
                else:
                    found = _CLOSINGS.match(data, position)
                    end = min(found.end() if found else position, position + self._depth)
                    self._depth -= end - position
                    position = end
                    if self._depth == 0:
                        return self._stop(position, used)
        self._stop(position, used)
        return -1

    def _stop(self, position: int, used: int) -> int:
        self.at = position
        self.used = used
        return position
