"""Timing of several ways to do one thing, in one run.

Decides: how rounds are interleaved and what is reported. Must not know: what is measured. Absolute figures depend on
the machine and on what else it does; the ratios of one run, taken in turn and as medians, hardly do.
"""

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Final

#: Shortest time that one round of one candidate should take, in seconds.
ROUND_S: Final = 0.05


def once(function: Callable[[], object], number: int) -> float:
    """Seconds that ``number`` calls of ``function`` take, without garbage collection."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(number):
            function()
        return time.perf_counter() - start
    finally:
        if collecting:
            gc.enable()


def calls_for(function: Callable[[], object], seconds: float = ROUND_S) -> int:
    """How many calls of ``function`` take about ``seconds``; at least one."""
    number = 1
    while True:
        taken = once(function, number)
        if taken >= seconds / 2:
            return max(1, round(number * seconds / taken))
        number *= 2 if taken <= 0 else max(2, min(16, int(seconds / taken)))


def compare(
    candidates: Mapping[str, Callable[[], object]], rounds: int = 7, *, per_call: int = 1, round_s: float = ROUND_S
) -> dict[str, float]:
    """Median nanoseconds per item of each candidate.

    Every round runs every candidate once, in turn, so that a slow moment of the machine touches all of them.
    ``per_call``: how many items one call handles.
    """
    numbers = {name: calls_for(function, round_s) for name, function in candidates.items()}
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, function in candidates.items():
            samples[name].append(once(function, numbers[name]) / numbers[name])
    return {name: statistics.median(taken) * 1e9 / per_call for name, taken in samples.items()}


def print_table(title: str, results: Mapping[str, float], *, baseline: str | None = None, unit: str = "ns") -> None:
    """Print ``results`` with each one's ratio to ``baseline`` (by default the first): 2.0x takes twice as long."""
    base = results[baseline if baseline is not None else next(iter(results))]
    width = max(len(name) for name in results)
    print(title)
    for name, value in results.items():
        ratio = value / base if base else float("inf")
        print(f"  {name:<{width}}  {value:>12,.0f} {unit}  {ratio:>7.2f}x")
    print()
