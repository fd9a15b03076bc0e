"""Traces and metrics for OpenTelemetry, by its conventions for generative AI (semantic conventions 1.41).

Decides: which spans and measurements there are, their names and attributes. Must not know: where they are exported to,
and how often.

A span of an exchange has one for each attempt below it, and that one for its dial; a span of a realtime session has one
for each response. They are made when all is known, with the times at which it happened. The core has told the provider
the ids of the attempts (:mod:`aigw_sansio.providers.trace_context`), so the spans get these.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

try:
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
    from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
    from opentelemetry.trace import set_span_in_context as below
    from opentelemetry.util.types import AttributeValue
except ImportError as error:  # only who wants it needs it
    raise ImportError("OpenTelemetry needs the extra `otel`: pip install 'aigw[otel]'") from error

from aigw_sansio import (
    AttemptConnected,
    AttemptEnded,
    AttemptFirstByte,
    AttemptStarted,
    Event,
    ExchangeEnded,
    Fault,
    ProviderEventRead,
    RequestAdmitted,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    SessionEnded,
    SessionOpened,
    UsageReported,
    __version__,
)
from aigw_sansio.providers.trace_context import span_id, trace_id

from .names import Names, close_code, is_answered

SCHEMA: Final = "https://opentelemetry.io/schemas/1.41.0"
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = tuple(4**power for power in range(14))
#: Names of providers in the conventions, where they are not ours.
_PROVIDERS: Final = {
    "azure-openai": "azure.ai.openai", "azure": "azure.ai.inference", "aws-bedrock": "aws.bedrock",
    "google-ai-studio": "gcp.gemini", "google-vertex-ai": "gcp.vertex_ai", "grok": "x_ai", "mistral": "mistral_ai",
    "perplexity-ai": "perplexity", "watsonx": "ibm.watsonx.ai",
}  # fmt: skip
#: What a path says about the operation.
_OPERATIONS: Final = (
    ("embed", "embeddings"), ("generateContent", "generate_content"), ("GenerateContent", "generate_content"),
    ("chat", "chat"), ("messages", "chat"), ("responses", "chat"), ("converse", "chat"),
    ("completions", "text_completion"),
)  # fmt: skip
#: Responses of a session that are open, and spans of turns of a session; more are not told.
_MOST_TURNS: Final = 1000


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


class GivenIds(IdGenerator):
    """Gives the ids that were asked for, once each, else random ones."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.trace: int | None = None
        self.span: int | None = None

    def generate_span_id(self) -> int:
        found, self.span = self.span, None
        return self._random.generate_span_id() if found is None else found

    def generate_trace_id(self) -> int:
        found, self.trace = self.trace, None
        return self._random.generate_trace_id() if found is None else found


class _Attempt:
    __slots__ = (
        "began",
        "connected",
        "ended",
        "event",
        "first",
        "host",
        "number",
        "provider",
        "reach",
        "set_up_s",
        "step",
    )

    def __init__(self, event: AttemptStarted, now: int) -> None:
        self.number, self.step, self.provider, self.host = event.attempt, event.step, event.provider, event.host
        self.began = now
        self.connected = self.first = self.ended = 0
        self.set_up_s = 0.0
        self.reach = ""
        self.event: AttemptEnded | None = None


class _Turn:
    __slots__ = ("began", "model", "usage")

    def __init__(self, began: int, model: str | None) -> None:
        self.began = began
        self.model = model
        self.usage: UsageReported | None = None


class _Session:
    __slots__ = ("opened", "running", "turns")

    def __init__(self, opened: SessionOpened) -> None:
        self.opened = opened
        self.turns: list[tuple[_Turn, int, str | None]] = []
        self.running: _Turn | None = None


