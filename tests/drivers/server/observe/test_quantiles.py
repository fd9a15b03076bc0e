"""Percentiles of many times."""

import random

import pytest

from aigw_drivers.server.observe.quantiles import Quantiles


def quantiles(values: list[float | None]) -> Quantiles:
    found = Quantiles()
    for value in values:
        found.add(value)
    return found


@pytest.mark.parametrize(("values", "p50", "p95"), [
    ([], None, None),
    ([None, None], None, None),
    ([7.5], 7.5, 7.5),
    ([3.0, None, 1.0, 2.0], 2.0, 3.0),
    ([*map(float, range(1, 101))], 50.0, 95.0),
    ([0.0] * 9 + [5.0], 0.0, 5.0),
])  # fmt: skip
def test_those_of_few_are_exact(values: list[float | None], p50: float | None, p95: float | None) -> None:
    assert quantiles(values).at(50, 95) == [p50, p95]


@pytest.mark.parametrize("scale", [0.001, 1.0, 1e9])
def test_those_of_many_are_close(scale: float) -> None:
    chance = random.Random(7)
    values = sorted(chance.lognormvariate(3.0, 2.0) * scale for _ in range(30_000))
    found = quantiles([*values])
    assert len(found) == len(values)
    for percent in (0, 1, 50, 95, 99.9, 100):
        exact = values[max(0, round(percent * len(values) / 100) - 1)]
        assert found.at(percent)[0] == pytest.approx(exact, rel=0.0025)
    assert quantiles([0.0] * 5000 + [1.0]).at(50, 100) == [0.0, pytest.approx(1.0, rel=0.0025)]


def test_many_take_no_more_room_than_few() -> None:
    found = quantiles([float(number % 60_000) for number in range(200_000)])
    assert len(found._buckets) < 5_000
    assert len(found._values) <= 4096
