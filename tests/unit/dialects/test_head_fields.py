"""Which fields of a provider's head a client sees."""

import pytest

from aigw_sansio.dialects.head_fields import shown_headers


@pytest.mark.parametrize(
    "name",
    [
        "retry-after", "retry-after-ms", "location", "x-should-retry", "request-id", "x-request-id", "apim-request-id",
        "anthropic-ratelimit-requests-remaining", "x-ratelimit-limit-tokens", "openai-processing-ms", "RateLimit",
        "Retry-After",
    ],
)  # fmt: skip
def test_shown(name: str) -> None:
    assert shown_headers([(name.encode(), b"1")]) == {name.lower(): "1"}


@pytest.mark.parametrize(
    "name", ["set-cookie", "server", "authorization", "x-api-key", "content-type", "cf-ray", "www-authenticate"]
)
def test_not_shown(name: str) -> None:
    assert shown_headers([(name.encode(), b"1")]) is None


def test_fields_of_one_name_are_joined_and_any_bytes_are_text() -> None:
    assert shown_headers([(b"location", b"/a\xff"), (b"Location", b"/b")]) == {"location": "/a\ufffd, /b"}
