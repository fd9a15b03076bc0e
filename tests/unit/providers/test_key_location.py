"""Where a key goes, by the setting ``key_in``."""

import pytest

from aigw_sansio.config import ProviderSettings
from aigw_sansio.providers.key_location import (
    BASIC,
    KeyLocation,
    key_location,
    put_key,
    query_with_key,
    subprotocols_with_key,
)


@pytest.mark.parametrize(
    ("key_in", "location"),
    [
        (None, None),
        ("bearer", KeyLocation("authorization", "Bearer ")),
        ("basic", KeyLocation("authorization", "Basic ")),
        ("token", KeyLocation("authorization", "Token ")),
        ("header:X-Key", KeyLocation("x-key")),
        ("query:api_key", KeyLocation(query="api_key")),
        ("subprotocol:soniox-api-key", KeyLocation(marker="soniox-api-key")),
    ],
)
def test_the_setting(key_in: str | None, location: KeyLocation | None) -> None:
    assert key_location(ProviderSettings(key_in=key_in).key_in) == location


@pytest.mark.parametrize(
    "key_in",
    ["Bearer", "header", "header:", "header:a b", "query:a&b", "query:", "subprotocol:", "subprotocol:a,b", "x"],
)
def test_other_values_are_refused(key_in: str) -> None:
    with pytest.raises(
        ValueError, match=r"^provider\.key_in has a bad value; allowed are bearer, basic, token, header"
    ):
        ProviderSettings(key_in=key_in)


@pytest.mark.parametrize(("key", "sent"), [("user:pass", "Basic dXNlcjpwYXNz"), ("dXNlcjpwYXNz", "Basic dXNlcjpwYXNz")])
def test_basic_takes_a_user_and_password_or_their_base64(key: str, sent: str) -> None:
    fields: dict[str, str] = {}
    put_key(fields, BASIC, key)
    assert fields == {"authorization": sent}


@pytest.mark.parametrize(
    ("query", "with_key"),
    [("", "k=a%2Fb"), ("x=1", "x=1&k=a%2Fb"), ("k=&x=|", "x=|&k=a%2Fb"), ("%6b&x", "x&k=a%2Fb")],
)
def test_a_key_in_the_query(query: str, with_key: str) -> None:
    assert query_with_key(query, "k", "a/b") == with_key


def test_a_key_among_the_subprotocols() -> None:
    assert subprotocols_with_key([b"realtime", b"x"], "realtime", "K") == (b"realtime", b"K", b"x")
    assert subprotocols_with_key([b"x"], "m.", "K") == (b"m.K", b"x")
