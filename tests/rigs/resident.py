"""Attacks on the memory of one gateway, each in a process of its own: ``python -m tests.rigs.resident NAME LIMIT``
prints by how many bytes the process grew at most, and how much of the limit the gateway thinks is held."""

import json
import resource
import sys
from collections.abc import Callable

from tests.peers.websocket_provider import WsProvider
from tests.rigs.crowd import Crowd
from tests.rigs.held import held
from wsproto.events import BytesMessage

from aigw_sansio.config import Config, Limits, ProviderSettings
from aigw_sansio.ids import ConnId
from aigw_sansio.wires.websocket.frames import encode_frame

KIB = 1024
MIB = 1024 * KIB
REQUEST = (
    b"GET /v1/local/default%s HTTP/1.1\r\nhost: gw.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB


class Siege(Crowd):
    """Clients without an own state, so that what grows is the gateway's."""

    def open_raw(self, path: bytes = b"") -> ConnId:
        conn = self.gateway.open_downstream("192.0.2.1:1", None, self.now)
        self.gateway.receive_data(conn, REQUEST % path, self.now)
        self.settle()
        self.take(conn)
        return conn

    @property
    def full(self) -> bool:
        return self.gateway._services.short_of_memory

    def read(self, conn: ConnId, data: bytes, size: int = 65536) -> None:
        """As a driver reads: not while it is paused."""
        for at in range(0, len(data), size):
            if conn in self.paused or conn in self.aborted:
                return
            self.gateway.receive_data(conn, data[at : at + size], self.now)
            self.settle()


def frame(payload: bytes) -> bytes:
    return encode_frame(0x81, payload, bytes(4))


def unfinished(siege: Siege, size: int = 65536) -> None:
    """Messages that never end."""
    data = frame(bytes(4 * MIB))[:-1]
    while not siege.full:
        siege.read(siege.open_raw(), data, size)


def unfinished_in_small_reads(siege: Siege) -> None:
    unfinished(siege, 500)


def idle_sockets(siege: Siege) -> None:
    """WebSockets that do nothing."""
    while not siege.full:
        siege.open_raw()


def heads(siege: Siege) -> None:
    """Requests that never end."""
    while not siege.full:
        conn = siege.gateway.open_downstream("192.0.2.1:1", None, siege.now)
        siege.read(conn, b"GET / HTTP/1.1\r\nx: " + b"y" * 30 * KIB)


def requests(siege: Siege) -> None:
    """Small requests whose provider says nothing."""
    step = {"provider": "custom-x", "endpoint": "chat", "headers": {"a": "b" * 100}, "query": {"c": "d" * 100}}
    while not siege.full:
        conn = siege.open_raw()
        for number in range(100 if not siege.full else 0):
            message = {"type": "universal.create", "request": {**step, "eventId": str(number)}}
            siege.read(conn, frame(json.dumps(message).encode()))


def small_frames(siege: Siege) -> None:
    """Realtime messages of one byte, each in a read of its own, for a client that reads nothing."""
    while not siege.full:
        client = siege.open_raw(b"/openai?model=m")
        up = next(iter(siege.dials), None)
        if up is None:
            break  # refused: it is full
        provider = WsProvider()
        provider.receive(siege.accept(up))
        siege.read(up, provider.switch(101, []))
        siege.take(client)
        data = provider.event(BytesMessage(data=b"x"))
        for _ in range(25_000):
            siege.read(up, data)
            if up in siege.paused:
                break


def small_chunks(siege: Siege) -> None:
    """Small chunks of streams, for clients that read nothing."""
    while not siege.full:
        conn = siege.open_raw()
        step = {"provider": "custom-x", "endpoint": "chat", "headers": {}, "query": {"stream": True}, "eventId": "e"}
        siege.read(conn, frame(json.dumps({"type": "universal.create", "request": step}).encode()))
        up = next(iter(siege.dials), None)
        if up is None:
            break  # not read: it is full
        siege.accept(up)
        siege.read(up, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
        siege.read(up, b"data: 1\n\n" * 20_000)


def pings(siege: Siege) -> None:
    """Pings of clients that take no pongs."""
    data = encode_frame(0x89, b"", bytes(4)) * 30_000
    while not siege.full:
        siege.read(siege.open_raw(), data)


def realtime_pings(siege: Siege) -> None:
    """The same of a realtime client; its provider says nothing."""
    data = encode_frame(0x89, b"", bytes(4)) * 30_000
    while not siege.full:
        client = siege.open_raw(b"/openai?model=m")
        up = next(iter(siege.dials), None)
        if up is None:
            break  # refused: it is full
        provider = WsProvider()
        provider.receive(siege.accept(up))
        siege.read(up, provider.switch(101, []))
        siege.take(client)
        siege.read(client, data)


ATTACKS: dict[str, Callable[[Siege], None]] = {
    attack.__name__: attack
    for attack in (
        unfinished,
        unfinished_in_small_reads,
        idle_sockets,
        heads,
        requests,
        small_frames,
        small_chunks,
        pings,
        realtime_pings,
    )
}


def main() -> None:
    name, limit = sys.argv[1], int(sys.argv[2])
    providers = {
        "custom-x": ProviderSettings(base_url="http://127.0.0.1:9/v1"),
        "openai": ProviderSettings(realtime_url="ws://127.0.0.1:9/v1/realtime"),
    }
    siege = Siege(Config(providers=providers, limits=Limits(memory_bytes=limit)))
    siege.open_raw()
    before = resident()
    ATTACKS[name](siege)
    print(resident() - before, held(siege.gateway))


if __name__ == "__main__":
    main()
