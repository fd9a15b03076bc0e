"""One HTTP/2 connection, many WebSockets: their limits count together, and so does their memory."""

import pytest
from tests.rigs.crowd import Crowd
from tests.rigs.held import count, held
from tests.rigs.streams import Streams

from aigw_sansio.config import Config, Limits, ProviderSettings

KIB = 1024
MIB = 1024 * KIB
PROVIDER = {"custom-x": ProviderSettings(base_url="http://127.0.0.1:9/v1")}
PROXIES = ("10.0.0.0/8",)
PROXY, CLIENT = "10.0.0.9:1", "192.0.2.1:1"


def crowd(**limits: int) -> Crowd:
    return Crowd(Config(providers=PROVIDER, limits=Limits(**limits), trusted_proxies=PROXIES))


def unfinished(size: int) -> bytes:
    """The beginning of a message of ``size`` bytes; one byte of it is missing."""
    length = b"\xfe" + size.to_bytes(2) if size < 65536 else b"\xff" + size.to_bytes(8)
    return b"\x81" + length + bytes(4) + b"a" * (size - 1)


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
    streams = Streams(crowd(**limits), PROXY if proxy else CLIENT)
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
    scene = crowd(requests_per_connection=50)
    streams = Streams(scene, CLIENT)
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
    scene = crowd(buffered_response_bytes_per_connection=256 * KIB)
    streams = Streams(scene, CLIENT)
    numbers = [streams.open() for _ in range(3)]
    for number in numbers:
        streams.create(number, f"e{number}")
    ups = scene.accept_all()
    scene.deaf = {streams.conn}
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 200000\r\n\r\n"
    for up in ups:
        scene.receive(up, head + b"1" * 150_000)
    assert scene.paused == set(ups[1:]), "all but the oldest that is collected"


# -- the memory of the process ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("proxy", [True, False])
def test_an_idle_stream_counts_what_its_session_takes(proxy: bool) -> None:
    scene = crowd()
    streams = Streams(scene, PROXY if proxy else CLIENT)
    before = held(scene.gateway)
    for _ in range(10):
        streams.open()
    assert held(scene.gateway) - before == 10 * 8 * KIB


def test_many_streams_that_hold_little_each_are_one_client_that_holds_much() -> None:
    """Each holds less than a socket may hold; together they are over the limit of the process."""
    scene = crowd(memory_bytes=2 * MIB)
    bystander = scene.open()
    streams = Streams(scene, CLIENT)
    numbers = [streams.open() for _ in range(80)]
    most = 0
    for number in numbers:
        streams.send(number, unfinished(25 * KIB))
        most = max(most, held(scene.gateway))
    assert 2 * MIB < most <= 2 * MIB + 128 * KIB + 80 * 25 * KIB
    assert streams.conn in scene.paused
    assert bystander not in scene.paused
    scene.pass_time(5.0)
    streams.flow()
    assert set(streams.closed.values()) == {1013}
    assert 1 <= len(streams.closed) <= 40, "so many as is needed"
    assert held(scene.gateway) <= 2 * MIB
    scene.pass_time(0.25)
    assert streams.conn not in scene.paused
    assert scene.close_code(bystander) is None


def test_idle_streams_are_closed_if_they_alone_use_the_memory_up() -> None:
    scene = crowd(memory_bytes=644 * KIB)
    bystander = scene.open()
    streams = Streams(scene, CLIENT)
    opened = 0
    while not scene.gateway._services.short_of_memory:
        streams.open()
        opened += 1
        scene.pass_time(0.25)
    assert 73 <= opened <= 75
    scene.pass_time(5.0)
    streams.flow()
    assert set(streams.closed.values()) == {1013}
    scene.pass_time(5.25)
    assert not scene.gateway._services.short_of_memory
    assert scene.close_code(bystander) is None


def test_of_a_proxys_connection_only_the_stream_that_holds_much_is_paused_and_closed() -> None:
    scene = crowd(memory_bytes=MIB)
    streams = Streams(scene, PROXY)
    hostile, other = streams.open(), streams.open()
    streams.send(hostile, unfinished(4 * MIB))
    assert scene.gateway._services.short_of_memory
    assert streams.conn not in scene.paused
    assert max(count(scene.gateway)[1], key=count(scene.gateway)[1].__getitem__) == (streams.conn, hostile)
    streams.create(other, "goes on")
    assert len(scene.dials) == 1
    scene.pass_time(5.0)
    streams.flow()
    assert streams.closed == {hostile: 1013}
    assert streams.conn not in scene.paused
    assert held(scene.gateway) <= MIB


def test_a_client_that_takes_nothing_is_read_so_that_it_may_take_something() -> None:
    """Without its WINDOW_UPDATEs nothing that waits for it could go out."""
    scene = crowd(memory_bytes=MIB)
    streams = Streams(scene, CLIENT)
    number = streams.open()
    streams.create(number, "e1")
    (up,) = scene.accept_all()
    scene.deaf = {streams.conn}
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2000000\r\n\r\n"
    scene.receive(up, head + b"1" * 1_200_000)
    assert scene.gateway._services.short_of_memory
    assert up in scene.paused
    assert streams.conn not in scene.paused
