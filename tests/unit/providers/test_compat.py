"""Where a request in the client's format goes: the provider in the model's name, its format and its endpoint."""

from base64 import b64encode

import pytest
from tests.rigs.provider_calls import CANARY, call, good

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.providers.compat import ClientFormat, CompatTarget, compat_slugs, find_target, usual_slugs
from aigw_sansio.providers.registry import ALIASES, DEFAULT_SLUGS
from aigw_sansio.secret import Secret
from aigw_sansio.translate.registry import find_format

AZURE = '{"resource":"acme","apiKey":"K"}'
AWS = '{"accessKeyId":"AKIA","secretAccessKey":"s","region":"eu-west-1"}'
GOOGLE = '{"client_email":"a@p.iam.gserviceaccount.com","private_key":"PEM","project_id":"p1","region":"us-central1"}'
PLACED = ProviderSettings(base_url="https://us-east5-aiplatform.googleapis.com/v1/projects/p2/locations/us-east5")


def target(
    model: str, client_format: ClientFormat = "openai-chat", *, bearer: str = "", **settings: ProviderSettings
) -> CompatTarget | Fault:
    by_slug = {slug.replace("_", "-"): own for slug, own in settings.items()}
    return find_target(model, client_format, by_slug, bearer=bearer, is_secret=lambda text: text == CANARY)


def key(text: str) -> ProviderSettings:
    return ProviderSettings(api_key=Secret(text))


#: The model that the client writes, settings, and where it goes.
ROWS: list[tuple[str, dict[str, ProviderSettings], CompatTarget]] = [
    ("openai/gpt-5-mini", {}, CompatTarget("openai", "gpt-5-mini", "openai-chat", "chat/completions", passes=True)),
    ("xai/grok-4", {}, CompatTarget("grok", "grok-4", "xai", "chat/completions")),
    ("perplexity/sonar", {}, CompatTarget("perplexity-ai", "sonar", "perplexity", "chat/completions")),
    ("mistral/m", {}, CompatTarget("mistral", "m", "mistral", "v1/chat/completions")),
    ("workers-ai/@cf/a/b", {}, CompatTarget("workers-ai", "@cf/a/b", "workers-ai", "v1/chat/completions")),
    ("openrouter/a/b:free", {}, CompatTarget("openrouter", "a/b:free", "openrouter", "chat/completions")),
    ("huggingface/a/b", {}, CompatTarget("huggingface", "a/b", "huggingface", "a/b/v1/chat/completions")),
    ("anthropic/claude-x", {}, CompatTarget("anthropic", "claude-x", "anthropic-messages")),
    ("google/gemini-x", {}, CompatTarget("google-ai-studio", "gemini-x", "gemini")),
    ("cohere/command-a", {}, CompatTarget("cohere", "command-a", "cohere-v2")),
    ("ollama/llama", {"ollama": ProviderSettings()}, CompatTarget("ollama", "llama", "ollama-chat")),
    (
        "custom-acme/some/model",
        {"custom_acme": ProviderSettings(base_url="https://acme.test/v1")},
        CompatTarget("custom-acme", "some/model", "openai-like", "chat/completions", passes=True),
    ),
    (
        "azure-openai/dep",
        {"azure_openai": key(AZURE)},
        CompatTarget("azure-openai", "dep", "azure-openai", "acme/openai/v1/chat/completions", passes=True),
    ),
    (
        "azure-openai/res/dep",
        {},
        CompatTarget("azure-openai", "dep", "azure-openai", "res/openai/v1/chat/completions", passes=True),
    ),
    (
        "aws-bedrock/us.anthropic.claude-x",
        {"aws_bedrock": key(AWS)},
        CompatTarget("aws-bedrock", "us.anthropic.claude-x", "bedrock-converse", prefix="bedrock-runtime/eu-west-1/"),
    ),
    (
        "aws-bedrock/amazon.nova",
        {},
        CompatTarget("aws-bedrock", "amazon.nova", "bedrock-converse", prefix="bedrock-runtime/us-east-1/"),
    ),
    (
        "google-vertex-ai/google/gemini-x",
        {"google_vertex_ai": key(GOOGLE)},
        CompatTarget("google-vertex-ai", "gemini-x", "vertex-gemini", prefix="v1/projects/p1/locations/us-central1/"),
    ),
    ("google-vertex-ai/gemini-x", {}, CompatTarget("google-vertex-ai", "gemini-x", "vertex-gemini", prefix="v1/")),
    (
        "google-vertex-ai/anthropic/claude-x",
        {"google_vertex_ai": PLACED},
        CompatTarget("google-vertex-ai", "claude-x", "vertex-anthropic"),
    ),
    (
        "google-vertex-ai/meta/llama",
        {"google_vertex_ai": PLACED},
        CompatTarget(
            "google-vertex-ai", "meta/llama", "openai-like", "endpoints/openapi/chat/completions", passes=True
        ),
    ),
]


