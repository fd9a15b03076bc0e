"""Metrics of a server, as text that Prometheus reads.

Decides: the names of the metrics, their labels and buckets. Must not know: who reads them, and how.

An event costs a few additions. Numbers of what is open now are asked of the gateway when somebody reads.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

try:
    from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector
except ImportError as error:  # only who wants metrics needs it
    raise ImportError("metrics need the extra `metrics`: pip install 'aigw[metrics]'") from error

from aigw_sansio import (
    AttemptConnected,
    AttemptEnded,
    ConnectionRefused,
    Event,
    ExchangeEnded,
    RequestDenied,
    SessionEnded,
    UpgradeRefused,
)

from .names import Names, close_code, is_answered

#: Seconds: of a head, of a first token, of a whole answer.
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84)
_LONG_SECONDS: Final = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200)
_WHO: Final = ("gateway", "provider", "model")
#: What a snapshot of the gateway has, and the words for it.
_GAUGES: Final = {
    "connections": ("aigw_connections", "Connections now, of clients and to providers"),
    "upstream_connections": ("aigw_upstream_connections", "Connections to providers now"),
    "upstream_idle": ("aigw_upstream_idle_connections", "Connections to providers that wait for a request"),
    "sessions": ("aigw_sessions_open", "WebSockets of clients now"),
    "exchanges": ("aigw_exchanges_running", "Exchanges now"),
    "waiting_calls": ("aigw_waiting_calls", "Requests that wait for a connection to their provider"),
    "asks": ("aigw_questions", "Questions to the host without an answer"),
    "send_buffer_bytes": ("aigw_send_buffer_bytes", "Bytes that wait to be taken by clients and providers"),
    "held_bytes": ("aigw_held_bytes", "Memory held for requests and responses under way"),
}


class _Series(NamedTuple):
    """The series of one gateway, provider and model that most exchanges add to."""

    duration: Histogram
    first_content: Histogram
    tokens_in: Counter
    tokens_out: Counter
    cost: Counter


class ServerMetrics:
    """Give it to a driver as ``on_event``; ``then`` is called with each event afterwards. :meth:`text` is what
    ``/metrics`` says."""

    def __init__(self, then: Callable[[Event], None] | None = None, *, worker: int | None = None) -> None:
        """``worker``: the number of this worker among others at the same address. All series have it as a label, so
        that whoever reads now one and then another does not take them for the same counters."""
        self._then = then
        self._names = Names()
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._gauges: list[Callable[[], Mapping[str, float]]] = []
        self._exchanges = Counter(
            "aigw_exchanges", "Exchanges that have ended, by the message that ended them and the kind of their fault",
            (*_WHO, "end", "error"), registry=registry,
        )  # fmt: skip
        self._cached = Counter(
            "aigw_cached_exchanges", "Exchanges that made no call of their own", _WHO, registry=registry
        )
        self._duration = Histogram(
            "aigw_exchange_duration_seconds", "From the request to the last message of its response", _WHO,
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._first_content = Histogram(
            "aigw_first_content_seconds", "From the request to what the client is first shown of its response", _WHO,
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._tokens = Counter("aigw_tokens", "Tokens that providers counted", (*_WHO, "type"), registry=registry)
        self._cost = Counter(
            "aigw_cost", "What exchanges and sessions cost, in the prices' currency", _WHO, registry=registry
        )
        self._attempts = Counter(
            "aigw_attempts",
            "Attempts that have ended, by the kind of their fault",
            ("provider", "error"),
            registry=registry,
        )
        self._reached = Counter(
            "aigw_attempt_connections", "How attempts got their connections: dialled, reused, shared", ("reach",),
            registry=registry,
        )  # fmt: skip
        self._sessions = Counter(
            "aigw_sessions", "WebSockets that have ended, by mode and close code", ("gateway", "mode", "code"),
            registry=registry,
        )  # fmt: skip
        self._session_s = Histogram(
            "aigw_session_duration_seconds", "WebSockets of clients, from their 101", ("mode",), buckets=_LONG_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._messages = Counter(
            "aigw_realtime_messages", "Messages of realtime sessions that were delivered", ("provider", "direction"),
            registry=registry,
        )  # fmt: skip
        self._refused = Counter(
            "aigw_refused", "Requests and connections that were refused, by HTTP status and code", ("status", "code"),
            registry=registry,
        )  # fmt: skip
        self._denied = Counter("aigw_denied", "Steps that the host denied", ("provider", "status"), registry=registry)
        self._series: dict[tuple[str, str, str], _Series] = {}
        self._ends: dict[tuple[str, str, str, str, str], Counter] = {}
        registry.register(_Now(self._gauges))
        self._told: Collector = registry if worker is None else _OfWorker(registry, str(worker))

    def watch(self, numbers: Callable[[], Mapping[str, float]]) -> None:
        """Ask ``numbers`` for what is open now, whenever somebody reads. Names are those of
        :meth:`aigw_sansio.Gateway.snapshot`; another name is a metric of its own, which counts if it ends with
        ``_total``."""
        self._gauges.append(numbers)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format 0.0.4."""
        return generate_latest(self._told)

    def __call__(self, event: Event) -> None:
        kind = type(event)
        if kind is ExchangeEnded:
            assert isinstance(event, ExchangeEnded)
            self._exchange(event)
        elif kind is AttemptEnded:
            assert isinstance(event, AttemptEnded)
            error = "" if event.fault is None else event.fault.kind.value
            self._attempts.labels(self._names.provider(event.provider), error).inc()
        elif kind is AttemptConnected:
            assert isinstance(event, AttemptConnected)
            self._reached.labels(event.reach).inc()
        elif kind is SessionEnded:
            assert isinstance(event, SessionEnded)
            self._session(event)
        elif kind is UpgradeRefused:
            assert isinstance(event, UpgradeRefused)
            self._refused.labels(str(event.status), str(event.code)).inc()
        elif kind is ConnectionRefused:
            self._refused.labels("", "").inc()
        elif kind is RequestDenied:
            assert isinstance(event, RequestDenied)
            self._denied.labels(self._names.provider(event.provider), str(event.status)).inc()
        if self._then is not None:
            self._then(event)

    def _exchange(self, event: ExchangeEnded) -> None:
        who, series = self._of(event)
        error = "" if event.fault is None else event.fault.kind.value
        key = (*who, event.how, error)
        ended = self._ends.get(key)
        if ended is None:
            ended = self._ends[key] = self._exchanges.labels(*key)
        ended.inc()
        series.duration.observe(event.duration_s)
        if event.cached:
            self._cached.labels(*who).inc()
        if event.first_content_s is not None:
            series.first_content.observe(event.first_content_s)
        self._used(event, who, series)

    def _session(self, event: SessionEnded) -> None:
        self._sessions.labels(f"{event.account}/{event.gateway}", event.mode, close_code(event.code)).inc()
        self._session_s.labels(event.mode).observe(event.duration_s)
        if event.mode == "realtime":
            who, series = self._of(event)
            self._messages.labels(who[1], "received").inc(event.messages_received)
            self._messages.labels(who[1], "sent").inc(event.messages_sent)
            self._used(event, who, series)

    def _of(self, event: ExchangeEnded | SessionEnded) -> tuple[tuple[str, str, str], _Series]:
        provider = self._names.provider(event.provider)
        model = self._names.model(provider, event.request_model, answered=is_answered(event))
        who = f"{event.account}/{event.gateway}", provider, model
        series = self._series.get(who)
        if series is None:
            series = self._series[who] = _Series(
                duration=self._duration.labels(*who),
                first_content=self._first_content.labels(*who),
                tokens_in=self._tokens.labels(*who, "input"),
                tokens_out=self._tokens.labels(*who, "output"),
                cost=self._cost.labels(*who),
            )
        return who, series

    def _used(self, event: ExchangeEnded | SessionEnded, who: tuple[str, str, str], series: _Series) -> None:
        if event.cost:
            series.cost.inc(event.cost)
        usage = event.usage
        if usage is None:
            return
        if usage.input_tokens:
            series.tokens_in.inc(usage.input_tokens)
        if usage.output_tokens:
            series.tokens_out.inc(usage.output_tokens)
        for count, name in (
            (usage.cache_read_input_tokens, "cache_read"),
            (usage.cache_creation_input_tokens, "cache_creation"),
            (usage.reasoning_output_tokens, "reasoning"),
        ):
            if count:
                self._tokens.labels(*who, name).inc(count)


class _OfWorker(Collector):
    """What ``all_series`` tells, with the label ``worker``."""

    def __init__(self, all_series: Collector, worker: str) -> None:
        self._all, self._label = all_series, {"worker": worker}

    def collect(self) -> Iterable[Metric]:
        for metric in self._all.collect():
            metric.samples = [sample._replace(labels=self._label | sample.labels) for sample in metric.samples]
            yield metric


class _Now(Collector):
    """What is asked when somebody reads."""

    def __init__(self, sources: Iterable[Callable[[], Mapping[str, float]]]) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        for source in self._sources:
            for name, value in source().items():
                if name in _GAUGES:
                    yield GaugeMetricFamily(*_GAUGES[name], value=value)
                elif name.endswith("_total"):
                    yield CounterMetricFamily(name.removesuffix("_total"), name.replace("_", " "), value=value)
                elif name.startswith("aigw_"):
                    yield GaugeMetricFamily(name, name.replace("_", " "), value=value)
