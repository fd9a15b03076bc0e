"""A small world of one client that comes back: its connections are cut at any byte, and nothing may be lost or repeated.

The client is that of ``aigw_drivers.client`` without its sockets, the gateway is a whole one, the providers stream
numbers. Connections lose what is under way when they are cut; the gateway may hear of it late, or not at all.

``python -m tests.world.resumed --seconds 60 [--seed 7]`` runs random worlds and prints the seed of one that fails.
"""

import random
import re
from collections.abc import Callable
from typing import Final, TypeVar

from tests.rigs.parts import TRANSLATES
from tests.world.random_runs import run_random

from aigw_drivers.client.messages import read_message
from aigw_drivers.client.protocol import ClientProtocol, Due, Exchange
from aigw_drivers.client.request import create_message, steps_of
from aigw_drivers.client.resumption import Resumption
from aigw_drivers.client.values import Content
from aigw_sansio import Config, ConnId, Gateway, GatewaySettings, Limits, ProviderSettings, Timeouts
from aigw_sansio.effects import Close, Connect, Continue, Emit, Flush, PauseReading, ResumeReading
from aigw_sansio.events import Event, ExchangeEnded, RequestAdmitted, SessionEnded, SessionOpened
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.handshake import Accepted, ClientHandshake, Refused, request
from aigw_sansio.wires.websocket.messages import CloseReceived, TextMessage, WebSocketWire

CONFIG: Final = Config(
    gateways={"local/default": GatewaySettings(authentication=False)},
    providers={
        "custom-x": ProviderSettings(base_url="https://x.example", http2="off"),
        "openai": ProviderSettings(base_url="https://y.example/v1", http2="off"),
    },
    hosts=("gw.test",),
    timeouts=Timeouts(resume_s=1000.0),
    limits=Limits(resume_bytes=128 * 1024, send_high_water_bytes=4096),
)
NONCE: Final = bytes(16)
HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Socket:
    """One connection of the client. ``cut``: so many bytes more pass, in both directions together; ``None``: all."""

    def __init__(self, world: "World", headers: list[tuple[str, str]], cut: int | None) -> None:
        self.world = world
        self.cut = cut
        self.lost = False  # for the client
        self.closed: int | None = None
        self.refused: int | None = None
        self.conn = world.gateway.open_downstream("192.0.2.1:5000", None, world.now)
        world.sockets[self.conn] = self
        self.handshake: ClientHandshake | None = ClientHandshake(65536, NONCE, ())
        self.wire = WebSocketWire(Role.CLIENT, message_limit=1 << 30, mask_key=lambda: b"mask")
        self.opened = False
        fields = [(name.encode(), value.encode()) for name, value in (*world.fields, *headers)]
        self.out = bytearray(request(b"gw.test", world.target, fields, (), NONCE))
        self.into = bytearray()

    def passes(self, waiting: bytearray, most: int) -> bytes:
        """What of ``waiting`` arrives, at most ``most`` bytes."""
        size = min(len(waiting), most)
        if self.cut is not None:
            size = min(size, self.cut)
            self.cut -= size
        data = bytes(waiting[:size])
        del waiting[:size]
        if self.cut == 0:
            self.lost = True
        return data

    def send(self, text: str) -> None:
        self.out += self.wire.text(text.encode())

    def receive(self, data: bytes) -> list[str]:
        """The messages in ``data``."""
        if self.handshake is not None:
            outcome = self.handshake.receive_data(data)
            if isinstance(outcome, Refused):
                self.refused = outcome.status
                self.lost = True
                return []
            if not isinstance(outcome, Accepted):
                assert outcome is None, outcome
                return []
            self.handshake, self.opened = None, True
            data = outcome.rest
        texts = []
        for event in self.wire.receive_data(data):
            if isinstance(event, TextMessage):
                texts.append(event.data.decode())
            elif isinstance(event, CloseReceived):
                self.closed, self.lost = event.code, True
        return texts


class Stream:
    """One request at a provider: it answers with the numbers from 0, up to ``total``."""

    def __init__(self, conn: ConnId, total: int) -> None:
        self.conn = conn
        self.total = total
        self.sent = -1  # the head is still to come
        self.paused = False

    def next_bytes(self) -> bytes | None:
        """The head, a chunk, the end; then nothing."""
        if self.sent > self.total:
            return None
        number, self.sent = self.sent, self.sent + 1
        if number == -1:
            return HEAD
        if number == self.total:
            return b"0\r\n\r\n"
        data = b'data: {"number":%d}\n\n' % number
        return b"%x\r\n%b\r\n" % (len(data), data)


