"""Stores for tests: real servers, started for a test and ended with it."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers import processes

#: Servers of stores that may be on this machine.
SERVERS = ("redis-server", "valkey-server")


def missing(server: str) -> str | None:
    """Why ``server`` cannot be started; ``None`` if it can."""
    return None if shutil.which(server) else f"{server} is not installed"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def store_server(folder: Path, *options: str, server: str = "redis-server", port: int | None = None) -> Iterator[int]:
    """A server on this machine that keeps nothing on disk. Gives its port."""
    port = port or free_port()
    command = [server, "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"]
    listens = [] if "--tls-port" in options else ["--port", str(port)]
    process = processes.start([*command, *listens, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wanted = int(options[options.index("--tls-port") + 1]) if "--tls-port" in options else port
        _await_listener(wanted, process)
        yield wanted
    finally:
        process.kill()
        process.wait()


def _await_listener(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended at once"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the server does not listen")
