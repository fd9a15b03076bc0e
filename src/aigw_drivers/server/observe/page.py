"""The operator's page: what a gateway does now, and did in the last minutes.

Decides: what the page shows, and over which time. Must not know: who may see it, and how it is drawn
(``assets``, which are static files).

It shows no content and no address: numbers, names of gateways, providers and models, kinds of errors, and ids.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
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
}
EVENTS: Final = "events"
_OPEN: Final = ("sessions", "exchanges", "waiting_calls", "upstream_connections", "send_buffer_bytes")


class _Second:
    """What ended in one second."""

    __slots__ = ("at", "exchanges", "failed")

    def __init__(self, at: int) -> None:
        self.at = at
        self.exchanges = self.failed = 0


class _Provider:
    """What a provider did lately."""

    __slots__ = ("attempts", "last_error", "last_error_at")

    def __init__(self) -> None:
        self.attempts: deque[tuple[float, bool, float]] = deque(maxlen=_TIMES)  # when, whether it failed, seconds
        self.last_error: str | None = None
        self.last_error_at = 0.0


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

    def __init__(self, then: Callable[[Event], None] | None = None, clock: Callable[[], float] = time.time) -> None:
        """``clock``: Unix time, in seconds."""
        self._then = then
        self._clock = clock
        self._started = clock()
        self._names = Names()
        self._seconds: deque[_Second] = deque(maxlen=WINDOW_S)
        self._times: deque[tuple[float, float, float | None]] = deque(maxlen=_TIMES)  # when, whole, first content
        self._errors: dict[str, int] = {}
        self._providers: dict[str, _Provider] = {}
        self._exchanges: dict[str, _Live] = {}
        self._sessions: dict[int, _Live] = {}
        self._totals = {
            "exchanges": 0,
            "failed": 0,
            "cached": 0,
            "refused": 0,
            "tokens_in": 0,
            "tokens_out": 0,
            "cost": 0.0,
        }
        self._snapshots: list[Callable[[], Mapping[str, float]]] = []
        self._made: tuple[float, bytes] | None = None

    def watch(self, snapshot: Callable[[], Mapping[str, float]]) -> None:
        """Show numbers of what is open now, whenever somebody looks."""
        self._snapshots.append(snapshot)

    def answer(self, name: str) -> Page | None:
        """What is at ``name`` of the page; ``None``: nothing."""
        if name == EVENTS:
            return Page(self.state(), "application/json")
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
            self._totals["refused"] += 1
        if self._then is not None:
            self._then(event)

    def _exchange_ended(self, event: ExchangeEnded) -> None:
        now, totals = self._clock(), self._totals
        self._exchanges.pop(event.log_id, None)
        second = self._second(now)
        second.exchanges += 1
        totals["exchanges"] += 1
        totals["cached"] += event.cached
        if event.fault is not None:
            kind = event.fault.kind.value
            second.failed += 1
            totals["failed"] += 1
            self._errors[kind] = self._errors.get(kind, 0) + 1
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
            self._totals["tokens_in"] += event.usage.input_tokens or 0
            self._totals["tokens_out"] += event.usage.output_tokens or 0
        self._totals["cost"] += event.cost or 0.0

    def _second(self, now: float) -> _Second:
        at = int(now)
        if not self._seconds or self._seconds[-1].at != at:
            self._seconds.append(_Second(at))
        return self._seconds[-1]

    # -- what is shown ------------------------------------------------------------------------------------------

    def state(self) -> bytes:
        """All that the page shows, as JSON. It is made at most twice a second, however many look."""
        now = self._clock()
        if self._made is None or not 0 <= now - self._made[0] < 0.5:
            self._made = now, msgspec.json.encode(self._state(now))
        return self._made[1]

    def _state(self, now: float) -> dict[str, object]:
        snapshot = dict(pair for source in self._snapshots for pair in source().items())
        since = now - WINDOW_S
        recent = [one for one in self._times if one[0] >= since]
        return {
            "version": __version__,
            "now": now,
            "up_s": round(now - self._started),
            "open": {name: snapshot.get(name, 0) for name in _OPEN},
            "totals": self._totals,
            "curve": self._curve(int(now)),
            "duration": _percentiles([whole for _, whole, _ in recent]),
            "first_content": _percentiles([first for _, _, first in recent if first is not None]),
            "errors": sorted(self._errors.items(), key=lambda pair: -pair[1]),
            "providers": [self._health(name, one, since, now) for name, one in sorted(self._providers.items())],
            "exchanges": _rows(self._exchanges.values(), now),
            "sessions": _rows(self._sessions.values(), now),
        }  # fmt: skip

    def _curve(self, now: int) -> list[tuple[int, int]]:
        """Exchanges, and failed ones, of each of the last seconds but the one that runs; the oldest first."""
        found = {one.at: (one.exchanges, one.failed) for one in self._seconds}
        return [found.get(at, (0, 0)) for at in range(now - WINDOW_S, now)]

    def _health(self, name: str, provider: _Provider, since: float, now: float) -> dict[str, object]:
        recent = [one for one in provider.attempts if one[0] >= since]
        failed = sum(one[1] for one in recent)
        good = [one[2] for one in recent if not one[1]]
        if len(recent) < _FEWEST:
            health = "few requests" if recent else "idle"
        elif failed * 2 > len(recent):
            health = "failing"
        else:
            health = "degraded" if failed * 20 > len(recent) else "healthy"
        return {
            "name": name,
            "health": health,
            "attempts": len(recent),
            "failed": failed,
            "median_s": _percentiles(good)["p50"],
            "last_error": provider.last_error,
            "last_error_ago_s": None if provider.last_error is None else round(now - provider.last_error_at),
        }


def _percentiles(values: list[float]) -> dict[str, float | None]:
    """The 50th, 95th and 99th percentile, by the nearest rank."""
    ordered = sorted(values)
    if not ordered:
        return {"p50": None, "p95": None, "p99": None}
    last = len(ordered) - 1
    return {f"p{part}": round(ordered[min(last, len(ordered) * part // 100)], 4) for part in (50, 95, 99)}


def _rows(live: Iterable[_Live], now: float) -> list[dict[str, object]]:
    """The oldest: those that hang are among them."""
    rows: list[dict[str, object]] = []
    for one in live:
        if len(rows) == MOST_ROWS:
            break
        rows.append(
            {
                "id": one.id,
                "age_s": round(now - one.since, 1),
                "gateway": one.gateway,
                "mode": one.mode,
                "provider": one.provider,
                "attempts": one.attempts,
            }
        )
    return rows
