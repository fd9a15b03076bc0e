"""Requests of Cohere's Chat, version 2.

Decides: how a prompt is said to Cohere, and what of it cannot be. Must not know: the response, or any client's format.

Source: Cohere API reference, "Chat (v2)". Files have their place beside the messages (``documents``); text beside tool
calls is the plan of them (``tool_plan``). A choice of one tool is said by sending only that tool.
"""

from typing import Final

from ..prompt import (
    Blob,
    File,
    FunctionTool,
    Image,
    JsonObject,
    Prompt,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
    Uri,
)
from .few_members import functions_of, note_marks, refusal_as_text, schema_alone, unplaced
from .plain.conversation import Asked, NotPlain, Plain, Result
from .refusing import RequestRefused, accepted, refusal
from .request_tools import (
    EFFORT_TOKENS,
    chosen_tools,
    clamp,
    clamp_list,
    clamped,
    data_url,
    drop_names,
    drop_unsupported,
    dropped,
    file_as_text,
    input_arguments,
    mapped,
    put_extra,
)
from .translation import Note, Refused, WireRequest
from .usual import look_at

_TARGET: Final = "Cohere"
_SUPPORTED: Final = frozenset(
    {
        "tools", "tool_choice", "output", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "seed",
        "presence_penalty", "frequency_penalty", "logprobs", "reasoning",
    }
)  # fmt: skip
_MOST_STOPS: Final = 5


