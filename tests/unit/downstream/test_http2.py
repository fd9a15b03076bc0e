"""A client's HTTP/2 connection: its streams as pipes, whose bytes are confirmed, held back and ended each on its own."""

from collections.abc import Callable

import h2.events
import h2.settings
import pytest
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.http2_frames import cuttings, peer

from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.downstream.http2 import Http2DownstreamConnection
from aigw_sansio.downstream.http2_stream import StreamPipe
from aigw_sansio.downstream.ports import ClientRequest, Responder
from aigw_sansio.effects import Close, Effect, Emit
from aigw_sansio.engine.services import Services
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.events import ConnectionRefused, UpgradeRefused
from aigw_sansio.faults import Fault
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId
from aigw_sansio.wires.websocket.handshake import NotUpgrade, Offers, WrongVersion

CONNECT = [
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    (b":scheme", b"https"),
    (b":path", b"/chat"),
    (b":authority", b"gateway.test"),
    (b"sec-websocket-version", b"13"),
]
GET = [(b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/healthz"), (b":authority", b"gateway.test")]


class Receiver:
    """Writes down what a pipe brings. ``greedy``: holds the peer back after every read."""

    def __init__(self, pipe: StreamPipe, *, greedy: bool = False) -> None:
        self.pipe = pipe
        self.greedy = greedy
        self.received = b""
        self.left: list[int] = []
        self.end: str | None = None

    def receive_data(self, data: bytes, now: float) -> None:
        assert self.end is None
        self.received += data
        if self.greedy:
            self.pipe.pause_reading()

    def receive_eof(self, now: float) -> None:
        assert self.end is None
        self.end = "eof"
        self.pipe.close(now)

    def connection_lost(self, reason: str, now: float) -> None:
        assert self.end is None
        self.end = reason

    def data_sent(self, outstanding: int, now: float) -> None:
        self.left.append(outstanding)


class Door:
    """Decides later, or at once where ``at_once`` is set. Implements ``RequestHandler`` and ``PendingRequest``."""

    def __init__(self) -> None:
        self.requests: list[tuple[ClientRequest, StreamPipe]] = []
        self.gone = 0
        self.at_once: Callable[[StreamPipe], None] | None = None

    def request_arrived(self, request: ClientRequest, responder: Responder, now: float) -> "Door":
        assert isinstance(responder, StreamPipe)
        self.requests.append((request, responder))
        if self.at_once is not None:
            self.at_once(responder)
        return self

    def client_gone(self, now: float) -> None:
        self.gone += 1


class World:
    """One connection with a plain h2 client at its other end."""

    def __init__(self, *, draining: bool = False, **limits: int) -> None:
        self.services = Services(Config(limits=Limits(**limits), timeouts=Timeouts()), b"a seed of 16 bytes", 0.0)
        self.now = 0.0
        self.door = Door()
        self.link = Http2DownstreamConnection(
            self.services,
            self.services.issue_conn(),
            peer="192.0.2.1:1",
            handler=self.door,
            now=self.now,
            draining=draining,
        )
        self.client: H2Connection = peer(client=True)
        self.events: list[h2.events.Event] = []
        self.effects: list[Effect] = []
        self.say()
        self.hear()

    def say(self) -> None:
        """The client's bytes."""
        data = self.client.data_to_send()
        if data:
            self.link.receive_data(data, self.now)
            self.services.run_deferred(self.now)
            self.effects += self.services.take_effects()

    def hear(self) -> None:
        """All that the connection has goes to the client and is confirmed."""
        while data := self.link.buffer.pull(65536):
            self.events += self.client.receive_data(data)
            self.link.data_sent(len(data), self.now)
            self.services.run_deferred(self.now)
            self.say()
        self.effects += self.services.take_effects()

    def settle(self) -> None:
        self.services.run_deferred(self.now)
        self.hear()

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.services.timers.fire(self.now)
        self.settle()

    def ask(self, fields: list[tuple[bytes, bytes]] = CONNECT, *, end: bool = False) -> tuple[int, StreamPipe]:
        number = self.client.get_next_available_stream_id()
        self.client.send_headers(number, fields, end_stream=end)
        self.say()
        self.hear()
        return number, self.door.requests[-1][1]

    def open(self, *, greedy: bool = False) -> tuple[int, StreamPipe, Receiver]:
        """A WebSocket."""
        number, pipe = self.ask()
        receiver = Receiver(pipe, greedy=greedy)
        pipe.accept(None, receiver, self.now)
        self.settle()
        return number, pipe, receiver

    def bytes_of(self, number: int) -> bytes:
        return b"".join(
            event.data or b""
            for event in self.events
            if isinstance(event, h2.events.DataReceived) and event.stream_id == number
        )

    def of(self, kind: type[h2.events.Event], number: int) -> list[h2.events.Event]:
        return [e for e in self.events if isinstance(e, kind) and getattr(e, "stream_id", None) == number]

    @property
    def closed(self) -> list[bool]:
        """The closes asked for; true for an abrupt one."""
        return [effect.abort for effect in self.effects if isinstance(effect, Close)]


def postponed(world: World) -> StreamPipe:
    """A stream, and more frames behind it than a turn reads; the read is a whole one."""
    _, pipe, _ = world.open()
    padding = b"\x00\x00\x02\x00\x08" + pipe.number.to_bytes(4) + b"\x00\x00"  # DATA without any
    world.link.receive_data(padding * 5000, world.now)
    assert world.services.turns.waiting == 1
    return pipe


def read_all(world: World) -> None:
    while world.services.turns.waiting:
        world.services.turns.proceed(world.now)
        world.services.run_deferred(world.now)


# -- requests ---------------------------------------------------------------------------------------------------------


def test_a_websocket_is_granted_with_200_and_none_of_the_fields_of_http1() -> None:
    world = World()
    assert world.client.remote_settings[h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL] == 1
    number, pipe = world.ask([*CONNECT, (b"sec-websocket-protocol", b"a, b")])
    request = world.door.requests[0][0]
    assert (request.method, request.target, request.peer) == (b"CONNECT", b"/chat", "192.0.2.1:1")
    assert isinstance(request.websocket, Offers)
    assert request.websocket.subprotocols == (b"a", b"b")
    pipe.accept(b"b", Receiver(pipe), world.now)
    world.settle()
    [answer] = world.of(h2.events.ResponseReceived, number)
    assert isinstance(answer, h2.events.ResponseReceived)
    assert answer.headers == [(b":status", b"200"), (b"sec-websocket-protocol", b"b")]


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        (GET, NotUpgrade),
        ([*CONNECT[:-1], (b"sec-websocket-version", b"8")], WrongVersion),
        (CONNECT[:-1], Fault),
        ([(b":method", b"CONNECT"), (b":protocol", b"webtransport"), *CONNECT[2:]], Fault),
    ],
)
def test_what_is_no_proper_websocket(fields: list[tuple[bytes, bytes]], verdict: type) -> None:
    world = World()
    world.ask(fields)
    assert type(world.door.requests[0][0].websocket) is verdict


