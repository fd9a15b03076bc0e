"""Credentials: whose they are, where they go, and what may never go along."""

import pytest

from aigw_sansio.faults import Fault
from aigw_sansio.providers.auth import (
    StoredAws,
    StoredAzure,
    StoredGoogle,
    drop_own_fields,
    drop_own_parameters,
    has_key,
    header_keys,
    put_key,
    read_stored_key,
)
from aigw_sansio.providers.registry import REGISTRY
from aigw_sansio.secret import Secret


def own(value: str) -> bool:
    return value == "tok-canary"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("authorization", "Bearer tok-canary", False),
        ("authorization", "bearer  tok-canary", False),
        ("authorization", "tok-canary", False),
        ("x-api-key", "tok-canary", False),
        ("x-goog-api-key", "tok-canary", False),
        ("authorization", "Bearer sk-other", True),
        ("x-request-note", "tok", True),
    ],
)
def test_our_own_tokens_never_go_to_a_provider(name: str, value: str, kept: bool) -> None:
    fields = {name: value}
    drop_own_fields(fields, own)
    assert (name in fields) is kept


def test_our_own_token_is_taken_out_of_the_query() -> None:
    assert drop_own_parameters("a=1&key=tok-canary&b=2", own) == "a=1&b=2"
    assert drop_own_parameters("a=1&key=other", own) == "a=1&key=other"


@pytest.mark.parametrize(
    ("fields", "query", "found"),
    [
        ({"authorization": "Bearer k"}, "", True),
        ({"x-api-key": "k"}, "", True),
        ({"accept": "k"}, "", False),
        ({}, "key=k", True),
        ({}, "other=k", False),
    ],
)
def test_whether_the_client_brought_a_key(fields: dict[str, str], query: str, found: bool) -> None:
    assert has_key(fields, query, ["key"]) is found


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
    assert set(header_keys(headers)) == {"Bearer secret-1", "secret-1", "secret-2", long}
