"""A world of clients in the process of the gateway: sessions without sockets, providers over HTTP/1.1, a virtual clock.

Decides: the moves, and the laws that hold after each of them. A client is told that something waits; what it takes is
each exchange's own sequence, complete and in order, with one end; what it does not take is limited.

``python -m tests.world.native --seconds 60`` runs random worlds; ``--seed N`` one of them again.
"""

import argparse
import json
import random
import sys
import time
from typing import Final, NamedTuple

import msgspec
from tests.peers.reference_driver import LawBroken
from tests.rigs.core_stream import http_chunk
from tests.rigs.native_client import SSE_HEAD, delta, whole
from tests.rigs.parts import TRANSLATES

from aigw_sansio import (
    Close,
    CloseMessages,
    Config,
    Connect,
    ConnId,
    Continue,
    Create,
    Effect,
    Emit,
    ExchangeEnded,
    Flush,
    Gateway,
    GatewaySettings,
    Keep,
    Limits,
    LocalProtocolError,
    NativeCancelled,
    NativeChunk,
    NativeDone,
    NativeEvent,
    NativeFailed,
    NativeGoingAway,
    NativeProviderEvent,
    NativeResponse,
    NativeStarted,
    PauseReading,
    ProviderSettings,
    RequestAdmitted,
    ResumeReading,
    SessionEnded,
    SessionOpened,
    Step,
    StepConfig,
    TextDelta,
    Timeouts,
)
from aigw_sansio.exchanges.policy import ResponseMode

HIGH_WATER: Final = 4096
LARGEST: Final = 3000  #: text of a delta
LIMITS: Final = Limits(send_high_water_bytes=HIGH_WATER, exchanges_per_connection=6)
CONFIG: Final = Config(
    limits=LIMITS,
    timeouts=Timeouts(drain_s=5.0),
    providers={
        "openai": ProviderSettings(base_url="http://127.0.0.1:1/v1"),
        "custom-x": ProviderSettings(base_url="http://127.0.0.2:1/v1"),
    },
)
MODES: Final[tuple[ResponseMode, ...]] = ("events", "raw", "both")
LAST: Final = (NativeResponse, NativeDone, NativeFailed, NativeCancelled)


class Asked(NamedTuple):
    """What a client asked for."""

    mode: ResponseMode
    steps: int


class Client:
    """A client, and what it has been told. It complains by :class:`LawBroken`."""

    def __init__(self) -> None:
        self.flushed = False  #: a flush came since the last take
        self.ready = False  #: the same, or the last take was full
        self.closed = False
        self.asked: dict[str, Asked] = {}
        self.started: set[str] = set()
        self.ended: dict[str, str] = {}
        self.texts: dict[str, list[str]] = {}

    def told(self, event: NativeEvent) -> None:
        if isinstance(event, NativeGoingAway):
            return
        name = event.event_id
        if name not in self.asked:
            raise LawBroken(f"an event of {name}, which was not asked for")
        if name in self.ended:
            raise LawBroken(f"{event} of {name}, which ended with {self.ended[name]}")
        mode = self.asked[name].mode
        if isinstance(event, LAST):
            if isinstance(event, NativeDone) and name not in self.started:
                raise LawBroken(f"{name} is done and never began")
            self.ended[name] = type(event).__name__
        elif isinstance(event, NativeStarted):
            if name in self.started:
                raise LawBroken(f"{name} begins twice")
            self.started.add(name)
        elif isinstance(event, NativeChunk):
            if mode == "events" or name not in self.started:
                raise LawBroken(f"a chunk of {name}")
            self.texts[name].append(json.loads(event.data)["choices"][0]["delta"]["content"])
        elif mode == "raw":
            raise LawBroken(f"a meaning for {name}, which has chunks only")
        elif name not in self.started:
            pass  # the meaning of a whole response
        elif mode == "events" and isinstance(event, NativeProviderEvent) and isinstance(event.event, TextDelta):
            self.texts[name].append(event.event.text)


