"""Reads the messages of a Chat Completions request.

Decides: which turns a list of messages is, and which call each result belongs to. Must not know: the rest of the
request.

Source: OpenAI API reference, Chat Completions. Read too: the older ``function_call`` and role ``function``; calls
without an id and results that name none (Gemini's compatible path, Z.ai); and what gateways carry in a message for
Gemini: ``extra_content.google.thought_signature``, ``provider_specific_fields.thought_signature``, and a signature in
the id of a call behind ``__thought__`` (LiteLLM).
"""

from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from ...prompt import (
    Audio,
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
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    UploadedFile,
    Video,
)
from ..client_values import as_object, get_array, get_flag, get_object, get_text, json_text, need_text
from ..refusing import refusal
from ..request_tools import dropped, mapped
from ..translation import Note
from .chat_parts import read_cache_mark, read_parts
from .reasoning_parts import PLAIN_MEMBERS, read_reasoning

#: Behind it, the id of a call holds a signature.
SIGNED: Final = "__thought__"
_COMMON: Final = frozenset({"role", "content", "name", "cache_control", "prompt_cache_breakpoint"})
_KNOWN: Final = {
    "system": _COMMON,
    "developer": _COMMON,
    "user": _COMMON,
    "tool": _COMMON | {"tool_call_id"},
    "function": _COMMON | {"tool_call_id"},
    "assistant": _COMMON
    | {"refusal", "tool_calls", "function_call", "audio", "prefix", "reasoning_details", "thinking_blocks"}
    | {"extra_content", "provider_specific_fields", *PLAIN_MEMBERS},
}


