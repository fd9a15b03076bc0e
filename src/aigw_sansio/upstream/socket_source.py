"""The source of a session that may use WebSockets of its own.

Decides: which requests may go over one. Must not know: sockets, and what a request asks.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..engine.client import Client, Requester
from ..engine.services import Services
from ..exchanges.source import Call, ResponseHandler, Source
from ..providers.call import ProviderCall
from .websocket import UpstreamWebSocket

if TYPE_CHECKING:
    from .session_sockets import SessionSockets


class SocketSource:
    """Gives sessions that keep something a source that may use WebSockets, and the others the one behind it."""

    __slots__ = ("_register", "_services", "_source_of", "_taken")

    def __init__(
        self,
        services: Services,
        source_of: Callable[[Requester], Source],
        register: Callable[[UpstreamWebSocket], None],
        taken: Callable[[], int],
    ) -> None:
        """``source_of`` gives the source over HTTP. ``register`` is told of each connection. ``taken``: the descriptors
        that connections have."""
        self._services = services
        self._source_of = source_of
        self._register = register
        self._taken = taken

    def of(self, requester: Requester) -> Source:
        """The source of ``requester``."""
        source, keeper = self._source_of(requester), requester.keeper
        if keeper is None:
            return source
        from .session_sockets import SessionSockets  # few clients have lanes

        kept = keeper.kept
        if not isinstance(kept, SessionSockets):
            kept = keeper.kept = SessionSockets(self._services, self._register, self._taken)
        return SessionSource(self._services, kept, source, requester.client)


class SessionSource:
    """The source of one session. Implements ``Source``."""

    __slots__ = ("_client", "_services", "_sockets", "_source")

    def __init__(self, services: Services, sockets: "SessionSockets", source: Source, client: Client) -> None:
        self._services = services
        self._sockets = sockets
        self._source = source
        self._client = client

    def open(self, request: ProviderCall, handler: ResponseHandler, *, connect_timeout_s: float) -> Call:
        """A call for ``request``. Call its ``start`` next."""
        if request.lineage is None or request.cache is not None:  # what is kept may outlive the session
            return self._source.open(request, handler, connect_timeout_s=connect_timeout_s)
        from .socket_call import SocketCall  # few providers are asked so

        return SocketCall(
            self._services,
            self._sockets,
            self._source,
            request,
            request.lineage,
            handler,
            client=self._client,
            connect_timeout_s=connect_timeout_s,
        )
