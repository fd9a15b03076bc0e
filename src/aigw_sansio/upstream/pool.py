"""The pool: which connection carries a request, and which requests wait.

Decides: whether a request uses a connection, dials or waits, fairly; when a dial is no longer needed; which connections
a request may use that is sent again. Must not know: any protocol, and what a request asks for.

Theory of operation. Requests to one origin (scheme, host, port, settings) share its connections. Each request is in one
of three places: on a connection, waiting, or waiting with a dial of its own. One pure function, ``choose_connection``,
decides: use a connection, dial, or wait. It prefers the connection used last, so that surplus ones grow idle and are
closed. Waiting requests are served in turn by gateway, then by client connection, then the oldest first
(:mod:`.waiting`). A request that would take one of the last free connections waits, if they are kept for others
(:mod:`.shares`); it may still share a connection that carries calls already. Those that can take a call are kept sorted
(:mod:`.available`): a decision costs the same however many there are.

A dial belongs to the request that started it, but it serves any waiting request. If its request gets another connection
or is withdrawn, another waiting request takes the dial over. If there is none, the dial of a served request may finish,
and that of a withdrawn one is aborted. A withdrawn request's dial past ``connect_s`` is always aborted; otherwise a
dead dial could be passed from request to request and block a fresh one. So is a dial that was held back, because its
client looks up too many names: nobody else waits for it.

A first burst dials once if many requests can probably share the connection (HTTP/2 by the settings, or ALPN may choose
it). Over HTTP/2 this costs the others nothing. If the provider turns out to speak HTTP/1.1, or the dial fails, the
others dial side by side, one handshake later. The protocol of an origin is known as long as a connection to it exists.

A request whose connection ended before the provider can have begun it is placed again. It may then use only
connections that became ready later, because older ones may end for the same reason; at the limit any will do.
"""

from collections.abc import Callable

import msgspec

from ..engine.client import Requester
from ..engine.dials import held_too_long
from ..engine.services import Services
from ..exchanges.source import Placed, ResponseHandler
from ..faults import Fault, FaultKind, Side
from ..ids import ConnId
from ..origin import Origin
from ..providers.call import ProviderCall
from .available import AvailableConnections
from .call import CallConnection, UpstreamCall
from .connection import UpstreamConnection
from .placement import Dial, Placement, Use, Wait, choose_connection
from .shares import OriginShares
from .waiting import WaitingCalls


class _OriginPool:
    __slots__ = (
        "_held",
        "_undecided",
        "available",
        "connections",
        "dialers",
        "likely_h2",
        "origin",
        "shares",
        "unready",
        "waiting",
    )

    def __init__(self, origin: Origin, services: Services) -> None:
        self.origin = origin
        self.shares = OriginShares(len(services.config.gateways), services.requesters)
        self.connections: dict[ConnId, UpstreamConnection] = {}
        self.available = AvailableConnections()
        self.unready: set[ConnId] = set()  #: not dialled yet
        self._held: set[ConnId] = set()  # those of them whose dials are held back
        self._undecided: dict[ConnId, UpstreamConnection] = {}  # how many calls it takes is not known yet
        #: The requests that wait and have a dial of their own.
        self.dialers: dict[ConnId, UpstreamCall] = {}
        self.waiting = WaitingCalls()
        #: A dial will probably give a connection that many requests can share.
        self.likely_h2 = origin.http2 == "on" or (origin.http2 == "auto" and origin.scheme == "https")

    @property
    def shareable_dial(self) -> bool:
        """Whether a dial or a new connection exists that many requests can probably share. A dial that is held back for
        its client's sake is none: nobody else waits for it."""
        return any(one.awaiting_settings for one in self._undecided.values()) or (
            self.likely_h2 and len(self.unready) > len(self._held)
        )

    def free(self, limit: int) -> int:
        """How many connections nobody uses or dials, if ``limit`` is the most there can be."""
        return limit - len(self.connections) + self.available.idle

    def hold(self, conn: ConnId, *, on: bool) -> None:
        """``on``: the dial of ``conn`` is held back. Otherwise it begins."""
        if on:
            self._held.add(conn)
        else:
            self._held.discard(conn)

    def ready(self, upstream: UpstreamConnection) -> None:
        """The dial of ``upstream`` succeeded."""
        self.unready.discard(upstream.conn)
        self._held.discard(upstream.conn)
        if upstream.awaiting_settings:
            self._undecided[upstream.conn] = upstream

    def update(self, upstream: UpstreamConnection) -> None:
        """``upstream`` has changed."""
        if not upstream.awaiting_settings:
            self._undecided.pop(upstream.conn, None)
        if upstream.capacity > 0:
            self.available.put(upstream)
        else:
            self.available.remove(upstream.conn)

    def remove(self, conn: ConnId) -> None:
        """The connection has ended."""
        self.connections.pop(conn, None)
        self.unready.discard(conn)
        self._held.discard(conn)
        self._undecided.pop(conn, None)
        self.dialers.pop(conn, None)
        self.available.remove(conn)


