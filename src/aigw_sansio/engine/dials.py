"""Dials that need a look-up of a name, and how many of them a client may have at once (client protocol, section 3.4).

Decides: which ``Connect`` is held back, and when it goes out. Must not know: why somebody dials, and what the
connection carries.

Drivers look names up in threads, of which there are few: without a limit the slow names of one client would keep all
others waiting. The core cannot see the end of a look-up, so a dial counts until its end. A thread cannot be stopped
either, so a dial that we abort counts on until the driver reports ``closed``, which it does when the look-up has ended;
and, because a driver may not know that, at least until ``connect_s`` after its start.

Only names that a client makes up are of this kind. Addresses need no look-up; the names that the operator and the
providers chose are few, and a name that has been reached once is known to be quick. None of these counts.
"""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Final, TypeAlias

from ..config import Config
from ..effects import Connect
from ..faults import Fault, FaultKind, Side
from ..ids import ConnId
from .client import Client
from .timers import Timers

#: So many names that were reached are remembered: those that were reached last.
REMEMBERED_NAMES: Final = 1024

Begun: TypeAlias = Callable[[float], None]


class _Dial:
    __slots__ = ("aborted", "begun", "client", "effect", "started")

    def __init__(self, effect: Connect, client: Client, begun: Begun | None, now: float) -> None:
        self.effect = effect
        self.client = client
        self.begun = begun
        self.started = now
        self.aborted = False


class Dials:
    """The dials of one gateway."""

    __slots__ = ("_connect_s", "_emit", "_held", "_known", "_limit", "_reached", "_running", "_timer", "_waiting")

    def __init__(self, config: Config, timers: Timers, emit: Callable[[Connect], None], known: frozenset[str]) -> None:
        """``emit`` gets each effect that was held back, when it goes out. Dials to ``known`` hosts are never held back:
        no client chose them."""
        self._limit = config.limits.lookups_at_once_per_client
        self._connect_s = config.timeouts.connect_s
        self._emit = emit
        self._timer = timers.timer(self._on_timer)
        self._known = known
        self._reached: dict[str, None] = {}  # the last one reached is the last
        self._running: dict[ConnId, _Dial] = {}
        self._held: dict[ConnId, _Dial] = {}
        self._waiting: dict[Client, dict[ConnId, _Dial]] = {}  # oldest first; none of them is empty

    def reconfigure(self, config: Config, known: frozenset[str], now: float) -> None:
        """New settings hold from now on: those that are held back may go out, if more look-ups are allowed."""
        self._limit = config.limits.lookups_at_once_per_client
        self._connect_s = config.timeouts.connect_s
        self._known = known
        for client in list(self._waiting):
            self._go_on(client, now)

    def begin(self, effect: Connect, client: Client | None, begun: Begun | None, now: float) -> bool:
        """Whether ``effect`` may go out now; otherwise it is held back, and ``begun(now)`` is called when it goes out.
        ``client``: for whom it is."""
        host = effect.host
        if client is None or effect.proxy is not None:
            return True  # a proxy looks names up itself
        if host in self._known or host in self._reached or _is_address(host):
            return True
        self._forget(client, now)
        if client.looking_up >= self._limit:
            dial = self._held[effect.conn] = _Dial(effect, client, begun, now)
            self._waiting.setdefault(client, {})[effect.conn] = dial
            self._watch(client)
            return False
        client.looking_up += 1
        self._running[effect.conn] = _Dial(effect, client, None, now)
        return True

    @property
    def held(self) -> int:
        """How many are held back."""
        return len(self._held)

    def holds(self, conn: ConnId) -> bool:
        """Whether the effect of ``conn`` is held back."""
        return conn in self._held

    def withdraw(self, conn: ConnId) -> Connect | None:
        """``conn`` is to be closed. The effect that was held back for it must go out first: a driver reports the end
        of those connections only that it knows."""
        dial = self._running.get(conn)
        if dial is not None:
            dial.aborted = True
        dial = self._held.pop(conn, None)
        return None if dial is None else self._take(dial)

    def connected(self, conn: ConnId, now: float) -> None:
        """The dial of ``conn`` succeeded: its name is quick."""
        dial = self._running.get(conn)
        if dial is not None:
            host = dial.effect.host
            self._reached.pop(host, None)
            self._reached[host] = None
            if len(self._reached) > REMEMBERED_NAMES:
                del self._reached[next(iter(self._reached))]
            self.ended(conn, now)

    def ended(self, conn: ConnId, now: float) -> None:
        """The driver says that the dial of ``conn`` has ended: the next one that waited for this goes out."""
        dial = self._running.pop(conn, None)
        if dial is not None:
            dial.client.looking_up -= 1
            self._go_on(dial.client, now)

    def closed(self, conn: ConnId, now: float) -> None:
        """The connection is released. Called for every connection. If we aborted its dial early, its look-up may go on
        in a driver that cannot see the end of it."""
        dial = self._running.get(conn)
        if dial is None:
            return
        until = dial.started + self._connect_s
        if dial.aborted and now < until:
            del self._running[conn]
            dial.client.abandoned.append(until)
            if dial.client in self._waiting:
                self._watch(dial.client)
        else:
            self.ended(conn, now)

    def _forget(self, client: Client, now: float) -> None:
        """Look-ups that were given up count no longer than this."""
        if client.abandoned:
            left = [until for until in client.abandoned if until > now]
            client.looking_up -= len(client.abandoned) - len(left)
            client.abandoned = left

    def _watch(self, client: Client) -> None:
        """``client`` waits: wake up when it may go on without an input."""
        if client.abandoned:
            until = min(client.abandoned)
            if self._timer.deadline is None or until < self._timer.deadline:
                self._timer.arm(until)

    def _on_timer(self, now: float) -> None:
        for client in list(self._waiting):
            self._go_on(client, now)
            if client in self._waiting:
                self._watch(client)

    def _go_on(self, client: Client, now: float) -> None:
        self._forget(client, now)
        while client.looking_up < self._limit and (waiting := self._waiting.get(client)):
            dial = next(iter(waiting.values()))
            conn = dial.effect.conn
            del self._held[conn]
            dial.started = now
            if dial.effect.host not in self._reached:  # it may have been, while this one waited
                client.looking_up += 1
                self._running[conn] = dial
            self._emit(self._take(dial))
            begun, dial.begun = dial.begun, None
            if begun is not None:
                begun(now)

    def _take(self, dial: _Dial) -> Connect:
        waiting = self._waiting[dial.client]
        del waiting[dial.effect.conn]
        if not waiting:
            del self._waiting[dial.client]
            if not self._waiting:
                self._timer.cancel()
        return dial.effect


def held_too_long(config: Config) -> Fault:
    """A dial was held back for all of ``pool_wait_s``."""
    detail = (
        f"the provider's name could not be looked up within {config.timeouts.pool_wait_s:g} s; a client connection has "
        f"{config.limits.lookups_at_once_per_client} dials to new names at once (lookups_at_once_per_client)"
    )
    return Fault(FaultKind.POOL_TIMEOUT, Side.PROVIDER, detail, retryable=True)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True
