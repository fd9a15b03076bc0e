"""Faults planted in the core, one at a time: the transcripts and the world find every one of them."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.peers.processes import start
from tests.rigs.compiled import needs_sources
from tests.world.mutants import FAULTS, SOURCE, Hunt

ROOT = Path(__file__).parents[2]
pytestmark = needs_sources


@pytest.fixture(scope="module")
def hunted() -> Iterator[Callable[[int], Hunt]]:
    """Waits for the hunt of a number. One process is started here, and it forks the others."""
    command = [sys.executable, "-m", "tests.world.mutants", "--json"]
    hunts: dict[int, Hunt] = {}
    with (
        tempfile.TemporaryFile("w+") as errors,
        start(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT) as process,
    ):

        def wait_for(number: int) -> Hunt:
            while number not in hunts:
                line = process.stdout.readline()
                if not line:
                    errors.seek(0)
                    pytest.fail(f"the hunts ended early: {errors.read()[-2000:]}")
                hunt = Hunt(**json.loads(line))
                hunts[hunt.number] = hunt
            return hunts[number]

        try:
            yield wait_for
        finally:
            process.kill()


def test_there_are_enough_and_each_stands_once_in_the_source() -> None:
    assert len(FAULTS) >= 20
    for fault in FAULTS:
        text = (SOURCE / f"{fault.module.replace('.', '/')}.py").read_text(encoding="utf-8")
        assert text.count(fault.old) == 1, fault.name


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[fault.name.replace(" ", "-") for fault in FAULTS])
def test_it_is_found(number: int, hunted: Callable[[int], Hunt]) -> None:
    hunt = hunted(number)
    assert hunt.found, hunt.said
