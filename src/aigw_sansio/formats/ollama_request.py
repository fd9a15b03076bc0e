"""Requests of Ollama's own chat.

Decides: how a prompt is said to Ollama, and what of it cannot be. Must not know: the response, or any client's format.

Source: Ollama API reference, "Generate a chat completion". A message is one text with a list of images beside it.
Nothing makes the model call a tool, and a choice of some is said by sending only those. ``think`` is yes or no; the
gpt-oss models take a word.
"""

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Final

from ..prompt import (
    Blob,
    Image,
    JsonObject,
    Prompt,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
)
from .few_members import functions_of, note_marks, refusal_as_text, schema_alone, unplaced
from .plain.conversation import Asked, Plain, Result, arguments_of
from .refusing import RequestRefused, accepted, refusal
from .request_tools import (
    arguments_object,
    chosen_tools,
    drop_names,
    drop_unsupported,
    dropped,
    effort_of,
    mapped,
    place_of,
    put_extra,
)
from .translation import Note, Refused, WireRequest
from .usual import Calls, look_at
from .values import parse_text

_TARGET: Final = "Ollama"
_SUPPORTED: Final = frozenset(
    {
        "tools", "tool_choice", "output", "max_tokens", "temperature", "top_p", "top_k", "min_p", "stop_sequences",
        "seed", "presence_penalty", "frequency_penalty", "repetition_penalty", "logprobs", "reasoning",
    }
)  # fmt: skip
#: What a model that takes words for ``think`` makes of an effort.
_WORDS: Final = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}

#: The members of ``options``, by the fields that they are.
_OPTIONS: Final = (
    "num_predict", "temperature", "top_p", "top_k", "min_p", "stop", "seed", "presence_penalty", "frequency_penalty",
    "repeat_penalty",
)  # fmt: skip
_options: Final[Callable[[Prompt], tuple[object, ...]]] = attrgetter(
    "max_tokens", "temperature", "top_p", "top_k", "min_p", "stop_sequences", "seed", "presence_penalty",
    "frequency_penalty", "repetition_penalty",
)  # fmt: skip


def write_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """``prompt`` for ``POST api/chat``. Losses go to ``notes``; refused if the response would not be what was asked
    for."""
    try:
        return _Writer(prompt, notes).write(plain)
    except RequestRefused as failure:
        return failure.refused


