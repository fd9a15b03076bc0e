"""Seeded chance and log ids: what RFC 9562 section 5.7 and a replay ask of them."""

import uuid
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.engine.seeded_random import (
    SeededRandom,
)


def test_the_same_seed_draws_the_same() -> None:
    first, second = SeededRandom(b"seed"), SeededRandom(b"seed")
    assert [first.bytes(n) for n in (1, 0, 63, 64, 65, 1000)] == [second.bytes(n) for n in (1, 0, 63, 64, 65, 1000)]
    assert first.uuid7(1.5) == second.uuid7(1.5)


@pytest.mark.parametrize("other", [b"", b"seed\0", b"Seed", b"x" * 1000])
def test_another_seed_draws_something_else(other: bytes) -> None:
    assert SeededRandom(b"seed").bytes(32) != SeededRandom(other).bytes(32)


@given(st.lists(st.integers(0, 200), max_size=30))
def test_cuts_do_not_matter(sizes: list[int]) -> None:
    chance = SeededRandom(b"cuts")
    pieces = [chance.bytes(n) for n in sizes]
    assert [len(piece) for piece in pieces] == sizes
    assert b"".join(pieces) == SeededRandom(b"cuts").bytes(sum(sizes))


def test_bytes_are_spread() -> None:
    counts = Counter(SeededRandom(b"spread").bytes(256 * 400))
    assert len(counts) == 256
    # 400 expected each, standard deviation 20: six of them either way
    assert min(counts.values()) > 280
    assert max(counts.values()) < 520


def test_draws_do_not_repeat() -> None:
    chance = SeededRandom(b"repeat")
    assert len({chance.bytes(8) for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("seconds", [0.0, 0.001, 1_700_000_000.123, 2**48 / 1000 - 1])
def test_uuid7_is_one(seconds: float) -> None:
    text = SeededRandom(b"uuid").uuid7(seconds)
    read = uuid.UUID(text)
    assert str(read) == text, "the usual form, in lower case"
    assert read.version == 7
    assert read.variant == uuid.RFC_4122
    assert read.int >> 80 == int(seconds * 1000)


def test_uuid7_sorts_by_time() -> None:
    chance = SeededRandom(b"sort")
    ids = [chance.uuid7(1_700_000_000 + step / 1000) for step in range(500)]
    assert ids == sorted(ids)


def test_uuid7_uses_all_its_random_bits() -> None:
    chance = SeededRandom(b"bits")
    ones = zeros = 0
    ids = [uuid.UUID(chance.uuid7(0)).int for _ in range(200)]
    assert len(set(ids)) == 200
    for value in ids:
        ones |= value
        zeros |= ~value
    random_bits = ((1 << 12) - 1) << 64 | (1 << 62) - 1
    assert ones & random_bits == random_bits
    assert zeros & random_bits == random_bits


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e15))
def test_uuid7_takes_any_clock(seconds: float) -> None:
    assert uuid.UUID(SeededRandom(b"any").uuid7(seconds)).version == 7
