"""Copies and system calls of a large message: how often its bytes are copied between the read and the write.

``python -m tests.benchmarks.copies``: the gateway on the driver's own reads and writes, in this process, over TCP on
loopback. A library that is compiled first (``copies.c``) and preloaded counts ``memcpy`` and ``memmove`` of 4 KiB and
more, ``send`` and ``recv``. Not seen is masking in C, and what grows in place. Needs ``cc``, epoll, and an interpreter
with a shared library or one that calls ``memcpy`` through it.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import cast

from anyio.abc import TaskGroup
from tests.benchmarks.frames import frames
from tests.peers.websocket_client import upgrade_request
from tests.peers.websocket_provider import WsProvider
from tests.rigs.core_stream import UPGRADE, http_chunk
from tests.rigs.parts import TRANSLATES

from aigw_drivers.core.link import Link
from aigw_drivers.core.readiness import EpollReadiness
from aigw_drivers.core.sockets import make_non_blocking
from aigw_drivers.core.transfer import Transfer
from aigw_sansio import Ask, Config, Connect, ConnId, Gateway, Keep, ProviderSettings
from aigw_sansio.wires.websocket.frames import encode_frame

_COUNTED = ("bytes_copied", "copies", "sends", "receives")
_ROUNDS = 7


class _Driver(Transfer):
    """A driver of which each turn is a call."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway, None, time.monotonic)
        no_tasks = cast(TaskGroup, SimpleNamespace(start_soon=lambda *_: None))
        self._readiness = self._turns = EpollReadiness(no_tasks, self._turn, self._on_readable, self._on_writable)
        self._dialled: list[Link] = []
        self.counts = [0] * len(_COUNTED)

    def turn(self) -> None:
        before = _counts()
        self._turns._serve()
        self.counts = [count + now - then for count, now, then in zip(self.counts, _counts(), before, strict=True)]

    def client(self) -> socket.socket:
        ours, theirs = _pair()
        conn = self._engine.open_downstream("192.0.2.1:1", None, time.monotonic())
        link = self._links[conn] = Link(conn, ours)
        self._readiness.start_reading(link)
        return theirs

    def provider(self) -> socket.socket:
        """The provider's end of the connection that the gateway is about to ask for."""
        _until(self, lambda: self._dialled)
        link = self._dialled.pop()
        link.socket, theirs = _pair()
        self._now = time.monotonic()
        self._engine.connected(link.conn, None, self._now)
        self._send_pending(link)
        self._readiness.start_reading(link)
        self._execute_effects()
        return theirs

    def _connect(self, effect: Connect, link: Link) -> None:
        self._dialled.append(link)

    def _ask(self, effect: Ask | Keep) -> None: ...
    def _proceed_later(self) -> None:
        self._proceed()

    def _set_alarm(self, due: float) -> None:
        self._alarm_at = due

    def _on_released(self, conn: ConnId) -> None: ...


def _counts() -> list[int]:
    library = ctypes.CDLL(None)
    return [ctypes.c_long.in_dll(library, name).value for name in _COUNTED]


def _pair() -> tuple[socket.socket, socket.socket]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        theirs = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    make_non_blocking(ours)
    theirs.setblocking(False)
    return ours, theirs


def _take(sock: socket.socket) -> bytes:
    data = b""
    with suppress(BlockingIOError):
        while piece := sock.recv(1 << 21):
            data += piece
    return data


def _until(driver: _Driver, done: Callable[[], object]) -> None:
    """Turns, until something has come out."""
    give_up = time.monotonic() + 10
    while not done():
        driver.turn()
        if time.monotonic() > give_up:
            raise RuntimeError("nothing came out")


def _pass(driver: _Driver, source: socket.socket, target: socket.socket, data: bytes, least: int) -> list[int]:
    """Send ``data``; what it costs until ``least`` bytes have come out."""
    driver.counts = [0] * len(_COUNTED)
    left = memoryview(data)
    came = 0

    def moved() -> bool:
        nonlocal left, came
        if left:
            with suppress(BlockingIOError):
                left = left[source.send(left) :]
        came += len(_take(target))
        return came >= least

    _until(driver, moved)
    return driver.counts


