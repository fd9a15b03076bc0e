"""The provider-neutral request: what a client asks a model for, in no provider's words.

Data only. A format reads a request of its own into a :class:`Prompt`, or writes one from it. Must not know: any
provider's format.

Names are those of the OpenTelemetry GenAI conventions, if they have one. Three rules keep what is easily lost. The
arguments of a tool call stay the text that the model wrote. Data that only its maker understands (:class:`Opaque`)
says who made it, and goes back to that vendor only. What a format defines and no other has is kept as
:class:`Native`, and is never flattened into text.

All are immutable and compare by value. ``maker`` is always the vendor of a model family: ``openai``, ``anthropic``,
``google``, ``amazon``, ``cohere``, ``mistral`` and so on. A Claude model makes ``anthropic`` data wherever it runs.
``extra`` of a part, a turn or a tool holds those members of it that only ``maker`` of the prompt defines: citations of
a text, who called a tool.
``item`` of a part holds members of the item of OpenAI Responses that it came from: ids, phases. Nobody else needs them,
so it is no loss to leave them out. Those of a message stand at its first part.
"""

from typing import Final, Literal, TypeAlias, get_args

import msgspec

JsonObject: TypeAlias = dict[str, object]


class _Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of the values without a tag."""


class _Part(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """Base of what a turn is made of."""


class CacheMark(_Value, frozen=True):
    """The prompt up to here may be cached. ``ttl`` is how long, as providers write it: ``5m``, ``30m``, ``1h``."""

    ttl: str | None = None


class Opaque(_Value, frozen=True):
    """Data that only its maker can read: a signature, or reasoning in encrypted form. It goes back byte for byte."""

    maker: str
    data: str


# --------------------------------------------------------------------------------------------------------------
# Where media are


class Blob(_Value, frozen=True, tag="blob", tag_field="type"):
    """Media in the request itself. ``content`` is base64 (RFC 4648, section 4), ``mime_type`` as in ``image/png``."""

    content: str
    mime_type: str


class Uri(_Value, frozen=True, tag="uri", tag_field="type"):
    """Media that the provider fetches: ``https:``, ``gs:``, ``s3:``."""

    uri: str
    mime_type: str | None = None


class UploadedFile(_Value, frozen=True, tag="file", tag_field="type"):
    """Media that were uploaded to ``maker`` before."""

    file_id: str
    maker: str
    mime_type: str | None = None


class PlainText(_Value, frozen=True, tag="text", tag_field="type"):
    """A file whose content is given as text."""

    text: str


Source: TypeAlias = Blob | Uri | UploadedFile

# --------------------------------------------------------------------------------------------------------------
# Parts of a turn


class Text(_Part, frozen=True, tag="text"):
    """Text, never empty. ``opaque`` came with it and goes back with it (Gemini's thought signature)."""

    text: str
    cache: CacheMark | None = None
    opaque: Opaque | None = None
    extra: JsonObject = {}
    item: JsonObject = {}


class Image(_Part, frozen=True, tag="image"):
    """A picture. ``detail`` is how closely to look at it: ``low``, ``high``, ``auto``."""

    source: Source
    detail: str | None = None
    cache: CacheMark | None = None
    extra: JsonObject = {}


class Audio(_Part, frozen=True, tag="audio"):
    """A sound."""

    source: Source
    cache: CacheMark | None = None


class Video(_Part, frozen=True, tag="video"):
    """A film."""

    source: Source
    cache: CacheMark | None = None


class File(_Part, frozen=True, tag="file"):
    """A document. ``name`` is its file name or title; ``context`` says what it is; ``citations``: it may be quoted."""

    source: Source | PlainText
    name: str | None = None
    context: str | None = None
    citations: bool = False
    cache: CacheMark | None = None
    extra: JsonObject = {}


class Reasoning(_Part, frozen=True, tag="reasoning"):
    """What the model thought. ``text`` may be empty if only ``opaque`` came.

    ``summary``: the text is a summary of it. ``redacted``: the provider hid it, ``opaque`` is all there is. ``id`` is
    its maker's, if it gave one; it goes back with ``opaque``.
    """

    text: str = ""
    opaque: Opaque | None = None
    summary: bool = False
    redacted: bool = False
    id: str | None = None


class Refusal(_Part, frozen=True, tag="refusal"):
    """The text in which the model declined."""

    text: str
    item: JsonObject = {}


class ToolCall(_Part, frozen=True, tag="tool_call"):
    """The model called a tool.

    ``arguments`` is the JSON text that the model wrote, or any text if ``custom``: a tool with free input. ``id`` pairs
    it with its response; a reader of a format without ids makes one. ``opaque`` goes back with it (Gemini).
    """

    id: str
    name: str
    arguments: str = ""
    custom: bool = False
    cache: CacheMark | None = None
    opaque: Opaque | None = None
    extra: JsonObject = {}
    item: JsonObject = {}


class ToolCallResponse(_Part, frozen=True, tag="tool_call_response"):
    """What a tool answered. ``name`` is the tool's, if the format tells it or the call is in the same request."""

    id: str
    response: tuple["ResponsePart", ...] = ()
    name: str | None = None
    is_error: bool = False
    custom: bool = False
    cache: CacheMark | None = None
    extra: JsonObject = {}
    item: JsonObject = {}


class Native(_Part, frozen=True, tag="native"):
    """A block that only ``maker`` defines, as it came: only ``maker`` can be sent it again. ``format`` is the one that
    defines it, if ``maker`` has several: a part of a chat message is no item of OpenAI Responses."""

    maker: str
    value: JsonObject
    format: str = ""


ResponsePart: TypeAlias = Text | Image | Audio | Video | File | Native
Part: TypeAlias = Text | Image | Audio | Video | File | Reasoning | Refusal | ToolCall | ToolCallResponse | Native

Role: TypeAlias = Literal["user", "assistant", "system", "tool"]


class Turn(_Value, frozen=True):
    """One message. A ``tool`` turn holds :class:`ToolCallResponse` only, and no other turn holds any; a ``system`` turn
    is an instruction in the middle of the conversation. ``name`` tells participants of one role apart."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    extra: JsonObject = {}


# --------------------------------------------------------------------------------------------------------------
# Tools


class FunctionTool(_Part, frozen=True, tag="function"):
    """A function that the client runs. ``parameters`` is its JSON Schema, ``None`` if it takes none.

    ``strict``: the arguments must fit the schema; ``None`` if the client said nothing.
    """

    name: str
    description: str = ""
    parameters: JsonObject | None = None
    strict: bool | None = None
    cache: CacheMark | None = None
    extra: JsonObject = {}


class CustomTool(_Part, frozen=True, tag="custom"):
    """A tool with free text for its input. ``format`` is the grammar of that text, as OpenAI writes it."""

    name: str
    description: str = ""
    format: JsonObject | None = None


class NativeTool(_Part, frozen=True, tag="native"):
    """A tool that ``maker`` runs itself (web search, code execution), as it came. ``format`` as in :class:`Native`."""

    maker: str
    value: JsonObject
    format: str = ""


Tool: TypeAlias = FunctionTool | CustomTool | NativeTool


class ToolChoice(_Value, frozen=True):
    """Whether the model may, must not or must call tools, and which: ``names``, or all if there are none. One name and
    ``required`` is a named tool."""

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()


# --------------------------------------------------------------------------------------------------------------
# The request


class OutputFormat(_Value, frozen=True):
    """The form of the response: JSON of any kind, or JSON that fits ``schema``."""

    type: Literal["json_object", "json_schema"]
    name: str | None = None
    schema: JsonObject | None = None
    strict: bool | None = None
    description: str | None = None


Effort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
#: All of them, the least first.
EFFORTS: Final[tuple[Effort, ...]] = get_args(Effort)


class ReasoningSettings(_Value, frozen=True):
    """How much the model thinks, and what is shown of it.

    ``effort`` in words, or ``budget_tokens`` of thinking; ``none`` switches it off. ``adaptive``: the model decides.
    ``summary`` is how it is summed up (``auto``, ``concise``, ``detailed``); ``visible``: whether it is sent at all.
    """

    effort: Effort | None = None
    budget_tokens: int | None = None
    adaptive: bool = False
    summary: str | None = None
    visible: bool | None = None


class Prompt(_Value, frozen=True, kw_only=True):
    """A whole request. ``None`` and empty mean that the client said nothing.

    ``model`` is the provider's own name of it. ``instructions`` stand before all ``turns``. ``logprobs`` is the number
    of alternatives to tell with each token, 0 for the token's own alone. ``choice_count`` is OpenAI's ``n``.
    ``extra`` holds members that only ``maker``, the vendor of the format that was read, defines; ``service_tier`` is a
    word of that vendor too.
    """

    model: str = ""
    instructions: tuple[Text, ...] = ()
    turns: tuple[Turn, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputFormat | None = None
    modalities: tuple[str, ...] = ()
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    stop_sequences: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: int | None = None
    choice_count: int | None = None
    verbosity: str | None = None
    reasoning: ReasoningSettings | None = None
    cache: CacheMark | None = None
    cache_key: str | None = None
    metadata: dict[str, str] = {}
    end_user: str | None = None
    service_tier: str | None = None
    stream: bool = False
    include_usage: bool = False
    store: bool | None = None
    previous_response_id: str | None = None
    maker: str = ""
    extra: JsonObject = {}
