"""The input items of an OpenAI Responses request, read into turns.

Decides: what an item and a part of its content mean, and which items are one turn. Must not know: the settings of the
request.

Source: OpenAI's API reference, "Create a model response", member ``input``. Items are flat: reasoning, a message and
calls of tools that follow each other are one assistant's turn. Items that only OpenAI defines are kept whole. What only
OpenAI needs of the others (``id``, ``phase``, ``namespace``) is ``item`` of a part.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from ...faults import Problem
from ...prompt import (
    NO_MEMBERS,
    Audio,
    Blob,
    CacheMark,
    File,
    Image,
    JsonObject,
    Native,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    ResponsePart,
    Role,
    Source,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    UploadedFile,
    Uri,
)
from ..client_values import as_object, as_text, get_array, get_object, get_text, need_text
from ..foreign_reasoning import unpack
from ..refusing import refusal
from ..request_tools import read_data_url

#: The format that defines what only OpenAI's Responses have.
RESPONSES: Final = "openai-responses"
#: Audio formats of ``input_audio``, and their media types.
AUDIO_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg"}
#: Members of a message that belong to it and not to a part of its content.
_MESSAGE_MEMBERS: Final = ("id", "status", "phase")
_FILE_TYPES: Final = {
    "pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown", "csv": "text/csv", "html": "text/html",
    "json": "application/json", "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}  # fmt: skip
_ROLES: Final[dict[object, Role]] = {
    "user": "user", "assistant": "assistant", "system": "system", "developer": "system"
}  # fmt: skip
#: Items that the client writes, beside those that end in ``_output`` and ``_response``.
_OF_CLIENT: Final = frozenset({"additional_tools", "compaction_trigger"})
_TEXTS: Final = ("input_text", "output_text", "text")
_TEXT_MEMBERS: Final = frozenset({"type", "text", "prompt_cache_breakpoint"})
_CALL_MEMBERS: Final = frozenset({"type", "call_id", "name", "arguments", "input"})
_OUTPUT_MEMBERS: Final = frozenset({"type", "call_id", "name", "output"})
_USUAL: Final[tuple[object, ...]] = (None, [], {}, "completed")


def read_input(value: object) -> tuple[Turn, ...]:
    """The turns in ``input``: a text, or an array of items."""
    if value is None or value == "":
        return ()
    if type(value) is str:
        return (Turn("user", (Text(value),)),)
    if type(value) is not list:
        raise refusal("input", "It must be a string or an array.", "type")
    reader = ItemReader()
    reader.read_all(value)
    return tuple([Turn(role, tuple(parts)) for role, parts in reader.turns])


class ItemReader:
    """Collects the turns. ``calls`` has the name and kind of each call so far, by its id."""

    __slots__ = ("_calls", "_signature", "turns")

    def __init__(self) -> None:
        self.turns: list[tuple[Role, list[Part]]] = []
        self._calls: dict[str, tuple[str, bool]] = {}
        #: Another vendor's data for the next call of a tool.
        self._signature: Opaque | None = None

    def read_all(self, items: Sequence[object]) -> None:
        """Read all items. Most are a message of one text, a call of a function or its result, without other members:
        those need not be looked through. They mean what :meth:`read` makes of them."""
        for at, item in enumerate(items):
            if type(item) is dict:
                kind, role = item.get("type"), item.get("role")
                if role == "user" or role == "assistant":
                    content = item.get("content")
                    text = content if type(content) is str else _usual_content(content)
                    if text and ((kind == "message" and len(item) == 3) or (kind is None and len(item) == 2)):
                        if role == "user":
                            self.turns.append(("user", [Text(text)]))
                        else:
                            self._add("assistant", [Text(text)])
                        continue
                elif self._read_usual(item, kind):
                    continue
            self.read(as_object(item, f"input[{at}]"), f"input[{at}].")

    def _read_usual(self, item: JsonObject, kind: object) -> bool:
        """Read ``item`` if it is a usual call or its result; returns whether it is read."""
        size = len(item)
        call_id = item.get("call_id")
        if type(call_id) is not str or not call_id:
            return False
        if kind == "function_call":
            name, written = item.get("name"), item.get("arguments")
            if size != 4 or type(name) is not str or not name or type(written) is not str:
                return False
            self._calls[call_id] = name, False
            self._add("assistant", [ToolCall(call_id, name, written, opaque=self._signature)])
            self._signature = None
            return True
        if kind != "function_call_output" or size != 3:
            return False
        text, call = _usual_content(item.get("output")), self._calls.get(call_id)
        if not text:
            return False
        self._add("tool", [ToolCallResponse(call_id, (Text(text),), None if call is None else call[0])])
        return True

    def read(self, item: JsonObject, at: str) -> None:
        kind = get_text(item, "type", at)
        if kind == "message" or (kind is None and "role" in item):
            self._message(item, at)
        elif kind == "reasoning":
            self._reasoning(item, at)
        elif kind == "function_call" or kind == "custom_tool_call":
            self._call(item, at, custom=kind == "custom_tool_call")
        elif kind == "function_call_output" or kind == "custom_tool_call_output":
            self._output(item, at, custom=kind == "custom_tool_call_output")
        elif kind is not None or "id" in item:
            # without a type it is a reference to an earlier item
            of_client = kind is not None and (kind.endswith(("_output", "_response")) or kind in _OF_CLIENT)
            self._add("user" if of_client else "assistant", [Native("openai", item, RESPONSES)])
        else:
            raise refusal(f"{at}type", "An item needs a type or a role.", "missing")

    def _add(self, role: Role, parts: list[Part]) -> None:
        """Add to the last turn if that is the same turn, else begin one."""
        last = self.turns[-1] if self.turns else None
        items = type(parts[0]) is Native and last is not None and type(last[1][-1]) is Native
        if last is not None and last[0] == role and (role == "assistant" or role == "tool" or items):
            last[1].extend(parts)
        else:
            self.turns.append((role, parts))

    def _message(self, item: JsonObject, at: str) -> None:
        role = _ROLES.get(get_text(item, "role", at))
        if role is None:
            problem: Problem = "missing" if item.get("role") is None else "value"
            raise refusal(f"{at}role", "It must be user, assistant, system or developer.", problem)
        content = item.get("content")
        parts: list[Part] = []
        if type(content) is str:
            parts = [Text(content)] if content else []
        else:
            for number, value in enumerate(get_array(item, "content", at)):
                field = f"{at}content[{number}]"
                part = read_content(as_object(value, field), f"{field}.")
                if part is not None:
                    parts.append(part)
        if not parts:
            return
        own: JsonObject = {name: item[name] for name in _MESSAGE_MEMBERS if item.get(name) not in _USUAL}
        if item["role"] == "developer":
            own["role"] = "developer"
        first = parts[0]
        if own and isinstance(first, Text | Refusal):
            parts[0] = msgspec.structs.replace(first, item=own)
        if role == "assistant":
            self._add(role, parts)
        else:
            self.turns.append((role, parts))

    def _reasoning(self, item: JsonObject, at: str) -> None:
        summary = _texts(item, "summary", at)
        told = summary or _texts(item, "content", at)
        sealed = get_text(item, "encrypted_content", at) or None
        own_id = get_text(item, "id", at) or None
        blocks = unpack(sealed) if sealed else ()
        if not blocks:
            if told or sealed or own_id:
                opaque = Opaque("openai", sealed) if sealed else None
                self._add("assistant", [Reasoning(told, opaque, summary=bool(summary), id=own_id)])
            return
        parts: list[Part] = []
        for block in blocks:
            opaque = Opaque(block.maker, block.data)
            if block.kind == "tool_call":
                self._signature = opaque
            elif block.kind == "redacted":
                parts.append(Reasoning("", opaque, redacted=True))
            else:
                parts.append(Reasoning(told, opaque))
                told = ""
        if told:
            parts.insert(0, Reasoning(told))
        if parts:
            self._add("assistant", parts)

    def _call(self, item: JsonObject, at: str, *, custom: bool) -> None:
        call_id = need_text(item, "call_id", at)
        name = need_text(item, "name", at)
        written = get_text(item, "input" if custom else "arguments", at) or ""
        self._calls[call_id] = name, custom
        rest = {key: value for key, value in item.items() if key not in _CALL_MEMBERS and value not in _USUAL}
        self._add(
            "assistant",
            [ToolCall(call_id, name, written, custom=custom, opaque=self._signature, item=rest or NO_MEMBERS)],
        )
        self._signature = None

    def _output(self, item: JsonObject, at: str, *, custom: bool) -> None:
        call_id = need_text(item, "call_id", at)
        output = item.get("output")
        parts: list[ResponsePart] = []
        if type(output) is str:
            parts = [Text(output)] if output else []
        else:
            for number, value in enumerate(get_array(item, "output", at)):
                field = f"{at}output[{number}]"
                part = read_content(as_object(value, field), f"{field}.")
                if isinstance(part, Text | Image | Audio | File | Native):
                    parts.append(part)
                elif part is not None:
                    raise refusal(field, "A tool gives texts, images and files.")
        name, _ = self._calls.get(call_id, (get_text(item, "name", at), custom))
        rest = {key: value for key, value in item.items() if key not in _OUTPUT_MEMBERS and value not in _USUAL}
        self._add("tool", [ToolCallResponse(call_id, tuple(parts), name, custom=custom, item=rest or NO_MEMBERS)])


def _usual_content(content: object) -> str:
    """The text that ``content`` is, or its only part; else an empty one."""
    if type(content) is list and len(content) == 1:
        part = content[0]
        if type(part) is not dict or len(part) != 2 or part.get("type") not in _TEXTS:
            return ""
        content = part.get("text")
    return content if type(content) is str else ""


def _texts(item: JsonObject, key: str, at: str) -> str:
    """The texts of a summary or content as one; an empty line stands between two."""
    texts = []
    for number, value in enumerate(get_array(item, key, at)):
        field = f"{at}{key}[{number}]"
        texts.append(as_text(as_object(value, field).get("text"), f"{field}.text"))
    return "\n\n".join(text for text in texts if text)


def read_content(part: JsonObject, at: str) -> Part | None:
    """One part of a message's content or of a tool's output; ``None`` for an empty text."""
    kind = need_text(part, "type", at)
    cache = _read_mark(part, at)
    if kind in _TEXTS:
        text = get_text(part, "text", at) or ""
        extra: JsonObject = {k: v for k, v in part.items() if k not in _TEXT_MEMBERS and v not in _USUAL}
        return Text(text, cache, extra=extra or NO_MEMBERS) if text else None
    if kind == "refusal":
        refused = get_text(part, "refusal", at)
        return Refusal(refused) if refused else None
    if kind == "input_image":
        return Image(_image_source(part, at), get_text(part, "detail", at), cache)
    if kind == "input_file":
        return _read_file(part, at, cache)
    if kind == "input_audio":
        audio = get_object(part, "input_audio", at) or part
        word = need_text(audio, "format", at)
        return Audio(Blob(need_text(audio, "data", at), AUDIO_TYPES.get(word, f"audio/{word}")), cache)
    if is_content(part):
        return Native("openai", part, RESPONSES)
    raise refusal(f"{at}type", "It is no part of content that OpenAI defines.")


def is_content(value: JsonObject) -> bool:
    """Whether a value that only OpenAI defines is a part of content, and no item."""
    kind = value.get("type")
    return type(kind) is str and (kind.startswith(("input_", "output_")) or kind == "computer_screenshot")


def is_own(part: Part) -> bool:
    """Whether ``part`` is an item or a part of content that Responses define."""
    return type(part) is Native and part.maker == "openai" and part.format in ("", RESPONSES)


def _read_mark(part: JsonObject, at: str) -> CacheMark | None:
    mark = get_object(part, "prompt_cache_breakpoint", at)
    return None if mark is None else CacheMark(get_text(mark, "ttl", f"{at}prompt_cache_breakpoint."))


def _image_source(part: JsonObject, at: str) -> Source:
    url = get_text(part, "image_url", at)
    if url:
        return read_data_url(url) or Uri(url)
    return UploadedFile(need_text(part, "file_id", at), "openai")


def _read_file(part: JsonObject, at: str, cache: CacheMark | None) -> File:
    name = get_text(part, "filename", at) or None
    url, data = get_text(part, "file_url", at), get_text(part, "file_data", at)
    source: Source
    if data:
        blob = read_data_url(data)
        guessed = _FILE_TYPES.get((name or "").lower().rpartition(".")[2], "application/octet-stream")
        source = blob or Blob(data, guessed)
    elif url:
        source = Uri(url)
    else:
        source = UploadedFile(need_text(part, "file_id", at), "openai")
    return File(source, name, cache=cache)
