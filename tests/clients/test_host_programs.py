"""The gateway under hosts that others wrote: each as a program of its own, which prints ``ok``.

Run with ``AIGW_CLIENTS=1`` in an environment with any of uvloop, uvicorn, hypercorn, Twisted, nbclient with ipykernel,
and pytest-asyncio; with and without sniffio, and with the oldest anyio that pyproject.toml allows. What is not installed
is skipped.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.rigs.host_programs import PATIENCE_S, PROGRAMS, ROOT

import aigw_drivers

pytestmark = pytest.mark.skipif(os.environ.get("AIGW_CLIENTS") != "1", reason="AIGW_CLIENTS=1 asks for it")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_gateway_under_a_host(name: str) -> None:
    for module in PROGRAMS[name][1]:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    paths = [str(ROOT), str(Path(aigw_drivers.__file__).parents[1])]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.rigs.host_programs", name],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
    )
    assert (ran.returncode, ran.stdout.splitlines()[-1:]) == (0, ["ok"]), ran.stdout + ran.stderr
