"""The turns of a prompt, as messages of Bedrock's Converse.

Decides: which content block each part is, and what stands beside it. Must not know: the settings around the messages.

Source: Amazon Bedrock API reference, ``Message``, ``ContentBlock``, ``ToolResultBlock``, ``DocumentBlock``; for their
order :mod:`~aigw_sansio.formats.alternating`. No text is blank; a document has a name of its own and never comes
without a text. Bytes are base64.
"""

import base64
import re
from typing import Final

import msgspec

from ...prompt import (
    Audio,
    Blob,
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
    Uri,
    Video,
)
from ..alternating import (
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
from ..alternating_plain import write_plain
from ..anthropic_blocks import Marks, wrapped
from ..plain.conversation import Plain
from ..refusing import refusal
from ..request_tools import (
    IdMap,
    NameMap,
    Placed,
    arguments_object,
    drop_names,
    dropped,
    mapped,
    own_data,
)
from ..translation import Note
from ..usual import Looked
from ..values import obj, text
from .models import BedrockModel

NAME: Final = "Bedrock Converse"
#: The user says what is no answer of the model.
_ROLES: Final = {"tool": "user", "system": "user"}
#: What stands for the output of a tool that has none, because an empty one is refused.
_NO_OUTPUT: Final = "(no output)"
#: The text beside a document that came without one.
_BESIDE: Final = "(a document)"
_IMAGES: Final = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_FILES: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/json": "txt",
}
_FILMS: Final = {
    "video/x-matroska": "mkv", "video/quicktime": "mov", "video/mp4": "mp4", "video/webm": "webm",
    "video/x-flv": "flv", "video/mpeg": "mpeg", "video/x-ms-wmv": "wmv", "video/3gpp": "three_gp",
}  # fmt: skip
_SOUNDS: Final = {
    "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav",
    "audio/aac": "aac", "audio/flac": "flac", "audio/ogg": "ogg", "audio/opus": "opus", "audio/mp4": "mp4",
    "audio/m4a": "m4a", "audio/webm": "webm", "audio/pcm": "pcm",
}  # fmt: skip
_NOT_IN_NAMES: Final = r"[^a-zA-Z0-9\s\-()\[\]]+"
_SPACES: Final = r"\s+"
_LONGEST_NAME: Final = 200


def _text_block(text: str) -> JsonObject:
    return {"text": text}


def _call_block(call_id: str, name: str, given: JsonObject) -> JsonObject:
    return {"toolUse": {"toolUseId": call_id, "name": name, "input": given}}


def _response_block(call_id: str, text: str) -> JsonObject:
    return {"toolResult": {"toolUseId": call_id, "content": [{"text": text}], "status": "success"}}


_BLOCKS: Final = Blocks(_text_block, _call_block, _response_block)


