"""The world with clients on HTTP/2: each is a crowd of WebSockets on one connection.

An exchange stays with the WebSocket that asked for it; a message of it that another one gets is a complaint, as is any
that comes too early, twice or too late. ``python -m tests.world_h2 --seconds 60 [--seed 7]`` runs random worlds.
"""

import argparse
import json
import time
from collections.abc import Callable

from tests.h2_client import Http2ClientPeer, StreamClient
from tests.peers import Headers, WsClient
from tests.world import HIGH, Pipe, World, random_moves, run
from tests.world_actors import Caller
from wsproto.events import Event
from wsproto.utilities import LocalProtocolError

STREAMS = 3


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

    def __init__(self) -> None:
        super().__init__()
        self.connection = Http2ClientPeer()
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

    def take(self) -> bytes:
        return self.connection.take()

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

    def __init__(self) -> None:
        super().__init__()
        self.sockets = Sockets()
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

    def new_caller(self, who: int) -> tuple[Caller, str | None]:
        return Crowd(), "h2"

    def bound(self, pipe: Pipe) -> int:
        """One pull of the wire above the mark, control frames, and what each stream has."""
        bound = super().bound(pipe)
        return bound if pipe.caller is None else HIGH + 65536 + 8000 + STREAMS * bound


def main() -> int:
    parser = argparse.ArgumentParser(description="random worlds with clients on HTTP/2")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    seed = options.seed
    while seed == options.seed or time.monotonic() < until:
        try:
            run(random_moves(seed), kind=Http2World)
        except Exception:
            print(f"seed {seed}")
            raise
        seed += 1
    print(f"{seed - options.seed} worlds, nothing found")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
