"""The upgrade towards each realtime provider."""

from base64 import b64encode
from collections.abc import Sequence

import pytest

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import HTTP_STATUS, Fault, FaultKind
from aigw_sansio.formats.realtime import REALTIME_FORMATS
from aigw_sansio.providers.realtime import RealtimeCall, build_realtime_call
from aigw_sansio.providers.redaction import redactor
from aigw_sansio.providers.registry import REGISTRY
from aigw_sansio.secret import Secret

CANARY = "sk-canary-77aa"
VERTEX = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
STORED = ProviderSettings(api_key=Secret("K"))
GEMINI = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"


def call(
    path: str,
    *,
    headers: Sequence[tuple[bytes, bytes]] = (),
    offered: str = "",
    **settings: ProviderSettings,
) -> RealtimeCall | Fault:
    return build_realtime_call(
        path=path,
        headers=headers,
        subprotocols=[item.encode() for item in offered.split()],
        settings={slug.replace("_", "-"): of for slug, of in settings.items()},
        own_tokens=lambda value: value == "ours",
        unix_time=1_700_000_000.0,
    )


def good(result: RealtimeCall | Fault) -> RealtimeCall:
    assert isinstance(result, RealtimeCall), result
    return result


def url(result: RealtimeCall | Fault) -> str:
    made = good(result)
    assert made.origin.http2 == "off"
    return f"{made.origin.scheme.replace('http', 'ws')}://{made.origin.authority}{made.target.decode()}"


def fields(result: RealtimeCall | Fault) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in good(result).headers}


def detail(result: RealtimeCall | Fault, kind: FaultKind = FaultKind.INVALID_REQUEST) -> str:
    assert isinstance(result, Fault), result
    assert result.kind is kind
    return result.detail


