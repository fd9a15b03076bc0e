"""Metrics of a server, as text that Prometheus reads.

Decides: the names of the metrics, their labels and buckets. Must not know: who reads them, and how.

An event costs a few additions (:mod:`.figures`). Numbers of what is open now are asked of the gateway when somebody
reads, and of the other workers.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import msgspec

try:
    from prometheus_client import ProcessCollector
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

from .figures import Figures, Name, total
from .fresh import fresh
from .names import OTHER, Names, close_code, is_answered

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


class _Family(NamedTuple):
    """A counter, or with ``bounds`` a histogram."""

    help: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = ()


_FAMILIES: Final = {
    "aigw_exchanges": _Family(
        "Exchanges that have ended, by the message that ended them and the kind of their fault",
        (*_WHO, "end", "error"),
    ),
    "aigw_cached_exchanges": _Family("Exchanges that made no call of their own", _WHO),
    "aigw_exchange_duration_seconds": _Family(
        "From the request to the last message of its response", _WHO, bounds=_SECONDS
    ),
    "aigw_first_content_seconds": _Family(
        "From the request to what the client is first shown of its response", _WHO, bounds=_SECONDS
    ),
    "aigw_tokens": _Family("Tokens that providers counted", (*_WHO, "type")),
    "aigw_cost": _Family("What exchanges and sessions cost, in the prices' currency", _WHO),
    "aigw_attempts": _Family("Attempts that have ended, by the kind of their fault", ("provider", "error")),
    "aigw_attempt_connections": _Family("How attempts got their connections: dialled, reused, shared", ("reach",)),
    "aigw_sessions": _Family("WebSockets that have ended, by mode and close code", ("gateway", "mode", "code")),
    "aigw_session_duration_seconds": _Family(
        "WebSockets of clients, from their 101", ("mode",), bounds=_LONG_SECONDS
    ),
    "aigw_realtime_messages": _Family(
        "Messages of realtime sessions that were delivered", ("provider", "direction")
    ),
    "aigw_refused": _Family(
        "Requests and connections that were refused, by HTTP status and code", ("status", "code")
    ),
    "aigw_denied": _Family("Steps that the host denied", ("provider", "status")),
}  # fmt: skip
_HELP: Final = {f"{name}{'' if family.bounds else '_total'}": family.help for name, family in _FAMILIES.items()} | {
    "aigw_workers": "Workers that these numbers are of"
}
#: The families of a gateway, a provider and a model.
_OF_WHO: Final = [name for name, family in _FAMILIES.items() if family.labels[:3] == _WHO]
#: What may not stand in a label as it is.
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_NO_NAMES: Final = frozenset({"", OTHER})
_TOTAL: Final = "_total"
#: Of what others count or measure.
_PREFIXES: Final = ("aigw_", "process_")
#: What is no sum over the workers: since when the first of them runs.
_SINCE: Final = "process_start_time_seconds"


class _Series(NamedTuple):
    """The places of the numbers that most exchanges of one gateway, provider and model add to."""

    duration: int
    first_content: int
    tokens_in: int
    tokens_out: int
    cost: int


class ServerMetrics:
    """Give it to a driver as ``on_event``; ``then`` is called with each event afterwards. :meth:`text` is what
    ``/metrics`` says."""

    def __init__(
        self,
        then: Callable[[Event], None] | None = None,
        figures: Figures | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``figures``: where it counts; with workers they are those of all of them. ``clock``: seconds."""
        self._clock = clock
        self._made_part: tuple[float, bytes] | None = None
        self._then = then
        self._figures = Figures() if figures is None else figures
        self._names = Names()
        self._process = ProcessCollector(registry=None)
        self._sources: list[Callable[[], Mapping[str, float]]] = [self._of_process]
        self._begun: dict[str, float] = {}  # of totals that others count: those of an earlier process in this place
        self._help = {**dict(_GAUGES.values()), **_HELP}
        self._heads: dict[Name, list[str]] = {}  # of each series
        self._series: dict[tuple[str, str, str], _Series] = {}
        for name in self._figures.names():  # of that process; a model that has series keeps them
            if name[0] in _OF_WHO:
                _, _, provider, model, *_ = name
                if provider not in _NO_NAMES:
                    self._names.provider(provider)
                if model not in _NO_NAMES:
                    self._names.model(provider, model, answered=True)

    def watch(self, numbers: Callable[[], Mapping[str, float]]) -> None:
        """Ask ``numbers`` for what is open now, whenever somebody reads. Names are those of
        :meth:`aigw_sansio.Gateway.snapshot`; another name is a metric of its own, which counts if it ends with
        ``_total``."""
        self._sources.append(numbers)

    def part(self) -> bytes:
        """What :meth:`text` of another worker needs to tell of this one. It is made at most twice a second, however
        many ask."""
        now = self._clock()
        if (made := fresh(self._made_part, now)) is None:
            made = msgspec.json.encode(self._now())
            self._made_part = now, made
        return made

    def text(self, parts: Sequence[bytes] = ()) -> bytes:
        """All metrics in Prometheus' text format 0.0.4. ``parts``: of the other workers."""
        now = self._now()
        if self._figures.shared:
            now["aigw_workers"] = 1.0 + len(parts)
        for part in parts:
            for name, value in msgspec.json.decode(part, type=dict[str, float]).items():
                before = now.get(name)
                add = min if name == _SINCE else float.__add__
                now[name] = value if before is None else add(before, value)
        lines = [line for family in self._counted() for line in family]
        for name, value in now.items():
            lines += [*self._about(name, "gauge"), f"{name} {value!r}\n"]
        return "".join(lines).encode("utf-8", "replace")

    def _now(self) -> dict[str, float]:
        """The gauges of this process. Totals that others count go to the figures."""
        found: dict[str, float] = {}
        for source in self._sources:
            for name, value in source().items():
                if name.endswith(_TOTAL):
                    self._count_on(name.removesuffix(_TOTAL), value)
                elif name in _GAUGES:
                    found[_GAUGES[name][0]] = float(value)
                elif name.startswith(_PREFIXES):
                    found[name] = float(value)
        return found

    def _count_on(self, name: str, value: float) -> None:
        at = self._figures.place((name,))
        begun = self._begun.setdefault(name, self._figures.numbers[at])
        self._figures.numbers[at] = begun + value

    def _of_process(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for metric in self._process.collect():
            for sample in metric.samples:
                self._help[sample.name] = metric.documentation
                found[sample.name] = sample.value
        return found

    def _about(self, name: str, kind: str) -> list[str]:
        text = self._help.get(name, name.replace("_", " "))
        return [f"# HELP {name} {text}\n", f"# TYPE {name} {kind}\n"]

    def _counted(self) -> Iterable[list[str]]:
        """The lines of what was counted, family by family."""
        figures = self._figures.each()
        others = {name[0] for told in figures for name in told if len(name) == 1 and name[0].startswith(_PREFIXES)}
        series: dict[str, list[str]] = {
            family: self._about(family, "histogram") if about.bounds else self._about(f"{family}{_TOTAL}", "counter")
            for family, about in _FAMILIES.items()
        } | {family: self._about(f"{family}{_TOTAL}", "counter") for family in sorted(others)}
        for name, numbers in total(figures, series).items():
            heads = self._heads.get(name)
            if heads is None:
                heads = self._heads[name] = _heads(name)
            if len(numbers) > 1:
                *counts, summed = numbers
                numbers = [*accumulate(counts), sum(counts), summed]
            series[name[0]] += [f"{head}{number!r}\n" for head, number in zip(heads, numbers, strict=True)]
        return series.values()

    def __call__(self, event: Event) -> None:
        kind = type(event)
        if kind is ExchangeEnded:
            assert isinstance(event, ExchangeEnded)
            self._exchange(event)
        elif kind is AttemptEnded:
            assert isinstance(event, AttemptEnded)
            error = "" if event.fault is None else event.fault.kind.value
            self._figures.add(("aigw_attempts", self._names.provider(event.provider), error))
        elif kind is AttemptConnected:
            assert isinstance(event, AttemptConnected)
            self._figures.add(("aigw_attempt_connections", event.reach))
        elif kind is SessionEnded:
            assert isinstance(event, SessionEnded)
            self._session(event)
        elif kind is UpgradeRefused:
            assert isinstance(event, UpgradeRefused)
            self._figures.add(("aigw_refused", str(event.status), str(event.code)))
        elif kind is ConnectionRefused:
            self._figures.add(("aigw_refused", "", ""))
        elif kind is RequestDenied:
            assert isinstance(event, RequestDenied)
            self._figures.add(("aigw_denied", self._names.provider(event.provider), str(event.status)))
        if self._then is not None:
            self._then(event)

    def _exchange(self, event: ExchangeEnded) -> None:
        who, series = self._of(event)
        error = "" if event.fault is None else event.fault.kind.value
        self._figures.add(("aigw_exchanges", *who, event.how, error))
        self._observe(series.duration, _SECONDS, event.duration_s)
        if event.cached:
            self._figures.add(("aigw_cached_exchanges", *who))
        if event.first_content_s is not None:
            self._observe(series.first_content, _SECONDS, event.first_content_s)
        self._used(event, who, series)

    def _session(self, event: SessionEnded) -> None:
        add = self._figures.add
        add(("aigw_sessions", f"{event.account}/{event.gateway}", event.mode, close_code(event.code)))
        self._observe(self._histogram("aigw_session_duration_seconds", event.mode), _LONG_SECONDS, event.duration_s)
        if event.mode == "realtime":
            who, series = self._of(event)
            add(("aigw_realtime_messages", who[1], "received"), event.messages_received)
            add(("aigw_realtime_messages", who[1], "sent"), event.messages_sent)
            self._used(event, who, series)

    def _histogram(self, family: str, *labels: str) -> int:
        """The place of the counts of its buckets. The last bucket has no bound; the sum stands behind it."""
        return self._figures.place((family, *labels), len(_FAMILIES[family].bounds) + 2)

    def _observe(self, histogram: int, bounds: tuple[float, ...], value: float) -> None:
        numbers = self._figures.numbers
        numbers[histogram + bisect_left(bounds, value)] += 1
        numbers[histogram + len(bounds) + 1] += value

    def _of(self, event: ExchangeEnded | SessionEnded) -> tuple[tuple[str, str, str], _Series]:
        provider = self._names.provider(event.provider)
        model = self._names.model(provider, event.request_model, answered=is_answered(event))
        who = f"{event.account}/{event.gateway}", provider, model
        series = self._series.get(who)
        if series is None:
            series = self._series[who] = _Series(
                duration=self._histogram("aigw_exchange_duration_seconds", *who),
                first_content=self._histogram("aigw_first_content_seconds", *who),
                tokens_in=self._figures.place(("aigw_tokens", *who, "input")),
                tokens_out=self._figures.place(("aigw_tokens", *who, "output")),
                cost=self._figures.place(("aigw_cost", *who)),
            )
        return who, series

    def _used(self, event: ExchangeEnded | SessionEnded, who: tuple[str, str, str], series: _Series) -> None:
        numbers = self._figures.numbers
        if event.cost:
            numbers[series.cost] += event.cost
        usage = event.usage
        if usage is None:
            return
        if usage.input_tokens:
            numbers[series.tokens_in] += usage.input_tokens
        if usage.output_tokens:
            numbers[series.tokens_out] += usage.output_tokens
        for count, name in (
            (usage.cache_read_input_tokens, "cache_read"),
            (usage.cache_creation_input_tokens, "cache_creation"),
            (usage.reasoning_output_tokens, "reasoning"),
        ):
            if count:
                self._figures.add(("aigw_tokens", *who, name), count)


def _heads(name: Name) -> list[str]:
    """The beginnings of the lines of a series. Of a histogram: of its buckets, their count, and the sum."""
    family, *values = name
    about = _FAMILIES.get(family)
    labels = dict(zip(() if about is None else about.labels, values, strict=True))
    if about is None or not about.bounds:
        return [_head(f"{family}{_TOTAL}", labels)]
    bounds = [*(str(float(bound)) for bound in about.bounds), "+Inf"]
    buckets = [_head(f"{family}_bucket", labels | {"le": bound}) for bound in bounds]
    return [*buckets, _head(f"{family}_count", labels), _head(f"{family}_sum", labels)]


def _head(name: str, labels: Mapping[str, str]) -> str:
    shown = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in sorted(labels.items()))
    return f"{name}{{{shown}}} " if shown else f"{name} "
