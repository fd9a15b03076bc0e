"""The last event of a realtime session tells all about it."""

import msgspec
import pytest
from tests.peers.reference_driver import PerfectDriver
from tests.peers.websocket_client import WsClient, upgrade_request
from tests.peers.websocket_provider import WsProvider

from aigw_sansio.config import Config
from aigw_sansio.events import ProviderEventRead, ResponseStarted, SessionEnded, TextDelta, UpgradeRefused
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import RecordOptions
from aigw_sansio.wires.websocket.frames import FIN, Opcode, encode_frame

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
DELTA = b'{"type":"response.output_text.delta","delta":"hi"}'


@pytest.mark.parametrize(
    ("config", "reads"),
    [
        (Config(), False),
        (Config(emit_provider_events=True), True),
        (Config(read_realtime=True), True),
        (Config(tell_turns=True), True),
    ],
)
def test_all_about_a_realtime_session(config: Config, reads: bool) -> None:
    gateway = Gateway(config, b"a seed of sixteen", 1_700_000_000.0)
    driver = PerfectDriver(gateway, "whole", 1)
    peer = WsClient()
    client = driver.open_client(peer)
    fields = [
        ("authorization", "Bearer canary-of-a-key"),
        ("traceparent", TRACE),
        ("cf-aig-metadata", '{"team":"blue"}'),
        ("cf-aig-collect-log", "false"),
    ]
    driver.send(client, peer.request(upgrade_request("/v1/local/default/openai?model=gpt-realtime", fields)))
    up = next(link for link in driver.links.values() if link.kind == "up")
    driver.advance(1)
    provider = WsProvider()
    driver.connected(up, provider, "http/1.1")
    driver.advance(2)
    driver.send(up, provider.switch(101, []))
    opened = driver.now
    driver.advance(4)
    driver.send(up, encode_frame(FIN | Opcode.TEXT, b'{"type":"session.created"}'))
    driver.send(up, encode_frame(FIN | Opcode.TEXT, b'{"type":"response.created","response":{"id":"r"}}'))
    driver.send(up, encode_frame(FIN | Opcode.TEXT, DELTA))
    driver.advance(1)
    driver.send(up, encode_frame(FIN | Opcode.TEXT, DELTA))
    driver.send(client, encode_frame(FIN | Opcode.CLOSE, b"\x03\xe8", bytes(4)))
    driver.send(up, encode_frame(FIN | Opcode.CLOSE, b"\x03\xe8"))
    (ended,) = [event for event in driver.events if isinstance(event, SessionEnded)]
    assert (ended.account, ended.gateway, ended.mode, ended.conn) == ("local", "default", "realtime", client.conn)
    assert (ended.provider, ended.request_model, ended.endpoint) == ("openai", "gpt-realtime", "/v1/realtime")
    assert (ended.traceparent, ended.started_unix_s) == (TRACE, 1_700_000_000.0 + opened)
    assert (ended.queue_s, ended.connect_s, ended.first_byte_s) == (0.0, 1.0, 3.0)
    assert ended.first_content_s == (4.0 if reads else None)
    told = [type(event.event) for event in driver.events if isinstance(event, ProviderEventRead)]
    assert (TextDelta in told) is config.emit_provider_events
    assert (ResponseStarted in told) is (config.emit_provider_events or config.tell_turns)
    assert ended.duration_s == 5.0
    assert (ended.key, ended.record) == ("client", RecordOptions(collect=False, metadata={"team": "blue"}))
    assert ended.log_id is not None
    assert b"canary" not in msgspec.json.encode(driver.events)


def test_an_unusable_wish_about_the_record_refuses_the_upgrade() -> None:
    driver = PerfectDriver(Gateway(Config(), b"a seed of sixteen", 0.0), "whole", 1)
    peer = WsClient()
    client = driver.open_client(peer)
    fields = [("cf-aig-custom-cost", "much")]
    driver.send(client, peer.request(upgrade_request("/v1/local/default/openai?model=gpt-realtime", fields)))
    (refused,) = [event for event in driver.events if isinstance(event, UpgradeRefused)]
    assert (refused.status, refused.code) == (400, 2006)
    assert "per_token_in" in refused.reason