ROWS = [
    ("openai?model=gpt-realtime", "wss://api.openai.com/v1/realtime?model=gpt-realtime"),
    ("openai/?model=m", "wss://api.openai.com/v1/realtime?model=m"),
    ("openai/realtime?model=m", "wss://api.openai.com/v1/realtime?model=m"),
    ("openai/v1/realtime?model=m", "wss://api.openai.com/v1/realtime?model=m"),
    ("openai/v1/responses", "wss://api.openai.com/v1/responses"),
    ("openai?call_id=rtc_1", "wss://api.openai.com/v1/realtime?call_id=rtc_1"),
    ("google?api_key=k&x=%2F", f"wss://generativelanguage.googleapis.com{GEMINI}?key=k&x=%2F"),
    ("google-ai-studio?key=k", f"wss://generativelanguage.googleapis.com{GEMINI}?key=k"),
    (
        "google/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained?access_token=t",
        "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1alpha.GenerativeService"
        ".BidiGenerateContentConstrained?access_token=t",
    ),
    ("cartesia?api_key=k&cartesia_version=1", "wss://api.cartesia.ai/tts/websocket?api_key=k&cartesia_version=1"),
    ("cartesia/tts/websocket", "wss://api.cartesia.ai/tts/websocket"),
    ("cartesia/stt/websocket", "wss://api.cartesia.ai/stt/websocket"),
    ("elevenlabs?agent_id=a", "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=a"),
    ("elevenlabs/v1/convai/conversation?agent_id=a", "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=a"),
    (
        "elevenlabs/v1/text-to-speech/ID/stream-input?model_id=m",
        "wss://api.elevenlabs.io/v1/text-to-speech/ID/stream-input?model_id=m",
    ),
    ("fal/fal-ai/app", "wss://ws.fal.run/fal-ai/app"),
    ("fal/fal-ai/app/realtime?fal_jwt_token=t", "wss://fal.run/fal-ai/app/realtime?fal_jwt_token=t"),
    ("fal/fal-ai/app/realtime/", "wss://fal.run/fal-ai/app/realtime/"),
    ("fal/fal-ai/app/ws", "wss://fal.run/fal-ai/app/ws"),
    ("fal/fal-ai/app/ws/", "wss://fal.run/fal-ai/app/ws/"),
    ("fal/fal-ai/ws", "wss://ws.fal.run/fal-ai/ws"),
    ("fal/fal-ai/wsx/app", "wss://ws.fal.run/fal-ai/wsx/app"),
    ("deepgram?model=nova-3", "wss://api.deepgram.com/v1/listen?model=nova-3"),
    ("deepgram/v1/speak", "wss://api.deepgram.com/v1/speak"),
    ("deepgram/v1/agent/converse", "wss://agent.deepgram.com/v1/agent/converse"),
    ("azure-openai/res?model=d", "wss://res.openai.azure.com/openai/v1/realtime?model=d"),
    (
        "azure-openai/res/openai/realtime?api-version=1&deployment=d",
        "wss://res.openai.azure.com/openai/realtime?api-version=1&deployment=d",
    ),
    ("grok?model=grok-voice", "wss://api.x.ai/v1/realtime?model=grok-voice"),
    ("google-vertex-ai", f"wss://aiplatform.googleapis.com{VERTEX}"),
    ("google-vertex-ai/global", f"wss://aiplatform.googleapis.com{VERTEX}"),
    ("google-vertex-ai/eu", f"wss://aiplatform.eu.rep.googleapis.com{VERTEX}"),
    ("google-vertex-ai/us-central1", f"wss://us-central1-aiplatform.googleapis.com{VERTEX}"),
    (
        "google-vertex-ai/europe-west4/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent",
        "wss://europe-west4-aiplatform.googleapis.com/ws/google.cloud.aiplatform.v1beta1.LlmBidiService"
        "/BidiGenerateContent",
    ),
    ("google-vertex-ai" + VERTEX, f"wss://aiplatform.googleapis.com{VERTEX}"),
    ("azure-voice-live/res?api-version=1", "wss://res.services.ai.azure.com/voice-live/realtime?api-version=1"),
    ("azure-voice-live/res/voice-live/realtime", "wss://res.services.ai.azure.com/voice-live/realtime"),
    ("mistral?model=voxtral", "wss://api.mistral.ai/v1/audio/transcriptions/realtime?model=voxtral"),
    ("mistral/v1/audio/transcriptions/realtime", "wss://api.mistral.ai/v1/audio/transcriptions/realtime"),
    ("together?model=m", "wss://api.together.ai/v1/realtime?model=m"),
    ("together/v1/audio/speech/websocket", "wss://api.together.ai/v1/audio/speech/websocket"),
    ("alibaba?model=m", "wss://dashscope-intl.aliyuncs.com/api-ws/v1/realtime?model=m"),
    ("alibaba/api-ws/v1/inference", "wss://dashscope-intl.aliyuncs.com/api-ws/v1/inference"),
    ("alibaba/cn?model=m", "wss://dashscope.aliyuncs.com/api-ws/v1/realtime?model=m"),
    ("assemblyai?sample_rate=16000", "wss://streaming.assemblyai.com/v3/ws?sample_rate=16000"),
    ("assemblyai/eu/v3/ws", "wss://streaming.eu.assemblyai.com/v3/ws"),
    ("assemblyai/v1/ws", "wss://agents.assemblyai.com/v1/ws"),
    ("assemblyai/tts/v1/ws", "wss://tts.us.assemblyai.com/v1/ws"),
    ("soniox", "wss://stt-rt.soniox.com/transcribe-websocket"),
    ("soniox/tts-websocket", "wss://tts-rt.soniox.com/tts-websocket"),
    ("speechmatics?jwt=t", "wss://eu.rt.speechmatics.com/v2/?jwt=t"),
    ("speechmatics/v2/en", "wss://eu.rt.speechmatics.com/v2/en"),
    ("speechmatics/global", "wss://global.rt.speechmatics.com/v2/"),
    (
        "inworld?key=SESSION&protocol=realtime",
        "wss://api.inworld.ai/api/v1/realtime/session?key=SESSION&protocol=realtime",
    ),
    ("inworld/tts/v1/voice:streamBidirectional", "wss://api.inworld.ai/tts/v1/voice:streamBidirectional"),
    ("sarvam", "wss://api.sarvam.ai/speech-to-text-realtime/ws"),
    ("sarvam/text-to-speech/ws?model=m", "wss://api.sarvam.ai/text-to-speech/ws?model=m"),
    ("rime?speaker=s", "wss://users-ws.rime.ai/ws3?speaker=s"),
    ("rime/ws2", "wss://users-ws.rime.ai/ws2"),
    ("rime/coda/ws", "wss://coda.api.rime.ai/ws"),
    ("hume?config_id=c", "wss://api.hume.ai/v0/evi/chat?config_id=c"),
    ("hume/v0/tts/stream/input", "wss://api.hume.ai/v0/tts/stream/input"),
    ('openai?sig=a|b[0]"x"&t=%7C<>^`{}', 'wss://api.openai.com/v1/realtime?sig=a|b[0]"x"&t=%7C<>^`{}'),
    ("openai//evil.com/x", "wss://api.openai.com/v1/evil.com/x"),
    ("xai/realtime", "wss://api.x.ai/v1/realtime"),
]


@pytest.mark.parametrize(("path", "expected"), ROWS)
def test_where_each_path_leads(path: str, expected: str) -> None:
    assert url(call(path)) == expected


