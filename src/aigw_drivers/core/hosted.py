"""Clients without bytes, as a driver keeps them: a handler of the host for each.

Decides: which effects are for a handler. Must not know: how a handler carries them out, and who owns the WebSocket.
"""

from typing import Protocol, TypeAlias

from aigw_sansio import Accept, Close, CloseMessages, ConnId, Effect, Flush, PauseReading, Refuse, ResumeReading

MessageEffect: TypeAlias = Accept | Refuse | CloseMessages | Flush | PauseReading | ResumeReading | Close


class MessageHandler(Protocol):
    """The host's part of one client without bytes."""

    def on_effect(self, effect: MessageEffect) -> None:
        """Begin to carry ``effect`` out, and return at once."""


class Hosted:
    """The clients without bytes of one driver."""

    __slots__ = ("_handlers",)

    def __init__(self) -> None:
        self._handlers: dict[ConnId, MessageHandler] = {}

    def __len__(self) -> int:
        return len(self._handlers)

    def add(self, conn: ConnId, handler: MessageHandler) -> None:
        """``handler`` gets the effects for ``conn`` from now on."""
        self._handlers[conn] = handler

    def remove(self, conn: ConnId) -> bool:
        """Nobody gets the effects for ``conn`` any more. False if nobody did."""
        return self._handlers.pop(conn, None) is not None

    def take_all(self) -> dict[ConnId, MessageHandler]:
        """All of them, which are removed."""
        handlers, self._handlers = self._handlers, {}
        return handlers

    def carry_out(self, effect: Effect) -> bool:
        """Pass ``effect`` on, if it is for one of them."""
        if not isinstance(effect, Accept | Refuse | CloseMessages | Flush | PauseReading | ResumeReading | Close):
            return False
        handler = self._handlers.get(effect.conn)
        if handler is None:
            return False
        handler.on_effect(effect)
        return True
