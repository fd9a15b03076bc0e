"""Which session a URL stands for; of a URL of Responses, which provider, and what of the upgrade goes to it."""

import json
from collections.abc import Sequence

import pytest
from tests.rigs.message_client import HOST, MessageClient

from aigw_sansio import Config, GatewaySettings, ProviderSettings, Secret
from aigw_sansio.effects import Connect

TOKEN = "tok-canary"


def client(
    path: str, headers: Sequence[tuple[bytes, bytes]] = (), gateway: GatewaySettings | None = None
) -> MessageClient:
    config = Config(
        gateways={"local/default": gateway or GatewaySettings()},
        providers={
            "custom-x": ProviderSettings(base_url="http://127.0.0.1:9/v1"),
            "openai": ProviderSettings(base_url="http://127.0.0.1:9/v1", api_key=Secret("sk-stored")),
        },
    )
    return MessageClient(config, f"/v1/local/default/{path}".encode(), headers=(HOST, *headers))


def request(one: MessageClient, **members: object) -> str:
    """The head of what its provider gets for a create."""
    one.say(type="response.create", model="m", input="Hi", **members)
    (effect,) = one.of(Connect)
    assert isinstance(effect, Connect)
    one.gateway.connected(effect.conn, None, one.now)
    return one.gateway.data_to_send(effect.conn).decode().lower()


@pytest.mark.parametrize(
    "path", ["compat/responses", "compat/v1/responses", "openai/responses", "xai/v1/responses", "custom-x/responses"]
)
def test_urls_of_responses(path: str) -> None:
    one = client(path)
    assert one.accepted
    one.say(type="response.processed")
    assert not one.messages()


@pytest.mark.parametrize(("path", "status", "code"), [
    ("elevenlabs/responses", 400, 2008), ("custom-y/responses", 400, 2008), ("/responses", 400, 2008),
    ("compat/chat", 426, 2013), ("compat", 426, 2013), ("openai/v1/realtime/responses", 426, 2013), ("openai/%72esponses", 426, 2013),
    ("openai/responses/", 426, 2013), ("responses", 426, 2013), ("%63ompat/x", 426, 2013),
])  # fmt: skip
def test_urls_that_are_refused(path: str, status: int, code: int) -> None:
    refused = client(path).refused
    (error,) = json.loads(refused.body)["error"]
    assert (refused.status, error["code"]) == (status, code)
    assert "ompat" in error["message"]


def test_a_token_at_the_place_of_a_provider_is_not_quoted() -> None:
    one = client(
        f"{TOKEN}/responses",
        gateway=GatewaySettings(tokens=(Secret(TOKEN),)),
        headers=[(b"cf-aig-authorization", TOKEN.encode())],
    )
    assert TOKEN.encode() not in one.refused.body


def test_the_fields_of_the_upgrade_go_with_each_request() -> None:
    head = request(
        client(
            "openai/responses",
            [
                (b"authorization", b"Bearer sk-own"),
                (b"openai-beta", b"responses_websockets=2026-02-06, other=v1"),
                (b"openai-organization", b"org"),
                (b"session-id", b"s1"),
                (b"content-type", b"text/plain"),
                (b"cookie", b"c"),
                (b"cf-aig-max-attempts", b"2"),
            ],
        )
    )
    assert head.startswith("post /v1/responses http/1.1\r\n")
    for field in (
        "authorization: bearer sk-own",
        "openai-beta: other=v1",
        "openai-organization: org",
        "session-id: s1",
    ):
        assert f"\r\n{field}\r\n" in head
    assert "content-type: application/json" in head
    assert not any(text in head for text in ("cookie", "cf-aig", "websockets", "text/plain"))


def test_a_beta_that_is_for_websockets_alone_is_left_out() -> None:
    assert "openai-beta" not in request(client("openai/responses", [(b"openai-beta", b"responses_websockets=1")]))


def test_a_token_of_the_gateway_is_no_key() -> None:
    settings = GatewaySettings(tokens=(Secret(TOKEN),))
    head = request(client("openai/responses", [(b"authorization", b"Bearer " + TOKEN.encode())], settings))
    assert "authorization: bearer sk-stored" in head
    one = client(
        "openai/responses", [(b"authorization", b"Bearer sk-own"), (b"cf-aig-authorization", TOKEN.encode())], settings
    )
    assert "authorization: bearer sk-own" in request(one)