class Provider:
    """One connection to a provider."""

    def __init__(self) -> None:
        self.is_open = False
        self.paused = False
        self.got = b""
        self.names: list[str] = []  #: of the requests that came; the last one runs
        self.phase = "idle"  #: asked, streaming
        self.said = 0

    def receive(self, data: bytes) -> None:
        self.got += data
        while b"\r\n\r\n" in self.got:
            head, _, rest = self.got.partition(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(rest) < size:
                return
            self.names.append(json.loads(rest[:size])["id"])
            self.got = rest[size:]
            self.phase, self.said = "asked", 0


class NativeWorld:
    """One gateway. :meth:`step` makes a random move; :meth:`finish` brings everything to its end."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.gateway = Gateway(CONFIG, b"a seed for one world", 1_700_000_000.0, TRANSLATES)
        self.now = 100.0
        self.clients: dict[ConnId, Client] = {}
        self.left: list[Client] = []
        self.providers: dict[ConnId, Provider] = {}
        self.events: list[object] = []
        self.names = 0
        self.draining = False
        self._running = False
        self._work = False

    # -- the driver ---------------------------------------------------------------------------------------------

    def act(self, call: object, *arguments: object) -> object:
        result = call(*arguments, self.now)  # type: ignore[operator]
        self.execute()
        return result

    def execute(self) -> None:
        if self._running:
            return
        self._running = True
        while effects := self.gateway.effects():
            for effect in effects:
                self._effect(effect)
        self._running = False

    def _effect(self, effect: Effect) -> None:
        match effect:
            case Emit():
                self.events.append(effect.event)
            case Keep():
                pass
            case Connect():
                self.providers[effect.conn] = Provider()
            case Flush() if effect.conn in self.providers:
                self._pull(effect.conn)
            case Flush():
                if (client := self.clients.get(effect.conn)) is not None:
                    if client.flushed:
                        raise LawBroken(f"{effect.conn} is told twice that something waits")
                    client.ready = client.flushed = True
            case CloseMessages():
                if (client := self.clients.get(effect.conn)) is not None:
                    client.closed = True
            case PauseReading() | ResumeReading():
                if effect.conn in self.clients:
                    raise LawBroken("a client in this process is paused")
                if (provider := self.providers.get(effect.conn)) is not None:
                    provider.paused = isinstance(effect, PauseReading)
            case Close() if effect.conn in self.providers:
                if self.providers[effect.conn].is_open and not effect.abort:
                    self._pull(effect.conn)
                del self.providers[effect.conn]
                self.gateway.closed(effect.conn, self.now)
            case Continue():
                self._work = True

    def _pull(self, conn: ConnId) -> None:
        provider = self.providers[conn]
        while provider.is_open and (data := self.gateway.data_to_send(conn)):
            provider.receive(data)
            self.gateway.data_sent(conn, len(data), self.now)

    # -- moves --------------------------------------------------------------------------------------------------

    def step(self) -> str:
        moves = [
            self.open, self.create, self.create, self.cancel, self.leave, self.take, self.take, self.take, self.dial,
            self.dial, self.head, self.head, self.chunks, self.chunks, self.chunks, self.finish_one, self.reset,
            self.wait, self.misuse, self.new_settings,
        ]  # fmt: skip
        if self.chance.random() < 0.01:
            moves = [self.drain]
        move = self.chance.choice(moves)
        move()
        while self._work:
            self._work = False
            self.act(self.gateway.proceed)
        self.check()
        return move.__name__

    def open(self) -> None:
        if len(self.clients) < 4:
            self.gateway.effects()  # there are none
            if "local/default" not in self.gateway._services.config.gateways:
                return
            conn = self.gateway.open_local("local/default", None, self.now)
            self.clients[conn] = Client()
            self.execute()
            if self.clients[conn].closed is not self.draining:
                raise LawBroken("a session that should not begin, or should")

    def create(self) -> None:
        if not self.clients:
            return
        conn, client = self.chance.choice(list(self.clients.items()))
        name = f"e{self.names}"
        self.names += 1
        mode, count = self.chance.choice(MODES), self.chance.choice((1, 1, 2))
        query = json.dumps({"id": name, "stream": True}).encode()
        steps = []
        for _ in range(count):
            retries = StepConfig(response=mode, max_attempts=self.chance.choice((1, 2)), retry_delay=100)
            steps.append(
                Step(self.chance.choice(("openai", "custom-x")), "chat/completions", query=query, config=retries)
            )
        if self.chance.random() < 0.1:
            steps = []
        client.asked[name] = Asked(mode, count)
        client.texts[name] = []
        self.act(self.gateway.create, conn, Create(name, steps))
        if client.closed:
            client.ended.setdefault(name, "closed")

    def cancel(self) -> None:
        if self.clients:
            conn, client = self.chance.choice(list(self.clients.items()))
            self.act(self.gateway.cancel, conn, self.chance.choice([*client.asked, "nothing"]))

    def leave(self) -> None:
        if self.clients and self.chance.random() < 0.3:
            self._leave(self.chance.choice(list(self.clients)))

    def _leave(self, conn: ConnId) -> None:
        self.left.append(self.clients.pop(conn))
        self.act(self.gateway.closed, conn)

    def take(self) -> None:
        if self.clients:
            self._take(self.chance.choice(list(self.clients)), self.chance.choice((1, 2, 7, 1000)))

    def _take(self, conn: ConnId, limit: int) -> int:
        client = self.clients[conn]
        was_ready, client.ready, client.flushed = client.ready, False, False
        events = self.gateway.take_events(conn, limit, self.now)
        if events and not was_ready:
            raise LawBroken(f"{len(events)} events wait, and {conn} was not told")
        if len(events) > limit:
            raise LawBroken("more were given than were asked for")
        for event in events:
            client.told(event)
        full = len(events) == limit
        self.execute()  # a flush may come
        client.ready = client.ready or full
        return len(events)

    def _some(self, *phases: str) -> tuple[ConnId, Provider] | None:
        found = [(conn, one) for conn, one in self.providers.items() if one.is_open and one.phase in phases]
        return self.chance.choice(found) if found else None

    def dial(self) -> None:
        waiting = [conn for conn, one in self.providers.items() if not one.is_open]
        if not waiting:
            return
        conn = self.chance.choice(waiting)
        if self.chance.random() < 0.1:
            del self.providers[conn]
            self.act(self.gateway.connect_failed, conn, "refused")
            self.act(self.gateway.closed, conn)
        else:
            self.providers[conn].is_open = True
            self.gateway.connected(conn, None, self.now)
            self._pull(conn)
            self.execute()

    def head(self) -> None:
        found = self._some("asked")
        if found is None or found[1].paused:
            return
        conn, provider = found
        kind = self.chance.random()
        if kind < 0.6:
            provider.phase = "streaming"
            self.act(self.gateway.receive_data, conn, SSE_HEAD)
        else:
            provider.phase = "idle"
            status = 200 if kind < 0.8 else 503
            body = b'{"choices":[{"index":0,"message":{"content":"x"}}]}' if status == 200 else b'{"error":{}}'
            self.act(self.gateway.receive_data, conn, whole(status, body))

    def chunks(self) -> None:
        found = self._some("streaming")
        if found is None or found[1].paused:
            return
        conn, provider = found
        data = b""
        for _ in range(self.chance.choice((1, 1, 3, 20))):
            size = self.chance.choice((0, 10, LARGEST))
            data += http_chunk(b"data: " + delta(f"{provider.names[-1]}/{provider.said}{' ' * size}") + b"\n\n")
            provider.said += 1
        self.act(self.gateway.receive_data, conn, data[:65536])
        if data[65536:] and conn in self.providers:  # one read more may come
            self.act(self.gateway.receive_data, conn, data[65536:])

    def finish_one(self) -> None:
        found = self._some("streaming")
        if found is not None and not found[1].paused:
            conn, provider = found
            provider.phase = "idle"
            self.act(self.gateway.receive_data, conn, http_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    def reset(self) -> None:
        found = self._some("idle", "asked", "streaming")
        if found is not None and self.chance.random() < 0.3:
            conn, _ = found
            del self.providers[conn]
            self.act(self.gateway.connection_lost, conn, "reset")
            self.act(self.gateway.closed, conn)

    def wait(self) -> None:
        until = self.now + self.chance.choice((0.05, 0.2, 1.0, 10.0))
        while (due := self.gateway.next_timeout()) is not None and due <= until:
            self.now = due
            self.act(self.gateway.handle_timeout)
            later = self.gateway.next_timeout()
            if later is not None and later <= self.now:
                raise LawBroken("a deadline is left behind")
        self.now = until

    def misuse(self) -> None:
        if not self.clients:
            return
        before = self.gateway.snapshot()
        conn = self.chance.choice(list(self.clients))
        try:
            self.gateway.take_events(conn, 0, self.now)
        except LocalProtocolError:
            pass
        else:
            raise LawBroken("misuse is no error")
        if self.gateway.snapshot() != before or self.gateway.effects():
            raise LawBroken("misuse changed something")

    def new_settings(self) -> None:
        """Sometimes the clients' gateway is gone, and their requests are refused."""
        gateways = {self.chance.choice(("local/default", "local/default", "other/one")): GatewaySettings()}
        limits = msgspec.structs.replace(LIMITS, steps_per_request=self.chance.choice((1, 16)))
        self.act(self.gateway.reconfigure, msgspec.structs.replace(CONFIG, gateways=gateways, limits=limits))

    def drain(self) -> None:
        self.draining = True
        self.act(self.gateway.drain)

    # -- laws ---------------------------------------------------------------------------------------------------

    def check(self) -> None:
        for client in [*self.clients.values(), *self.left]:
            for name, texts in client.texts.items():
                expected = [f"{name}/{number}" for number in range(len(texts))]
                if [text.strip() for text in texts] != expected:
                    raise LawBroken(f"{name} is not complete: {texts}")
        per_client = HIGH_WATER + LARGEST + 200
        held = self.gateway.snapshot()["send_buffer_bytes"]
        if held > per_client * len(self.clients) + sum(len(one.got) for one in self.providers.values()) + 2000 * 6 * 4:
            raise LawBroken(f"{held} bytes wait for {len(self.clients)} clients")
        for session in self.gateway._sessions:
            # each exchange: its queue up to the mark, and what one read and a half brought after that
            most = per_client + LIMITS.exchanges_per_connection * (HIGH_WATER + 3 * 65536)
            if session.kept > most:
                raise LawBroken(f"a session keeps {session.kept} bytes")

    def finish(self) -> None:
        """All providers end, all clients take everything and leave: nothing is left."""
        for _ in range(400):
            for conn in list(self.clients):
                while self.clients[conn].ready and self._take(conn, 7):
                    pass
            for move in (self.dial, self.head, self.finish_one, self.wait):
                move()
            while self._work:
                self._work = False
                self.act(self.gateway.proceed)
            if not self.gateway.snapshot()["exchanges"]:
                break
        for conn, client in list(self.clients.items()):
            while client.ready and self._take(conn, 1000):
                pass
            unended = set(client.asked) - set(client.ended)
            if unended and not client.closed:
                raise LawBroken(f"{unended} have no end")
            self._leave(conn)
        self.check()
        opened = [one.session for one in self.events if isinstance(one, SessionOpened)]
        ended = [one.session for one in self.events if isinstance(one, SessionEnded)]
        if sorted(opened) != sorted(ended):
            raise LawBroken("a session has no end, or two")
        began = [one.log_id for one in self.events if isinstance(one, RequestAdmitted)]
        over = [one.log_id for one in self.events if isinstance(one, ExchangeEnded)]
        if sorted(began) != sorted(over):
            raise LawBroken("an exchange has no end, or two")
        for conn in list(self.providers):
            provider = self.providers.pop(conn)
            if provider.is_open:
                self.act(self.gateway.connection_lost, conn, "the world ends")
            else:
                self.act(self.gateway.connect_failed, conn, "the world ends")
            self.act(self.gateway.closed, conn)
        left = {name: count for name, count in self.gateway.snapshot().items() if count}
        if left:
            raise LawBroken(f"this is left: {left}")


def run(seed: int, moves: int = 150) -> NativeWorld:
    """A world of so many random moves, to its end."""
    world = NativeWorld(seed)
    made: list[str] = []
    try:
        for _ in range(moves):
            made.append(world.step())
        world.finish()
    except Exception as error:
        raise AssertionError(f"seed {seed}, {len(made)} moves, the last ones {made[-8:]}: {error}") from error
    return world


def main() -> int:
    """Run random worlds for a while."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    if options.seed is not None:
        run(options.seed)
        return 0
    until, seed = time.monotonic() + options.seconds, 0
    while time.monotonic() < until:
        run(seed)
        seed += 1
    print(f"{seed} worlds, no law broken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
