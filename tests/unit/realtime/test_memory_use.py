"""A relay and the memory of the process: what it holds, when it is not read, and how it ends."""

import pytest
from tests.peers.websocket_provider import WsProvider
from tests.rigs.crowd import Crowd
from tests.rigs.held import held
from tests.rigs.streams import Streams
from wsproto.events import BytesMessage

from aigw_sansio.config import Config, Limits, ProviderSettings, Timeouts
from aigw_sansio.events import SessionEnded, UpgradeRefused
from aigw_sansio.faults import Side
from aigw_sansio.ids import ConnId

KIB = 1024
MIB = 1024 * KIB


def relay(memory: int = 2 * MIB, **limits: int) -> tuple[Crowd, ConnId, ConnId, WsProvider]:
    config = Config(
        limits=Limits(memory_bytes=memory, **limits),
        providers={"openai": ProviderSettings(realtime_url="ws://127.0.0.1:9/v1/realtime")},
    )
    scene = Crowd(config)
    client = scene.come("/v1/local/default/openai?model=m")
    (up,) = scene.dials
    provider = WsProvider()
    provider.receive(scene.accept(up))
    scene.receive(up, provider.switch(101, []))
    scene.heard(client)
    return scene, client, up, provider


def test_what_neither_side_takes_ends_it_with_1013_and_frees_all() -> None:
    scene, client, up, provider = relay(message_bytes=8 * MIB, send_high_water_bytes=16 * MIB)
    scene.deaf = {client, up}
    before = scene.gateway.snapshot()["send_buffer_bytes"]
    for _ in range(40):
        scene.receive(up, provider.event(BytesMessage(data=bytes(60 * KIB))))
    assert scene.gateway.snapshot()["send_buffer_bytes"] - before > 2 * MIB
    assert scene.paused == {client, up}
    scene.pass_time(5.0)
    assert not any(isinstance(event, SessionEnded) for event in scene.events), "it still may deliver, for ``close_s``"
    scene.pass_time(5.0)
    ended = [event for event in scene.events if isinstance(event, SessionEnded)]
    assert [(event.by, event.code) for event in ended] == [(Side.GATEWAY, 1013)]
    assert scene.aborted == {client, up}
    assert scene.gateway.snapshot()["connections"] == 0


def test_a_session_that_is_read_again_goes_on() -> None:
    scene, client, up, provider = relay(message_bytes=8 * MIB, send_high_water_bytes=16 * MIB)
    scene.deaf = {client}
    for _ in range(40):
        scene.receive(up, provider.event(BytesMessage(data=bytes(60 * KIB))))
    assert scene.paused == {client, up}
    scene.deaf.clear()
    scene._take(client)
    scene.pass_time(0.25)
    assert scene.paused == set()
    assert len(scene.heard(client)) >= 40
    scene.receive(client, scene.clients[client].send(BytesMessage(data=b"on")))
    assert provider.receive(scene.take(up)) != []


def test_an_unfinished_message_of_a_client_counts() -> None:
    scene, client, _, _ = relay(message_bytes=8 * MIB)
    scene.gateway.receive_data(client, b"\x01\x80" + bytes(4), scene.now)
    # A small fragment begins the message; a text in one frame of up to 64 KiB waits for its end.
    frame = b"\x80\xfe" + (60 * KIB).to_bytes(2) + bytes(4) + bytes(59 * KIB)
    scene.receive(client, frame)
    total = held(scene.gateway)
    assert 59 * KIB <= total - 2 * 32 * KIB <= 61 * KIB


def test_a_client_that_only_ends_its_direction_gets_the_rest_though_memory_was_short() -> None:
    scene, client, up, provider = relay(message_bytes=8 * MIB, send_high_water_bytes=16 * MIB)
    scene.deaf = {client}
    for _ in range(40):
        scene.receive(up, provider.event(BytesMessage(data=bytes(60 * KIB))))
    assert scene.paused == {client, up}
    scene.gateway.receive_eof(client, scene.now)
    scene.settle()
    scene.deaf.clear()
    scene._take(client)
    scene.settle()
    scene.pass_time(0.25)
    assert up not in scene.paused
    assert len(scene.heard(client)) >= 40


@pytest.mark.parametrize("http2", [False, True])
def test_what_comes_before_the_session_begins_is_counted_and_refused(http2: bool) -> None:
    """The provider does not answer, and its client goes on sending."""
    config = Config(
        limits=Limits(memory_bytes=96 * KIB),
        timeouts=Timeouts(realtime_open_s=60),
        providers={"openai": ProviderSettings(realtime_url="ws://127.0.0.1:9/v1/realtime")},
    )
    scene = Crowd(config)
    path = "/v1/local/default/openai?model=m"
    if http2:
        streams = Streams(scene, "192.0.2.1:1")
        stream = streams.come(path)
        streams.send(stream, bytes(60 * KIB))
        scene.pass_time(5.0)
        streams.flow()
        assert streams.status[stream] == 503
    else:
        client = scene.come(path)
        scene.receive(client, bytes(60 * KIB))
        scene.pass_time(5.0)
        assert scene.refusal(client)[0] == 503
    (refused,) = [event for event in scene.events if isinstance(event, UpgradeRefused)]
    assert "memory_bytes" in refused.reason
    assert held(scene.gateway) <= 64 * KIB
