"""CPU per one-way message of the driver with a toy relay engine, beside bare relays without any engine.

    python -m tests.benchmarks.drivers [--size 200 4096] [--rounds 5] [--messages 20000]

Each candidate is a relay in a process of its own: client -> relay -> echo server -> relay -> client. One echo is two
one-way messages. All candidates of one round run in turn; what is printed are medians of user + system time of the
relay process, and the ratio to the first line (a relay of bare asyncio protocols on uvloop: the floor).

The toy engine does what any engine must: a send buffer per connection, confirmations, effects. What the driver adds is
the difference to "sockets": the same system calls by a loop's reader callbacks, without an engine.
"""

import argparse
import asyncio
import multiprocessing
import resource
import socket
import statistics
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Final

import anyio
import uvloop

from aigw_drivers.anyio_driver import AnyioDriver
from aigw_drivers.core.sockets import listen
from aigw_sansio import READ_SIZE
from aigw_sansio.effects import Answer, Close, Connect, Effect, Flush
from aigw_sansio.engine.send_buffer import SendBuffer
from aigw_sansio.ids import AskId, ConnId

CLIENTS: Final = 50


class RelayEngine:
    """Dials for each client and passes on; no limits, no protocol."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._waiting: list[Effect] = []
        self._buffers: dict[int, SendBuffer] = {}
        self._partner: dict[int, int] = {}

    def open_downstream(self, peer: str, alpn: str | None, now: float, *, local: str | None = None) -> ConnId:
        conn, upstream = len(self._buffers) + 1, len(self._buffers) + 2
        self._buffers[conn], self._buffers[upstream] = SendBuffer(), SendBuffer()
        self._partner[conn], self._partner[upstream] = upstream, conn
        self._waiting.append(Connect(ConnId(upstream), "127.0.0.1", self._port, None, ()))
        return ConnId(conn)

    def connected(self, conn: ConnId, alpn: str | None, now: float) -> None: ...
    def connect_failed(self, conn: ConnId, reason: str, now: float) -> None: ...
    def closed(self, conn: ConnId, now: float) -> None: ...
    def connection_lost(self, conn: ConnId, reason: str, now: float) -> None: ...
    def answer(self, id: AskId, value: Answer, now: float) -> None: ...
    def handle_timeout(self, now: float) -> None: ...

    def receive_data(self, conn: ConnId, data: bytes, now: float) -> None:
        partner = self._partner[conn]
        if self._buffers[partner].append(data):
            self._waiting.append(Flush(ConnId(partner)))

    def receive_eof(self, conn: ConnId, now: float) -> None:
        self._waiting += [Close(conn, True), Close(ConnId(self._partner[conn]), True)]

    def data_sent(self, conn: ConnId, n: int, now: float) -> None:
        self._buffers[conn].confirm(n)

    def effects(self) -> list[Effect]:
        waiting = self._waiting
        if waiting:
            self._waiting = []
        return waiting

    def data_to_send(self, conn: ConnId, limit: int = READ_SIZE) -> bytes:
        return self._buffers[conn].pull(limit)

    def next_timeout(self) -> float | None:
        return None


class _Half(asyncio.BufferedProtocol):
    """One side of a bare relay."""

    def __init__(self, other: "_Half | None", port: int) -> None:
        self.other, self.port = other, port
        self.space = bytearray(READ_SIZE)
        self.early = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        if self.other is None:
            self.other = _Half(self, self.port)
            loop = asyncio.get_running_loop()
            self.task = loop.create_task(loop.create_connection(lambda: self.other, "127.0.0.1", self.port))  # type: ignore[arg-type,return-value]
        elif self.other.early:
            self.transport.write(self.other.early)  # type: ignore[union-attr]

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.space

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(memoryview(self.space)[:nbytes])
        if self.other is None or self.other.transport is None:
            self.early += data
        else:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.abort()


async def _bare_protocols(listening: socket.socket, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: _Half(None, port), sock=listening)
    await server.serve_forever()


async def _bare_sockets(listening: socket.socket, port: int) -> None:
    loop = asyncio.get_running_loop()

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        data = source.recv(READ_SIZE)
        if data:
            target.send(data)
        else:
            for sock in (source, target):
                if sock.fileno() >= 0:
                    loop.remove_reader(sock)
                    sock.close()

    while True:
        client, _ = await loop.sock_accept(listening)
        upstream = socket.socket()
        for sock in (client, upstream):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(upstream, ("127.0.0.1", port))
        loop.add_reader(client, pass_on, client, upstream)
        loop.add_reader(upstream, pass_on, upstream, client)


def _run_relay(name: str, port: int, pipe: Connection) -> None:
    kind, _, loop = name.partition(" ")
    listeners = listen("127.0.0.1", 0)
    listening = listeners[0].socket

    def report() -> None:  # a thread that waits for questions costs nothing between them
        while pipe.recv():
            usage = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send((usage.ru_utime, usage.ru_stime))

    pipe.send(listening.getsockname()[1])
    threading.Thread(target=report, daemon=True).start()
    if kind == "driver":
        backend = "trio" if loop == "trio" else "asyncio"
        options = {"use_uvloop": True} if loop == "uvloop" else {}
        anyio.run(AnyioDriver(RelayEngine(port)).serve, listeners, backend=backend, backend_options=options)
    else:
        work = {"bare": _bare_protocols, "sockets": _bare_sockets}[kind]
        (uvloop.run if loop == "uvloop" else asyncio.run)(work(listening, port))


def _run_echo(pipe: Connection) -> None:
    async def main() -> None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        pipe.send(listening.getsockname()[1])

        class Echo(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.write: Callable[[bytes], None] = transport.write  # type: ignore[attr-defined]

            def data_received(self, data: bytes) -> None:
                self.write(data)

        server = await asyncio.get_running_loop().create_server(Echo, sock=listening)
        await server.serve_forever()

    uvloop.run(main())


class _Load:
    """A relay process and its clients."""

    def __init__(self, name: str, echo_port: int) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_run_relay, args=(name, echo_port, theirs), daemon=True)
        self._process.start()
        port = self._pipe.recv()
        self._clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(CLIENTS)]
        for client in self._clients:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def cpu(self) -> tuple[float, float]:
        self._pipe.send(True)
        user, system = self._pipe.recv()
        return user, system

    def echo(self, size: int, times: int) -> None:
        message = bytes(size)
        for _ in range(times):
            for client in self._clients:
                client.sendall(message)
            for client in self._clients:
                missing = size
                while missing:
                    missing -= len(client.recv(missing))

    def measure(self, size: int, messages: int) -> tuple[float, float]:
        """Microseconds of user and system time per one-way message."""
        times = max(1, messages // (2 * CLIENTS))
        before = self.cpu()
        self.echo(size, times)
        after = self.cpu()
        count = times * CLIENTS * 2
        return (after[0] - before[0]) * 1e6 / count, (after[1] - before[1]) * 1e6 / count


CANDIDATES: Final = (
    "bare uvloop",
    "bare asyncio",
    "sockets uvloop",
    "sockets asyncio",
    "driver uvloop",
    "driver asyncio",
    "driver trio",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", type=int, nargs="+", default=[200, 4096])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=20000)
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    multiprocessing.Process(target=_run_echo, args=(theirs,), daemon=True).start()
    port = ours.recv()
    loads = {name: _Load(name, port) for name in CANDIDATES}
    for size in arguments.size:
        samples: dict[str, list[tuple[float, float]]] = {name: [] for name in CANDIDATES}
        for load in loads.values():
            load.echo(size, 5)
        for _ in range(arguments.rounds):
            for name, load in loads.items():
                samples[name].append(load.measure(size, arguments.messages))
        print(f"{size} bytes: CPU per one-way message, us (user + system), ratio")
        floor = statistics.median(sum(sample) for sample in samples[CANDIDATES[0]])
        for name, taken in samples.items():
            user = statistics.median(sample[0] for sample in taken)
            system = statistics.median(sample[1] for sample in taken)
            total = statistics.median(sum(sample) for sample in taken)
            print(f"  {name:<18} {total:6.2f}  ({user:5.2f} + {system:5.2f})  {total / floor:5.2f}x")


if __name__ == "__main__":
    main()
