"""What the two ends of an HTTP/2 connection have to say about it: the client's role and the server's.

Decides: the questions that a connection puts to its role (RFC 9113). Must not know: the answers
(:mod:`.http2`, :mod:`.http2_server`), and how frames are read (:mod:`.h2_link`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from h2.events import InformationalResponseReceived, RequestReceived, ResponseReceived, TrailersReceived

from ...faults import Fault, Side
from .streams import Stream

HeadReceived = RequestReceived | ResponseReceived | InformationalResponseReceived | TrailersReceived
#: What a role tells its owner.
E = TypeVar("E")


class Http2Role(ABC, Generic[E]):
    """One end. The ``_on`` methods append to ``_events``."""

    #: Who is to blame where the peer broke a rule.
    _blame: Side
    #: Makes the event for data of a stream: its number, the bytes, and the flow that they count.
    _data_event: Callable[[int, bytes, int], E]

    def __init__(self) -> None:
        self._events: list[E] = []

    def _taken(self) -> list[E]:
        """The events so far, moved out."""
        events = self._events
        self._events = []
        return events

    @abstractmethod
    def _check(self, stream: int) -> None:
        """``LocalProtocolError`` where ``stream`` was never open."""

    @abstractmethod
    def _on_head(self, event: HeadReceived) -> None:
        """A whole header section came, decoded and not yet checked."""

    @abstractmethod
    def _on_end(self, stream: Stream) -> None:
        """The peer's END_STREAM; the body has its declared length."""

    @abstractmethod
    def _on_reset(self, stream: Stream, code: int) -> None:
        """The peer reset ``stream``, which is forgotten already."""

    @abstractmethod
    def _on_fault(self, stream: Stream, fault: Fault, *, unprocessed: bool = False) -> None:
        """``stream`` is over and forgotten."""

    @abstractmethod
    def _on_failure(self, fault: Fault) -> None:
        """The connection is over, and every stream had its ``_on_fault``."""

    @abstractmethod
    def _on_goaway(self, last_stream: int) -> None:
        """The peer's GOAWAY: it will not act on streams of ours above ``last_stream``."""

    @abstractmethod
    def _on_sent(self, stream: Stream) -> None:
        """END_STREAM of ours was written for ``stream``."""
