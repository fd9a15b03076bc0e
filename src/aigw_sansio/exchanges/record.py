"""The record of an exchange: what its last event tells of it.

Decides: which times are told, and from when they count (:class:`aigw_sansio.events.ExchangeEnded`). Must not know: what
happens in the exchange, and who reads the record.
"""

from typing import Final, NamedTuple

import msgspec

from ..bodies.framing import is_textual, media_type
from ..engine.services import Services
from ..events import ExchangeEnded, RequestAdmitted, UsageReported
from ..faults import Fault, Side
from ..ids import Payload
from ..providers.call import ProviderCall
from ..providers.named_model import named_model
from ..providers.trace_context import passed_on, traceparent_of
from ..quotas.claim import NOTHING, spent_of
from ..quotas.costs import cost_of
from ..quoting import LONGEST
from .encoder import KeptText
from .estimate import cut_short, unanswered
from .ports import Caller, Ending, PlannedStep
from .response import ProviderResponse


class Times(NamedTuple):
    """How long an attempt waited for a connection, and for the dial for it, in seconds; and when its head came."""

    queue_s: float | None
    connect_s: float | None
    head_at: float | None

    def with_head(self, now: float) -> "Times":
        """The same when the head has come."""
        return Times(self.queue_s, self.connect_s, now)


NO_TIMES: Final = Times(None, None, None)


def used_of(
    call: ProviderCall, response: ProviderResponse | None, fault: Fault | None, *, sent: bool
) -> UsageReported | None:
    """What ``call`` used, as quotas count it. ``response``: what came of it. ``fault``: why it is not shown. ``sent``:
    its provider has the request, and from nobody else."""
    cut = sent and cut_short(fault)
    if response is not None:
        return response.used(cut=cut)
    how = None if call.quota is None else call.quota.unreported
    return unanswered(how, call.request.body) if cut and how is not None else None


class ExchangeRecord:
    """What is kept of an exchange for its events."""

    __slots__ = (
        "bytes_received",
        "caller",
        "content_at",
        "content_type",
        "event_id",
        "log_id",
        "started",
        "times",
        "used",
    )

    def __init__(self, caller: Caller, event_id: str, log_id: str, now: float) -> None:
        self.caller = caller
        self.event_id = event_id
        self.log_id = log_id
        self.started = now
        #: Of all attempts that have ended.
        self.bytes_received = 0
        #: Of the last attempt that has ended.
        self.times = NO_TIMES
        #: Of the last response, if it named one.
        self.content_type: str | None = None
        #: What it used, as quotas count it.
        self.used: UsageReported | None = None
        #: When the client was first shown a response.
        self.content_at: float | None = None

    def traced(self, call: ProviderCall, attempt: int, *, traces: bool) -> ProviderCall:
        """``call`` as its attempt sends it: with the trace that its provider is told."""
        given = self.caller.traceparent
        if not traces and given is None:
            return call
        request = passed_on(call.request, given, self.log_id, attempt, traces=traces)
        return call if request is call.request else msgspec.structs.replace(call, request=request)

    def note_response(self, response: ProviderResponse | None, used: UsageReported | None) -> None:
        """An attempt has ended: keep what is told of its ``response``, and what it ``used``."""
        self.used = used
        if response is not None:
            self.content_type = response.content_type

    def tell_start(self, services: Services, steps: int) -> None:
        """Emit ``RequestAdmitted``."""
        caller = self.caller
        services.emit(
            RequestAdmitted(
                session=caller.session,
                event_id=self.event_id,
                log_id=self.log_id,
                steps=steps,
                account=caller.account,
                gateway=caller.gateway,
                principal=caller.principal,
            )
        )

    @staticmethod
    def charge_failed(step: PlannedStep, usage: UsageReported | None, now: float) -> None:
        """Have quotas count what a try of ``step`` used: it has failed, and another try may follow."""
        quota, price = step.call.quota, step.price
        if quota is None:
            return
        # What a client says that all of it costs is counted once, at the end.
        each = price is not None and price.total_cost is None
        quota.charge(spent_of(usage, cost_of(price, usage) if price is not None and each else None), now)

    def tell_end(
        self,
        services: Services,
        last: PlannedStep,
        how: Ending,
        now: float,
        *,
        by: Side,
        status: int | None,
        step: int,
        attempts: int,
        fault: Fault | None,
        usage: UsageReported | None,
        chunks: int,
        cached: bool,
        charged: bool,
        kept: KeptText | None,
    ) -> None:
        """Emit ``ExchangeEnded``, and have quotas count what was used. ``last``: the last step that was tried.
        ``charged``: its ``usage`` has been counted (:meth:`charge_failed`). ``kept``: what was kept of its response."""
        caller, times, started = self.caller, self.times, self.started
        call, request = last.call, last.call.request
        cost = None if last.price is None else 0.0 if cached else cost_of(last.price, usage)
        fields = dict(request.headers)
        kind, traceparent = fields.get(b"content-type"), caller.traceparent
        if b"traceparent" in fields:
            traceparent = traceparent_of(request.headers) or traceparent
        model = named_model(request.target.decode("ascii"), request.body)
        services.emit(
            ExchangeEnded(
                session=caller.session,
                event_id=self.event_id,
                log_id=self.log_id,
                how=how,
                by=by,
                status=status,
                step=step,
                attempts=attempts,
                fault=fault,
                usage=usage,
                duration_s=now - started,
                chunks=chunks,
                bytes_received=self.bytes_received,
                request_bytes=len(request.body),
                request_type=None if kind is None else kind.partition(b";")[0].decode("latin-1")[:LONGEST],
                content_type=None if self.content_type is None else self.content_type[:LONGEST],
                cached=cached,
                account=caller.account,
                gateway=caller.gateway,
                principal=caller.principal,
                provider=call.provider,
                request_model=None if model is None else model[:LONGEST],
                endpoint=call.endpoint.partition("?")[0],
                key=call.key,
                traceparent=traceparent,
                started_unix_s=services.unix_time(started),
                queue_s=times.queue_s,
                connect_s=times.connect_s,
                first_byte_s=None if times.head_at is None else times.head_at - started,
                first_content_s=None if self.content_at is None else self.content_at - started,
                record=last.record,
                payload=_payload(services, last, kept) if last.record.keeps_payload else None,
                cost=cost,
            )
        )
        if call.quota is not None:
            used = None if charged else self.used
            call.quota.finish(
                NOTHING if cached else spent_of(used, None if last.price is None else cost_of(last.price, used)), now
            )


def _payload(services: Services, last: PlannedStep, kept: KeptText | None) -> Payload:
    """What was sent and received, as far as it is text."""
    request, most = last.call.request, services.config.limits.record_payload_bytes
    textual = is_textual(media_type(request.headers)[0])
    return Payload(
        request=request.body[:most].decode("utf-8", "replace") if textual else None,
        request_complete=len(request.body) <= most,
        response=None if kept is None else kept.text,
        response_complete=kept is not None and kept.complete,
    )
