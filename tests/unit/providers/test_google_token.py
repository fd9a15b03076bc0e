"""Tokens for Google service accounts: the signed request, and the answer."""

from base64 import b64encode, urlsafe_b64decode
from urllib.parse import parse_qs

import msgspec
import pytest
from tests.rigs.provider_calls import call, detail, fields, good

from aigw_sansio.config import ProviderSettings
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.providers.google_token import (
    SCOPE,
    GoogleToken,
    ServiceAccount,
    read_service_account,
    read_token,
    signing_input,
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
    signed = signing_input(account(), NOW)
    request = token_request(account(), signed, b"\xff\xfe signature")
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
    assert signed == f"{header}.{claims}".encode()


@pytest.mark.parametrize(
    "stored",
    [
        Secret("{}"),
        Secret("CANARY"),
        Secret('{"client_email": "CANARY"}'),
        Secret("[" * 5000),
        key_file(private_key=5),
        key_file(private_key="CANARY" * 2000),
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


ENDPOINT = "v1/projects/p/locations/global/publishers/google/models/g:generateContent"


def test_a_stored_account_is_left_to_get_a_token_for() -> None:
    made = good(call("google-vertex-ai", ENDPOINT, google_vertex_ai=ProviderSettings(api_key=key_file())))
    assert made.account == account()
    assert "authorization" not in fields(made)
    assert "CANARY" not in repr(made)
    made = good(call("google-vertex-ai", ENDPOINT, google_vertex_ai=ProviderSettings(api_key=Secret("ya29.x"))))
    assert made.account is None
    assert fields(made)["authorization"] == "Bearer ya29.x"


def test_a_client_may_carry_an_account_in_base64() -> None:
    carried = b64encode(key_file(region="us-east5").reveal().encode()).decode()
    made = good(call("google-vertex-ai", ENDPOINT, headers=[("Authorization", f"Bearer {carried}")]))
    assert made.account == msgspec.structs.replace(account(), region="us-east5")
    assert "authorization" not in fields(made)
    for plain in ("ya29.x", "eyJh.eyJi.c", "ey", "e\u00e9", b64encode(b"{\xff").decode()):
        kept = good(call("google-vertex-ai", ENDPOINT, headers=[("Authorization", f"Bearer {plain}")]))
        assert (kept.account, fields(kept)["authorization"]) == (None, f"Bearer {plain}")
    for uri in ("http://127.0.0.1:9/token", "https://evil.example/token"):
        carried = b64encode(key_file(token_uri=uri).reveal().encode()).decode()
        text = detail(call("google-vertex-ai", ENDPOINT, headers=[("Authorization", f"Bearer {carried}")]))
        assert text.startswith("request.headers.authorization has a token_uri elsewhere")


def test_only_the_settings_may_name_a_loopback_endpoint() -> None:
    local = key_file(token_uri="http://127.0.0.1:8123/token")
    assert isinstance(read_service_account(local), Fault)
    read = read_service_account(local, loopback=True)
    assert isinstance(read, ServiceAccount)
    assert read.origin.authority == "127.0.0.1:8123"
    assert isinstance(read_service_account(key_file(token_uri="http://10.0.0.1/token"), loopback=True), Fault)


def test_an_account_says_whose_and_where_its_models_are() -> None:
    assert (account().region, account().project) == ("", "")
    placed = account(region="us-east5", project_id="p1")
    assert (placed.region, placed.project) == ("us-east5", "p1")
