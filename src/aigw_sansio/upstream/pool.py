"""Which connection carries a request: one placement decision over known facts, and who waits for a free place.

Decides: ``Use``, ``Dial`` or ``Wait`` for a request to an origin, fairly; when a dial is no longer needed; when a
request may be sent again because nobody saw it. Must not know: any protocol, and what a request asks for.

A first burst begins with one connection where many could share it: its origin speaks HTTP/2 by the settings, or ALPN
may choose it. Over HTTP/2 this costs the others nothing, for they would have waited for their own handshakes; over
HTTP/1.1 they wait for one handshake more and then dial side by side, as they do after a dial that failed. What an
origin speaks is known as long as a connection to it is there.
"""

from collections.abc import Callable

from ..engine.services import Services
from ..exchanges.source import Placed, ResponseHandler
from ..faults import Fault, FaultKind, Side
from ..ids import ConnId
from ..origin import Origin
from ..providers.call import ProviderCall
from .call import CallConnection, UpstreamCall
from .connection import UpstreamConnection
from .placement import ConnectionFacts, Dial, Use, choose_connection


class _OriginPool:
    __slots__ = ("available", "connections", "likely_h2", "unready", "waiting")

    def __init__(self, origin: Origin) -> None:
        self.connections: dict[ConnId, UpstreamConnection] = {}
        self.available: dict[ConnId, UpstreamConnection] = {}
        self.unready: dict[ConnId, UpstreamConnection] = {}  #: dialled for, or not known yet how many can share it
        self.waiting: dict[UpstreamCall, None] = {}
        #: A dial under way is likely one for many.
        self.likely_h2 = origin.http2 == "on" or (origin.http2 == "auto" and origin.scheme == "https")

    @property
    def shareable_dial(self) -> bool:
        """Whether something is under way that many can likely share."""
        return any(one.awaiting_settings or (self.likely_h2 and not one.ready) for one in self.unready.values())