class ConverseWriter:
    """Writes the turns of one prompt. Call :meth:`system` first, then :meth:`messages`. ``has_tools``: a call or a
    response of a tool is in them."""

    def __init__(
        self, prompt: Prompt, looked: Looked, notes: list[Note], model: BedrockModel, marks: Marks, names: NameMap
    ) -> None:
        self.has_tools = False
        self._prompt = prompt
        self._looked = looked
        self._notes = notes
        self._model = model
        self._marks = marks
        self._names = names
        self._ids = CallIds(IdMap(model.ids, notes), unique=True)
        self._files: set[str] = set()
        self._copies: dict[str, int] = {}

    def system(self) -> list[JsonObject]:
        """The instructions as blocks: those of the prompt, and system turns in front of all others."""
        blocks: list[JsonObject] = []
        for at, instruction in enumerate(self._prompt.instructions):
            self._append_text(blocks, instruction, f"instructions[{at}]")
        for at, turn in enumerate(self._prompt.turns):
            if turn.role != "system":
                break
            for number, part in enumerate(turn.parts):
                self._append(blocks, Placed(f"turns[{at}].parts[{number}]", part))
        if any("text" not in block for block in blocks):
            raise refusal("instructions", "Instructions are text.")
        return blocks

    def messages(self, plain: Plain | None = None) -> list[JsonObject]:
        """The other turns as messages. The first is the user's, and neighbours have different roles. ``plain``: the
        conversation, if it is plain and not in the prompt."""
        if plain is not None:
            self.has_tools = bool(plain.ids)
            return write_plain(plain, _BLOCKS, self._model.ids, self._names, self._notes)
        drop_names(self._looked, self._notes, NAME)
        messages: list[JsonObject] = []
        joined, last = False, ""
        for group in group_turns(self._placed_turns(), self._looked, _ROLES):
            role, shape = group.role, group.shape
            if type(shape) is str and role != last and not shape.isspace():
                messages.append({"role": role, "content": [{"text": shape}]})
                last = role
                continue
            content = usual_blocks(group, _BLOCKS, self._ids, self._names, self._notes)
            if not content:
                content = self._content(group)
            elif "text" not in content[-1]:
                self.has_tools = True
            if content and role != last:
                messages.append({"role": role, "content": content})
                last = role
            elif content:
                join_last(messages, content)
                joined = True
        finish_messages(messages, self._notes, joined=joined, is_response=_is_response, opening=_text_block(OPENING))
        return messages

    def _content(self, group: Group) -> list[JsonObject]:
        """The blocks of any message."""
        content: list[JsonObject] = []
        beside: list[JsonObject] = []
        for placed in thoughts_first(group.role, group.parts(responses_first=True)):
            if type(placed.part) is ToolCallResponse:
                content.append(self._response(placed.part, placed.field, beside))
            else:
                content += beside
                beside = []
                self._append(content, placed)
        content += beside
        if any("document" in block for block in content) and not any("text" in block for block in content):
            content.append({"text": _BESIDE})
            mapped(self._notes, "turns", "A document cannot come without a text, so one was put beside it.")
        return content

    def _placed_turns(self) -> tuple[Turn, ...]:
        """The turns, with those emptied that :meth:`system` wrote."""
        if all(turn.role != "system" and not turn.extra for _, turn in self._looked.unusual):
            return self._prompt.turns
        turns: list[Turn] = []
        begun = False
        for at, turn in enumerate(self._prompt.turns):
            for name in turn.extra:
                dropped(self._notes, f"turns[{at}].extra.{name[:60]}", f"{NAME} does not define it.")
            if turn.role != "system":
                begun = begun or bool(turn.parts)
                turns.append(turn)
            elif begun:
                mapped(self._notes, f"turns[{at}]", f"{NAME} takes no instruction here; it is sent as the user's.")
                turns.append(turn)
            else:
                turns.append(Turn("system", ()))
        return tuple(turns)

    # -- one part each -------------------------------------------------------------------------------------------------

    def _append(self, content: list[JsonObject], placed: Placed) -> None:
        part, field = placed.part, placed.field
        if type(part) is Text:
            self._append_text(content, part, field)
        elif type(part) is Refusal:
            mapped(self._notes, field, f"{NAME} has no refusals; its text is sent.")
            self._append_text(content, Text(part.text), field)
        elif type(part) is Reasoning:
            self._append_reasoning(content, part, field)
        elif type(part) is ToolCall:
            self.has_tools = True
            call: JsonObject = {
                "toolUseId": self._ids.of_call(part.id, field),
                "name": self._names.fit(part.name, field),
                "input": arguments_object(part, self._notes, field),
            }
            if part.opaque is not None:
                dropped(self._notes, f"{field}.opaque", "Only its maker can read it.")
            self._finish({"toolUse": call}, part, field, content)
        else:
            self._append_media(content, part, field)

    def _append_text(self, content: list[JsonObject], part: Text, field: str) -> None:
        if not part.text.strip():
            if part.text or part.opaque is not None:
                dropped(self._notes, field, f"{NAME} takes no blank text.")
            return
        if part.opaque is not None:
            dropped(self._notes, f"{field}.opaque", "Only its maker can read it.")
        self._finish({"text": part.text}, part, field, content)

    def _append_reasoning(self, content: list[JsonObject], part: Reasoning, field: str) -> None:
        data = own_data(part.opaque, self._model.maker) if self._model.maker else None
        if data is None:
            dropped(self._notes, field, "It is not signed by a model of this vendor, and no other reasoning is taken.")
        elif part.redacted:
            content.append({"reasoningContent": {"redactedContent": wrapped(data)}})
        else:
            content.append({"reasoningContent": {"reasoningText": {"text": part.text, "signature": data}}})

    def _response(self, part: ToolCallResponse, field: str, beside: list[JsonObject]) -> JsonObject:
        """The response of a tool. What cannot be in it is put into ``beside``."""
        self.has_tools = True
        content: list[JsonObject] = []
        for at, inner in enumerate(part.response):
            place = f"{field}.response[{at}]"
            outside = type(inner) is Video or (type(inner) is File and not self._model.files_inside)
            if outside:
                mapped(self._notes, place, f"{NAME} takes it beside the response of the tool, not in it.")
            if not isinstance(inner, Native) and inner.cache is not None:
                dropped(self._notes, f"{place}.cache", f"{NAME} marks whole responses of tools only.")
                inner = msgspec.structs.replace(inner, cache=None)
            if type(inner) is Text:
                self._append_text(content, inner, place)
            else:
                self._append_media(beside if outside else content, inner, place)
        if not content:
            content.append({"text": _NO_OUTPUT})
            mapped(self._notes, f"{field}.response", "It must not be empty, so a text says that there is none.")
        response: JsonObject = {
            "toolUseId": self._ids.of_response(part.id, field),
            "content": content,
            "status": "error" if part.is_error else "success",
        }
        block: JsonObject = {"toolResult": response}
        self._finish(block, part, field, [])
        return block

    def _append_media(self, content: list[JsonObject], part: Part, field: str) -> None:
        if type(part) is Native:
            if part.maker != "amazon":
                dropped(self._notes, field, "Only its maker can be sent it.")
            else:
                content.append(dict(part.value))
        elif type(part) is Image:
            if part.detail not in (None, "auto"):
                dropped(self._notes, f"{field}.detail", f"{NAME} looks at all images alike.")
            self._finish({"image": _media(part.source, _IMAGES, field)}, part, field, content)
        elif type(part) is File:
            self._finish(self._document(part, field), part, field, content)
        elif type(part) is Video and self._model.films:
            self._finish({"video": _media(part.source, _FILMS, field)}, part, field, content)
        elif type(part) is Audio and self._model.sounds:
            self._finish({"audio": _media(part.source, _SOUNDS, field)}, part, field, content)
        else:
            raise refusal(field, "This model takes no such part.")

    def _document(self, part: File, field: str) -> JsonObject:
        source = part.source
        if isinstance(source, PlainText):
            if not source.text:
                raise refusal(field, "The file is empty.")
            source = Blob(base64.b64encode(source.text.encode("utf-8", "replace")).decode(), "text/plain")
        if type(source) is Blob and source.mime_type in _IMAGES:
            return {"image": _media(source, _IMAGES, field)}
        document: JsonObject = {"name": self._file_name(part.name, field), **_media(source, _FILES, field)}
        if part.context:
            document["context"] = part.context
        if part.citations and self._model.maker == "anthropic":
            document["citations"] = {"enabled": True}
        elif part.citations:
            dropped(self._notes, f"{field}.citations", "This model does not say what it quotes.")
        return {"document": document}

    def _file_name(self, name: str | None, field: str) -> str:
        """A name of its own for a document: letters, digits, single spaces, hyphens and brackets."""
        stem = (name or "").rpartition(".")[0] or name or ""
        wanted = re.sub(_SPACES, " ", re.sub(_NOT_IN_NAMES, " ", stem)).strip()[:_LONGEST_NAME].strip()
        wanted = wanted or f"Document {len(self._files) + 1}"
        found = wanted
        while found in self._files:
            self._copies[wanted] = number = self._copies.get(wanted, 1) + 1
            found = f"{wanted[: _LONGEST_NAME - 12]} ({number})"
        self._files.add(found)
        if name and found != name:
            mapped(self._notes, f"{field}.name", f"{NAME} takes no such name, or it is there already.")
        return found

    def _finish(
        self,
        block: JsonObject,
        part: Text | Image | Audio | Video | File | ToolCall | ToolCallResponse,
        field: str,
        content: list[JsonObject],
    ) -> None:
        """Append ``block`` to ``content``, with its mark for the cache, and tell what of the part is lost."""
        for name in getattr(part, "extra", ()):
            dropped(self._notes, f"{field}.extra.{name[:60]}", f"{NAME} does not define it.")
        if part.cache is not None and not self._model.caches:
            dropped(self._notes, f"{field}.cache", "This model has no cache that could be marked.")
        else:
            self._marks.put(block, part.cache, field)
        content.append(block)


