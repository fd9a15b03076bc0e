"""The rows of providers of models, and of the stand-in for any provider.

Data only. Sources: the providers' own documentation of their HTTP and WebSocket APIs.
"""

from typing import Final

from .row import (
    API_KEY_SCHEME,
    AZURE_API_KEY,
    GOOGLE_API_KEY,
    X_API_KEY,
    Provider,
    RealtimeRoute,
    Route,
)

_GEMINI_LIVE: Final = "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"

#: (pattern of the upstream path, realtime format) for providers that are defined by the settings: their protocol can
#: only be told from the path.
REALTIME_FORMATS_BY_PATH: Final = (
    (r"/realtime$", "openai-realtime"),
    (r"[./]BidiGenerateContent(?:Constrained)?$", "gemini-live"),
    (r"/v[0-9]+/(?:listen|speak|agent/converse)$", "deepgram"),
    (r"/(?:multi-)?stream-input$|/convai/conversation$", "elevenlabs"),
    (r"/tts/websocket$", "cartesia"),
)

MODEL_ROWS: Final = (
    Provider(
        slug="openai",
        routes=(Route(url="https://api.openai.com/v1"),),
        realtime=RealtimeRoute(url="wss://api.openai.com/v1", path="realtime", format="openai-realtime"),
    ),
    Provider(
        slug="azure-openai",
        routes=(
            Route(url="https://{resource}.openai.azure.com/openai/v1", prefix="{resource}/openai/v1"),
            Route(
                url="https://{resource}.openai.azure.com/openai/deployments/{deployment}",
                prefix="{resource}/{deployment}",
            ),
        ),
        key=AZURE_API_KEY,
        query_keys=("api-key",),
        realtime=RealtimeRoute(
            url="",
            path="openai/v1/realtime",
            prefixes=(("{resource}", "wss://{resource}.openai.azure.com"),),
            query_keys=("api-key",),
            key=AZURE_API_KEY,
            format="openai-realtime",
        ),
    ),
    Provider(
        slug="azure",
        routes=(Route(url="https://{resource}.services.ai.azure.com/anthropic", prefix="{resource}/anthropic"),),
        key=X_API_KEY,
    ),
    Provider(
        # learn.microsoft.com, "How to use the Voice Live API"
        slug="azure-voice-live",
        routes=(Route(url="https://{resource}.services.ai.azure.com", prefix="{resource}"),),
        key=AZURE_API_KEY,
        query_keys=("api-key",),
        realtime=RealtimeRoute(
            url="",
            path="voice-live/realtime",
            prefixes=(("{resource}", "wss://{resource}.services.ai.azure.com"),),
            query_keys=("api-key",),
            key=AZURE_API_KEY,
            format="openai-realtime",
        ),
    ),
    Provider(slug="anthropic", routes=(Route(url="https://api.anthropic.com"),), key=X_API_KEY),
    Provider(
        slug="google-ai-studio",
        routes=(Route(url="https://generativelanguage.googleapis.com"),),
        key=GOOGLE_API_KEY,
        query_keys=("key", "access_token"),
        realtime=RealtimeRoute(
            url="wss://generativelanguage.googleapis.com",
            path=_GEMINI_LIVE,
            query=(("api_key", "key"),),
            query_keys=("key", "access_token"),
            key=GOOGLE_API_KEY,
            format="gemini-live",
        ),
    ),
    Provider(
        slug="google-vertex-ai",
        routes=(
            Route(
                url="https://aiplatform.googleapis.com",
                prefix="{version}/projects/{project}/locations/global",
                keep=True,
            ),
            Route(
                url="https://aiplatform.{multiregion}.rep.googleapis.com",
                prefix="{version}/projects/{project}/locations/{multiregion}",
                keep=True,
            ),
            Route(
                url="https://{location}-aiplatform.googleapis.com",
                prefix="{version}/projects/{project}/locations/{location}",
                keep=True,
            ),
            Route(url="https://aiplatform.googleapis.com", prefix="{version}/publishers", keep=True),
        ),
        query_keys=("key", "access_token"),
        realtime=RealtimeRoute(
            # cloud.google.com/vertex-ai, "Gemini Live API reference": the location stands in the host alone
            url="wss://aiplatform.googleapis.com",
            path="ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent",
            prefixes=(
                ("global", "wss://aiplatform.googleapis.com"),
                ("{multiregion}", "wss://aiplatform.{multiregion}.rep.googleapis.com"),
                ("{location}", "wss://{location}-aiplatform.googleapis.com"),
            ),
            query_keys=("key", "access_token"),
            format="gemini-live",
        ),
        formats=((r"/publishers/mistralai/.*:(?:streamR|r)awPredict$", "openai-chat"),),
    ),
    Provider(
        slug="aws-bedrock",
        routes=(
            Route(
                url="https://bedrock-runtime.{region}.amazonaws.com",
                prefix="bedrock-runtime/{region}",
                sigv4="bedrock",
            ),
            Route(
                url="https://bedrock-mantle.{region}.api.aws",
                prefix="bedrock-mantle/{region}",
                key=X_API_KEY,
                sigv4="bedrock-mantle",
                bearer_becomes=X_API_KEY,
            ),
        ),
    ),
    Provider(
        slug="workers-ai",
        routes=(
            Route(url="https://api.cloudflare.com/client/v4/accounts/{account}/ai", prefix="v1", keep=True),
            Route(url="https://api.cloudflare.com/client/v4/accounts/{account}/ai/run"),
        ),
        format="workers-ai",
        realtime=RealtimeRoute(url="", path="", format="deepgram"),
    ),
    Provider(slug="huggingface", routes=(Route(url="https://api-inference.huggingface.co/models"),), format="tgi"),
    Provider(slug="replicate", routes=(Route(url="https://api.replicate.com/v1"),), formats=((r"", "replicate"),)),
    Provider(slug="groq", routes=(Route(url="https://api.groq.com/openai/v1"),)),
    Provider(
        slug="grok",
        routes=(Route(url="https://api.x.ai/v1"),),
        realtime=RealtimeRoute(url="wss://api.x.ai/v1", path="realtime", format="openai-realtime"),
    ),
    Provider(
        slug="mistral",
        routes=(Route(url="https://api.mistral.ai"),),
        formats=((r"/fim/completions$", "openai-chat"), (r"/agents/completions$", "openai-chat")),
        # docs.mistral.ai, "Realtime transcription"; browsers offer "realtime" and a short-lived "rt_..." key
        realtime=RealtimeRoute(url="wss://api.mistral.ai/v1", path="audio/transcriptions/realtime"),
    ),
    Provider(
        slug="cohere",
        routes=(Route(url="https://api.cohere.ai/v1"),),
        formats=((r"/v1/(?:chat|generate)$", "cohere-v1"), (r"/v2/chat$", "cohere-v2")),
    ),
    Provider(
        slug="deepseek",
        routes=(Route(url="https://api.deepseek.com"),),
    ),
    Provider(slug="perplexity-ai", routes=(Route(url="https://api.perplexity.ai"),)),
    Provider(slug="cerebras", routes=(Route(url="https://api.cerebras.ai/v1"),)),
    Provider(slug="openrouter", routes=(Route(url="https://openrouter.ai/api/v1"),)),
    Provider(
        slug="baseten",
        routes=(
            Route(
                url="https://model-{model}.api.baseten.co/production/predict",
                prefix="model/{model}",
                key=API_KEY_SCHEME,
            ),
            Route(url="https://inference.baseten.co/v1"),
        ),
    ),
    Provider(slug="parallel", routes=(Route(url="https://api.parallel.ai"),), key=X_API_KEY),
    Provider(
        slug="together",
        routes=(Route(url="https://api.together.xyz/v1"),),
        query_keys=("api_key",),
        # docs.together.ai, "Realtime speech-to-text" and "Text-to-speech over WebSocket"
        realtime=RealtimeRoute(
            url="wss://api.together.ai/v1",
            path="realtime",
            query_keys=("api_key",),
            formats=((r"/realtime$", "openai-realtime"),),
        ),
    ),
    Provider(
        # help.aliyun.com/model-studio, "Qwen-Omni-Realtime": Singapore and Beijing have keys of their own. The newer
        # host of a workspace, WORKSPACE.REGION.maas.aliyuncs.com, is the operator's base_url and realtime_url.
        slug="alibaba",
        routes=(
            Route(url="https://dashscope.aliyuncs.com/compatible-mode/v1", prefix="cn"),
            Route(url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
        ),
        realtime=RealtimeRoute(
            url="wss://dashscope-intl.aliyuncs.com/api-ws/v1",
            path="realtime",
            prefixes=(("cn", "wss://dashscope.aliyuncs.com/api-ws/v1"),),
            formats=((r"/realtime$", "openai-realtime"),),
        ),
    ),
    Provider(slug="fireworks", routes=(Route(url="https://api.fireworks.ai/inference/v1"),)),
    Provider(
        slug="ideogram", routes=(Route(url="https://api.ideogram.ai"),), key=AZURE_API_KEY, formats=((r"", "unknown"),)
    ),
    Provider(slug="ollama", routes=(Route(url="http://127.0.0.1:11434"),), format="ollama"),
    # a stand-in for any provider; its URLs are the settings' base_url and realtime_url
    Provider(
        slug="loopback",
        routes=(),
        realtime=RealtimeRoute(
            url="wss://loopback.invalid/v1",
            path="realtime",
            query_keys=("key",),
            other_hosts=((r"^/(?:echo|ws)(?:/|$)", "wss://loopback.invalid"),),
            formats=REALTIME_FORMATS_BY_PATH,
        ),
    ),
)