class World:
    """One client, its gateway and its providers. ``target`` and ``fields``: of the client's upgrades."""

    target: bytes = b"/v1/local/default"
    fields: tuple[tuple[str, str], ...] = ()
    most: int = 6  #: creates

    def __init__(self, seed: int = 0) -> None:
        self.gateway = Gateway(CONFIG, b"a seed for those who come back", 1_700_000_000.0, TRANSLATES)
        self.chance = random.Random(seed)
        self.now = 1.0
        self.sockets: dict[ConnId, Socket] = {}
        self.streams: dict[ConnId, Stream] = {}
        self.events: list[Event] = []
        self.protocol = ClientProtocol()
        self.resumption = Resumption()
        self.exchanges: list[tuple[Exchange, list[int], int]] = []
        self.socket: Socket | None = None
        self.dials = 0
        self.first_was_cut = self.told_before_the_cut = False

    # -- the driver -----------------------------------------------------------------------------------------------

    def act(self, call: Callable[..., object], *arguments: object) -> None:
        call(*arguments)
        while effects := self.gateway.effects():
            for effect in effects:
                if isinstance(effect, Emit):
                    self.events.append(effect.event)
                elif isinstance(effect, Connect):
                    self.gateway.connected(effect.conn, None, self.now)
                elif isinstance(effect, Flush):
                    self.pull(effect.conn)
                elif isinstance(effect, PauseReading | ResumeReading) and effect.conn in self.streams:
                    self.streams[effect.conn].paused = isinstance(effect, PauseReading)
                elif isinstance(effect, Continue):
                    self.gateway.proceed(self.now)
                elif isinstance(effect, Close):
                    self.close(effect.conn)

    def pull(self, conn: ConnId) -> None:
        while data := self.gateway.data_to_send(conn):
            if conn in self.sockets:
                self.sockets[conn].into += data
            else:
                self.asks(conn, data)
            self.gateway.data_sent(conn, len(data), self.now)

    def asks(self, conn: ConnId, data: bytes) -> None:
        """The gateway sent a request to a provider."""
        if (asked := re.search(rb'"total":(\d+)', data)) is not None:
            self.streams[conn] = Stream(conn, int(asked[1]))

    def close(self, conn: ConnId) -> None:
        """The gateway closed it: what it has sent still arrives."""
        self.streams.pop(conn, None)
        socket = self.sockets.pop(conn, None)
        self.gateway.closed(conn, self.now)
        if socket is not None and not socket.lost:
            self.arrives(socket, socket.passes(socket.into, 1 << 30))
            socket.lost = True

    # -- moves ----------------------------------------------------------------------------------------------------

    def dial(self, cut: int | None = None) -> None:
        """The client opens a socket."""
        self.dials += 1
        self.socket = Socket(self, [*self.resumption.headers], cut)

    def create(self, total: int) -> None:
        name = f"e{len(self.exchanges)}"
        message = create_message(steps_of("custom-x", "chat", {"total": total}, {}), name, "raw")
        self.exchanges.append((self.protocol.create(name, message, lambda: None), [], total))

    def to_gateway(self, socket: Socket, most: int = 1 << 30) -> None:
        if socket is self.socket and socket.opened and not socket.lost:
            self.write(socket)
        data = b"" if socket.lost else socket.passes(socket.out, most)
        if data and socket.conn in self.sockets:
            self.act(self.gateway.receive_data, socket.conn, data, self.now)

    def write(self, socket: Socket) -> None:
        """All that the client has to say."""
        while True:
            text = self.resumption.due()
            if text is None and not self.resumption.waits and (due := self.next_due()) is not None:
                text = due.text
                self.resumption.sent(due)
            if text is None:
                return
            socket.send(text)

    def next_due(self) -> Due | None:
        """The next message of the client."""
        return self.protocol.next_due()

    def to_client(self, socket: Socket, most: int = 1 << 30) -> None:
        self.arrives(socket, b"" if socket.lost else socket.passes(socket.into, most))

    def arrives(self, socket: Socket, data: bytes) -> None:
        if not data or socket is not self.socket:
            return
        was_open = socket.opened
        texts = socket.receive(data)
        if socket.opened and not was_open:
            self.resumption.begin()
        if socket.refused == 401:
            self.resumption.refused()
        for text in texts:
            self.hear(text)

    def hear(self, text: str) -> None:
        """The gateway said ``text`` to the client."""
        message = read_message(text)
        assert message is not None, text
        if self.resumption.heard(text, message):
            assert message.kind != "error", text
            self.protocol.receive(message)
        for exchange, got, _ in self.exchanges:
            while (item := self.protocol.take(exchange)) is not None:
                assert isinstance(item, Content)
                got.append(item.json()["number"])

    def hears_of_the_loss(self, socket: Socket) -> None:
        """The gateway hears that a socket is lost."""
        if socket.conn in self.sockets:
            del self.sockets[socket.conn]
            self.act(self.gateway.connection_lost, socket.conn, "reset", self.now)
            self.act(self.gateway.closed, socket.conn, self.now)

    def provider_says(self, stream: Stream) -> bool:
        data = None if stream.paused else stream.next_bytes()
        if data is not None:
            self.act(self.gateway.receive_data, stream.conn, data, self.now)
        return data is not None

    @property
    def count(self) -> int:
        """How many creates the client has made."""
        return len(self.exchanges)

    @property
    def is_over(self) -> bool:
        """Whether the client was told the end of each of them."""
        return all(exchange.ended for exchange, _, _ in self.exchanges)

    def step(self) -> None:
        """A random move."""
        self.now += self.chance.choice((0.0, 0.001, 0.5))
        socket, chance = self.socket, self.chance
        for old in list(self.sockets.values()):
            if old.lost and chance.random() < 0.03:
                self.hears_of_the_loss(old)
        if socket is None or socket.lost:
            self.dial(chance.choice((None, chance.randrange(1, 3000))))
            return
        move = chance.randrange(6)
        if move == 0 and self.count < self.most and self.resumption.can_resume:
            self.create(chance.choice((0, 1, 5, 40)))
        elif move == 1:
            self.to_gateway(socket, chance.choice((1, 17, 1 << 20)))
        elif move == 2:
            self.to_client(socket, chance.choice((1, 17, 1 << 20)))
        elif move == 3 and self.streams:
            self.provider_says(chance.choice(list(self.streams.values())))
        elif move == 4 and chance.random() < 0.1:
            socket.lost = True
        elif move == 5 and chance.random() < 0.1:  # somebody shows the token that is used now, and says nothing
            second = Socket(self, [*self.resumption.headers], None)
            self.to_gateway(second)

    def finish(self) -> None:
        """Nothing is cut any more: all ends well."""
        for _ in range(10_000):
            socket = self.socket
            if socket is None or socket.lost:
                assert self.dials < 10_000
                self.dial()
                continue
            socket.cut = None
            self.to_gateway(socket)
            self.to_client(socket)
            for stream in list(self.streams.values()):
                while self.provider_says(stream):
                    pass
            if self.is_over and socket.opened and not self.resumption.waits:
                break
        self.to_client(self.socket or socket)
        self.check()

    def check(self) -> None:
        """Each exchange has all its chunks once and in order, and ran once."""
        for exchange, got, total in self.exchanges:
            failure = exchange.failure()
            assert exchange.ended, exchange.event_id
            assert got == list(range(total)), (exchange.event_id, got, total)
            # a stream without any content has failed
            assert failure is None or total == 0, failure
        names = [event.event_id for event in self.events if isinstance(event, RequestAdmitted)]
        assert sorted(names) == sorted(exchange.event_id for exchange, _, _ in self.exchanges)
        assert len([event for event in self.events if isinstance(event, ExchangeEnded)]) == len(names)


