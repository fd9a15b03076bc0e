"""The rows of providers of speech and media.

Data only. Sources: the providers' own documentation of their HTTP and WebSocket APIs.
"""

from typing import Final

from .key_location import BASIC, TOKEN_SCHEME, KeyLocation
from .row import KEY_SCHEME, X_API_KEY, XI_API_KEY, Provider, RealtimeRoute, Route

SPEECH_ROWS: Final = (
    Provider(
        slug="elevenlabs",
        routes=(Route(url="https://api.elevenlabs.io"),),
        key=XI_API_KEY,
        formats=((r"", "elevenlabs"),),
        realtime=RealtimeRoute(
            url="wss://api.elevenlabs.io",
            path="v1/convai/conversation",
            query_keys=("xi-api-key", "token", "single_use_token", "authorization", "conversation_signature"),
            key=XI_API_KEY,
            format="elevenlabs",
        ),
    ),
    Provider(
        slug="cartesia",
        routes=(Route(url="https://api.cartesia.ai"),),
        key=X_API_KEY,
        query_keys=("api_key", "access_token"),
        formats=((r"", "cartesia"),),
        realtime=RealtimeRoute(
            url="wss://api.cartesia.ai",
            path="tts/websocket",
            query_keys=("api_key", "access_token"),
            key=X_API_KEY,
            format="cartesia",
        ),
    ),
    Provider(
        slug="deepgram",
        routes=(Route(url="https://api.deepgram.com"),),
        key=TOKEN_SCHEME,
        formats=((r"", "deepgram"),),
        realtime=RealtimeRoute(
            url="wss://api.deepgram.com",
            path="v1/listen",
            key=TOKEN_SCHEME,
            other_hosts=((r"^/v[0-9]+/agent/", "wss://agent.deepgram.com"),),
            format="deepgram",
        ),
    ),
    Provider(
        slug="fal",
        routes=(Route(url="https://fal.run"),),
        key=KEY_SCHEME,
        formats=((r"", "fal"),),
        target_header="x-fal-target-url",
        target_domain="fal.run",
        known_hosts=("fal.run", "queue.fal.run"),
        realtime=RealtimeRoute(
            url="wss://ws.fal.run",
            path="",
            query_keys=("fal_jwt_token",),
            key=KEY_SCHEME,
            other_hosts=((r"^/[^/]+/[^/]+(?:/[^/]+)*/(?:realtime|ws)/?$", "wss://fal.run"),),
            format="fal",
        ),
    ),
    Provider(
        # assemblyai.com/docs, "Streaming WebSocket API", "Voice agent API" and "Text-to-speech": the key stands bare,
        # browsers have ?token=
        slug="assemblyai",
        routes=(Route(url="https://api.assemblyai.com"),),
        key=KeyLocation("authorization"),
        query_keys=("token",),
        realtime=RealtimeRoute(
            url="wss://streaming.assemblyai.com",
            path="v3/ws",
            prefixes=(
                ("us", "wss://streaming.us.assemblyai.com"),
                ("eu", "wss://streaming.eu.assemblyai.com"),
                ("agents", "wss://agents.assemblyai.com"),
                ("tts", "wss://tts.us.assemblyai.com"),
            ),
            query_keys=("token",),
            key=KeyLocation("authorization"),
            other_hosts=((r"^/v1/ws$", "wss://agents.assemblyai.com"),),
        ),
    ),
    Provider(
        # soniox.com/docs, "WebSocket authentication": browsers offer "soniox-api-key" and then the bare key
        slug="soniox",
        routes=(Route(url="https://api.soniox.com"),),
        realtime=RealtimeRoute(
            url="wss://stt-rt.soniox.com",
            path="transcribe-websocket",
            other_hosts=((r"^/tts-websocket$", "wss://tts-rt.soniox.com"),),
            subprotocols=("soniox-api-key",),
            markers=("soniox-api-key",),
        ),
    ),
    Provider(
        # docs.speechmatics.com, "Realtime API reference" and "Supported endpoints"; browsers have ?jwt=
        slug="speechmatics",
        routes=(Route(url="https://eu1.asr.api.speechmatics.com"),),
        realtime=RealtimeRoute(
            url="wss://eu.rt.speechmatics.com",
            path="v2/",
            prefixes=(
                ("eu", "wss://eu.rt.speechmatics.com"),
                ("us", "wss://us.rt.speechmatics.com"),
                ("global", "wss://global.rt.speechmatics.com"),
            ),
            query_keys=("jwt",),
        ),
    ),
    Provider(
        # docs.inworld.ai, "Connect by WebSocket": the key is the base64 text for Basic; browsers have a Bearer JWT.
        # The parameter "key" names a session, it is no credential.
        slug="inworld",
        routes=(Route(url="https://api.inworld.ai"),),
        key=BASIC,
        realtime=RealtimeRoute(
            url="wss://api.inworld.ai",
            path="api/v1/realtime/session",
            key=BASIC,
            formats=((r"/realtime/session$", "openai-realtime"),),
        ),
    ),
    Provider(
        # docs.sarvam.ai, "Streaming" of speech-to-text and text-to-speech; browsers offer "api-subscription-key.KEY"
        slug="sarvam",
        routes=(Route(url="https://api.sarvam.ai"),),
        key=KeyLocation("api-subscription-key"),
        realtime=RealtimeRoute(
            url="wss://api.sarvam.ai", path="speech-to-text-realtime/ws", key=KeyLocation("api-subscription-key")
        ),
    ),
    Provider(
        # docs.rime.ai, "WebSockets": ws, ws2 and ws3 are forms of messages; Coda has a host of its own
        slug="rime",
        routes=(Route(url="https://users.rime.ai/v1"),),
        realtime=RealtimeRoute(
            url="wss://users-ws.rime.ai", path="ws3", prefixes=(("coda", "wss://coda.api.rime.ai"),)
        ),
    ),
    Provider(
        # dev.hume.ai, "EVI chat" and "Authentication": a header for HTTP, the query for WebSockets
        slug="hume",
        routes=(Route(url="https://api.hume.ai"),),
        key=KeyLocation("x-hume-api-key"),
        realtime=RealtimeRoute(
            url="wss://api.hume.ai",
            path="v0/evi/chat",
            query_keys=("api_key", "access_token"),
            key=KeyLocation(query="api_key"),
        ),
    ),
)
