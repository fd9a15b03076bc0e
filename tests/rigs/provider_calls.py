"""Calls to providers, built by ``build_call`` with few words; and one row for each kind of endpoint of each provider."""

from collections.abc import Callable, Sequence

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.providers.call import ProviderCall, build_call

#: Stands for a secret: no text may show it.
CANARY = "sk-canary-4f1d"


def call(
    provider: str = "openai",
    endpoint: str = "chat/completions",
    *,
    method: str = "POST",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes | None = b"{}",
    own_tokens: Callable[[str], bool] = lambda value: value == "ours",
    account: str = "acc",
    moves_key: bool = False,
    **settings: ProviderSettings,
) -> ProviderCall | Fault:
    return build_call(
        provider=provider,
        endpoint=endpoint,
        method=method,
        headers=headers,
        body=body,
        settings={slug.replace("_", "-"): of for slug, of in settings.items()},
        account=account,
        own_tokens=own_tokens,
        unix_time=1_700_000_000.0,
        moves_key=moves_key,
    )


def good(result: ProviderCall | Fault) -> ProviderCall:
    assert isinstance(result, ProviderCall), result
    return result


def fields(result: ProviderCall | Fault) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in good(result).request.headers}


def detail(result: ProviderCall | Fault, kind: FaultKind = FaultKind.INVALID_REQUEST) -> str:
    assert isinstance(result, Fault), result
    assert result.kind is kind
    return result.detail