AnyWorld = TypeVar("AnyWorld", bound=World)


def run(seed: int, moves: int = 150, make: Callable[[int], AnyWorld] = World) -> AnyWorld:
    """A random world. A session that nobody has shown another token for goes on to the end."""
    world = make(seed)
    for _ in range(moves):
        world.step()
    world.finish()
    return world


def cut_at(place: int, *, hears: bool, make: Callable[[int], AnyWorld] = World) -> AnyWorld:
    """One exchange, whose first connection is cut at the byte ``place`` of all that pass. ``hears``: the gateway is told
    of it at once, else never."""
    world = make(0)
    world.dial(place)
    first = world.socket
    assert first is not None
    for _ in range(12):
        if first.lost:
            break
        if world.resumption.can_resume and not world.count:
            world.create(4)
        world.to_gateway(first)
        world.to_client(first)
        for stream in list(world.streams.values()):
            world.provider_says(stream)
    world.first_was_cut = first.lost
    world.told_before_the_cut = world.resumption.can_resume
    if hears and first.lost:
        world.hears_of_the_loss(first)
    if not world.count:
        world.create(4)
    world.finish()
    return world


def sessions(world: World) -> tuple[int, int]:
    """How many sessions opened and ended."""
    opened = sum(isinstance(event, SessionOpened) for event in world.events)
    return opened, sum(isinstance(event, SessionEnded) for event in world.events)


if __name__ == "__main__":
    raise SystemExit(run_random("random worlds of sessions that are resumed", run))