def with_cache_points(blocks: list[JsonObject], *, ttl: bool) -> list[JsonObject]:
    """``blocks`` with a block behind each one that is marked. ``ttl``: the model takes how long."""
    if not any("cache_control" in block for block in blocks):
        return blocks
    result: list[JsonObject] = []
    for block in blocks:
        mark = block.pop("cache_control", None)
        result.append(block)
        if mark is not None:
            point: JsonObject = {"type": "default"}
            if ttl and obj(mark).get("ttl") == "1h":  # 5m is what there is without
                point["ttl"] = "1h"
            result.append({"cachePoint": point})
    return result


def calls_and_responses(blocks: list[JsonObject]) -> tuple[list[str], list[str]]:
    """The ids of the calls in the blocks of a message, and those of the responses."""
    called: list[str] = []
    answered: list[str] = []
    for block in blocks:
        if "toolUse" in block:
            called.append(text(obj(block["toolUse"]).get("toolUseId")))
        if "toolResult" in block:
            answered.append(text(obj(block["toolResult"]).get("toolUseId")))
    return called, answered


def _media(source: Source, formats: dict[str, str], field: str) -> JsonObject:
    """The format of media and where they are."""
    if type(source) is Uri:
        if not source.uri.startswith("s3://"):
            raise refusal(field, f"{NAME} fetches media from s3 only; they must be in the request.")
        kind = formats.get((source.mime_type or "").lower())
        if kind is None:
            ending = source.uri.rpartition(".")[2].lower()
            kind = {"jpg": "jpeg"}.get(ending, ending)
            if kind not in formats.values():
                raise refusal(field, f"{NAME} needs the media type of a file in s3.")
        return {"format": kind, "source": {"s3Location": {"uri": source.uri}}}
    if type(source) is not Blob:
        raise refusal(field, f"{NAME} knows no uploaded files.")
    kind = formats.get(source.mime_type.lower())
    if kind is None and formats is _FILES and source.mime_type.lower().startswith("text/"):
        kind = "txt"
    if kind is None:
        raise refusal(field, f"{NAME} takes {', '.join(sorted(set(formats.values())))}.")
    if not source.content:
        raise refusal(field, "It is empty.")
    return {"format": kind, "source": {"bytes": source.content}}


def _is_response(block: JsonObject) -> bool:
    return "toolResult" in block
