"""The row of a record: what is kept of one exchange, or of one realtime session.

Decides: the fields, their names and units, and what counts as a success. Must not know: where rows go.

The names are those of the original's log, if it has the field. All times are milliseconds. A row holds no secret, as
the events that it is made of hold none.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from aigw_sansio import AttemptConnected, AttemptEnded, ExchangeEnded, Fault, SessionEnded, UsageReported

#: Close codes of a realtime session that ended as it should: in order, by leaving, without a code.
_GOOD_CODES: Final = frozenset({1000, 1001, 1005})
_SWITCHED: Final = 101


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of an exchange. ``reach``: how it got its connection; ``error``: why its response was not shown."""

    attempt: int
    step: int
    provider: str
    status_code: int | None
    duration: float
    reach: str | None = None
    queue: float | None = None
    error: str | None = None


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds: waiting for a connection, dialling it; from the start to the head, and to the first content."""

    queue: float | None = None
    connect: float | None = None
    first_byte: float | None = None
    first_content: float | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One record. ``id`` is the ``logId``; ``created_at`` is when it began, in UTC. ``end`` is the message that ended
    an exchange, or ``closed``. ``error`` is the kind of the fault. ``custom_cost``: the client named the price.
    ``key``: whose key went to the provider. Sizes are bytes of bodies, of a realtime session bytes of messages. The
    heads are the beginnings of the bodies, if the record is to have them; the chunks of a stream are lines."""

    id: str
    created_at: str
    kind: Literal["exchange", "realtime"]
    account: str
    gateway: str
    principal: str | None = None
    session: int
    event_id: str | None = None
    provider: str | None = None
    model: str | None = None
    path: str | None = None
    status_code: int | None = None
    success: bool = False
    cached: bool = False
    end: str = ""
    ended_by: str = ""
    error: str | None = None
    error_detail: str | None = None
    duration: float = 0.0
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    custom_cost: bool = False
    usage_metadata: dict[str, int | float | str] = {}
    metadata: dict[str, str | int | float | bool] = {}
    step: int | None = None
    attempts: list[AttemptRow] = []
    key: str = "none"
    request_content_type: str | None = None
    response_content_type: str | None = None
    request_size: int = 0
    response_size: int = 0
    request_head: str | None = None
    request_head_complete: bool = False
    response_head: str | None = None
    response_head_complete: bool = False
    timings: Timings = Timings()
    trace_id: str | None = None
    messages_in: int | None = None
    messages_out: int | None = None
    close_code: int | None = None
    close_reason: str | None = None

    @property
    def unix_ns(self) -> int:
        """When it began, in nanoseconds."""
        return int(datetime.fromisoformat(self.created_at).timestamp() * 1e9)


def exchange_row(event: ExchangeEnded, attempts: Iterable[AttemptConnected | AttemptEnded]) -> Row:
    """The row of an exchange. ``attempts``: the events of its attempts, in order."""
    fault, usage, payload = event.fault, event.usage, event.payload
    return Row(
        id=event.log_id,
        created_at=utc_text(event.started_unix_s),
        kind="exchange",
        account=event.account,
        gateway=event.gateway,
        principal=event.principal,
        session=event.session,
        event_id=event.event_id,
        provider=event.provider,
        model=event.request_model,
        path=event.endpoint,
        status_code=event.status,
        success=fault is None,
        cached=event.cached,
        end=event.how,
        ended_by=event.by.value,
        error=None if fault is None else fault.kind.value,
        error_detail=None if fault is None else fault.detail,
        duration=_ms(event.duration_s),
        tokens_in=None if usage is None else usage.input_tokens,
        tokens_out=None if usage is None else usage.output_tokens,
        cost=event.cost,
        custom_cost=event.record.custom_cost is not None,
        usage_metadata=_counts(usage),
        metadata=event.record.metadata,
        step=event.step,
        attempts=_attempt_rows(attempts),
        key=event.key,
        request_content_type=event.request_type,
        response_content_type=event.content_type,
        request_size=event.request_bytes,
        response_size=event.bytes_received,
        request_head=None if payload is None else payload.request,
        request_head_complete=payload is not None and payload.request_complete,
        response_head=None if payload is None else payload.response,
        response_head_complete=payload is not None and payload.response_complete,
        timings=_timings(event),
        trace_id=_trace_id(event.traceparent),
    )


def session_row(event: SessionEnded) -> Row:
    """The row of a realtime session."""
    usage = event.usage
    return Row(
        id=event.log_id or "",
        created_at=utc_text(event.started_unix_s),
        kind="realtime",
        account=event.account,
        gateway=event.gateway,
        principal=event.principal,
        session=event.session,
        provider=event.provider,
        model=event.request_model,
        path=event.endpoint,
        status_code=_SWITCHED,
        success=event.code in _GOOD_CODES,
        end="closed",
        ended_by=event.by.value,
        duration=_ms(event.duration_s),
        tokens_in=None if usage is None else usage.input_tokens,
        tokens_out=None if usage is None else usage.output_tokens,
        cost=event.cost,
        custom_cost=event.record.custom_cost is not None,
        usage_metadata=_counts(usage),
        metadata=event.record.metadata,
        key=event.key,
        request_size=event.bytes_received,
        response_size=event.bytes_sent,
        timings=_timings(event),
        trace_id=_trace_id(event.traceparent),
        messages_in=event.messages_received,
        messages_out=event.messages_sent,
        close_code=event.code,
        close_reason=event.reason,
    )


def utc_text(unix_s: float) -> str:
    """A point in time as rows have it: ISO 8601 in UTC, with milliseconds. So texts are ordered as times are."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _attempt_rows(events: Iterable[AttemptConnected | AttemptEnded]) -> list[AttemptRow]:
    rows: list[AttemptRow] = []
    connected: AttemptConnected | None = None
    for event in events:
        if isinstance(event, AttemptConnected):
            connected = event
            continue
        own = connected if connected is not None and connected.attempt == event.attempt else None
        rows.append(
            AttemptRow(
                attempt=event.attempt,
                step=event.step,
                provider=event.provider,
                status_code=event.status,
                duration=_ms(event.after_s),
                reach=None if own is None else own.reach,
                queue=None if own is None else _ms(own.queue_s),
                error=_error_of(event.fault),
            )
        )
    return rows


def _error_of(fault: Fault | None) -> str | None:
    return None if fault is None else f"{fault.kind.value}: {fault.detail}"


def _counts(usage: UsageReported | None) -> dict[str, int | float | str]:
    """All counts that the provider gave, and how sure they are."""
    if usage is None:
        return {}
    return {name: value for name, value in msgspec.structs.asdict(usage).items() if value is not None}


def _timings(event: ExchangeEnded | SessionEnded) -> Timings:
    return Timings(
        queue=_known_ms(event.queue_s),
        connect=_known_ms(event.connect_s),
        first_byte=_known_ms(event.first_byte_s),
        first_content=_known_ms(event.first_content_s),
    )


def _trace_id(traceparent: str | None) -> str | None:
    return None if traceparent is None else traceparent.split("-")[1]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _known_ms(seconds: float | None) -> float | None:
    return None if seconds is None else _ms(seconds)
