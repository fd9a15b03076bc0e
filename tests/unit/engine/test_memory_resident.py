"""What the guard counts is what the process takes: attacks on memory, each in a process of its own.

With the default of ``aigw serve``, half of the memory there is, a process stays within all of it: it may grow to the
limit, a little above it, and by what the guard does not see.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.rigs.resident import ATTACKS, MIB

ROOT = Path(__file__).parents[3]
LIMIT = 8 * MIB

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")


@pytest.mark.parametrize("name", ATTACKS)
def test_the_process_grows_no_more_than_what_is_counted(name: str) -> None:
    command = [sys.executable, "-m", "tests.rigs.resident", name, str(LIMIT)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    grown, counted = map(int, done.stdout.split())
    assert LIMIT <= counted <= LIMIT + LIMIT // 8 + MIB, "it stops at the limit"
    assert grown <= counted + counted // 4 + 4 * MIB
