"""The memory of the whole process: hostile clients fill it, and bystanders are served."""

import json
import zlib

import pytest
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.events import ConnectionTerminated, DataReceived, ResponseReceived
from tests.peers.websocket_frames import raw_frame
from tests.rigs.crowd import OK, Crowd
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import TextMessage
from wsproto.extensions import PerMessageDeflate

from aigw_sansio.config import Config, GatewaySettings, Limits, ProviderSettings, Timeouts
from aigw_sansio.events import AttemptConnected, SessionEnded, UpgradeRefused
from aigw_sansio.faults import Side
from aigw_sansio.ids import ConnId

KIB = 1024
MIB = 1024 * KIB
PROVIDER = {"custom-x": ProviderSettings(base_url="http://127.0.0.1:9/v1")}


def crowd(**limits: int) -> Crowd:
    return Crowd(Config(providers=PROVIDER, limits=Limits(**limits), timeouts=Timeouts()))


def unfinished(size: int) -> bytes:
    """The beginning of a message of ``size`` bytes; one byte of it is missing."""
    return b"\x81\xff" + size.to_bytes(8) + bytes(4) + b"a" * (size - 1)


def held(scene: Crowd) -> int:
    return scene.gateway._measure()[0]


def ends(scene: Crowd) -> list[tuple[Side, int]]:
    return [(event.by, event.code) for event in scene.events if isinstance(event, SessionEnded)]


def serve(scene: Crowd, conn: ConnId) -> None:
    """``conn`` gets an answer."""
    event_id = scene.create(conn)
    scene.accept_all()
    up = [event.conn for event in scene.events if isinstance(event, AttemptConnected)][-1]
    scene.take(up)
    scene.receive(up, OK)
    assert scene.statuses(conn) == [(event_id, 200)]


def test_unfinished_messages_stop_at_the_limit_and_bystanders_go_on() -> None:
    """20 sockets with a message of 1 MiB each that never ends, and 8 MiB for all."""
    scene = crowd(memory_bytes=8 * MIB)
    bystander = scene.open()
    hostile = [scene.open() for _ in range(20)]
    data = unfinished(MIB)
    most = 0
    for at in range(0, len(data), 65536):
        for conn in hostile:
            if conn not in scene.paused:
                scene.receive(conn, data[at : at + 65536])
        most = max(most, held(scene))
        if not at % (4 * 65536):
            serve(scene, bystander)
    assert 8 * MIB < most <= 9 * MIB + 20 * 65536
    assert scene.paused == set(hostile)
    refused = scene.come()
    status, body = scene.refusal(refused)
    assert status == 503
    assert json.loads(body)["error"] == [
        {"code": 2010, "message": f"the gateway's memory is used up (memory_bytes, {8 * MIB}); try again later"}
    ]
    assert isinstance(scene.events[-1], UpgradeRefused)
    scene.pass_time(4.9)
    assert ends(scene) == []
    serve(scene, bystander)
    scene.pass_time(0.2)
    closed = [conn for conn in hostile if (scene.close_code(conn) or (0, ""))[0] == 1013]
    assert 1 <= len(closed) <= 3, "so many as is needed"
    assert set(ends(scene)) == {(Side.GATEWAY, 1013)}
    assert held(scene) <= 8 * MIB
    scene.pass_time(0.5)
    assert not scene.paused
    assert scene.open() not in hostile


