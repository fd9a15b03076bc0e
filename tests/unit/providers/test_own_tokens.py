"""The gateway's own tokens are found in every place and form, and nothing else is touched."""

from base64 import b64encode

import pytest

from aigw_sansio.providers.own_tokens import drop_own_fields, drop_own_parameters, shows_own_token


def own(value: str) -> bool:
    return value == "tok-canary"


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("tok-canary", True),
        (" tok-canary ", True),
        ("Bearer tok-canary", True),
        ("bearer  tok-canary", True),
        ("Anything tok-canary", True),
        (basic("user:tok-canary"), True),
        (basic("tok-canary:"), True),
        (basic("tok-canary"), True),
        (basic(":tok-canary").rstrip("="), True),
        (basic("user:other"), False),
        ("Basic no base64", False),
        ("Basic \u00e9", False),
        ("tok", False),
        ("tok-canary-and-more", False),
        ("Bearer sk-other", False),
        ("", False),
    ],
)
def test_the_forms_of_a_token(value: str, found: bool) -> None:
    assert shows_own_token(value, own) is found


@pytest.mark.parametrize("name", ["authorization", "x-api-key", "x-goog-api-key", "cookie-like", "x-anything"])
@pytest.mark.parametrize(
    "value",
    ["tok-canary", "Bearer tok-canary", "theirs, tok-canary", basic("u:tok-canary"),
     "https://a.example/p?x=1&cf-aig-authorization=anything", "https://a.example/?k=tok%2Dcanary",
     "https://a.example/?k=tok-canary#part", "https://a.example/#k=tok-canary"],
)  # fmt: skip
def test_a_field_with_a_token_of_ours_is_removed(name: str, value: str) -> None:
    fields = {name: value, "x-kept": "tok"}
    drop_own_fields(fields, own)
    assert fields == {"x-kept": "tok"}


def test_a_url_without_a_token_of_ours_goes_on() -> None:
    fields = {"referer": "https://a.example/p?x=1&y=%2f&cf=2"}
    drop_own_fields(fields, own)
    assert fields == {"referer": "https://a.example/p?x=1&y=%2f&cf=2"}


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("a=1&key=tok-canary&b=2", "a=1&b=2"),
        ("a=tok%2Dcanary", ""),
        ("a=Bearer+tok-canary&b", "b"),
        ("a=Bearer%20tok-canary", ""),
        ("tok-canary", ""),
        ("cf-aig-authorization=other&x=%2f", "x=%2f"),
        ("CF-AIG-anything", ""),
        ("cf%2Daig%2dx=1&%63f-aig-y=2", ""),
        ("a=1&key=other", "a=1&key=other"),
        ('x-cf-aig-y=1&|[]"', 'x-cf-aig-y=1&|[]"'),
        ("", ""),
        ("&&a", "&&a"),
    ],
)
def test_parameters_of_ours_are_removed_and_the_rest_stays_byte_for_byte(query: str, left: str) -> None:
    assert drop_own_parameters(query, own) == left
