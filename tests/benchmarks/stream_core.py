"""Core time of one streamed chunk: upstream bytes in, client frame out, through a whole ``Gateway``.

``python -m tests.benchmarks.stream_core`` prints microseconds per 200-byte chunk for HTTP/1.1, with one and with twenty
chunks in a read, and with 1, 50 and 500 exchanges on one socket. Then how much more it is with a stored key, which is
searched for: both are measured in turns. Then the same for a client that offers compression, with chunks of which a
third is random letters, and the bytes that go to the client.
"""

import json
import random
import string
from statistics import median
from time import thread_time

from aigw_sansio.config import Compression, Config, GatewaySettings, Limits, ProviderSettings
from aigw_sansio.effects import Connect
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId
from aigw_sansio.secret import Secret
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.messages import WebSocketWire

_UPGRADE = (
    b"GET /v1/local/default HTTP/1.1\r\nHost: gw\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(size: int = 200, chance: random.Random | None = None) -> bytes:
    """One SSE event of OpenAI's chat format in one HTTP chunk; the event has ``size`` bytes. Its text is random letters
    where there is a ``chance``."""
    base = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": ""}}]}
    room = size - len(json.dumps(base)) - len("data: \n\n")
    text = "x" * room if chance is None else "".join(chance.choices(string.ascii_letters, k=room))
    base["choices"][0]["delta"]["content"] = text  # type: ignore[index]
    event = b"data: " + json.dumps(base).encode() + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


class Rig:
    """A gateway with one client and some running streams."""

    def __init__(self, exchanges: int, compression: Compression = "off", *, key: str | None = None) -> None:
        stored = None if key is None else Secret(key)
        settings = {"openai": ProviderSettings(base_url="http://127.0.0.1:9/v1", api_key=stored)}
        limits = Limits(exchanges_per_connection=max(100, exchanges))
        gateways = {"local/default": GatewaySettings(compression=compression)}
        self.gateway = Gateway(Config(gateways=gateways, providers=settings, limits=limits), b"benchmark seed 16", 0.0)
        self.sent = 0  #: bytes to the client
        self.client = self.gateway.open_downstream("peer", None, 0.0)
        self.gateway.receive_data(self.client, _UPGRADE, 0.0)
        self.upstreams: list[ConnId] = []
        wire = WebSocketWire(Role.CLIENT, message_limit=1 << 20, mask_key=lambda: b"mask")
        for number in range(exchanges):
            step = {"eventId": str(number), "provider": "openai", "endpoint": "chat/completions", "query": {}}
            message = json.dumps({"type": "universal.create", "request": step}).encode()
            self.gateway.receive_data(self.client, wire.text(message), 0.0)
            conn = next(effect.conn for effect in self.gateway.effects() if isinstance(effect, Connect))
            self.gateway.connected(conn, None, 0.0)
            self.pull(conn)
            self.gateway.receive_data(conn, _HEAD + chunk(), 0.0)
            self.upstreams.append(conn)
        self.pull(self.client)
        self.gateway.effects()

    def pull(self, conn: ConnId) -> int:
        """What a driver does with a flush."""
        total = 0
        while data := self.gateway.data_to_send(conn):
            total += len(data)
            self.gateway.data_sent(conn, len(data), 0.0)
        return total

    def run(self, read: bytes, rounds: int) -> float:
        """Seconds for ``rounds`` reads, spread over the streams; each is flushed to the client."""
        gateway, client, upstreams = self.gateway, self.client, self.upstreams
        began = thread_time()
        for number in range(rounds):
            gateway.receive_data(upstreams[number % len(upstreams)], read, 0.0)
            gateway.effects()
            self.sent += self.pull(client)
        return thread_time() - began


def main() -> None:
    """Print the table."""
    print("core time per streamed 200-byte chunk, HTTP/1.1 upstream, microseconds (median of 7 rounds)")
    for exchanges in (1, 50, 500):
        rig = Rig(exchanges)
        for per_read in (1, 20):
            read = chunk() * per_read
            rounds = 2000 // per_read
            rig.run(read, rounds // 4)
            per_chunk = median(rig.run(read, rounds) / (rounds * per_read) for _ in range(7)) * 1e6
            print(f"  {exchanges:>4} exchanges, {per_read:>2} chunks per read: {per_chunk:6.2f}")
    none, stored = Rig(1), Rig(1, key="sk-proj-Qb3dEf6hIj9lMn0pQr2tUv5xYz8")
    for per_read in (1, 20):
        read = chunk() * per_read
        turns = [(none.run(read, 100), stored.run(read, 100)) for _ in range(150)]
        ratio = sum(sorted(turn[1] for turn in turns)[:50]) / sum(sorted(turn[0] for turn in turns)[:50])
        print(f"  a stored key, {per_read:>2} chunks per read: {ratio:.3f} times the cost of none")
    chance = random.Random(1)
    reads = [chunk(chance=chance) for _ in range(2000)]
    settings: tuple[Compression, ...] = ("off", "messages", "stream")
    for compression in settings:
        rig = Rig(50, compression)
        rig.sent = 0
        per_chunk = median(sum(rig.run(read, 1) for read in reads) / len(reads) for _ in range(7)) * 1e6
        print(f"  compression {compression!r}: {per_chunk:6.2f}, {rig.sent / len(reads) / 7:5.0f} bytes to the client")


if __name__ == "__main__":
    main()
