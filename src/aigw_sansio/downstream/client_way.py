"""The way to an admitted client of messages: its channel is opened first, then it is accepted.

Decides: how that is done over bytes and in messages. Must not know: who owns the channel.
"""

from ..engine.connection import BytePipe
from ..engine.services import Services
from .admission import AdmittedClient
from .channel import ChannelOwner, MessageChannel
from .messages import MessagesConnection
from .ports import Responder
from .websocket import WebSocketOpening


class ClientWay:
    """The way to one client. Call :meth:`open`, then :meth:`accept`."""

    __slots__ = ("_opening", "_responder", "_selected")

    def __init__(
        self, services: Services, admitted: AdmittedClient, responder: Responder, selected: bytes | None, now: float
    ) -> None:
        """``selected``: the subprotocol."""
        self._responder = responder
        self._selected = selected
        self._opening = (
            None
            if isinstance(responder, MessagesConnection)
            else WebSocketOpening(
                services,
                responder.pipe,
                compression=admitted.settings.compression,
                offers=admitted.extensions,
                now=now,
            )
        )

    @property
    def pipe(self) -> BytePipe:
        """What counts for its memory."""
        return self._responder.pipe

    def open(self, owner: ChannelOwner) -> MessageChannel[bytes]:
        """The channel of ``owner``."""
        if self._opening is not None:
            return self._opening.open(owner)
        assert isinstance(self._responder, MessagesConnection)
        return self._responder.open_channel(owner)

    def accept(self, now: float) -> None:
        """Accept the client. Its owner may get early messages before this returns."""
        responder, opening = self._responder, self._opening
        if opening is not None:
            responder.accept(self._selected, opening.channel, now, extension=opening.extension)
        else:
            assert isinstance(responder, MessagesConnection)
            responder.accept_messages(self._selected)
