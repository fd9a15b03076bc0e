"""Stores for tests: real servers, started for a test and ended with it."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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


@contextmanager
def store_cluster(folder: Path, nodes: int = 3, *, server: str = "redis-server") -> Iterator[list[int]]:
    """A cluster of so many servers that share all names out. Gives their ports, by what they have: the first third of
    all slots, the second, the last."""
    ports: list[int] = []
    with ExitStack() as stack:
        for number in range(nodes):
            own = folder / str(number)
            own.mkdir()
            options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--cluster-node-timeout", "2000"]
            ports.append(stack.enter_context(store_server(own, *options, server=server)))
        client = server.replace("server", "cli")
        made = processes.run([client, "--cluster", "create", *_addresses(ports), "--cluster-yes"], timeout=120)
        assert "All 16384 slots covered" in made.stdout, made.stdout + made.stderr
        for port in ports:  # each learns of it by itself
            for _ in range(1200):
                if "cluster_state:ok" in processes.run([client, "-p", str(port), "cluster", "info"]).stdout:
                    break
                time.sleep(0.05)
            else:
                raise AssertionError("the cluster is not whole")
        yield ports


def _addresses(ports: list[int]) -> list[str]:
    return [f"127.0.0.1:{port}" for port in ports]


def _await_listener(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended at once"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the server does not listen")
