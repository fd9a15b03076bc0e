"""The seam between an exchange and the source of its response.

Decides: how a response is asked for, and how it is handed over. Must not know: whether the source is a pool of
connections, a cache or anything else, and the use of the response.

The pool of connections is a source; a cache in front of it is another.
"""

from typing import NamedTuple, Protocol

from ..engine.client import Requester
from ..events import Reach, UsageReported
from ..faults import Fault
from ..ids import ConnId
from ..providers.call import ProviderCall
from ..secret import Secret
from ..wires.http import Headers


class Placed(NamedTuple):
    """The connection of a call. ``handshake_s``: how long its dial took, in seconds. ``lent``: the stored key that is
    used there, if the call is another request's and its provider has several."""

    conn: ConnId
    reach: Reach
    handshake_s: float
    lent: Secret | None = None


class Verdict(NamedTuple):
    """What one that has read a response says of it. ``good``: whether it may be shown to others; ``None``: it was not
    read far enough to tell. ``usage``: what was used, as far as it was read."""

    good: bool | None = None
    usage: UsageReported | None = None


class ResponseHandler(Protocol):
    """Is told what becomes of a call. ``response_end`` or ``response_failed`` is the last call."""

    def call_placed(self, placed: Placed, now: float) -> None:
        """The call has its connection; the request is being sent."""

    def call_replaced(self, now: float) -> None:
        """The connection ended, and the provider cannot have begun the request: it is placed again."""

    def request_sent(self, now: float) -> None:
        """The transport took the last byte of the request."""

    def response_activity(self, now: float) -> None:
        """The provider sent bytes of this call that are no part of the body."""

    def response_head(self, status: int, headers: Headers, now: float) -> None:
        """The head of the response."""

    def response_body(self, data: bytes, now: float) -> None:
        """More of the body, transfer-decoded, never empty."""

    def response_end(self, now: float) -> None:
        """The response is complete."""

    def response_failed(self, fault: Fault, now: float) -> None:
        """The response failed; a part of it may have come."""


class Call(Protocol):
    """One request to a source. Call ``start`` next. Do not call ``cancel`` after the handler was told of the end."""

    @property
    def added_keys(self) -> tuple[bytes, ...]:
        """The keys that the source itself has put into the request: hide them from the client."""

    def start(self, now: float) -> None:
        """Send the request. The handler may be told of anything before this returns, even of the end."""

    def pause(self) -> None:
        """Pause the provider, as far as its protocol can. No effect before ``call_placed``."""

    def resume(self, now: float) -> None:
        """Resume the provider."""

    def cancel(self, now: float) -> None:
        """Cancel the call, in any phase. The provider notices at once; the handler is told nothing more."""

    def settle(self, verdict: Verdict, now: float) -> None:
        """The response was judged: a source that keeps responses may keep it if it is good. Called once for a request
        that uses the cache, when its attempt ends: after the end of the response, or before the call is cancelled or
        released. The handler may be told nothing more."""

    def release(self, now: float) -> None:
        """The response is complete, its transport is not: the source may read on for a while, so that it can use the
        connection again. The handler is told nothing more."""


class Source(Protocol):
    """Gets responses for calls."""

    def open(self, request: ProviderCall, handler: ResponseHandler, *, connect_timeout_s: float) -> Call:
        """A call for ``request``. Nothing happens before :meth:`Call.start`."""


class SharedSource(Protocol):
    """Gets responses for calls of many requesters, who share what it has."""

    def open(
        self,
        request: ProviderCall,
        handler: ResponseHandler,
        *,
        connect_timeout_s: float,
        requester: Requester | None = None,
    ) -> Call:
        """As :meth:`Source.open`, in the share of ``requester``; ``None``: in nobody's."""