def write_request(prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
    """``prompt`` for ``POST v2/chat``. Losses go to ``notes``; refused if the response would not be what was asked
    for."""
    try:
        return _Writer(prompt, notes).write(plain)
    except RequestRefused as failure:
        return failure.refused


class _Writer:
    """Writes one request."""

    __slots__ = ("documents", "notes", "prompt")

    def __init__(self, prompt: Prompt, notes: list[Note]) -> None:
        self.prompt = prompt
        self.notes = notes
        self.documents: list[object] = []

    def write(self, plain: Plain | None) -> WireRequest | Refused:
        prompt, notes = self.prompt, self.notes
        looked = look_at(prompt.turns)
        refused = drop_unsupported(prompt, looked, notes, _SUPPORTED, _TARGET)
        if refused is not None:
            return refused
        note_marks(prompt, looked, notes, _TARGET)
        drop_names(looked, notes, _TARGET)
        messages: list[object] = []
        if prompt.instructions:
            messages.append({"role": "system", "content": _texts([part.text for part in prompt.instructions])})
        if plain is not None:
            _write_plain(plain, messages)
        turns = prompt.turns
        for at, shape in enumerate(looked.shapes):
            if type(shape) is str:
                messages.append({"role": turns[at].role, "content": shape})
            elif type(shape) is list:
                for result, text in shape:
                    messages.append({"role": "tool", "tool_call_id": result.id, "content": text})
            elif type(shape) is tuple and not shape[0]:  # a text beside calls is a plan, and that is told
                messages.append({"role": "assistant", "tool_calls": [_call(call) for call in shape[1]]})
            else:
                self.put_turn(turns[at], f"turns[{at}]", messages)
        body: JsonObject = {"model": prompt.model, "messages": messages, "stream": prompt.stream}
        self.put_tools(body)
        self.put_settings(body)
        self.put_reasoning(body)
        if self.documents:
            body["documents"] = self.documents
        put_extra(prompt, notes, body, "cohere", _TARGET)
        return WireRequest(method="POST", path="v2/chat", headers=(), body=body)

    # -- messages -----------------------------------------------------------------------------------------------------

    def put_turn(self, turn: Turn, field: str, messages: list[object]) -> None:
        if turn.role == "tool":
            self.put_responses(turn, field, messages)
        elif turn.role == "assistant":
            self.put_assistant(turn, field, messages)
        else:
            content: list[object] = []
            for number, part in enumerate(turn.parts):
                self.put_input(part, f"{field}.parts[{number}]", content)
            if content:
                messages.append({"role": turn.role, "content": _plain(content)})

    def put_input(self, part: object, field: str, content: list[object]) -> None:
        """A part that goes into the model, from the user or a tool."""
        if isinstance(part, Text):
            if part.text:
                content.append({"type": "text", "text": part.text})
        elif isinstance(part, Image):
            content.append(_image(part, field))
        elif isinstance(part, File):
            self.documents.append(_document(part, field))
            mapped(self.notes, field, "Cohere takes documents beside the messages, not in one.")
        elif isinstance(part, Refusal):
            content.append({"type": "text", "text": refusal_as_text(part, self.notes, field, _TARGET)})
        else:
            unplaced(part, self.notes, field, _TARGET)

    def put_assistant(self, turn: Turn, field: str, messages: list[object]) -> None:
        content: list[object] = []
        plan: list[str] = []
        calls: list[object] = []
        has_calls = any(isinstance(part, ToolCall) for part in turn.parts)
        for number, part in enumerate(turn.parts):
            place = f"{field}.parts[{number}]"
            if isinstance(part, ToolCall):
                calls.append(_call(part))
            elif isinstance(part, Reasoning):
                self.put_thinking(part, place, content)
            elif isinstance(part, Text | Refusal):
                text = part.text if isinstance(part, Text) else refusal_as_text(part, self.notes, place, _TARGET)
                if not text:
                    continue
                if has_calls:
                    plan.append(text)
                    mapped(self.notes, place, "Text beside tool calls is sent as the plan of them.")
                else:
                    content.append({"type": "text", "text": text})
            elif isinstance(part, Image | File):
                raise refusal(place, "Cohere takes no media in a message of the assistant.")
            else:
                unplaced(part, self.notes, place, _TARGET)
        message: JsonObject = {"role": "assistant"}
        if content:
            message["content"] = _plain(content)
        if plan:
            message["tool_plan"] = "\n".join(plan)
        if calls:
            message["tool_calls"] = calls
        if len(message) > 1:
            messages.append(message)

    def put_thinking(self, part: Reasoning, field: str, content: list[object]) -> None:
        if part.opaque is not None:
            dropped(self.notes, f"{field}.opaque", "Cohere does not take the signature of a thought.")
        if part.text:
            content.append({"type": "thinking", "thinking": part.text})

    def put_responses(self, turn: Turn, field: str, messages: list[object]) -> None:
        """One message for each response. What Cohere does not take there follows in a message of the user, after the
        last response."""
        media: list[object] = []
        for number, response in enumerate(turn.parts):
            place = f"{field}.parts[{number}]"
            if not isinstance(response, ToolCallResponse):
                raise refusal(place, "Only responses of tools belong in a turn of tools.")
            content: list[object] = []
            for inner, part in enumerate(response.response):
                spot = f"{place}.response[{inner}]"
                if isinstance(part, Image):
                    media.append(_image(part, spot))
                    mapped(self.notes, spot, "Cohere takes no image from a tool; it is sent as the user's.")
                elif isinstance(part, File):
                    content.append({"type": "document", "document": _document(part, spot)})
                else:
                    self.put_input(part, spot, content)
            if response.is_error:
                dropped(self.notes, f"{place}.is_error", "Cohere cannot be told that a tool failed, but by its text.")
            messages.append({"role": "tool", "tool_call_id": response.id, "content": _plain(content)})
        if media:
            messages.append({"role": "user", "content": media})

    # -- settings -----------------------------------------------------------------------------------------------------

    def put_tools(self, body: JsonObject) -> None:
        prompt, notes = self.prompt, self.notes
        choice = prompt.tool_choice
        mode = choice.mode if choice is not None else "auto"
        tools = prompt.tools
        if mode != "none":
            tools = accepted(chosen_tools(prompt, notes))
        if mode == "required" and not tools:
            raise refusal("tool_choice", "It asks for a call, but the request has no tools.")
        functions = functions_of(tools, prompt, notes)
        if not functions:
            return
        body["tools"] = [_tool(tool) for tool, _ in functions]
        strict = [field for tool, field in functions if tool.strict]
        if len(strict) == len(functions) and all(
            tool.parameters and tool.parameters.get("properties") for tool, _ in functions
        ):
            body["strict_tools"] = True
        else:
            for field in strict:
                dropped(notes, f"{field}.strict", "Cohere holds either all tools to their schemas or none.")
        if mode != "auto":
            body["tool_choice"] = mode.upper()

    def put_settings(self, body: JsonObject) -> None:
        prompt, notes = self.prompt, self.notes
        if prompt.max_tokens is not None:
            body["max_tokens"] = prompt.max_tokens
        for name, field, value, low, high in (
            ("temperature", "temperature", prompt.temperature, 0, 1),
            ("p", "top_p", prompt.top_p, 0.01, 0.99),
            ("k", "top_k", prompt.top_k, 0, 500),
            ("presence_penalty", "presence_penalty", prompt.presence_penalty, 0, 1),
            ("frequency_penalty", "frequency_penalty", prompt.frequency_penalty, 0, 1),
        ):
            if value is not None:
                body[name] = clamp(notes, field, value, low, high, _TARGET)
        if prompt.stop_sequences:
            body["stop_sequences"] = list(
                clamp_list(notes, "stop_sequences", prompt.stop_sequences, _MOST_STOPS, _TARGET)
            )
        if prompt.seed is not None:
            body["seed"] = prompt.seed
        if prompt.logprobs is not None:
            body["logprobs"] = True
            if prompt.logprobs:
                clamped(notes, "logprobs", "Cohere tells the log probability of each token, and of no alternative.")
        output = prompt.output
        if output is not None:
            form: JsonObject = {"type": "json_object"}
            if output.schema is not None:
                form["json_schema"] = output.schema
            schema_alone(output, notes, _TARGET)
            body["response_format"] = form

    def put_reasoning(self, body: JsonObject) -> None:
        settings, notes = self.prompt.reasoning, self.notes
        if settings is None:
            return
        if settings.summary is not None:
            dropped(notes, "reasoning.summary", "Cohere sends the thoughts themselves.")
        if settings.visible is False:
            dropped(notes, "reasoning.visible", "Cohere always sends the thoughts.")
        budget = settings.budget_tokens
        if settings.effort == "none" or budget == 0:
            body["thinking"] = {"type": "disabled"}
            return
        if budget is None and settings.effort is None:
            if settings.adaptive:
                body["thinking"] = {"type": "enabled"}
            return
        if settings.effort is not None:
            mapped(notes, "reasoning.effort", "Cohere takes a budget of tokens.")
            budget = EFFORT_TOKENS[settings.effort] if budget is None else budget
        body["thinking"] = {"type": "enabled", "token_budget": budget}


def _write_plain(plain: Plain, messages: list[object]) -> None:
    """Append a plain conversation to ``messages``. Raises :class:`NotPlain`."""
    append = messages.append
    for item in plain.items:
        if type(item) is Asked:
            append({"role": "user", "content": item.text})
        elif type(item) is Result:
            append({"role": "tool", "tool_call_id": item.id, "content": item.text})
        else:
            if not item.calls:
                append({"role": "assistant", "content": item.text})
                continue
            if item.text:  # beside calls it is a plan, and that is told
                raise NotPlain
            calls: list[JsonObject] = []
            for call in item.calls:
                function = {"name": call.function.name, "arguments": call.function.arguments or "{}"}
                calls.append({"id": call.id, "type": "function", "function": function})
            append({"role": "assistant", "tool_calls": calls})


def _call(call: ToolCall) -> JsonObject:
    arguments = input_arguments(call.arguments) if call.custom else call.arguments or "{}"
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _texts(texts: list[str]) -> object:
    """One text as a string, several as parts."""
    return texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]


def _plain(content: list[object]) -> object:
    """Likewise, for parts: a single text is a string, and so is nothing at all."""
    if not content:
        return ""
    first = content[0]
    if len(content) == 1 and type(first) is dict and first["type"] == "text":
        return first["text"]
    return content


def _image(image: Image, field: str) -> JsonObject:
    source = image.source
    if isinstance(source, Blob):
        url = data_url(source)
    elif isinstance(source, Uri):
        url = source.uri
    else:
        raise refusal(field, "The image was uploaded to another vendor.")
    inner: JsonObject = {"url": url}
    if image.detail is not None:
        inner["detail"] = image.detail
    return {"type": "image_url", "image_url": inner}


def _document(file: File, field: str) -> JsonObject:
    """A file as a document: a free map of texts."""
    text = file_as_text(file)
    if text is None:
        raise refusal(field, "Cohere takes files as text only.")
    data: JsonObject = {"text": text}
    if file.name is not None:
        data["title"] = file.name
    if file.context is not None:
        data["context"] = file.context
    return {"data": data}


def _tool(tool: FunctionTool) -> JsonObject:
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = {"type": "object", "properties": {}} if tool.parameters is None else tool.parameters
    return {"type": "function", "function": function}
