"""Runs a fuzz target: under atheris if it is installed, else with Hypothesis.

A script names ``target(data: bytes)``, which raises if its invariant breaks, and ``SEEDS``, inputs worth varying.
From the root of the repository: ``python -m fuzz.fuzz_sse --seconds 60``.
"""

import argparse
import importlib
import importlib.util
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Target = Callable[[bytes], None]

# Sizes of the reads that an input may ask for: one by one, odd ones, a typical one, all at once.
STEPS = (1, 2, 3, 7, 61, 1 << 30)


def cut(data: bytes) -> tuple[bytes, list[bytes]]:
    """An input as ``(body, reads)``: its first byte says how the rest is cut."""
    if not data:
        return b"", []
    body = data[1:]
    step = STEPS[data[0] % len(STEPS)]
    return body, [body[start : start + step] for start in range(0, len(body), step)]


def seeded(*bodies: bytes) -> list[bytes]:
    """``bodies`` as inputs, each with another way of cutting."""
    return [bytes([number % len(STEPS)]) + body for number, body in enumerate(bodies)]


def _edited(seed: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    for what, place, piece in edits:
        at = place % (len(seed) + 1)
        if what == "insert":
            seed = seed[:at] + piece + seed[at:]
        elif what == "delete":
            seed = seed[:at] + seed[at + len(piece) + 1 :]
        elif what == "replace":
            seed = seed[:at] + piece + seed[at + len(piece) :]
        else:
            seed = seed[:at] + seed[max(0, at - 16) :]
    return seed


def inputs(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Any bytes, and the seeds with a few edits."""
    anything = st.binary(max_size=256)
    if not seeds:
        return anything
    edits = st.tuples(
        st.sampled_from(("insert", "delete", "replace", "repeat")), st.integers(0, 4096), st.binary(max_size=4)
    )
    return st.one_of(st.builds(_edited, st.sampled_from(list(seeds)), st.lists(edits, max_size=4)), anything)


def run(target: Target, seeds: Sequence[bytes], *, examples: int, seed: int | None = None) -> None:
    """All of ``seeds`` as they are, then ``examples`` inputs that Hypothesis makes. The same each time, unless a
    ``seed`` is given. Raises what ``target`` raises for the smallest input found."""
    for data in seeds:
        target(data)

    @settings(
        max_examples=examples,
        derandomize=seed is None,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(seeds))
    def check(data: bytes) -> None:
        target(data)

    if seed is not None:
        import hypothesis

        check = hypothesis.seed(seed)(check)
    check()


def _run_atheris(target: Target, seeds: Sequence[bytes], seconds: float) -> None:
    atheris = importlib.import_module("atheris")
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(seeds):
            Path(corpus, f"seed{number}").write_bytes(data)
        atheris.Setup([sys.argv[0], corpus, f"-max_total_time={max(1, round(seconds))}"], target)
        atheris.Fuzz()


def main(target: Target, seeds: Sequence[bytes]) -> None:
    """The command line of a script: ``--seconds N``, 5 by default."""
    parser = argparse.ArgumentParser(description=(sys.modules["__main__"].__doc__ or "").strip().split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to look for a failure")
    seconds: float = parser.parse_args().seconds
    if importlib.util.find_spec("atheris") is not None:
        _run_atheris(target, seeds, seconds)
        return
    until = time.monotonic() + seconds
    rounds = 0
    while time.monotonic() < until:
        run(target, seeds, examples=200, seed=random.getrandbits(64))
        rounds += 1
    print(f"nothing found in {rounds * 200} inputs")