class Telemetry:
    """Give it to a driver as ``on_event``; ``then`` is called with each event afterwards."""

    def __init__(
        self,
        tracers: TracerProvider,
        meters: MeterProvider,
        then: Callable[[Event], None] | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """``tracers`` takes its ids from a :class:`GivenIds`. ``clock``: Unix time, in nanoseconds."""
        self._then = then
        self._clock = clock
        ids = tracers.id_generator
        assert isinstance(ids, GivenIds)
        self._ids = ids
        self._names = Names()
        self._tracer = tracers.get_tracer("aigw", __version__, schema_url=SCHEMA)
        meter = meters.get_meter("aigw", __version__, schema_url=SCHEMA)
        self._duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._first_chunk = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk", "s", "Time to receive the first chunk.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )  # fmt: skip
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )  # fmt: skip
        self._cost = meter.create_counter(
            "aigw.cost", "1", "What exchanges and sessions cost, in the prices' currency."
        )
        self._open_sessions = meter.create_up_down_counter("aigw.sessions", "{session}", "WebSockets of clients now.")
        self._open_exchanges = meter.create_up_down_counter("aigw.exchanges", "{exchange}", "Exchanges now.")
        self._attempts: dict[str, list[_Attempt]] = {}
        self._sessions: dict[str, _Session] = {}

    def __call__(self, event: Event) -> None:
        kind = type(event)
        if kind is RequestAdmitted:
            assert isinstance(event, RequestAdmitted)
            self._attempts[event.log_id] = []
            self._open_exchanges.add(1)
        elif kind is AttemptStarted:
            assert isinstance(event, AttemptStarted)
            self._attempts.setdefault(event.log_id, []).append(_Attempt(event, self._clock()))
        elif isinstance(event, (AttemptConnected, AttemptFirstByte, AttemptEnded)):
            self._attempt_moved(event)
        elif kind is ExchangeEnded:
            assert isinstance(event, ExchangeEnded)
            self._open_exchanges.add(-1)
            self._exchange(event, self._attempts.pop(event.log_id, []))
        elif kind is ProviderEventRead:
            assert isinstance(event, ProviderEventRead)
            if (session := self._sessions.get(event.log_id)) is not None:
                self._turn(session, event.event)
        elif kind is SessionOpened:
            assert isinstance(event, SessionOpened)
            self._open_sessions.add(1, {"aigw.mode": event.mode})
            if event.log_id is not None:
                self._sessions[event.log_id] = _Session(event)
        elif kind is SessionEnded:
            assert isinstance(event, SessionEnded)
            self._open_sessions.add(-1, {"aigw.mode": event.mode})
            if event.log_id is not None and (session := self._sessions.pop(event.log_id, None)) is not None:
                self._session(event, session)
        if self._then is not None:
            self._then(event)

    def _attempt_moved(self, event: AttemptConnected | AttemptFirstByte | AttemptEnded) -> None:
        attempts = self._attempts.get(event.log_id)
        if not attempts or attempts[-1].number != event.attempt:
            return
        attempt, now = attempts[-1], self._clock()
        if isinstance(event, AttemptConnected):
            attempt.connected, attempt.reach, attempt.set_up_s = now, event.reach, event.handshake_s
        elif isinstance(event, AttemptFirstByte):
            attempt.first = now
        else:
            attempt.ended, attempt.event = now, event

    # -- exchanges ----------------------------------------------------------------------------------------------

    def _exchange(self, event: ExchangeEnded, attempts: list[_Attempt]) -> None:
        provider = _PROVIDERS.get(event.provider or "", event.provider or "")
        operation = _operation(event.endpoint)
        error = None if event.fault is None else event.fault.kind.value
        self._measure(event, operation, provider, error)
        began = _ns(event.started_unix_s)
        trace = trace_id(event.log_id, event.traceparent)
        own = span_id(event.log_id)
        common: dict[str, AttributeValue] = {"gen_ai.operation.name": operation, "gen_ai.provider.name": provider}
        if event.request_model is not None:
            common["gen_ai.request.model"] = event.request_model
        attributes = {
            **common,
            **_usage_attributes(event.usage),
            **{f"aigw.metadata.{name}": value for name, value in event.record.metadata.items()},
            "aigw.account": event.account,
            "aigw.gateway": event.gateway,
            "aigw.log_id": event.log_id,
            "aigw.attempts": event.attempts,
            "aigw.end": event.how,
        }
        if event.cost is not None:
            attributes["gen_ai.usage.cost"] = event.cost
        if event.status is not None:
            attributes["http.response.status_code"] = event.status
        name = f"{operation} {event.request_model}" if event.request_model else operation
        parent = None if event.traceparent is None else event.traceparent[36:52]
        flags = "01" if event.traceparent is None else event.traceparent[-2:]
        ended = began + _ns(event.duration_s)
        self._span(name, trace, own, parent, began, ended, attributes, event.fault, SpanKind.SERVER, flags)
        for attempt in attempts:
            self._attempt(attempt, trace, own, span_id(event.log_id, attempt.number), name, common, flags)

    def _attempt(
        self,
        attempt: _Attempt,
        trace: str,
        parent: str,
        own: str,
        name: str,
        common: Mapping[str, AttributeValue],
        flags: str,
    ) -> None:
        host, _, port = (
            attempt.host.rpartition(":") if attempt.host.rpartition(":")[2].isdigit() else (attempt.host, "", "")
        )
        provider = _PROVIDERS.get(attempt.provider, attempt.provider)
        attributes = {
            **common, "gen_ai.provider.name": provider, "server.address": host, "aigw.step": attempt.step,
            "aigw.attempt": attempt.number,
        }  # fmt: skip
        if port:
            attributes["server.port"] = int(port)
        event = attempt.event
        fault = None if event is None else event.fault
        if event is not None and event.status is not None:
            attributes["http.response.status_code"] = event.status
        if attempt.first:
            attributes["aigw.first_byte_s"] = (attempt.first - attempt.began) / 1e9
        if attempt.reach:
            attributes["aigw.reach"] = attempt.reach
        ended = attempt.ended or self._clock()
        self._span(name, trace, own, parent, attempt.began, ended, attributes, fault, SpanKind.CLIENT, flags)
        if attempt.reach == "dialled":
            dialled = attempt.connected - _ns(attempt.set_up_s)
            where: dict[str, AttributeValue] = {"server.address": host}
            self._span(
                "connect",
                trace,
                None,
                own,
                max(attempt.began, dialled),
                attempt.connected,
                where,
                None,
                SpanKind.CLIENT,
                flags,
            )

    def _measure(self, event: ExchangeEnded | SessionEnded, operation: str, provider: str, error: str | None) -> None:
        """Measurements have few names; spans have them all."""
        name = self._names.provider(provider)
        model = self._names.model(name, event.request_model, answered=is_answered(event))
        labels: dict[str, AttributeValue] = {
            "gen_ai.operation.name": operation, "gen_ai.provider.name": name, "gen_ai.request.model": model,
        }  # fmt: skip
        failed = {"error.type": error} if error is not None else {}
        self._duration.record(event.duration_s, labels | failed)
        if isinstance(event, ExchangeEnded) and event.first_content_s is not None and event.how in ("done", "error"):
            self._first_chunk.record(event.first_content_s, labels)
        if event.cost:
            self._cost.add(event.cost, labels)
        if event.usage is not None:
            for count, kind in ((event.usage.input_tokens, "input"), (event.usage.output_tokens, "output")):
                if count is not None:
                    self._tokens.record(count, labels | {"gen_ai.token.type": kind})

    # -- realtime -----------------------------------------------------------------------------------------------

    def _turn(self, session: _Session, event: object) -> None:
        if isinstance(event, ResponseStarted):
            session.running = _Turn(self._clock(), event.model)
        elif session.running is not None and isinstance(event, UsageReported):
            session.running.usage = event
        elif session.running is not None and isinstance(event, (ResponseFinished, ResponseFailed)):
            error = (event.kind or event.error_class) if isinstance(event, ResponseFailed) else None
            if len(session.turns) < _MOST_TURNS:
                session.turns.append((session.running, self._clock(), error))
            session.running = None

    def _session(self, event: SessionEnded, session: _Session) -> None:
        assert event.log_id is not None
        provider = _PROVIDERS.get(event.provider or "", event.provider or "")
        error = None if event.code in (1000, 1001, 1005) else close_code(event.code)
        self._measure(event, "realtime", provider, error)
        trace, own = trace_id(event.log_id, event.traceparent), span_id(event.log_id)
        parent = None if event.traceparent is None else event.traceparent[36:52]
        flags = "01" if event.traceparent is None else event.traceparent[-2:]
        common: dict[str, AttributeValue] = {"gen_ai.operation.name": "realtime", "gen_ai.provider.name": provider}
        if event.request_model is not None:
            common["gen_ai.request.model"] = event.request_model
        attributes = {
            **common,
            **_usage_attributes(event.usage),
            "aigw.account": event.account,
            "aigw.gateway": event.gateway,
            "aigw.log_id": event.log_id,
            "aigw.close_code": event.code,
            "aigw.ended_by": event.by.value,
        }
        name = f"realtime {event.request_model}" if event.request_model else "realtime"
        began = _ns(event.started_unix_s)
        self._span(
            name, trace, own, parent, began, began + _ns(event.duration_s), attributes, error, SpanKind.SERVER, flags
        )
        for turn, ended, failed in session.turns:
            model = {} if turn.model is None else {"gen_ai.response.model": turn.model}
            told = {**common, **model, **_usage_attributes(turn.usage)}
            self._span(f"{name} turn", trace, None, own, turn.began, ended, told, failed, SpanKind.CLIENT, flags)

    def _span(
        self,
        name: str,
        trace: str,
        own: str | None,
        parent: str | None,
        began: int,
        ended: int,
        attributes: Mapping[str, AttributeValue],
        fault: Fault | str | None,
        kind: SpanKind,
        flags: str = "01",
    ) -> None:
        """One span, whole. ``own`` and ``parent``: ids in hexadecimal; ``own`` of ``None``: any."""
        self._ids.span = None if own is None else int(own, 16)
        self._ids.trace = int(trace, 16) if parent is None else None
        context = Context()  # not that of a program which runs the gateway
        if parent is not None:
            above = SpanContext(int(trace, 16), int(parent, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
            context = below(NonRecordingSpan(above), context)
        span = self._tracer.start_span(name, context=context, kind=kind, attributes=dict(attributes), start_time=began)
        self._ids.span = self._ids.trace = None  # a sampler may have needed none
        if fault is not None:
            error, detail = (fault, None) if isinstance(fault, str) else (fault.kind.value, fault.detail)
            span.set_attribute("error.type", error)
            span.set_status(Status(StatusCode.ERROR, detail))
        span.end(max(began, ended))


def _operation(path: str | None) -> str:
    for part, operation in _OPERATIONS:
        if path is not None and part in path:
            return operation
    return "other"


def _usage_attributes(usage: UsageReported | None) -> dict[str, AttributeValue]:
    if usage is None:
        return {}
    counts = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read.input_tokens": usage.cache_read_input_tokens,
        "cache_creation.input_tokens": usage.cache_creation_input_tokens,
        "reasoning.output_tokens": usage.reasoning_output_tokens,
    }
    return {f"gen_ai.usage.{name}": count for name, count in counts.items() if count is not None}
