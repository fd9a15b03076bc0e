"""The interface between an HTTP/2 connection and its role, client or server.

Decides: which methods a connection calls on its role (RFC 9113). Must not know: what they do (:mod:`.client`,
:mod:`.server`), and how frames are read (:mod:`.connection`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from h2.events import InformationalResponseReceived, RequestReceived, ResponseReceived, TrailersReceived

from ...faults import Fault, Side
from .streams import Stream

HeadReceived = RequestReceived | ResponseReceived | InformationalResponseReceived | TrailersReceived
#: The event type of a role's owner.
OwnerEvent = TypeVar("OwnerEvent")


class Http2Role(ABC, Generic[OwnerEvent]):
    """One role. Its ``_on`` methods append to ``_events``."""

    #: The side of the peer, for faults that it caused.
    _blame: Side
    #: Makes the event for data of a stream: its number, the bytes, and the flow that they count.
    _data_event: Callable[[int, bytes, int], OwnerEvent]

    def __init__(self) -> None:
        self._events: list[OwnerEvent] = []
        self._portion = 1 << 30  #: the most frames that one call reads, besides DATA frames that only bring data
        self._tail = b""  #: bytes that are in no frame read so far
        self.unread = False  #: whole frames may be left: call ``receive_data`` with no bytes

    @property
    def held(self) -> int:
        """Bytes of the peer that are not read yet."""
        return len(self._tail)

    def _take_events(self) -> list[OwnerEvent]:
        """Take the events so far."""
        events = self._events
        self._events = []
        return events

    @abstractmethod
    def _check(self, stream: int) -> None:
        """``LocalProtocolError`` if ``stream`` was never open."""

    @abstractmethod
    def _on_head(self, event: HeadReceived) -> None:
        """A whole header section came, decoded and not yet checked."""

    @abstractmethod
    def _on_end(self, stream: Stream) -> None:
        """The peer's END_STREAM; the body has its declared length."""

    @abstractmethod
    def _on_reset(self, stream: Stream, code: int) -> None:
        """The peer reset ``stream``. Its state has been dropped."""

    @abstractmethod
    def _on_fault(self, stream: Stream, fault: Fault, *, unprocessed: bool = False) -> None:
        """``stream`` failed. Its state has been dropped."""

    @abstractmethod
    def _on_failure(self, fault: Fault) -> None:
        """The connection failed. Every stream had its ``_on_fault`` before."""

    @abstractmethod
    def _on_goaway(self, last_stream: int, code: int) -> None:
        """The peer's GOAWAY: it will not act on streams of ours above ``last_stream``."""

    @abstractmethod
    def _on_sent(self, stream: Stream) -> None:
        """Our END_STREAM was written for ``stream``."""
