"""Credentials: whose they are, to which host they go, and which may never go along."""

from base64 import b64encode
from collections.abc import Callable

import pytest
from tests.rigs.provider_calls import CANARY, call, detail, fields, good

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.providers.auth import (
    StoredAws,
    StoredAzure,
    StoredGoogle,
    has_key,
    operators_secrets,
    read_stored_key,
    take_key,
)
from aigw_sansio.providers.key_location import BEARER, KeyLocation, put_key
from aigw_sansio.providers.registry import REGISTRY
from aigw_sansio.secret import Secret


@pytest.mark.parametrize(
    ("fields", "query", "location", "found"),
    [
        ({"authorization": "Bearer k"}, "", BEARER, True),
        ({"x-api-key": "k"}, "", BEARER, True),
        ({"accept": "k"}, "", BEARER, False),
        ({"accept": "k"}, "", KeyLocation("accept"), True),
        ({}, "key=k", BEARER, True),
        ({}, "%6bey=k", BEARER, True),
        ({}, "key=", BEARER, False),
        ({}, "other=k", BEARER, False),
        ({}, "other=k", KeyLocation(query="other"), True),
        ({}, "", KeyLocation(query="other"), False),
    ],
)
def test_whether_the_client_brought_a_key(
    fields: dict[str, str], query: str, location: KeyLocation, found: bool
) -> None:
    assert has_key(fields, query, ["key"], location) is found


@pytest.mark.parametrize(
    ("slug", "field", "value"),
    [
        ("openai", "authorization", "Bearer K"),
        ("anthropic", "x-api-key", "K"),
        ("google-ai-studio", "x-goog-api-key", "K"),
        ("deepgram", "authorization", "Token K"),
        ("fal", "authorization", "Key K"),
        ("ideogram", "api-key", "K"),
        ("elevenlabs", "xi-api-key", "K"),
    ],
)
def test_each_provider_has_its_carrier(slug: str, field: str, value: str) -> None:
    fields: dict[str, str] = {}
    put_key(fields, REGISTRY[slug].key, "K")
    assert fields == {field: value}


def test_structured_keys_are_told_apart() -> None:
    aws = read_stored_key(
        REGISTRY["aws-bedrock"],
        Secret('{"accessKeyId":"AK","secretAccessKey":"canary","region":"us-east-1"}'),
    )
    assert isinstance(aws, StoredAws)
    assert "canary" not in repr(aws)
    azure = read_stored_key(REGISTRY["azure-openai"], Secret('{"resource":"r","apiKey":"canary"}'))
    assert isinstance(azure, StoredAzure)
    plain = read_stored_key(REGISTRY["openai"], Secret("canary"))
    assert not isinstance(plain, Fault | StoredAws | StoredAzure | StoredGoogle)


def test_a_broken_structured_key_is_a_fault_that_shows_nothing_of_it() -> None:
    found = read_stored_key(REGISTRY["aws-bedrock"], Secret('{"accessKeyId":"canary"}'))
    assert isinstance(found, Fault)
    assert "canary" not in found.detail


def test_of_the_headers_in_the_settings_those_are_keys_that_look_like_it() -> None:
    long = "0123456789abcdef0123"
    headers = [("X-Auth", "Bearer secret-1"), ("OpenAI-Beta", "assistants=v2"), ("x-api-key", "secret-2"), ("x", long)]
    assert set(operators_secrets(headers, "")) == {"Bearer secret-1", "secret-1", "secret-2", long}
    basic = operators_secrets([("Authorization", "Basic dXNlcjpwYXNzd29yZC1jYW5hcnk=")], "")
    assert {"dXNlcjpwYXNzd29yZC1jYW5hcnk=", "user:password-canary", "password-canary"} <= set(basic)
    assert set(operators_secrets((), f"alt=sse&sig=%2Bx&token=a%2Fb&x={long}")) == {"a%2Fb", "a/b", long}


