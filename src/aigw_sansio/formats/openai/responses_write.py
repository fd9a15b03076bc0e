"""Turns, written as the input items of an OpenAI Responses request.

Decides: which items a turn becomes, and what of it the API cannot be told. Must not know: the settings of the request.

Source: OpenAI's API reference, "Create a model response", member ``input``. Reasoning stands before the item that it
belongs to, and is refused by the API without one. Only what OpenAI made is sent back as reasoning: the API answers 400
to another vendor's data.
"""

from collections.abc import Mapping
from typing import Final

from ...prompt import (
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
from ..plain.conversation import Plain
from ..refusing import refusal
from ..request_tools import RESPONSES_IDS, IdMap, NameMap, data_url, drop_names, dropped, mapped, place_of
from ..translation import Note
from ..usual import Calls, Looked, Results
from .models import takes_cache_marks
from .responses_plain import write_plain
from .responses_read import AUDIO_TYPES, is_content, is_own

_MOST_MARKS: Final = 4
_TTLS: Final = ("30m", "12h")
_AUDIO_FORMATS: Final = {kind: word for word, kind in AUDIO_TYPES.items()} | {"audio/mp3": "mp3", "audio/x-wav": "wav"}


def cache_ttl(mark: CacheMark, notes: list[Note], field: str) -> JsonObject:
    """The member ``ttl`` of a mark or of the options of the cache, if OpenAI has one like it."""
    if mark.ttl is None:
        return {}
    if mark.ttl in _TTLS:
        return {"ttl": mark.ttl}
    mapped(notes, f"{field}.ttl", "OpenAI keeps a cache for 30m or 12h; its default is used.")
    return {}


def _has_item(part: Part) -> bool:
    """Whether ``part``, a text or a call, has members of the item that it came from."""
    return (type(part) is Text or type(part) is ToolCall) and bool(part.item)


def _short(content: list[JsonObject]) -> object:
    """``content`` as a string, if it is one plain text."""
    return content[0]["text"] if len(content) == 1 and content[0].keys() == {"type", "text"} else content


class ItemWriter:
    """Writes the items of one request. Call :meth:`write` once."""

    __slots__ = ("_calls", "_ids", "_items", "_looked", "_marks", "_names", "_notes", "_own", "_prompt")

    def __init__(self, prompt: Prompt, looked: Looked, notes: list[Note], names: NameMap) -> None:
        self._prompt = prompt
        self._looked = looked
        self._notes = notes
        self._names = names
        self._ids = IdMap(RESPONSES_IDS, notes)
        self._own = prompt.maker == "openai"
        self._items: list[JsonObject] = []
        self._calls: dict[str, bool] = {}
        self._marks = _MOST_MARKS if takes_cache_marks(prompt.model) else 0

    def write(self, first: Mapping[int, Text], plain: Plain | None = None) -> list[JsonObject]:
        """The items, in order. ``first``: instructions that stand in front of them as messages, by their position; a
        message begins with each text that was the first of one. ``plain``: the conversation, if it is plain and not in
        the prompt."""
        content: list[JsonObject] = []
        members: JsonObject = {}
        for at, text in first.items():
            own = self._members(text)
            if own:
                self._message("system", content, members)
                content, members = [], own
            content.append(self._text(text, "input_text", f"instructions[{at}]"))
        self._message("system", content, members)
        if plain is not None:
            write_plain(plain, self._names, self._items)
        drop_names(self._looked, self._notes, "OpenAI Responses")
        turns, items = self._prompt.turns, self._items
        for at, shape in enumerate(self._looked.shapes):
            turn = turns[at]
            if type(shape) is str:
                if not _has_item(turn.parts[0]):
                    items.append({"type": "message", "role": turn.role, "content": shape})
                    continue
            elif type(shape) is tuple:
                for part in turn.parts:
                    if _has_item(part):
                        break
                else:
                    self._usual_calls(shape, at)
                    continue
            elif type(shape) is list and self._usual_results(shape, at):
                continue
            for member in turn.extra:
                dropped(self._notes, f"turns[{at}].extra.{member[:60]}", "OpenAI Responses does not define it.")
            if turn.role == "assistant":
                self._assistant(turn, f"turns[{at}]")
            else:
                self._other(turn, f"turns[{at}]")
        return self._items

    def _usual_calls(self, shape: Calls, at: int) -> None:
        text, calls = shape
        if text:
            self._items.append({"type": "message", "role": "assistant", "content": text})
        ids, names = self._ids, self._names
        for number, call in enumerate(calls, 1 if text else 0):
            call_id, arguments = call.id, call.arguments
            self._calls[call_id] = False
            if not ids.keeps(call_id):
                call_id = ids.fit(call_id, place_of(at, number))
            name = names.sent.get(call.name) or names.fit(call.name, place_of(at, number))
            if not arguments or arguments.isspace():
                arguments = self._no_arguments(place_of(at, number))
            self._items.append({"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments})

    def _usual_results(self, shape: Results, at: int) -> bool:
        """Write the results, if each is one of a function that was called; returns whether it is so."""
        for result, _ in shape:
            if result.item or self._calls.get(result.id) is not False:
                return False
        for number, (result, text) in enumerate(shape):
            call_id = self._ids.sent.get(result.id) or self._ids.fit(result.id, place_of(at, number))
            self._items.append({"type": "function_call_output", "call_id": call_id, "output": text})
        return True

    # -- turns of the user, of tools, and instructions ---------------------------------------------------------------

    def _other(self, turn: Turn, field: str) -> None:
        role = "system" if turn.role == "system" else "user"
        content: list[JsonObject] = []
        members: JsonObject = {}
        for number, part in enumerate(turn.parts):
            at = f"{field}.parts[{number}]"
            members = members or self._members(part)
            if type(part) is ToolCallResponse:
                self._output(part, at)
            elif type(part) is Native and is_own(part) and not is_content(part.value):
                self._message(role, content, members)
                content, members = [], {}
                self._items.append(part.value)
            else:
                content += self._content(part, at)
        self._message(role, content, members)

    def _message(self, role: str, content: list[JsonObject], members: JsonObject) -> None:
        if content:
            # an item of the API's own, with an id, has its content in parts
            short = content if "id" in members else _short(content)
            self._items.append({"type": "message", "role": role, **members, "content": short})

    def _output(self, part: ToolCallResponse, field: str) -> None:
        custom = self._calls.get(part.id, part.custom)
        item: JsonObject = {"type": "custom_tool_call_output" if custom else "function_call_output"}
        item["call_id"] = self._ids.fit(part.id, field)
        if part.name is not None and self._own and part.id not in self._calls:
            item["name"] = part.name
        written = [
            one for at, given in enumerate(part.response) for one in self._content(given, f"{field}.response[{at}]")
        ]
        item["output"] = _short(written) if written else ""
        if part.is_error:
            mapped(self._notes, f"{field}.is_error", "OpenAI has no mark for it; the text alone tells.")
        if part.cache is not None:
            dropped(self._notes, f"{field}.cache", "OpenAI takes marks of the cache at parts of content only.")
        self._extra(item, part.extra, field)
        self._add(item, part.item)

    # -- the assistant's turns ---------------------------------------------------------------------------------------

    def _assistant(self, turn: Turn, field: str) -> None:
        content: list[JsonObject] = []
        members: JsonObject = {}
        waiting: list[str] = []  # reasoning that nothing follows yet
        for number, part in enumerate(turn.parts):
            at = f"{field}.parts[{number}]"
            if type(part) is Text or type(part) is Refusal or (type(part) is Native and self._is_said(part)):
                own = self._members(part)
                if own and content:
                    self._message("assistant", content, members)
                    content = []
                members = own or (members if content else {})
                content += self._said(part, at)
                continue
            self._message("assistant", content, members)
            if content:
                waiting.clear()
            content, members = [], {}
            if type(part) is Reasoning:
                waiting += self._reasoning(part, at)
            elif type(part) is ToolCall:
                self._call(part, at)
                waiting.clear()
            elif type(part) is Native and is_own(part):
                self._items.append(part.value)
                waiting.clear()
            else:
                dropped(self._notes, at, "OpenAI takes no such part from the assistant.")
        self._message("assistant", content, members)
        if waiting and not content:
            for at in waiting:
                dropped(self._notes, at, "Nothing follows this reasoning, and OpenAI takes none alone.")
            del self._items[-len(waiting) :]

    def _members(self, part: Part) -> JsonObject:
        """What its message had beside the content, if ``part`` was the first of one."""
        return part.item if isinstance(part, Text | Refusal) and self._own else {}

    def _is_said(self, part: Native) -> bool:
        """Whether it is a part of what the assistant said, and no item of its own."""
        return is_own(part) and is_content(part.value)

    def _said(self, part: Text | Refusal | Native, field: str) -> list[JsonObject]:
        if type(part) is Native:
            return [part.value]
        if type(part) is Refusal:
            return [{"type": "refusal", "refusal": part.text}] if part.text else []
        return [self._text(part, "output_text", field)] if type(part) is Text and part.text else []

    def _reasoning(self, part: Reasoning, field: str) -> list[str]:
        """Write it if it is OpenAI's, and return its field if it was written."""
        sealed = part.opaque.data if part.opaque is not None and part.opaque.maker == "openai" else None
        if sealed is None and (part.id is None or part.opaque is not None or not self._own):
            dropped(self._notes, field, "OpenAI takes back no reasoning but its own.")
            return []
        item: JsonObject = {"type": "reasoning"}
        if part.id is not None and self._own:
            item["id"] = part.id
        item["summary"] = [{"type": "summary_text", "text": part.text}] if part.text and part.summary else []
        if part.text and not part.summary:
            item["content"] = [{"type": "reasoning_text", "text": part.text}]
        if sealed is not None:
            item["encrypted_content"] = sealed
        self._items.append(item)
        return [field]

    def _call(self, part: ToolCall, field: str) -> None:
        self._calls[part.id] = part.custom
        call_id, name = self._ids.fit(part.id, field), self._names.fit(part.name, field)
        if part.custom:
            item: JsonObject = {"type": "custom_tool_call", "call_id": call_id, "name": name, "input": part.arguments}
        else:
            arguments = part.arguments
            if not arguments.strip():
                arguments = self._no_arguments(field)
            item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
        if part.opaque is not None:
            dropped(self._notes, f"{field}.opaque", "OpenAI takes back no other vendor's signature.")
        if part.cache is not None:
            dropped(self._notes, f"{field}.cache", "OpenAI takes marks of the cache at parts of content only.")
        self._extra(item, part.extra, field)
        self._add(item, part.item)

    def _no_arguments(self, field: str) -> str:
        mapped(self._notes, f"{field}.arguments", "Empty arguments are sent as an empty object.")
        return "{}"

    def _add(self, item: JsonObject, rest: JsonObject) -> None:
        self._items.append({**rest, **item} if self._own else item)

    def _extra(self, item: JsonObject, extra: JsonObject, field: str) -> None:
        for member, value in extra.items():
            if self._own and member not in item:
                item[member] = value
            else:
                dropped(self._notes, f"{field}.extra.{member[:60]}", "OpenAI does not define it.")

    # -- content -----------------------------------------------------------------------------------------------------

    def _content(self, part: Part, field: str) -> list[JsonObject]:
        """A part of a message that is not the assistant's, or of what a tool gave."""
        if type(part) is Text:
            return [self._text(part, "input_text", field)] if part.text else []
        if type(part) is Image:
            written: JsonObject = {"type": "input_image", **self._where(part.source, "image_url", field)}
            if part.detail is not None:
                written["detail"] = part.detail
            self._extra(written, part.extra, field)
            return [self._marked(written, part.cache, field)]
        if type(part) is File:
            return [self._file(part, field)]
        if type(part) is Audio:
            word = _AUDIO_FORMATS.get(part.source.mime_type) if type(part.source) is Blob else None
            if type(part.source) is not Blob or word is None:
                raise refusal(field, "OpenAI takes audio as wav or mp3 in the request only.")
            sound = {"data": part.source.content, "format": word}
            return [self._marked({"type": "input_audio", "input_audio": sound}, part.cache, field)]
        if type(part) is Video:
            raise refusal(field, "OpenAI takes no video.")
        if type(part) is Native and is_own(part):
            return [part.value]
        dropped(self._notes, field, "OpenAI takes no such part here.")
        return []

    def _text(self, part: Text, kind: str, field: str) -> JsonObject:
        written: JsonObject = {"type": kind, "text": part.text}
        if part.opaque is not None:
            dropped(self._notes, f"{field}.opaque", "OpenAI takes back no other vendor's signature.")
        self._extra(written, part.extra, field)
        return self._marked(written, part.cache, field)

    def _file(self, part: File, field: str) -> JsonObject:
        if part.citations:
            dropped(self._notes, f"{field}.citations", "OpenAI has no such setting for a file.")
        source = part.source
        if isinstance(source, PlainText):
            mapped(self._notes, field, "A file of text is sent as text.")
            told = [text for text in (part.name, part.context, source.text) if text]
            return self._marked({"type": "input_text", "text": "\n\n".join(told)}, part.cache, field)
        if part.context is not None:
            dropped(self._notes, f"{field}.context", "OpenAI has no such setting for a file.")
        written: JsonObject = {"type": "input_file"}
        if isinstance(source, Blob):
            written["file_data"] = data_url(source)
            if part.name is None:
                mapped(self._notes, f"{field}.name", "OpenAI wants a file name; it is called file.")
        else:
            written |= self._where(source, "file_url", field)
        if part.name is not None or "file_data" in written:
            written["filename"] = part.name or "file"
        self._extra(written, part.extra, field)
        return self._marked(written, part.cache, field)

    def _where(self, source: Source, member: str, field: str) -> JsonObject:
        if type(source) is Blob:
            return {member: data_url(source)}
        if type(source) is UploadedFile:
            if source.maker != "openai":
                raise refusal(f"{field}.source", "The file was uploaded to another vendor.")
            return {"file_id": source.file_id}
        if type(source) is Uri and source.uri[:5].lower() in ("http:", "https", "data:"):
            return {member: source.uri}
        raise refusal(f"{field}.source", "OpenAI fetches http and https URLs only.")

    def _marked(self, written: JsonObject, cache: CacheMark | None, field: str) -> JsonObject:
        if cache is None:
            return written
        if not self._marks:
            why = "OpenAI takes four of them." if takes_cache_marks(self._prompt.model) else "This model takes none."
            dropped(self._notes, f"{field}.cache", why)
            return written
        self._marks -= 1
        ttl = cache_ttl(cache, self._notes, f"{field}.cache")
        return {**written, "prompt_cache_breakpoint": {"mode": "explicit", **ttl}}
