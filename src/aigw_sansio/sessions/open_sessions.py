"""The open universal sessions of one gateway.

Decides: how an admitted client gets its session, over bytes or in messages, and what all of them do when the gateway
goes away. Must not know: any dialect, and what a session does.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from ..dialects.base import Dialect
from ..downstream.admission import Admitted
from ..downstream.channel import ChannelOwner, MessageChannel
from ..downstream.memory_use import ClientCensus
from ..downstream.messages import MessagesConnection
from ..downstream.ports import Responder
from ..downstream.websocket import WebSocketOpening
from ..engine.client import Requester
from ..engine.services import Services
from ..exchanges.source import Source
from ..parts.parts import Parts
from .clients import Clients
from .planner import client_info
from .session import Session

_Channel = TypeVar("_Channel", bound=MessageChannel)


class OpenSessions:
    """Begins sessions, and knows those that have not ended."""

    __slots__ = (
        "_census",
        "_clients",
        "_dialect",
        "_on_ended",
        "_parts",
        "_services",
        "_sessions",
        "_source_of",
    )

    def __init__(
        self,
        services: Services,
        dialect: Dialect,
        *,
        source_of: Callable[[Requester], Source],
        clients: Clients,
        census: ClientCensus,
        parts: Parts,
        on_ended: Callable[[float], None],
    ) -> None:
        """``source_of`` gives the source of one who asks. ``parts``: the host's own. ``on_ended`` is called after each
        end of a session."""
        self._services = services
        self._dialect = dialect
        self._source_of = source_of
        self._clients = clients
        self._census = census
        self._parts = parts
        self._on_ended = on_ended
        self._sessions: dict[int, Session[MessageChannel]] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session[MessageChannel]]:
        """All that are open now; they may end meanwhile."""
        return iter(list(self._sessions.values()))

    def drain(self, deadline: float, now: float) -> None:
        """The gateway goes away: all of them finish until ``deadline`` (monotonic seconds)."""
        for session in self:
            session.drain(deadline, now)

    def end_drain(self, now: float) -> None:
        """The deadline has passed."""
        for session in self:
            session.end_drain(now)

    def open(self, admitted: Admitted, responder: Responder, now: float) -> None:
        """A client was admitted: begin its session, and accept it."""
        selected = admitted.offer.select()
        if isinstance(responder, MessagesConnection):
            self._census.joined(responder, self._begin(admitted, selected, responder.open_channel, now))
            responder.accept_messages(selected)
            return
        opening = WebSocketOpening(
            self._services,
            responder.pipe,
            compression=admitted.settings.compression,
            offers=admitted.extensions,
            now=now,
        )
        # It begins before ``accept``, which may hand over early messages.
        session = self._begin(admitted, selected, opening.open, now)
        self._census.joined(responder.pipe, session)
        responder.accept(selected, session.channel, now, extension=opening.extension)

    def _begin(
        self,
        admitted: Admitted,
        selected: bytes | None,
        open_channel: Callable[[ChannelOwner], _Channel],
        now: float,
    ) -> Session[_Channel]:
        request = admitted.request
        client = client_info(admitted, admitted.offer.shown(selected))
        limits = self._clients.of(request.conn, request.peer)
        session = Session(
            self._services,
            self._source_of(Requester(client.name, limits.client)),
            self._dialect,
            client=client,
            limits=limits,
            session_id=self._services.issue_session(),
            open_channel=open_channel,
            on_ended=self._ended,
            now=now,
            parts=self._parts,
        )
        self._sessions[session.session_id] = session
        session.start(now)
        return session

    def _ended(self, session: Session[MessageChannel], now: float) -> None:
        del self._sessions[session.session_id]
        self._census.left(session)
        self._on_ended(now)
