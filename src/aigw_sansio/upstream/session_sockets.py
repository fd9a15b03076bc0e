"""The WebSockets to providers that one session has.

Decides: which of them a request uses, how many there are, how long one is used, and for how long a provider that
refused one is asked over HTTP alone. Must not know: what a request asks, and how a response is read from a socket.

A socket carries one response at a time, and its provider remembers the latest. So a request uses the one whose latest
response it goes on from, else the last one of its lane, else one that no lane needs; else it dials. One whose pong is
awaited may be dead, and is used by nobody until it has come.
"""

from collections.abc import Callable
from typing import Final

from ..engine.client import Client
from ..engine.services import Services
from ..ids import Lineage
from ..origin import Origin
from ..providers.realtime import RealtimeCall
from .response_socket import ResponseSocket, SocketKey
from .websocket import UpstreamWebSocket

#: A socket is used for new requests so long, in seconds: providers close it after 60 minutes, one after 25.
_MOST_AGE_S: Final = 55 * 60.0
_SHORTER_AGE_S: Final = {"grok": 24 * 60.0}
#: After a refusal a provider is asked over HTTP so long, in seconds.
_REST_S: Final = 60.0
#: So many refusals are remembered.
_MOST_RESTS: Final = 16
#: The fields that say whose key it is.
_CREDENTIALS: Final = frozenset({b"authorization", b"api-key"})
#: Descriptors of the process that such sockets leave for others.
_LEFT: Final = 32


class SessionSockets:
    """The sockets of one session. Implements ``Kept``."""

    __slots__ = ("_register", "_rests", "_services", "_sockets", "_taken")

    def __init__(
        self, services: Services, register: Callable[[UpstreamWebSocket], None], taken: Callable[[], int]
    ) -> None:
        self._services = services
        self._register = register
        self._taken = taken
        self._sockets: dict[ResponseSocket, None] = {}  # that which was used last is the last one
        self._rests: dict[Origin, float] = {}  # until when a provider is asked over HTTP

    @property
    def held(self) -> int:
        return sum(socket.held for socket in self._sockets)

    @property
    def outstanding(self) -> int:
        return sum(socket.outstanding for socket in self._sockets)

    def close(self, now: float) -> None:
        for socket in list(self._sockets):
            socket.close(now)

    def rest(self, origin: Origin, now: float) -> None:
        """A socket to ``origin`` could not be opened, or carried nothing."""
        self._rests.pop(origin, None)
        self._rests[origin] = now + _REST_S
        if len(self._rests) > _MOST_RESTS:
            del self._rests[next(iter(self._rests))]

    def may_dial(self, origin: Origin, now: float) -> bool:
        """Whether another socket to ``origin`` may be dialled."""
        descriptors = self._services.config.descriptors
        if descriptors is not None and descriptors - self._taken() - 1 < _LEFT:
            return False
        return now >= self._rests.get(origin, now)

    def has_heard(self, origin: Origin) -> bool:
        """Whether a socket that is open to ``origin`` has had a message."""
        return any(socket.has_spoken and socket.key.origin == origin for socket in self._sockets)

    def find(self, key: SocketKey, lineage: Lineage, provider: str, now: float) -> ResponseSocket | None:
        """The idle socket for a request; ``None``: it needs another one. Those that are no longer used are closed: the
        old ones, and those of another credential that were idle as long as a pool keeps a connection. Several keys of a
        provider go in turn, so not sooner."""
        idle_since = now - self._services.config.timeouts.pool_idle_s
        newest = now - _SHORTER_AGE_S.get(provider, _MOST_AGE_S)
        best, rank = None, 0
        for socket in [socket for socket in self._sockets if socket.idle]:
            if socket.key != key:
                if socket.freed_at <= idle_since and _is_of_another_key(socket.key, key):
                    socket.close(now)
            elif socket.dialled_at < newest or socket.has_more:  # nobody asked for what has come
                socket.close(now)
            elif not socket.awaiting and (fits := self._fits(socket, lineage)) > rank:
                best, rank = socket, fits
        if best is None and len(self._sockets) >= self._services.config.limits.responses_at_once_per_connection:
            usable = (one for one in self._sockets if one.key == key and one.idle and not one.awaiting)
            best = next(usable, None)
        if best is not None:
            del self._sockets[best]
            self._sockets[best] = None
            best.lane = lineage.lane
        return best

    def dial(
        self, key: SocketKey, upgrade: RealtimeCall, lineage: Lineage, client: Client, now: float
    ) -> ResponseSocket:
        """A new socket. Call its ``dial`` next. An idle one may be closed for it: of another key, or perhaps dead."""
        if len(self._sockets) >= self._services.config.limits.responses_at_once_per_connection:
            idle = [socket for socket in self._sockets if socket.idle]
            if idle:
                next((socket for socket in idle if socket.awaiting), idle[0]).close(now)
        socket = ResponseSocket(
            self._services, key, upgrade, client=client, register=self._register, forget=self._forget
        )
        socket.lane = lineage.lane
        self._sockets[socket] = None
        return socket

    def _fits(self, socket: ResponseSocket, lineage: Lineage) -> int:
        if lineage.previous and socket.latest == lineage.previous:
            return 3
        if socket.lane == lineage.lane:
            return 2
        return 0 if socket.latest else 1

    def _forget(self, socket: ResponseSocket) -> None:
        self._sockets.pop(socket, None)


def _is_of_another_key(one: SocketKey, other: SocketKey) -> bool:
    """Whether both are for the same requests of a provider, but with another credential."""
    return one.origin == other.origin and one.target == other.target and _credential(one) != _credential(other)


def _credential(key: SocketKey) -> list[bytes]:
    return [value for name, value in key.headers if name in _CREDENTIALS]