class _Writer:
    """Writes one request."""

    __slots__ = ("messages", "notes", "prompt")

    def __init__(self, prompt: Prompt, notes: list[Note]) -> None:
        self.prompt = prompt
        self.notes = notes
        self.messages: list[object] = []

    def write(self, plain: Plain | None) -> WireRequest | Refused:
        prompt, notes = self.prompt, self.notes
        looked = look_at(prompt.turns)
        refused = drop_unsupported(prompt, looked, notes, _SUPPORTED, _TARGET)
        if refused is not None:
            return refused
        note_marks(prompt, looked, notes, _TARGET)
        drop_names(looked, notes, _TARGET)
        # each instruction is a message of its own: a message is one text
        self.messages += [{"role": "system", "content": part.text} for part in prompt.instructions if part.text]
        if plain is not None:
            _write_plain(plain, self.messages)
        turns, append = prompt.turns, self.messages.append
        for at, shape in enumerate(looked.shapes):
            if type(shape) is str:
                append({"role": turns[at].role, "content": shape})
            elif type(shape) is tuple:
                append(self.said(shape, at))
            elif type(shape) is list:
                for result, text in shape:
                    message: JsonObject = {"role": "tool", "content": text, "tool_call_id": result.id}
                    if result.name is not None:
                        message["tool_name"] = result.name
                    append(message)
            else:
                self.put_turn(turns[at], f"turns[{at}]")
        # without the member Ollama streams
        body: JsonObject = {"model": prompt.model, "messages": self.messages, "stream": prompt.stream}
        self.put_tools(body)
        self.put_settings(body)
        put_extra(prompt, notes, body, "ollama", _TARGET)
        return WireRequest(method="POST", path="api/chat", headers=(), body=body)

    # -- messages -----------------------------------------------------------------------------------------------------

    def said(self, shape: Calls, at: int) -> JsonObject:
        """The message of a text and calls, of which only arguments may have to be noted."""
        text, called = shape
        calls: list[object] = []
        for number, call in enumerate(called, 1 if text else 0):
            given = parse_text(call.arguments)
            if type(given) is not dict:
                given = arguments_object(call, self.notes, place_of(at, number))
            calls.append({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": given}})
        return {"role": "assistant", "content": text, "tool_calls": calls}

    def put_turn(self, turn: Turn, field: str) -> None:
        if turn.role == "tool":
            for number, part in enumerate(turn.parts):
                self.put_response(part, f"{field}.parts[{number}]")
            return
        texts: list[str] = []
        images: list[object] = []
        thoughts: list[str] = []
        calls: list[object] = []
        for number, part in enumerate(turn.parts):
            place = f"{field}.parts[{number}]"
            if isinstance(part, ToolCall) and turn.role == "assistant":
                calls.append(self.call(part, place))
            elif isinstance(part, Reasoning) and turn.role == "assistant":
                if part.opaque is not None:
                    dropped(self.notes, f"{place}.opaque", "Ollama does not take the signature of a thought.")
                if part.text:
                    thoughts.append(part.text)
            else:
                self.put_part(part, place, texts, images)
        message: JsonObject = {"role": turn.role, "content": self.joined(texts, field)}
        if images:
            message["images"] = images
        if thoughts:
            message["thinking"] = "\n".join(thoughts)
        if calls:
            message["tool_calls"] = calls
        if texts or len(message) > 2:
            self.messages.append(message)

    def put_part(self, part: object, field: str, texts: list[str], images: list[object]) -> None:
        """A text or an image, of a message or of a response."""
        if isinstance(part, Text):
            if part.text:
                texts.append(part.text)
        elif isinstance(part, Refusal):
            texts.append(refusal_as_text(part, self.notes, field, _TARGET))
        elif isinstance(part, Image):
            if not isinstance(part.source, Blob):
                raise refusal(field, "Ollama takes images in the request only, and fetches none.")
            if part.detail is not None:
                dropped(self.notes, f"{field}.detail", "Ollama has no such setting.")
            images.append(part.source.content)
        else:
            unplaced(part, self.notes, field, _TARGET)

    def joined(self, texts: list[str], field: str) -> str:
        if len(texts) > 1:
            mapped(self.notes, field, "A message is one text; its parts are joined with line ends.")
        return "\n".join(texts)

    def call(self, call: ToolCall, field: str) -> JsonObject:
        function = {"name": call.name, "arguments": arguments_object(call, self.notes, field)}
        return {"id": call.id, "type": "function", "function": function}

    def put_response(self, response: object, field: str) -> None:
        if not isinstance(response, ToolCallResponse):
            raise refusal(field, "Only responses of tools belong in a turn of tools.")
        texts: list[str] = []
        images: list[object] = []
        for inner, part in enumerate(response.response):
            self.put_part(part, f"{field}.response[{inner}]", texts, images)
        if response.is_error:
            dropped(self.notes, f"{field}.is_error", "Ollama cannot be told that a tool failed, but by its text.")
        message: JsonObject = {"role": "tool", "content": self.joined(texts, field), "tool_call_id": response.id}
        if response.name is not None:
            message["tool_name"] = response.name
        if images:
            message["images"] = images
        self.messages.append(message)

    # -- settings -----------------------------------------------------------------------------------------------------

    def put_tools(self, body: JsonObject) -> None:
        prompt, notes = self.prompt, self.notes
        choice = prompt.tool_choice
        if choice is not None and choice.mode == "none":
            if prompt.tools:
                mapped(notes, "tool_choice", "Ollama cannot be told to call no tool; none are sent.")
            return
        chosen = accepted(chosen_tools(prompt, notes))
        if choice is not None and choice.mode == "required":
            dropped(notes, "tool_choice.mode", "Nothing makes a model of Ollama call a tool.")
        written: list[object] = []
        for tool, field in functions_of(chosen, prompt, notes):
            if tool.strict:
                dropped(notes, f"{field}.strict", "Ollama does not hold calls to their schema.")
            function: JsonObject = {"name": tool.name, "description": tool.description}
            function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
            written.append({"type": "function", "function": function})
        if written:
            body["tools"] = written

    def put_settings(self, body: JsonObject) -> None:
        prompt = self.prompt
        options: JsonObject = {}
        for name, value in zip(_OPTIONS, _options(prompt), strict=True):
            if value is not None and value != ():
                options[name] = list(value) if type(value) is tuple else value
        if options:
            body["options"] = options
        if prompt.logprobs is not None:
            body["logprobs"] = True
            if prompt.logprobs:
                body["top_logprobs"] = prompt.logprobs
        output = prompt.output
        if output is not None:
            body["format"] = "json" if output.schema is None else output.schema
            schema_alone(output, self.notes, _TARGET)
        self.put_reasoning(body)

    def put_reasoning(self, body: JsonObject) -> None:
        settings, notes = self.prompt.reasoning, self.notes
        if settings is None:
            return
        if settings.summary is not None:
            dropped(notes, "reasoning.summary", "Ollama sends the thoughts themselves.")
        if settings.visible is False:
            dropped(notes, "reasoning.visible", "Ollama always sends the thoughts.")
        effort = settings.effort
        if effort is None and settings.budget_tokens is not None:
            effort = effort_of(settings.budget_tokens)
        elif settings.budget_tokens is not None:
            dropped(notes, "reasoning.budget_tokens", "Ollama takes no budget of thinking.")
        if effort is None:
            if settings.adaptive:
                body["think"] = True
            return
        if effort == "none":
            body["think"] = False
            return
        word = _WORDS[effort] if "gpt-oss" in self.prompt.model else True
        body["think"] = word
        if word != settings.effort:
            field = "reasoning.budget_tokens" if settings.effort is None else "reasoning.effort"
            mapped(notes, field, "This model takes another measure of how much it thinks.")


def _write_plain(plain: Plain, messages: list[object]) -> None:
    """Append a plain conversation to ``messages``. Raises ``NotPlain``."""
    append = messages.append
    tools: Iterator[str] = iter(())
    for item in plain.items:
        if type(item) is Asked:
            append({"role": "user", "content": item.text})
        elif type(item) is Result:
            append({"role": "tool", "content": item.text, "tool_call_id": item.id, "tool_name": next(tools)})
        else:
            if not item.calls:
                append({"role": "assistant", "content": item.text})
                continue
            calls: list[object] = []
            called: list[str] = []
            for call in item.calls:
                function = call.function
                named = {"name": function.name, "arguments": arguments_of(function)}
                calls.append({"id": call.id, "type": "function", "function": named})
                called.append(function.name)
            tools = iter(called)
            append({"role": "assistant", "content": item.text or "", "tool_calls": calls})
