"""Percentiles of many times, in bounded memory.

Decides: how exact they are. Must not know: what is measured.

Of up to 4,096 times they are the times themselves, by the nearest rank. Of more, times are counted in buckets, each at
most 1/256 as wide as what is in it: then a percentile is the middle of its bucket, within 0.2 %.
"""

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from math import ceil, frexp, ldexp
from typing import Final

_EXACT: Final = 4096
_PARTS: Final = 512  # of a power of two; frexp gives from 1/2 on, so 256 of them are used


class Quantiles:
    """Times that are added one after the other. ``None`` is none."""

    __slots__ = ("_buckets", "_values")

    def __init__(self) -> None:
        self._values: list[float] = []  # those that stand in no bucket yet
        self._buckets: Counter[int] = Counter()

    def add(self, value: float | None) -> None:
        """One more time, at least 0."""
        if value is not None:
            self._values.append(value)
            if len(self._values) > _EXACT:
                self._fold()

    def __len__(self) -> int:
        return len(self._values) + self._buckets.total()

    def at(self, *percents: float) -> list[float | None]:
        """The percentiles, each ``None`` if there are no times. More times may be added."""
        count = len(self)
        if not count:
            return [None] * len(percents)
        if not self._buckets:
            exact = sorted(self._values)
            return [exact[_rank(percent, count) - 1] for percent in percents]
        self._fold()
        keys = sorted(self._buckets)
        sums = list(accumulate(self._buckets[key] for key in keys))
        return [_middle(keys[bisect_left(sums, _rank(percent, count))]) for percent in percents]

    def _fold(self) -> None:
        self._buckets.update(map(_bucket, self._values))
        self._values = []


def _rank(percent: float, count: int) -> int:
    return max(1, ceil(percent * count / 100))


def _bucket(value: float) -> int:
    part, power = frexp(value)
    return power * _PARTS + int(part * _PARTS)


def _middle(bucket: int) -> float:
    power, part = divmod(bucket, _PARTS)
    return float(f"{ldexp((part + 0.5) / _PARTS, power):.4g}") if part else 0.0
