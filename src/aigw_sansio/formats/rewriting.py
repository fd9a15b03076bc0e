"""Other texts in a provider's own chunks, messages and bodies.

Decides: where in the JSON of a chunk a text stands, and what becomes of the places that repeat it. Must not know: any
format, why a text is changed, and by whom. All formats are rewritten in one way: a text that a reader has found in a
chunk is a string of its JSON.

Theory of operation. A text is put where the old one stood, and the rest of the chunk stays; log probabilities, which
spell the old one, become null. Some formats repeat at the end of a part or of the response what it said. So the texts
are kept, as long as they are few enough. Once one was changed, later chunks are searched for repeats: a string that is
all that was said since the last repeat, or that was such a repeat before, becomes what was shown in its place. If
another string stands where text may be, nobody can tell whether it repeats what was taken out. Then, and if a text is
not found, the chunk cannot be rewritten. Each step costs time in proportion to the chunk, or to a repeat.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from ..bodies.chunk import Chunk
from .passages import ReadChunk, Slot, passages_of, said, saying
from .values import JsonObject, arguments, parse, parse_text, word

#: Members that name something: they are never text.
_NAMES: Final = frozenset(
    {"id", "type", "role", "model", "object", "name", "status", "event", "phase", "format", "modelVersion"}
)
#: Members in which formats repeat what was said.
_REPEATS: Final = frozenset(
    {"text", "transcript", "refusal", "arguments", "content", "output_text", "input", "thinking", "delta", "reasoning"}
)
#: Members in which the arguments of a tool call may stand as an object.
_ARGUMENTS: Final = frozenset({"arguments", "args", "input"})
#: Members and roles of what the client itself has said: it repeats nothing of the response.
_INPUTS: Final = frozenset({"inputTranscription", "input_transcription", "instructions"})
_CLIENTS: Final = frozenset({"user", "system", "developer"})
#: What is in the names of members that spell a text token by token.
_SPELLED: Final = "logprob"
#: What a text takes in memory beside its characters.
_TEXT_BYTES: Final = 64


class CannotRewrite(Exception):
    """A text cannot be put where the provider has written another. It says why, without the text."""


class _Told:
    """What one kind of text has said since its last repeat, and what was shown instead."""

    __slots__ = ("old", "old_length", "shown")

    def __init__(self) -> None:
        self.old: list[str] = []
        self.shown: list[str] = []
        self.old_length = 0


class Rewriter:
    """The changes in one response."""

    __slots__ = ("_changed", "_lost", "_most", "_repeats", "_told", "held")

    def __init__(self, most: int) -> None:
        """``most``: so many bytes of memory are kept."""
        self._most = most
        self._told: dict[Slot, _Told] = {}
        self._repeats: dict[str, str] = {}  # what was repeated, and what was shown in its place
        self._changed = False
        self._lost = False  # too much was said to be kept
        #: What is kept, in bytes of memory.
        self.held = 0

    def rewrite(self, items: list[ReadChunk], texts: Sequence[str] | None, *, shown: bool) -> list[ReadChunk]:
        """``items``, a part of the response, with other ``texts``: one for each of its passages, ``None`` for those
        that it has. ``shown``: the client sees the chunks too. Raises :class:`CannotRewrite`."""
        left: dict[Slot, str] = {}
        if texts is not None:
            old = passages_of(items)
            if len(texts) != len(old):
                raise CannotRewrite(f"{len(texts)} texts were released for {len(old)} passages")
            left = {slot: text for (slot, was), text in zip(old.items(), texts, strict=True) if text != was}
        if left:
            self._changed = True
        elif not shown:
            return items
        elif not self._changed:
            self._note(items)
            return items
        try:
            return [self._item(item, left, shown=shown) for item in items]
        except RecursionError:
            raise CannotRewrite("a chunk is nested too deeply to be changed") from None

    def _note(self, items: list[ReadChunk]) -> None:
        """``items`` are shown as they are, and so was everything before them."""
        for item in items:
            speaks = False
            for event in item.events:
                if (one := said(event)) is not None:
                    self._keep(one[0], one[1], one[1])
                    speaks = True
            if not speaks and item.chunk is not None and self._told:
                try:
                    self._shown(item.chunk.data, {}, changes=False)
                except RecursionError:
                    continue

    def _item(self, item: ReadChunk, left: dict[Slot, str], *, shown: bool) -> ReadChunk:
        """``item`` with the texts of ``left``: the first place of each has all of it."""
        events = []
        places: dict[str, list[str]] = {}  # by an old text, those that take its places in the chunk
        for event in item.events:
            one = said(event)
            if one is None:
                events.append(event)
                continue
            slot, text = one
            other = text
            if slot in left:
                other, left[slot] = left[slot], ""
                changed = saying(event, other)
                if changed is not None:
                    events.append(changed)
            else:
                events.append(event)
            places.setdefault(text, []).append(other)
            if shown:
                self._keep(slot, text, other)
        chunk = item.chunk
        if chunk is None:
            return ReadChunk(None, events)
        changes = any(other != text for text, others in places.items() for other in others)
        if not changes and not shown:
            return ReadChunk(chunk, events)
        try:
            data = self._shown(chunk.data, places, changes=changes)
        except CannotRewrite:
            if shown:
                raise
            data = b"{}" if _SPELLED.encode() in chunk.data.lower() else chunk.data
        return ReadChunk(Chunk(data, chunk.event, chunk.failed), events)

    def _keep(self, slot: Slot, old: str, shown: str) -> None:
        if self._lost:
            return
        told = self._told.get(slot)
        if told is None:
            told = self._told[slot] = _Told()
        told.old.append(old)
        told.shown.append(shown)
        told.old_length += len(old)
        self.held += len(old) + _TEXT_BYTES
        if shown != old:
            self.held += len(shown) + _TEXT_BYTES
        if self.held > self._most:
            self._told, self._repeats, self._lost = {}, {}, True
            self.held = 0

    def _shown(self, data: bytes, places: dict[str, list[str]], *, changes: bool) -> bytes:
        """``data`` as it is shown: with the texts of ``places`` in place of theirs, and without what was changed."""
        value = parse(data)
        if type(value) is not dict and type(value) is not list:
            return _plain(data, places) if changes else data
        counts = dict.fromkeys(places, 0)
        _count(value, "", counts)
        for text, others in places.items():
            if counts[text] == 0 and any(other != text for other in others):
                raise CannotRewrite("a text does not stand in the provider's chunk as it is")
            if counts[text] != len(others) and len(set(others)) > 1:
                raise CannotRewrite("a text stands in the provider's chunk several times")
        touched: list[str] = []
        again = self._put(value, "", {text: list(others) for text, others in places.items()}, touched)
        return msgspec.json.encode(again) if self._changed and touched else data

    def _put(self, value: object, member: str, places: dict[str, list[str]], touched: list[str]) -> object:
        if type(value) is str:
            if _is_name(member):
                return value
            others = places.get(value)
            if others is not None:
                touched.append(member)
                return others.pop(0) if len(others) > 1 else others[0]
            if not value or member not in _REPEATS:
                return value
            touched.append(member)
            return self._repeated(value)
        if type(value) is dict:
            if member in _ARGUMENTS:
                return _put_arguments(value, places, touched)
            if _is_input(value):
                return value
            shown: dict[str, object] = {}
            for name, inner in value.items():
                if _SPELLED in name.lower():
                    touched.append(name)
                    shown[name] = None
                elif name in _INPUTS:
                    shown[name] = inner
                else:
                    shown[name] = self._put(inner, name, places, touched)
            return shown
        if type(value) is list:
            return [self._put(inner, member, places, touched) for inner in value]
        return value

    def _repeated(self, text: str) -> str:
        """What is shown where the provider repeats ``text``."""
        if (known := self._repeats.get(text)) is not None:
            return known
        for told in self._told.values():
            if told.old_length == len(text) and "".join(told.old) == text:
                shown = self._repeats[text] = "".join(told.shown)
                told.old, told.shown, told.old_length = [], [], 0
                return shown
        if self._changed:
            raise CannotRewrite("the provider repeats a text that was changed, in another form")
        return text


def _plain(data: bytes, places: dict[str, list[str]]) -> bytes:
    """The same for a chunk that is no JSON, but the text itself."""
    others = places.get(data.decode("utf-8", "replace"), [])
    if len(others) != 1:
        raise CannotRewrite("a chunk is no JSON, so its text cannot be changed")
    return others[0].encode()


def _put_arguments(value: JsonObject, places: dict[str, list[str]], touched: list[str]) -> object:
    """The arguments of a call that stand in a chunk as an object."""
    others = places.get(arguments(value))
    if others is None:
        return value
    touched.append("arguments")
    other = parse_text(others.pop(0) if len(others) > 1 else others[0])
    if type(other) is not dict:
        raise CannotRewrite("the arguments of a tool call were replaced by something else than an object")
    return other


def _is_input(value: JsonObject) -> bool:
    """Whether it is what the client itself has said."""
    kind = word(value.get("type")) or ""
    return value.get("role") in _CLIENTS or kind.startswith("input_") or ".input_audio_transcription." in kind


def _is_name(member: str) -> bool:
    return member in _NAMES or member.endswith(("_id", "Id"))


def _count(value: object, member: str, counts: dict[str, int]) -> None:
    """Count where the texts stand."""
    if type(value) is str:
        if value in counts and not _is_name(member):
            counts[value] += 1
    elif type(value) is dict:
        if member in _ARGUMENTS:
            if (text := arguments(value)) in counts:
                counts[text] += 1
            return
        for name, inner in value.items():
            if _SPELLED not in name.lower():
                _count(inner, name, counts)
    elif type(value) is list:
        for inner in value:
            _count(inner, member, counts)
