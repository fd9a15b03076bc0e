"""One request to a provider, built from one step: the search for a key. The rest is :mod:`.test_call`'s."""

import pytest
from tests.rigs.provider_calls import call as step_call
from tests.rigs.provider_calls import fields, good

from aigw_sansio.config import ProviderSettings
from aigw_sansio.providers import auth, call
from aigw_sansio.providers.key_location import KeyLocation
from aigw_sansio.secret import Secret

OWN = ("authorization", "Bearer own-key-of-the-client")


@pytest.mark.parametrize("headers", [[], [OWN]], ids=["stored key", "the client's key"])
def test_a_request_is_searched_for_a_key_once(headers: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[bool] = []

    def counting(fields: dict[str, str], query: str, parameters: tuple[str, ...], location: KeyLocation) -> bool:
        searched.append(auth.has_key(fields, query, parameters, location))
        return searched[-1]

    monkeypatch.setattr(call, "has_key", counting)
    built = call.build_call(
        provider="openai",
        endpoint="chat/completions",
        method="POST",
        headers=headers,
        body=b"{}",
        settings={"openai": ProviderSettings(api_key=Secret("stored-key"))},
        account="acme",
        own_tokens=lambda value: False,
        unix_time=0.0,
    )
    assert isinstance(built, call.ProviderCall)
    assert searched == [bool(headers)]
    sent = dict(built.request.headers)[b"authorization"]
    assert sent == (OWN[1].encode() if headers else b"Bearer stored-key")


@pytest.mark.parametrize(
    ("provider", "key_in", "key", "also"),
    [
        ("openai", "basic", "user:password-canary", {"dXNlcjpwYXNzd29yZC1jYW5hcnk=", "password-canary"}),
        ("openai", "basic", "dXNlcjpwYXNzd29yZC1jYW5hcnk=", {"user:password-canary", "password-canary"}),
        ("openai", "basic", "no-base64-of-any-kind", set()),
        ("inworld", None, "dXNlcjpwYXNzd29yZC1jYW5hcnk=", {"user:password-canary", "password-canary"}),
        ("fal", None, "id-of-a-key:secret-canary", {"secret-canary"}),
        ("openai", None, "team:assistant", set()),
        ("openai", "bearer", "team:assistant", set()),
        ("openai", "header:x-key", "team:assistant", set()),
        ("openai", "query:key", "team:assistant", {"team%3Aassistant"}),
    ],
)
def test_a_part_of_a_key_is_hidden_only_where_it_is_the_secret(
    provider: str, key_in: str | None, key: str, also: set[str]
) -> None:
    """Behind the colon of other keys there may be an ordinary word."""
    built = call.build_call(
        provider=provider,
        endpoint="chat/completions",
        method="POST",
        headers=[],
        body=b"{}",
        settings={provider: ProviderSettings(api_key=Secret(key), key_in=key_in)},
        account="acme",
        own_tokens=lambda value: False,
        unix_time=0.0,
    )
    assert isinstance(built, call.ProviderCall)
    assert set(built.stored_keys) == {part.encode() for part in {key, *also}}


def test_of_a_signed_request_the_signature_and_the_session_are_hidden() -> None:
    """AWS quotes a whole request whose signature it refuses."""
    stored = '{"accessKeyId":"AKIAEXAMPLE","secretAccessKey":"s3cret-canary","region":"us-east-1","sessionToken":"session-canary"}'
    built = call.build_call(
        provider="aws-bedrock",
        endpoint="bedrock-runtime/us-east-1/model/m/converse",
        method="POST",
        headers=[],
        body=b"{}",
        settings={"aws-bedrock": ProviderSettings(api_key=Secret(stored))},
        account="acme",
        own_tokens=lambda value: False,
        unix_time=0.0,
    )
    assert isinstance(built, call.ProviderCall)
    signature = dict(built.request.headers)[b"authorization"].rpartition(b"=")[2]
    assert len(signature) == 64
    assert set(built.stored_keys) == {signature, b"session-canary", b"AKIAEXAMPLE", b"s3cret-canary"}


@pytest.mark.parametrize(
    ("provider", "endpoint", "field"),
    [
        ("anthropic", "v1/messages", "x-api-key: k"),
        ("google-ai-studio", "v1beta/models/m:generateContent", "x-goog-api-key: k"),
        ("openai", "chat/completions", "authorization: Bearer k"),
        ("azure-openai", "res/openai/v1/chat/completions", "api-key: k"),
        ("aws-bedrock", "bedrock-runtime/us-east-1/model/m/converse", "authorization: Bearer k"),
    ],
)
def test_a_bearer_token_goes_where_the_provider_wants_its_key_if_the_client_does_not_know(
    provider: str, endpoint: str, field: str
) -> None:
    name, _, value = field.partition(": ")
    for sent in ("authorization", "x-api-key"):
        own = [(sent, "Bearer k" if sent == "authorization" else "k")]
        found = fields(step_call(provider, endpoint, headers=own, moves_key=True))
        assert found[name] == value
        assert [other for other in auth.CREDENTIAL_FIELDS if other in found] == [name]


def test_a_moved_key_may_go_into_the_query_and_is_the_clients() -> None:
    own = ProviderSettings(base_url="https://acme.test/v1?a=1", api_key=Secret("stored-key"), key_in="query:token")
    built = good(
        step_call("custom-acme", "chat?b=2", headers=[("authorization", "Bearer k/")], moves_key=True, custom_acme=own)
    )
    assert built.request.target == b"/v1/chat?a=1&b=2&token=k%2F"
    assert built.key == "client"


def test_a_gateway_token_is_never_moved() -> None:
    own = ProviderSettings(api_key=Secret("stored-key"))
    for header in (("authorization", "Bearer ours"), ("x-api-key", "ours")):
        found = fields(step_call("anthropic", "v1/messages", headers=[header], moves_key=True, anthropic=own))
        assert found["x-api-key"] == "stored-key"
        assert "authorization" not in found