def test_the_table_covers_the_realtime_columns() -> None:
    columns = {slug for slug, provider in REGISTRY.items() if provider.realtime is not None}
    aliases = {"google": "google-ai-studio", "xai": "grok"}
    named = {path.partition("?")[0].partition("/")[0] for path, _ in ROWS}
    assert {aliases.get(slug, slug) for slug in named} | {"workers-ai", "loopback"} == columns


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("openai", "authorization", "Bearer K"),
        ("google", "x-goog-api-key", "K"),
        ("cartesia", "x-api-key", "K"),
        ("elevenlabs", "xi-api-key", "K"),
        ("fal/app", "authorization", "Key K"),
        ("deepgram", "authorization", "Token K"),
        ("grok", "authorization", "Bearer K"),
        ("google-vertex-ai", "authorization", "Bearer K"),
        ("mistral", "authorization", "Bearer K"),
        ("together", "authorization", "Bearer K"),
        ("alibaba", "authorization", "Bearer K"),
        ("assemblyai", "authorization", "K"),
        ("soniox", "authorization", "Bearer K"),
        ("speechmatics", "authorization", "Bearer K"),
        ("inworld?key=SESSION", "authorization", "Basic K"),
        ("sarvam", "api-subscription-key", "K"),
        ("rime", "authorization", "Bearer K"),
    ],
)
def test_a_stored_key_stands_where_the_provider_wants_it(path: str, name: str, value: str) -> None:
    slug = {"google": "google-ai-studio"}.get(path, path.partition("?")[0].partition("/")[0])
    assert fields(call(path, **{slug: STORED})) == {name: value}


@pytest.mark.parametrize(
    ("path", "offered", "headers"),
    [
        ("openai", "", [(b"authorization", b"Bearer mine")]),
        ("openai", "realtime openai-insecure-api-key.mine", []),
        ("google?api_key=mine", "", []),
        ("google?key=mine", "", []),
        ("google?access_token=mine", "", []),
        ("cartesia?api_key=mine", "", []),
        ("elevenlabs", "xi-api-key.mine", []),
        ("elevenlabs?token=signed", "", []),
        ("fal/app/realtime?fal_jwt_token=t", "", []),
        ("deepgram", "token mine", []),
        ("deepgram", "bearer a.b.c", []),
        ("together?api_key=mine", "", []),
        ("assemblyai?token=mine", "", []),
        ("soniox", "soniox-api-key mine", []),
        ("soniox", "soniox-api-key openai-beta.x", []),
        ("speechmatics?jwt=mine", "", []),
        ("mistral", "realtime rt_mine", []),
        ("sarvam", "api-subscription-key.mine", []),
        ("sarvam", "", [(b"Api-Subscription-Key", b"mine")]),
        ("hume?api_key=mine", "", []),
        ("hume?access_token=mine", "", []),
        ("grok", "xai-client-secret.mine", []),
        ("openai", "bland.api_key.mine", []),
        ("openai", "ai-gateway-auth.mine", []),
        ("openai", "graphql-ws", []),
    ],
)
def test_a_clients_key_keeps_the_stored_one_out(path: str, offered: str, headers: list[tuple[bytes, bytes]]) -> None:
    slug = path.partition("?")[0].partition("/")[0]
    slug = {"google": "google-ai-studio"}.get(slug, slug)
    stored = ProviderSettings(api_key=Secret(CANARY), headers=(("x-org", CANARY),))
    made = good(call(path, offered=offered, headers=headers, **{slug: stored}))
    assert CANARY not in str((made.headers, made.target, made.subprotocols))


def test_carriers_become_fields_and_the_rest_goes_on() -> None:
    made = good(call("elevenlabs?agent_id=a", offered="xi-api-key.K cf-aig-authorization.ours convai"))
    assert dict(made.headers) == {b"xi-api-key": b"K"}
    assert made.subprotocols == (b"convai",)
    made = good(call("fal/app", offered="fal-api-key.i:s"))
    assert dict(made.headers) == {b"authorization": b"Key i:s"}
    made = good(call("openai", offered="realtime openai-insecure-api-key.K openai-beta.realtime-v1"))
    assert made.headers == []
    assert made.subprotocols == (b"realtime", b"openai-insecure-api-key.K", b"openai-beta.realtime-v1")


@pytest.mark.parametrize(
    ("path", "offered", "headers"),
    [
        ("openai", "", [(b"Authorization", b"Bearer ours")]),
        ("openai", "realtime openai-insecure-api-key.ours", []),
        ("openai?key=ours", "", []),
        ("openai?cf-aig-authorization=ours", "", []),
        ("openai?CF-AIG-Authorization=other", "", []),
        ("openai", "cf-aig-authorization.ours", [(b"cf-aig-authorization", b"Bearer ours")]),
        ("openai", "fal-api-key.ours", []),
    ],
)
def test_our_tokens_never_go_upstream(path: str, offered: str, headers: list[tuple[bytes, bytes]]) -> None:
    made = good(call(path, offered=offered, headers=headers, openai=STORED))
    assert made.target == b"/v1/realtime"
    assert dict(made.headers) == {b"authorization": b"Bearer K"}
    assert made.subprotocols in ((), (b"realtime",))


