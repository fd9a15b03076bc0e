"""The formats and their readers. Readers tell what a response means, beside the byte path.

Decides: which reader a format has, and by which other names a format is known. Must not know: any single format,
framing (:mod:`aigw_sansio.bodies`) or who listens.

A reader never raises and never keeps a response's text, so it can read bodies of any size.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

from .base import BaseReader
from .reader import Reader
from .unknown import UnknownReader

#: All formats that have a reader.
FORMATS: Final = (
    "openai-chat", "openai-completions", "azure-ai-inference", "openai-responses", "openai-audio", "openai-assistants",
    "anthropic-messages", "gemini", "gemini-interactions", "bedrock-converse", "bedrock-invoke", "bedrock-agent",
    "cohere-v1", "cohere-v2", "workers-ai", "ollama", "tgi", "replicate", "watsonx", "alephalpha", "elevenlabs",
    "cartesia", "deepgram", "fal", "unknown",
)  # fmt: skip

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


_KNOWN: Final = frozenset(FORMATS)


def make_reader(format: str) -> Reader:
    """A new reader for one response in ``format``; for an unknown format the reader of ``unknown``."""
    return _class_of(format if format in _KNOWN else "unknown")()


@cache
def _class_of(format: str) -> Callable[[], Reader]:
    """What makes readers of ``format``, one of :data:`FORMATS`. Its module is loaded now: few programs need all."""
    match format:
        case "openai-chat" | "openai-completions" | "azure-ai-inference":
            # ``choices[].text``: some servers mix the formats
            from .openai.chat import OpenAIChatReader

            return OpenAIChatReader
        case "openai-responses":
            from .openai.responses import OpenAIResponsesReader

            return OpenAIResponsesReader
        case "openai-audio":
            from .openai.audio import OpenAIAudioReader

            return OpenAIAudioReader
        case "openai-assistants":
            from .openai.assistants import OpenAIAssistantsReader

            return OpenAIAssistantsReader
        case "anthropic-messages":
            from .anthropic import AnthropicReader

            return AnthropicReader
        case "gemini":
            from .gemini.generate import GeminiReader

            return GeminiReader
        case "gemini-interactions":
            from .gemini.interactions import GeminiInteractionsReader

            return GeminiInteractionsReader
        case "bedrock-converse" | "bedrock-agent":
            from .bedrock.converse import BedrockAgentReader, BedrockConverseReader

            return BedrockAgentReader if format == "bedrock-agent" else BedrockConverseReader
        case "bedrock-invoke":
            from .bedrock.invoke import BedrockInvokeReader

            return BedrockInvokeReader
        case "cohere-v1" | "cohere-v2":
            from .cohere import CohereV1Reader, CohereV2Reader

            return CohereV1Reader if format == "cohere-v1" else CohereV2Reader
        case "workers-ai":
            from .workers_ai import WorkersAIReader

            return WorkersAIReader
        case "ollama":
            from .ollama import OllamaReader

            return OllamaReader
        case "tgi" | "replicate" | "watsonx" | "alephalpha":
            from .text_servers import AlephAlphaReader, ReplicateReader, TGIReader, WatsonxReader

            servers: dict[str, Callable[[], Reader]] = {
                "tgi": TGIReader,
                "replicate": ReplicateReader,
                "watsonx": WatsonxReader,
            }
            return servers.get(format, AlephAlphaReader)
        case "elevenlabs" | "cartesia" | "deepgram" | "fal":
            from .speech.http import CartesiaReader, DeepgramReader, ElevenLabsReader, FalReader

            speech: dict[str, Callable[[], Reader]] = {
                "elevenlabs": ElevenLabsReader,
                "cartesia": CartesiaReader,
                "deepgram": DeepgramReader,
            }
            return speech.get(format, FalReader)
        case _:
            return lambda: UnknownReader(_make_told)


def _make_told(format: str) -> BaseReader | None:
    """A reader for a format that the shape of a response tells."""
    reader = make_reader(format)
    return reader if isinstance(reader, BaseReader) else None
