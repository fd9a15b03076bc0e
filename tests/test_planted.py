"""Faults planted in the core, one at a time: the transcripts and the world find every one of them."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.planted import FAULTS, HANG_SECONDS, SOURCE

ROOT = Path(__file__).parent.parent


def hunt(number: int) -> str:
    command = [sys.executable, "-m", "tests.planted", str(number)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG_SECONDS, cwd=ROOT)
    except subprocess.TimeoutExpired:
        return "hangs"
    return done.stdout.strip() or done.stderr[-2000:]


@pytest.fixture(scope="module")
def hunts() -> Iterator[list["Future[str]"]]:
    with ThreadPoolExecutor(2) as pool:
        yield [pool.submit(hunt, number) for number in range(len(FAULTS))]


def test_there_are_enough_and_each_stands_once_in_the_source() -> None:
    assert len(FAULTS) >= 20
    for fault in FAULTS:
        text = (SOURCE / f"{fault.module.replace('.', '/')}.py").read_text(encoding="utf-8")
        assert text.count(fault.old) == 1, fault.name


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[fault.name.replace(" ", "-") for fault in FAULTS])
def test_it_is_found(number: int, hunts: list["Future[str]"]) -> None:
    found = hunts[number].result()
    assert found
    assert "NOT FOUND" not in found
