"""The sides of a relay, by what its client and its provider are."""

import pytest
from tests.peers.websocket_provider import WsProvider
from tests.rigs.message_client import MessageClient

from aigw_sansio import Config, ProviderSettings
from aigw_sansio.origin import Origin
from aigw_sansio.realtime.message_sides import MessageClientSide, MessageProviderSide
from aigw_sansio.realtime.pairs import hides_bytes


@pytest.mark.parametrize(
    ("scheme", "host", "hidden"),
    [
        ("https", "api.openai.com", True),
        ("http", "localhost", True),
        ("http", "127.0.0.1", True),
        ("http", "::1", True),
        ("http", "10.0.0.1", False),
        ("http", "api.test", False),
    ],
)
def test_masks_are_passed_on_only_where_nobody_sees_them(scheme: str, host: str, hidden: bool) -> None:
    assert hides_bytes(Origin(scheme, host, 80)) is hidden


def test_a_client_without_bytes_has_sides_of_its_own() -> None:
    client = MessageClient(Config(providers={"openai": ProviderSettings()}), b"/v1/local/default/openai?model=m")
    provider = WsProvider()
    up = client.dialled(request=provider.receive)
    client.provider_says(up, provider.switch(101, []))
    (relay,) = client.gateway._relays
    assert [type(side) for side in relay.sides] == [MessageClientSide, MessageProviderSide]
