"""The operator's page: what a gateway does now, and did in the last minutes.

Decides: what the page shows, and over which time. Must not know: who may see it, and how it is drawn
(``assets``, which are static files).

It shows no content and no address: numbers, names of gateways, providers and models, kinds of errors, and ids.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from aigw_sansio import (
    AttemptEnded,
    AttemptStarted,
    ConnectionRefused,
    Event,
    ExchangeEnded,
    Page,
    RequestAdmitted,
    SessionEnded,
    SessionOpened,
    Side,
    UpgradeRefused,
    __version__,
)

from .figures import Figures, Told, total
from .fresh import fresh
from .names import Names

#: Seconds of the curve, and of what counts as recent.
WINDOW_S: Final = 300
#: Exchanges whose times are kept for percentiles.
_TIMES: Final = 1000
#: Rows of a list of what is open.
MOST_ROWS: Final = 50
#: A provider with fewer attempts is not judged.
_FEWEST: Final = 5
_ASSETS: Final = Path(__file__).with_name("assets")
#: What is at each address, and its type.
_FILES: Final = {
    "": ("index.html", "text/html; charset=utf-8"),
    "style.css": ("style.css", "text/css; charset=utf-8"),
    "script.js": ("script.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
EVENTS: Final = "events"
#: Names of figures.
_TOTAL: Final = "page total"
_ERROR: Final = "page error"
_CURVE: Final = ("page curve",)
_SINCE: Final = ("page since",)
#: What is counted since the server began.
_TOTALS: Final = {
    "exchanges": int,
    "failed": int,
    "cached": int,
    "refused": int,
    "tokens_in": int,
    "tokens_out": int,
    "cost": float,
}
_OPEN: Final = ("sessions", "exchanges", "waiting_calls", "upstream_connections", "send_buffer_bytes")


class _Provider:
    """What a provider did lately."""

    __slots__ = ("attempts", "last_error", "last_error_at")

    def __init__(self) -> None:
        self.attempts: deque[tuple[float, bool, float]] = deque(maxlen=_TIMES)  # when, whether it failed, seconds
        self.last_error: str | None = None
        self.last_error_at = 0.0


class _Health(msgspec.Struct):
    """What one process knows of a provider's last minutes."""

    attempts: int
    failed: int
    good: list[float]  # seconds
    last_error: str | None
    last_error_at: float


class _Row(msgspec.Struct):
    """A line of what is open."""

    id: str
    age_s: float
    gateway: str
    mode: str
    provider: str
    attempts: int


class _Part(msgspec.Struct):
    """What one process knows of now and of the last minutes. All else is in figures, which all can read."""

    open: dict[str, float]
    whole: list[float]  # seconds
    first: list[float]
    providers: dict[str, _Health]
    exchanges: list[_Row]
    sessions: list[_Row]


class _Live(msgspec.Struct):
    """An exchange or a session that is open."""

    id: str
    since: float
    gateway: str
    mode: str
    provider: str = ""
    attempts: int = 0


