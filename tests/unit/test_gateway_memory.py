"""The memory of the whole process: hostile clients fill it, and bystanders are served."""

import json
import zlib

import pytest
from tests.peers.websocket_frames import raw_frame
from tests.peers.websocket_provider import WsProvider
from tests.rigs.crowd import OK, Crowd
from tests.rigs.held import held as held_by
from tests.rigs.meter import cost_of
from tests.rigs.streams import Streams
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
    return held_by(scene.gateway)


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


def test_what_grows_inside_leaves_less_room_for_what_comes_in() -> None:
    """Small requests take far more memory than their bytes; then a message comes that never ends."""
    scene = crowd(memory_bytes=8 * MIB, upstream_connections_per_origin=1)
    for _ in range(7):
        conn = scene.open()
        for _ in range(100):
            scene.create(conn)
    hostile = scene.open()
    assert 6 * MIB < held(scene) <= 8 * MIB
    data = unfinished(8 * MIB)
    for at in range(0, len(data), 65536):
        if hostile not in scene.paused:
            scene.receive(hostile, data[at : at + 65536])
    assert held(scene) <= 8 * MIB + 3 * 65536


def test_a_request_that_comes_while_its_client_is_held_back_does_not_run_on() -> None:
    """It was on its way already. Its provider is paused as soon as there is one, and resumed when memory is free."""
    scene = crowd(memory_bytes=MIB, exchanges_per_connection=1000)
    conn = scene.open()
    for _ in range(130):
        scene.create(conn)
    assert conn in scene.paused
    scene.create(conn)
    up = scene.accept_all()[-1]
    assert len(scene.dials) == 0
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2000\r\n\r\n"
    if up not in scene.paused:
        scene.receive(up, head)
    assert up in scene.paused


def test_the_cost_of_one_call_does_not_grow_with_the_number_of_clients() -> None:
    """A count of all memory is divided over turns."""

    def cost(sockets: int) -> int:
        scene = crowd(memory_bytes=sockets * 33 * KIB)
        conns = [scene.open() for _ in range(sockets)]
        scene.gateway._services.unweighed = 0
        spent = cost_of(lambda: scene.gateway.receive_data(conns[0], b"\x81", scene.now))
        assert scene.gateway.snapshot()["postponed"] == 1
        return spent.bytecodes

    assert cost(600) <= 1.1 * cost(300)


PING = b"\x89\x80" + bytes(4)
REALTIME = "/v1/local/default/openai?model=m"


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("path", ["/v1/local/default", REALTIME])
def test_small_replies_that_nobody_takes_count_as_what_they_take(path: str, http2: bool) -> None:
    """A pong has two bytes, and an object of its own."""
    scene = Crowd(Config(providers={"openai": ProviderSettings(realtime_url="ws://127.0.0.1:9/v1/realtime")}))
    streams = Streams(scene, "192.0.2.1:1") if http2 else None
    stream = 0 if streams is None else streams.come(path)
    client = scene.come(path) if streams is None else streams.conn
    if path == REALTIME:
        (up,) = scene.dials
        provider = WsProvider()
        provider.receive(scene.accept(up))
        scene.receive(up, provider.switch(101, []))
    if streams is not None:
        streams.flow()
    scene.deaf = {client}
    before = held(scene)
    if streams is None:
        scene.receive(client, PING * 20_000)
    else:
        streams.send(stream, PING * 20_000)
    replies = held(scene) - before
    scene.deaf.clear()
    assert len(scene.take(client)) < 20 * KIB
    most = 640 if path == REALTIME else 256
    assert 64 * KIB <= replies < most * KIB, "with what has come and is not read"


def test_small_messages_that_nobody_takes_count_as_what_they_take() -> None:
    """Each is read by itself: so each is a piece of its own."""
    scene = Crowd(Config(providers={"openai": ProviderSettings(realtime_url="ws://127.0.0.1:9/v1/realtime")}))
    client = scene.come(REALTIME)
    (up,) = scene.dials
    provider = WsProvider()
    provider.receive(scene.accept(up))
    scene.receive(up, provider.switch(101, []))
    scene.deaf = {client}
    read = 0
    while up not in scene.paused and read < 5000:
        scene.receive(up, b"\x82\x01x")
        read += 1
    assert 4096 <= read <= 4200
    scene.deaf.clear()
    scene._take(client)
    scene.settle()
    assert up not in scene.paused


def test_crowds_that_hold_nothing_count_too() -> None:
    """Each connection takes memory, even if its buffers are empty."""
    scene = crowd(memory_bytes=2 * MIB)
    open_ = 0
    while not scene.gateway._services.short_of_memory and open_ < 200:
        scene.open()
        open_ += 1
    assert 64 <= open_ <= 70


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
