"""Hides secrets in what a peer sends, in every spelling in which it may quote them (client protocol, section 2).

Decides: how a secret may be spelled, and which bytes of a text or of its pieces are replaced. Must not know: whose
secret it is, and what the text is for.

Spellings: literal; any characters as JSON escapes, percent-encoded or as HTML entities; UTF-16; base64 and base64url,
with the secret at any of three offsets.

A text may come in pieces, and nothing is held back for the search. So of a secret that is cut the beginning is shown if
it is shorter than :data:`SHORTEST` characters; from the first piece with which that many have come, the rest is hidden.
The cost is linear in the text: what may begin a secret is at most as long as its longest spelling. A text without
escapes is searched for fixed strings alone.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

#: Secrets of fewer characters are not searched: they would be found in ordinary texts.
SHORTEST: Final = 8
#: What stands in place of a hidden secret.
HIDDEN: Final = b"***"

_ENTITIES: Final = {b'"': b"quot", b"&": b"amp", b"'": b"apos", b"<": b"lt", b">": b"gt"}
_JSON_ESCAPED: Final = b'"\\/'
#: A text without any of these has no escape, except ``_JSON_ESCAPED``, and no UTF-16.
_ESCAPES: Final = (b"\\u00", b"%", b"&", b"\0")
#: One escape that was cut off.
_CUT_ESCAPE: Final = rb"(?:\\(?:u[0-9a-fA-F]{0,3})?|%[0-9a-fA-F]?|&#?[a-zA-Z0-9]{0,7})\Z"
_cut_escape: Final = re.compile(_CUT_ESCAPE).match
_cut_escape_at_end: Final = re.compile(_CUT_ESCAPE).search
#: What a cut escape can end with.
_CUT_ENDS: Final = b"\\%&#u0123456789abcdefABCDEFxXqotampsgl"
#: More bytes than one character takes in any spelling.
_LONGEST_CHARACTER: Final = 12
#: Fewer characters of base64 say less than ``SHORTEST`` characters of a secret.
_SHORTEST_BASE64: Final = 11

_Match: TypeAlias = Callable[[bytes, int], "re.Match[bytes] | None"]


@lru_cache(256)
def _character(byte: int) -> bytes:
    """A regular expression for one character, in all its spellings. JSON may stand in a string of JSON."""
    one = bytes((byte,))
    hexadecimal = b"".join(b"[%c%c]" % (digit, digit - 32) if digit > 57 else b"%c" % digit for digit in b"%02x" % byte)
    spellings = [
        rb"\\{1,3}u00" + hexadecimal,
        b"%" + hexadecimal,
        b"&#0{0,4}%d;" % byte,
        b"&#[xX]0{0,4}" + hexadecimal + b";",
    ]
    if one in _ENTITIES:
        spellings.append(b"&%b;" % _ENTITIES[one])
    if one in _JSON_ESCAPED:
        spellings.append(rb"\\{1,3}" + re.escape(one))
    return b"(?:%b)" % b"|".join([*spellings, re.escape(one)])


@lru_cache(512)
def _matcher(pattern: bytes) -> _Match:
    return re.compile(pattern, re.DOTALL).match


class _Spelling:
    """One way to write one secret: its bytes without escapes, and a regular expression for each character."""

    __slots__ = ("_ends", "_escaped", "_search", "_shortest", "literal", "patterns")

    def __init__(self, literal: bytes, *, escaped: bytes, shortest: int = SHORTEST) -> None:
        """``escaped``: its bytes that may be escaped. ``shortest``: a beginning of so many bytes is hidden."""
        self.literal = literal
        self.patterns: list[bytes] = []
        self._escaped = escaped
        self._shortest = min(shortest, len(literal))
        self._search: Callable[[bytes, int], re.Match[bytes] | None] | None = None
        # The lengths of all beginnings that end with a byte, the longest first.
        self._ends: dict[int, list[int]] = {}
        for length in range(len(literal) - 1, 0, -1):
            self._ends.setdefault(literal[length - 1], []).append(length)

    def _prepare(self) -> Callable[[bytes, int], "re.Match[bytes] | None"]:
        if self._search is None:
            escaped = self._escaped
            self.patterns = [_character(byte) if byte in escaped else re.escape(b"%c" % byte) for byte in self.literal]
            self._search = re.compile(b"".join(self.patterns[: self._shortest]), re.DOTALL).search
        return self._search

    def find(self, text: bytes, spans: list[tuple[int, int]]) -> None:
        """Add where it stands in ``text`` as a whole."""
        if not self._escaped and self.literal not in text:
            return
        search = self._prepare()
        at = 0
        while (begun := search(text, at)) is not None:
            at = begun.start() + 1
            count, end = self._follow(text, begun.end(), self._shortest)
            if count == len(self.patterns):
                spans.append((at - 1, end))
                at = end

    def begins(self, text: bytes, *, escapes: bool) -> tuple[int, bool] | None:
        """Where its longest beginning stands with which ``text`` ends, and whether that is long enough to be hidden.
        ``escapes``: there may be some."""
        if not escapes or not self._escaped:
            for length in self._ends.get(text[-1], ()):
                if text.endswith(self.literal[:length]):
                    return len(text) - length, length >= self._shortest
            return None
        self._prepare()
        first = re.compile(self.patterns[0]).search
        at = max(0, len(text) - _LONGEST_CHARACTER * len(self.patterns))
        while (begun := first(text, at)) is not None:
            at = begun.start() + 1
            count, end = self._follow(text, begun.end(), 1)
            if count < len(self.patterns) and (end == len(text) or _cut_escape(text, end) is not None):
                return at - 1, count >= self._shortest
        return None

    def _follow(self, text: bytes, at: int, count: int) -> tuple[int, int]:
        """Of the secret whose first ``count`` characters end at ``at``: how many there are, and their end."""
        patterns = self.patterns
        while count < len(patterns):
            if self._escaped and _cut_escape(text, at) is not None:
                break  # before it could pass for a literal character
            found = _matcher(patterns[count])(text, at)
            if found is None:
                break
            at = found.end()
            count += 1
        return count, at


class Redactor:
    """Hides some secrets. Make it with :func:`redactor`."""

    __slots__ = ("_reach", "_spellings", "ends", "marks")

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._spellings = [spelling for secret in secrets for spelling in _spellings(secret)]
        escaped = {byte for spelling in self._spellings for byte in spelling.literal if byte in _JSON_ESCAPED}
        #: A text without any of these contains no whole secret.
        self.marks: tuple[bytes, ...] = ()
        if secrets:
            self.marks = (
                *(spelling.literal for spelling in self._spellings if b"\0" not in spelling.literal),
                *_ESCAPES,
                *(b"\\%c" % byte for byte in sorted(escaped)),
            )
        #: The bytes that a beginning of a secret can end with.
        self.ends = frozenset(b"".join((_CUT_ENDS, b";", *map(_literal, self._spellings))))
        self._reach = _LONGEST_CHARACTER * max(map(len, secrets), default=0)

    def hide(self, text: bytes) -> bytes:
        """``text`` without the secrets. A beginning of one at its end is hidden too, because a long one may be cut."""
        return self.stream().hide(text)

    def stream(self) -> "RedactedStream":
        """For a text that comes in pieces."""
        return RedactedStream(self)

    def look(self, text: bytes) -> tuple[list[tuple[int, int]], int]:
        """What to hide in ``text``, in order and apart; and where something begins that may go on behind its end."""
        spans: list[tuple[int, int]] = []
        if any(map(text.__contains__, self.marks)):
            for spelling in self._spellings:
                spelling.find(text, spans)
        begun = len(text)
        if text[-1] in self.ends:
            tail = text[-self._reach :]
            escapes = b"\\" in tail or any(map(tail.__contains__, _ESCAPES))
            if escapes and (cut := _cut_escape_at_end(text, max(0, len(text) - _LONGEST_CHARACTER))) is not None:
                begun = cut.start()
            for spelling in self._spellings:
                found = spelling.begins(text, escapes=escapes)
                if found is not None:
                    begun = min(begun, found[0])
                    if found[1]:
                        spans.append((found[0], len(text)))
        return _apart(spans), begun

    def __repr__(self) -> str:
        return f"Redactor({len(self._spellings)} spellings)"


class RedactedStream:
    """A text in pieces."""

    __slots__ = ("_begun", "_ends", "_marks", "_redactor")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._marks = redactor.marks
        self._ends = redactor.ends
        self._begun = b""  # the end of the text so far, if a secret may begin there

    def hide(self, piece: bytes) -> bytes:
        """The next piece without the secrets, or their parts."""
        if not piece or not (self._begun or piece[-1] in self._ends or any(map(piece.__contains__, self._marks))):
            return piece
        before = len(self._begun)
        text = self._begun + piece
        spans, begun = self._redactor.look(text)
        self._begun = text[begun:]
        if not spans:
            return piece
        kept: list[bytes] = []
        at = before
        for start, end in spans:
            if end > at:
                kept += (text[at:start] if start > at else b"", HIDDEN)
                at = end
        return b"".join((*kept, text[at:]))

    def __repr__(self) -> str:
        return "RedactedStream(...)"


@lru_cache(64)
def _redactor(secrets: tuple[bytes, ...]) -> Redactor:
    return Redactor(secrets)


def redactor(secrets: Iterable[bytes]) -> Redactor:
    """A redactor for ``secrets``. The last ones made are kept: the same secrets are in many requests."""
    return _redactor(tuple(dict.fromkeys(secret for secret in secrets if len(secret) >= SHORTEST)))


def _spellings(secret: bytes) -> list[_Spelling]:
    found = {secret: _Spelling(secret, escaped=secret)}
    both_orders = b"\0".join(secret[at : at + 1] for at in range(len(secret)))  # of UTF-16
    found[both_orders] = _Spelling(both_orders, escaped=b"", shortest=2 * SHORTEST - 1)
    for offset in range(3):
        # The characters that the bytes before and behind the secret have no part in.
        first, end = -(-8 * offset // 6), 8 * (offset + len(secret)) // 6
        core = b64encode(bytes(offset) + secret)[first:end]
        escaped = bytes(byte for byte in b"+/" if byte in core)
        found[core] = _Spelling(core, escaped=escaped, shortest=_SHORTEST_BASE64)
        if escaped:
            core = core.replace(b"+", b"-").replace(b"/", b"_")
            found[core] = _Spelling(core, escaped=b"", shortest=_SHORTEST_BASE64)
    return list(found.values())


def _literal(spelling: _Spelling) -> bytes:
    return spelling.literal


def _apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """``spans`` in order; those that touch are one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
