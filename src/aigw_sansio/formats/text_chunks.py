"""Fast paths for the commonest chunk of each format: a piece of text, and nothing else.

Decides: whether a chunk of Anthropic, Cohere, Gemini, Ollama or OpenAI Responses has that form, with one typed decoding
that skips every other member. Must not know: the chunks before it. The readers of the formats read all other chunks;
for these they give the same events (``tests/unit/formats/test_text_chunks.py``) at twice the cost. For Chat
Completions see :mod:`.openai.text_chunk`.
"""

from typing import Final, Literal

import msgspec

from ..json_text import UNREADABLE
from .values import JsonObject


class _AnthropicText(msgspec.Struct, gc=False):
    type: Literal["text_delta"]
    text: str


class _AnthropicDelta(msgspec.Struct, gc=False):
    type: Literal["content_block_delta"]
    delta: _AnthropicText


class _ResponsesDelta(msgspec.Struct, gc=False):
    type: Literal["response.output_text.delta"]
    delta: str
    output_index: object = None


class _CohereText(msgspec.Struct, gc=False):
    text: str
    thinking: None = None


class _CohereMessage(msgspec.Struct, gc=False):
    content: _CohereText


class _CohereChange(msgspec.Struct, gc=False):
    message: _CohereMessage


class _CohereDelta(msgspec.Struct, gc=False):
    type: Literal["content-delta"]
    delta: _CohereChange


class _OllamaMessage(msgspec.Struct, gc=False):
    # all other members of a message must be null, or the chunk is declined
    content: str
    thinking: None = None
    tool_calls: None = None
    images: None = None


class _OllamaLine(msgspec.Struct, gc=False):
    message: _OllamaMessage
    done: bool = False
    thinking: None = None
    error: None = None


class _GeminiPart(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    text: str


class _GeminiContent(msgspec.Struct, gc=False):
    parts: tuple[_GeminiPart]


class _GeminiCandidate(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    content: _GeminiContent
    index: object = 0


class _GeminiChunk(msgspec.Struct, gc=False, forbid_unknown_fields=True, rename="camel"):
    candidates: tuple[_GeminiCandidate]
    usage_metadata: JsonObject | None = None
    model_version: object = None
    response_id: object = None


_anthropic: Final = msgspec.json.Decoder(_AnthropicDelta).decode
_responses: Final = msgspec.json.Decoder(_ResponsesDelta).decode
_cohere: Final = msgspec.json.Decoder(_CohereDelta).decode
_ollama: Final = msgspec.json.Decoder(_OllamaLine).decode
_gemini: Final = msgspec.json.Decoder(_GeminiChunk).decode


def anthropic_text(data: bytes) -> str:
    """The text in ``data``; empty if it has to be read in full. Never raises."""
    try:
        return _anthropic(data).delta.text
    except UNREADABLE:
        return ""


def responses_text(data: bytes) -> tuple[str, object]:
    """Likewise, with the index of the item that it is of."""
    try:
        event = _responses(data)
    except UNREADABLE:
        return "", None
    return event.delta, event.output_index


def cohere_text(data: bytes) -> str:
    """Likewise."""
    try:
        return _cohere(data).delta.message.content.text
    except UNREADABLE:
        return ""


def ollama_text(data: bytes) -> str:
    """Likewise."""
    try:
        line = _ollama(data)
    except UNREADABLE:
        return ""
    return "" if line.done else line.message.content


def gemini_text(data: bytes) -> tuple[str, JsonObject | None]:
    """Likewise, for the text of the first candidate; with the usage beside it, if there is some."""
    try:
        chunk = _gemini(data)
    except UNREADABLE:
        return "", None
    candidate = chunk.candidates[0]
    if type(candidate.index) is not int or candidate.index != 0:
        return "", None
    return candidate.content.parts[0].text, chunk.usage_metadata