class Pool:
    """The upstream connections of one gateway, shared by all its clients."""

    __slots__ = ("_origins", "_ready_count", "_register", "_services")

    def __init__(self, services: Services, register: Callable[[UpstreamConnection], None]) -> None:
        self._services = services
        self._register = register
        self._origins: dict[Origin, _OriginPool] = {}
        self._ready_count = 0

    def open(self, request: ProviderCall, handler: ResponseHandler, *, connect_timeout_s: float) -> UpstreamCall:
        """A call for ``request``. Call its ``start`` next."""
        return UpstreamCall(self, request.origin, request.request, handler, connect_timeout_s=connect_timeout_s)

    def submit(self, call: UpstreamCall, now: float) -> None:
        """Place ``call``. Its handler is told by ``call_placed`` or ``response_failed``, perhaps before this returns."""
        pool = self._origins.get(call.origin)
        if pool is None:
            pool = self._origins[call.origin] = _OriginPool(call.origin)
        pool.waiting[call] = None
        call.since = now
        call.timer = self._services.timers.timer(lambda at: self._expired(call, at))
        self._place(pool, call, now)

    def withdraw(self, call: UpstreamCall, now: float) -> None:
        """``call`` is no longer wanted and has no connection yet. A dial that nobody else needs is cut at once, and so
        is one that had its time: else a dead one would go from hand to hand, in the place of one that may succeed."""
        pool = self._origins[call.origin]
        self._stop_waiting(pool, call)
        dial, call.dial = call.dial, None
        if dial is not None and dial.conn in pool.connections:
            next_call = next((other for other in pool.waiting if other.dial is None), None)
            if next_call is not None and now < dial.dialed_at + self._services.config.timeouts.connect_s:
                self._give_dial(next_call, dial, now)
            else:
                dial.close(now, abort=True)
                self._remove(pool, dial)
                self._serve(pool, now)
        self._remove_if_empty(pool)

    def replace(self, call: UpstreamCall, now: float) -> None:
        """The connection of ``call`` ended and the provider did not act on the request: send it again, afresh."""
        call.after = self._ready_count + 1
        call.handler.call_replaced(now)
        self.submit(call, now)

    # -- from connections ---------------------------------------------------------------------------------------

    def connection_ready(self, upstream: UpstreamConnection, now: float) -> None:
        """A dial succeeded."""
        pool = self._origins[upstream.origin]
        pool.likely_h2 = upstream.multiplexed
        self._ready_count += 1
        upstream.ready_order = self._ready_count
        call = next((call for call in pool.waiting if call.dial is upstream), None)
        if call is not None and upstream.capacity:
            self._assign(pool, call, upstream, now)
        self.capacity_changed(upstream, now)

    def connection_failed(self, upstream: UpstreamConnection, fault: Fault, now: float) -> None:
        """A dial failed: the request it was for fails, others that counted on it are placed again."""
        pool = self._origins[upstream.origin]
        pool.likely_h2 = False
        self._remove(pool, upstream)
        call = next((call for call in pool.waiting if call.dial is upstream), None)
        if call is not None:
            self._fail(pool, call, fault, now)
        self._serve(pool, now)

    def capacity_changed(self, upstream: UpstreamConnection, now: float) -> None:
        """A connection got free, full, or unfit for more."""
        pool = self._origins.get(upstream.origin)
        if pool is None or upstream.conn not in pool.connections:
            return
        if not upstream.awaiting_settings:
            pool.unready.pop(upstream.conn, None)
        if upstream.capacity > 0:
            pool.available[upstream.conn] = upstream
        else:
            pool.available.pop(upstream.conn, None)
        self._serve(pool, now)

    def connection_ended(self, upstream: UpstreamConnection, now: float) -> None:
        """A connection takes nothing any more. Its place is free."""
        pool = self._origins.get(upstream.origin)
        if pool is not None and upstream.conn in pool.connections:
            self._remove(pool, upstream)
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
        max_age_s = self._services.config.timeouts.pool_age_s
        while pool.waiting:
            young = (one.ready_order for one in pool.available.values() if now - one.dialed_at < max_age_s)
            newest = max(young, default=-1)
            call = next((call for call in pool.waiting if call.after <= newest), None)
            if call is None:
                call = next((call for call in pool.waiting if call.dial is None), None)
            if call is None or not self._place(pool, call, now):
                break
        self._remove_if_empty(pool)

    def _remove_if_empty(self, pool: _OriginPool) -> None:
        if not pool.waiting and not pool.connections:
            for origin, other in list(self._origins.items()):
                if other is pool:
                    del self._origins[origin]

    def _stop_waiting(self, pool: _OriginPool, call: UpstreamCall) -> None:
        pool.waiting.pop(call, None)
        timer, call.timer = call.timer, None
        if timer is not None:
            timer.close()

    def _place(self, pool: _OriginPool, call: UpstreamCall, now: float) -> bool:
        """One decision. False where ``call`` has to wait as before."""
        config = self._services.config
        facts = [
            ConnectionFacts(
                upstream.conn, upstream.last_used, upstream.dialed_at, not upstream.idle, upstream.ready_order
            )
            for upstream in pool.available.values()
            if upstream.capacity > 0
        ]
        shareable = pool.shareable_dial
        placement, expired = choose_connection(
            facts,
            total=len(pool.connections) - (sum(c.exhausted for c in pool.connections.values()) if call.after else 0),
            limit=config.limits.upstream_connections_per_origin,
            shareable_dial=shareable,
            after=call.after,
            now=now,
            max_age_s=config.timeouts.pool_age_s,
        )
        for conn in expired:
            old = pool.connections[conn]
            self._remove(pool, old)
            old.close(now)
        if isinstance(placement, Use):
            self._assign(pool, call, pool.connections[placement.conn], now)
            return True
        if isinstance(placement, Dial) and call.dial is None:
            upstream = UpstreamConnection(self._services, self, call.origin, now)
            pool.connections[upstream.conn] = pool.unready[upstream.conn] = upstream
            self._register(upstream)
            self._give_dial(call, upstream, now)
            upstream.dial()
            return True
        if call.dial is None and call.timer is not None and call.timer.deadline is None:
            call.timer.arm(now + (call.connect_timeout_s if shareable else config.timeouts.pool_wait_s))
        return False

    def _give_dial(self, call: UpstreamCall, upstream: CallConnection, now: float) -> None:
        call.dial = upstream
        if call.timer is not None:
            call.timer.arm(now + call.connect_timeout_s)

    def _assign(self, pool: _OriginPool, call: UpstreamCall, upstream: UpstreamConnection, now: float) -> None:
        self._stop_waiting(pool, call)
        dial, call.dial = call.dial, None
        if dial is not None and dial is not upstream:
            next_call = next((other for other in pool.waiting if other.dial is None), None)
            if next_call is not None:
                self._give_dial(next_call, dial, now)
            else:
                dial.keep_dialing(now)
        upstream.assign(call, now)
        if upstream.capacity > 0:
            pool.available[upstream.conn] = upstream
        else:
            pool.available.pop(upstream.conn, None)
        call.handler.call_placed(Placed(upstream.conn, call.reach, upstream.handshake_s), now)

    def _remove(self, pool: _OriginPool, upstream: CallConnection) -> None:
        pool.connections.pop(upstream.conn, None)
        pool.unready.pop(upstream.conn, None)
        pool.available.pop(upstream.conn, None)

    def _fail(self, pool: _OriginPool, call: UpstreamCall, fault: Fault, now: float) -> None:
        self._stop_waiting(pool, call)
        call.dial = None
        call.handler.response_failed(fault, now)

    def _expired(self, call: UpstreamCall, now: float) -> None:
        pool = self._origins[call.origin]
        where = call.origin.authority
        waited = self._services.config.timeouts.pool_wait_s
        connecting = call.dial is not None or pool.shareable_dial
        if call.dial is not None:
            pool.likely_h2 = False
        elif not connecting and call.timer is not None and now < call.since + waited:
            call.timer.arm(call.since + waited)  # what it waited for is ready, and full
            return
        if connecting:
            kind, detail = FaultKind.CONNECT_TIMEOUT, f"no connection to {where} within {call.connect_timeout_s:g} s"
        else:
            kind, detail = FaultKind.POOL_TIMEOUT, f"no free connection to {where} within {waited:g} s"
        self.withdraw(call, now)
        self._fail(pool, call, Fault(kind, Side.PROVIDER, detail, retryable=True), now)
        self._serve(pool, now)
