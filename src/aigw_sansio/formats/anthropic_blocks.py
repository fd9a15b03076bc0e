"""The turns of a prompt, as messages of an Anthropic request.

Decides: which content block each part is, where instructions stand, and which marks for the cache are kept. Must not
know: the settings around the messages.

Source: as for :mod:`~aigw_sansio.formats.anthropic_read` and :mod:`~aigw_sansio.formats.alternating`, and the errors of
the API: no text is blank; ids of calls are letters, digits, ``_`` and ``-``; there are at most four marks for the
cache, long-lived ones first.
"""

import base64
from typing import Final

import msgspec

from ..prompt import (
    Audio,
    Blob,
    CacheMark,
    File,
    Image,
    JsonObject,
    Native,
    Part,
    PlainText,
    Prompt,
    Reasoning,
    Refusal,
    Source,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    UploadedFile,
    Uri,
    Video,
)
from .alternating import (
    OPENING,
    Blocks,
    CallIds,
    Group,
    finish_messages,
    group_turns,
    join_last,
    thoughts_first,
    usual_blocks,
)
from .alternating_plain import write_plain
from .claude_models import MAKER
from .plain.conversation import Plain
from .refusing import refusal
from .request_tools import (
    ANTHROPIC_IDS,
    ANTHROPIC_NAMES,
    IdMap,
    NameMap,
    Placed,
    arguments_object,
    clamped,
    drop_names,
    dropped,
    mapped,
    own_data,
)
from .translation import Note
from .usual import Looked
from .values import unbase64

_MOST_MARKS: Final = 4
_IMAGES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
#: Media types beside ``text/...`` whose content is text.
_TEXTS: Final = frozenset({"application/json", "application/xml", "application/yaml", "application/x-yaml"})


class Platform(msgspec.Struct, frozen=True):
    """A place where Claude runs: its ``name`` for people, and what Anthropic's API has and it has not. ``media_by_url``
    also stands for uploaded files. ``holds_to_schemas``: output and calls can be held to a schema."""

    name: str
    media_by_url: bool = True
    holds_to_schemas: bool = True
    lacks: frozenset[str] = frozenset()


