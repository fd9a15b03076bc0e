"""Field cases: what providers really send, played against ``aigw serve`` with a real client.

The cases and their player are a folder apart. ``AIGW_CASES=FOLDER python -m pytest tests/clients/test_field_cases.py``
plays them all; the player exits with 0 if every case passed.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = os.environ.get("AIGW_CASES")

pytestmark = pytest.mark.skipif(FOLDER is None, reason="AIGW_CASES does not name the field cases")


def test_every_case() -> None:
    assert FOLDER is not None
    command = [
        sys.executable,
        str(Path(FOLDER) / "play.py"),
        f"--aigw={Path(sys.executable).with_name('aigw')}",
        "--quiet",
    ]
    played = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert played.returncode == 0, played.stdout[-8000:] + played.stderr[-2000:]
