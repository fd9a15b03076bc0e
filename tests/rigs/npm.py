"""Packages of npm for tests, in a folder of their own."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest


def npm_folder(factory: pytest.TempPathFactory, *packages: str) -> Path:
    """A new folder in which ``packages`` are installed; the tests are skipped if they cannot be."""
    if shutil.which("npm") is None:
        pytest.skip(f"npm is not installed; it brings {', '.join(packages)}")
    folder = factory.mktemp("node")
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *packages]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if result.returncode:
        pytest.skip(f"npm cannot install {', '.join(packages)}: {result.stderr[-200:]}")
    return folder


async def run_node(script: Path, *arguments: str) -> Any:
    """What ``script`` writes to its standard output, which is JSON."""
    result = await anyio.run_process(["node", str(script), *arguments], check=False)
    assert result.returncode == 0, result.stderr.decode()
    return json.loads(result.stdout)
