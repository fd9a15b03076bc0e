"""The record of a realtime session: what its last event tells of it.

Decides: which times are told, and from when they count (:class:`aigw_sansio.events.SessionEnded`). Must not know: what
happens in the session, and who reads the record.
"""

import msgspec

from ..downstream.admission import AdmittedClient
from ..events import SessionEnded
from ..faults import Side
from ..providers.named_model import named_model
from ..providers.realtime import RealtimeCall
from ..providers.trace_context import traceparent_of
from ..quoting import LONGEST


class SessionRecord:
    """What is kept of a realtime session for its events. ``admitted`` still has its head."""

    __slots__ = ("_traceparent", "asked_at", "connected_at", "dialled_at", "opened")

    def __init__(self, admitted: AdmittedClient) -> None:
        self._traceparent = traceparent_of(admitted.request.headers)
        self.asked_at = self.dialled_at = self.connected_at = 0.0
        #: Its event, as far as it is known since the 101.
        self.opened: SessionEnded | None = None

    def open(
        self,
        admitted: AdmittedClient,
        session: int,
        call: RealtimeCall,
        target: str,
        log_id: str,
        unix_time: float,
        now: float,
    ) -> None:
        """The provider's 101 has come to ``call``, for the path and query ``target``, without secrets."""
        model = named_model(target)
        self.opened = SessionEnded(
            session=session,
            by=Side.GATEWAY,
            code=1006,
            reason="",
            phase="open",
            duration_s=now,  # when it began, until it has ended
            messages_received=0,
            messages_sent=0,
            bytes_received=0,
            bytes_sent=0,
            conn=admitted.request.conn,
            mode="realtime",
            log_id=log_id,
            account=admitted.resource.account,
            gateway=admitted.resource.gateway,
            principal=admitted.principal,
            traceparent=self._traceparent,
            started_unix_s=unix_time,
            provider=call.provider,
            request_model=None if model is None else model[:LONGEST],
            endpoint=target.partition("?")[0],
            key=call.key,
            record=call.record,
            queue_s=self.dialled_at - self.asked_at,
            connect_s=self.connected_at - self.dialled_at,
            first_byte_s=now - self.asked_at,
        )

    def since_opened(self, at: float | None) -> float | None:
        """Seconds from the 101 to ``at``."""
        return None if at is None or self.opened is None else at - self.opened.duration_s

    def ended(self, by: Side, code: int, reason: str, phase: str, now: float) -> SessionEnded:
        """The event, but for what is counted."""
        opened = self.opened
        assert opened is not None
        began = opened.duration_s
        return msgspec.structs.replace(opened, by=by, code=code, reason=reason, phase=phase, duration_s=now - began)