def test_the_pieces_of_cookie_are_one_field() -> None:
    world = World()
    world.ask([*GET, (b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2")], end=True)
    assert world.door.requests[0][0].headers == [(b"x", b"y"), (b"cookie", b"a=1; b=2")]


def test_a_plain_answer_loses_the_fields_of_http1_and_leaves_nothing() -> None:
    world = World()
    number, pipe = world.ask(GET, end=True)
    pipe.refuse(426, [(b"upgrade", b"websocket"), (b"x", b"y")], b"no", world.now)
    world.settle()
    [answer] = world.of(h2.events.ResponseReceived, number)
    assert isinstance(answer, h2.events.ResponseReceived)
    assert answer.headers == [(b":status", b"426"), (b"x", b"y"), (b"content-length", b"2")]
    assert world.bytes_of(number) == b"no"
    assert world.of(h2.events.StreamEnded, number)
    assert pipe.state.name == "CLOSED"
    assert world.services.timers.armed == 1  # that of the connection


def test_a_body_nobody_asked_for_gets_no_credit_and_is_cut_off_behind_the_answer() -> None:
    world = World()
    number, pipe = world.ask([(b":method", b"POST"), *GET[1:]])
    world.client.send_data(number, b"x" * 16384)
    world.client.send_data(number, b"x" * 16384)
    world.client.send_data(number, b"x" * 16384)
    world.say()
    world.hear()
    assert not world.of(h2.events.WindowUpdated, number)
    pipe.refuse(404, [], b"no", world.now)
    world.settle()
    [reset] = world.of(h2.events.StreamReset, number)
    assert isinstance(reset, h2.events.StreamReset)
    assert reset.error_code == ErrorCodes.NO_ERROR
    assert world.bytes_of(number) == b"no"


def test_a_request_is_answered_once() -> None:
    world = World()
    _, pipe, receiver = world.open()
    with pytest.raises(LocalProtocolError, match="ACCEPT is not allowed in state OPEN"):
        pipe.accept(None, receiver, world.now)
    with pytest.raises(LocalProtocolError, match="REFUSE is not allowed in state OPEN"):
        pipe.refuse(400, [], b"", world.now)


# -- bytes in ---------------------------------------------------------------------------------------------------------


def test_early_bytes_come_with_the_acceptance() -> None:
    world = World()
    number, pipe = world.ask()
    world.client.send_data(number, b"early ")
    world.say()
    world.client.send_data(number, b"bird")
    world.say()
    receiver = Receiver(pipe)
    pipe.accept(None, receiver, world.now)
    assert receiver.received == b"early bird"
    world.client.send_data(number, b"!")
    world.say()
    assert receiver.received == b"early bird!"


def test_a_held_stream_keeps_its_bytes_and_its_credit_and_the_others_go_on() -> None:
    world = World()
    held, pipe, receiver = world.open(greedy=True)
    other, _, second = world.open()
    for _ in range(3):
        world.client.send_data(held, b"h" * 16384)
    sent = 3 * 16384
    world.say()
    world.hear()
    while window := min(world.client.local_flow_control_window(held), 16384):
        world.client.send_data(held, b"h" * window)
        sent += window
        world.say()
        world.hear()
    assert sent == 256 * 1024
    assert len(receiver.received) == 3 * 16384  # what came before it was held
    for _ in range(40):
        world.client.send_data(other, b"o" * 16384)
        world.say()
        world.hear()
    assert len(second.received) == 40 * 16384
    receiver.greedy = False
    pipe.resume_reading()
    assert len(receiver.received) == 3 * 16384  # not in the middle of whatever resumed it
    world.settle()
    assert len(receiver.received) == sent
    assert world.client.local_flow_control_window(held) == 256 * 1024


def test_the_end_waits_behind_held_bytes_and_a_reset_hands_them_over() -> None:
    world = World()
    number, pipe, receiver = world.open(greedy=True)
    gone, _, second = world.open(greedy=True)
    for one in (number, gone):
        world.client.send_data(one, b"a")
        world.say()
        world.client.send_data(one, b"b")
        world.say()
    world.client.end_stream(number)
    world.client.reset_stream(gone, ErrorCodes.CANCEL)
    world.say()
    assert (receiver.received, receiver.end) == (b"a", None)
    assert (second.received, second.end) == (b"ab", "the client reset the stream with code 8")
    receiver.greedy = False
    pipe.resume_reading()
    world.settle()
    assert (receiver.received, receiver.end) == (b"ab", "eof")
    assert world.of(h2.events.StreamEnded, number)


def test_the_end_alone_waits_too() -> None:
    world = World()
    number, pipe, receiver = world.open()
    pipe.pause_reading()
    world.client.end_stream(number)
    world.say()
    assert receiver.end is None
    pipe.resume_reading()
    world.settle()
    assert receiver.end == "eof"


def test_a_client_that_leaves_before_it_is_answered() -> None:
    world = World()
    ended, _ = world.ask()
    reset, _ = world.ask()
    world.client.end_stream(ended)
    world.say()
    world.hear()
    assert world.door.gone == 1
    assert world.of(h2.events.StreamReset, ended)
    world.client.reset_stream(reset, ErrorCodes.CANCEL)
    world.say()
    assert world.door.gone == 2


def test_the_end_of_a_plain_request_is_no_departure() -> None:
    world = World()
    _, pipe = world.ask(GET, end=True)
    assert world.door.gone == 0
    assert pipe.state.name == "DECIDING"


# -- bytes out --------------------------------------------------------------------------------------------------------


def test_a_stream_counts_its_own_bytes_as_taken() -> None:
    world = World()
    one, first, receiver = world.open()
    _, second, other = world.open()
    first.write(b"1" * 1000, world.now)
    second.write(b"2" * 300, world.now)
    first.write(b"1" * 24, world.now)
    assert (first.outstanding, second.outstanding) == (1024, 300)
    world.services.run_deferred(world.now)
    data = world.link.buffer.pull(65536)
    world.link.data_sent(len(data) - 1, world.now)  # one byte of the last frame is under way
    assert (first.outstanding + second.outstanding) > 0
    world.link.data_sent(1, world.now)
    assert (first.outstanding, second.outstanding) == (0, 0)
    assert (receiver.left, other.left) == ([0], [0])
    world.events += world.client.receive_data(data)
    assert world.bytes_of(one) == b"1" * 1024


def test_bytes_without_window_are_outstanding_and_others_pass_them() -> None:
    world = World()
    slow, first, receiver = world.open()
    fast, second, _ = world.open()
    first.write(b"s" * 100_000, world.now)
    world.settle()
    assert first.outstanding == 100_000 - 65535
    assert receiver.left[-1] == 100_000 - 65535
    world.client.increment_flow_control_window(1 << 20)
    world.say()
    world.hear()
    second.write(b"f" * 50_000, world.now)
    world.settle()
    assert second.outstanding == 0
    assert world.bytes_of(fast) == b"f" * 50_000
    world.client.increment_flow_control_window(1 << 20, slow)
    world.say()
    world.hear()
    assert first.outstanding == 0
    assert world.bytes_of(slow) == b"s" * 100_000


def test_bytes_in_a_frame_that_was_cut_are_not_taken_yet() -> None:
    world = World()
    _, pipe, receiver = world.open()
    world.client.increment_flow_control_window(1 << 20)
    world.client.increment_flow_control_window(1 << 20, 1)
    world.say()
    world.hear()
    pipe.write(b"x" * 500_000, world.now)
    confirmed = 0
    world.services.run_deferred(world.now)
    while data := world.link.buffer.pull(65536):
        confirmed += len(data)
        world.link.data_sent(len(data), world.now)
        taken = 500_000 - receiver.left[-1] if receiver.left else 0
        assert taken * 16393 <= confirmed * 16384  # nine bytes a frame are not the stream's
        world.services.run_deferred(world.now)
    assert receiver.left[-1] == 0


def test_no_more_than_the_high_water_mark_waits_for_the_transport() -> None:
    world = World()
    _, pipe, _ = world.open()
    world.client.increment_flow_control_window(1 << 24)
    world.client.increment_flow_control_window(1 << 24, 1)
    world.say()
    pipe.write(b"x" * 1_000_000, world.now)
    world.services.run_deferred(world.now)
    assert 65536 <= world.link.buffer.size < 2 * 65536
    assert pipe.outstanding == 1_000_000
    assert 1_000_000 < world.link.outstanding < 1_000_000 + 65536
    world.hear()
    assert pipe.outstanding == world.link.outstanding == 0


def test_streams_take_turns() -> None:
    world = World()
    world.client.increment_flow_control_window(1 << 24)
    world.say()
    opened = [world.open() for _ in range(4)]
    numbers = [number for number, _, _ in opened]
    for _, pipe, _ in opened:
        pipe.write(b"x" * 30_000, world.now)
    world.settle()
    order = [event.stream_id for event in world.events if isinstance(event, h2.events.DataReceived)]
    assert order == numbers * 2


# -- ends -------------------------------------------------------------------------------------------------------------


def test_an_ended_pipe_delivers_what_it_has_and_lets_the_client_end() -> None:
    world = World()
    number, pipe, receiver = world.open()
    pipe.write(b"last words", world.now)
    pipe.close(world.now)
    pipe.write(b"too late", world.now)
    world.settle()
    assert world.bytes_of(number) == b"last words"
    assert world.of(h2.events.StreamEnded, number)
    for _ in range(30):  # a long message under way: it has credit, and goes nowhere
        world.client.send_data(number, b"x" * 16384)
        world.say()
        world.hear()
    assert receiver.received == b""
    world.client.end_stream(number)
    world.say()
    assert pipe.state.name == "CLOSED"
    world.wait(6.0)
    assert receiver.end is None


def test_the_last_bytes_of_an_ended_stream_are_the_connections_to_lose() -> None:
    world = World()
    number, pipe, receiver = world.open()
    world.client.increment_flow_control_window(1 << 20)
    world.client.increment_flow_control_window(1 << 20, number)
    world.say()
    pipe.write(b"x" * 90_000, world.now)
    pipe.close(world.now)
    world.client.end_stream(number)
    world.say()
    world.link.data_sent(len(world.link.buffer.pull(1000)), world.now)
    world.services.run_deferred(world.now)
    assert pipe.state.name == "CLOSED"
    world.link.data_sent(len(world.link.buffer.pull(85_000)), world.now)
    assert 0 < pipe.outstanding < 90_000
    world.now += 60.0
    world.services.timers.fire(world.now)
    world.effects += world.services.take_effects()
    assert receiver.end == "the client takes no more bytes"
    assert True in world.closed


def test_a_client_that_does_not_let_go_is_reset() -> None:
    world = World()
    number, pipe, receiver = world.open()
    pipe.close(world.now)
    world.settle()
    world.wait(5.0)
    assert world.of(h2.events.StreamReset, number)
    assert receiver.end == "the client takes no more bytes"
    assert world.closed == []


@pytest.mark.parametrize(
    "how", ["ends", "ended before", "resets", "is reset", "leaves", "never lets go", "takes it late"]
)
@pytest.mark.parametrize("plain", [False, True])
def test_a_stream_that_we_are_through_with_is_forgotten_once_the_client_is_too(how: str, plain: bool) -> None:
    world = World()
    _, _, sibling = world.open()
    if plain:
        number, pipe = world.ask(GET, end=how == "ended before")
        pipe.refuse(404, [], b"no" * (40_000 if how in ("takes it late", "never lets go") else 1), world.now)
    else:
        number, pipe, _ = world.open()
        if how == "ended before":
            world.client.end_stream(number)
            world.say()
        if how == "takes it late":
            pipe.write(b"x" * 70_000, world.now)
        pipe.close(world.now)
    world.settle()
    if how == "takes it late":
        world.client.increment_flow_control_window(100_000)
        world.client.increment_flow_control_window(100_000, number)
        world.say()
        world.hear()
    state = world.client.streams.get(number)
    if how in ("ends", "takes it late") and state is not None and state.open:
        world.client.end_stream(number)
    elif how == "resets" and state is not None and state.open:
        world.client.reset_stream(number)
    elif how == "is reset":
        pipe.abort(world.now)
    elif how == "leaves":
        world.link.connection_lost("reset by peer", world.now)
    elif how == "never lets go":
        world.wait(60.0 if plain else 5.0)
    world.say()
    world.settle()
    assert pipe.state.name == "CLOSED"
    assert world.link._finishing == {}
    assert list(world.link._pipes.values()) == ([] if how == "leaves" else [sibling.pipe])
    assert world.link._sending == {}
    assert world.services.timers.armed == 0
    assert sibling.end == ("reset by peer" if how == "leaves" else None)


def test_a_stream_that_takes_nothing_is_reset_alone() -> None:
    world = World()
    stalled, pipe, receiver = world.open()
    _, _, other = world.open()
    pipe.write(b"x" * 70_000, world.now)
    world.settle()
    world.wait(59.0)
    assert world.closed == []
    assert not world.of(h2.events.StreamReset, stalled)
    world.wait(1.0)
    assert receiver.end == "the client takes no more bytes"
    assert pipe.outstanding == 0
    assert world.of(h2.events.StreamReset, stalled)
    assert other.end is None
    assert world.closed == []


def test_short_memory_and_a_turn_that_does_not_suffice_hold_it_each_on_its_own() -> None:
    world = World()
    postponed(world)
    link = world.link
    link.squeeze(world.now, on=True)
    read_all(world)
    assert not link.reading, "there is still no memory"
    link.squeeze(world.now, on=False)
    assert link.reading
    postponed(world)
    link.squeeze(world.now, on=True)
    link.squeeze(world.now, on=False)
    assert not link.reading, "it is not read yet"
    read_all(world)
    assert link.reading


def test_frames_that_are_not_read_yet_are_held() -> None:
    world = World()
    before = world.link.held
    postponed(world)
    assert world.link.undelivered > 20_000
    assert world.link.held - before >= world.link.undelivered
    read_all(world)
    assert world.link.undelivered == 0


@pytest.mark.parametrize("how", ["abort", "stall", "loss"])
def test_what_waits_is_dropped_with_the_connection(how: str) -> None:
    world = World()
    _, _, receiver = world.open()
    pipe = postponed(world)
    number = world.client.get_next_available_stream_id()
    world.client.send_headers(number, CONNECT)
    world.link.receive_data(world.client.data_to_send(), world.now)
    asked = len(world.door.requests)
    if how == "abort":
        world.link.close(world.now, abort=True)
    elif how == "stall":
        pipe.write(b"a", world.now)
        world.services.run_deferred(world.now)
        world.now += 60
        world.services.timers.fire(world.now)
        assert world.link.aborted
    else:
        world.link.connection_lost("reset", world.now)
    world.link.closed(world.now)
    assert world.services.turns.waiting == 0
    read_all(world)
    assert len(world.door.requests) == asked
    assert receiver.end is not None
    assert world.link.undelivered == 0


def test_a_connection_that_takes_nothing_is_aborted_and_every_stream_told_once() -> None:
    world = World()
    receivers = [world.open()[2] for _ in range(3)]
    receivers[0].pipe.write(b"x" * 10, world.now)
    world.services.run_deferred(world.now)
    world.now += 60.0
    world.services.timers.fire(world.now)
    world.services.run_deferred(world.now)
    world.effects += world.services.take_effects()
    assert [one.end for one in receivers] == ["the client takes no more bytes"] * 3
    assert world.closed == [True]
    world.link.closed(world.now)
    assert world.services.timers.armed == 0


def test_an_aborted_pipe_is_not_told_of_it() -> None:
    world = World()
    number, pipe, receiver = world.open()
    pipe.write(b"x" * 70_000, world.now)
    pipe.abort(world.now)
    world.settle()
    assert world.of(h2.events.StreamReset, number)
    assert (pipe.outstanding, receiver.end, receiver.left) == (0, None, [])
    pipe.abort(world.now)
    pipe.close(world.now)
    pipe.pause_reading()
    pipe.resume_reading()
    world.settle()


@pytest.mark.parametrize("how", ["lost", "eof", "closed", "bad frame"])
def test_the_end_of_the_connection_ends_every_stream_once(how: str) -> None:
    world = World()
    receivers = [world.open()[2] for _ in range(2)]
    world.ask()
    if how == "lost":
        world.link.connection_lost("reset by peer", world.now)
    elif how == "eof":
        world.link.receive_eof(world.now)
    elif how == "bad frame":
        world.link.receive_data(b"\x00\x00\x01\x06\x00\x00\x00\x00\x00x", world.now)
    world.services.run_deferred(world.now)
    world.effects += world.services.take_effects()
    assert world.closed == ([] if how in ("lost", "closed") else [False])
    world.link.closed(world.now)
    world.services.run_deferred(world.now)
    assert all(one.end is not None for one in receivers)
    assert world.door.gone == 1
    assert world.services.timers.armed == 0


def connections_told(world: World) -> list[ConnectionRefused]:
    """What the host was told of the connection as a whole."""
    found = [effect.event for effect in (*world.effects, *world.services.take_effects()) if isinstance(effect, Emit)]
    return [event for event in found if isinstance(event, ConnectionRefused)]


def test_a_breach_of_the_protocol_is_told_with_goaway() -> None:
    world = World()
    world.link.receive_data(b"\x00\x00\x01\x06\x00\x00\x00\x00\x00x", world.now)
    world.services.run_deferred(world.now)
    goaway = world.link.buffer.pull(65536)
    assert goaway[3] == 7
    assert int.from_bytes(goaway[13:17]) == ErrorCodes.FRAME_SIZE_ERROR
    (told,) = connections_told(world)
    assert told.address == "192.0.2.1"
    assert told.reason.startswith("HTTP/2: ")


@pytest.mark.parametrize("frame", [
    b"\x00\x00\x00\x04\x00\x00\x00\x00\x00",  # SETTINGS
    b"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678",  # PING
    b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x01",  # WINDOW_UPDATE
    b"\x00\x00\x05\x02\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00",  # PRIORITY
], ids=["settings", "ping", "window", "priority"])  # fmt: skip
def test_a_flood_is_told_to_the_host_once(frame: bytes) -> None:
    world = World()
    for _ in range(200):
        world.link.receive_data(frame * 50, world.now)
        world.services.run_deferred(world.now)
    assert len(connections_told(world)) == 1


def test_a_client_that_leaves_is_no_breach() -> None:
    for code in (ErrorCodes.NO_ERROR, ErrorCodes.INTERNAL_ERROR):
        world = World()
        world.client.close_connection(code)
        world.say()
        world.link.receive_eof(world.now)
        world.settle()
        assert connections_told(world) == []


def test_a_lost_connection_leaves_no_deadline() -> None:
    world = World()
    world.link.connection_lost("reset by peer", world.now)
    assert world.services.timers.armed == 0
    world = World()
    world.link.close(world.now)
    assert world.services.timers.armed == 1  # that of the close


def test_a_connection_without_a_request_or_a_stream_ends_with_goaway() -> None:
    fresh = World()
    fresh.wait(9.9)
    assert fresh.closed == []
    fresh.wait(0.2)
    assert fresh.closed == [False]
    used = World()
    number, pipe, _ = used.open()
    used.wait(300.0)
    assert used.closed == []
    pipe.close(used.now)
    used.client.end_stream(number)
    used.say()
    used.hear()
    used.wait(59.9)
    assert used.closed == []
    used.wait(0.2)
    assert used.closed == [False]
    assert any(isinstance(event, h2.events.ConnectionTerminated) for event in used.events)


def test_drain_lets_open_streams_finish_and_takes_no_new_ones() -> None:
    world = World()
    number, pipe, receiver = world.open()
    world.link.drain(world.now)
    goaway = world.link.buffer.pull(65536)
    world.link.data_sent(len(goaway), world.now)
    assert goaway[3] == 7
    assert int.from_bytes(goaway[9:13]) == number
    world.client.send_data(number, b"still here")
    late = world.client.get_next_available_stream_id()
    world.client.send_headers(late, CONNECT)
    world.say()
    assert receiver.received == b"still here"
    assert len(world.door.requests) == 1
    assert world.closed == []
    pipe.close(world.now)
    world.client.end_stream(number)
    world.say()
    assert world.closed == [False]


def test_drain_ends_an_unused_connection_at_once() -> None:
    world = World()
    world.link.drain(world.now)
    world.effects += world.services.take_effects()
    assert world.closed == [False]


def test_a_connection_that_comes_while_draining_ends_behind_its_first_stream() -> None:
    world = World(draining=True)
    assert world.closed == []
    number, pipe = world.ask(GET, end=True)
    pipe.refuse(503, [], b"", world.now)
    world.settle()
    assert world.of(h2.events.ResponseReceived, number)
    assert world.closed == [False]


# -- any bytes --------------------------------------------------------------------------------------------------------


def _conversation() -> bytes:
    client = peer(client=True)
    client.send_headers(1, [*CONNECT[:3], (b":path", b"/v1/local/default"), *CONNECT[4:]])
    client.send_data(1, b"\x81\x99\0\0\0\0" + b'{"type":"universal.ping"}')
    client.send_headers(3, GET, end_stream=True)
    client.send_data(1, b"\x88\x80\0\0\0\0", end_stream=True)
    data: bytes = client.data_to_send()
    return data


RAW = _conversation()


@given(
    st.lists(st.tuples(st.integers(24, len(RAW) - 1), st.integers(1, 255)), max_size=3),
    st.lists(st.integers(0, 1 << 16), max_size=8),
    st.sampled_from(["eof", "lost", "stay"]),
)
def test_no_bytes_raise_and_nothing_is_left(changes: list[tuple[int, int]], cuts: list[int], end: str) -> None:
    raw = bytearray(RAW)
    for at, flip in changes:
        raw[at] ^= flip
    gateway = Gateway(Config(), b"a seed of 16 bytes", 0.0)
    now = 0.0
    conn = gateway.open_downstream("192.0.2.1:1", "h2", now)
    over = False

    def work() -> None:
        nonlocal over
        while data := gateway.data_to_send(ConnId(conn)):
            gateway.data_sent(conn, len(data), now)
        for effect in gateway.effects():
            if isinstance(effect, Close) and not over:
                over = True
                gateway.closed(conn, now)

    for piece in cuttings(bytes(raw), cuts):
        if not over:
            gateway.receive_data(conn, piece, now)
            work()
    if not over and end == "eof":
        gateway.receive_eof(conn, now)
        work()
    elif not over and end == "lost":
        over = True
        gateway.connection_lost(conn, "reset", now)
        gateway.closed(conn, now)
    while (due := gateway.next_timeout()) is not None:
        now = due
        gateway.handle_timeout(now)
        work()
    assert over
    assert not any(gateway.snapshot().values()), gateway.snapshot()


@pytest.mark.parametrize("first", [b"\x16", b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nXX"])
@pytest.mark.parametrize("size", [1, 1000])
def test_a_connection_that_does_not_begin_with_http2_is_closed_at_once_and_said(first: bytes, size: int) -> None:
    gateway = Gateway(Config(), bytes(16), 0.0)
    conn = gateway.open_downstream("192.0.2.7:1", "h2", 0.0)
    for at in range(0, len(first), size):
        gateway.receive_data(conn, first[at : at + size], 0.0)
    effects = gateway.effects()
    (refused,) = [effect.event for effect in effects if isinstance(effect, Emit)]
    assert isinstance(refused, UpgradeRefused)
    assert (refused.status, refused.code) == (400, 2006)
    assert Close(conn, abort=False) in effects


@pytest.mark.parametrize(("most", "fits"), [(16, True), (17, False)])
def test_a_head_with_too_many_fields_is_431_and_its_stream_ends(most: int, fits: bool) -> None:
    world = World(head_fields=16)
    fields = [*CONNECT, *[(b"x", b"1")] * (most - 1)]
    world.client.send_headers(1, fields)
    world.say()
    world.hear()
    assert len(world.door.requests) == fits
    if not fits:
        (head,) = world.of(h2.events.ResponseReceived, 1)
        assert isinstance(head, h2.events.ResponseReceived)
        assert dict(head.headers)[b":status"] == b"431"
        assert b"the request head has 17 header fields; head_fields allows 16" in world.bytes_of(1)
        (refused,) = (effect.event for effect in world.effects if isinstance(effect, Emit))
        assert isinstance(refused, UpgradeRefused)
        assert refused.status == 431