def _text_block(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _call_block(call_id: str, name: str, given: JsonObject) -> JsonObject:
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def _response_block(call_id: str, text: str) -> JsonObject:
    return {"type": "tool_result", "tool_use_id": call_id, "content": [{"type": "text", "text": text}]}


_BLOCKS: Final = Blocks(_text_block, _call_block, _response_block)


class Marks:
    """The marks for the cache of one request, in its order: tools, instructions, messages."""

    def __init__(self, notes: list[Note], reserved: int) -> None:
        """``reserved``: how many of the four marks the request needs itself."""
        self._notes = notes
        self._room = _MOST_MARKS - reserved
        self._placed: list[tuple[JsonObject, str]] = []

    def put(self, block: JsonObject, mark: CacheMark | None, field: str) -> None:
        """Mark ``block``, which the request holds from now on."""
        if mark is not None:
            block["cache_control"] = cache_control(mark, self._notes, f"{field}.cache")
            self._placed.append((block, field))

    def count(self, block: JsonObject, field: str) -> None:
        """Remember a block that came with its mark."""
        if block.get("cache_control"):
            self._placed.append((block, field))

    def finish(self) -> None:
        """Take away the marks in front of the last ones that have room: a later mark covers more. A long-lived mark
        behind a short-lived one becomes short-lived."""
        surplus = max(0, len(self._placed) - self._room)
        for block, field in self._placed[:surplus]:
            del block["cache_control"]
            dropped(self._notes, f"{field}.cache", f"Anthropic takes {_MOST_MARKS} marks; the last ones are kept.")
        short = False
        for block, field in self._placed[surplus:]:
            mark = block["cache_control"]
            if type(mark) is not dict:
                continue
            if short and mark.get("ttl") == "1h":
                block["cache_control"] = {**mark, "ttl": "5m"}
                clamped(self._notes, f"{field}.cache", "A mark of 1h cannot stand behind one of 5m.")
            short = short or mark.get("ttl") != "1h"


def cache_control(mark: CacheMark, notes: list[Note], field: str) -> JsonObject:
    """``mark`` as Anthropic writes it. Anthropic keeps what is marked for ``5m`` or ``1h``."""
    control: JsonObject = {"type": "ephemeral"}
    if mark.ttl in ("5m", "1h"):
        control["ttl"] = mark.ttl
    elif mark.ttl is not None:
        control["ttl"] = "1h"
        clamped(notes, field, "Anthropic keeps a prefix for 5m or 1h.")
    return control


class MessageWriter:
    """Writes the turns of one prompt. Call :meth:`system` first, then :meth:`messages`. ``needs_files``: an uploaded
    file is in it, which needs a beta. ``has_system_turns``: so does an instruction in the middle."""

    def __init__(
        self,
        prompt: Prompt,
        looked: Looked,
        notes: list[Note],
        host: Platform,
        marks: Marks,
        names: NameMap,
        *,
        system_turns: bool,
    ) -> None:
        self.needs_files = False
        self.has_system_turns = False
        self._prompt = prompt
        self._looked = looked
        self._notes = notes
        self._host = host
        self._marks = marks
        self._names = names
        self._own = prompt.maker == MAKER
        self._ids = CallIds(IdMap(ANTHROPIC_IDS, notes), unique=not self._own)
        self._system_turns = system_turns

    def system(self) -> list[JsonObject]:
        """The instructions as blocks: those of the prompt, and system turns in front of all others."""
        blocks: list[JsonObject] = []
        for at, text in enumerate(self._prompt.instructions):
            self._append_text(blocks, text, f"instructions[{at}]")
        for at, turn in enumerate(self._prompt.turns):
            if turn.role != "system":
                break
            for number, part in enumerate(turn.parts):
                field = f"turns[{at}].parts[{number}]"
                if type(part) is Text:
                    self._append_text(blocks, part, field)
                else:
                    dropped(self._notes, field, "Instructions are text.")
        return blocks

    def messages(self, plain: Plain | None = None) -> list[JsonObject]:
        """The other turns as messages. The first is the user's, and neighbours have different roles. ``plain``: the
        conversation, if it is plain and not in the prompt."""
        if plain is not None:
            return write_plain(plain, _BLOCKS, ANTHROPIC_IDS, self._names, self._notes)
        drop_names(self._looked, self._notes, self._host.name)
        turns = self._with_places()
        roles = {"tool": "user"} if self._system_turns else {"tool": "user", "system": "user"}
        messages: list[JsonObject] = []
        joined, last = False, ""
        extras = any(turn.extra for _, turn in self._looked.unusual)
        for group in group_turns(turns, self._looked, roles):
            role, shape = group.role, group.shape
            if type(shape) is str and role != last and not shape.isspace():
                messages.append({"role": role, "content": [{"type": "text", "text": shape}]})
                last = role
                continue
            content = usual_blocks(group, _BLOCKS, self._ids, self._names, self._notes)
            if not content:
                # what Anthropic wrote keeps its order
                placed = group.parts(responses_first=True)
                for one in placed if self._own else thoughts_first(role, placed):
                    self._append(content, one)
                if not content:
                    continue
            if role == "system":
                self.has_system_turns = True
            if role != last:
                messages.append({"role": role, "content": content})
            else:
                join_last(messages, content)
                joined = True
            last = role
            if extras:
                self._put_extras(messages[-1], group)
        finish_messages(messages, self._notes, joined=joined, is_response=_is_response, opening=_text_block(OPENING))
        return messages

    def _with_places(self) -> tuple[Turn, ...]:
        """The turns with those emptied that :meth:`system` wrote, and with system turns as the user's if one cannot
        stand there: an instruction stands behind the user."""
        if all(turn.role != "system" for _, turn in self._looked.unusual):
            return self._prompt.turns
        turns: list[Turn] = []
        before = ""
        for at, turn in enumerate(self._prompt.turns):
            if turn.role != "system":
                before = "user" if turn.role == "tool" else turn.role if turn.parts else before
                turns.append(turn)
            elif not before:
                turns.append(Turn("system", ()))
            elif self._own and self._system_turns:
                turns.append(turn)
            elif self._system_turns and before == "user":
                turns.append(turn)
                before = "system"
            else:
                turns.append(Turn("user", turn.parts, extra=turn.extra))
                before = "user"
                mapped(self._notes, f"turns[{at}]", "This model takes no instruction here; it is sent as the user's.")
        return tuple(turns)

    def _put_extras(self, message: JsonObject, group: Group) -> None:
        """Give ``message`` the members that only Anthropic defines, from the turns that it was made of."""
        for at, turn in sorted(group.turns, key=lambda one: one[1].role != "tool"):  # in the order of their blocks
            self._put_own(message, turn.extra, f"turns[{at}]")

    def _put_own(self, block: JsonObject, extra: JsonObject, field: str) -> None:
        for name, value in extra.items():
            if not self._own:
                dropped(self._notes, f"{field}.extra.{name[:60]}", f"{self._host.name} does not define it.")
            elif name not in block:
                block[name] = value

    # -- one part each -------------------------------------------------------------------------------------------------

    def _append(self, content: list[JsonObject], placed: Placed) -> None:
        part, field = placed.part, placed.field
        if type(part) is Text:
            self._append_text(content, part, field)
        elif type(part) is Reasoning:
            self._append_reasoning(content, part, field)
        elif type(part) is ToolCall:
            content.append(self._call(part, field))
        elif type(part) is ToolCallResponse:
            content.append(self._response(part, field))
        elif type(part) is Refusal:
            mapped(self._notes, field, f"{self._host.name} has no refusals; its text is sent.")
            self._append_text(content, Text(part.text), field)
        else:
            self._append_media(content, part, field)

    def _append_text(self, content: list[JsonObject], text: Text, field: str) -> None:
        if not text.text.strip() and not (self._own and text.text):  # Anthropic takes back its own blank texts
            if text.text or text.opaque is not None:
                dropped(self._notes, field, "Anthropic takes no blank text.")
            return
        block: JsonObject = {"type": "text", "text": text.text}
        if text.opaque is not None:
            dropped(self._notes, f"{field}.opaque", "Only its maker can read it.")
        self._put_own(block, text.extra, field)
        self._marks.put(block, text.cache, field)
        content.append(block)

    def _append_reasoning(self, content: list[JsonObject], part: Reasoning, field: str) -> None:
        data = own_data(part.opaque, MAKER)
        if data is None:
            dropped(self._notes, field, "It is not signed by a Claude model, and no other reasoning is taken.")
        elif part.redacted:
            content.append({"type": "redacted_thinking", "data": unwrapped(data)})
        else:
            content.append({"type": "thinking", "thinking": part.text, "signature": data})

    def _call(self, part: ToolCall, field: str) -> JsonObject:
        block: JsonObject = {
            "type": "tool_use",
            "id": self._ids.of_call(part.id, field),
            "name": self._names.fit(part.name, field),
            "input": arguments_object(part, self._notes, field),
        }
        if part.opaque is not None:
            dropped(self._notes, f"{field}.opaque", "Only its maker can read it.")
        self._put_own(block, part.extra, field)
        self._marks.put(block, part.cache, field)
        return block

    def _response(self, part: ToolCallResponse, field: str) -> JsonObject:
        block: JsonObject = {"type": "tool_result", "tool_use_id": self._ids.of_response(part.id, field)}
        content: list[JsonObject] = []
        for at, inner in enumerate(part.response):
            place = f"{field}.response[{at}]"
            if type(inner) is Text:
                self._append_text(content, inner, place)
            else:
                self._append_media(content, inner, place)
        if content:
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        self._put_own(block, part.extra, field)
        self._marks.put(block, part.cache, field)
        return block

    def _append_media(self, content: list[JsonObject], part: Part, field: str) -> None:
        if type(part) is Native:
            if part.maker != MAKER:
                dropped(self._notes, field, "Only its maker can be sent it.")
                return
            block = dict(part.value)
            self._marks.count(block, field)
        elif type(part) is Image:
            if part.detail not in (None, "auto"):
                dropped(self._notes, f"{field}.detail", f"{self._host.name} looks at all images alike.")
            block = {"type": "image", "source": self._source(part.source, field, images=True)}
            self._put_own(block, part.extra, field)
            self._marks.put(block, part.cache, field)
        elif type(part) is File:
            block = self._document(part, field)
            self._put_own(block, part.extra, field)
            self._marks.put(block, part.cache, field)
        elif type(part) is Audio or type(part) is Video:
            raise refusal(field, "Claude models hear no sound and see no films.")
        else:
            raise refusal(field, "It cannot stand here.")
        content.append(block)

    def _document(self, part: File, field: str) -> JsonObject:
        given = part.source
        if type(given) is Blob and given.mime_type.startswith("image/"):
            return {"type": "image", "source": self._source(given, field, images=True)}
        block: JsonObject = {"type": "document"}
        own = part.extra.get("source") if self._own else None
        if isinstance(given, PlainText):
            block["source"] = own or {"type": "text", "media_type": "text/plain", "data": given.text}
        else:
            block["source"] = self._source(given, field, images=False)
        if part.name:
            block["title"] = part.name
        if part.context:
            block["context"] = part.context
        if part.citations:
            block["citations"] = {"enabled": True}
        return block

    def _source(self, source: Source, field: str, *, images: bool) -> JsonObject:
        if type(source) is Blob:
            mime = "image/jpeg" if source.mime_type == "image/jpg" else source.mime_type
            if images:
                if mime not in _IMAGES:
                    raise refusal(field, "Claude models see images in JPEG, PNG, GIF and WebP.")
            elif mime.startswith("text/") or mime in _TEXTS:
                return {"type": "text", "media_type": "text/plain", "data": plain_text(source.content, field)}
            elif mime != "application/pdf":
                raise refusal(field, "Claude models read PDF and text.")
            return {"type": "base64", "media_type": mime, "data": source.content}
        if not self._host.media_by_url:
            raise refusal(field, f"{self._host.name} fetches no media; they must be in the request.")
        if type(source) is Uri:
            if not source.uri.startswith("https://"):
                raise refusal(field, f"{self._host.name} fetches media by https URLs only.")
            return {"type": "url", "url": source.uri}
        if type(source) is UploadedFile and source.maker == MAKER:
            self.needs_files = True
            return {"type": "file", "file_id": source.file_id}
        raise refusal(field, f"The file was uploaded to another vendor than {self._host.name}.")


def plain_text(content: str, field: str) -> str:
    """The text of a file in base64."""
    data = unbase64(content)
    if data is None:
        raise refusal(field, "The file is not valid base64.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal(field, "The file is not text in UTF-8.") from error


def wrapped(data: str) -> str:
    """Redacted thoughts as Bedrock Converse has them: base64 of Anthropic's text, which is base64 itself."""
    return data if _is_wrapped(data) else base64.b64encode(data.encode()).decode()


def unwrapped(data: str) -> str:
    """Redacted thoughts as Anthropic has them, also if they came from Bedrock Converse."""
    inner = unbase64(data) if _is_wrapped(data) else None
    return data if inner is None else inner.decode()


def _is_wrapped(data: str) -> bool:
    inner = unbase64(data)
    return inner is not None and inner != b"" and inner.isascii() and unbase64(inner.decode("ascii")) is not None


def _is_response(block: JsonObject) -> bool:
    return block.get("type") == "tool_result"


def fitting_names(notes: list[Note]) -> NameMap:
    """The map for names of tools of one request to a Claude model."""
    return NameMap(ANTHROPIC_NAMES, notes)
