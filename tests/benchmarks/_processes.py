"""Child processes for benchmarks over sockets: start, wait until ready, read their CPU time and memory (Linux)."""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from aigw_sansio.wires.websocket.events import PingReceived
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.messages import TextMessage, WebSocketWire

_UPGRADE = (
    b"GET /v1/local/default HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Child:
    """A running module of ours."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self.port = port
        self._process = process

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def cpu_s(self) -> float:
        """CPU seconds so far, user and system, all threads."""
        total = 0
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def rss_bytes(self) -> int:
        """Resident memory now."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def leave_core(core: int) -> None:
    """Run on every core but ``core``, on which the process under test is to be alone."""
    if (others := os.sched_getaffinity(0) - {core}) and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, others)


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """What every benchmark over sockets may be told; ``doc`` is what ``--help`` prints."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    return parser


def is_quick(doc: str | None) -> bool:
    """Whether the command line says ``--quick``."""
    return bool(arguments(doc).parse_args().quick)


def add_beside(parser: argparse.ArgumentParser) -> None:
    """Let the command line name a second environment to measure."""
    parser.add_argument(
        "--beside", metavar="PYTHON", help="interpreter of an environment with another build, such as the compiled one"
    )


@contextmanager
def child(module: str, *arguments: str, core: int | None = None, python: str = sys.executable) -> Iterator[Child]:
    """Run ``python -m module PORT *arguments`` until the block is left; it must print ``ready``."""
    port = free_port()
    command = [python, "-m", module, str(port), *arguments]
    if core is not None and (os.cpu_count() or 1) > 1:
        command = ["taskset", "-c", str(core), *command]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        if "ready" not in process.stdout.readline():
            raise RuntimeError(f"{module} did not start")
        yield Child(process, port)
    finally:
        process.kill()
        process.wait()


class Client(asyncio.Protocol):
    """A WebSocket client that costs little. ``messages`` are taken with :meth:`next`."""

    def __init__(self) -> None:
        self._wire = WebSocketWire(Role.CLIENT, message_limit=1 << 40, mask_key=lambda: b"mask")
        self._open = asyncio.get_running_loop().create_future()
        self._messages: asyncio.Queue[bytes] = asyncio.Queue()
        self._head = b""
        self.transport: asyncio.Transport

    @classmethod
    async def connect(cls, port: int) -> Self:
        """A client with its handshake done."""
        _, protocol = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        await protocol._open
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(_UPGRADE)

    def data_received(self, data: bytes) -> None:
        if not self._open.done():
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            assert b" 101 " in head
            self._open.set_result(None)
            if not data:
                return
        for message in self._wire.receive_data(data):
            if isinstance(message, TextMessage):
                self._messages.put_nowait(message.data)
            elif isinstance(message, PingReceived):
                self.transport.write(self._wire.pong(message.payload))

    def send(self, message: object) -> float:
        """Send one JSON message; the time at which it was handed to the kernel."""
        frame = self._wire.text(json.dumps(message).encode())
        at = time.monotonic()
        self.transport.write(frame)
        return at

    async def next(self) -> bytes:
        """The next message."""
        return await self._messages.get()


def create(event_id: str, **query: object) -> dict[str, object]:
    """A ``universal.create`` for the provider ``custom-bench``."""
    step = {"eventId": event_id, "provider": "custom-bench", "endpoint": "chat/completions", "query": query}
    return {"type": "universal.create", "request": step}
