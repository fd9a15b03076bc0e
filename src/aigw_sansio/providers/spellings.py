"""The spellings of one secret, in which a peer may quote it (client protocol, section 2).

Decides: how a secret may be spelled, and where a text has it, or a part of it. Must not know: whose secret it is, and
which texts are searched (:mod:`.redaction`).

Spellings: literal; any characters as JSON escapes, percent-encoded or as HTML entities, each of these once more in
itself, and entities in JSON; UTF-16; base64 and base64url, with the secret at any of three offsets. The cost is linear
in the text.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias

#: Secrets of fewer characters are not searched: they would be found in ordinary texts.
SHORTEST: Final = 8
#: So many characters of a secret at the end of a JSON string may be the beginning of one that comes in short strings.
SHORTEST_PART: Final = 3
#: The names that HTML has for a character (HTML, section 13.5), as regular expressions. Few need no semicolon. A test
#: compares them with the table of Python, which has 2,231 of them: it would take half a MiB.
ENTITIES: Final[dict[bytes, list[bytes]]] = {
    one.encode(): names.encode().split()
    for one, names in (
        ("!", "excl;"), ("\"", "QUOT;? quot;?"), ("#", "num;"), ("$", "dollar;"), ("%", "percnt;"),
        ("&", "AMP;? amp;?"), ("'", "apos;"), ("(", "lpar;"), (")", "rpar;"), ("*", "ast; midast;"), ("+", "plus;"),
        (",", "comma;"), (".", "period;"), ("/", "sol;"), (":", "colon;"), (";", "semi;"), ("<", "LT;? lt;?"),
        ("=", "equals;"), (">", "GT;? gt;?"), ("?", "quest;"), ("@", "commat;"), ("[", "lbrack; lsqb;"),
        ("\\", "bsol;"), ("]", "rbrack; rsqb;"), ("^", "Hat;"), ("_", "UnderBar; lowbar;"),
        ("`", "DiacriticalGrave; grave;"), ("{", "lbrace; lcub;"), ("|", "VerticalLine; verbar; vert;"),
        ("}", "rbrace; rcub;"),
    )
}  # fmt: skip
#: Characters that JSON may escape with a backslash alone.
JSON_ESCAPED: Final = b'"\\/'
ESCAPES: Final = b"\\%&"  #: an escape begins with one of these
#: How an entity and a percent-encoded character begin; JSON may escape the ampersand for HTML, which may be in HTML.
AMPERSAND: Final = rb"(?:&|\\{1,3}u0026)(?:amp;)?"
PERCENT: Final = rb"%(?:25)?"
#: One escape that was cut off.
CUT_ESCAPE: Final = rb"(?:\\{1,3}(?:u[0-9a-fA-F]{0,3})?|%%(?:25?)?[0-9a-fA-F]?|%b#?[a-zA-Z0-9]{0,17})\Z" % AMPERSAND
_cut_escape: Final = re.compile(CUT_ESCAPE).match
#: More bytes than one character takes in any spelling.
LONGEST_CHARACTER: Final = 30
#: Fewer characters of base64 say less than ``SHORTEST`` characters of a secret.
_SHORTEST_BASE64: Final = 11
_NOT_PLAIN_BASE64: Final = re.compile(rb"[+/_-]+")
_NAMES_A_MEMBER: Final = re.compile(rb'"\s*:').match

#: Finds something in a text, from a place on.
Search: TypeAlias = Callable[[bytes, int], "re.Match[bytes] | None"]
#: Begins and ends of what is hidden.
Spans: TypeAlias = list[tuple[int, int]]
#: A secret of which a JSON string ended with so many characters.
Part: TypeAlias = "tuple[Spelling, int]"


def hexadecimal(byte: int) -> bytes:
    """A regular expression for two hexadecimal digits in any case."""
    return b"".join(b"[%c%c]" % (digit, digit - 32) if digit > 57 else b"%c" % digit for digit in b"%02x" % byte)


@lru_cache(256)
def _character(byte: int) -> bytes:
    """A regular expression for one character, in all its spellings. JSON may stand in a string of JSON."""
    one = bytes((byte,))
    digits = hexadecimal(byte)
    entities = [b"#0{0,4}%d(?:;|(?![0-9]))" % byte, b"#[xX]0{0,4}" + digits + b"(?:;|(?![0-9a-fA-F]))"]
    entities += ENTITIES.get(one, ())
    # the longest ones first: an ampersand in JSON may be all of it, or begin an entity
    found = [AMPERSAND + b"(?:%b)" % b"|".join(entities), rb"\\{1,3}u00" + digits, PERCENT + digits]
    if one in JSON_ESCAPED:
        found.append(rb"\\{1,3}" + re.escape(one))
    return b"(?:%b)" % b"|".join([*found, re.escape(one)])


@lru_cache(512)
def _matcher(pattern: bytes) -> Search:
    return re.compile(pattern, re.DOTALL).match


@lru_cache(512)
def searcher(pattern: bytes) -> Search:
    """Finds ``pattern`` anywhere."""
    return re.compile(pattern, re.DOTALL).search


class Spelling:
    """One way to write one secret: its bytes without escapes, and a regular expression for each character."""

    __slots__ = (
        "_begin",
        "_ends",
        "_escaped",
        "_plain",
        "_several",
        "literal",
        "needle",
        "patterns",
        "shortest",
    )

    def __init__(
        self, literal: bytes, *, escaped: bytes, needle: bytes, shortest: int = SHORTEST, begin: int = SHORTEST
    ) -> None:
        """``escaped``: its bytes that may be escaped. ``needle``: a part of it that stands in every text with it whose
        escapes are none. ``shortest``: a beginning of so many bytes is hidden. ``begin``: a JSON string that ends with
        so many bytes of it may begin it; they are its first ``begin`` bytes or more, and ``needle`` begins with them if
        they are fewer than ``shortest``."""
        self.literal = literal
        self.needle = needle
        self.patterns: list[bytes] = []
        self._several: list[Search] = []
        self._plain = not any(byte in literal for byte in ESCAPES)  # otherwise its characters may begin an escape
        self._escaped = frozenset(escaped)
        #: A beginning of so many bytes is hidden.
        self.shortest = min(shortest, len(literal))
        self._begin = min(begin, self.shortest)
        # The lengths of all beginnings that end with a byte, the longest first.
        self._ends: dict[int, list[int]] = {}
        for length in range(len(literal) - 1, 0, -1):
            self._ends.setdefault(literal[length - 1], []).append(length)

    @property
    def suspicious(self) -> bytes:
        """What stands in every text without escapes that holds it or, in a JSON string, may begin it."""
        return self.needle[: self._begin] if self._begin < self.shortest else self.needle

    def may_stand_in(self, text: bytes) -> bool:
        """Whether ``text``, as far as it has no escapes, may hold it or, in a JSON string, begin it."""
        if text.find(self.needle) >= 0:
            return True
        if self._begin >= self.shortest or text.find(self.needle[: self._begin]) < 0:
            return False
        rest = [re.escape(self.literal[at : at + 1]) for at in range(self._begin, self.shortest - 1)]
        ending = re.escape(self.needle[: self._begin]) + b"(?:".join([b"", *rest]) + b")?" * len(rest) + b'"'
        return searcher(ending)(text, 0) is not None

    def _prepare(self) -> list[bytes]:
        if not self.patterns:
            escaped = self._escaped
            self.patterns = [_character(byte) if byte in escaped else re.escape(b"%c" % byte) for byte in self.literal]
        return self.patterns

    def find(self, text: bytes, spans: Spans, parts: list[Part] | None, *, escapes: bool) -> None:
        """Add where it stands in ``text`` as a whole. With ``parts`` also where a JSON string ends with a beginning of
        it; that is noted there, and hidden if it is long enough. ``escapes``: there may be some."""
        needle = self.needle if parts is None else self.suspicious
        if text.find(needle) < 0 and not (escapes and self._escaped.issuperset(needle)):
            return
        if not escapes and parts is None:
            self._find_literal(text, spans)
            return
        patterns = self._prepare()
        first = self.shortest if parts is None else self._begin
        search = searcher(self._joined(0, first, b'|"'))
        at = 0
        while (begun := search(text, at)) is not None:
            at = begun.start() + 1
            count, end = self._follow(text, begun.end(), first, complete=True)
            if count == len(patterns):
                spans.append((at - 1, end))
                at = end
            elif parts is not None and text.startswith(b'"', end):
                if count >= self.shortest:
                    spans.append((at - 1, end))
                if (self, count) not in parts:  # however many strings end like this
                    parts.append((self, count))
                at = end

    def _find_literal(self, text: bytes, spans: Spans) -> None:
        at = text.find(self.literal)
        while at >= 0:
            spans.append((at, at + len(self.literal)))
            at = text.find(self.literal, at + len(self.literal))

    def begins(self, text: bytes, *, escapes: bool) -> tuple[int, bool] | None:
        """Where its longest beginning stands with which ``text`` ends, and whether that is long enough to be hidden.
        ``escapes``: there may be some."""
        if not escapes or not self._escaped:
            for length in self._ends.get(text[-1], ()):
                if text.endswith(self.literal[:length]):
                    return len(text) - length, length >= self.shortest
            return None
        patterns = self._prepare()
        first = searcher(patterns[0])
        at = max(0, len(text) - LONGEST_CHARACTER * len(patterns))
        while (begun := first(text, at)) is not None:
            at = begun.start() + 1
            count, end = self._follow(text, begun.end(), 1)
            if count < len(patterns) and (end == len(text) or _cut_escape(text, end) is not None):
                return at - 1, count >= self.shortest
        return None

    def goes_on(self, text: bytes, count: int) -> tuple[int, int, int] | None:
        """Where a string of the JSON ``text`` begins with what follows the first ``count`` characters, and how many
        have come then. What is not all of the rest must be all of the string."""
        patterns = self._prepare()
        first = searcher(b'"' + patterns[count])
        at = 0
        while (begun := first(text, at)) is not None:
            at = begun.start() + 1
            came, end = self._follow(text, begun.end(), count + 1)
            whole = text.startswith(b'"', end) and _NAMES_A_MEMBER(text, end) is None
            if came == len(patterns) or whole:
                return at, end, came
        return None

    def _follow(self, text: bytes, at: int, count: int, *, complete: bool = False) -> tuple[int, int]:
        """Of the secret whose first ``count`` characters end at ``at``: how many there are, and their end.
        ``complete``: nothing comes behind ``text``, so the last character is no escape that was cut off."""
        patterns = self.patterns
        while count < len(patterns):
            if self._plain and text.startswith(self.literal[count : count + 1], at):
                length = len(patterns) - count  # many at once, as long as they are literal
                while not text.startswith(self.literal[count : count + length], at):
                    length //= 2
                count += length
                at += length
                continue
            several = None if count % SHORTEST else self._matcher_of_several(count)(text, at)
            if several is not None and (complete or several.end() < len(text)):
                count = min(count + SHORTEST, len(patterns))
                at = several.end()
                continue
            is_last = count + 1 == len(patterns)
            if self._escaped and not (complete and is_last) and _cut_escape(text, at) is not None:
                break  # before it could pass for a literal character
            found = None
            if not is_last and self.literal[count] in ESCAPES:  # as an escape, or as itself: the next one tells
                found = _matcher(b"(%b)(?=%b)" % (patterns[count], patterns[count + 1]))(text, at)
            if found is None:
                found = _matcher(b"(%b)" % patterns[count])(text, at)
            if found is None:
                break
            at = found.end(1)
            count += 1
        return count, at

    def _matcher_of_several(self, count: int) -> Search:
        """Finds the ``SHORTEST`` characters behind ``count``, a multiple of that; or those that are left."""
        at = count // SHORTEST
        while len(self._several) <= at:
            begin = len(self._several) * SHORTEST
            self._several.append(_matcher(self._joined(begin, begin + SHORTEST)))
        return self._several[at]

    def _joined(self, begin: int, end: int, others: bytes = b"") -> bytes:
        """A regular expression for the characters from ``begin`` to ``end``. If the last one may be an escape or the
        beginning of the next one's, the next one must follow; or one of ``others``."""
        joined = b"".join(self.patterns[begin:end])
        if end >= len(self.patterns) or self.literal[end - 1] not in ESCAPES:
            return joined
        return joined + b"(?=%b%b)" % (self.patterns[end], others)


