"""The open realtime sessions of one gateway.

Decides: whether an admitted client gets a connection to its provider. Must not know: what its session does.
"""

from collections.abc import Callable, Iterator, Mapping

from ..downstream.addresses import client_at
from ..downstream.admission import Admitted
from ..downstream.connection_limits import refuse_dial
from ..downstream.memory_use import ClientCensus
from ..downstream.ports import Responder
from ..downstream.refusal import refuse_request
from ..engine.client import Client, Requester
from ..engine.services import Services
from ..faults import Fault
from ..ids import ConnId
from ..providers.registry import NO_ROWS
from ..providers.row import Provider
from .memory_use import RelayMemory
from .plan import plan
from .relay import Relay
from .tokens import TokenSource
from .upstream import RelayUpstreamConnection


class OpenRelays:
    """Begins realtime sessions, and knows those that have not ended."""

    __slots__ = (
        "_census",
        "_client_of",
        "_on_ended",
        "_register",
        "_relays",
        "_rows",
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
        register: Callable[[RelayUpstreamConnection], None],
        on_ended: Callable[[float], None],
        rows: Mapping[str, Provider] = NO_ROWS,
    ) -> None:
        """``client_of``: the one who counts for a connection with this peer. ``taken``: the descriptors that
        connections have. ``register`` is told of each connection to a provider. ``on_ended`` is called after each end
        of a session. ``rows``: the host's own providers, by slug."""
        self._services = services
        self._client_of = client_of
        self._tokens = tokens
        self._census = census
        self._taken = taken
        self._register = register
        self._rows = rows
        self._on_ended = on_ended
        self._relays: dict[int, Relay] = {}

    def __len__(self) -> int:
        return len(self._relays)

    def __iter__(self) -> Iterator[Relay]:
        """All that are open now; they may end meanwhile."""
        return iter(list(self._relays.values()))

    def drain(self, now: float) -> None:
        """The gateway goes away: tell all of them."""
        for relay in self:
            relay.drain(now)

    def end_drain(self, now: float) -> None:
        """The time to finish is over."""
        for relay in self:
            relay.end_drain(now)

    def open(self, admitted: Admitted, responder: Responder, now: float) -> Relay | None:
        """A client was admitted: dial its provider. ``None`` if the request has its response already."""
        services = self._services
        request, resource = admitted.request, admitted.resource
        call = refuse_dial(services.config.descriptors, self._taken()) or plan(services, admitted, now, self._rows)
        if isinstance(call, Fault):
            refuse_request(services, request, responder, call, now, address=client_at(request.peer))
            return None
        client = self._client_of(request.conn, request.peer)
        relay = Relay(
            services,
            admitted,
            call,
            responder=responder,
            requester=Requester(f"{resource.account}/{resource.gateway}", client),
            session_id=services.issue_session(),
            tokens=self._tokens,
            register=self._register,
            on_ended=self._ended,
        )
        self._relays[relay.session_id] = relay
        self._census.joined(responder.pipe, RelayMemory(relay))
        relay.start(now)
        return relay

    def _ended(self, relay: Relay, now: float) -> None:
        del self._relays[relay.session_id]
        self._census.left(RelayMemory(relay))
        self._on_ended(now)