def test_workers_ai_needs_its_setting() -> None:
    text = detail(call("workers-ai?model=@cf/x"), FaultKind.NOT_CONFIGURED)
    assert text == "workers-ai has no realtime URL; the operator has to set providers.workers-ai.realtime_url"
    assert HTTP_STATUS[FaultKind.NOT_CONFIGURED] == 503
    own = ProviderSettings(realtime_url="wss://speech.example/socket", api_key=Secret("K"))
    made = call("workers-ai?model=@cf/deepgram/nova-3&a=1", workers_ai=own)
    assert url(made) == "wss://speech.example/socket?model=@cf/deepgram/nova-3&a=1"
    assert fields(made) == {"authorization": "Bearer K"}
    assert url(call("workers-ai/v1/speak", workers_ai=own)) == "wss://speech.example/v1/speak"


@pytest.mark.parametrize(
    ("path", "setting", "expected"),
    [
        ("openai", "ws://127.0.0.1:9", "ws://127.0.0.1:9/v1/realtime"),
        ("openai/realtime?model=m", "ws://127.0.0.1:9", "ws://127.0.0.1:9/v1/realtime?model=m"),
        ("openai/v1/realtime", "ws://127.0.0.1:9/other", "ws://127.0.0.1:9/other"),
        ("openai/responses", "ws://127.0.0.1:9/other", "ws://127.0.0.1:9/v1/responses"),
        ("deepgram/v1/agent/converse", "ws://127.0.0.1:9", "ws://127.0.0.1:9/v1/agent/converse"),
        ("azure-openai/res?model=d", "ws://127.0.0.1:9", "ws://127.0.0.1:9/openai/v1/realtime?model=d"),
        ("azure-openai/res/openai/realtime", "ws://127.0.0.1:9/x", "ws://127.0.0.1:9/openai/realtime"),
        ("custom-a/x/y?z=1", "wss://h/base", "wss://h/x/y?z=1"),
        ("custom-a?z=1", "wss://h/base", "wss://h/base?z=1"),
    ],
)
def test_a_realtime_url_gives_the_origin_and_the_default_path(path: str, setting: str, expected: str) -> None:
    slug = path.partition("?")[0].partition("/")[0]
    assert url(call(path, **{slug: ProviderSettings(realtime_url=setting)})) == expected


def test_a_custom_provider_without_one_uses_its_base_url() -> None:
    own = ProviderSettings(base_url="http://127.0.0.1:9/v1")
    assert url(call("custom-a/realtime?m=1", custom_a=own)) == "ws://127.0.0.1:9/v1/realtime?m=1"
    assert url(call("loopback/realtime", loopback=own)) == "ws://127.0.0.1:9/v1/realtime"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("loopback", "/v1/realtime"),
        ("loopback/realtime?model=m", "/v1/realtime?model=m"),
        ("loopback/v1/realtime", "/v1/realtime"),
        ("loopback/echo?loopback_close=4000", "/echo?loopback_close=4000"),
        ("loopback/ws/google.ai.generativelanguage.v1beta.X", "/ws/google.ai.generativelanguage.v1beta.X"),
    ],
)
def test_the_loopback_serves_every_shape_under_its_realtime_url(path: str, expected: str) -> None:
    own = ProviderSettings(base_url="http://127.0.0.1:9/v1", realtime_url="ws://127.0.0.1:9")
    assert url(call(path, loopback=own)) == f"ws://127.0.0.1:9{expected}"