class MessageReader:
    """Reads messages in their order. One object for each request; :attr:`instructions` and :meth:`finish` give what
    was read. Raises :class:`RequestRefused`."""

    __slots__ = ("_answered", "_called", "_calls", "_notes", "_queues", "_results", "_turns", "instructions")

    def __init__(self, notes: list[Note]) -> None:
        self._notes = notes
        #: The instructions in front of all turns.
        self.instructions: list[Text] = []
        self._turns: list[Turn] = []
        self._results: list[Part] = []
        #: All calls by id, the last one of each.
        self._calls: dict[str, ToolCall] = {}
        #: The calls of the last message with any, and the ids of those whose results have come.
        self._called: list[ToolCall] = []
        self._answered: set[str] = set()
        #: Their ids by the name of the tool, and all under ``None``, in their order; ``None`` until somebody asks.
        self._queues: dict[str | None, deque[str]] | None = None

    def read_all(self, messages: Sequence[object]) -> None:
        """Read all messages. Most are text alone, calls, or a result that names its call, and hold nothing else: those
        need not be looked through. They mean what :meth:`read` makes of them."""
        turns, last = self._turns, len(messages) - 1
        for number, message in enumerate(messages):
            if type(message) is dict:
                role, content = message.get("role"), message.get("content")
                if type(content) is str and content and len(message) == 2:
                    if role == "user":
                        if self._results:
                            self._close_results()
                        turns.append(Turn("user", (Text(content),)))
                        continue
                    if role == "assistant":
                        if self._results:
                            self._close_results()
                        if self._called:
                            self._set_called([])
                        turns.append(Turn("assistant", (Text(content),)))
                        continue
                if self._read_usual(message, role, content):
                    continue
            self.read(number, message, last=number == last)

    def _read_usual(self, message: JsonObject, role: object, content: object) -> bool:
        """Read ``message`` if it is a usual one, but not of the user, and not text alone of the assistant; returns
        whether it is read."""
        size = len(message)
        if role == "assistant":
            calls = _usual_calls(message.get("tool_calls"))
            if not calls or size > (3 if "content" in message else 2):
                return False
            parts: tuple[Part, ...]
            if type(content) is str and content:
                parts = (Text(content), *calls)
            elif content is None or content == "":
                parts = tuple(calls)
            else:
                return False
            if self._results:
                self._close_results()
            self._turns.append(Turn("assistant", parts))
            self._set_called(calls)
            return True
        if type(content) is not str or not content:
            return False
        if size == 2 and (role == "system" or role == "developer"):
            if self._results:
                self._close_results()
            if self._turns:
                self._turns.append(Turn("system", (Text(content),)))
            else:
                self.instructions.append(Text(content))
            return True
        told = message.get("tool_call_id")
        if role != "tool" or size != 3 or type(told) is not str or not told or SIGNED in told:
            return False
        call = self._calls.get(told)
        if call is None:
            self._results.append(ToolCallResponse(told, (Text(content),)))
        else:
            self._answered.add(told)
            self._results.append(ToolCallResponse(told, (Text(content),), call.name, custom=call.custom))
        return True

    def read(self, number: int, message: object, *, last: bool) -> None:
        """Read any message: ``number``, the ``last`` one or not."""
        message = as_object(message, f"messages[{number}]")
        at = f"messages[{number}]."
        role = need_text(message, "role", at)
        known = _KNOWN.get(role)
        if known is None:
            raise refusal(at + "role", "It must be one of system, developer, user, assistant, tool, function.")
        for name, value in message.items():
            if name not in known and value not in (None, [], {}):
                dropped(self._notes, at + name[:60], "It is no member of such a message.")
        if role in ("tool", "function"):
            self._results.append(self._read_result(number, message, at))
            return
        self._close_results()
        cache = read_cache_mark(message, at)
        if role == "assistant":
            self._add("assistant", self._read_assistant(number, message, at, last=last), message, at, cache)
        elif role == "user":
            self._add("user", read_parts(message.get("content"), at + "content", self._notes), message, at, cache)
        else:
            self._read_system(message, at, cache)

    @property
    def progress(self) -> tuple[int, int]:
        """How many turns were read, and how many results of tools of the next one."""
        return len(self._turns), len(self._results)

    def finish(self) -> tuple[Turn, ...]:
        """All turns; call it after the last message."""
        self._close_results()
        return tuple(self._turns)

    def _close_results(self) -> None:
        if self._results:
            self._turns.append(Turn("tool", tuple(self._results)))
            self._results = []

    def _add(self, role: Role, parts: list[Part], message: JsonObject, at: str, cache: CacheMark | None) -> None:
        name = get_text(message, "name", at) or None
        if not parts:
            dropped(self._notes, at[:-1], "The message is empty.")
            return
        if cache is not None:
            parts[-1] = _marked(parts[-1], cache)
        self._turns.append(Turn(role, tuple(parts), name))

    def _read_system(self, message: JsonObject, at: str, cache: CacheMark | None) -> None:
        parts = read_parts(message.get("content"), at + "content", self._notes)
        texts = [part for part in parts if type(part) is Text]
        if len(texts) < len(parts):
            raise refusal(at + "content", "Instructions are text only.")
        if self._turns:
            self._add("system", parts, message, at, cache)
            return
        if get_text(message, "name", at):
            dropped(self._notes, at + "name", "Instructions have no name.")
        if texts and cache is not None:
            texts[-1] = Text(texts[-1].text, cache)
        self.instructions += texts

    # -- assistant ----------------------------------------------------------------------------------------------------

    def _read_assistant(self, number: int, message: JsonObject, at: str, *, last: bool) -> list[Part]:
        notes = self._notes
        reasoning, signatures = read_reasoning(message, at, notes)
        content = read_parts(message.get("content"), at + "content", notes)
        google = _google(message, at)
        if google.get("thought") is True:  # Gemini's compatible path writes a thought as content
            content = [Reasoning(part.text) if type(part) is Text else part for part in content]
        parts: list[Part] = [*reasoning, *content]
        refusal = get_text(message, "refusal", at)
        if refusal:
            parts.append(Refusal(refusal))
        spoken = get_object(message, "audio", at)
        if spoken is not None:
            parts.append(Audio(UploadedFile(need_text(spoken, "id", at + "audio."), "openai")))
        if get_flag(message, "prefix", at) and not last:
            dropped(notes, at + "prefix", "Only the last message can be continued.")
        calls = self._read_calls(number, message, at, signatures)
        left = get_text(google, "thought_signature", at + "extra_content.google.")
        _place(signatures.get("") or (Opaque("google", left) if left else None), parts, calls)
        self._set_called(calls)
        return parts + calls

    def _set_called(self, calls: list[ToolCall]) -> None:
        """Remember the calls of a message of the assistant, whose results come next."""
        if not calls and not self._called:
            return
        self._called, self._queues = calls, None
        self._answered.clear()
        for call in calls:
            self._calls[call.id] = call

    def _read_calls(self, number: int, message: JsonObject, at: str, signatures: dict[str, Opaque]) -> list[ToolCall]:
        calls: list[ToolCall] = []
        for position, one in enumerate(get_array(message, "tool_calls", at)):
            field = f"{at}tool_calls[{position}]"
            calls.append(self._read_call(as_object(one, field), field + ".", f"call_{number}_{position}", signatures))
        older = get_object(message, "function_call", at)
        if older is not None:
            field = at + "function_call."
            calls.append(ToolCall(f"call_{number}_0", need_text(older, "name", field), _arguments(older, field)))
        return calls

    def _read_call(self, call: JsonObject, at: str, made_id: str, signatures: dict[str, Opaque]) -> ToolCall:
        for name, value in call.items():
            if name not in _CALL_MEMBERS and value not in (None, [], {}, ""):
                dropped(self._notes, at + name[:60], "It is no member of a call.")
        own_id, _, signature = (get_text(call, "id", at) or "").partition(SIGNED)
        fields = get_object(call, "provider_specific_fields", at) or {}
        google = _google(call, at)
        signature = (
            get_text(google, "thought_signature", at + "extra_content.google.")
            or get_text(fields, "thought_signature", at + "provider_specific_fields.")
            or signature
        )
        opaque = Opaque("google", signature) if signature else signatures.get(own_id) if own_id else None
        cache = read_cache_mark(call, at)
        custom = get_object(call, "custom", at)
        if custom is not None and call.get("type") == "custom":
            name, told = need_text(custom, "name", at + "custom."), get_text(custom, "input", at + "custom.") or ""
            return ToolCall(own_id or made_id, name, told, custom=True, cache=cache, opaque=opaque)
        function = get_object(call, "function", at)
        if function is None:
            raise refusal(at + "function", "It must be an object.", "missing")
        name, told = need_text(function, "name", at + "function."), _arguments(function, at + "function.")
        return ToolCall(own_id or made_id, name, told, cache=cache, opaque=opaque)

    # -- results ------------------------------------------------------------------------------------------------------

    def _read_result(self, number: int, message: JsonObject, at: str) -> ToolCallResponse:
        told = (get_text(message, "tool_call_id", at) or "").partition(SIGNED)[0]
        name = get_text(message, "name", at) or None
        call = self._calls.get(told) if told else self._first_waiting(name)
        if call is not None:
            self._answered.add(call.id)
        elif not told:
            mapped(self._notes, at + "tool_call_id", "No call waits for this result; it gets an id of its own.")
        response: list[ResponsePart] = []
        for part in read_parts(message.get("content"), at + "content", self._notes):
            if not isinstance(part, Text | Image | Audio | Video | File | Native):
                raise refusal(at + "content", "The result of a tool is text or media.")
            response.append(part)
        return ToolCallResponse(
            told or (call.id if call is not None else f"call_{number}"),
            tuple(response),
            call.name if call is not None else name,
            custom=call is not None and call.custom,
            cache=read_cache_mark(message, at),
        )

    def _first_waiting(self, name: str | None) -> ToolCall | None:
        """The first call of ``name``, or of all, whose result has not come. Each is taken off its queue once, so that
        many results cost no more than one look each."""
        if self._queues is None:
            self._queues = {None: deque(dict.fromkeys(call.id for call in self._called))}
            for call in self._called:
                self._queues.setdefault(call.name, deque()).append(call.id)
        queue = self._queues.get(name)
        while queue:
            call_id = queue.popleft()
            if call_id not in self._answered:
                return self._calls[call_id]
        return None


