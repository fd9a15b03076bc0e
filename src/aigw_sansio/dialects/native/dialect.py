"""The native dialect as a session uses it.

Decides: the events outside exchanges. Must not know: sessions, and how a client takes its events.
"""

from ...events import SessionMode
from ...exchanges.encoder import ResponseEncoder
from ...exchanges.policy import ResponseMode
from ...faults import HTTP_STATUS, Fault
from ..base import Dialect, Listener
from ..commands import Command
from ..events import NativeCancelled, NativeFailed, NativeGoingAway, NativeMetadata, NativeResponse
from .encoder import NativeEncoder, NativeItem


class NativeDialect(Dialect[NativeItem]):
    """Requests for any provider by a client in this process, which has commands and takes events."""

    __slots__ = ()

    @property
    def mode(self) -> SessionMode:
        return "native"

    def decode(self, data: bytes) -> Command:
        raise AssertionError("a client of the native dialect has commands, no messages")

    def encoder(
        self, event_id: str, log_id: str, *, mode: ResponseMode, listener: Listener | None
    ) -> ResponseEncoder[NativeItem]:
        return NativeEncoder(event_id, log_id, mode=mode, listener=listener)

    def pong(self) -> list[NativeItem]:
        return []

    def answered(self, event_id: str, log_id: str, body: bytes) -> list[NativeItem]:
        metadata = NativeMetadata(event_id, log_id, status=200, content_type="application/json")
        return [NativeItem(NativeResponse(event_id, metadata, body), len(body))]

    def refused(self, event_id: str, log_id: str, fault: Fault) -> list[NativeItem]:
        metadata = NativeMetadata(event_id, log_id, status=HTTP_STATUS[fault.kind])
        return [NativeItem(NativeFailed(event_id, metadata, fault), len(fault.detail))]

    def cancelled(self, event_id: str, log_id: str) -> list[NativeItem]:
        return [NativeItem(NativeCancelled(event_id, NativeMetadata(event_id, log_id)), 0)]

    def unusable(self, fault: Fault, running_id: str | None) -> list[NativeItem]:
        raise AssertionError("a command that cannot be used is raised to its caller")

    def going_away(self, deadline_ms: int) -> list[NativeItem]:
        return [NativeItem(NativeGoingAway(deadline_ms), 0)]