_OWN = ProviderSettings(realtime_url="ws://127.0.0.1:9")


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("openai?model=m", "openai-realtime"),
        ("azure-openai/res?model=d", "openai-realtime"),
        ("azure-openai/res/voice-live/realtime", "openai-realtime"),
        ("grok", "openai-realtime"),
        ("google", "gemini-live"),
        (
            "google/ws/google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained",
            "gemini-live",
        ),
        ("deepgram/v2/listen", "deepgram"),
        ("elevenlabs/v1/text-to-speech/ID/stream-input", "elevenlabs"),
        ("cartesia", "cartesia"),
        ("fal/a/b/realtime", "fal"),
        ("workers-ai?model=m", "deepgram"),
        ("google-vertex-ai/us-central1", "gemini-live"),
        ("azure-voice-live/res", "openai-realtime"),
        ("mistral", "mistral"),
        ("together", "together"),
        ("together/v1/audio/speech/websocket", "together"),
        ("alibaba?model=m", "openai-realtime"),
        ("alibaba/cn", "openai-realtime"),
        ("alibaba/api-ws/v1/inference", "unknown"),
        ("inworld?key=s", "openai-realtime"),
        ("assemblyai", "assemblyai"),
        ("assemblyai/eu/v3/ws", "assemblyai"),
        ("assemblyai/agents/v1/ws", "unknown"),
        ("soniox", "soniox"),
        ("speechmatics/v2/en", "speechmatics"),
        ("sarvam/text-to-speech/ws", "sarvam"),
        ("rime/coda/ws", "rime"),
        ("hume", "hume"),
        ("hume/v0/tts/stream/input", "unknown"),
        # what only the settings route is read by its path
        ("loopback", "openai-realtime"),
        ("loopback/v1/realtime?model=x/BidiGenerateContent", "openai-realtime"),
        ("loopback" + GEMINI, "gemini-live"),
        ("loopback/echo", "unknown"),
        ("custom-a/v1/realtime?model=m", "openai-realtime"),
        ("custom-a" + GEMINI + "?key=k", "gemini-live"),
        ("custom-a/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent", "gemini-live"),
        ("custom-a/v1/listen", "deepgram"),
        ("custom-a/v1/agent/converse", "deepgram"),
        ("custom-a/v1/text-to-speech/ID/multi-stream-input", "elevenlabs"),
        ("custom-a/v1/convai/conversation", "elevenlabs"),
        ("custom-a/tts/websocket", "cartesia"),
        ("custom-a/elsewhere", "unknown"),
    ],
)
def test_how_the_providers_messages_are_read(path: str, format: str) -> None:
    assert good(call(path, workers_ai=_OWN, custom_a=_OWN, loopback=_OWN)).format == format
    assert format in (*REALTIME_FORMATS, "unknown")


def test_a_path_in_the_settings_is_read_too() -> None:
    own = ProviderSettings(realtime_url="wss://res.example/openai/v1/realtime")
    assert good(call("custom-a?model=m", custom_a=own)).format == "openai-realtime"


def test_a_stored_azure_key_is_for_its_resource() -> None:
    stored = ProviderSettings(api_key=Secret('{"resource": "mine", "apiKey": "K"}'))
    assert fields(call("azure-openai/mine", azure_openai=stored)) == {"api-key": "K"}
    assert "names the host itself" in detail(call("azure-openai/theirs", azure_openai=stored))
    assert "realtime_url" in detail(call("azure-openai/mine", azure_openai=STORED))
    fixed = ProviderSettings(api_key=Secret("K"), realtime_url="wss://mine.openai.azure.com")
    assert fields(call("azure-openai/any", azure_openai=fixed)) == {"api-key": "K"}


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("nope", FaultKind.UNKNOWN_PROVIDER, "unknown provider 'nope'"),
        ("", FaultKind.UNKNOWN_PROVIDER, "unknown provider ''"),
        ("anthropic", FaultKind.UNKNOWN_PROVIDER, "anthropic has no realtime endpoint; allowed are "),
        ("openai/../x", FaultKind.INVALID_REQUEST, "'..'"),
        ("openai/%2e%2e/x", FaultKind.INVALID_REQUEST, "'..'"),
        ("openai/https://evil.com", FaultKind.INVALID_REQUEST, "without a scheme"),
        ("openai/x#y", FaultKind.INVALID_REQUEST, "fragment"),
        ("openai/x%0d%0ay", FaultKind.INVALID_REQUEST, "control"),
        ("azure-openai", FaultKind.INVALID_REQUEST, "azure-openai/RESOURCE[/PATH]"),
        ("azure-openai/evil.com%2f/x", FaultKind.INVALID_REQUEST, "azure-openai/RESOURCE[/PATH]"),
        ("fal", FaultKind.INVALID_REQUEST, "allowed is fal/PATH"),
    ],
)
def test_calls_that_are_refused(path: str, kind: FaultKind, said: str) -> None:
    assert said in detail(call(path), kind)


def hidden(made: RealtimeCall, text: str) -> str:
    """``text`` from a peer, as the relay shows it."""
    return redactor(key.encode() for key in made.keys).hide(text.encode()).decode()


