"""Credentials of a universal client in a record, and what a replay makes of them."""

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
    fields, offered = mask(CONFIG, PATH, headers, items)
    assert fields == [(b"host", b"gw"), (b"Cookie", b"***"), (b"authorization", b"***"), (b"x-team", b"blue")]
    assert offered == ["realtime", "xi-api-key.***~1", "openai-beta.v1", "***~2", "token", "***~3"]
    assert unmask(CONFIG, fields, offered) == (fields, offered)


def test_tokens_of_the_settings_come_back() -> None:
    headers = [(TOKEN, b"Bearer canary-2"), (b"Cf-Aig-Authorization", b"canary-0")]
    fields, offered = mask(CONFIG, PATH, headers, ["cf-aig-authorization.canary-1"])
    assert fields == [(TOKEN, b"***2"), (b"Cf-Aig-Authorization", b"***0")]
    assert offered == ["cf-aig-authorization.***1"]
    shown = [(TOKEN, b"canary-2"), (b"Cf-Aig-Authorization", b"canary-0")]
    assert unmask(CONFIG, fields, offered) == (shown, ["cf-aig-authorization.canary-1"])


def test_other_tokens_differ_as_they_did() -> None:
    headers = [(TOKEN, b"canary-x"), (TOKEN, b"Bearer canary-y"), (TOKEN, b"canary-x"), (TOKEN, b""), (TOKEN, b"***0")]
    fields, _ = mask(CONFIG, PATH, headers, [])
    assert [value for _, value in fields] == [b"***~0", b"***~1", b"***~0", b"", b"***~2"]
    assert unmask(CONFIG, fields, []) == (fields, [])


def test_a_realtime_client_shows_what_its_provider_needs() -> None:
    headers = [(b"authorization", b"Bearer key")]
    assert mask(CONFIG, b"/v1/a/b/openai?model=m", headers, ["openai-insecure-api-key.k"]) == (
        headers,
        ["openai-insecure-api-key.k"],
    )
