"""The messages of an Anthropic request, as turns of a prompt.

Decides: which part each content block is. Blocks that only Anthropic defines stay as they came
(:class:`~aigw_sansio.prompt.Native`), and so do members that no other vendor has (``extra``). Must not know: the
settings around the messages.

Source: Anthropic API reference, Messages: ``messages``, ``system``; "Vision", "PDF support", "Citations", "Extended
thinking", "Tool use". A member that is ``null`` counts as missing. A message with responses of tools is divided: they
are turns of their own.
"""

from typing import Final

import msgspec

from ..json_text import NOT_WRITABLE
from ..prompt import (
    NO_MEMBERS,
    Blob,
    CacheMark,
    File,
    Image,
    JsonObject,
    Native,
    Opaque,
    Part,
    PlainText,
    Reasoning,
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
from .claude_models import MAKER
from .client_values import as_array, as_object, as_text, get_flag, get_text, json_text, members, without
from .foreign_reasoning import unpack
from .refusing import refusal
from .values import obj

_encode: Final = msgspec.json.Encoder().encode
_ROLES: Final[dict[object, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}


def read_turns(messages: object) -> tuple[Turn, ...]:
    """The turns that ``messages`` of a request are. Raises ``RequestRefused``."""
    names: dict[str, str] = {}
    turns: list[Turn] = []
    for at, message in enumerate(as_array(messages, "messages")):
        if type(message) is dict:
            turn = _usual_turn(message, names)
            if turn is not None:
                turns.append(turn)
                continue
        field = f"messages[{at}]"
        member = members(message, field)
        role = member.pop("role", None)
        named = _ROLES.get(role) if type(role) is str else None
        if named is None:
            raise refusal(f"{field}.role", "It must be user, assistant or system.")
        parts = _read_content(member.pop("content", None), f"{field}.content", names)
        _check_place(named, parts, field)
        _divide(named, parts, member, turns)
    return tuple(turns)


def _usual_turn(message: JsonObject, names: dict[str, str]) -> Turn | None:
    """The turn that ``message`` is, if it is one turn of usual blocks and holds nothing else. It is what the functions
    below make of it, and so is what stands in ``names`` then."""
    if len(message) != 2:
        return None
    role, content = message.get("role"), message.get("content")
    if type(content) is str:
        if not content or not (role == "user" or role == "assistant"):
            return None
        return Turn("user" if role == "user" else "assistant", (Text(content),))
    if type(content) is not list or not content:
        return None
    if len(content) == 1:
        part = _usual_block(content[0], names) if type(content[0]) is dict else None
        if part is None:
            return None
        if type(part) is ToolCallResponse:
            return Turn("tool", (part,)) if role == "user" else None
        if role == "assistant":
            return Turn("assistant", (part,))
        return Turn("user", (part,)) if role == "user" and type(part) is Text else None
    parts: list[Part] = []
    for block in content:
        part = _usual_block(block, names) if type(block) is dict else None
        if part is None:
            return None
        parts.append(part)
    kinds = {*map(type, parts)}
    if role == "assistant" and ToolCallResponse not in kinds:
        return Turn("assistant", tuple(parts))
    if role == "user" and len(kinds) == 1 and ToolCall not in kinds:
        return Turn("tool" if ToolCallResponse in kinds else "user", tuple(parts))
    return None


def _usual_block(block: JsonObject, names: dict[str, str]) -> Text | ToolCall | ToolCallResponse | None:
    """A text, a call or a response of one text, without other members."""
    kind, size = block.get("type"), len(block)
    if kind == "text":
        content = block.get("text")
        return Text(content) if size == 2 and type(content) is str and content else None
    if kind == "tool_use":
        call_id, name, given = block.get("id"), block.get("name"), block.get("input")
        if size != 4 or type(call_id) is not str or type(name) is not str or type(given) is not dict:
            return None
        try:
            written = _encode(given).decode()
        except NOT_WRITABLE:
            return None
        names[call_id] = name
        return ToolCall(call_id, name, written)
    if kind != "tool_result" or size != 3:
        return None
    call_id, told = block.get("tool_use_id"), block.get("content")
    if type(told) is list and len(told) == 1:
        inner = told[0]
        told = inner.get("text") if type(inner) is dict and len(inner) == 2 and inner.get("type") == "text" else None
    if type(call_id) is not str or type(told) is not str or not told:
        return None
    return ToolCallResponse(call_id, (Text(told),), names.get(call_id))


def read_system(system: object) -> tuple[Text, ...]:
    """The instructions that ``system`` of a request is: a text, or blocks of text. Raises ``RequestRefused``."""
    if system is None:
        return ()
    if type(system) is str:
        return (Text(system),) if system else ()
    texts: list[Text] = []
    for at, block in enumerate(as_array(system, "system")):
        if type(block) is dict and len(block) == 2 and block.get("type") == "text":
            content = block.get("text")
            if type(content) is str and content:
                texts.append(Text(content))
                continue
        field = f"system[{at}]"
        member = members(block, field)
        if member.pop("type", "text") != "text":
            raise refusal(f"{field}.type", "Only text can be an instruction.")
        content = as_text(member.pop("text", None), f"{field}.text")
        if content:
            texts.append(Text(content, read_cache(member, f"{field}.cache_control"), extra=member or NO_MEMBERS))
    return tuple(texts)


def _check_place(role: Role, parts: list[Part], field: str) -> None:
    """Refuse calls and thoughts that are not the assistant's, and responses of tools that are not the user's."""
    for at, part in enumerate(parts):
        kind = type(part)
        if (kind is ToolCall or kind is Reasoning) and role != "assistant":
            raise refusal(f"{field}.content[{at}]", "Only the assistant calls tools and thinks.")
        if kind is ToolCallResponse and role != "user":
            raise refusal(f"{field}.content[{at}]", "Responses of tools stand in messages of the user.")


def _divide(role: Role, parts: list[Part], extra: JsonObject, turns: list[Turn]) -> None:
    """Append the turns of one message: runs of responses of tools are turns of the role ``tool``."""
    run: list[Part] = []
    of_tools = False
    for part in parts:
        is_response = type(part) is ToolCallResponse
        if run and is_response is not of_tools:
            turns.append(Turn("tool" if of_tools else role, tuple(run)))
            run = []
        of_tools = is_response
        run.append(part)
    if run:
        turns.append(Turn("tool" if of_tools else role, tuple(run), extra=extra or NO_MEMBERS))


def _read_content(content: object, field: str, names: dict[str, str]) -> list[Part]:
    if type(content) is str:
        return [Text(content)] if content else []
    parts: list[Part] = []
    for at, block in enumerate(as_array(content, field)):
        part = _read_block(block, f"{field}[{at}]", names)
        if part is not None:
            parts.append(part)
    return _unpacked(parts)


def _unpacked(parts: list[Part]) -> list[Part]:
    """``parts`` with the data of other vendors as theirs, which stand packed in Anthropic's fields. What belongs to a
    call goes to the next one."""
    out: list[Part] = []
    signature: Opaque | None = None
    for part in parts:
        if type(part) is Reasoning and part.opaque is not None:
            blocks = unpack(part.opaque.data)
            if blocks and blocks[0].kind == "tool_call":
                signature = Opaque(blocks[0].maker, blocks[0].data)
                continue
            if blocks:
                theirs = Opaque(blocks[0].maker, blocks[0].data)
                part = Reasoning(part.text, theirs, redacted=blocks[0].kind == "redacted")
        elif type(part) is ToolCall and signature is not None:
            part, signature = msgspec.structs.replace(part, opaque=signature), None
        out.append(part)
    return out


def _read_block(block: object, field: str, names: dict[str, str]) -> Part | None:
    """One content block. ``names`` are the names of tools by the ids of calls so far; a call adds its own."""
    member = members(block, field)
    kind = as_text(member.pop("type", None), f"{field}.type")
    if kind == "thinking":
        signature = get_text(member, "signature", f"{field}.") or ""
        thought = get_text(member, "thinking", f"{field}.") or ""
        return Reasoning(thought, Opaque(MAKER, signature) if signature else None) if thought or signature else None
    if kind == "redacted_thinking":
        data = as_text(member.get("data"), f"{field}.data")
        return Reasoning("", Opaque(MAKER, data), redacted=True) if data else None
    if kind == "tool_use":
        call_id = as_text(member.pop("id", None), f"{field}.id")
        name = as_text(member.pop("name", None), f"{field}.name")
        given = json_text(as_object(member.pop("input", {}), f"{field}.input"), f"{field}.input")
        names[call_id] = name
        return ToolCall(
            call_id, name, given, cache=read_cache(member, f"{field}.cache_control"), extra=member or NO_MEMBERS
        )
    if kind == "tool_result":
        return _read_response(member, field, names)
    return _read_common(kind, member, obj(block), field)


def _read_response(member: JsonObject, field: str, names: dict[str, str]) -> ToolCallResponse:
    call_id = as_text(member.pop("tool_use_id", None), f"{field}.tool_use_id")
    content = member.pop("content", None)
    parts: list[ResponsePart] = []
    if type(content) is str:
        parts = [Text(content)] if content else []
    elif content is not None:
        for at, block in enumerate(as_array(content, f"{field}.content")):
            inner = f"{field}.content[{at}]"
            inside = members(block, inner)
            part = _read_common(as_text(inside.pop("type", None), f"{inner}.type"), inside, obj(block), inner)
            if part is not None:
                parts.append(part)
    return ToolCallResponse(
        call_id,
        tuple(parts),
        names.get(call_id),
        is_error=get_flag(member, "is_error", f"{field}.") is True,
        cache=read_cache(member, f"{field}.cache_control"),
        extra=without(member, "is_error"),
    )


def _read_common(kind: str, member: JsonObject, block: JsonObject, field: str) -> ResponsePart | None:
    """A block that may stand in a message and in the response of a tool."""
    if kind == "text":
        content = as_text(member.pop("text", None), f"{field}.text")
        if not member.get("citations"):
            member.pop("citations", None)
        return (
            Text(content, read_cache(member, f"{field}.cache_control"), extra=member or NO_MEMBERS) if content else None
        )
    if kind == "image":
        source = _read_source(member.pop("source", None), f"{field}.source")
        if source is None:
            return Native(MAKER, block)
        return Image(source, cache=read_cache(member, f"{field}.cache_control"), extra=member or NO_MEMBERS)
    if kind == "document":
        return _read_document(member, block, field)
    return Native(MAKER, block)


def _read_document(member: JsonObject, block: JsonObject, field: str) -> File | Native:
    given = members(member.pop("source", None), f"{field}.source")
    source: Source | PlainText | None
    if given.get("type") == "text":
        source = PlainText(as_text(given.get("data"), f"{field}.source.data"))
    elif given.get("type") == "content":
        plain = _plain(given.get("content"))
        if plain is None:
            return Native(MAKER, block)
        # Its division is where citations may point to, so it is kept for who knows it.
        source = PlainText(plain)
        member["source"] = given
    else:
        source = _read_source(given, f"{field}.source")
        if source is None:
            return Native(MAKER, block)
        if type(source) is Uri:
            source = Uri(source.uri, "application/pdf")
    cited = obj(member.get("citations"))
    if cited.keys() <= {"enabled"}:
        member.pop("citations", None)
    return File(
        source,
        name=get_text(member, "title", f"{field}.") or None,
        context=get_text(member, "context", f"{field}.") or None,
        citations=cited.get("enabled") is True,
        cache=read_cache(member, f"{field}.cache_control"),
        extra=without(member, "title", "context"),
    )


def _plain(content: object) -> str | None:
    """The text of a document that is given in blocks, or ``None`` if it holds more than text."""
    if type(content) is str:
        return content
    if type(content) is not list:
        return None
    texts: list[str] = []
    for block in content:
        piece = obj(block).get("text")
        if obj(block).get("type") != "text" or type(piece) is not str:
            return None
        texts.append(piece)
    return "\n".join(texts)


def _read_source(value: object, field: str) -> Source | None:
    """Where media are; ``None`` for a kind of source that nobody knows yet."""
    source = members(value, field)
    kind = as_text(source.get("type"), f"{field}.type")
    if kind == "base64":
        return Blob(
            as_text(source.get("data"), f"{field}.data"),
            as_text(source.get("media_type"), f"{field}.media_type").lower(),
        )
    if kind == "url":
        return Uri(as_text(source.get("url"), f"{field}.url"))
    if kind == "file":
        return UploadedFile(as_text(source.get("file_id"), f"{field}.file_id"), MAKER)
    return None


def read_cache(member: JsonObject, field: str = "cache_control") -> CacheMark | None:
    """Take ``cache_control`` out of ``member``; ``field`` is its place."""
    value = member.pop("cache_control", None)
    if value is None:
        return None
    mark = members(value, field)
    return CacheMark(get_text(mark, "ttl", f"{field}.") or None)