class Pool:
    """The upstream connections of one process, shared by all its clients. Implements ``SharedSource`` and
    ``UpstreamOwner``."""

    __slots__ = ("_origins", "_ready_count", "_register", "_services", "_wanted")

    def __init__(self, services: Services, register: Callable[[UpstreamConnection], None]) -> None:
        """``register`` is told of each new connection, before its ``Connect`` is emitted."""
        self._services = services
        self._register = register
        self._origins: dict[Origin, _OriginPool] = {}
        self._wanted: dict[_OriginPool, None] = {}  # those for which requests wait
        self._ready_count = 0

    def open(
        self,
        request: ProviderCall,
        handler: ResponseHandler,
        *,
        connect_timeout_s: float,
        requester: Requester | None = None,
    ) -> UpstreamCall:
        """A call for ``request``, on behalf of ``requester``. Call its ``start`` next."""
        return UpstreamCall(
            self,
            self._services.proxies.in_full(request.origin),
            request.request,
            handler=handler,
            connect_timeout_s=connect_timeout_s,
            requester=requester,
        )

    def submit(self, call: UpstreamCall, now: float) -> None:
        """Place ``call``. Its handler gets ``call_placed`` or ``response_failed``, perhaps before this returns."""
        pool = self._origins.get(call.origin)
        if pool is None:
            pool = self._origins[call.origin] = _OriginPool(call.origin, self._services)
        call.since = now
        placement = self._choose(pool, call, now)
        if type(placement) is Use and not len(pool.waiting):  # the usual case: nobody's turn is before it
            call.hold(pool.shares)
            self._send(pool, call, pool.connections[placement.conn], now)
            return
        pool.waiting.add(call)
        self._wanted[pool] = None
        call.timer = self._services.timers.timer(lambda at: self._expired(call, at))
        self._carry_out(pool, call, placement, now)

    def withdraw(self, call: UpstreamCall, now: float) -> None:
        """``call`` is cancelled, and has no connection yet. Another waiting request takes its dial over; otherwise the
        dial is aborted. A dial past ``connect_s`` is always aborted: a dead dial could be passed from request to
        request and block a fresh one."""
        pool = self._origins[call.origin]
        self._stop_waiting(pool, call)  # first: its own dial must not be given back to it
        dial = call.dial
        call.unplaced()
        if dial is not None:
            pool.dialers.pop(dial.conn, None)
        if dial is not None and dial.conn in pool.connections:
            next_call = None
            if now < dial.dialed_at + self._services.config.timeouts.connect_s and not self._services.dials.holds(
                dial.conn
            ):
                next_call = self._next(pool, None, spare=1)
            if next_call is not None:
                self._give_dial(pool, next_call, dial, now)
            else:
                dial.close(now, abort=True)
                pool.remove(dial.conn)
            self._serve(pool, now)  # a share was given back, in any case
        self._remove_if_empty(pool)

    def replace(self, call: UpstreamCall, now: float, *, http1: bool) -> None:
        """The connection of ``call`` ended, and the provider cannot have begun the request: place it again, on a
        connection that becomes ready from now on. ``http1``: over HTTP/1.1, which the provider demands."""
        if http1:
            call.origin = msgspec.structs.replace(call.origin, http2="off")
        call.after = self._ready_count + 1
        call.handler.call_replaced(now)  # before ``submit``, which may place it at once
        self.submit(call, now)

    # -- from connections ---------------------------------------------------------------------------------------

    def connection_ready(self, upstream: UpstreamConnection, now: float) -> None:
        """The dial of ``upstream`` succeeded: its own request is served first, then the waiting ones."""
        pool = self._origins[upstream.origin]
        pool.likely_h2 = upstream.multiplexed
        pool.ready(upstream)
        self._ready_count += 1
        upstream.ready_order = self._ready_count
        call = pool.dialers.get(upstream.conn)
        if call is not None and upstream.capacity:
            self._assign(pool, call, upstream, now)
        self.capacity_changed(upstream, now)

    def connection_failed(self, upstream: UpstreamConnection, fault: Fault, now: float) -> None:
        """The dial of ``upstream`` failed: its own request fails, and the waiting ones are placed again."""
        pool = self._origins[upstream.origin]
        pool.likely_h2 = False
        call = pool.dialers.get(upstream.conn)
        pool.remove(upstream.conn)
        if call is not None:
            self._fail(pool, call, fault, now)
        self._serve(pool, now)

    def capacity_changed(self, upstream: UpstreamConnection, now: float) -> None:
        """``upstream`` takes more calls than before, or fewer: serve waiting requests."""
        pool = self._origins.get(upstream.origin)
        if pool is None or upstream.conn not in pool.connections:
            return
        pool.update(upstream)
        self._serve(pool, now)

    def connection_ended(self, upstream: UpstreamConnection, now: float) -> None:
        """``upstream`` takes no more calls: another connection may take its place."""
        pool = self._origins.get(upstream.origin)
        if pool is not None and upstream.conn in pool.connections:
            pool.remove(upstream.conn)
            self._serve(pool, now)

    # -- for the gateway ----------------------------------------------------------------------------------------

    def close_all(self, now: float) -> None:
        """Close all idle upstream connections and abort the others: the last step of a drain."""
        for pool in list(self._origins.values()):  # copies: closing a connection changes both
            for upstream in list(pool.connections.values()):
                upstream.close(now, abort=not upstream.idle)
                pool.remove(upstream.conn)
            self._remove_if_empty(pool)

    def reconfigured(self, now: float) -> None:
        """The settings have changed: the connections stay, and there may be more or fewer of them."""
        gateways = len(self._services.config.gateways)
        for pool in self._origins.values():
            pool.shares.gateways = gateways
        self.serve_all(now)

    def serve_all(self, now: float) -> None:
        """A client left: less is kept from the others."""
        for pool in list(self._wanted):
            self._serve(pool, now)

    def counts(self) -> dict[str, int]:
        """How many requests wait, how many connections there are, dials included, and how many carry no call."""
        pools = self._origins.values()
        kept, idle = sum(len(pool.connections) for pool in pools), sum(pool.available.idle for pool in pools)
        return {"waiting_calls": self.waiting, "upstream_connections": kept, "upstream_idle": idle}

    @property
    def waiting(self) -> int:
        """How many requests have no connection yet."""
        return sum(len(pool.waiting) for pool in self._wanted)

    # -- inside -------------------------------------------------------------------------------------------------

    def _serve(self, pool: _OriginPool, now: float) -> None:
        """Place waiting requests: the oldest that may use a free connection, then the oldest without a dial."""
        max_age_s = self._services.config.timeouts.pool_age_s
        while len(pool.waiting):
            newest = pool.available.newest(now, max_age_s, busy=False)
            shared = pool.available.newest(now, max_age_s, busy=True)
            call = self._next(pool, newest, shared=shared)
            if call is None:
                call = self._next(pool, None)
            if call is None or not self._place(pool, call, now):
                break
        self._remove_if_empty(pool)

    def _remove_if_empty(self, pool: _OriginPool) -> None:
        if not len(pool.waiting) and not pool.connections and self._origins.get(pool.origin) is pool:
            del self._origins[pool.origin]

    def _stop_waiting(self, pool: _OriginPool, call: UpstreamCall) -> None:
        pool.waiting.remove(call)
        if not len(pool.waiting):
            self._wanted.pop(pool, None)
        timer, call.timer = call.timer, None
        if timer is not None:
            timer.close()

    def _place(self, pool: _OriginPool, call: UpstreamCall, now: float) -> bool:
        """Decide about ``call``, and carry the decision out. False if it waits as before."""
        return self._carry_out(pool, call, self._choose(pool, call, now), now)

    def _choose(self, pool: _OriginPool, call: UpstreamCall, now: float) -> Placement:
        """Decide about ``call``. Connections that are too old are closed."""
        config = self._services.config
        allowed = self._may_take(pool, call.requester)
        facts = pool.available.facts(now, config.timeouts.pool_age_s, idle=allowed, every=call.after > 0)
        placement, expired = choose_connection(
            facts,
            # A request that is placed again does not count connections that are about to end.
            total=len(pool.connections) - (sum(c.exhausted for c in pool.connections.values()) if call.after else 0),
            limit=config.limits.upstream_connections_per_origin,
            shareable_dial=pool.shareable_dial,
            after=call.after,
            now=now,
            max_age_s=config.timeouts.pool_age_s,
        )
        for conn in expired:
            old = pool.connections[conn]
            pool.remove(old.conn)
            old.close(now)
        return Wait() if isinstance(placement, Dial) and not allowed else placement

    def _carry_out(self, pool: _OriginPool, call: UpstreamCall, placement: Placement, now: float) -> bool:
        """Do with ``call``, which waits, as was decided. False if it waits as before."""
        config = self._services.config
        if isinstance(placement, Use):
            self._assign(pool, call, pool.connections[placement.conn], now)
            return True
        if isinstance(placement, Dial) and call.dial is None:
            upstream = UpstreamConnection(self._services, self, call.origin)
            pool.connections[upstream.conn] = upstream
            pool.unready.add(upstream.conn)
            self._register(upstream)
            self._give_dial(pool, call, upstream, now)
            client = None if call.requester is None else call.requester.client
            upstream.dial(client, lambda at: self._dial_begun(pool, upstream, at), now)
            if self._services.dials.holds(upstream.conn):
                pool.hold(upstream.conn, on=True)
                if call.timer is not None:
                    call.timer.arm(call.since + config.timeouts.pool_wait_s)
            return True
        if call.dial is None and call.timer is not None and call.timer.deadline is None:
            call.timer.arm(now + (call.connect_timeout_s if pool.shareable_dial else config.timeouts.pool_wait_s))
        return False

    def _dial_begun(self, pool: _OriginPool, upstream: UpstreamConnection, now: float) -> None:
        """The dial of ``upstream`` was held back, and begins: its times count from now."""
        upstream.dialed_at = now
        pool.hold(upstream.conn, on=False)
        call = pool.dialers.get(upstream.conn)
        if call is not None and call.timer is not None:
            call.timer.arm(now + call.connect_timeout_s)

    def _give_dial(self, pool: _OriginPool, call: UpstreamCall, upstream: CallConnection, now: float) -> None:
        pool.waiting.served(call)
        pool.waiting.dialed(call)
        call.hold(pool.shares)
        call.dial = upstream
        pool.dialers[upstream.conn] = call
        if call.timer is not None:
            call.timer.arm(now + call.connect_timeout_s)

    def _assign(self, pool: _OriginPool, call: UpstreamCall, upstream: UpstreamConnection, now: float) -> None:
        pool.waiting.served(call)
        self._stop_waiting(pool, call)
        call.hold(pool.shares)
        dial, call.dial = call.dial, None
        if dial is not None:
            pool.dialers.pop(dial.conn, None)
        if dial is not None and dial is not upstream:
            next_call = None if self._services.dials.holds(dial.conn) else self._next(pool, None, spare=1)
            if next_call is not None:
                self._give_dial(pool, next_call, dial, now)
            elif self._services.dials.holds(dial.conn):
                dial.close(now, abort=True)
                pool.remove(dial.conn)
            else:
                dial.keep_dialing(now)
        self._send(pool, call, upstream, now)

    def _send(self, pool: _OriginPool, call: UpstreamCall, upstream: UpstreamConnection, now: float) -> None:
        """``call``, which does not wait, goes on ``upstream``."""
        upstream.assign(call, now)  # before the capacity is read, which it reduces
        pool.update(upstream)
        call.handler.call_placed(Placed(upstream.conn, call.reach, upstream.handshake_s), now)

    def _next(self, pool: _OriginPool, newest: int | None, *, spare: int = 0, shared: int = -1) -> UpstreamCall | None:
        """The waiting request whose turn it is, of those that may have a connection: of the ones that may use a
        connection as old as ``newest``, or (``None``) that have no dial. ``spare`` connections more are free.
        ``shared``: one as old as this carries calls and takes more of them, which is in nobody's way; -1: none does.

        A request that is found is served, unless all wait for a dial that many can share: otherwise it would stand in
        the way of the others."""
        limit = self._services.config.limits.upstream_connections_per_origin
        free = pool.free(limit) + spare
        if free <= 0 and shared < 0:
            return None  # the usual case if many wait
        if not pool.waiting.undialed if newest is None else newest < 0:
            return None
        for requester, calls, undialed in pool.waiting.in_turn():
            usable = newest
            if requester is not None and free <= pool.shares.kept_from(requester, limit):
                if shared < 0:
                    continue
                usable = shared
            for call in undialed if usable is None else calls:
                if usable is None or call.after <= usable:
                    return call
        return None

    def _may_take(self, pool: _OriginPool, requester: Requester | None) -> bool:
        """Whether a request of ``requester`` may have a connection that nobody uses, or dial one."""
        if requester is None:
            return True
        limit = self._services.config.limits.upstream_connections_per_origin
        return pool.free(limit) > pool.shares.kept_from(requester, limit)

    def _fail(self, pool: _OriginPool, call: UpstreamCall, fault: Fault, now: float) -> None:
        self._stop_waiting(pool, call)
        call.unplaced()
        call.handler.response_failed(fault, now)

    def _expired(self, call: UpstreamCall, now: float) -> None:
        pool = self._origins[call.origin]
        waited = self._services.config.timeouts.pool_wait_s
        held = call.dial is not None and self._services.dials.holds(call.dial.conn)
        connecting = not held and (call.dial is not None or pool.shareable_dial)
        if call.dial is not None:
            pool.likely_h2 = pool.likely_h2 and held
        elif not connecting and call.timer is not None and now < call.since + waited:
            call.timer.arm(call.since + waited)  # the shared dial has ended, and its connection is full
            return
        if held:
            fault = held_too_long(self._services.config)
        elif connecting:
            detail = f"no connection to the provider within {call.connect_timeout_s:g} s"
            fault = Fault(FaultKind.CONNECT_TIMEOUT, Side.PROVIDER, detail, retryable=True)
        else:
            limit = self._services.config.limits.upstream_connections_per_origin
            detail = (
                f"no free connection to the provider within {waited:g} s; all clients share {limit} "
                f"(upstream_connections_per_origin)"
            )
            fault = Fault(FaultKind.POOL_TIMEOUT, Side.PROVIDER, detail, retryable=True)
        self.withdraw(call, now)  # aborts its dial, or gives it away
        self._fail(pool, call, fault, now)
        self._serve(pool, now)