@pytest.mark.parametrize("slug", [slug for slug in REGISTRY if slug not in ("aws-bedrock", "google-vertex-ai")])
@pytest.mark.parametrize(
    "text",
    [
        '{"type": "service_account", "private_key": "canary", "client_email": "a"}',
        '\n {\n "accessKeyId": "canary"\n}',
        '\ufeff{"apiKey": "canary"}',
        "two\nlines-canary",
        "canary with blanks",
        "canary-\u00fc",
    ],
)
def test_a_stored_key_that_the_provider_has_no_form_for_is_never_sent(slug: str, text: str) -> None:
    found = read_stored_key(REGISTRY[slug], Secret(text))
    assert isinstance(found, Fault)
    assert (found.kind, found.side) == (FaultKind.NOT_CONFIGURED, Side.GATEWAY)
    assert found.detail.startswith(f"providers.{slug}.api_key ")
    assert "canary" not in repr(found)


@pytest.mark.parametrize("wrap", [str, lambda text: b64encode(text.encode()).decode()], ids=["json", "base64"])
def test_a_service_account_in_both_of_its_forms(wrap: Callable[[str], str]) -> None:
    text = '{"client_email": "a@b", "private_key": "canary", "region": "europe-west1"}'
    found = read_stored_key(REGISTRY["google-vertex-ai"], Secret(wrap(text)))
    assert isinstance(found, StoredGoogle)
    assert found.account.region == "europe-west1"
    assert "canary" not in repr(found)


# -- through a whole call ---------------------------------------------------------------------------------------------


STORED = ProviderSettings(api_key=Secret(CANARY))


@pytest.mark.parametrize(
    "field",
    [
        ("Authorization", "Bearer dummy"),
        ("authorization", "Basic eA=="),
        ("authorization", "raw"),
        ("X-API-Key", "token"),
        ("api-key", "k"),
        ("x-goog-api-key", "k"),
        ("xi-api-key", "k"),
    ],
)
def test_a_clients_key_passes_untouched_and_keeps_stored_ones_out(field: tuple[str, str]) -> None:
    stored = ProviderSettings(api_key=Secret(CANARY), headers=(("x-org", CANARY),))
    made = fields(call("anthropic", "v1/messages", headers=[field], anthropic=stored))
    assert made[field[0].lower()] == field[1]
    assert CANARY not in str(made)


@pytest.mark.parametrize(
    "field",
    [
        ("Authorization", "Bearer ours"),
        ("authorization", "bearer  ours "),
        ("authorization", "ours"),
        ("authorization", "Token ours"),
        ("authorization", "Bearer"),
        ("authorization", "Bearer "),
        ("authorization", ""),
        ("x-api-key", "ours"),
        ("api-key", "ours"),
        ("x-goog-api-key", "ours"),
        ("xi-api-key", "ours"),
        ("x-api-key", "Bearer ours"),
    ],
)
def test_a_token_of_ours_counts_as_no_key(field: tuple[str, str]) -> None:
    made = fields(call("anthropic", "v1/messages", headers=[field], anthropic=STORED))
    assert made["x-api-key"] == CANARY
    assert "ours" not in str(made)
    bare = fields(call("anthropic", "v1/messages", headers=[field]))
    assert set(bare) == {"accept-encoding", "content-type"}


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("key=ours", ""),
        ("alt=sse&key=ours", "?alt=sse"),
        ("key=ou%72s&alt=sse", "?alt=sse"),
        ("API_KEY=ours&a=%2f", "?a=%2f"),
    ],
)
def test_a_token_of_ours_in_the_query_is_removed(query: str, left: str) -> None:
    made = good(call("google", f"v1/models/g:generateContent?{query}", google_ai_studio=STORED))
    assert made.request.target.decode() == f"/v1/models/g:generateContent{left}"
    assert fields(made)["x-goog-api-key"] == CANARY


def test_a_key_in_the_query_counts_if_the_provider_reads_it_there() -> None:
    made = call("google", "v1/models/g:generateContent?key=mine", google_ai_studio=STORED)
    assert good(made).request.target.endswith(b"?key=mine")
    assert CANARY not in str(fields(made))
    assert CANARY in str(fields(call("openai", "chat/completions?key=sort", openai=STORED)))


def test_stored_fields_come_with_the_stored_key_and_replace_the_client_s() -> None:
    mine = ProviderSettings(
        base_url="https://llm.example", api_key=Secret(CANARY), headers=(("X-Org", "o"), ("x-team", "t"))
    )
    made = fields(call("custom-mine", "x", headers=[("x-team", "client")], custom_mine=mine))
    assert made["x-org"] == "o"
    assert made["x-team"] == "t"
    assert made["authorization"] == f"Bearer {CANARY}"