@pytest.mark.parametrize(
    ("path", "offered", "headers"),
    [
        ("openai", "", [(b"authorization", b"Bearer sk-canary-77aa")]),
        ("openai", "", [(b"authorization", b"sk-canary-77aa")]),
        ("cartesia", "", [(b"x-api-key", b"sk-canary-77aa")]),
        ("azure-openai/res", "", [(b"api-key", b"sk-canary-77aa")]),
        ("azure-openai/res?api-key=sk-canary-77aa", "", []),
        ("google?api_key=sk-canary-77aa", "", []),
        ("google?key=sk%2Dcanary%2D77aa", "", []),
        ("google?access_token=sk-canary-77aa", "", []),
        ("fal/a/realtime?fal_jwt_token=sk-canary-77aa", "", []),
        ("elevenlabs?conversation_signature=sk-canary-77aa", "", []),
        ("elevenlabs", "xi-api-key.sk-canary-77aa", []),
        ("fal/app", "fal-api-key.sk-canary-77aa", []),
        ("openai", "realtime openai-insecure-api-key.sk-canary-77aa", []),
        ("deepgram", "token sk-canary-77aa", []),
        ("deepgram", "bearer sk-canary-77aa.b.c", []),
    ],
)
def test_a_key_that_a_peer_quotes_is_hidden(path: str, offered: str, headers: list[tuple[bytes, bytes]]) -> None:
    made = good(call(path, offered=offered, headers=headers))
    assert made.keys
    quoted = " ".join([f"Incorrect key {key}!" for key in made.keys])
    assert CANARY not in hidden(made, quoted)
    assert hidden(made, quoted).startswith("Incorrect key ***")


def test_a_stored_key_that_a_peer_quotes_is_hidden_and_words_are_not() -> None:
    stored = ProviderSettings(api_key=Secret(CANARY), headers=(("x-org-key", "org-" + CANARY),))
    assert hidden(good(call("openai", openai=stored)), f"{CANARY} of org-{CANARY}") == "*** of ***"
    assert hidden(good(call("openai?key=no", offered="token quota")), "no quota") == "no quota"
    scheme = ProviderSettings(headers=(("x-own-auth", "Bearer " + CANARY),))
    assert hidden(good(call("openai", openai=scheme)), f"Not {CANARY}") == "Not ***"


def test_the_beginning_of_a_long_key_at_the_end_of_what_a_peer_says_is_hidden() -> None:
    key = "sk-proj-" + "".join(map(str, range(80)))
    made = good(call("openai", openai=ProviderSettings(api_key=Secret(key))))
    assert hidden(made, ("Incorrect API key: " + key)[:123]) == "Incorrect API key: ***"
    assert hidden(made, f"Not {key}, nor {key[:16]}") == "Not ***, nor ***"
    assert hidden(made, f"{key[:7]} is how keys begin") == f"{key[:7]} is how keys begin"


def test_only_so_many_of_a_clients_own_keys_are_looked_for() -> None:
    many = [f"{number:08d}" for number in range(400)]
    stored = ProviderSettings(headers=(("x-org-key", "org-" + CANARY),))
    made = good(call("openai?" + "&".join(f"key={key}" for key in many), openai=stored))
    assert len(made.keys) == 17
    assert hidden(made, f"{many[0]} org-{CANARY}") == "*** ***"
    items = [f"a{key}-api-key.{key}" for key in many]
    assert detail(call("openai", offered=" ".join(items[:17]))).endswith("has more than 16 items that may be keys")
    made = good(call("openai", offered=" ".join(items[:16])))
    assert hidden(made, f"{items[15]} {many[15]}") == "*** ***"


def test_no_key_is_shown() -> None:
    stored = ProviderSettings(api_key=Secret(CANARY), realtime_url="wss://h")
    for result in (
        call(f"openai?key={CANARY}", offered=f"token {CANARY}", headers=[(b"authorization", CANARY.encode())]),
        call("openai", openai=stored),
        call(f"fal/{CANARY}/../x?key={CANARY}"),
        call(f"azure-openai/{CANARY}_?api-key={CANARY}"),
    ):
        assert CANARY not in repr(result)


# -- where the stored key goes, if the settings say so --------------------------------------------------------------


@pytest.mark.parametrize(
    ("key_in", "headers", "target", "offered"),
    [
        ("bearer", {"authorization": "Bearer a/b:c"}, "/x?y=1", ()),
        ("basic", {"authorization": "Basic YS9iOmM="}, "/x?y=1", ()),
        ("token", {"authorization": "Token a/b:c"}, "/x?y=1", ()),
        ("header:X-My-Key", {"x-my-key": "a/b:c"}, "/x?y=1", ()),
        ("query:k", {}, "/x?y=1&k=a%2Fb%3Ac", ()),
    ],
)
def test_key_in_says_how_the_stored_key_is_carried(
    key_in: str, headers: dict[str, str], target: str, offered: tuple[str, ...]
) -> None:
    own = ProviderSettings(base_url="https://h", api_key=Secret("a/b:c"), key_in=key_in)
    made = good(call("custom-a/x?y=1", custom_a=own))
    assert fields(made) == headers
    assert made.target.decode() == target
    assert made.key == "stored"
    assert "a/b:c" not in repr(made)


