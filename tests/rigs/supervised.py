"""Supervisors, each in a process of its own: ``python -m tests.rigs.supervised toy MODE COUNT`` with workers that tell
every client who they are, ``... gateway BACKEND COUNT`` with whole gateways and the provider ``loopback``.

It prints the port when all workers are ready, and each toy prints its number and its process.
"""

import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import anyio
from tests.peers import processes

from aigw_drivers.server.serve import running
from aigw_drivers.server.service_manager import ServiceManager
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_drivers.server.slots import Slots
from aigw_drivers.server.supervisor import ALIVE, KEPT, READY, TAKEN, News, Place, Supervisor
from aigw_drivers.server.worker import work
from aigw_sansio import Config, Timeouts


class Supervised:
    """A supervisor of this module, or ``aigw serve``, as its parent sees it."""

    def __init__(self, process: "processes.subprocess.Popen[str]", port: int, output: IO[str]) -> None:
        self.process, self.port, self.output = process, port, output

    @property
    def workers(self) -> list[int]:
        """The children that are alive."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [
            int(pid) for pid in children if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        ]

    def until(self, count: int, *, without: int | None = None) -> list[int]:
        """Wait until there are so many workers, and none of them is ``without``."""
        for _ in range(12000):
            found = self.workers
            if len(found) == count and without not in found:
                return found
            time.sleep(0.01)
        raise AssertionError(f"the workers are {found}")

    def end(self, number: int) -> int:
        """Send a signal to the supervisor, and wait for its exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=120)

    def line(self, *, with_text: str) -> str:
        """The next line of output that has ``with_text`` in it."""
        for line in self.output:
            if with_text in line:
                return line
        raise AssertionError(f"the output ended without {with_text!r}")


@contextmanager
def supervised(*arguments: str, **environment: str) -> Iterator[Supervised]:
    """A supervisor of this module whose workers are ready."""
    with started(*arguments, **environment) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("port "))
        yield Supervised(process, int(line.split()[1]), process.stdout)


@contextmanager
def started(*arguments: str, **environment: str) -> Iterator["processes.subprocess.Popen[str]"]:
    """A supervisor of this module. At the end it is killed; its workers notice."""
    command = [sys.executable, "-m", "tests.rigs.supervised", *arguments]
    pipe = processes.subprocess.PIPE
    with processes.start(
        command, stdout=pipe, stderr=processes.subprocess.STDOUT, text=True, env={**os.environ, **environment}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


# -- toys -------------------------------------------------------------------------------------------------------------


def _toy(mode: str, place: Place, begun_with: str) -> int:
    told: list[int] = []
    handler = signal.SIG_IGN if mode == "deaf" else lambda number, frame: told.append(number)
    signal.signal(signal.SIGTERM, handler)
    if mode == "never":
        return 4
    if mode == "wrong":
        raise RuntimeError("a bug")
    print(f"worker {place.number} {os.getpid()} {place.alive_s}", flush=True)
    print(f"worker {place.number} begins with {begun_with}", flush=True)
    news = News()
    place.link.send(READY)
    if mode == "quick":
        time.sleep(0.2)
        return 3
    silent_since = time.monotonic() if mode == "silent" else None
    while not told:
        if place.alive_s is not None and (silent_since is None or place.number == 0):
            place.link.send(ALIVE)
        ready, _, _ = select.select([*place.sockets, place.link], [], [], 0.05)
        for sock in ready:
            if sock is place.link:
                if not (data := sock.recv(4096)):
                    return 5  # the supervisor is gone
                for item in news.feed(data):
                    print(f"worker {place.number} is told {item.decode()}", flush=True)
                    sock.send(_ANSWERS[mode][place.number])
                continue
            client, _ = sock.accept()
            client.sendall(f"{place.number} {os.getpid()}".encode())
            client.close()
    return 0


#: What each worker says to news, in the modes that have some; nothing: it hangs.
_ANSWERS = {"mixed": (TAKEN, KEPT), "refuse": (KEPT, KEPT), "hang": (b"", TAKEN)}


def ask(port: int) -> tuple[int, int]:
    """The number and the process of a toy that listens on ``port``."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as client:
        text = b"".join(iter(lambda: client.recv(100), b"")).decode()
    number, pid = text.split()
    return int(number), int(pid)


# -- gateways ---------------------------------------------------------------------------------------------------------


def _gateway(backend: str, place: Place) -> int:
    settings = Settings(config=Config(timeouts=Timeouts(drain_s=60)), server=ServerSettings(port=0))
    options = {"use_uvloop": True} if backend == "uvloop" else {}

    async def main() -> None:
        await work(place, lambda at: running(settings, loopback=True, sockets=at.sockets))

    anyio.run(main, backend="trio" if backend == "trio" else "asyncio", backend_options=options)
    return 0


def main(kind: str, *arguments: str) -> int:
    """Supervise."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    *how, count = arguments
    slots = Slots("127.0.0.1", 0, int(count))
    port = slots[0][0].getsockname()[1]

    in_force = ["old"]

    def work_at(place: Place) -> int:
        return _toy(how[0], place, in_force[-1]) if kind == "toy" else _gateway(how[0], place)

    def on_ready() -> None:
        print(f"port {port}", flush=True)

    return Supervisor(
        work_at,
        int(count),
        slots,
        manager=ServiceManager(os.environ),
        on_ready=on_ready,
        on_reload=(lambda: b"new") if how[0] in _ANSWERS else None,
        on_taken=lambda news: in_force.append(news.decode()),
        on_ended=lambda number: print(f"told of the end of worker {number}", flush=True),
    ).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
