"""One request to a provider, built from one step: the search for a key. The rest is :mod:`.test_call`'s."""

import pytest

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
    assert set(built.stored_keys) == {signature, b"session-canary"}
