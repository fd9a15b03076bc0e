"""AWS signatures, against AWS's published test suite and against botocore."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.provider_calls import call, fields

from aigw_sansio.config import ProviderSettings
from aigw_sansio.providers.sigv4 import AwsCredentials, amz_date, canonical_query, sign
from aigw_sansio.secret import Secret

# credentials, time, host and service of the suite "aws-sig-v4-test-suite"
SUITE = AwsCredentials("AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
SUITE_TIME = 1440938160.0  # 20150830T123600Z


@pytest.mark.parametrize(
    ("name", "method", "target", "extra", "body", "signature"),
    [
        (
            "get-vanilla",
            "GET",
            "/",
            {},
            b"",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "post-vanilla",
            "POST",
            "/",
            {},
            b"",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "get-vanilla-query-order-key-case",
            "GET",
            "/?Param2=value2&Param1=value1",
            {},
            b"",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "get-vanilla-utf8-query",
            "GET",
            "/?%E1%88%B4=bar",
            {},
            b"",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        (
            "post-x-www-form-urlencoded",
            "POST",
            "/",
            {"content-type": "application/x-www-form-urlencoded"},
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)
def test_the_published_suite(
    name: str, method: str, target: str, extra: dict[str, str], body: bytes, signature: str
) -> None:
    added = sign(
        method=method,
        authority="example.amazonaws.com",
        target=target,
        fields=extra,
        body=body,
        credentials=SUITE,
        region="us-east-1",
        service="service",
        unix_time=SUITE_TIME,
    )
    assert added["x-amz-date"] == "20150830T123600Z"
    assert added["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="
    )
    assert added["authorization"].endswith(f", Signature={signature}"), name


@pytest.mark.parametrize("token", [None, "session/token=="])
@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/model/anthropic.claude-v2%3A1/converse-stream",
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ax%2Fy/invoke",
        "/a:b/c",
        "/a%20b?z=1&a=%20x&a=&b",
    ],
)
def test_botocore_signs_alike(target: str, token: str | None) -> None:
    pytest.importorskip("botocore")
    from botocore import auth, awsrequest, credentials

    headers = {"content-type": "application/json", "x-amz-meta": "a   b", "accept-encoding": "identity"}
    request = awsrequest.AWSRequest("POST", f"https://h.amazonaws.com{target}", dict(headers), b'{"a":1}')
    signer = auth.SigV4Auth(credentials.Credentials("AK", "SK/+", token), "bedrock", "eu-west-3")
    request.context["timestamp"] = "20231114T221320Z"
    if token:
        request.headers["X-Amz-Security-Token"] = token
    request.headers["X-Amz-Date"] = "20231114T221320Z"
    del request.headers["accept-encoding"]  # we leave it unsigned; botocore signs all that it is given
    canonical = signer.canonical_request(request)
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    added = sign(
        method="POST",
        authority="h.amazonaws.com",
        target=target,
        fields=headers,
        body=b'{"a":1}',
        credentials=AwsCredentials("AK", Secret("SK/+"), Secret(token) if token else None),
        region="eu-west-3",
        service="bedrock",
        unix_time=1_700_000_000.9,
    )
    assert added["x-amz-date"] == "20231114T221320Z"
    assert added["authorization"].rpartition("=")[2] == expected


@given(st.integers(0, 253402300799))
def test_dates(second: int) -> None:
    from datetime import UTC, datetime

    assert amz_date(second + 0.5) == datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ").zfill(16)


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", ""), ("b=1&a=2", "a=2&b=1"), ("a", "a="), ("a=2&a=1&a", "a=&a=1&a=2"), ("a=b=c", "a=b=c")],
)
def test_canonical_queries(query: str, expected: str) -> None:
    assert canonical_query(query) == expected


STORED = '{"accessKeyId": "AK", "secretAccessKey": "SECRET", "region": "us-west-2"%s}'


def test_a_stored_identity_signs_for_the_service_and_region_of_the_endpoint() -> None:
    stored = ProviderSettings(api_key=Secret(STORED % ""))
    runtime = fields(call("aws-bedrock", "bedrock-runtime/eu-west-1/model/m/converse", aws_bedrock=stored))
    assert "Credential=AK/20231114/eu-west-1/bedrock/aws4_request" in runtime["authorization"]
    assert "SignedHeaders=content-type;host;x-amz-date" in runtime["authorization"]
    mantle = fields(call("aws-bedrock", "bedrock-mantle/eu-west-1/anthropic/v1/messages", aws_bedrock=stored))
    assert "/eu-west-1/bedrock-mantle/aws4_request" in mantle["authorization"]
    assert "x-api-key" not in mantle
    elsewhere = ProviderSettings(api_key=Secret(STORED % ', "sessionToken": "T"'), base_url="http://127.0.0.1:9")
    named = fields(call("aws-bedrock", "model/m/converse", aws_bedrock=elsewhere))
    assert "/us-west-2/bedrock/aws4_request" in named["authorization"]
    assert named["x-amz-security-token"] == "T"
    assert "SECRET" not in str(named)


def test_a_request_signed_by_the_client_passes() -> None:
    signed = f"AWS4-HMAC-SHA256 Credential=X/{quote('y')}, SignedHeaders=host, Signature=z"
    made = call(
        "aws-bedrock",
        "bedrock-mantle/us-east-1/anthropic/v1/messages",
        headers=[("Authorization", signed), ("X-Amz-Date", "20231114T221320Z")],
        aws_bedrock=ProviderSettings(api_key=Secret(STORED % "")),
    )
    assert fields(made)["authorization"] == signed
