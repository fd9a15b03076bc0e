"""The tap: what a provider's answer means, read beside the byte path.

Decides: which reader a format of formats has, what a chunk is for the commit (content, mere lifecycle, an error),
and, for files, which format a body belongs to. Must not know: any single format (``readings/``), framing
(``bodies/``) or who listens.

A reader never raises and never holds an answer's text, so any body of any size can run through it. The rule of
the commit is client protocol, section 3.3.
"""

from collections.abc import Callable
from typing import Final, Protocol

from ..bodies.chunk import Chunk
from ..events import (
    ProviderEvent,
)
from .anthropic import AnthropicReader
from .bedrock.converse import BedrockAgentReader, BedrockConverseReader
from .bedrock.invoke import BedrockInvokeReader
from .cohere import CohereV1Reader, CohereV2Reader
from .gemini.generate import GeminiReader
from .gemini.interactions import GeminiInteractionsReader
from .ollama import OllamaReader
from .openai.assistants import (
    OpenAIAssistantsReader,
)
from .openai.audio import (
    OpenAIAudioReader,
)
from .openai.chat import OpenAIChatReader
from .openai.responses import OpenAIResponsesReader
from .speech.http import CartesiaReader, DeepgramReader, ElevenLabsReader, FalReader
from .text_servers import AlephAlphaReader, ReplicateReader, TGIReader, WatsonxReader
from .unknown import UnknownReader
from .workers_ai import WorkersAIReader


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

#: The formats that have a reading.
FORMATS: Final[tuple[str, ...]] = tuple(_READERS)

#: Names by which formats are known elsewhere, most of them providers that speak another's format.
FORMAT_ALIASES: Final[dict[str, str]] = {
    **{format: format for format in FORMATS},
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


def make_reader(format: str) -> Reader:
    """A fresh reader for one answer of ``format``; an unknown name gets the reader of ``unknown``."""
    return _READERS.get(format, UnknownReader)()