class OperatorPage:
    """Give it to a driver as ``on_event``; ``then`` is called with each event afterwards. :meth:`answer` is what the
    core asks for."""

    def __init__(
        self,
        then: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.time,
        *,
        figures: Figures | None = None,
        worker: int | None = None,
    ) -> None:
        """``clock``: Unix time, in seconds. ``figures``: where it counts; with workers they are those of all of them.
        ``worker``: the number of this one."""
        self._then = then
        self._clock = clock
        self._figures = Figures() if figures is None else figures
        self._prefix = "" if worker is None else f"{worker}/"
        self._names = Names()
        self._times: deque[tuple[float, float, float | None]] = deque(maxlen=_TIMES)  # when, whole, first content
        self._providers: dict[str, _Provider] = {}
        self._exchanges: dict[str, _Live] = {}
        self._sessions: dict[int, _Live] = {}
        self._totals = {name: self._figures.place((_TOTAL, name)) for name in _TOTALS}
        self._curve = self._figures.place(_CURVE, 3 * WINDOW_S)  # of each second: when, exchanges, failed ones
        since = self._figures.place(_SINCE)
        self._figures.numbers[since] = self._figures.numbers[since] or clock()
        self._snapshots: list[Callable[[], Mapping[str, float]]] = []
        self._made: tuple[float, bytes] | None = None
        self._made_part: tuple[float, bytes] | None = None

    def watch(self, snapshot: Callable[[], Mapping[str, float]]) -> None:
        """Show numbers of what is open now, whenever somebody looks."""
        self._snapshots.append(snapshot)

    def answer(self, name: str, parts: Sequence[bytes] = ()) -> Page | None:
        """What is at ``name`` of the page; ``None``: nothing. ``parts``: of the other workers."""
        if name == EVENTS:
            return Page(self.state(parts), "application/json")
        found = _FILES.get(name)
        return None if found is None else Page((_ASSETS / found[0]).read_bytes(), found[1])

    def __call__(self, event: Event) -> None:
        kind = type(event)
        if kind is ExchangeEnded:
            assert isinstance(event, ExchangeEnded)
            self._exchange_ended(event)
        elif kind is RequestAdmitted:
            assert isinstance(event, RequestAdmitted)
            name = f"{event.account}/{event.gateway}"
            self._exchanges[event.log_id] = _Live(id=event.log_id, since=self._clock(), gateway=name, mode="exchange")
        elif kind is AttemptStarted:
            assert isinstance(event, AttemptStarted)
            if (live := self._exchanges.get(event.log_id)) is not None:
                live.provider, live.attempts = event.provider, event.attempt
        elif kind is AttemptEnded:
            assert isinstance(event, AttemptEnded)
            self._attempt_ended(event)
        elif kind is SessionOpened:
            assert isinstance(event, SessionOpened)
            self._sessions[event.session] = _Live(
                id=str(event.session),
                since=self._clock(),
                gateway=f"{event.account}/{event.gateway}",
                mode=event.mode,
                provider=event.provider or "",
            )
        elif kind is SessionEnded:
            assert isinstance(event, SessionEnded)
            self._sessions.pop(event.session, None)
            if event.mode == "realtime":
                self._used(event)
        elif kind is UpgradeRefused or kind is ConnectionRefused:
            self._count("refused")
        if self._then is not None:
            self._then(event)

    def _exchange_ended(self, event: ExchangeEnded) -> None:
        now = self._clock()
        self._exchanges.pop(event.log_id, None)
        at, numbers = self._curve + 3 * (int(now) % WINDOW_S), self._figures.numbers
        if numbers[at] != int(now):
            numbers[at], numbers[at + 1], numbers[at + 2] = int(now), 0, 0
        numbers[at + 1] += 1
        self._count("exchanges")
        self._count("cached", event.cached)
        if event.fault is not None:
            numbers[at + 2] += 1
            self._count("failed")
            self._figures.add((_ERROR, event.fault.kind.value))
        else:
            self._times.append((now, event.duration_s, event.first_content_s))
        self._used(event)

    def _attempt_ended(self, event: AttemptEnded) -> None:
        fault, name = event.fault, self._names.provider(event.provider)
        if fault is not None and fault.side is not Side.PROVIDER:
            return  # a client that leaves is no failure of a provider
        provider = self._providers.get(name)
        if provider is None:
            provider = self._providers[name] = _Provider()
        now = self._clock()
        provider.attempts.append((now, fault is not None, event.after_s))
        if fault is not None:
            provider.last_error, provider.last_error_at = fault.kind.value, now

    def _used(self, event: ExchangeEnded | SessionEnded) -> None:
        if event.usage is not None:
            self._count("tokens_in", event.usage.input_tokens or 0)
            self._count("tokens_out", event.usage.output_tokens or 0)
        self._count("cost", event.cost or 0.0)

    def _count(self, total: str, amount: float = 1) -> None:
        self._figures.numbers[self._totals[total]] += amount

    # -- what is shown ------------------------------------------------------------------------------------------

    @property
    def made(self) -> bytes | None:
        """The state, if it was made less than half a second ago."""
        return fresh(self._made, self._clock())

    def state(self, parts: Sequence[bytes] = ()) -> bytes:
        """All that the page shows, as JSON; ``parts``: of the other workers. It is made at most twice a second, however
        many look."""
        now = self._clock()
        if (made := fresh(self._made, now)) is None:
            made = msgspec.json.encode(self._state(now, [_DECODER.decode(part) for part in parts]))
            self._made = now, made
        return made

    def part(self) -> bytes:
        """What :meth:`state` of another worker needs to tell of this one."""
        now = self._clock()
        if (made := fresh(self._made_part, now)) is None:
            made = msgspec.msgpack.encode(self._part(now))
            self._made_part = now, made
        return made

    def _part(self, now: float) -> _Part:
        snapshot = dict(pair for source in self._snapshots for pair in source().items())
        since = now - WINDOW_S
        recent = [one for one in self._times if one[0] >= since]
        return _Part(
            open={name: snapshot.get(name, 0) for name in _OPEN},
            whole=[whole for _, whole, _ in recent],
            first=[first for _, _, first in recent if first is not None],
            providers={name: _health(one, since) for name, one in self._providers.items()},
            exchanges=_rows(self._exchanges.values(), now),
            sessions=_rows(self._sessions.values(), now, self._prefix),
        )

    def _state(self, now: float, others: Sequence[_Part]) -> dict[str, object]:
        parts = [self._part(now), *others]
        figures = self._figures.each()
        counted = total(figures, (_TOTAL, _ERROR))
        errors = {name[1]: int(number) for name, (number,) in counted.items() if name[0] == _ERROR}
        providers: dict[str, list[_Health]] = {}
        for part in parts:
            for name, health in part.providers.items():
                providers.setdefault(name, []).append(health)
        return {
            "version": __version__,
            "now": now,
            "up_s": round(now - min(since for told in figures if (since := told.get(_SINCE, (0.0,))[0]))),
            "open": {name: sum(part.open[name] for part in parts) for name in _OPEN},
            "totals": {name: _TOTALS[name](counted[_TOTAL, name][0]) for name in _TOTALS},
            "curve": _curve(figures, int(now)),
            "duration": _percentiles([seconds for part in parts for seconds in part.whole]),
            "first_content": _percentiles([seconds for part in parts for seconds in part.first]),
            "errors": sorted(errors.items(), key=lambda pair: -pair[1]),
            "providers": [_shown(name, found, now) for name, found in sorted(providers.items())],
            "exchanges": _oldest([row for part in parts for row in part.exchanges]),
            "sessions": _oldest([row for part in parts for row in part.sessions]),
        }


