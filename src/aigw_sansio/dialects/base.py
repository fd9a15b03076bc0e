"""The seam between a session and a dialect: a JSON protocol that is spoken with the client on a message channel.

Decides: which messages outside exchanges a session sends. Must not know: any dialect; each is a package beside this
module. The commands of a client are in :mod:`.commands`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeAlias

from ..events import ProviderEvent, SessionMode
from ..exchanges.encoder import ResponseEncoder
from ..exchanges.policy import ResponseMode
from ..exchanges.ports import MessageT
from ..faults import Fault
from .commands import Command

#: Gets the meaning of all chunks of a response, for a host that listens.
Listener: TypeAlias = Callable[[list[ProviderEvent]], None]


class Dialect(ABC, Generic[MessageT]):
    """One dialect, without state but the settings: all sessions that speak it share one object. Every message list may
    be empty."""

    __slots__ = ()

    @property
    @abstractmethod
    def mode(self) -> SessionMode:
        """The ``SessionOpened.mode`` of its sessions."""

    @abstractmethod
    def decode(self, data: bytes) -> Command:
        """Read one message of the client, text or binary. Never raises, whatever the bytes."""

    @abstractmethod
    def encoder(
        self, event_id: str, log_id: str, *, mode: ResponseMode, listener: Listener | None
    ) -> ResponseEncoder[MessageT]:
        """The encoder of one exchange. ``mode`` is the form that the client asked for."""

    @abstractmethod
    def pong(self) -> list[MessageT]:
        """The reply to ``Ping``."""

    @abstractmethod
    def answered(self, event_id: str, log_id: str, body: bytes) -> list[MessageT]:
        """A create that the gateway itself answers, with ``body`` (JSON)."""

    @abstractmethod
    def refused(self, event_id: str, log_id: str, fault: Fault) -> list[MessageT]:
        """A create that did not become an exchange."""

    @abstractmethod
    def cancelled(self, event_id: str, log_id: str) -> list[MessageT]:
        """A create that was cancelled before it became an exchange."""

    @abstractmethod
    def unusable(self, fault: Fault, running_id: str | None) -> list[MessageT]:
        """A message that cannot be used. ``running_id``: the running exchange whose id it repeats."""

    @abstractmethod
    def going_away(self, deadline_ms: int) -> list[MessageT]:
        """The gateway drains: the channel is closed within ``deadline_ms``."""