_CALL_MEMBERS: Final = frozenset(
    {"id", "type", "function", "custom", "index", "extra_content", "provider_specific_fields", "cache_control"}
)


def _usual_calls(told: object) -> list[ToolCall]:
    """The calls of functions in ``tool_calls``, if they hold nothing but ids, names and texts of arguments; else
    none."""
    if type(told) is not list:
        return []
    calls: list[ToolCall] = []
    for call in told:
        if type(call) is not dict or len(call) != 3 or "type" not in call:
            return []
        call_id, function = call.get("id"), call.get("function")
        if type(call_id) is not str or not call_id or SIGNED in call_id:
            return []
        if type(function) is not dict or len(function) != 2:
            return []
        name, written = function.get("name"), function.get("arguments")
        if type(name) is not str or not name or type(written) is not str:
            return []
        calls.append(ToolCall(call_id, name, written))
    return calls


def _arguments(function: JsonObject, at: str) -> str:
    """The arguments as the text that the model wrote. Some servers take an object."""
    told = function.get("arguments")
    if told is None or type(told) is str:
        return told or ""
    return json_text(as_object(told, at + "arguments"), at + "arguments")


def _google(holder: JsonObject, at: str) -> JsonObject:
    """What Gemini's compatible path wrote beside a message or a call."""
    extra = get_object(holder, "extra_content", at)
    return {} if extra is None else get_object(extra, "google", at + "extra_content.") or {}


def _place(signature: Opaque | None, parts: list[Part], calls: list[ToolCall]) -> None:
    """Put a signature that names no call to what it was made for: the first call, else the last text."""
    if signature is None:
        return
    if calls and calls[0].opaque is None:
        calls[0] = msgspec.structs.replace(calls[0], opaque=signature)
    elif parts and isinstance(parts[-1], Text):
        parts[-1] = msgspec.structs.replace(parts[-1], opaque=signature)
    else:
        parts.append(Reasoning("", signature))


def _marked(part: Part, cache: CacheMark) -> Part:
    if isinstance(part, Text | Image | Audio | Video | File | ToolCall) and part.cache is None:
        return msgspec.structs.replace(part, cache=cache)
    return part
