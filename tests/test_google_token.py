"""Tokens for Google service accounts: the signed request, and the answer."""

from base64 import urlsafe_b64decode
from urllib.parse import parse_qs

import msgspec
import pytest
from tests.test_registry import call, detail, fields

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.providers.google_token import (
    SCOPE,
    GoogleToken,
    ServiceAccount,
    read_service_account,
    read_token,
    token_request,
)
from aigw_sansio.secret import Secret

NOW = 1_700_000_000.5


def key_file(**changes: object) -> Secret:
    file = {"type": "service_account", "client_email": "a@p.iam.gserviceaccount.com", "private_key": "PEM CANARY"}
    return Secret(msgspec.json.encode(file | {"private_key_id": "kid1"} | changes).decode())


def account(**changes: object) -> ServiceAccount:
    read = read_service_account(key_file(**changes))
    assert isinstance(read, ServiceAccount), read
    return read


def unpack(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_the_request() -> None:
    asked: list[tuple[bytes, str]] = []

    def sign(data: bytes, key: Secret) -> bytes:
        asked.append((data, key.reveal()))
        return b"\xff\xfe signature"

    request = token_request(account(), sign, NOW)
    assert (request.method, request.authority, request.target) == (b"POST", b"oauth2.googleapis.com", b"/token")
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    header, claims, signature = form["assertion"][0].split(".")
    assert msgspec.json.decode(unpack(header)) == {"alg": "RS256", "typ": "JWT", "kid": "kid1"}
    assert msgspec.json.decode(unpack(claims)) == {
        "iss": "a@p.iam.gserviceaccount.com",
        "scope": SCOPE,
        "aud": "https://oauth2.googleapis.com/token",
        "iat": 1_700_000_000,
        "exp": 1_700_003_600,
    }
    assert unpack(signature) == b"\xff\xfe signature"
    assert asked == [(f"{header}.{claims}".encode(), "PEM CANARY")]


def test_a_real_signature_verifies() -> None:
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()

    def sign(data: bytes, secret: Secret) -> bytes:
        loaded = serialization.load_pem_private_key(secret.reveal().encode(), None)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        return loaded.sign(data, padding.PKCS1v15(), hashes.SHA256())

    request = token_request(account(private_key=pem), sign, NOW)
    signed, _, signature = parse_qs(request.body.decode())["assertion"][0].rpartition(".")
    key.public_key().verify(unpack(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    "stored",
    [
        Secret("{}"),
        Secret("CANARY"),
        Secret('{"client_email": "CANARY"}'),
        Secret("[" * 5000),
        key_file(private_key=5),
        key_file(token_uri="https://evil.example/CANARY"),
        key_file(token_uri="https://evilgoogleapis.com/token"),
        key_file(token_uri="http://oauth2.googleapis.com/token"),
        key_file(token_uri="https://oauth2.googleapis.com:8443/token"),
    ],
)
def test_keys_that_cannot_be_used(stored: Secret) -> None:
    result = read_service_account(stored)
    assert isinstance(result, Fault)
    assert "CANARY" not in result.detail


def test_the_answer() -> None:
    token = read_token(200, b'{"access_token": "ya29.x", "expires_in": 1800, "token_type": "Bearer"}', NOW)
    assert isinstance(token, GoogleToken)
    assert token.token.reveal() == "ya29.x"
    assert token.expires == NOW + 1800
    assert token.fresh(NOW + 1739)
    assert not token.fresh(NOW + 1740)
    assert "ya29" not in repr(token)
    longest = read_token(200, b'{"access_token": "x", "expires_in": 1e300}', NOW)
    assert isinstance(longest, GoogleToken)
    assert longest.expires == NOW + 3600


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (400, b'{"error":"invalid_grant"}', FaultKind.PROVIDER_STATUS, False),
        (429, b"", FaultKind.PROVIDER_STATUS, True),
        (503, b"", FaultKind.PROVIDER_STATUS, True),
        (200, b"", FaultKind.MALFORMED_RESPONSE, True),
        (200, b'{"id_token": "x"}', FaultKind.MALFORMED_RESPONSE, True),
        (200, b'{"access_token": ""}', FaultKind.MALFORMED_RESPONSE, True),
        (200, b'{"access_token": "a\\r\\nb"}', FaultKind.MALFORMED_RESPONSE, True),
        (200, b"\xff", FaultKind.MALFORMED_RESPONSE, True),
        (200, b"[" * 5000, FaultKind.MALFORMED_RESPONSE, True),
    ],
)
def test_answers_without_a_token(status: int, body: bytes, kind: FaultKind, retryable: bool) -> None:
    result = read_token(status, body, NOW)
    assert isinstance(result, Fault)
    assert (result.kind, result.retryable) == (kind, retryable)


def test_the_token_takes_the_place_of_the_stored_key() -> None:
    endpoint = "v1/projects/p/locations/global/publishers/google/models/g:generateContent"
    text = detail(call("google-vertex-ai", endpoint, google_vertex_ai=ProviderSettings(api_key=key_file())))
    assert "is a service account, for which no access token was got" in text
    made = call("google-vertex-ai", endpoint, google_vertex_ai=ProviderSettings(api_key=Secret("ya29.x")))
    assert fields(made)["authorization"] == "Bearer ya29.x"
