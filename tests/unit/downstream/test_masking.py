"""Credentials of a universal client in a record, and what a replay makes of them."""

import pytest

from aigw_sansio.config import Config, GatewaySettings
from aigw_sansio.downstream.masking import mask, unmask
from aigw_sansio.secret import Secret

CONFIG = Config(
    gateways={
        "a/b": GatewaySettings(tokens=(Secret("canary-0"),)),
        "a/c": GatewaySettings(tokens=(Secret("canary-1"), Secret("canary-2"))),
    }
)
TOKEN = b"cf-aig-authorization"
PATH = b"/v1/a/b?x=1"


def test_what_is_a_secret_is_not_kept() -> None:
    headers = [(b"host", b"gw"), (b"Cookie", b"canary"), (b"authorization", b"Bearer canary"), (b"x-team", b"blue")]
    items = ["realtime", "xi-api-key.canary", "openai-beta.v1", "canary.key", "token", "canary"]
    _, fields, offered = mask(CONFIG, PATH, headers, items)
    assert fields == [(b"host", b"gw"), (b"Cookie", b"***"), (b"authorization", b"***"), (b"x-team", b"blue")]
    assert offered == ["realtime", "xi-api-key.***~1", "openai-beta.v1", "***~2", "token", "***~3"]
    assert unmask(CONFIG, PATH, fields, offered) == (PATH, fields, offered)


def test_what_the_gateway_made_itself_for_resuming_stays() -> None:
    headers = [(b"cf-aig-resume", b"0a0b0c0d-1-ff")]
    items = ["cf-aig-resume.0a0b0c0d-1-ff", "cf-aig-resume.1"]
    assert mask(CONFIG, PATH, headers, items) == (PATH, headers, items)
    assert unmask(CONFIG, PATH, headers, items) == (PATH, headers, items)


def test_tokens_of_the_settings_come_back() -> None:
    headers = [(TOKEN, b"Bearer canary-2"), (b"Cf-Aig-Authorization", b"canary-0")]
    _, fields, offered = mask(CONFIG, PATH, headers, ["cf-aig-authorization.canary-1"])
    assert fields == [(TOKEN, b"***2"), (b"Cf-Aig-Authorization", b"***0")]
    assert offered == ["cf-aig-authorization.***1"]
    shown = [(TOKEN, b"canary-2"), (b"Cf-Aig-Authorization", b"canary-0")]
    assert unmask(CONFIG, PATH, fields, offered) == (PATH, shown, ["cf-aig-authorization.canary-1"])


def test_other_tokens_differ_as_they_did() -> None:
    headers = [(TOKEN, b"canary-x"), (TOKEN, b"Bearer canary-y"), (TOKEN, b"canary-x"), (TOKEN, b""), (TOKEN, b"***0")]
    _, fields, _ = mask(CONFIG, PATH, headers, [])
    assert [value for _, value in fields] == [b"***~0", b"***~1", b"***~0", b"", b"***~2"]
    assert unmask(CONFIG, PATH, fields, []) == (PATH, fields, [])


def test_a_realtime_client_shows_what_its_provider_needs() -> None:
    path = b"/v1/a/b/openai?model=m"
    headers = [(b"authorization", b"Bearer key"), (TOKEN, b"***0")]
    items = ["openai-insecure-api-key.k", "cf-aig-authorization.***0"]
    assert mask(CONFIG, path, headers, items) == (path, headers, items)
    assert unmask(CONFIG, path, headers, items) == (path, headers, items), "it sent what looks like a mask"


def test_a_token_in_the_query_is_none_of_the_record() -> None:
    path = b"/v1/a/b?x=%41&CF-aig-authorization=canary%2d1&cf-aig-authorization=canary-x&y"
    target, *_ = mask(CONFIG, path, [], [])
    assert target == b"/v1/a/b?x=%41&CF-aig-authorization=***1&cf-aig-authorization=***~0&y"
    shown, *_ = unmask(CONFIG, target, [], [])
    assert shown == b"/v1/a/b?x=%41&CF-aig-authorization=canary-1&cf-aig-authorization=***~0&y"


def test_equal_items_stay_equal() -> None:
    *_, offered = mask(CONFIG, PATH, [], ["zzz-canary-zzz.k", "other-canary.k", "zzz-canary-zzz.k"])
    assert offered[0] == offered[2] != offered[1]


def test_a_record_of_more_tokens_needs_its_settings() -> None:
    with pytest.raises(ValueError, match="more tokens than the settings have"):
        unmask(CONFIG, PATH, [(TOKEN, b"***3")], [])
