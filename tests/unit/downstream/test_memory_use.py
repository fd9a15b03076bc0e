"""What is counted for which client."""

from tests.rigs.crowd import Crowd
from tests.rigs.held import count
from tests.rigs.streams import Streams

from aigw_sansio.config import Config, GatewaySettings
from aigw_sansio.engine.memory import ClientId
from aigw_sansio.ids import ConnId


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


def test_who_is_gone_is_neither_counted_nor_held_back_nor_closed() -> None:
    """Names of clients outlive them: what follows from a count may come in a later turn."""
    scene = Crowd(Config())
    client = scene.open()
    scene.leave(client)
    census = scene.gateway._census
    clients: dict[ClientId, int] = {}
    assert census.count(client, clients, 0) == (0, 1)
    census.squeeze((client, 0), scene.now, on=True)
    census.squeeze((client, 0), scene.now, on=False)
    assert census.close_largest((client, 0), 1000, "why", scene.now) == 0
    assert (clients, census._squeezed, census._users, census._pipes) == ({}, set(), {}, {})


def test_an_http2_connection_without_streams_is_closed_itself() -> None:
    scene = Crowd(Config())
    streams = Streams(scene, "192.0.2.1:2")
    scene.gateway._census.close_largest((streams.conn, 0), 1, "why", scene.now)
    scene.settle()
    assert streams.conn in scene.aborted


def test_a_stream_without_a_session_is_reset_and_its_client_told() -> None:
    """The question for its token is not answered yet."""
    scene = Crowd(Config(gateways={"local/default": GatewaySettings(authentication=True)}))
    streams = Streams(scene, "192.0.2.1:2")
    stream = streams.come("/v1/local/default")
    streams.send(stream, bytes(2000))
    before = count(scene.gateway)[0]
    freed = scene.gateway._census.close_largest((streams.conn, 0), 1, "why", scene.now)
    scene.gateway.handle_timeout(scene.now)  # the end of an input
    scene.settle()
    scene.take(streams.conn)
    assert freed >= 2000 + 8 * 1024
    assert count(scene.gateway)[0] == before - freed
    assert streams.conn not in scene.aborted


class User:
    """A session as the census sees it."""

    def __init__(self) -> None:
        self.kept = self.held = 5000
        self.told: list[object] = []

    def squeeze(self, now: float, *, on: bool) -> None:
        self.told.append(on)

    def close_for_memory(self, reason: str, now: float) -> None:
        self.told.append(reason)


def test_a_session_without_a_connection_is_a_client_of_its_own() -> None:
    scene = Crowd(Config())
    census = scene.gateway._census
    user = User()
    census.detached(7, user)
    name = ConnId(-7)
    clients: dict[ClientId, int] = {}
    assert census.connections() == [name]
    assert census.count(name, clients, 5001) == (5000 + 8 * 1024, 1)
    assert clients == {}
    census.count(name, clients, 5000)
    assert clients == {(name, 0): 5000}
    census.squeeze((name, 0), 1.0, on=True)
    census.squeeze((name, 0), 1.0, on=False)
    census.squeeze((name, 0), 1.0, on=False)
    assert user.told == [True, False]
    assert census.close_largest((name, 0), 1, "no memory", 1.0) == 5000
    assert user.told[2:] == ["no memory, and this socket holds 5000 of it"]
    census.attached(7)
    assert (census.connections(), census.count(name, clients, 0)) == ([], (0, 1))
