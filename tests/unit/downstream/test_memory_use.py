"""Which connections of clients hold memory by themselves."""

from tests.rigs.crowd import Crowd

from aigw_sansio.config import Config
from aigw_sansio.downstream.memory_use import holders


def test_those_without_a_session_and_the_input_of_http2() -> None:
    scene = Crowd(Config())
    scene.open()
    beginning = scene.gateway.open_downstream("192.0.2.1:1", None, scene.now)
    scene.gateway.receive_data(beginning, b"GET / HTTP/1.1\r\n", scene.now)
    scene.gateway.open_downstream("192.0.2.1:2", "h2", scene.now)
    found = holders(scene.gateway._connections.values())
    assert sorted(holder.held for holder in found) == [0, 16]