def test_mantle_takes_a_bearer_token_as_its_own_key() -> None:
    endpoint = "bedrock-mantle/us-east-1/anthropic/v1/messages"
    made = fields(call("aws-bedrock", endpoint, headers=[("authorization", "bearer k")]))
    assert made["x-api-key"] == "k"
    assert "authorization" not in made
    runtime = fields(
        call("aws-bedrock", "bedrock-runtime/us-east-1/model/m/converse", headers=[("authorization", "Bearer k")])
    )
    assert runtime["authorization"] == "Bearer k"


def test_an_azure_key_is_for_its_resource() -> None:
    stored = ProviderSettings(api_key=Secret('{"resource": "mine", "apiKey": "' + CANARY + '"}'))
    made = fields(call("azure-openai", "mine/dep/chat/completions", azure_openai=stored))
    assert made["api-key"] == CANARY
    text = detail(call("azure-openai", "theirs/dep/chat/completions", azure_openai=stored))
    assert "the key stored for azure-openai is not sent there" in text
    fixed = ProviderSettings(api_key=Secret(CANARY), base_url="https://mine.openai.azure.com")
    assert fields(call("azure-openai", "any/d/chat/completions", azure_openai=fixed))["api-key"] == CANARY


def test_a_stored_key_in_an_unknown_form() -> None:
    broken = call(
        "aws-bedrock",
        "bedrock-runtime/us-east-1/model/m/converse",
        aws_bedrock=ProviderSettings(api_key=Secret('{"accessKeyId": "' + CANARY + '"}')),
    )
    assert isinstance(broken, Fault)
    assert broken.side is Side.GATEWAY
    assert broken.detail.startswith("providers.aws-bedrock.api_key is JSON of no known form; allowed are ")


@pytest.mark.parametrize(
    ("slug", "endpoint", "own", "hidden"),
    [
        ("openai", "x", ProviderSettings(api_key=Secret("canary-plain")), {"canary-plain"}),
        (
            "custom-a",
            "x",
            ProviderSettings(base_url="https://h", api_key=Secret("user:canary-password"), key_in="basic"),
            {"user:canary-password", "canary-password", b64encode(b"user:canary-password").decode()},
        ),
        (
            "aws-bedrock",
            "bedrock-runtime/us-east-1/model/m/converse",
            ProviderSettings(
                api_key=Secret(
                    '{"accessKeyId":"AKIACANARY","secretAccessKey":"canary-secret","region":"us-east-1",'
                    '"sessionToken":"canary-session"}'
                )
            ),
            {"AKIACANARY", "canary-secret", "canary-session"},
        ),
        (
            "openai",
            "x",
            ProviderSettings(headers=(("x-team", "sixteen-chars-or-more"), ("x-secret", "canary-8"), ("x-v", "short"))),
            {"sixteen-chars-or-more", "canary-8"},
        ),
    ],
)
def test_what_is_hidden_of_what_the_gateway_adds(
    slug: str, endpoint: str, own: ProviderSettings, hidden: set[str]
) -> None:
    made = good(call(slug, endpoint, **{slug.replace("-", "_"): own}))
    found = {key.decode() for key in made.stored_keys}
    assert found >= hidden
    assert "short" not in found


@pytest.mark.parametrize(
    ("carried", "key", "left"),
    [
        ({"authorization": "Bearer k", "accept": "a"}, "k", {"accept": "a"}),
        ({"authorization": "bearer  k", "x-api-key": "other"}, "k", {}),
        ({"x-api-key": "k"}, "k", {}),
        ({"x-goog-api-key": "k", "api-key": "first"}, "first", {}),
        ({"authorization": "AWS4-HMAC-SHA256 Credential=x"}, "", {"authorization": "AWS4-HMAC-SHA256 Credential=x"}),
        ({}, "", {}),
    ],
)
def test_a_clients_key_is_taken_from_wherever_its_sdk_puts_it(
    carried: dict[str, str], key: str, left: dict[str, str]
) -> None:
    assert take_key(carried) == key
    assert carried == left