def _relays(size: int) -> dict[str, list[list[int]]]:
    provider = ProviderSettings(realtime_url="ws://127.0.0.1:9/v1/realtime")
    driver = _Driver(Gateway(Config(providers={"openai": provider}), b"seed of a benchmark", time.monotonic()))
    client = driver.client()
    client.send(upgrade_request("/v1/local/default/openai?model=m", []))
    upstream = driver.provider()
    peer = WsProvider()
    asked: list[bytes] = []
    _until(driver, lambda: asked.append(_take(upstream)) or asked[-1])
    peer.receive(asked[-1])
    upstream.send(peer.switch(101, []))
    _until(driver, lambda: _take(client))
    up, down = frames(size, 1, masked=True), frames(size, 1, masked=False)
    return {
        "relayed to the provider": [_pass(driver, client, upstream, up, len(up)) for _ in range(_ROUNDS)],
        "relayed to the client": [_pass(driver, upstream, client, down, len(down)) for _ in range(_ROUNDS)],
    }


def _universal(size: int, *, chunked: bool) -> dict[str, list[list[int]]]:
    """A request of that size, and an answer."""
    provider = ProviderSettings(base_url="http://127.0.0.1:9/v1")
    driver = _Driver(
        Gateway(Config(providers={"openai": provider}), b"seed of a benchmark", time.monotonic(), TRANSLATES)
    )
    client = driver.client()
    client.send(UPGRADE)
    _until(driver, lambda: _take(client))
    message = {"role": "assistant", "content": "x" * size}
    body = json.dumps({"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    if chunked:
        pieces = [http_chunk(body[at : at + 16384]) for at in range(0, len(body), 16384)]
        response = head + b"transfer-encoding: chunked\r\n\r\n" + b"".join(pieces) + b"0\r\n\r\n"
    else:
        response = head + b"content-length: %d\r\n\r\n" % len(body) + body
    asked: list[list[int]] = []
    answered: list[list[int]] = []

    def ask(number: int, text: str) -> bytes:
        step = {"provider": "openai", "endpoint": "chat/completions", "query": {"model": "m", "text": text}}
        create = {"type": "universal.create", "request": {"eventId": str(number), **step}}
        return encode_frame(0x81, json.dumps(create).encode(), b"mask")

    client.send(ask(0, "to open the connection"))
    upstream = driver.provider()
    _until(driver, lambda: _take(upstream))
    _pass(driver, upstream, client, response, len(body))
    for number in range(1, _ROUNDS + 1):
        for _ in range(3):
            driver.turn()
        _take(client)
        asked.append(_pass(driver, client, upstream, ask(number, "x" * size), size))
        answered.append(_pass(driver, upstream, client, response, len(body)))
    return {"a request": asked, "an answer" + (", chunked" if chunked else ""): answered}


def _show(name: str, size: int, costs: Sequence[list[int]]) -> None:
    copied, copies, sends, receives = (median(column) for column in zip(*costs))
    print(f"  {name:24} {copied / size:6.2f} {copies:7.0f} {receives:7.0f} {sends:7.0f}")


def main() -> None:
    if len(sys.argv) < 2:
        with tempfile.TemporaryDirectory() as folder:
            library = f"{folder}/copies.so"
            source = Path(__file__).with_suffix(".c")
            flags = ["-O2", "-fno-builtin", "-shared", "-fPIC"]
            subprocess.run(["cc", *flags, "-o", library, source, "-ldl"], check=True)
            command = [sys.executable, "-m", "tests.benchmarks.copies", "count"]
            subprocess.run(command, check=True, env={**os.environ, "LD_PRELOAD": library})
        return
    for size in (65536, 1 << 20):
        print(f"{size // 1024} KiB{'':20} copied   times    recv    send")
        found = _relays(size) | _universal(size, chunked=False) | _universal(size, chunked=True)
        for name, costs in found.items():
            _show(name, size, costs)


if __name__ == "__main__":
    main()