@pytest.mark.parametrize(("model", "settings", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_the_model_names_the_provider(
    model: str, settings: dict[str, ProviderSettings], expected: CompatTarget
) -> None:
    assert target(model, **settings) == expected


@pytest.mark.parametrize(("model", "settings", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_its_endpoint_can_be_called(model: str, settings: dict[str, ProviderSettings], expected: CompatTarget) -> None:
    """With the client's own key, so that the key is no reason."""
    own = [("authorization", "Bearer own-key-of-the-client")]
    endpoint = expected.endpoint or f"{expected.prefix}publishers/google/models/m:generateContent"
    built = good(call(expected.provider, endpoint, headers=own, **settings))
    assert built.provider == expected.provider
    assert expected.endpoint == "" or built.format == find_format(expected.format).answers


@pytest.mark.parametrize(
    ("model", "format", "endpoint"),
    [
        ("openai/m", "openai-responses", "responses"),
        ("grok/m", "openai-responses", "responses"),
        ("azure-openai/res/m", "openai-responses", "res/openai/v1/responses"),
        ("groq/m", "groq", "chat/completions"),
        ("anthropic/m", "anthropic-messages", ""),
    ],
)
def test_a_provider_is_asked_in_the_format_of_responses_if_it_has_that(model: str, format: str, endpoint: str) -> None:
    found = target(model, "openai-responses")
    assert isinstance(found, CompatTarget)
    assert (found.format, found.endpoint) == (format, endpoint)


@pytest.mark.parametrize(
    "model", ["", "gpt-5", "openai/", "/gpt", "nobody/x", "elevenlabs/x", "custom-none/x", "ollama/x"]
)
def test_a_model_that_names_no_provider_of_models_is_refused(model: str) -> None:
    found = target(model)
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.UNKNOWN_PROVIDER


@pytest.mark.parametrize(
    ("model", "client_format", "passes"),
    [
        ("openai/m", "openai-chat", True),
        ("openai/m", "openai-responses", True),
        ("openai/m", "anthropic-messages", False),
        ("azure-openai/res/m", "openai-responses", True),
        ("azure-openai/res/m", "anthropic-messages", False),
        ("groq/m", "openai-chat", False),  # it refuses some of what OpenAI takes
        ("together/m", "openai-chat", True),
        ("together/m", "openai-responses", False),
        ("anthropic/m", "anthropic-messages", True),
        ("anthropic/m", "openai-chat", False),
        ("google-vertex-ai/anthropic/m", "anthropic-messages", False),  # the model is not in the body
    ],
)
def test_a_clients_own_text_passes_where_it_is_understood(
    model: str, client_format: ClientFormat, passes: bool
) -> None:
    found = target(model, client_format)
    assert isinstance(found, CompatTarget)
    assert found.passes is passes


def test_a_key_in_the_place_of_the_model_is_not_quoted() -> None:
    for model in (CANARY, f"{CANARY}/x", "stored-key-canary"):
        found = target(model, openai=key("stored-key-canary"))
        assert isinstance(found, Fault)
        assert "canary" not in found.detail


@pytest.mark.parametrize(
    ("model", "settings"),
    [("azure-openai/dep", {}), ("azure-openai/dep", {"azure_openai": key("plain")}), ("google-vertex-ai/meta/x", {})],
)
def test_a_target_that_lacks_a_part_of_its_address_is_refused(
    model: str, settings: dict[str, ProviderSettings]
) -> None:
    found = target(model, **settings)
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.INVALID_REQUEST
    assert "request.query.model" in found.detail


def test_a_clients_own_service_account_says_where_its_models_run() -> None:
    found = target("google-vertex-ai/google/m", bearer=b64encode(GOOGLE.encode()).decode())
    assert isinstance(found, CompatTarget)
    assert found.prefix == "v1/projects/p1/locations/us-central1/"


def test_unreadable_stored_keys_are_faults_of_the_settings() -> None:
    for model in ("azure-openai/d", "aws-bedrock/m", "google-vertex-ai/m"):
        found = target(model, azure_openai=key("{}"), aws_bedrock=key("{}"), google_vertex_ai=key("{}"))
        assert isinstance(found, Fault)
        assert found.kind is FaultKind.NOT_CONFIGURED


def test_every_name_that_the_error_allows_is_known() -> None:
    assert set(compat_slugs()) <= DEFAULT_SLUGS | {"ollama", "loopback"}
    assert set(usual_slugs()) == set(compat_slugs()) & DEFAULT_SLUGS
    assert {ALIASES[name] for name in ("google", "xai", "perplexity")} <= set(compat_slugs())
