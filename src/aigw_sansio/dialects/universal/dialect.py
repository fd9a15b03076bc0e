"""The ``universal.*`` dialect as a session uses it (client protocol, section 3).

Decides: the messages outside exchanges. Must not know: sessions and sockets.
"""

from ...config import Limits
from ...events import SessionMode
from ...exchanges.encoder import ResponseEncoder
from ...exchanges.policy import ResponseMode
from ...faults import Fault
from ..base import Dialect, Listener
from ..commands import Command
from . import messages
from .decode import decode
from .encoder import UniversalEncoder


class UniversalDialect(Dialect[bytes]):
    """JSON requests for any provider over one channel."""

    __slots__ = ("limits",)

    def __init__(self, limits: Limits) -> None:
        #: How much a message may hold.
        self.limits = limits

    @property
    def mode(self) -> SessionMode:
        return "universal"

    def decode(self, data: bytes) -> Command:
        return decode(data, self.limits)

    def encoder(
        self, event_id: str, log_id: str, *, mode: ResponseMode, listener: Listener | None
    ) -> ResponseEncoder[bytes]:
        return UniversalEncoder(event_id, log_id, mode=mode, listener=listener)

    def pong(self) -> list[bytes]:
        return [messages.PONG]

    def answered(self, event_id: str, log_id: str, body: bytes) -> list[bytes]:
        metadata = _metadata(event_id, log_id)
        metadata.content_type, metadata.status = "application/json", 200
        return [messages.created(metadata, body)]

    def refused(self, event_id: str, log_id: str, fault: Fault) -> list[bytes]:
        return [messages.refused(_metadata(event_id, log_id), fault)]

    def cancelled(self, event_id: str, log_id: str) -> list[bytes]:
        return [messages.cancelled(_metadata(event_id, log_id))]

    def unusable(self, fault: Fault, running_id: str | None) -> list[bytes]:
        return [messages.error(fault, None, running_id)]

    def going_away(self, deadline_ms: int) -> list[bytes]:
        return [messages.going_away(deadline_ms)]


def _metadata(event_id: str, log_id: str) -> messages.Metadata:
    """The metadata of a create that no provider saw."""
    return messages.Metadata(cache_status="MISS", event_id=event_id, log_id=log_id, step="0", attempts=0)
