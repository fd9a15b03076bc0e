"""The tap: what a provider's answer means, read beside the byte path.

Decides: which reader a family of formats has, what a chunk is for the commit (content, mere lifecycle, an error),
and, for files, which family a body belongs to. Must not know: any single format (``readings/``), framing
(``bodies/``) or who listens.

A reader never raises and never holds an answer's text, so any body of any size can run through it. The rule of
the commit is client protocol, section 3.3.
"""

import functools
import re
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final, Protocol

from ..bodies.chunk import Chunk
from ..events import (
    AudioDelta,
    Citation,
    ImageDelta,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
)
from .readings.anthropic_messages import AnthropicReader
from .readings.bedrock import BedrockAgentReader, BedrockConverseReader
from .readings.bedrock_invoke import BedrockInvokeReader
from .readings.cohere import CohereV1Reader, CohereV2Reader
from .readings.detection import detect_family
from .readings.gemini import GeminiReader
from .readings.gemini_interactions import GeminiInteractionsReader
from .readings.ollama import OllamaReader
from .readings.openai_chat import OpenAIChatReader
from .readings.openai_other import OpenAIAssistantsReader, OpenAIAudioReader
from .readings.openai_responses import OpenAIResponsesReader
from .readings.speech import CartesiaReader, DeepgramReader, ElevenLabsReader, FalReader
from .readings.text_servers import AlephAlphaReader, ReplicateReader, TGIReader, WatsonxReader
from .readings.unknown import UnknownReader
from .readings.workers_ai import WorkersAIReader


class Reader(Protocol):
    """Reads one answer: ``read`` each chunk of a stream, then ``finish``; or ``read_whole`` once, alone."""

    @property
    def markers(self) -> tuple[bytes, ...]:
        """What an error, usage or an end cannot come without; always the same. After the commit, and while nobody
        listens, a chunk that :func:`worth_reading` denies may be left out; all others must be read."""

    def read(self, chunk: Chunk) -> list[ProviderEvent]:
        """What one chunk means, in order. Never raises, whatever the bytes."""

    def read_whole(self, body: bytes) -> list[ProviderEvent]:
        """What a whole answer means, whatever its status; its end included."""

    def finish(self) -> list[ProviderEvent]:
        """The transport ended cleanly: the ends held back, because usage could still follow them. Do not call it
        for a body that broke off."""


class Weight(IntEnum):
    """What a chunk is for the commit."""

    LIFECYCLE = 0
    CONTENT = 1
    ERROR = 2


LIFECYCLE: Final = Weight.LIFECYCLE
CONTENT: Final = Weight.CONTENT
ERROR: Final = Weight.ERROR

_CONTENT_TYPES: Final = frozenset(
    {
        TextDelta,
        ReasoningDelta,
        ToolCallStarted,
        ToolCallDelta,
        AudioDelta,
        ImageDelta,
        RefusalDelta,
        Citation,
        Unrecognised,
    }
)


def classify(events: Iterable[ProviderEvent]) -> Weight:
    """What a chunk with these events is: an error if it holds one, else content if it holds any."""
    weight = LIFECYCLE
    for event in events:
        kind = type(event)
        if kind is ResponseFailed:
            return ERROR
        if kind in _CONTENT_TYPES:
            weight = CONTENT
    return weight


def is_content(events: Iterable[ProviderEvent]) -> bool:
    """Whether a chunk with these events commits the answer."""
    return classify(events) is CONTENT


def worth_reading(chunk: Chunk, search: Callable[[bytes], object]) -> bool:
    """Whether an unlistened tap must read ``chunk`` after the commit, by the :func:`marker_search` of its reader.
    False positives are harmless."""
    return chunk.failed or chunk.event == "error" or search(chunk.data) is not None


@functools.cache  # one entry a family; one search for all markers costs a third of one search for each
def marker_search(markers: tuple[bytes, ...]) -> Callable[[bytes], object]:
    """A function that finds the first of ``markers`` in some bytes; ``None`` where there is none."""
    return re.compile(b"|".join(map(re.escape, markers)) or b"(?!)").search


_READERS: Final[dict[str, Callable[[], Reader]]] = {
    "openai-chat": OpenAIChatReader,
    "openai-completions": OpenAIChatReader,  # ``choices[].text``: some servers mix the two
    "azure-ai-inference": OpenAIChatReader,
    "openai-responses": OpenAIResponsesReader,
    "openai-audio": OpenAIAudioReader,
    "openai-assistants": OpenAIAssistantsReader,
    "anthropic-messages": AnthropicReader,
    "gemini": GeminiReader,
    "gemini-interactions": GeminiInteractionsReader,
    "bedrock-converse": BedrockConverseReader,
    "bedrock-invoke": BedrockInvokeReader,
    "bedrock-agent": BedrockAgentReader,
    "cohere-v1": CohereV1Reader,
    "cohere-v2": CohereV2Reader,
    "workers-ai": WorkersAIReader,
    "ollama": OllamaReader,
    "tgi": TGIReader,
    "replicate": ReplicateReader,
    "watsonx": WatsonxReader,
    "alephalpha": AlephAlphaReader,
    "elevenlabs": ElevenLabsReader,
    "cartesia": CartesiaReader,
    "deepgram": DeepgramReader,
    "fal": FalReader,
    "unknown": UnknownReader,
}

#: The families that have a reading.
FAMILIES: Final[tuple[str, ...]] = tuple(_READERS)

#: Names by which formats are known elsewhere, most of them providers that speak another's format.
FORMATS: Final[dict[str, str]] = {
    **{family: family for family in FAMILIES},
    **dict.fromkeys(
        (
            "alibaba", "avian", "azure-openai", "cerebras", "crusoe", "deepseek", "gemini-openai-compat", "gpustack",
            "groq", "heroku", "huggingface-router", "llamacpp", "mistral", "moonshotai", "ollama-openai",
            "openai-compatible", "openrouter", "perplexity", "portkey", "snowflake", "together", "vercel-gateway",
            "vllm-local", "writer", "xai", "zai", "ollama-cloud", "local-gateway",
        ),
        "openai-chat",
    ),
    **dict.fromkeys(
        ("azure-responses", "bedrock-mantle", "deepseek-responses", "open-responses", "xai-responses"),
        "openai-responses",
    ),
    **dict.fromkeys(("azure-anthropic", "vertex-anthropic"), "anthropic-messages"),
    **dict.fromkeys(("gemini-generate", "vertex-gemini"), "gemini"),
    **dict.fromkeys(("huggingface-endpoint", "huggingface-inference", "sagemaker"), "tgi"),
    "cohere": "cohere-v2",
    "mcp-streamable-http": "unknown",
}  # fmt: skip


def make_reader(family: str) -> Reader:
    """A fresh reader for one answer of ``family``; an unknown name gets the reader of ``unknown``."""
    return _READERS.get(family, UnknownReader)()


__all__ = [
    "CONTENT",
    "ERROR",
    "FAMILIES",
    "FORMATS",
    "LIFECYCLE",
    "Reader",
    "Weight",
    "classify",
    "detect_family",
    "is_content",
    "make_reader",
    "marker_search",
    "worth_reading",
]
