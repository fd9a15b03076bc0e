"""Fast path for the commonest chunk: an OpenAI chat chunk with one choice and one piece of text.

Decides: whether a chunk has that form, with one typed decoding that skips every other member. Must not know: the chunks
before it. :mod:`.chat` reads all other chunks; for these chunks it gives the same events
(``tests/unit/formats/openai/test_text_chunk.py``) at about twice the cost (``tests/benchmarks/tap.py``).
"""

from typing import Final

import msgspec

from ...events import TextDelta
from ...json_text import UNREADABLE
from ..base import CHOICES


class _Delta(msgspec.Struct, gc=False):
    # all other members of a delta must be null, or the chunk is declined
    content: str
    reasoning_content: None = None
    reasoning: None = None
    reasoning_details: None = None
    tool_calls: None = None
    function_call: None = None
    refusal: None = None
    audio: None = None
    annotations: None = None
    images: None = None
    extra_content: None = None
    thinking: None = None
    thinking_blocks: None = None
    reasoning_text: None = None
    reasoning_opaque: None = None
    reasoning_signature: None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta
    index: int | None = None
    finish_reason: str | None = None
    usage: None = None
    error: None = None


class _TextChunk(msgspec.Struct, gc=False):
    choices: tuple[_Choice]
    usage: dict[str, object] | None = None  # often present (Perplexity); decoding it costs less than refusing it
    citations: list[object] | None = None
    error: None = None
    errors: None = None
    x_groq: None = None


_decode: Final = msgspec.json.Decoder(_TextChunk).decode


def read_text_chunk(data: bytes) -> TextDelta | None:
    """The text in ``data``, if it means nothing else; ``None`` if it has to be read in full. Never raises."""
    try:
        chunk = _decode(data)
    except UNREADABLE:
        return None
    (choice,) = chunk.choices
    if choice.finish_reason is not None or chunk.usage is not None or chunk.citations is not None:
        return None
    index, content = choice.index or 0, choice.delta.content
    return TextDelta(content, index) if content and 0 <= index < CHOICES else None