@pytest.mark.parametrize(
    ("marker", "client", "upstream"),
    [
        ("soniox-api-key", "", "soniox-api-key K"),
        ("realtime", "realtime openai-beta.x", "realtime K openai-beta.x"),
        ("acme-key.", "convai", "acme-key.K convai"),
    ],
)
def test_a_stored_key_among_the_subprotocols(marker: str, client: str, upstream: str) -> None:
    own = ProviderSettings(base_url="https://h", api_key=Secret("K"), key_in=f"subprotocol:{marker}")
    made = good(call("custom-a/x", offered=client, custom_a=own))
    assert (fields(made), b" ".join(made.subprotocols).decode()) == ({}, upstream)
    assert good(call("custom-a/x", offered="mine", custom_a=own)).subprotocols == (b"mine",)


def test_a_key_that_no_subprotocol_can_hold_is_refused() -> None:
    own = ProviderSettings(base_url="https://h", api_key=Secret("a/b"), key_in="subprotocol:m")
    text = detail(call("custom-a/x", custom_a=own), FaultKind.NOT_CONFIGURED)
    assert text.startswith("providers.custom-a.api_key cannot be sent")


@pytest.mark.parametrize(
    ("key_in", "path", "headers"),
    [
        ("query:k", "custom-a/x?k=mine", []),
        ("query:k", "custom-a/x?%6b=mine", []),
        ("header:X-Key", "custom-a/x", [(b"x-key", b"mine")]),
        ("header:X-Key", "custom-a/x", [(b"authorization", b"Bearer mine")]),
    ],
)
def test_a_clients_key_in_that_place_keeps_the_stored_one_out(
    key_in: str, path: str, headers: list[tuple[bytes, bytes]]
) -> None:
    own = ProviderSettings(base_url="https://h", api_key=Secret(CANARY), key_in=key_in)
    made = good(call(path, headers=headers, custom_a=own))
    assert made.key == "client"
    assert CANARY not in str((made.headers, made.target, made.subprotocols))


def test_a_stored_key_in_the_query_is_hidden_in_both_of_its_forms() -> None:
    stored = ProviderSettings(api_key=Secret("sk/canary+77"))
    made = good(call("hume?config_id=c&api_key=", hume=stored))
    assert made.target == b"/v0/evi/chat?config_id=c&api_key=sk%2Fcanary%2B77"
    assert hidden(made, "sk/canary+77 sk%2Fcanary%2B77") == "*** ***"


# -- stored keys in JSON --------------------------------------------------------------------------------------------

ACCOUNT = '{\n "type": "service_account", "client_email": "a@b", "private_key": "sk-canary-77aa"\n}'
AWS = '{"accessKeyId": "AK", "secretAccessKey": "sk-canary-77aa", "region": "eu-west-1"}'


def test_a_service_account_becomes_a_token_before_the_dial() -> None:
    made = good(call("google-vertex-ai/us-central1", google_vertex_ai=ProviderSettings(api_key=Secret(ACCOUNT))))
    assert made.headers == []
    assert made.account is not None
    assert CANARY not in str((made, made.keys))
    ready = made.with_token(Secret("ya29.token"))
    assert fields(ready) == {"authorization": "Bearer ya29.token"}
    assert ready.account is None
    assert hidden(ready, "bad ya29.token") == "bad ***"


def test_the_region_of_a_stored_account_is_the_default() -> None:
    stored = ProviderSettings(api_key=Secret(ACCOUNT.replace("{", '{"region": "europe-west4",', 1)))
    assert url(call("google-vertex-ai", google_vertex_ai=stored)).startswith("wss://europe-west4-aiplatform.")
    assert url(call("google-vertex-ai/us-east1", google_vertex_ai=stored)).startswith("wss://us-east1-aiplatform.")


def test_a_client_may_carry_an_account_of_its_own() -> None:
    carried = b64encode(b'{"client_email": "a@b", "private_key": "mine"}')
    made = good(call("google-vertex-ai", headers=[(b"authorization", b"Bearer " + carried)]))
    assert (made.headers, made.key) == ([], "client")
    assert made.account is not None


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("bedrock-runtime.us-east-1.amazonaws.com", "us-east-1/bedrock/aws4_request"),
        ("bedrock-agentcore.us-west-2.amazonaws.com", "us-west-2/bedrock-agentcore/aws4_request"),
        ("transcribestreaming.us-east-1.amazonaws.com:8443", "us-east-1/transcribe/aws4_request"),
        ("proxy.example", "eu-west-1/bedrock/aws4_request"),
    ],
)
def test_an_upgrade_to_aws_is_signed(host: str, scope: str) -> None:
    own = ProviderSettings(realtime_url=f"wss://{host}/x", api_key=Secret(AWS))
    made = fields(call("aws-bedrock?a=1|2", aws_bedrock=own))
    assert made["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AK/20231114/" + scope)
    assert set(made) == {"authorization", "x-amz-date"}
    assert CANARY not in str(made)