def test_what_inflates_counts_as_it_is_and_stops_at_the_limit() -> None:
    """20 sockets whose unfinished messages come as a KiB each and inflate to a MiB."""
    settings = {"local/default": GatewaySettings(compression="messages")}
    scene = Crowd(Config(gateways=settings, providers=PROVIDER, limits=Limits(memory_bytes=8 * MIB)))
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    beginning = deflater.compress(bytes(MIB)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    hostile = []
    for _ in range(20):
        conn = scene.come(extensions=[PerMessageDeflate()])
        if conn in scene.aborted or scene.refusal(conn)[0]:
            break
        hostile.append(conn)
        scene.receive(conn, raw_frame(0x42, beginning, masked=True))
    assert 4 <= len(hostile) < 10
    assert held(scene) <= 9 * MIB


def test_what_is_closed_reads_nothing_more() -> None:
    scene = crowd(memory_bytes=MIB)
    conn = scene.open()
    scene.receive(conn, unfinished(2 * MIB)[: MIB + 65536])
    scene.pass_time(5)
    assert scene.close_code(conn) == (
        1013,
        f"the gateway's memory is used up (memory_bytes, {MIB}), and this socket holds 1114112 of it",
    )
    before = held(scene)
    scene.gateway.receive_data(conn, bytes(65536), scene.now)
    assert held(scene) == before


def test_a_client_that_reads_nothing_is_closed_and_its_providers_are_paused_before() -> None:
    scene = crowd(memory_bytes=4 * MIB, buffered_response_bytes_per_connection=1 << 30)
    deaf, bystander = scene.open(), scene.open()
    for _ in range(20):
        scene.create(deaf)
    ups = scene.accept_all()
    scene.deaf = {deaf}
    body = json.dumps("a" * (MIB // 2)).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    for up in ups:
        if up not in scene.paused:
            scene.receive(up, head + body)
    assert held(scene) <= 4 * MIB + MIB
    assert deaf in scene.paused
    assert scene.paused >= set(ups[-5:])
    serve(scene, bystander)
    scene.pass_time(5.0)
    assert ends(scene) == [(Side.GATEWAY, 1013)]
    scene.pass_time(10.0)
    assert deaf in scene.aborted
    assert held(scene) < MIB


def test_crowds_that_hold_nothing_count_too() -> None:
    """Each connection takes memory, even if its buffers are empty."""
    scene = crowd(memory_bytes=2 * MIB)
    open_ = 0
    while not scene.gateway._services.short_of_memory and open_ < 200:
        scene.open()
        open_ += 1
    assert 65 <= open_ <= 70


@pytest.mark.parametrize("closes", [True, False])
def test_it_recovers_by_itself(closes: bool) -> None:
    scene = crowd(memory_bytes=MIB)
    conn, other = scene.open(), scene.open()
    scene.receive(conn, unfinished(2 * MIB)[: MIB + 65536])
    assert scene.refusal(scene.come())[0] == 503
    if closes:
        scene.leave(conn)
        scene.pass_time(0.25)
        assert ends(scene) == [(Side.CLIENT, 1006)]
    else:
        scene.pass_time(5.25)
    assert scene.open() is not None
    serve(scene, other)


# -- HTTP/2: one TCP connection, many WebSockets --------------------------------------------------------------------


class Streams:
    """One HTTP/2 connection of a client, with WebSockets on its streams."""

    def __init__(self, scene: Crowd, peer: str) -> None:
        self.scene = scene
        self.h2 = H2Connection(H2Configuration(client_side=True))
        self.conn = scene.gateway.open_downstream(peer, "h2", scene.now)
        self.h2.initiate_connection()
        self.sockets: dict[int, Connection] = {}
        self.said: list[dict[str, object]] = []
        self.status: dict[int, int] = {}
        self.going_away = False
        self.flow()

    def flow(self) -> None:
        for _ in range(4):
            if data := self.h2.data_to_send():
                self.scene.gateway.receive_data(self.conn, data, self.scene.now)
            self.scene.settle()
            for event in self.h2.receive_data(self.scene.take(self.conn)):
                if isinstance(event, ConnectionTerminated):
                    self.going_away = True
                    self.h2.state_machine.state = ConnectionState.CLIENT_OPEN  # h2 would send nothing any more
                elif isinstance(event, ResponseReceived) and event.stream_id:
                    self.status[event.stream_id] = int(dict(event.headers)[b":status"])
                elif isinstance(event, DataReceived) and event.stream_id:
                    socket = self.sockets[event.stream_id]
                    socket.receive_data(event.data)
                    self.said += [json.loads(m.data) for m in socket.events() if isinstance(m, TextMessage)]

    def open(self, path: str = "/v1/local/default") -> int:
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", "gw.test"),
                (":path", path), ("sec-websocket-version", "13")]  # fmt: skip
        self.sockets[stream] = Connection(ConnectionType.CLIENT)
        self.h2.send_headers(stream, head)
        self.flow()
        assert self.status[stream] == 200
        return stream

    def create(self, stream: int, event_id: str) -> None:
        step = {
            "eventId": event_id,
            "provider": "custom-x",
            "endpoint": "chat",
            "headers": {},
            "query": {"a": "b" * 300},
        }
        message = json.dumps({"type": "universal.create", "request": step})
        self.h2.send_data(stream, self.sockets[stream].send(TextMessage(message)))
        self.flow()

    def codes(self) -> list[object]:
        found = []
        for message in self.said:
            response = message.get("response")
            assert isinstance(response, dict)
            found.append(response["error"][0]["message"])
        return found


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"exchanges_per_connection": 4}, "4 are allowed (exchanges_per_connection)"),
        ({"request_bytes_per_connection": 7500}, "7500 are allowed (request_bytes_per_connection)"),
    ],
)
@pytest.mark.parametrize("proxy", [True, False])
def test_limits_of_a_connection_count_for_all_its_streams_but_not_for_a_trusted_proxy(
    proxy: bool, limits: dict[str, int], words: str
) -> None:
    config = Config(providers=PROVIDER, limits=Limits(**limits), trusted_proxies=("10.0.0.0/8",))
    streams = Streams(Crowd(config), "10.0.0.9:1" if proxy else "192.0.2.1:1")
    one, two = streams.open(), streams.open()
    for number in range(6):
        streams.create((one, two)[number % 2], f"e{number}")
    if proxy:
        assert streams.said == []
    else:
        assert len(streams.codes()) == 2
        assert all(words in str(text) for text in streams.codes())
        streams.h2.reset_stream(two)
        streams.flow()
        streams.create(one, "again")
        assert len(streams.codes()) == 2, "the other stream's places are free"


def test_after_so_many_requests_a_connection_is_closed_when_its_last_stream_ends() -> None:
    """A client that opens WebSockets and resets them must connect anew now and then."""
    scene = Crowd(Config(providers=PROVIDER, limits=Limits(requests_per_connection=50)))
    streams = Streams(scene, "192.0.2.1:1")
    kept = streams.open()
    for _ in range(5):
        assert not streams.going_away
        streams.h2.reset_stream(streams.open())
        streams.flow()
    assert streams.going_away
    streams.create(kept, "e1")
    assert len(scene.dials) == 1, "what is open goes on"
    streams.h2.reset_stream(kept)
    streams.flow()
    scene.pass_time(5.0)
    assert scene.gateway.snapshot()["connections"] == 0


def test_responses_for_all_streams_of_a_connection_share_one_budget() -> None:
    config = Config(providers=PROVIDER, limits=Limits(buffered_response_bytes_per_connection=256 * KIB))
    scene = Crowd(config)
    streams = Streams(scene, "192.0.2.1:1")
    numbers = [streams.open() for _ in range(3)]
    for number in numbers:
        streams.create(number, f"e{number}")
    ups = scene.accept_all()
    scene.deaf = {streams.conn}
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 200000\r\n\r\n"
    for up in ups:
        scene.receive(up, head + b"1" * 150_000)
    assert scene.paused == set(ups[1:]), "all but the oldest that is collected"
