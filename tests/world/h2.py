"""The world with clients on HTTP/2: each is a crowd of WebSockets on one connection.

An exchange stays with the WebSocket that asked for it; a message of it that another one gets is a complaint, as is any
that comes too early, twice or too late. Windows are small, so that what is said of them shows. ``python -m tests.world.h2 --seconds 60 [--seed 7]`` runs random worlds.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

from tests.peers.http2_client import PING, Http2ClientPeer, StreamClient
from tests.peers.http_providers import Http2Provider
from tests.peers.peer import Headers
from tests.peers.reference_driver import Core, LawBroken
from tests.peers.websocket_client import WsClient
from tests.world.actors import Caller
from tests.world.random_runs import run_random
from tests.world.world import HIGH, Move, Pipe, World, random_moves
from tests.world.world import run as run_world
from wsproto.events import Event, Ping
from wsproto.utilities import LocalProtocolError

from aigw_sansio.wires.http2.client import Http2Client
from aigw_sansio.wires.http2.server import Http2Server

STREAMS = 3
#: PING frames of a flood, fewer than what makes the gateway ask whether its peer reads.
PINGS = 1000
#: The most bytes of answers to PINGs that wait for a peer that does not read them; one that asks for more is told to calm
#: down.
UNREAD = 4096 * len(PING)


def _event_id(text: str) -> str | None:
    """Whose message this is, if it can be told."""
    try:
        message = json.loads(text)
        request = message.get("request", message)
        return str((request[0] if isinstance(request, list) else request)["eventId"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


class Sockets(WsClient):
    """The streams of one connection, used like one WebSocket: each message goes to where its exchange lives."""

    def __init__(self, *, narrow: bool) -> None:
        super().__init__()
        self.connection = Http2ClientPeer(narrow=narrow)
        self.window = 65_535
        self.streams = [StreamClient(self.connection, str(index)) for index in range(STREAMS)]
        self.alive: set[int] = set()
        self.homes: dict[str, int] = {}
        self._turn = 0

    def open(self, path: str, headers: Headers) -> bytes:
        return b"".join(stream.open(path, headers) for stream in self.streams)

    def text(self, text: str) -> bytes:
        event_id = _event_id(text)
        index = self._next() if event_id is None else self.homes.setdefault(event_id, self._next())
        return self._say(index, lambda stream: stream.text(text))

    def event(self, event: Event) -> bytes:
        return self._say(self._next(), lambda stream: stream.event(event))

    def carry(self, data: bytes) -> bytes:
        return self._say(self._next(), lambda stream: data)

    def say(self, index: int, text: str) -> bytes:
        """A message of one of them."""
        return self._say(index, lambda stream: stream.text(text))

    def ping(self, index: int) -> bytes:
        """A ping of one of them."""
        return self._say(index, lambda stream: stream.event(Ping(payload=b"y" * 100)))

    def take(self) -> bytes:
        return self.connection.take()

    def take_on(self, index: int, taking: bool) -> bytes:
        """One of them gives no credit, or gives it again."""
        return self.streams[index].take_on(taking)

    def take_all_on(self, taking: bool) -> bytes:
        """The connection gives no credit, or gives it again."""
        self.connection.taking = taking
        self.connection.credit_all()
        return self.take()

    def change_window(self, window: int) -> bytes:
        """What a stream may be sent unasked."""
        self.window = window
        self.connection.change_window(window)
        return self.take()

    def reads(self, index: int) -> bool:
        """Whether nothing of the client keeps back what this one is told."""
        return index in self.alive and self.streams[index].taking and self.connection.taking and self.window > 0

    def _next(self) -> int:
        self._turn += 1
        alive = sorted(self.alive)
        return alive[self._turn % len(alive)] if alive else 0

    def _say(self, index: int, make: Callable[[StreamClient], bytes]) -> bytes:
        stream = self.streams[index]
        if index not in self.alive:
            return b""
        try:
            return stream.carry(make(stream))
        except LocalProtocolError:  # it has said close
            return b""


class Crowd(Caller):
    """A client with several WebSockets on one connection."""

    def __init__(self, *, narrow: bool = False) -> None:
        super().__init__()
        self.sockets = Sockets(narrow=narrow)
        self.ws = self.sockets

    def odd(self, much: int) -> tuple[str, bytes]:
        told, data = super().odd(much)
        self.open = bool(self.sockets.alive)
        return told, data

    def receive(self, data: bytes) -> None:
        sockets = self.sockets
        for seen in sockets.connection.receive(data):
            index = int(seen.who)
            if seen.line == "open":
                sockets.alive.add(index)
            elif seen.text is not None:
                event_id = json.loads(seen.text).get("metadata", {}).get("eventId")
                if event_id in self.phases and sockets.homes.get(event_id) != index:
                    self.complaint = f"socket {index} got {seen.text[:200]}"
                self._message(seen.text)
            elif seen.line.startswith(("close", "eof", "aborted")):
                sockets.alive.discard(index)
            elif seen.line.startswith("bytes after"):
                self.complaint = seen.line
        self.open = bool(sockets.alive)

    def waiting(self) -> list[str]:
        return [event_id for event_id in super().waiting() if self.sockets.homes.get(event_id) in self.sockets.alive]


class Http2World(World):
    """Clients on HTTP/2."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self.moves = (
            *self.moves, self._client_flood, self._client_flood, self._hold_stream, self._hold_stream, self._hold_all,
            self._change_window, self._go_on, self._frames, self._provider_frames,
        )  # fmt: skip

    def new_caller(self, who: int) -> tuple[Caller, str | None]:
        return Crowd(narrow=who % 2 == 1), "h2"

    def _crowd(self, who: int) -> tuple[Pipe, Crowd] | None:
        pipe = self._pick(who, lambda p: isinstance(p.caller, Crowd) and p.caller.open and p.end is None)
        return None if pipe is None or not isinstance(pipe.caller, Crowd) else (pipe, pipe.caller)

    def _client_flood(self, who: int, much: int) -> str | None:
        """Macro: one socket says more than its windows hold."""
        found = self._crowd(who)
        if found is None:
            return None
        pipe, crowd = found
        for _ in range(20):
            pipe.inbound += crowd.sockets.say(much % STREAMS, '{"type":"universal.ping","pad":"' + "p" * 3500 + '"}')
        return repr(pipe)

    def _frames(self, who: int, much: int) -> str | None:
        """Macro: a hostile client sends frames that only ask for work."""
        found = self._crowd(who)
        if found is None or not found[0].live:
            return None
        found[0].inbound += found[1].sockets.connection.flood(PINGS)
        return f"{found[0]} {self._while_others_are_served(found[0], much)}"

    def _provider_frames(self, who: int, much: int) -> str | None:
        """Macro: a hostile provider does the same."""
        pipe = self._pick(who, lambda p: isinstance(p.provider, Http2Provider) and p.live and p.end is None)
        if pipe is None:
            return None
        pipe.inbound += PING * PINGS
        pipe.dense = True
        return f"{pipe} {self._while_others_are_served(pipe, much)}"

    def may_ask(self, pipe: Pipe) -> bool:
        if not super().may_ask(pipe) or not isinstance(pipe.caller, Crowd):
            return False
        sockets = pipe.caller.sockets
        return all(sockets.reads(index) and not sockets.streams[index].queue for index in sockets.alive)

    def _hold_stream(self, who: int, much: int) -> str | None:
        """A socket does not read while its siblings do."""
        found = self._crowd(who)
        if found is None:
            return None
        pipe, crowd = found
        pipe.inbound += crowd.sockets.take_on(much % STREAMS, False)
        return f"{pipe} {much % STREAMS}"

    def _hold_all(self, who: int, much: int) -> str | None:
        """Macro: a client gives no credit for its connection, and is sent more than its window holds."""
        found = self._crowd(who)
        if found is None:
            return None
        pipe, crowd = found
        pipe.inbound += crowd.sockets.take_all_on(False)
        self._tell(crowd, 60)
        return repr(pipe)

    def _change_window(self, who: int, much: int) -> str | None:
        """Macro: all windows of a client's streams change at once, in the middle of an answer."""
        found = self._crowd(who)
        if found is None:
            return None
        pipe, crowd = found
        for window in ((0, 65_535), (0,), (3000,), (200_000, 0, 1000))[much % 4]:
            pipe.inbound += crowd.sockets.change_window(window)
            self._settle(pipe)
            self._tell(crowd, 2)
            for _ in range(60):
                pipe.inbound += crowd.sockets.ping(who % STREAMS)
            self._settle(pipe)
        return repr(pipe)

    def _tell(self, crowd: Crowd, chunks: int) -> None:
        """Providers go on with what they have for ``crowd``, and all of it arrives."""
        for up in list(self.pipes.values()):
            for serving in up.servings:
                if serving.event_id in crowd.phases and up.live and up.end is None:
                    if serving.phase == "asked":
                        self._answer_with(up, serving, "stream")
                    if serving.phase == "stream":
                        for _ in range(chunks):
                            self._say(up, serving, 1500)
        self.quieten()

    def _go_on(self, who: int, much: int) -> str | None:
        found = self._crowd(who)
        if found is None:
            return None
        self._all_take(*found)
        return repr(found[0])

    def _all_take(self, pipe: Pipe, crowd: Crowd) -> None:
        for index in range(STREAMS):
            pipe.inbound += crowd.sockets.take_on(index, True)
        pipe.inbound += crowd.sockets.take_all_on(True) + crowd.sockets.change_window(65_535)

    def open_windows(self) -> None:
        super().open_windows()
        for pipe in self.pipes.values():
            if isinstance(pipe.caller, Crowd) and pipe.end is None:
                self._all_take(pipe, pipe.caller)

    def check_quiet(self) -> None:
        """Who does not read holds back nobody else: neither what siblings say nor what they are told."""
        super().check_quiet()
        reading: set[str] = set()
        for pipe in self.pipes.values():
            if not isinstance(pipe.caller, Crowd) or not pipe.live or pipe.end is not None:
                continue
            sockets = pipe.caller.sockets
            for index in sockets.alive:
                stream = sockets.streams[index]
                if sockets.reads(index) and not stream.over and stream.queue:
                    raise LawBroken(f"{pipe}: socket {index} reads and cannot say what it has to say")
            reading |= {event_id for event_id, home in sockets.homes.items() if sockets.reads(home)}
        for pipe in self.pipes.values():
            if pipe.live and pipe.end is None and isinstance(pipe.provider, Http2Provider):
                kept = pipe.provider.kept_back()
                for serving in pipe.servings:
                    if serving.stream in kept and serving.event_id in reading:
                        raise LawBroken(f"{pipe}: {serving.event_id} is kept back, though its client reads")

    def bound(self, pipe: Pipe) -> int:
        """One pull of the wire above the mark, control frames, and what each stream has."""
        bound = super().bound(pipe)
        if pipe.caller is None:
            return bound + (UNREAD if pipe.dense else 0)
        return HIGH + 65536 + 8000 + STREAMS * bound


@contextmanager
def small_windows() -> Iterator[None]:
    """The gateway's receive windows are as small as they may be."""
    small = {"stream_window": 65_535, "connection_window": 65_535}
    with patch.dict(Http2Client.__init__.__kwdefaults__, small), patch.dict(Http2Server.__init__.__kwdefaults__, small):
        yield


def run(moves: Sequence[Move]) -> World:
    """A whole world."""
    with small_windows():
        return run_world(moves, kind=Http2World)


if __name__ == "__main__":
    raise SystemExit(run_random("random worlds with clients on HTTP/2", lambda seed: run(random_moves(seed))))
