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
from .commands import Command, Create, Recall, Reply, Storing, ToStore, Turn, Unusable

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


class LanedDialect(Dialect[bytes]):
    """A dialect whose clients have lanes: the creates of one lane run one after another, lanes run side by side. Each
    session has an object of its own, which knows what was said on its connection.

    A create is taken in by :meth:`receive` and begun by :meth:`begin`. It is over with the :class:`~.commands.Reply`
    of that, or with :meth:`ended`, which is called when its end was made; or it is never begun. If it generates nothing
    it ends with the messages of :meth:`admitted`.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def held(self) -> int:
        """Bytes of memory that it holds: what was said, and what is kept of running responses."""

    @abstractmethod
    def receive(self, data: bytes) -> Turn | Reply | Unusable:
        """Read one message of the client. Never raises, whatever the bytes."""

    @abstractmethod
    def begin(
        self, event_id: str, log_id: str, created: int, storing: Storing | None = None
    ) -> Create | Reply | Recall:
        """The turn of a create has come, at the Unix time ``created`` (seconds). ``log_id`` is a new id. ``storing``:
        how the host would store its response; ``None``: it does not. After a :class:`~.commands.Recall` call
        :meth:`recalled`."""

    @abstractmethod
    def recalled(self, event_id: str, content: bytes | None) -> Create | Reply:
        """What was stored as :class:`~.commands.ToStore` for the create; ``None`` if there is nothing."""

    @abstractmethod
    def admitted(self, event_id: str, completed: int) -> list[bytes]:
        """The messages for a create that was begun, generates nothing and may go. ``completed``: the Unix time
        (seconds)."""

    @abstractmethod
    def call_off(self, event_id: str) -> None:
        """A create that waits for its turn is cancelled: its turn ends at once, with messages that say so."""

    @abstractmethod
    def carried(self, event_id: str) -> int:
        """Bytes of memory that it holds for a create that was begun, beside its steps."""

    @abstractmethod
    def ended(self, event_id: str) -> ToStore | None:
        """A create that was begun is over. Returns what is to be stored of it, if anything is."""

    @abstractmethod
    def turned_away(self, event_id: str, fault: Fault) -> list[bytes]:
        """The messages for a create that is not taken in, or not begun any more, because of ``fault``."""

    @abstractmethod
    def too_old(self, event_id: str | None) -> list[bytes]:
        """The connection has lived as long as it may; or therefore a create is not begun, or not recalled."""

    @abstractmethod
    def made(self, event_id: str) -> int | None:
        """How many messages were made for a create that was begun; ``None`` if none of this id runs."""

    @abstractmethod
    def life_sign(self, event_id: str) -> list[bytes]:
        """The messages that tell the client that a create which was begun goes on, also before its exchange begins."""