def _curve(figures: Sequence[Told], now: int) -> list[tuple[int, int]]:
    """Exchanges, and failed ones, of each of the last seconds but the one that runs; the oldest first."""
    found = dict.fromkeys(range(now - WINDOW_S, now), (0, 0))
    for told in figures:
        ring = told.get(_CURVE, ())
        for at, exchanges, failed in zip(ring[::3], ring[1::3], ring[2::3], strict=True):
            if (before := found.get(int(at))) is not None:
                found[int(at)] = before[0] + int(exchanges), before[1] + int(failed)
    return [*found.values()]


def _health(provider: _Provider, since: float) -> _Health:
    recent = [one for one in provider.attempts if one[0] >= since]
    return _Health(
        attempts=len(recent),
        failed=sum(one[1] for one in recent),
        good=[one[2] for one in recent if not one[1]],
        last_error=provider.last_error,
        last_error_at=provider.last_error_at,
    )


def _shown(name: str, found: Sequence[_Health], now: float) -> dict[str, object]:
    """How a provider does, as all workers together know it."""
    attempts, failed = sum(one.attempts for one in found), sum(one.failed for one in found)
    last = max(found, key=lambda one: one.last_error_at)
    if attempts < _FEWEST:
        health = "few requests" if attempts else "idle"
    elif failed * 2 > attempts:
        health = "failing"
    else:
        health = "degraded" if failed * 20 > attempts else "healthy"
    return {
        "name": name,
        "health": health,
        "attempts": attempts,
        "failed": failed,
        "median_s": _percentiles([seconds for one in found for seconds in one.good])["p50"],
        "last_error": last.last_error,
        "last_error_ago_s": None if last.last_error is None else round(now - last.last_error_at),
    }


def _percentiles(values: list[float]) -> dict[str, float | None]:
    """The 50th, 95th and 99th percentile, by the nearest rank."""
    ordered = sorted(values)
    if not ordered:
        return {"p50": None, "p95": None, "p99": None}
    last = len(ordered) - 1
    return {f"p{part}": round(ordered[min(last, len(ordered) * part // 100)], 4) for part in (50, 95, 99)}


def _rows(live: Iterable[_Live], now: float, prefix: str = "") -> list[_Row]:
    """The oldest: those that hang are among them."""
    return [
        _Row(
            id=prefix + one.id,
            age_s=round(now - one.since, 1),
            gateway=one.gateway,
            mode=one.mode,
            provider=one.provider,
            attempts=one.attempts,
        )
        for one in islice(live, MOST_ROWS)
    ]


def _oldest(rows: list[_Row]) -> list[_Row]:
    return sorted(rows, key=lambda row: -row.age_s)[:MOST_ROWS]


_DECODER: Final = msgspec.msgpack.Decoder(_Part)
