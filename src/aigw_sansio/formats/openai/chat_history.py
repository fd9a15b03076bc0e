"""Writes the turns of a prompt as messages of Chat Completions, for OpenAI or a look-alike.

Decides: which messages each turn becomes, and where its reasoning, calls and media go. Must not know: which provider
has which quirk.

Source: OpenAI API reference, Chat Completions. A message with the role ``tool`` holds text only: media that a tool
returned follow in a message of the user, behind all results (as PydanticAI and others send them).
"""

from collections.abc import Callable, Sequence
from typing import Final

from ...prompt import (
    Audio,
    CacheMark,
    JsonObject,
    Native,
    Prompt,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolCallResponse,
    UploadedFile,
)
from ..client_values import json_text
from ..plain.conversation import Answered, NotPlain, Plain
from ..refusing import refusal
from ..request_tools import IdMap, NameMap, Placed, arguments_object, dropped, mapped, place_of
from ..translation import Note
from ..usual import Calls, Looked, Results, Shape
from .chat_order import Message, alternating, in_order, is_in_order, message_of
from .chat_parts import PartWriter
from .chat_plain import write_plain
from .like import Quirks
from .models import reasons
from .reasoning_parts import write_details

#: A message of the assistant has one of them, or there is none.
_SAYING: Final = ("content", "refusal", "tool_calls", "audio", "reasoning_details", "reasoning_content", "reasoning")
_OF_ASSISTANT: Final = (Text, Refusal, Native)