def spellings(secret: bytes) -> list[Spelling]:
    """All of them for ``secret``."""
    found = {secret: Spelling(secret, escaped=secret, needle=secret[:SHORTEST], begin=SHORTEST_PART)}
    both_orders = b"\0".join(secret[at : at + 1] for at in range(len(secret)))  # of UTF-16
    shortest = 2 * SHORTEST - 1
    found[both_orders] = Spelling(
        both_orders, escaped=both_orders, needle=both_orders[:shortest], shortest=shortest, begin=shortest
    )
    for offset in range(3):
        # The characters that the bytes before and behind the secret have no part in.
        first, end = -(-8 * offset // 6), 8 * (offset + len(secret)) // 6
        core = b64encode(bytes(offset) + secret)[first:end]
        escaped = bytes(byte for byte in b"+/" if byte in core)
        needle = max(_NOT_PLAIN_BASE64.split(core), key=len)
        found[core] = Spelling(core, escaped=escaped, needle=needle, shortest=_SHORTEST_BASE64, begin=_SHORTEST_BASE64)
        if escaped:
            core = core.replace(b"+", b"-").replace(b"/", b"_")
            found[core] = Spelling(core, escaped=b"", needle=needle, shortest=_SHORTEST_BASE64, begin=_SHORTEST_BASE64)
    return list(found.values())
