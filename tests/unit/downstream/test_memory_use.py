"""What is counted for which client."""

from tests.rigs.crowd import Crowd
from tests.rigs.held import count

from aigw_sansio.config import Config


def test_whatever_has_come_counts_for_its_connection() -> None:
    scene = Crowd(Config())
    scene.open()
    beginning = scene.gateway.open_downstream("192.0.2.1:1", None, scene.now)
    scene.gateway.receive_data(beginning, b"GET / HTTP/1.1\r\n", scene.now)
    frames = scene.gateway.open_downstream("192.0.2.1:2", "h2", scene.now)
    scene.take(frames)
    scene.gateway.receive_data(frames, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04\x00", scene.now)
    total, clients = count(scene.gateway)
    assert clients == {(beginning, 0): 16, (frames, 0): 5}
    assert total == 3 * 32 * 1024 + 21
