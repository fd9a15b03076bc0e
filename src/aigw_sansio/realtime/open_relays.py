"""The open realtime sessions of one gateway.

Decides: whether an admitted client gets a connection to its provider. Must not know: what its session does.
"""

from collections.abc import Callable, Iterator
from functools import partial

from ..downstream.addresses import client_at
from ..downstream.admission import AdmittedClient
from ..downstream.connection_limits import refuse_dial
from ..downstream.memory_use import ClientCensus
from ..downstream.ports import PendingRequest, Responder
from ..downstream.refusal import refuse_request
from ..effects import Key
from ..engine.client import Client, Requester
from ..engine.services import Services
from ..faults import Denial, Fault, FaultKind, Side
from ..ids import ConnId
from ..providers.realtime import RealtimeCall
from ..quotas.claim import NOTHING
from ..quotas.limiter import Limiter
from ..upstream.websocket import UpstreamWebSocket
from .memory_use import RelayMemory
from .opening import PendingAnswers, PendingRoom, questions_about
from .own_parts import NO_PARTS, RealtimeParts
from .plan import plan
from .relay import Relay
from .tokens import TokenSource


class OpenRelays:
    """Begins realtime sessions, and knows those that have not ended."""

    __slots__ = (
        "_census",
        "_client_of",
        "_draining",
        "_limiter",
        "_on_ended",
        "_parts",
        "_register",
        "_relays",
        "_services",
        "_taken",
        "_tokens",
    )

    def __init__(
        self,
        services: Services,
        *,
        client_of: Callable[[ConnId, str], Client],
        tokens: TokenSource,
        census: ClientCensus,
        taken: Callable[[], int],
        register: Callable[[UpstreamWebSocket], None],
        on_ended: Callable[[float], None],
        limiter: Limiter,
        parts: RealtimeParts = NO_PARTS,
    ) -> None:
        """``client_of``: the one who counts for a connection with this peer. ``taken``: the descriptors that
        connections have. ``register`` is told of each connection to a provider. ``on_ended`` is called after each end
        of a session. ``limiter`` keeps the quotas. ``parts``: the host's own."""
        self._limiter = limiter
        self._services = services
        self._client_of = client_of
        self._tokens = tokens
        self._census = census
        self._taken = taken
        self._register = register
        self._parts = parts
        self._on_ended = on_ended
        self._relays: dict[int, Relay] = {}
        self._draining = False

    def __len__(self) -> int:
        return len(self._relays)

    def __iter__(self) -> Iterator[Relay]:
        """All that are open now; they may end meanwhile."""
        return iter(list(self._relays.values()))

    def drain(self, now: float) -> None:
        """The gateway goes away: tell all of them."""
        self._draining = True
        for relay in self:
            relay.drain(now)

    def end_drain(self, now: float) -> None:
        """The time to finish is over."""
        for relay in self:
            relay.end_drain(now)

    def close(self, number: int, code: int, reason: str, now: float) -> bool:
        """The host closes a session. Returns whether it was still to be closed."""
        relay = self._relays.get(number)
        return relay is not None and relay.end_by_host(code, reason, now)

    def open(self, admitted: AdmittedClient, responder: Responder, now: float) -> PendingRequest | None:
        """A client was admitted: dial its provider, if the host allows it. ``None`` if the request has its response
        already."""
        call = self._full() or plan(self._services, admitted, now, parts=self._parts)
        if isinstance(call, Fault):
            return self._refuse(admitted, responder, call, now)
        questions = questions_about(admitted, call)
        if not questions:
            return self._enter(admitted, responder, call, now)
        # No function inside of this one: compiled, it would be part of a cycle.
        decided = partial(self._decided, admitted, responder, call)
        return PendingAnswers(self._services, admitted, questions, decided, now)

    def _decided(
        self,
        admitted: AdmittedClient,
        responder: Responder,
        call: RealtimeCall,
        outcome: Fault | Key | None,
        now: float,
    ) -> PendingRequest | None:
        """The host was asked about ``call``."""
        found: RealtimeCall | Fault = outcome if isinstance(outcome, Fault) else call
        if isinstance(outcome, Key):
            found = plan(self._services, admitted, now, (call.provider, outcome), parts=self._parts)
        found = self._going_away() or self._full() or found
        if isinstance(found, Fault):
            return self._refuse(admitted, responder, found, now)
        return self._enter(admitted, responder, found, now)

    def _enter(
        self, admitted: AdmittedClient, responder: Responder, call: RealtimeCall, now: float
    ) -> PendingRequest | None:
        """The last that can keep a client from its provider: the quotas of its gateway."""
        if call.quota is None:
            return self._begin(admitted, responder, call, now)
        # No function inside of this one: compiled, it would be part of a cycle.
        decided = partial(self._entered, admitted, responder, call)
        waiting = PendingRoom(self._services, self._limiter, admitted, call.quota, decided)
        return waiting.start(now)

    def _entered(
        self, admitted: AdmittedClient, responder: Responder, call: RealtimeCall, denial: Denial | None, now: float
    ) -> PendingRequest | None:
        fault = denial or self._going_away() or self._full()
        if fault is None:
            return self._begin(admitted, responder, call, now)
        if call.quota is not None:
            call.quota.finish(NOTHING, now)
        return self._refuse(admitted, responder, fault, now)

    def _full(self) -> Fault | None:
        return refuse_dial(self._services.config.descriptors, self._taken())

    def _going_away(self) -> Fault | None:
        """The drain may have begun while the host was asked."""
        if not self._draining:
            return None
        detail = "the gateway is going away; connect again"
        return Fault(FaultKind.GOING_AWAY, Side.GATEWAY, detail, retryable=True)

    def _refuse(
        self, admitted: AdmittedClient, responder: Responder, fault: Fault, now: float
    ) -> PendingRequest | None:
        request = admitted.request
        refuse_request(self._services, request, responder, fault, now, address=client_at(request.peer))
        return None

    def _begin(self, admitted: AdmittedClient, responder: Responder, call: RealtimeCall, now: float) -> Relay:
        services = self._services
        request, resource = admitted.request, admitted.resource
        client = self._client_of(request.conn, request.peer)
        relay = Relay(
            services,
            admitted,
            call,
            responder=responder,
            requester=Requester(f"{resource.account}/{resource.gateway}", client),
            session_id=services.issue_session(),
            tokens=self._tokens,
            reader=self._parts.realtime_reader(call.provider, call.format),
            register=self._register,
            on_ended=self._ended,
        )
        self._relays[relay.session_id] = relay
        self._census.joined(responder.pipe, RelayMemory(relay))
        relay.start(now)
        return relay

    def _ended(self, relay: Relay, now: float) -> None:
        del self._relays[relay.session_id]
        if relay.quota is not None:
            relay.quota.finish(NOTHING, now)  # if no session began; else it is done
        self._census.left(RelayMemory(relay))
        self._on_ended(now)
