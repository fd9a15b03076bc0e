"""The seam between a connection to a provider and its pool.

Decides: what a connection tells its pool. Must not know: either of them.
"""

from typing import Protocol, TypeVar

from ..faults import Fault
from .call import UpstreamCall

ConnectionT = TypeVar("ConnectionT", contravariant=True)


class UpstreamOwner(Protocol[ConnectionT]):
    """The pool, as its connections see it."""

    def connection_ready(self, upstream: ConnectionT, now: float) -> None:
        """The dial of ``upstream`` succeeded."""

    def connection_failed(self, upstream: ConnectionT, fault: Fault, now: float) -> None:
        """The dial of ``upstream`` failed."""

    def capacity_changed(self, upstream: ConnectionT, now: float) -> None:
        """``upstream`` takes more calls than before, or fewer."""

    def connection_ended(self, upstream: ConnectionT, now: float) -> None:
        """``upstream`` is closed or closing: it takes no more calls."""

    def replace(self, call: UpstreamCall, now: float, *, http1: bool) -> None:
        """The connection of ``call`` ended, and the provider cannot have begun the request: place it again. ``http1``:
        over HTTP/1.1."""