@pytest.mark.parametrize("stored", [ACCOUNT, AWS, "\ufeff{}", "two\nlines"])
@pytest.mark.parametrize("path", ["openai", "google", "deepgram", "fal/a/b", "hume", "custom-a/x", "azure-openai/res"])
def test_json_that_a_provider_has_no_form_for_is_never_sent(path: str, stored: str) -> None:
    key = ProviderSettings(api_key=Secret(stored), base_url="https://h")
    slug = {"google": "google-ai-studio"}.get(path, path.partition("/")[0])
    result = call(path, **{slug: key})
    assert isinstance(result, Fault)
    assert HTTP_STATUS[result.kind] == 503
    assert CANARY not in repr(result)


# -- headers of the client and of the operator ----------------------------------------------------------------------

_BROWSER = [(b"Origin", b"https://app"), (b"x-org", b"client")]


@pytest.mark.parametrize(
    ("settings", "client_key", "expected"),
    [
        (ProviderSettings(), False, {"x-org": "client"}),
        (ProviderSettings(origin="pass"), False, {"x-org": "client", "origin": "https://app"}),
        (ProviderSettings(origin="https://own"), False, {"x-org": "client", "origin": "https://own"}),
        (ProviderSettings(origin="https://own"), True, {"x-org": "client", "origin": "https://own"}),
        (
            ProviderSettings(headers=(("X-Org", "o"), ("Origin", "https://h"))),
            False,
            {"x-org": "o", "origin": "https://h"},
        ),
        (
            ProviderSettings(headers=(("X-Org", "o"), ("Origin", "https://h"))),
            True,
            {"x-org": "client", "origin": "https://h"},
        ),
    ],
)
def test_the_operators_headers_and_the_origin(
    settings: ProviderSettings, client_key: bool, expected: dict[str, str]
) -> None:
    mine = [(b"xi-api-key", b"mine")] if client_key else []
    made = fields(call("elevenlabs", headers=[*_BROWSER, *mine], elevenlabs=settings))
    assert made == expected | ({"xi-api-key": "mine"} if client_key else {})


def test_a_line_break_in_the_settings_headers_is_a_fault() -> None:
    own = ProviderSettings(headers=(("x-org", "a\r\nb"),))
    assert "x-org" in detail(call("openai", openai=own), FaultKind.NOT_CONFIGURED)


def test_the_realtime_endpoint_of_a_self_hosted_server() -> None:
    own = ProviderSettings(base_url="http://127.0.0.1:8000/v1", api_key=Secret("K"))
    made = good(call("custom-vllm/v1/realtime?model=m", custom_vllm=own))
    assert url(made) == "ws://127.0.0.1:8000/v1/realtime?model=m"
    assert (made.format, fields(made)) == ("openai-realtime", {"authorization": "Bearer K"})


@pytest.mark.parametrize(
    ("path", "offered", "headers"),
    [
        ("openai?x=ours", "", []),
        ("openai?CF%2Daig-x=1", "", []),
        ("openai?%63f-aig-authorization=other", "", []),
        ("openai?a=Bearer%20ours", "", []),
        ("openai?ours", "", []),
        ("openai", "token ours", []),
        ("openai", "bland.api_key.ours", []),
        ("openai", "openai-project.ours", []),
        ("openai", "", [(b"x-note", b"ours")]),
        ("openai", "", [(b"x-note", b"Custom ours")]),
        ("openai", "", [(b"x-api-key", b"theirs"), (b"x-api-key", b"ours")]),
        ("openai", "", [(b"authorization", b"Basic " + b64encode(b"user:ours"))]),
        ("openai", "", [(b"authorization", b"Basic " + b64encode(b"ours:").rstrip(b"="))]),
    ],
)
def test_our_tokens_never_go_upstream_in_any_form(path: str, offered: str, headers: list[tuple[bytes, bytes]]) -> None:
    made = good(call(path, offered=offered, headers=headers, openai=STORED))
    assert made.target == b"/v1/realtime"
    assert dict(made.headers) == {b"authorization": b"Bearer K"}
    assert made.subprotocols == ()


def test_a_key_in_the_url_of_the_settings_is_a_stored_one() -> None:
    own = ProviderSettings(realtime_url="wss://h.test/live?token=operators-canary")
    assert good(call("openai", openai=own)).key == "stored"
    assert good(call("openai", headers=[(b"authorization", b"Bearer own")], openai=own)).key == "client"
    assert good(call("openai", openai=ProviderSettings(realtime_url="wss://h.test/live?v=1"))).key == "none"
