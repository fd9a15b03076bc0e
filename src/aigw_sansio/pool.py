"""Which connection carries a request: one placement decision over known facts, and who waits for a free place.

Decides: ``Use``, ``Dial`` or ``Wait`` for a request to an origin, fairly; when a dial is no longer needed; when a
request may be sent again because nobody saw it. Must not know: any protocol, and what a request asks for.

A first burst begins with one connection where many could share it: its origin speaks HTTP/2 by the settings, or ALPN
may choose it. Over HTTP/2 this costs the others nothing, for they would have waited for their own handshakes; over
HTTP/1.1 they wait for one handshake more and then dial side by side, as they do after a dial that failed. What an
origin speaks is known as long as a connection to it is there.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from .engine import Engine
from .faults import Fault, FaultKind, Side
from .google_tokens import TokenSource
from .ids import ConnId
from .leg import Carrier, Leg
from .origin import Origin
from .upstream import Upstream


class Facts(msgspec.Struct, frozen=True):
    """What the decision needs to know of one connection that could take a request now."""

    conn: ConnId
    last_used: float
    born: float
    busy: bool  #: carries other streams
    turn: int = 0  #: when it got ready, in the order of such events


class Use(msgspec.Struct, frozen=True):
    """Send it on this connection."""

    conn: ConnId


class Dial(msgspec.Struct, frozen=True):
    """Open a connection for it."""


class Wait(msgspec.Struct, frozen=True):
    """Wait for a connection to get free or ready."""


Placement: TypeAlias = Use | Dial | Wait


def place(
    available: Sequence[Facts],
    *,
    total: int,
    limit: int,
    shareable_dial: bool,
    after: int = 0,
    now: float,
    max_age_s: float,
) -> tuple[Placement, tuple[ConnId, ...]]:
    """Where a request goes, and which connections are to be closed for their age. Pure.

    ``available``: connections with room for a stream. ``total``: all connections to the origin, dials included, at
    most ``limit``. ``shareable_dial``: a dial is under way that likely many can share, or how many can share a new
    connection is not known yet. ``after``: only connections that got ready after that turn may be used.

    1. A connection that is too old takes nothing new; if nothing runs on it, it is closed.
    2. Of the others the one used last is used, so that surplus ones grow idle and go.
    3. A dial that many can share is waited for rather than doubled.
    4. Below the limit a connection is dialled.
    5. At the limit the request waits, unless only ``after`` is in the way: then any connection is better than none, and
       one that serves others is known to live.
    """
    young = [facts for facts in available if now - facts.born < max_age_s]
    expired = tuple(facts.conn for facts in available if not facts.busy and now - facts.born >= max_age_s)
    usable = [facts for facts in young if facts.turn >= after]
    if usable:
        return Use(max(usable, key=lambda facts: facts.last_used).conn), expired
    if shareable_dial:
        return Wait(), expired
    if total - len(expired) < limit:
        return Dial(), expired
    if young:
        return Use(max(young, key=lambda facts: (facts.busy, facts.last_used)).conn), expired
    return Wait(), expired


class _OriginPool:
    __slots__ = ("available", "connections", "likely_h2", "unsettled", "waiting")

    def __init__(self, origin: Origin) -> None:
        self.connections: dict[ConnId, Upstream] = {}
        self.available: dict[ConnId, Upstream] = {}
        self.unsettled: dict[ConnId, Upstream] = {}  #: dialled for, or not known yet how many can share it
        self.waiting: dict[Leg, None] = {}
        #: A dial under way is likely one for many.
        self.likely_h2 = origin.http2 == "on" or (origin.http2 == "auto" and origin.scheme == "https")

    @property
    def shareable_dial(self) -> bool:
        """Whether something is under way that many can likely share."""
        return any(one.settling or (self.likely_h2 and not one.ready) for one in self.unsettled.values())


class Pool:
    """The upstream connections of one gateway, shared by all its clients."""

    __slots__ = ("_engine", "_origins", "_register", "_turn", "tokens")

    def __init__(self, engine: Engine, register: Callable[[Upstream], None]) -> None:
        self._engine = engine
        self._register = register
        self._origins: dict[Origin, _OriginPool] = {}
        self._turn = 0
        #: For calls that need an access token first; it comes over connections of this pool.
        self.tokens = TokenSource(engine, self)

    def submit(self, leg: Leg, now: float) -> None:
        """Place ``leg``. Its handler is told by ``leg_placed`` or ``leg_failed``, perhaps before this returns."""
        pool = self._origins.get(leg.origin)
        if pool is None:
            pool = self._origins[leg.origin] = _OriginPool(leg.origin)
        pool.waiting[leg] = None
        leg.since = now
        leg.timer = self._engine.timers.timer(lambda at: self._expired(leg, at))
        self._place(pool, leg, now)

    def withdraw(self, leg: Leg, now: float) -> None:
        """``leg`` is no longer wanted and has no connection yet. A dial that nobody else needs is cut at once, and so
        is one that had its time: else a dead one would go from hand to hand, in the place of one that may succeed."""
        pool = self._origins[leg.origin]
        self._stop_waiting(pool, leg)
        dial, leg.dial = leg.dial, None
        if dial is not None and dial.conn in pool.connections:
            heir = next((other for other in pool.waiting if other.dial is None), None)
            if heir is not None and now < dial.born + self._engine.config.timeouts.connect_s:
                self._give_dial(heir, dial, now)
            else:
                dial.close(now, abort=True)
                self._drop(pool, dial)
                self._serve(pool, now)
        self._forget_if_empty(pool)

    def replace(self, leg: Leg, now: float) -> None:
        """The connection of ``leg`` ended and the provider did not act on the request: send it again, afresh."""
        leg.after = self._turn + 1
        leg.handler.leg_replaced(now)
        self.submit(leg, now)

    # -- from connections ---------------------------------------------------------------------------------------

    def connection_ready(self, upstream: Upstream, now: float) -> None:
        """A dial succeeded."""
        pool = self._origins[upstream.origin]
        pool.likely_h2 = upstream.multiplexed
        self._turn += 1
        upstream.turn = self._turn
        leg = next((leg for leg in pool.waiting if leg.dial is upstream), None)
        if leg is not None and upstream.capacity:
            self._assign(pool, leg, upstream, now)
        self.capacity_changed(upstream, now)

    def connection_failed(self, upstream: Upstream, fault: Fault, now: float) -> None:
        """A dial failed: the request it was for fails, others that counted on it are placed again."""
        pool = self._origins[upstream.origin]
        pool.likely_h2 = False
        self._drop(pool, upstream)
        leg = next((leg for leg in pool.waiting if leg.dial is upstream), None)
        if leg is not None:
            self._fail(pool, leg, fault, now)
        self._serve(pool, now)

    def capacity_changed(self, upstream: Upstream, now: float) -> None:
        """A connection got free, full, or unfit for more."""
        pool = self._origins.get(upstream.origin)
        if pool is None or upstream.conn not in pool.connections:
            return
        if not upstream.settling:
            pool.unsettled.pop(upstream.conn, None)
        if upstream.capacity > 0:
            pool.available[upstream.conn] = upstream
        else:
            pool.available.pop(upstream.conn, None)
        self._serve(pool, now)

    def connection_over(self, upstream: Upstream, now: float) -> None:
        """A connection takes nothing any more. Its place is free."""
        pool = self._origins.get(upstream.origin)
        if pool is not None and upstream.conn in pool.connections:
            self._drop(pool, upstream)
            self._serve(pool, now)

    # -- for the gateway ----------------------------------------------------------------------------------------

    def close_all(self, now: float) -> None:
        """Cut every upstream connection: the last act of a drain."""
        for pool in list(self._origins.values()):
            for upstream in list(pool.connections.values()):
                upstream.close(now, abort=not upstream.idle)

    @property
    def waiting(self) -> int:
        """Requests that have no connection yet."""
        return sum(len(pool.waiting) for pool in self._origins.values())

    # -- inside -------------------------------------------------------------------------------------------------

    def _serve(self, pool: _OriginPool, now: float) -> None:
        """Give what is free to who waits longest, and dial for who has nothing to wait for."""
        max_age_s = self._engine.config.timeouts.pool_age_s
        while pool.waiting:
            young = (one.turn for one in pool.available.values() if now - one.born < max_age_s)
            newest = max(young, default=-1)
            leg = next((leg for leg in pool.waiting if leg.after <= newest), None)
            if leg is None:
                leg = next((leg for leg in pool.waiting if leg.dial is None), None)
            if leg is None or not self._place(pool, leg, now):
                break
        self._forget_if_empty(pool)

    def _forget_if_empty(self, pool: _OriginPool) -> None:
        if not pool.waiting and not pool.connections:
            for origin, other in list(self._origins.items()):
                if other is pool:
                    del self._origins[origin]

    def _stop_waiting(self, pool: _OriginPool, leg: Leg) -> None:
        pool.waiting.pop(leg, None)
        timer, leg.timer = leg.timer, None
        if timer is not None:
            timer.retire()

    def _place(self, pool: _OriginPool, leg: Leg, now: float) -> bool:
        """One decision. False where ``leg`` has to wait as before."""
        config = self._engine.config
        facts = [
            Facts(upstream.conn, upstream.last_used, upstream.born, not upstream.idle, upstream.turn)
            for upstream in pool.available.values()
            if upstream.capacity > 0
        ]
        shareable = pool.shareable_dial
        placement, expired = place(
            facts,
            total=len(pool.connections) - (sum(c.spent for c in pool.connections.values()) if leg.after else 0),
            limit=config.limits.upstream_connections_per_origin,
            shareable_dial=shareable,
            after=leg.after,
            now=now,
            max_age_s=config.timeouts.pool_age_s,
        )
        for conn in expired:
            old = pool.connections[conn]
            self._drop(pool, old)
            old.close(now)
        if isinstance(placement, Use):
            self._assign(pool, leg, pool.connections[placement.conn], now)
            return True
        if isinstance(placement, Dial) and leg.dial is None:
            upstream = Upstream(self._engine, self, leg.origin, now)
            pool.connections[upstream.conn] = pool.unsettled[upstream.conn] = upstream
            self._register(upstream)
            self._give_dial(leg, upstream, now)
            upstream.dial()
            return True
        if leg.dial is None and leg.timer is not None and leg.timer.deadline is None:
            leg.timer.arm(now + (leg.connect_timeout_s if shareable else config.timeouts.pool_wait_s))
        return False

    def _give_dial(self, leg: Leg, upstream: Carrier, now: float) -> None:
        leg.dial = upstream
        if leg.timer is not None:
            leg.timer.arm(now + leg.connect_timeout_s)

    def _assign(self, pool: _OriginPool, leg: Leg, upstream: Upstream, now: float) -> None:
        self._stop_waiting(pool, leg)
        dial, leg.dial = leg.dial, None
        if dial is not None and dial is not upstream:
            heir = next((other for other in pool.waiting if other.dial is None), None)
            if heir is not None:
                self._give_dial(heir, dial, now)
            else:
                dial.linger(now)
        upstream.assign(leg, now)
        if upstream.capacity > 0:
            pool.available[upstream.conn] = upstream
        else:
            pool.available.pop(upstream.conn, None)
        leg.handler.leg_placed(leg, now)

    def _drop(self, pool: _OriginPool, upstream: Carrier) -> None:
        pool.connections.pop(upstream.conn, None)
        pool.unsettled.pop(upstream.conn, None)
        pool.available.pop(upstream.conn, None)

    def _fail(self, pool: _OriginPool, leg: Leg, fault: Fault, now: float) -> None:
        self._stop_waiting(pool, leg)
        leg.dial = None
        leg.handler.leg_failed(fault, now)

    def _expired(self, leg: Leg, now: float) -> None:
        pool = self._origins[leg.origin]
        where = leg.origin.authority
        waited = self._engine.config.timeouts.pool_wait_s
        connecting = leg.dial is not None or pool.shareable_dial
        if leg.dial is not None:
            pool.likely_h2 = False
        elif not connecting and leg.timer is not None and now < leg.since + waited:
            leg.timer.arm(leg.since + waited)  # what it waited for is ready, and full
            return
        if connecting:
            kind, detail = FaultKind.CONNECT_TIMEOUT, f"no connection to {where} within {leg.connect_timeout_s:g} s"
        else:
            kind, detail = FaultKind.POOL_TIMEOUT, f"no free connection to {where} within {waited:g} s"
        self.withdraw(leg, now)
        self._fail(pool, leg, Fault(kind, Side.PROVIDER, detail, retryable=True), now)
        self._serve(pool, now)
