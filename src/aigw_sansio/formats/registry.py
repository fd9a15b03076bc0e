"""The formats and their readers. Readers tell what a response means, beside the byte path.

Decides: which reader a format has, and by which other names a format is known. Must not know: any single format,
framing (:mod:`aigw_sansio.bodies`) or who listens.

A reader never raises and never keeps a response's text, so it can read bodies of any size.
"""

from collections.abc import Callable
from typing import Final

from .anthropic import AnthropicReader
from .base import BaseReader
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
from .reader import Reader
from .speech.http import CartesiaReader, DeepgramReader, ElevenLabsReader, FalReader
from .text_servers import AlephAlphaReader, ReplicateReader, TGIReader, WatsonxReader
from .unknown import UnknownReader
from .workers_ai import WorkersAIReader

_READERS: Final[dict[str, Callable[[], Reader]]] = {
    "openai-chat": OpenAIChatReader,
    "openai-completions": OpenAIChatReader,  # ``choices[].text``: some servers mix the two formats
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
    "unknown": lambda: UnknownReader(_make_told),
}

#: All formats that have a reader.
FORMATS: Final[tuple[str, ...]] = tuple(_READERS)

#: Other names of formats; most are providers that use another provider's format.
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
    """A new reader for one response in ``format``; for an unknown format the reader of ``unknown``."""
    return _READERS.get(format, _READERS["unknown"])()


def _make_told(format: str) -> BaseReader | None:
    """A reader for a format that the shape of a response tells."""
    reader = _READERS[format]()
    return reader if isinstance(reader, BaseReader) else None