#: Slug, endpoint, upstream URL, the field of a stored key (``None``: it is not sent there), format of the answer.
ROWS: list[tuple[str, str, str, str | None, str]] = [
    (
        "openai",
        "chat/completions",
        "https://api.openai.com/v1/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    ("openai", "v1/responses", "https://api.openai.com/v1/responses", "authorization: Bearer K", "openai-responses"),
    ("openai", "completions", "https://api.openai.com/v1/completions", "authorization: Bearer K", "openai-completions"),
    ("openai", "audio/speech", "https://api.openai.com/v1/audio/speech", "authorization: Bearer K", "openai-audio"),
    ("openai", "embeddings", "https://api.openai.com/v1/embeddings", "authorization: Bearer K", "unknown"),
    (
        "azure-openai",
        "my-res/gpt-4.1/chat/completions?api-version=2024-10-21",
        "https://my-res.openai.azure.com/openai/deployments/gpt-4.1/chat/completions?api-version=2024-10-21",
        None,
        "openai-chat",
    ),
    (
        "azure-openai",
        "my-res/openai/v1/responses",
        "https://my-res.openai.azure.com/openai/v1/responses",
        None,
        "openai-responses",
    ),
    (
        "azure",
        "my-res/anthropic/v1/messages",
        "https://my-res.services.ai.azure.com/anthropic/v1/messages",
        None,
        "anthropic-messages",
    ),
    ("anthropic", "v1/messages", "https://api.anthropic.com/v1/messages", "x-api-key: K", "anthropic-messages"),
    (
        "google-ai-studio",
        "v1beta/models/gemini-2.5-flash:streamGenerateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        "x-goog-api-key: K",
        "gemini",
    ),
    (
        "google-ai-studio",
        "v1beta/interactions",
        "https://generativelanguage.googleapis.com/v1beta/interactions",
        "x-goog-api-key: K",
        "gemini-interactions",
    ),
    (
        "google-vertex-ai",
        "v1/projects/p/locations/us-central1/publishers/google/models/g:generateContent",
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google/models/g:generateContent",
        "authorization: Bearer K",
        "gemini",
    ),
    (
        "google-vertex-ai",
        "v1/projects/p/locations/global/publishers/anthropic/models/c:streamRawPredict",
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/anthropic/models/c:streamRawPredict",
        "authorization: Bearer K",
        "anthropic-messages",
    ),
    (
        "google-vertex-ai",
        "v1/projects/p/locations/eu/publishers/mistralai/models/m:rawPredict",
        "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/mistralai/models/m:rawPredict",
        "authorization: Bearer K",
        "openai-chat",
    ),
    (
        "aws-bedrock",
        "bedrock-runtime/us-east-1/model/anthropic.claude-v2%3A1/converse-stream",
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2%3A1/converse-stream",
        "authorization: Bearer K",
        "bedrock-converse",
    ),
    (
        "aws-bedrock",
        "bedrock-runtime/us-gov-west-1/model/m/invoke-with-response-stream",
        "https://bedrock-runtime.us-gov-west-1.amazonaws.com/model/m/invoke-with-response-stream",
        "authorization: Bearer K",
        "bedrock-invoke",
    ),
    (
        "aws-bedrock",
        "bedrock-mantle/us-east-1/anthropic/v1/messages",
        "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages",
        "x-api-key: K",
        "anthropic-messages",
    ),
    (
        "workers-ai",
        "@cf/meta/llama-3.1-8b-instruct",
        "https://api.cloudflare.com/client/v4/accounts/acc/ai/run/@cf/meta/llama-3.1-8b-instruct",
        "authorization: Bearer K",
        "workers-ai",
    ),
    (
        "workers-ai",
        "run/@cf/meta/llama",
        "https://api.cloudflare.com/client/v4/accounts/acc/ai/run/@cf/meta/llama",
        "authorization: Bearer K",
        "workers-ai",
    ),
    (
        "workers-ai",
        "v1/chat/completions",
        "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    (
        "huggingface",
        "bigcode/starcoder",
        "https://api-inference.huggingface.co/models/bigcode/starcoder",
        "authorization: Bearer K",
        "tgi",
    ),
    ("replicate", "v1/predictions", "https://api.replicate.com/v1/predictions", "authorization: Bearer K", "replicate"),
    (
        "groq",
        "chat/completions",
        "https://api.groq.com/openai/v1/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    ("grok", "v1/messages", "https://api.x.ai/v1/messages", "authorization: Bearer K", "anthropic-messages"),
    ("grok", "chat/completions", "https://api.x.ai/v1/chat/completions", "authorization: Bearer K", "openai-chat"),
    (
        "mistral",
        "v1/fim/completions",
        "https://api.mistral.ai/v1/fim/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    ("cohere", "v1/chat", "https://api.cohere.ai/v1/chat", "authorization: Bearer K", "cohere-v1"),
    ("cohere", "v2/chat", "https://api.cohere.ai/v2/chat", "authorization: Bearer K", "cohere-v2"),
    ("cohere", "chat", "https://api.cohere.ai/v1/chat", "authorization: Bearer K", "cohere-v1"),
    (
        "deepseek",
        "chat/completions",
        "https://api.deepseek.com/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    (
        "perplexity-ai",
        "chat/completions",
        "https://api.perplexity.ai/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    (
        "cerebras",
        "v1/chat/completions",
        "https://api.cerebras.ai/v1/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    (
        "openrouter",
        "v1/chat/completions",
        "https://openrouter.ai/api/v1/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    (
        "baseten",
        "v1/chat/completions",
        "https://inference.baseten.co/v1/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    ("baseten", "model/abc123", "https://model-abc123.api.baseten.co/production/predict", None, "unknown"),
    ("parallel", "v1beta/search", "https://api.parallel.ai/v1beta/search", "x-api-key: K", "unknown"),
    (
        "fireworks",
        "chat/completions",
        "https://api.fireworks.ai/inference/v1/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    (
        "elevenlabs",
        "v1/text-to-speech/vid?output_format=mp3_44100_128",
        "https://api.elevenlabs.io/v1/text-to-speech/vid?output_format=mp3_44100_128",
        "xi-api-key: K",
        "elevenlabs",
    ),
    ("cartesia", "tts/bytes", "https://api.cartesia.ai/tts/bytes", "x-api-key: K", "cartesia"),
    ("deepgram", "v1/listen", "https://api.deepgram.com/v1/listen", "authorization: Token K", "deepgram"),
    ("fal", "fal-ai/fast-sdxl", "https://fal.run/fal-ai/fast-sdxl", "authorization: Key K", "fal"),
    (
        "ideogram",
        "v1/ideogram-v3/generate",
        "https://api.ideogram.ai/v1/ideogram-v3/generate",
        "api-key: K",
        "unknown",
    ),
    ("ollama", "api/chat", "http://127.0.0.1:11434/api/chat", "authorization: Bearer K", "ollama"),
    (
        "ollama",
        "v1/chat/completions",
        "http://127.0.0.1:11434/v1/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    (
        "azure-voice-live",
        "my-res/voice-live/models",
        "https://my-res.services.ai.azure.com/voice-live/models",
        None,
        "unknown",
    ),
    (
        "together",
        "v1/chat/completions",
        "https://api.together.xyz/v1/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    (
        "alibaba",
        "chat/completions",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    (
        "alibaba",
        "cn/chat/completions",
        "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions",
        "authorization: Bearer K",
        "openai-chat",
    ),
    (
        "assemblyai",
        "v2/transcript",
        "https://api.assemblyai.com/v2/transcript",
        "authorization: K",
        "unknown",
    ),
    (
        "soniox",
        "v1/transcriptions",
        "https://api.soniox.com/v1/transcriptions",
        "authorization: Bearer K",
        "unknown",
    ),
    (
        "speechmatics",
        "v1/api_keys?type=rt",
        "https://eu1.asr.api.speechmatics.com/v1/api_keys?type=rt",
        "authorization: Bearer K",
        "unknown",
    ),
    (
        "inworld",
        "tts/v1/voice",
        "https://api.inworld.ai/tts/v1/voice",
        "authorization: Basic K",
        "unknown",
    ),
    (
        "sarvam",
        "v1/chat/completions",
        "https://api.sarvam.ai/v1/chat/completions",
        "api-subscription-key: K",
        "openai-chat",
    ),
    (
        "rime",
        "rime-tts",
        "https://users.rime.ai/v1/rime-tts",
        "authorization: Bearer K",
        "unknown",
    ),
    (
        "hume",
        "v0/tts",
        "https://api.hume.ai/v0/tts",
        "x-hume-api-key: K",
        "unknown",
    ),
]
