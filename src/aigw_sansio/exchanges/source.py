"""The seam between an exchange and what answers it.

Decides: how a response is asked for and how it is told. Must not know: whether a pool of connections, a cache or
anything else answers, and what the response is used for.

The pool of connections is a source; a cache in front of it is another.
"""

from typing import NamedTuple, Protocol

from ..events import Reach
from ..faults import Fault
from ..ids import ConnId
from ..providers.call import ProviderCall
from ..wires.http import Headers


class Placed(NamedTuple):
    """Where a call was placed. ``handshake_s``: what setting that connection up took when it was dialled."""

    conn: ConnId
    reach: Reach
    handshake_s: float


class ResponseHandler(Protocol):
    """What is told of a call. After ``response_end`` and ``response_failed`` nothing more comes."""

    def call_placed(self, placed: Placed, now: float) -> None:
        """The call has its connection; the request is on its way."""

    def call_replaced(self, now: float) -> None:
        """The connection ended before the provider acted on the request: it is placed again."""

    def request_sent(self, now: float) -> None:
        """The transport took the last byte of the request."""

    def response_activity(self, now: float) -> None:
        """The provider sent something that belongs to this call and is no part of the body."""

    def response_head(self, status: int, headers: Headers, now: float) -> None:
        """The head of the response."""

    def response_body(self, data: bytes, now: float) -> None:
        """More of the body, transfer-decoded, never empty."""

    def response_end(self, now: float) -> None:
        """The response is complete."""

    def response_failed(self, fault: Fault, now: float) -> None:
        """There will be no (more) response."""


class Call(Protocol):
    """One request to a source. Call ``start`` next; ``cancel`` only before its end was told."""

    def start(self, now: float) -> None:
        """Ask. The handler may be told before this returns, also of the end."""

    def pause(self) -> None:
        """Take nothing more from the provider, as far as its protocol can. Without effect before ``call_placed``."""

    def resume(self, now: float) -> None:
        """Take more again."""

    def cancel(self, now: float) -> None:
        """Give the call up, in whatever phase. The provider notices at once; the handler is told nothing more."""


class Source(Protocol):
    """Answers calls."""

    def open(self, request: ProviderCall, handler: ResponseHandler, *, connect_timeout_s: float) -> Call:
        """A call for ``request``. Nothing happens before :meth:`Call.start`."""
