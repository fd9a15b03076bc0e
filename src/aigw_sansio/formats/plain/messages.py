"""The messages of plain conversations as each client's format writes them, for ``msgspec`` to read them as values.

Data only. A message that holds anything else is none of these, and then the conversation is not plain. What is here is
read in C, from JSON or from its values, without a look at each member. Chat Completions write items as they are
(:mod:`.conversation`).
"""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET

from ...prompt import JsonObject
from .conversation import Answered, Asked, Result, Said


class RequestText(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of the requests as JSON. Others than these have members beside their conversation that few have: these are
    read as values first."""

    model: Any = UNSET
    stream: Any = UNSET
    temperature: Any = UNSET
    tool_choice: Any = UNSET
    tools: Any = UNSET
    top_p: Any = UNSET


class _Message(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of what a client writes."""


# -- Chat Completions -------------------------------------------------------------------------------------------------


class System(_Message, frozen=True, tag_field="role", tag="system"):
    """An instruction."""

    content: Said


class Developer(_Message, frozen=True, tag_field="role", tag="developer"):
    """Likewise, for models that reason."""

    content: Said


class ChatBody(msgspec.Struct, frozen=True):
    """A request of Chat Completions, but for its settings."""

    messages: list[System | Developer | Asked | Answered | Result]


class ChatText(RequestText, frozen=True, kw_only=True):
    """A request of Chat Completions as JSON."""

    messages: list[System | Developer | Asked | Answered | Result]
    max_completion_tokens: Any = UNSET
    max_tokens: Any = UNSET
    parallel_tool_calls: Any = UNSET
    reasoning_effort: Any = UNSET
    response_format: Any = UNSET
    stop: Any = UNSET
    stream_options: Any = UNSET
    user: Any = UNSET


# -- Anthropic Messages -----------------------------------------------------------------------------------------------


class TextBlock(_Message, frozen=True, tag_field="type", tag="text"):
    """A text."""

    text: Said


class UseBlock(_Message, frozen=True, tag_field="type", tag="tool_use"):
    """A call of a tool."""

    id: Said
    name: Said
    input: JsonObject


class ResultBlock(_Message, frozen=True, tag_field="type", tag="tool_result"):
    """What a tool answered."""

    tool_use_id: Said
    content: Said | Annotated[list[TextBlock], msgspec.Meta(min_length=1, max_length=1)]
    is_error: bool | None = None


class FromUser(_Message, frozen=True, tag_field="role", tag="user"):
    """A message of the user, or results."""

    content: Said | Annotated[list[TextBlock | ResultBlock], msgspec.Meta(min_length=1)]


class FromAssistant(_Message, frozen=True, tag_field="role", tag="assistant"):
    """A message of the assistant."""

    content: Said | Annotated[list[TextBlock | UseBlock], msgspec.Meta(min_length=1)]


class AnthropicBody(msgspec.Struct, frozen=True):
    """A request of Anthropic Messages, but for its settings."""

    messages: list[FromUser | FromAssistant]


class AnthropicText(RequestText, frozen=True, kw_only=True):
    """A request of Anthropic Messages as JSON."""

    messages: list[FromUser | FromAssistant]
    max_tokens: Any = UNSET
    metadata: Any = UNSET
    stop_sequences: Any = UNSET
    system: Any = UNSET
    thinking: Any = UNSET
    top_k: Any = UNSET


# -- OpenAI Responses -------------------------------------------------------------------------------------------------


class OneText(_Message, frozen=True):
    """A part of content."""

    type: Literal["input_text", "output_text", "text"]
    text: Said


Content: TypeAlias = Said | Annotated[list[OneText], msgspec.Meta(min_length=1, max_length=1)]


class InputItem(_Message, frozen=True):
    """An item of any kind: a message may leave out its type, so no member tells the kinds apart."""

    type: Literal["message", "function_call", "function_call_output"] = "message"
    role: Literal["user", "assistant"] | None = None
    content: Content | None = None
    call_id: Said | None = None
    name: Said | None = None
    arguments: str | None = None
    output: Content | None = None


class ResponsesBody(msgspec.Struct, frozen=True):
    """A request of OpenAI Responses, but for its settings."""

    input: list[InputItem]


class ResponsesText(RequestText, frozen=True, kw_only=True):
    """A request of OpenAI Responses as JSON."""

    input: list[InputItem]
    include: Any = UNSET
    instructions: Any = UNSET
    max_output_tokens: Any = UNSET
    parallel_tool_calls: Any = UNSET
    reasoning: Any = UNSET
    store: Any = UNSET
    text: Any = UNSET
