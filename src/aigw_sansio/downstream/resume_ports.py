"""The seams of a resumable channel: to the session that owns it, and to who keeps that while its client is away.

Decides: what they are asked and told. Must not know: how messages are kept, and tokens.
"""

from typing import Final, Protocol

from ..faults import Fault
from .channel import ChannelOwner, NoOwner


class SessionKeeper(Protocol):
    """Keeps a session while its client is away."""

    def may_keep(self) -> bool:
        """Whether it may be kept now."""

    def detached(self, reason: str, kept: int, now: float) -> None:
        """The connection was lost; ``kept`` messages are not acknowledged."""

    def resumed(self, again: int, now: float) -> None:
        """The new connection has the session; ``again`` messages are sent again."""

    def left(self) -> None:
        """A new connection has ended before it had the session."""

    def ended(self) -> None:
        """The session has ended."""


class NoKeeper:
    """The keeper of a session that has ended. Implements ``SessionKeeper``."""

    __slots__ = ()

    def may_keep(self) -> bool:
        return False

    def detached(self, reason: str, kept: int, now: float) -> None:
        pass

    def resumed(self, again: int, now: float) -> None:
        pass

    def left(self) -> None:
        pass

    def ended(self) -> None:
        pass


NO_KEEPER: Final = NoKeeper()


class SessionOwner(ChannelOwner, Protocol):
    """The session, as its channel sees it."""

    def message_unusable(self, fault: Fault, now: float) -> None:
        """A message of the client cannot be used."""


class NoSession(NoOwner):
    """The owner of a channel that has ended. Implements ``SessionOwner``."""

    __slots__ = ()

    def message_unusable(self, fault: Fault, now: float) -> None:
        pass


NO_SESSION: Final = NoSession()
