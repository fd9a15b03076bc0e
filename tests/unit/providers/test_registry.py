"""Every provider of the registry: where an endpoint goes, how a key gets there, how the answer is read."""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import pytest

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.formats.registry import FORMATS
from aigw_sansio.providers.call import ProviderCall, build_call
from aigw_sansio.providers.registry import ALIASES, REGISTRY, find_provider
from aigw_sansio.secret import Secret

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


# slug, endpoint, upstream URL, field of a stored key, format of readings
ROWS = [
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
]


@pytest.mark.parametrize(("slug", "endpoint", "url", "field", "format"), ROWS, ids=lambda value: str(value)[:40])
def test_each_provider(slug: str, endpoint: str, url: str, field: str | None, format: str) -> None:
    made = good(call(slug, endpoint))
    parts = urlsplit(url)
    assert made.provider == slug
    assert (made.origin.scheme, made.origin.authority) == (parts.scheme, parts.netloc)
    assert made.request.authority.decode() == parts.netloc
    assert made.request.target.decode() == parts.path + ("?" + parts.query if parts.query else "")
    assert made.format == format
    stored = call(slug, endpoint, **{slug: ProviderSettings(api_key=Secret("K"))})
    if field is None:
        assert "names the host itself" in detail(stored)
    else:
        name, _, value = field.partition(": ")
        assert fields(stored)[name] == value
        assert "K" not in "".join(fields(made).values())


def test_the_table_covers_the_registry() -> None:
    assert {row[0] for row in ROWS} | {"loopback"} == set(REGISTRY)


def test_every_family_that_a_row_names_has_a_reader() -> None:
    named = {provider.format for provider in REGISTRY.values()}
    named |= {format for provider in REGISTRY.values() for _, format in provider.formats}
    named |= {row[4] for row in ROWS}
    assert named <= set(FORMATS)


def test_places_name_only_known_variables() -> None:
    from aigw_sansio.providers.registry import VARIABLES

    for provider in REGISTRY.values():
        for route in provider.routes:
            for part in route.prefix.split("/"):
                assert not part.startswith("{") or part[1:-1] in VARIABLES


@pytest.mark.parametrize(("alias", "slug"), ALIASES.items())
def test_aliases(alias: str, slug: str) -> None:
    assert getattr(find_provider(alias, ()), "slug", None) == slug


def test_an_unknown_provider_is_told_what_there_is() -> None:
    text = detail(call("opena", custom_mine=ProviderSettings(base_url="https://h")), FaultKind.UNKNOWN_PROVIDER)
    assert text.startswith("unknown provider 'opena'; allowed are anthropic, ")
    assert "custom-mine" in text
    assert "loopback" not in text


@pytest.mark.parametrize(
    "slug", ["x" * 10_000, "a\r\nb", "\ud800", "OpenAI", "", "loopback", "custom-unset", "openai/"]
)
def test_slugs_that_are_none(slug: str) -> None:
    text = detail(call(slug), FaultKind.UNKNOWN_PROVIDER)
    assert len(text) < 600
    assert text.isascii()
    assert "\n" not in text


def test_custom_providers_and_the_loopback_come_from_the_settings() -> None:
    mine = ProviderSettings(base_url="https://llm.example:8443/api/v1", http2="off", ca_file="ca.pem")
    made = good(call("custom-mine", "chat/completions?x=1", custom_mine=mine))
    assert made.request.target == b"/api/v1/chat/completions?x=1"
    assert (made.origin.host, made.origin.port, made.origin.http2, made.origin.ca_file) == (
        "llm.example",
        8443,
        "off",
        "ca.pem",
    )
    loop = good(call("loopback", "v1/messages", loopback=ProviderSettings(base_url="http://127.0.0.1:9")))
    assert (loop.origin.scheme, loop.origin.authority, loop.format) == ("http", "127.0.0.1:9", "anthropic-messages")


