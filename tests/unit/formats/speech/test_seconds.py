"""Lengths of audio."""

import pytest

from aigw_sansio.formats.speech.seconds import seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [(2, 2.0), (0.5, 0.5), (0, 0.0), (-1, None), (True, None), ("2", None), (float("nan"), None), (10**400, None)],
)
def test_lengths(value: object, expected: float | None) -> None:
    assert seconds(value) == expected


def test_units() -> None:
    assert seconds(1500, 0.001) == 1.5