class HistoryWriter:
    """Writes instructions and turns. One object for each request; call :meth:`write` once. Raises
    :class:`RequestRefused`."""

    __slots__ = (
        "_ids", "_looked", "_names", "_no_arguments", "_notes", "_parts", "_prompt", "_quirks", "_system", "_thinks",
    )  # fmt: skip

    def __init__(
        self,
        prompt: Prompt,
        looked: Looked,
        quirks: Quirks,
        names: NameMap,
        notes: list[Note],
        marks: Callable[[CacheMark], JsonObject] | None,
    ) -> None:
        self._prompt = prompt
        self._looked = looked
        self._quirks = quirks
        self._names = names
        self._notes = notes
        self._ids = IdMap(quirks.ids, notes) if quirks.ids is not None else None
        self._parts = PartWriter(quirks, notes, marks)
        #: OpenAI's models that reason have developers; others know the system alone.
        self._system = "developer" if quirks.maker == "openai" and reasons(prompt.model) else "system"
        self._no_arguments = "" if quirks.maker == "openai" else "{}"
        self._thinks = quirks.replay_needed is not None and quirks.replay_needed(prompt)

    @property
    def parts(self) -> PartWriter:
        """What writes the parts of this request."""
        return self._parts

    def write(self, plain: Plain | None = None) -> list[JsonObject]:
        """All messages. ``plain``: the conversation, if it is plain and not in the prompt."""
        prompt, quirks = self._prompt, self._quirks
        written: list[JsonObject] = []
        if prompt.instructions:
            first = prompt.instructions[0]
            if len(prompt.instructions) == 1 and first.cache is None and first.opaque is None:
                written.append({"role": self._system, "content": first.text})  # which nobody need be told of
            else:
                placed = [Placed(f"instructions[{number}]", text) for number, text in enumerate(prompt.instructions)]
                written.append({"role": self._system, "content": self._parts.content(placed)})
        self._note_extras()
        if plain is not None:
            if self._thinks:  # each message of the assistant has its thoughts beside it
                raise NotPlain
            write_plain(plain, quirks, self._names, written)
        elif not quirks.alternates and is_in_order(prompt.turns, self._looked):
            self._write_in_order(written)
        else:
            messages = in_order(prompt.turns, self._notes)
            for message in alternating(messages, self._notes, quirks.name) if quirks.alternates else messages:
                self._write_message(message, written)
        if quirks.prefix_path is not None and written and _ends_with_assistant(prompt, plain):
            last = written[-1]
            if last["role"] == "assistant" and "tool_calls" not in last:
                last["prefix"] = True
        return written

    def _write_message(self, message: Message, written: list[JsonObject]) -> None:
        if message.role == "tool":
            self._write_results(message, written)
        elif message.role == "assistant":
            self._write_assistant(message, written)
        else:
            self._write_plain(message, written)

    def _write_in_order(self, written: list[JsonObject]) -> None:
        """Write each turn as one message, or as one for each result."""
        turns = self._prompt.turns
        shapes: Sequence[Shape | None] = self._looked.shapes
        if self._thinks:  # each message of the assistant has its thoughts beside it
            shapes = [None if turn.role == "assistant" else shape for turn, shape in zip(turns, shapes, strict=True)]
        for at, shape in enumerate(shapes):
            if type(shape) is str:
                written.append({"role": turns[at].role, "content": shape})
            elif type(shape) is tuple:
                written.append(self._usual_calls(shape, at))
            elif type(shape) is list:
                self._usual_results(shape, at, written)
            elif turns[at].parts:
                self._write_message(message_of(at, turns[at]), written)

    def _usual_calls(self, shape: Calls, at: int) -> JsonObject:
        text, called = shape
        message: JsonObject = {"role": "assistant"}
        if text:
            message["content"] = text
        elif self._quirks.content_of_calls is not None:
            message["content"] = self._quirks.content_of_calls
        calls: list[JsonObject] = []
        ids, names = self._ids, self._names
        for number, call in enumerate(called, 1 if text else 0):
            own_id = call.id
            if ids is not None and not ids.keeps(own_id):
                own_id = ids.fit(own_id, place_of(at, number))
            name = names.sent.get(call.name) or names.fit(call.name, place_of(at, number))
            function = {"name": name, "arguments": call.arguments or self._no_arguments}
            calls.append({"id": own_id, "type": "function", "function": function})
        message["tool_calls"] = calls
        return message

    def _usual_results(self, shape: Results, at: int, written: list[JsonObject]) -> None:
        ids, names = self._ids, self._names
        for number, (result, text) in enumerate(shape):
            own_id = result.id
            if ids is not None:
                own_id = ids.sent.get(own_id) or ids.fit(own_id, place_of(at, number))
            message: JsonObject = {"role": "tool", "tool_call_id": own_id, "content": text}
            if self._quirks.result_names and result.name is not None:
                message["name"] = names.sent.get(result.name) or names.fit(result.name, place_of(at, number))
            written.append(message)

    def _note_extras(self) -> None:
        """Note the members of parts and turns that Chat Completions do not define: no reader of them makes any."""
        for at, turn in self._looked.unusual:
            if turn.extra:
                self._note_extra(f"turns[{at}]", turn.extra)
            for number, part in enumerate(turn.parts):
                if getattr(part, "extra", None):
                    self._note_extra(place_of(at, number), getattr(part, "extra", {}))
                if type(part) is ToolCallResponse:
                    for inner, piece in enumerate(part.response):
                        if getattr(piece, "extra", None):
                            field = f"{place_of(at, number)}.response[{inner}]"
                            self._note_extra(field, getattr(piece, "extra", {}))
        for at, text in enumerate(self._prompt.instructions):
            self._note_extra(f"instructions[{at}]", text.extra)

    def _note_extra(self, field: str, extra: JsonObject) -> None:
        for name in extra:
            dropped(self._notes, f"{field}.extra.{name[:60]}", f"{self._quirks.name} does not define it.")

    def _write_plain(self, message: Message, written: list[JsonObject]) -> None:
        parts = self._parts.sendable(message.parts)
        if not parts:
            return
        role = self._system if message.role == "system" else message.role
        if message.role == "system":
            for placed in parts:
                if type(placed.part) is not Text:
                    raise refusal(placed.field, "Instructions are text only.")
        written.append({"role": role, "content": self._parts.content(parts), **self._name(message)})

    def _name(self, message: Message) -> JsonObject:
        if message.name is None:
            return {}
        if not self._quirks.participants:
            dropped(self._notes, message.field + ".name", f"{self._quirks.name} does not tell participants apart.")
            return {}
        return {"name": message.name}

    # -- assistant ----------------------------------------------------------------------------------------------------

    def _write_assistant(self, message: Message, written: list[JsonObject]) -> None:
        quirks = self._quirks
        thoughts = [placed for placed in message.parts if type(placed.part) is Reasoning]
        calls = [placed for placed in message.parts if type(placed.part) is ToolCall]
        said = self._parts.sendable(
            [placed for placed in message.parts if type(placed.part) not in (Reasoning, ToolCall, Audio)]
        )
        for placed in said:
            if type(placed.part) not in _OF_ASSISTANT:
                raise refusal(placed.field, f"{quirks.name} takes text only from the assistant.")
        self._note_order(message)
        told: JsonObject = {"role": "assistant"}
        if said or (thoughts and quirks.replay == "content"):
            told.update(self._said(said, thoughts))
        elif calls and quirks.content_of_calls is not None:
            told["content"] = quirks.content_of_calls
        told.update(self._name(message))
        told.update(self._reasoning(message, thoughts))
        for placed in message.parts:
            if type(placed.part) is Audio:
                told["audio"] = {"id": self._audio_id(placed.field, placed.part)}
        if calls:
            told["tool_calls"] = [self._call(placed) for placed in calls]
        if any(told.get(name) for name in _SAYING):
            if not calls and "audio" not in told:
                told.setdefault("content", "")
            written.append(told)

    def _said(self, said: Sequence[Placed], thoughts: Sequence[Placed]) -> JsonObject:
        """The content, with Mistral's reasoning in it."""
        if len(said) == 1 and type(said[0].part) is Refusal and self._quirks.maker == "openai":
            return {"content": None, "refusal": said[0].part.text}
        content = self._parts.content(said) if said else ""
        if not thoughts or self._quirks.replay != "content":
            return {"content": content}
        parts = [self._thinking(placed) for placed in thoughts]
        if type(content) is list:
            parts += content
        elif content:
            parts.append({"type": "text", "text": content})
        return {"content": [part for part in parts if part]}

    def _thinking(self, placed: Placed) -> JsonObject:
        text = self._text_of(placed)
        if not text:
            return {}
        return {"type": "thinking", "thinking": [{"type": "text", "text": text}], "closed": True}

    def _text_of(self, placed: Placed) -> str:
        """The text of a part that is sent as text alone."""
        part = placed.part
        if type(part) is not Reasoning:
            return ""
        if not part.text:
            dropped(self._notes, placed.field, f"{self._quirks.name} cannot read it.")
        elif part.opaque is not None:
            dropped(self._notes, placed.field + ".opaque", f"{self._quirks.name} takes no signatures.")
        return part.text

    def _reasoning(self, message: Message, thoughts: Sequence[Placed]) -> JsonObject:
        """The members for reasoning, if the target has any."""
        quirks = self._quirks
        if quirks.replay == "details":
            ids = self._ids
            sent = {
                placed.part.id: ids.fit(placed.part.id, placed.field) if ids is not None else placed.part.id
                for placed in message.parts
                if isinstance(placed.part, ToolCall)
            }
            self._note_signatures(message)
            details = write_details([placed.part for placed in message.parts], sent)
            return {"reasoning_details": details} if details else {}
        if quirks.replay == "content":
            return {}
        if quirks.replay is None or (quirks.replay_needed is not None and not self._thinks):
            for placed in thoughts:
                dropped(self._notes, placed.field, f"{quirks.name} is sent no earlier reasoning here.")
            return {}
        text = "\n".join(filter(None, map(self._text_of, thoughts)))
        return {quirks.replay: text} if text or self._thinks else {}

    def _note_signatures(self, message: Message) -> None:
        """Google's signatures name their calls in details, and no other part: of a message without calls, one is known
        to be that of the last text. Note each turn with another one."""
        parts = message.parts
        called = any(type(placed.part) is ToolCall for placed in parts)
        told: set[str] = set()
        for at, placed in enumerate(parts):
            part, turn = placed.part, placed.field.rpartition("[")[0]
            if not isinstance(part, Text | Reasoning) or part.opaque is None or part.opaque.maker != "google":
                continue
            if turn not in told and (called or type(part) is Reasoning or at < len(parts) - 1):
                told.add(turn)
                mapped(self._notes, turn, "A signature of Google's is sent, but not which part it is of.")

    def _note_order(self, message: Message) -> None:
        """Texts stand in front of calls: note one that stood behind."""
        called = False
        for placed in message.parts:
            if type(placed.part) is ToolCall:
                called = True
            elif called and type(placed.part) in _OF_ASSISTANT:
                mapped(self._notes, placed.field, "It is sent in front of the calls of its message.")

    def _audio_id(self, field: str, part: Audio) -> str:
        if type(part.source) is UploadedFile and part.source.maker == self._quirks.maker:
            return part.source.file_id
        raise refusal(field, f"{self._quirks.name} takes sound of the assistant only if it made it.")

    def _call(self, placed: Placed) -> JsonObject:
        call, field, quirks = placed.part, placed.field, self._quirks
        assert isinstance(call, ToolCall)
        if call.opaque is not None and quirks.replay != "details":
            dropped(self._notes, field + ".opaque", f"{quirks.name} takes no signatures.")
        if call.cache is not None:
            dropped(self._notes, field + ".cache", f"{quirks.name} has no mark at a call.")
        own_id = self._ids.fit(call.id, field) if self._ids is not None else call.id
        name = self._names.fit(call.name, field)
        if call.custom and quirks.custom_tools:
            return {"id": own_id, "type": "custom", "custom": {"name": name, "input": call.arguments}}
        arguments = call.arguments
        if call.custom:
            arguments = json_text(arguments_object(call, self._notes, field), field)
        elif not arguments:
            arguments = self._no_arguments
        return {"id": own_id, "type": "function", "function": {"name": name, "arguments": arguments}}

    # -- results ------------------------------------------------------------------------------------------------------

    def _write_results(self, message: Message, written: list[JsonObject]) -> None:
        media: list[JsonObject] = []
        for placed in message.parts:
            if isinstance(placed.part, ToolCallResponse):
                written.append(self._result(placed.field, placed.part, media))
        if media:
            written.append({"role": "user", "content": media})

    def _result(self, field: str, result: ToolCallResponse, media: list[JsonObject]) -> JsonObject:
        quirks = self._quirks
        if result.is_error:
            mapped(self._notes, field + ".is_error", f"{quirks.name} has no mark for it; only the text tells.")
        parts = self._parts.sendable(
            [Placed(f"{field}.response[{number}]", part) for number, part in enumerate(result.response)]
        )
        texts = [placed for placed in parts if self._parts.is_text(placed.part)]
        others = [placed for placed in parts if not self._parts.is_text(placed.part)]
        last = texts[-1].part if texts else None
        if isinstance(last, Text) and result.cache is not None:
            marked = Text(last.text, last.cache or result.cache, last.opaque)
            texts[-1] = Placed(texts[-1].field, marked)
        elif result.cache is not None:
            dropped(self._notes, field + ".cache", f"{quirks.name} has no mark for it here.")
        own_id = self._ids.fit(result.id, field) if self._ids is not None else result.id
        told: JsonObject = {"role": "tool", "tool_call_id": own_id, "content": self._parts.content(texts)}
        if quirks.result_names and result.name is not None:
            told["name"] = self._names.fit(result.name, field)
        if others:
            mapped(self._notes, field, "Results of tools are text; its media follow in a message of the user.")
            media.append({"type": "text", "text": f"From the result of tool call {own_id}:"})
            media.extend(self._parts.write(placed) for placed in others)
        return told


def _ends_with_assistant(prompt: Prompt, plain: Plain | None) -> bool:
    if plain is not None:
        return type(plain.items[-1]) is Answered
    return bool(prompt.turns) and prompt.turns[-1].role == "assistant"
