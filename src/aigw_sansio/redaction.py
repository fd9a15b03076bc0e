"""Hides secrets in what a peer sends, in every spelling in which it may quote them (client protocol, section 2).

Decides: how a secret may be spelled, and which bytes of a text or of its pieces are replaced. Must not know: whose
secret it is, and what the text is for.

Spellings: literal; any characters as JSON escapes, percent-encoded or as HTML entities; UTF-16; base64 and base64url,
with the secret at any of three offsets.

A text may come in pieces, and nothing is held back for the search. So of a secret that is cut the beginning is shown if
it is shorter than :data:`SHORTEST` characters; from the first piece with which that many have come, the rest is hidden.
If the pieces are JSON documents, the border is the end of a string, and the secret goes on at the beginning of another;
of a long secret :data:`SHORTEST_IN_STRING` characters must have come, because the first ones are those of all keys of a
provider, and stand in texts about them.
The cost is linear in the text: what may begin a secret is at most as long as its longest spelling.

:meth:`Redactor.suspects` is for the path of every token: it tells in a few calls that a text holds no secret. A text
without the bytes that begin an escape, and without a byte that each spelling has, needs no search.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, TypeAlias

#: Secrets of fewer characters are not searched: they would be found in ordinary texts.
SHORTEST: Final = 8
#: So many characters of a secret of at least :data:`LONG` are hidden at the end of a JSON string.
SHORTEST_IN_STRING: Final = 12
LONG: Final = 24
#: What stands in place of a hidden secret.
HIDDEN: Final = b"***"

_ENTITIES: Final = {b'"': b"quot", b"&": b"amp", b"'": b"apos", b"<": b"lt", b">": b"gt"}
_JSON_ESCAPED: Final = b'"\\/'
_BACKSLASH, _PERCENT, _AMPERSAND, _NUL = 0x5C, 0x25, 0x26, 0
#: A JSON text that may hold strings begins with one of these.
_JSON_CLOSINGS: Final = {ord("{"): b"}", ord("["): b"]", ord('"'): b'"'}
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
_NOT_PLAIN_BASE64: Final = re.compile(rb"[+/_-]+")
#: A secret that is cut over the strings of several JSON pieces: so many pieces without it may lie between two parts.
_PIECES_BETWEEN: Final = 4
#: How many short texts, and of what length, are remembered.
_MOST_NAMES, _LONGEST_NAME = 256, 64
_NAMES_A_MEMBER: Final = re.compile(rb'"\s*:').match

_Search: TypeAlias = Callable[[bytes, int], "re.Match[bytes] | None"]
_Spans: TypeAlias = list[tuple[int, int]]
#: A secret of which a JSON string ended with so many characters.
_Part: TypeAlias = "tuple[_Spelling, int]"


def _hexadecimal(byte: int) -> bytes:
    """A regular expression for two hexadecimal digits in any case."""
    return b"".join(b"[%c%c]" % (digit, digit - 32) if digit > 57 else b"%c" % digit for digit in b"%02x" % byte)


@lru_cache(256)
def _character(byte: int) -> bytes:
    """A regular expression for one character, in all its spellings. JSON may stand in a string of JSON."""
    one = bytes((byte,))
    hexadecimal = _hexadecimal(byte)
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
def _matcher(pattern: bytes) -> _Search:
    return re.compile(pattern, re.DOTALL).match


@lru_cache(512)
def _searcher(pattern: bytes) -> _Search:
    return re.compile(pattern, re.DOTALL).search


class _Spelling:
    """One way to write one secret: its bytes without escapes, and a regular expression for each character."""

    __slots__ = ("_ends", "_escaped", "_shortest", "_shortest_in_string", "literal", "needle", "patterns")

    def __init__(
        self, literal: bytes, *, escaped: bytes, needle: bytes, shortest: int = SHORTEST, in_string: int = 0
    ) -> None:
        """``escaped``: its bytes that may be escaped. ``needle``: a part of it that stands in every text with it whose
        escapes are none. ``shortest``: a beginning of so many bytes is hidden; at the end of a JSON string one of
        ``in_string``, if that is more."""
        self.literal = literal
        self.needle = needle
        self.patterns: list[bytes] = []
        self._escaped = frozenset(escaped)
        self._shortest = min(shortest, len(literal))
        self._shortest_in_string = max(in_string, self._shortest)
        # The lengths of all beginnings that end with a byte, the longest first.
        self._ends: dict[int, list[int]] = {}
        for length in range(len(literal) - 1, 0, -1):
            self._ends.setdefault(literal[length - 1], []).append(length)

    def _prepare(self) -> list[bytes]:
        if not self.patterns:
            escaped = self._escaped
            self.patterns = [_character(byte) if byte in escaped else re.escape(b"%c" % byte) for byte in self.literal]
        return self.patterns

    def find(self, text: bytes, spans: _Spans, parts: list[_Part] | None, *, escapes: bool) -> None:
        """Add where it stands in ``text`` as a whole. With ``parts`` also where a JSON string ends with a beginning of
        it; that is noted there. ``escapes``: there may be some."""
        if text.find(self.needle) < 0 and not (escapes and self._escaped.issuperset(self.needle)):
            return
        patterns = self._prepare()
        search = _searcher(b"".join(patterns[: self._shortest]))
        at = 0
        while (begun := search(text, at)) is not None:
            at = begun.start() + 1
            count, end = self._follow(text, begun.end(), self._shortest)
            if count == len(patterns):
                spans.append((at - 1, end))
                at = end
            elif parts is not None and count >= self._shortest_in_string and text.startswith(b'"', end):
                spans.append((at - 1, end))
                parts.append((self, count))
                at = end

    def begins(self, text: bytes, *, escapes: bool) -> tuple[int, bool] | None:
        """Where its longest beginning stands with which ``text`` ends, and whether that is long enough to be hidden.
        ``escapes``: there may be some."""
        if not escapes or not self._escaped:
            for length in self._ends.get(text[-1], ()):
                if text.endswith(self.literal[:length]):
                    return len(text) - length, length >= self._shortest
            return None
        patterns = self._prepare()
        first = _searcher(patterns[0])
        at = max(0, len(text) - _LONGEST_CHARACTER * len(patterns))
        while (begun := first(text, at)) is not None:
            at = begun.start() + 1
            count, end = self._follow(text, begun.end(), 1)
            if count < len(patterns) and (end == len(text) or _cut_escape(text, end) is not None):
                return at - 1, count >= self._shortest
        return None

    def goes_on(self, text: bytes, count: int) -> tuple[int, int, int] | None:
        """Where a string of the JSON ``text`` begins with what follows the first ``count`` characters, and how many
        have come then. What is not all of the rest must be all of the string."""
        patterns = self._prepare()
        first = _searcher(b'"' + patterns[count])
        at = 0
        while (begun := first(text, at)) is not None:
            at = begun.start() + 1
            came, end = self._follow(text, begun.end(), count + 1)
            whole = text.startswith(b'"', end) and _NAMES_A_MEMBER(text, end) is None
            if came == len(patterns) or whole:
                return at, end, came
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

    __slots__ = (
        "_adapted",
        "_ampersand",
        "_backslash",
        "_names",
        "_needles",
        "_percent",
        "_reach",
        "_spellings",
        "ends",
        "guard",
    )

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._spellings = [spelling for secret in secrets for spelling in _spellings(secret)]
        #: The bytes that a beginning of a secret can end with.
        self.ends = frozenset(b"".join((_CUT_ENDS, b";", *map(_literal, self._spellings))))
        self._names: dict[str, str] = {}  # what is shown of short texts that come often
        self._reach = _LONGEST_CHARACTER * max(map(len, secrets), default=0)
        characters = sorted({_NUL, *b"".join(secrets)})
        escaped = [b"u00(?:%b)" % b"|".join(map(_hexadecimal, characters))]
        escaped += [rb"\%c" % byte for byte in _JSON_ESCAPED if byte in characters]
        self._backslash = _searcher(rb"\\(?:%b)" % b"|".join(escaped))
        self._percent = _searcher(b"%%(?:%b)" % b"|".join(map(_hexadecimal, characters)))
        names = [b"&" + name for one, name in _ENTITIES.items() if one[0] in characters]
        self._ampersand = _searcher(b"|".join([b"&#", *names]))
        # UTF-16 has NULs, which ``suspects`` is not asked about.
        self._needles = tuple(spelling.needle for spelling in self._spellings if _NUL not in spelling.needle)
        self._adapted = 0
        #: Lets few texts through, among them all that :meth:`suspects` suspects. It costs as little as it can.
        self.guard = _guard([_NUL], self._needles)
        self._adapt(b"")

    def hide(self, text: bytes) -> bytes:
        """``text`` without the secrets. A beginning of one at its end is hidden too, because a long one may be cut."""
        return RedactedStream(self, strings=False).hide(text)

    def hide_name(self, name: str) -> str:
        """A short text that comes often, for example the name of an event, without the secrets."""
        shown = self._names.get(name)
        if shown is not None:
            return shown
        data = name.encode("utf-8", "surrogatepass")
        hidden = self.hide(data)
        shown = name if hidden is data else hidden.decode("utf-8", "replace")
        if len(self._names) < _MOST_NAMES and len(name) <= _LONGEST_NAME:
            self._names[name] = shown
        return shown

    def stream(self) -> "RedactedStream":
        """For a text that comes in pieces."""
        return RedactedStream(self, strings=True)

    def suspects(self, text: bytes) -> bool:
        """Whether ``text``, which has no NUL, may hold a secret, or in a JSON string the beginning of one."""
        return self.guard(text) and self.looks_closer(text)

    def looks_closer(self, text: bytes) -> bool:
        """What :meth:`suspects` says of a text that the guard lets through. Afterwards there may be another guard."""
        if self._has_escapes(text) or any(text.find(needle) >= 0 for needle in self._needles):
            return True
        self._adapt(text)
        return False

    def _has_escapes(self, text: bytes) -> bool:
        """Whether a character of a secret stands there as an escape."""
        return (
            (_BACKSLASH in text and self._backslash(text, 0) is not None)
            or (_PERCENT in text and self._percent(text, 0) is not None)
            or (_AMPERSAND in text and self._ampersand(text, 0) is not None)
        )

    def _adapt(self, text: bytes) -> None:
        """Make a guard that stops ``text``, as far as that is possible: what comes next is much like it. It looks for
        two bytes that most needles have; those that have neither are sought themselves."""
        self._adapted += 1
        if self._adapted > 8 and self._adapted % 32:
            return
        left = self._needles
        probes: list[int] = []
        absent = [byte for byte in set(b"".join(left)) if byte not in text]
        while absent and left and len(probes) < 2:
            probe = max(absent, key=lambda byte: (sum(byte in needle for needle in left), byte))
            probes.append(probe)
            left = tuple(needle for needle in left if probe not in needle)
        # Without such bytes any byte serves: it is in the text, so the next look is a closer one.
        self.guard = _guard(probes or [text[0] if text else _NUL], left)

    def look(self, text: bytes, parts: list[_Part] | None = None) -> tuple[_Spans, int]:
        """What to hide in ``text``, in order and apart; and the place from which something begins that may go on behind
        its end. ``parts``: see :meth:`_Spelling.find`."""
        spans: _Spans = []
        escapes = self._has_escapes(text)
        for spelling in self._spellings:
            spelling.find(text, spans, parts, escapes=escapes)
        begun = len(text)
        if text[-1] in self.ends:
            tail = text[-self._reach :]
            escapes = _BACKSLASH in tail or _PERCENT in tail or _AMPERSAND in tail or _NUL in tail
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

    __slots__ = ("_begun", "_ends", "_redactor", "_since", "_strings", "parts")

    def __init__(self, redactor: Redactor, *, strings: bool) -> None:
        """``strings``: pieces may be JSON documents, whose strings go on in the next one."""
        self._redactor = redactor
        self._strings = strings
        self._ends = redactor.ends
        self._begun = b""  # the end of the text so far, if a secret may begin there
        #: The secrets that may go on in a string of the next piece, which must be looked at.
        self.parts: list[_Part] = []
        self._since = 0  # pieces without their next part

    def hide(self, piece: bytes) -> bytes:
        """The next piece without the secrets, or their parts."""
        if not piece or not (
            self._begun or self.parts or piece[-1] in self._ends or _NUL in piece or self._redactor.suspects(piece)
        ):
            return piece
        # A document between two pieces of a text has no part in what may begin there.
        document = self._strings and _is_document(piece)
        begun = b"" if document else self._begun
        before = len(begun)
        text = begun + piece
        parts: list[_Part] | None = [] if document else None
        spans, begins = self._redactor.look(text, parts)
        if parts is None:
            self._begun = text[begins:]
        else:
            self._follow_parts(text, spans, parts)
        if not spans:
            return piece
        kept: list[bytes] = []
        at = before
        for start, end in _apart(spans):
            if end > at:
                kept += (text[at:start] if start > at else b"", HIDDEN)
                at = end
        return b"".join((*kept, text[at:]))

    @property
    def goes_on(self) -> bool:
        """Whether a secret has begun whose rest may be in the next pieces, which must be looked at."""
        return bool(self.parts or self._begun)

    def _follow_parts(self, text: bytes, spans: _Spans, parts: list[_Part]) -> None:
        """Hide the next parts of the secrets that began in strings of earlier pieces. ``parts``: those of this one."""
        found = [(spelling, spelling.goes_on(text, count)) for spelling, count in self.parts]
        goes_on = [(spelling, part) for spelling, part in found if part is not None]
        if not goes_on and self._since < _PIECES_BETWEEN and not parts:
            self._since += 1
            return
        self._since = 0
        for spelling, (start, end, count) in goes_on:
            spans.append((start, end))
            if count < len(spelling.patterns):
                parts.append((spelling, count))
        self.parts = parts

    def __repr__(self) -> str:
        return "RedactedStream(...)"


def _is_document(piece: bytes) -> bool:
    """Whether ``piece`` looks like a whole JSON text with strings."""
    closing = _JSON_CLOSINGS.get(piece[0])
    return closing is not None and len(piece) > 1 and piece.rstrip().endswith(closing)


def _guard(probes: list[int], sought: tuple[bytes, ...]) -> Callable[[bytes], bool]:
    """See :attr:`Redactor.guard`. Each form does no more than it needs: it runs for every token."""
    first, second = probes[0], probes[-1]
    if not sought and first == second:
        return lambda text: _BACKSLASH in text or _PERCENT in text or _AMPERSAND in text or first in text
    if not sought:
        return lambda text: (
            _BACKSLASH in text or _PERCENT in text or _AMPERSAND in text or first in text or second in text
        )
    if len(sought) == 1:
        (needle,) = sought  # partition() is faster than find() and in
        return lambda text: (
            _BACKSLASH in text
            or _PERCENT in text
            or _AMPERSAND in text
            or first in text
            or second in text
            or text.partition(needle)[1] != b""
        )
    return lambda text: (
        _BACKSLASH in text
        or _PERCENT in text
        or _AMPERSAND in text
        or first in text
        or second in text
        or any(text.partition(needle)[1] for needle in sought)
    )


@lru_cache(64)
def _redactor(secrets: tuple[bytes, ...]) -> Redactor:
    return Redactor(secrets)


def redactor(secrets: Iterable[bytes]) -> Redactor:
    """A redactor for ``secrets``. The last ones made are kept: the same secrets are in many requests."""
    return _redactor(tuple(dict.fromkeys(secret for secret in secrets if len(secret) >= SHORTEST)))


def _spellings(secret: bytes) -> list[_Spelling]:
    in_string = SHORTEST_IN_STRING if len(secret) >= LONG else SHORTEST
    found = {secret: _Spelling(secret, escaped=secret, needle=secret[:in_string], in_string=in_string)}
    both_orders = b"\0".join(secret[at : at + 1] for at in range(len(secret)))  # of UTF-16
    shortest = 2 * SHORTEST - 1
    found[both_orders] = _Spelling(both_orders, escaped=both_orders, needle=both_orders[:shortest], shortest=shortest)
    for offset in range(3):
        # The characters that the bytes before and behind the secret have no part in.
        first, end = -(-8 * offset // 6), 8 * (offset + len(secret)) // 6
        core = b64encode(bytes(offset) + secret)[first:end]
        escaped = bytes(byte for byte in b"+/" if byte in core)
        needle = max(_NOT_PLAIN_BASE64.split(core), key=len)
        found[core] = _Spelling(core, escaped=escaped, needle=needle, shortest=_SHORTEST_BASE64)
        if escaped:
            core = core.replace(b"+", b"-").replace(b"/", b"_")
            found[core] = _Spelling(core, escaped=b"", needle=needle, shortest=_SHORTEST_BASE64)
    return list(found.values())


def _literal(spelling: _Spelling) -> bytes:
    return spelling.literal


def _apart(spans: _Spans) -> _Spans:
    """``spans`` in order; those that touch are one."""
    joined: _Spans = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
