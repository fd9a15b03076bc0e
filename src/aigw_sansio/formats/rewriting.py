"""Other texts in a provider's own chunks, messages and bodies.

Decides: where in the JSON of a chunk a text stands, and what becomes of the places that repeat it. Must not know: any
format, why a text is changed, and by whom. All formats are rewritten in one way: a text that a reader has found in a
chunk is a string of its JSON.

Theory of operation. A text is put where the old one stood, and the rest of the chunk stays; log probabilities, which
spell the old one, become null, and what says it again in pieces (``words`` of a transcript) becomes empty. Some formats
repeat at the end of a part or of the response what it said. So the texts are kept, as long as they are few enough, to
the end of the turn and of the one behind it. Once one was changed, later chunks are searched for repeats: a string that
is all that was said since the last repeat, or that was such a repeat before, becomes what was shown in its place; so
does a call's arguments that stand there as an object. If another string stands where text may be, nobody can tell
whether it repeats what was taken out; nor can they if the same was said twice and shown differently. Then, and if a
text is not found, the chunk cannot be rewritten. Each step costs time in proportion to the chunk, or to a repeat.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from ..bodies.chunk import Chunk
from ..events import AudioDelta
from .passages import ReadChunk, Slot, passages_of, said, saying
from .values import JsonObject, arguments, base64_size, parse, parse_strictly, parse_text, word

#: Members that name something: they are never text.
_NAMES: Final = frozenset(
    {"id", "type", "role", "model", "object", "name", "status", "event", "phase", "format", "modelVersion"}
)
#: Members that choose one of a few words. They are text only if a reader says so.
_LABELS: Final = frozenset(
    {"voice", "modalities", "output_modalities", "modality", "mimeType", "mime_type", "max_output_tokens"}
)
#: Members in which formats repeat what was said.
_REPEATS: Final = frozenset(
    {"text", "transcript", "refusal", "arguments", "content", "output_text", "input", "thinking", "delta", "reasoning"}
)
#: Members in which the arguments of a tool call may stand as an object.
_ARGUMENTS: Final = frozenset({"arguments", "args", "input"})
#: Members, roles and types of what the client itself has said: it repeats nothing of the response.
_INPUTS: Final = frozenset({"inputTranscription", "input_transcription", "instructions", "session"})
_CLIENTS: Final = frozenset({"user", "system", "developer"})
_INPUT_TYPES: Final = frozenset({"input_text", "input_audio", "input_image"})
#: What is in the names of members that spell a text token by token.
_SPELLED: Final = "logprob"
#: Names, in small letters and without underscores, of members that say a text once more in pieces or as subtitles: with
#: times, speakers or sources.
_PIECES: Final = frozenset(
    {
        "words", "tokens", "chars", "characters", "alignment", "normalizedalignment", "paragraphs", "sentences",
        "utterances", "segments", "chunks", "entities", "hits", "vtt", "srt", "groundingsupports",
    }
)  # fmt: skip
#: Names of members, and names and labels as values: what is written otherwise may be words.
_MEMBER: Final = re.compile(r"[A-Za-z0-9_.$-]{1,64}")
_NAME: Final = re.compile(r"[A-Za-z0-9_.:;/+=~#-]{1,128}")
#: What a text takes in memory beside its characters, and what one kind of text does.
_TEXT_BYTES: Final = 64
_SLOT_BYTES: Final = 320
#: So many kinds of texts of one turn are kept: a string that may repeat one is compared with each.
_MOST_SLOTS: Final = 256
#: Arguments are said in at most so many characters for each that they take as they are written here, and so many more.
_BLANKS: Final = 16
_MORE: Final = 256
_TWICE: Final = "the provider repeats a text that it said twice and that was shown differently"


class CannotRewrite(Exception):
    """A text cannot be put where the provider has written another. It says why, without the text."""


class _Told:
    """What one kind of text has said since its last repeat, and what was shown instead."""

    __slots__ = ("old", "old_length", "shown", "written")

    def __init__(self) -> None:
        self.old: list[str] = []
        self.shown: list[str] = []
        self.old_length = 0
        self.written: str | None = None  # ``old`` as arguments are written, if that was asked

    def is_written(self, text: str) -> bool:
        """Whether arguments are all that it said, and written as ``text``. Costs time in proportion to that."""
        if self.old_length > _BLANKS * len(text) + _MORE:
            return False
        if self.written is None:
            self.written = _written("".join(self.old))
        return self.written == text


class _Turn:
    """What one turn has said. ``repeats``: what was repeated, and what was shown in its place; ``None`` if the same was
    said twice and shown differently."""

    __slots__ = ("changed", "held", "lost", "repeats", "told")

    def __init__(self) -> None:
        self.told: dict[Slot, _Told] = {}
        self.repeats: dict[str, str | None] = {}
        self.changed = False
        self.lost = False  # too much was said to be kept
        self.held = 0

    def repeated(self, slot: Slot, told: _Told) -> None:
        """All that was ``told`` is repeated, or the turn is over."""
        old, shown = "".join(told.old), "".join(told.shown)
        told.old, told.shown, told.old_length, told.written = [], [], 0, None
        self._remember(old, shown)
        if slot[0] == "arguments" and (other := _written(old)) != old and other:
            self.held += len(other) + _TEXT_BYTES
            self._remember(other, shown)

    def _remember(self, old: str, shown: str) -> None:
        self.repeats[old] = shown if self.repeats.get(old, shown) == shown else None


class _Places:
    """The places of the texts in one chunk, while others are put there."""

    __slots__ = ("_others", "_put", "in_pieces", "touched", "unknown")

    def __init__(self, others: dict[str, list[str]], *, in_pieces: bool = False) -> None:
        """``others``: by an old text, those that take its places, in order. ``in_pieces``: they stand there alone."""
        self.in_pieces = in_pieces
        self._others = others
        self._put = dict.fromkeys(others, 0)
        self.touched = False
        self.unknown = False  # something may repeat what was taken out

    def take(self, text: str) -> str | None:
        """What stands in the place of ``text``; ``None`` if the reader found no such text."""
        others = self._others.get(text)
        if others is None:
            return None
        self.touched = True
        number = self._put[text]
        self._put[text] = number + 1
        return others[min(number, len(others) - 1)]

    @property
    def missing(self) -> bool:
        """Whether a text that is to be changed was not found."""
        return any(not self._put[text] and any(one != text for one in others) for text, others in self._others.items())

    def check(self) -> None:
        """All are put. Raises :class:`CannotRewrite`."""
        for text, others in self._others.items():
            if self._put[text] == 0 and any(other != text for other in others):
                raise CannotRewrite("a text does not stand in the provider's chunk as it is")
            if self._put[text] != len(others) and len(set(others)) > 1:
                raise CannotRewrite("a text stands in the provider's chunk several times")
        if self.unknown:
            raise CannotRewrite("the provider repeats a text that was changed, in another form")


class Rewriter:
    """The changes in one response, or in the turns of a session."""

    __slots__ = ("_before", "_most", "_now", "_room")

    def __init__(self, most: int) -> None:
        """``most``: so many bytes of memory are kept."""
        self._most = self._room = most
        self._now = _Turn()
        self._before = _Turn()

    @property
    def held(self) -> int:
        """What is kept, in bytes of memory."""
        return self._now.held + self._before.held

    @property
    def _changed(self) -> bool:
        return self._now.changed or self._before.changed

    def rewrite(self, items: list[ReadChunk], texts: Sequence[str] | None, *, shown: bool) -> list[ReadChunk]:
        """``items``, a part of the response, with other ``texts``: one for each of its passages, ``None`` for those
        that it has. ``shown``: the client sees the chunks too. Raises :class:`CannotRewrite`."""
        left: dict[Slot, str] = {}
        if texts is not None:
            old = passages_of(items)
            if len(texts) != len(old):
                raise CannotRewrite(f"{len(texts)} texts were released for {len(old)} passages")
            left = {slot: text for (slot, was), text in zip(old.items(), texts, strict=True) if text != was}
        if not left and not shown:
            return items
        if not left and not self._changed:
            for item in items:
                self._note(item)
                if item.ends:
                    self._end_turn()
            return items
        try:
            return [self._one(item, left, shown=shown) for item in items]
        except RecursionError:
            raise CannotRewrite("a chunk is nested too deeply to be changed") from None

    def knows(self, item: ReadChunk) -> bool:
        """Whether ``item`` has no words but repeats of what was shown: beside them there are only names, numbers and
        sound that a reader has found."""
        assert item.chunk is not None
        value = parse_strictly(item.chunk.data)
        if type(value) is not dict and type(value) is not list:
            return False
        sounds = [event.size for event in item.events if type(event) is AudioDelta and event.size]
        try:
            return self._knows(value, "", sounds)
        except (CannotRewrite, RecursionError):
            return False

    def _one(self, item: ReadChunk, left: dict[Slot, str], *, shown: bool) -> ReadChunk:
        if left:
            self._now.changed = True
        one = self._item(item, left, shown=shown)
        if item.ends:
            self._end_turn()
        return one

    def _end_turn(self) -> None:
        """Only what is repeated late is still needed, up to the end of the next turn."""
        now = self._now
        for slot, told in now.told.items():
            if told.old:
                now.repeated(slot, told)
        now.told = {}
        self._before, self._now = now, _Turn()
        self._room = self._most - now.held

    def _note(self, item: ReadChunk) -> None:
        """``item`` is shown as it is, and so was everything before it."""
        speaks = False
        for event in item.events:
            if (one := said(event)) is not None:
                self._keep(one[0], one[1], one[1])
                speaks = True
        if not speaks and item.chunk is not None and self._now.told:
            try:
                self._shown(item.chunk.data, {}, changes=False)
            except RecursionError:
                return

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
            return ReadChunk(None, events, item.ends)
        changes = any(other != text for text, others in places.items() for other in others)
        if not changes and not shown:
            return ReadChunk(chunk, events, item.ends)
        try:
            data = self._shown(chunk.data, places, changes=changes)
        except CannotRewrite:
            if shown:
                raise
            data = b"{}" if _SPELLED.encode() in chunk.data.lower() else chunk.data
        return ReadChunk(Chunk(data, chunk.event, chunk.failed), events, item.ends)

    def _keep(self, slot: Slot, old: str, shown: str) -> None:
        now = self._now
        if now.lost:
            return
        told = now.told.get(slot)
        if told is None:
            told = now.told[slot] = _Told()
            now.held += _SLOT_BYTES
        told.old.append(old)
        told.shown.append(shown)
        told.written = None
        told.old_length += len(old)
        now.held += len(old) + _TEXT_BYTES
        if shown != old:
            now.held += len(shown) + _TEXT_BYTES
        if now.held > self._room or len(now.told) > _MOST_SLOTS:
            now.told, now.repeats, now.held, now.lost = {}, {}, 0, True

    def _shown(self, data: bytes, others: dict[str, list[str]], *, changes: bool) -> bytes:
        """``data`` as it is shown: with ``others`` in place of its texts, and without what was changed."""
        value = parse(data)
        if type(value) is not dict and type(value) is not list:
            return _plain(data, others) if changes else data
        places = _Places(others)
        again = self._put(value, "", places, own=False)
        if places.missing:  # some formats say a text nowhere but in pieces
            places = _Places(others, in_pieces=True)
            again = self._put(value, "", places, own=False)
        places.check()
        return msgspec.json.encode(again) if self._changed and places.touched else data

    def _put(self, value: object, member: str, places: _Places, *, own: bool) -> object:
        """``own``: it is in what the client itself has said."""
        if type(value) is str:
            if _is_name(member):
                return value
            if (other := places.take(value)) is not None:
                return other
            if own or not value or member not in _REPEATS:
                return value
            again = self._repeated(value, places, is_object=False)
            return value if again is None else again
        if type(value) is dict:
            if member in _ARGUMENTS:
                return self._put_arguments(value, places, own=own)
            own = own or _is_input(value)
            shown: dict[str, object] = {}
            for name, inner in value.items():
                if _SPELLED in name.lower():
                    places.touched = True
                    shown[name] = None
                elif self._changed and not own and not places.in_pieces and name.lower().replace("_", "") in _PIECES:
                    shown[name] = _emptied(inner, places)
                else:
                    shown[name] = self._put(inner, name, places, own=own or name in _INPUTS)
            return shown
        if type(value) is list:
            return [self._put(inner, member, places, own=own) for inner in value]
        return value

    def _put_arguments(self, value: JsonObject, places: _Places, *, own: bool) -> object:
        """The arguments of a call that stand in a chunk as an object."""
        written = arguments(value)
        other = places.take(written)
        if other is None:
            if own or not value:
                return value
            if not written and self._changed:
                raise CannotRewrite("the arguments of a tool call are nested too deeply")
            other = self._repeated(written, places, is_object=True)
            if other is None:
                return value
        if other == written:
            return value
        shown = parse_text(other)
        if type(shown) is not dict:
            raise CannotRewrite("the arguments of a tool call were replaced by something else than an object")
        return shown

    def _repeated(self, text: str, places: _Places, *, is_object: bool) -> str | None:
        """What is shown where the provider repeats ``text``, as a string or as an object; ``None`` if it is unknown."""
        places.touched = True
        found = self._find(text, is_object=is_object)
        if found is None:
            places.unknown = places.unknown or self._changed
            return None
        shown, slot = found
        if slot is not None:
            self._now.repeated(slot, self._now.told[slot])
        return shown

    def _find(self, text: str, *, is_object: bool) -> tuple[str, Slot | None] | None:
        """What is shown where the provider repeats ``text``, and whose it is, if it was not repeated before."""
        if not text:
            return None
        found: tuple[str, Slot | None] | None = None
        for slot, told in self._now.told.items():
            if is_object:
                if slot[0] != "arguments" or not told.is_written(text):
                    continue
            elif told.old_length != len(text) or "".join(told.old) != text:
                continue
            shown = "".join(told.shown)
            if found is None:
                found = (shown, slot)
            elif found[0] != shown:
                raise CannotRewrite(_TWICE)
        if found is not None or self._now.lost:
            return found
        for turn in (self._now, self._before):
            if text in turn.repeats:
                again = turn.repeats[text]
                if again is None:
                    raise CannotRewrite(_TWICE)
                return (again, None)
        return None

    def _knows(self, value: object, member: str, sounds: list[int], *, own: bool = False) -> bool:
        if type(value) is str:
            if not value:
                return True
            if (_is_name(member) or member in _LABELS) and _NAME.fullmatch(value):
                return True
            if " " not in value and (size := base64_size(value)) in sounds:
                sounds.remove(size)
                return True
            return not own and member in _REPEATS and self._find(value, is_object=False) is not None
        if type(value) is dict:
            if member in _ARGUMENTS and value:
                return not own and self._find(arguments(value), is_object=True) is not None
            own = own or _is_input(value)
            return all(
                _MEMBER.fullmatch(name) and self._knows(inner, name, sounds, own=own or name in _INPUTS)
                for name, inner in value.items()
            )
        if type(value) is list:
            return all(self._knows(inner, member, sounds, own=own) for inner in value)
        return True


def _plain(data: bytes, others: dict[str, list[str]]) -> bytes:
    """The same for a chunk that is no JSON, but the text itself."""
    put = others.get(data.decode("utf-8", "replace"), [])
    if len(put) != 1:
        raise CannotRewrite("a chunk is no JSON, so its text cannot be changed")
    return put[0].encode()


def _emptied(value: object, places: _Places) -> object:
    """``value``, whose parts say a text in pieces, without them. Counts, and what has nothing but counts, stay."""
    inner = value.values() if type(value) is dict else (value,)
    if not any(type(one) in (str, dict, list) for one in inner):
        return value
    places.touched = True
    return None if type(value) is dict else [] if type(value) is list else ""


def _written(text: str) -> str:
    """Arguments that were said as ``text``, as an object of them is written; empty if they are none."""
    value = parse_text(text)
    return arguments(value) if type(value) is dict else ""


def _is_input(value: JsonObject) -> bool:
    """Whether it is what the client itself has said."""
    kind = word(value.get("type")) or ""
    return word(value.get("role")) in _CLIENTS or kind in _INPUT_TYPES or ".input_audio_transcription." in kind


def _is_name(member: str) -> bool:
    return member in _NAMES or member.endswith(("_id", "Id"))
