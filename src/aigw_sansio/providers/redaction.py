"""Hides secrets in what a peer sends, in every spelling in which it may quote them (client protocol, section 2).

Decides: which bytes of a text or of its pieces are replaced. Must not know: how a secret may be spelled
(:mod:`.spellings`), whose it is, and what the text is for.

A text may come in pieces, and nothing is held back for the search. So of a secret that is cut the beginning is shown if
it is shorter than ``SHORTEST`` characters; from the first piece with which that many have come, the rest is hidden.
If the pieces are JSON documents, the border is the end of a string, and the secret goes on at the beginning of another;
the first string must end with ``SHORTEST_PART`` of its characters.
The cost is linear in the text: what may begin a secret is at most as long as its longest spelling.

A secret may be broken by ends of lines, as base64 is and the data of one server-sent event. What is hidden in JSON
leaves JSON: a number becomes a string.

:meth:`Redactor.suspects` is for the path of every token: it tells in a few calls that a text holds no secret. A text
without the bytes that begin an escape, and without a byte that each spelling has, needs no search.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from ..json_text import valid_json
from ..wires.http import Headers
from .spellings import (
    CUT_ESCAPE,
    ENTITIES,
    JSON_ESCAPED,
    LONGEST_CHARACTER,
    PERCENT,
    SHORTEST,
    Part,
    Spans,
    Spelling,
    hexadecimal,
    searcher,
    spellings,
)

#: What stands in place of a hidden secret.
HIDDEN: Final = b"***"
_HIDDEN_IN_UTF_16: Final = b"*\0*\0*"

_BACKSLASH, _PERCENT, _AMPERSAND, _NUL, _LF, _QUOTE = 0x5C, 0x25, 0x26, 0, 0x0A, 0x22
#: How a JSON text that may hold strings begins and ends.
_JSON_CLOSINGS: Final = {ord("{"): b"}", ord("["): b"]", ord('"'): b'"'}
_cut_escape_at_end: Final = re.compile(CUT_ESCAPE).search
#: What a cut escape can end with, besides the letters of names.
_CUT_ENDS: Final = b"\\%&#;u0123456789abcdefABCDEFxXamp"
#: A line without its end.
_line: Final = re.compile(rb"[^\r\n]++").finditer
#: A string of JSON, or a number.
_string_or_number: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[-+.0-9eE]++', re.DOTALL).finditer
_is_number: Final = re.compile(rb"[-+.0-9eE]++\Z").match
#: A secret that is cut over the strings of several JSON pieces: so many pieces without it may lie between two parts.
_PIECES_BETWEEN: Final = 4
#: How many short texts, and of what length, are remembered.
_MOST_NAMES, _LONGEST_NAME = 256, 64


class Redactor:
    """Hides some secrets. Make it with :func:`redactor`."""

    __slots__ = (
        "_adapted",
        "_ampersand",
        "_backslash",
        "_fields_guard",
        "_lower",
        "_names",
        "_needles",
        "_percent",
        "_plain",
        "_reach",
        "_spellings",
        "_without_nul",
        "ends",
        "guard",
    )

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._lower = tuple(lower for secret in secrets if (lower := secret.lower()) != secret)
        self._spellings = [spelling for secret in secrets for spelling in spellings(secret)]
        characters = sorted({_NUL, *b"".join(secrets)})
        names = [name for one in characters for name in ENTITIES.get(b"%c" % one, ())]
        #: The bytes that a beginning of a secret can end with.
        self.ends = frozenset(
            b"".join((_CUT_ENDS, *(name.rstrip(b"?") for name in names), *map(_literal, self._spellings)))
        )
        self._names: dict[str, str] = {}  # what is shown of short texts that come often
        self._reach = LONGEST_CHARACTER * max(map(len, secrets), default=0)
        escaped = [b"u00(?:%b)" % b"|".join(map(hexadecimal, characters))]
        escaped += [rb"\%c" % byte for byte in JSON_ESCAPED if byte in characters]
        entity = b"(?:amp;)?(?:%b)" % b"|".join([b"#", *names])
        # Each begins with one literal character: from one to the next a search is as fast as ``bytes.find``.
        self._backslash = searcher(rb"\\(?:%b|u0026%b)" % (b"|".join(escaped), entity))
        self._percent = searcher(PERCENT + b"(?:%b)" % b"|".join(map(hexadecimal, characters)))
        self._ampersand = searcher(b"&" + entity)
        # UTF-16 has NULs, which ``suspects`` is not asked about.
        self._without_nul = [spelling for spelling in self._spellings if _NUL not in spelling.needle]
        self._needles = tuple(spelling.suspicious for spelling in self._without_nul)
        self._adapted = 0
        #: Lets few texts through, among them all that :meth:`suspects` suspects. It costs as little as it can.
        self.guard = self._adapted_to(b"")
        self._fields_guard = self.guard  # for the values of heads, which are not like bodies
        self._plain: set[bytes] = set()  # short texts in lower case that come often, in which nothing is hidden

    def hide(self, text: bytes) -> bytes:
        """``text`` without the secrets. A beginning of one at its end is hidden too, because a long one may be cut."""
        return RedactedStream(self, strings=False).hide(text)

    def hide_whole(self, text: bytes) -> bytes:
        """``text``, which is complete, without the secrets. What is only the beginning of one is no secret there."""
        if not text or not (_NUL in text or self.suspects(text) or (_LF in text and self.suspects(_in_one_line(text)))):
            return text
        spans = self.find(text, None)
        return _replaced(text, spans, 0) if spans else text

    def hide_lower(self, text: bytes) -> bytes:
        """The same for a text that the gateway has put in lower case: the name of a field, a media type."""
        if text in self._plain:
            return text
        shown = self.hide_whole(text)
        if self._lower:
            shown = redactor(self._lower).hide_whole(shown)
        if shown == text and len(text) <= _LONGEST_NAME and len(self._plain) < _MOST_NAMES:
            self._plain.add(text)
        return shown

    def hide_fields(self, headers: Headers) -> Headers:
        """The fields of a head, their names in lower case, without the secrets."""
        plain = self._plain
        values = b" ".join([value for _, value in headers])
        if (
            not (_NUL in values or _LF in values)
            and not self._fields_suspect(values)
            and not [name for name, _ in headers if name not in plain]
        ):
            return headers
        return [(self.hide_lower(name), self.hide_whole(value)) for name, value in headers]

    def _fields_suspect(self, values: bytes) -> bool:
        """Whether ``values`` of fields may hold a secret. What no part of them does not hold, none of them holds."""
        if not self._fields_guard(values):
            return False
        if self._may_hold(values):
            return True
        if self._may_adapt():
            self._fields_guard = self._adapted_to(values)
        return False

    def hide_name(self, name: str) -> str:
        """A short text that comes often, for example the name of an event, without the secrets."""
        shown = self._names.get(name)
        if shown is not None:
            return shown
        data = name.encode("utf-8", "surrogatepass")
        hidden = self.hide_whole(data)
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
        if self._may_hold(text):
            return True
        if self._may_adapt():
            self.guard = self._adapted_to(text)
        return False

    def _may_hold(self, text: bytes) -> bool:
        return self._has_escapes(text) or (
            any(text.find(needle) >= 0 for needle in self._needles)
            and any(spelling.may_stand_in(text) for spelling in self._without_nul)
        )

    def _has_escapes(self, text: bytes) -> bool:
        """Whether a character of a secret stands there as an escape."""
        return (
            (_BACKSLASH in text and self._backslash(text, 0) is not None)
            or (_PERCENT in text and self._percent(text, 0) is not None)
            or (_AMPERSAND in text and self._ampersand(text, 0) is not None)
        )

    def _may_adapt(self) -> bool:
        """Whether another guard is worth its making. The first ones are; then one in many."""
        self._adapted += 1
        return self._adapted <= 8 or not self._adapted % 32

    def _adapted_to(self, text: bytes) -> Callable[[bytes], bool]:
        """A guard that stops ``text``, as far as that is possible: what comes next is much like it. It looks for two
        bytes that most needles have; those that have neither are sought themselves."""
        left = self._needles
        probes: list[int] = []
        absent = [byte for byte in set(b"".join(left)) if byte not in text]
        while absent and left and len(probes) < 2:
            probe = max(absent, key=lambda byte: (sum(byte in needle for needle in left), byte))
            probes.append(probe)
            left = tuple(needle for needle in left if probe not in needle)
        # Without such bytes any byte serves: it is in the text, so the next look is a closer one.
        return _guard(probes or [text[0] if text else _NUL], left)

    def look(self, text: bytes, parts: list[Part] | None = None) -> tuple[Spans, int]:
        """What to hide in ``text``; and the place from which something begins that may go on behind
        its end. ``parts``: see :meth:`Spelling.find`."""
        spans = self.find(text, parts)
        begun = len(text)
        if text[-1] in self.ends:
            tail = text[-self._reach :]
            escapes = _BACKSLASH in tail or _PERCENT in tail or _AMPERSAND in tail or _NUL in tail
            if escapes and (cut := _cut_escape_at_end(text, max(0, len(text) - LONGEST_CHARACTER))) is not None:
                begun = cut.start()
            for spelling in self._spellings:
                found = spelling.begins(text, escapes=escapes)
                if found is not None:
                    begun = min(begun, found[0])
                    if found[1]:
                        spans.append((found[0], len(text)))
        return spans, begun

    def find(self, text: bytes, parts: list[Part] | None) -> Spans:
        """Where a secret stands in ``text`` as a whole. ``parts``: see :meth:`.Spelling.find`."""
        spans: Spans = []
        escapes = self._has_escapes(text)
        for spelling in self._spellings:
            spelling.find(text, spans, parts, escapes=escapes)
        if _LF in text:
            self._find_over_lines(text, spans)
        return spans

    def _find_over_lines(self, text: bytes, spans: Spans) -> None:
        """Add where a secret stands in ``text`` that is broken by ends of lines."""
        joined = _in_one_line(text)
        if not (_NUL not in joined and self.suspects(joined)):
            return
        found: Spans = []
        escapes = self._has_escapes(joined)
        for spelling in self._spellings:
            spelling.find(joined, found, None, escapes=escapes)
        if not found:
            return
        begins, begins_joined = [], []  # of the lines, in ``text`` and in ``joined``
        size = 0
        for line in _line(text):
            begins.append(line.start())
            begins_joined.append(size)
            size += line.end() - line.start()

        def place(at: int) -> int:
            line = bisect_right(begins_joined, at) - 1
            return begins[line] + at - begins_joined[line]

        spans += [(place(start), place(end - 1) + 1) for start, end in found]

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
        #: The secrets that may go on in a string of the next piece, which must be looked at; and in how many pieces
        #: they have not gone on.
        self.parts: dict[Part, int] = {}

    def hide(self, piece: bytes) -> bytes:
        """The next piece without the secrets, or their parts."""
        if not piece or not (
            self._begun
            or self.parts
            or piece[-1] in self._ends
            or _NUL in piece
            or self._redactor.suspects(piece)
            or _LF in piece
        ):
            return piece
        # A document between two pieces of a text has no part in what may begin there.
        document = self._strings and _is_document(piece)
        begun = b"" if document else self._begun
        before = len(begun)
        text = begun + piece
        parts: list[Part] | None = [] if document else None
        spans, begins = self._redactor.look(text, parts)
        if parts is None:
            self._begun = text[begins:]
        else:
            self._follow_parts(text, spans, parts)
        return _replaced(text, spans, before) if spans else piece

    @property
    def goes_on(self) -> bool:
        """Whether a secret has begun whose rest may be in the next pieces, which must be looked at."""
        return bool(self.parts or self._begun)

    def _follow_parts(self, text: bytes, spans: Spans, parts: list[Part]) -> None:
        """Hide the next parts of the secrets that began in strings of earlier pieces. ``parts``: those of this one."""
        followed = dict.fromkeys(parts, 0)
        for (spelling, before), since in self.parts.items():
            part = spelling.goes_on(text, before)
            if part is None:
                if since < _PIECES_BETWEEN:
                    followed.setdefault((spelling, before), since + 1)
                continue
            start, end, count = part
            if count >= spelling.shortest:
                spans.append((start, end))
            if count < len(spelling.patterns):
                followed[spelling, count] = 0
        self.parts = followed

    def __repr__(self) -> str:
        return "RedactedStream(...)"


def _is_document(piece: bytes) -> bool:
    """Whether ``piece`` looks like a whole JSON text with strings."""
    closing = _JSON_CLOSINGS.get(piece[0])
    return closing is not None and len(piece) > 1 and piece.rstrip().endswith(closing)


def _replaced(text: bytes, spans: Spans, at: int) -> bytes:
    """``text`` from ``at`` on, with something else in ``spans``."""
    kept: list[bytes] = []
    numbers = _json_numbers(text, spans) if not at else {}
    for start, end in _apart([*spans, *numbers]):
        if end > at:
            is_utf_16 = text.find(b"\0", start, end) >= 0
            shown = _in_utf_16(text[max(start, at) : end]) if is_utf_16 else HIDDEN
            if (start, end) in numbers:
                shown = b'"%b"' % HIDDEN
            kept += (text[at:start] if start > at else b"", shown)
            at = end
    return b"".join((*kept, text[at:]))


def _json_numbers(text: bytes, spans: Spans) -> dict[tuple[int, int], None]:
    """If ``text`` is JSON with strings: its numbers of which ``spans`` are a part. Without the whole number what is
    left would be no JSON."""
    if not any(_is_number(text[start:end]) for start, end in spans) or not _is_document(text.lstrip()):
        return {}
    if valid_json(text) is None:
        return {}
    numbers = [token.span() for token in _string_or_number(text) if text[token.start()] != _QUOTE]
    found: dict[tuple[int, int], None] = {}
    for start, end in spans:
        index = bisect_right(numbers, (start, len(text))) - 1
        if index >= 0 and end <= numbers[index][1]:
            found[numbers[index]] = None
    return found


def _in_one_line(text: bytes) -> bytes:
    """``text`` without the ends of its lines."""
    return text.translate(None, b"\r\n")


def _in_utf_16(hidden: bytes) -> bytes:
    """What stands in place of ``hidden``, so that it and the text around it stay UTF-16."""
    begin = b"\0" if hidden[0] == _NUL else b""
    end = b"\0" if hidden[-1] == _NUL else b""
    return begin + _HIDDEN_IN_UTF_16 + end


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


def _literal(spelling: Spelling) -> bytes:
    return spelling.literal


def _apart(spans: Spans) -> Spans:
    """``spans`` in order; those that touch are one."""
    joined: Spans = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