@pytest.mark.parametrize(
    ("endpoint", "format"),
    [
        ("chat/completions", "openai-chat"),
        ("v1/responses", "openai-responses"),
        ("v1/responses/resp_1", "openai-responses"),
        ("messages", "anthropic-messages"),
        ("models/x:streamGenerateContent", "gemini"),
        ("model/m/converse-stream", "bedrock-converse"),
        ("api/chat", "ollama"),
        ("generate_stream", "tgi"),
        ("mychat/completionsx", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_custom_endpoint_is_read_by_its_path(endpoint: str, format: str) -> None:
    mine = ProviderSettings(base_url="https://llm.example/base")
    assert good(call("custom-mine", endpoint, custom_mine=mine)).format == format


@pytest.mark.parametrize(
    ("query", "expected"), [("", True), ("?alt=json", True), ("?alt=sse", False), ("?key=k&alt=sse", False)]
)
def test_array_streams(query: str, expected: bool) -> None:
    made = good(call("google-ai-studio", f"v1/models/g:streamGenerateContent{query}"))
    assert made.array_stream is expected
    assert not good(call("google-ai-studio", "v1/models/g:generateContent")).array_stream


@pytest.mark.parametrize(
    ("slug", "endpoint", "said"),
    [
        ("aws-bedrock", "model/m/converse", "bedrock-runtime/REGION/... or bedrock-mantle/REGION/..."),
        ("aws-bedrock", "bedrock-runtime/s3/model/m/converse", "an AWS region such as us-east-1"),
        ("aws-bedrock", "bedrock-runtime/s3-us-west-2/model/m/converse", "an AWS region such as us-east-1"),
        ("aws-bedrock", "bedrock-runtime/us-east-1.evil.com%23/model/m/converse", "an AWS region such as us-east-1"),
        ("azure-openai", "My_Res/dep/chat/completions", "1 to 63 of a-z, 0-9 and -"),
        ("azure-openai", "evil.com%2f/dep/chat/completions", "1 to 63 of a-z, 0-9 and -"),
        ("azure-openai", "-a/dep/chat/completions", "1 to 63 of a-z, 0-9 and -"),
        ("azure-openai", "a" * 64 + "/dep/chat/completions", "1 to 63 of a-z, 0-9 and -"),
        ("azure-openai", "res\u3002evil/dep/x", "1 to 63 of a-z, 0-9 and -"),
        ("azure-openai", "res", "azure-openai needs"),
        ("google-vertex-ai", "v1/projects/p/locations/evil.com%2f/x", "a Google Cloud location"),
        ("google-vertex-ai", "v1/models/x", "google-vertex-ai needs"),
        ("baseten", "model/a@b", "1 to 57 of a-z, 0-9 and -"),
    ],
)
def test_what_a_client_may_fill_into_a_host(slug: str, endpoint: str, said: str) -> None:
    assert said in detail(call(slug, endpoint))


@pytest.mark.parametrize(
    ("slug", "base", "endpoint", "path"),
    [
        ("openai", "/x", "chat/completions", "/x/chat/completions"),
        ("workers-ai", "/x", "v1/chat/completions", "/x/v1/chat/completions"),
        ("workers-ai", "/x", "@cf/m", "/x/@cf/m"),
        ("aws-bedrock", "/x", "bedrock-runtime/us-east-1/model/m/converse", "/x/model/m/converse"),
        ("aws-bedrock", "/x", "model/m/converse", "/x/model/m/converse"),
        ("azure-openai", "", "r/d/chat/completions", "/openai/deployments/d/chat/completions"),
        ("azure-openai", "/openai/deployments/d", "r/d/chat/completions", "/openai/deployments/d/chat/completions"),
        ("azure-openai", "", "r/openai/v1/responses", "/openai/v1/responses"),
        ("azure", "/anthropic", "r/anthropic/v1/messages", "/anthropic/v1/messages"),
        ("google-vertex-ai", "", "v1/projects/p/locations/us-central1/x", "/v1/projects/p/locations/us-central1/x"),
    ],
)
def test_a_base_url_replaces_the_host_and_keeps_the_form_of_endpoints(
    slug: str, base: str, endpoint: str, path: str
) -> None:
    stored = ProviderSettings(base_url="http://127.0.0.1:9" + base, api_key=Secret("K"))
    made = good(call(slug, endpoint, **{slug: stored}))
    assert made.origin.authority == "127.0.0.1:9"
    assert made.request.target.decode() == path
    assert any(value.endswith("K") for value in fields(made).values())


@pytest.mark.parametrize("account", ["a/b", "..", "", "a?b", "a" * 65, "é"])
def test_accounts_that_cannot_stand_in_a_url(account: str) -> None:
    assert "the account" in detail(call("workers-ai", "@cf/x", account=account))


@pytest.mark.parametrize(
    ("value", "origin"),
    [("https://queue.fal.run/fal-ai/x?a=1", "queue.fal.run"), ("https://fal.run", "fal.run")],
)
def test_fal_clients_name_the_host(value: str, origin: str) -> None:
    made = good(call("fal", "fal-ai/x", headers=[("X-Fal-Target-URL", value)]))
    assert made.origin.host == origin
    assert made.request.target.startswith(b"/fal-ai/x")
    assert "x-fal-target-url" not in fields(made)


@pytest.mark.parametrize(
    "value",
    [
        "https://evil.com/",
        "https://fal.run.evil.com/",
        "https://evilfal.run/",
        "http://fal.run/",
        "https://fal.run:8443/",
        "https://fal.run@evil.com/",
        "https://evil.com#.fal.run/",
        "https://evil.com\\.fal.run/",
        "https://evil.com/.fal.run",
        "//fal.run",
        "fal.run",
        "https://\u212fvil.fal.run/",
        "https://a%2f.fal.run/",
        "https://x..fal.run/",
        "https://fal.run./",
        "https://queue.fal.run/../x",
        "https://queue.fal.run/%2e%2e/x",
        "https://" + "a" * 9000 + ".fal.run",
    ],
)
def test_fal_targets_elsewhere_are_refused(value: str) -> None:
    assert "request.headers.x-fal-target-url" in detail(call("fal", "x", headers=[("x-fal-target-url", value)]))


def test_a_stored_key_goes_only_to_fal_hosts_that_are_known() -> None:
    stored = ProviderSettings(api_key=Secret(CANARY))
    known = call("fal", "x", headers=[("x-fal-target-url", "https://queue.fal.run/x")], fal=stored)
    assert fields(known)["authorization"] == f"Key {CANARY}"
    text = detail(call("fal", "x", headers=[("x-fal-target-url", "https://tenant.fal.run/x")], fal=stored))
    assert "names the host itself" in text
    own = call(
        "fal", "x", headers=[("x-fal-target-url", "https://t.fal.run/x"), ("authorization", "Key mine")], fal=stored
    )
    assert fields(own)["authorization"] == "Key mine"
