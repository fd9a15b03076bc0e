"""The open realtime sessions: who gets one, and that each leaves when it ends."""

import pytest
from tests.peers.reference_driver import PerfectDriver
from tests.peers.websocket_client import WsClient, upgrade_request

from aigw_sansio import Config, Gateway, GatewaySettings, ProviderSettings


@pytest.mark.parametrize(("descriptors", "sessions"), [(None, 1), (1000, 1), (33, 0)])
def test_a_session_begins_if_descriptors_are_left(descriptors: int | None, sessions: int) -> None:
    config = Config(
        gateways={"local/default": GatewaySettings()},
        providers={"openai": ProviderSettings(realtime_url="ws://127.0.0.1:9/v1/realtime")},
        descriptors=descriptors,
    )
    gateway = Gateway(config, b"a seed of sixteen", 0.0)
    driver = PerfectDriver(gateway, "whole", 1)
    client = WsClient()
    link = driver.open_client(client)
    driver.send(link, client.request(upgrade_request("/v1/local/default/openai?model=m", [])))
    assert len(gateway._relays) == len(list(gateway._relays)) == sessions
    gateway.drain(driver.now)
    gateway._relays.end_drain(driver.now)
    assert not len(gateway._relays)
