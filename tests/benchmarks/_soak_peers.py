"""Clients and providers of the soak: each does one thing at random, often a wrong one, and goes.

Decides: what is said and how it ends. Must not know: the gateway's internals, and what is measured.
"""

import asyncio
import json
import random
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from tests.peers.websocket_client import upgrade_request
from tests.peers.websocket_frames import raw_frame

HOST: Final = "localhost"  #: an open gateway serves no other one
KEY: Final = b"\0\0\0\0"  # masks nothing, so large messages cost the peers nothing
PROVIDERS: Final = ("custom-good", "custom-liar", "custom-h2", "custom-h2liar", "custom-tls", "custom-gone")
LIES: Final = (
    b"\xff\xfe\x00garbage\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\ncontent-length: 11\r\n\r\n0123456789",
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\x00nothing",
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 30000000\r\n\r\n[" + b"1," * 200_000,
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20,
    b"HTTP/1.1 200 OK\r\nno field at all\r\n\r\n",
    b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"error\":{\"message\":\"no\"}}\n\n",
    b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000,
    struct.pack(">IBI", 4, 0, 0),  # HTTP/2: SETTINGS, then nothing
    struct.pack(">IBI", 4, 0, 0) + struct.pack(">IBI", 8 << 8 | 7, 0, 0) + bytes(8),  # and GOAWAY
    struct.pack(">IBI", 4, 0, 0) + struct.pack(">IBI", 5 << 8 | 1, 4, 1) + b"\xff\xff\xff\xff\xff",
    struct.pack(">IBI", 4, 0, 0) + (struct.pack(">IBI", 8 << 8 | 6, 0, 0) + bytes(8)) * 10_000,
    b"",
)  # fmt: skip


class Peer:
    """One connection to a gateway."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random) -> None:
        self.reader, self.writer, self.chance = reader, writer, chance

    def frame(self, first: int, payload: bytes = b"", length: int | None = None) -> None:
        self.writer.write(raw_frame(first, payload, masked=True, key=KEY, length=length))

    def say(self, **message: Any) -> None:
        self.frame(0x81, json.dumps(message).encode())

    def create(self, event_id: str, provider: str, **options: Any) -> None:
        query = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}], "loopback": options}
        query |= {"chunks": 20, "interval_s": 0.001, "size": 200}  # as the provider over HTTP/2 reads it
        step = {"eventId": event_id, "provider": provider, "endpoint": "chat/completions", "query": query}
        fallback = {**step, "provider": self.chance.choice(PROVIDERS)}
        config = {"maxAttempts": self.chance.choice((1, 1, 2)), "retryDelay": 100}
        self.say(type="universal.create", request=[{**step, "config": config}, fallback])

    async def open(self, path: str, **headers: str) -> bool:
        self.writer.write(upgrade_request(path, [("host", HOST), *headers.items()]))
        head = await self.reader.readuntil(b"\r\n\r\n")
        return head.startswith(b"HTTP/1.1 101")

    async def read(self, seconds: float) -> None:
        """Read and drop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while await self.reader.read(65536):
                    pass

    async def leave(self) -> None:
        """In one of the ways of leaving."""
        match self.chance.randrange(4):
            case 0:
                self.frame(0x88, b"\x03\xe8")
                await self.read(1)
            case 1:
                self.writer.transport.abort()
            case 2:
                with suppress(OSError, NotImplementedError):
                    self.writer.write_eof()
                await self.read(1)


def faults(chance: random.Random) -> dict[str, Any]:
    """What the loopback provider is to do."""
    count = chance.randrange(1, 30)
    options: dict[str, Any] = {"chunks": count, "chunk_bytes": chance.choice((1, 200, 20_000))}
    options |= chance.choice((
        {}, {"status": chance.choice((400, 429, 500, 503))}, {"break_after_chunks": count // 2, "how": chance.choice(("reset", "close", "mid_chunk"))},
        {"stall_after_chunks": count // 2}, {"error_event_after_chunks": count // 2}, {"garbage": True}, {"gzip": True},
        {"split": "odd"}, {"close_delimited": True}, {"no_done": True}, {"huge_line_bytes": 300_000}, {"delay_ms": 2500},
        {"chunk_delay_ms": 50},
    ))  # fmt: skip
    return options


# -- what a client does ----------------------------------------------------------------------------------------------


async def streams(peer: Peer) -> None:
    """Several exchanges, with every fault of a provider."""
    await peer.open(
        peer.chance.choice(("/v1/a/open", "/v1/a/open", "/v1/a/asks")), **{"cf-aig-authorization": "Bearer x"}
    )
    for number in range(peer.chance.randrange(1, 6)):
        peer.create(f"e{number}", peer.chance.choice(PROVIDERS), **faults(peer.chance))
    await peer.read(peer.chance.uniform(0, 3))
    await peer.leave()


async def squeezes(peer: Peer) -> None:
    """permessage-deflate, answered and broken."""
    await peer.open("/v1/a/squeezes", **{"sec-websocket-extensions": "permessage-deflate; client_max_window_bits"})
    peer.create("e", "custom-good", chunks=20, chunk_bytes=2000)
    await peer.read(0.5)
    peer.frame(0x41, b"\x00")
    await peer.read(0.5)


async def reads_nothing(peer: Peer) -> None:
    """Asks for much and reads nothing, until the gateway has had enough."""
    await peer.open("/v1/a/open")
    peer.create("e", "custom-good", chunks=300, chunk_bytes=20_000)
    await asyncio.sleep(peer.chance.uniform(0, 5))
    peer.writer.transport.abort()


async def floods(peer: Peer) -> None:
    """Pings, cancels, unusable messages."""
    await peer.open("/v1/a/open")
    match peer.chance.randrange(3):
        case 0:
            for _ in range(500):
                peer.frame(0x89, b"x" * 100)
        case 1:
            for number in range(20):
                peer.create(f"e{number}", peer.chance.choice(PROVIDERS), stall_after_chunks=1)
                peer.say(type="universal.cancel", eventId=f"e{number}")
        case 2:
            for _ in range(150):
                peer.say(type="nothing")
    await peer.read(peer.chance.uniform(0, 2))
    await peer.leave()


async def half_message(peer: Peer) -> None:
    """A part of a large message, whole fragments of another; then silence, or the end."""
    await peer.open("/v1/a/open")
    if peer.chance.randrange(2):
        peer.frame(0x82, b"x" * peer.chance.randrange(4_000_000), length=16 << 20)
    else:
        peer.frame(0x01, b"x" * peer.chance.randrange(4_000_000))
        peer.frame(0x00, b"x" * peer.chance.randrange(1_000_000), length=8 << 20)
    await asyncio.sleep(peer.chance.choice((0.1, 0.1, 6)))
    await peer.leave()


async def breaks_frames(peer: Peer) -> None:
    """Whatever a frame can have wrong."""
    await peer.open("/v1/a/open")
    peer.create("e", "custom-good", **faults(peer.chance))
    match peer.chance.randrange(5):
        case 0:
            peer.writer.write(peer.chance.randbytes(2000))
        case 1:
            peer.frame(0xF1, b"x")
        case 2:
            peer.writer.write(raw_frame(0x81, b"x", masked=False))
        case 3:
            peer.frame(0x88, struct.pack(">H", 1005))
        case 4:
            peer.frame(0x81, b"\xff\xff")
    await peer.read(2)


async def speaks_http(peer: Peer) -> None:
    """Requests that are none, are slow, too long, or for something else."""
    said = peer.chance.choice((
        b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nno field\r\n\r\n", b"GET /" + b"x" * 40_000, b"GET /v1/a/op", b"",
        upgrade_request("/v1/a/asks", []), upgrade_request("/v1/a/none", []), upgrade_request("/v1/a/open", []),
        upgrade_request("/v1/a/open", [("host", HOST), ("origin", "https://evil.test")]),
    ))  # fmt: skip
    peer.writer.write(said)
    await peer.read(peer.chance.choice((0.1, 3)))
    await peer.leave()


async def speaks_realtime(peer: Peer) -> None:
    """A session, a refusal, a provider that lies or goes; messages of both sides in halves."""
    provider = peer.chance.choice(("openai", "openai", "xai"))
    if await peer.open(f"/v1/a/open/{provider}/v1/realtime?model=m", authorization="Bearer k"):
        for _ in range(peer.chance.randrange(5)):
            peer.say(type="session.update", session={"instructions": "x" * peer.chance.choice((10, 30_000))})
        peer.say(type="response.create")
        if peer.chance.randrange(2):
            peer.frame(0x01, b"x" * 200_000)
            peer.frame(0x00, b"x" * 10_000, length=60_000)
    await peer.read(peer.chance.uniform(0, 2))
    await peer.leave()


async def leaves_early(peer: Peer) -> None:
    """Before or after the upgrade, without a word; or with early bytes."""
    headers = [("host", HOST), ("authorization", "Bearer k")]
    peer.writer.write(upgrade_request("/v1/a/open/xai/v1/realtime?model=m", headers))
    peer.frame(0x82, b"x" * 50_000)
    await asyncio.sleep(peer.chance.uniform(0, 0.3))
    await peer.leave()


PLAIN: Final[tuple[Callable[[Peer], Awaitable[None]], ...]] = (
    streams, streams, streams, squeezes, reads_nothing, floods, half_message, half_message, breaks_frames, speaks_http,
    speaks_realtime, leaves_early,
)  # fmt: skip


async def http2(peer: Peer) -> None:
    """WebSockets on streams of HTTP/2; resets, floods, and the end of the connection under them."""
    h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    h2.initiate_connection()
    h2.increment_flow_control_window(1 << 24)
    peer.writer.write(h2.data_to_send())
    h2.receive_data(await peer.reader.read(65536))
    streams: list[int] = []
    for number in range(peer.chance.randrange(1, 8)):
        stream = h2.get_next_available_stream_id()
        fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", "/v1/a/open")]
        fields += [(":authority", "localhost"), ("sec-websocket-version", "13")]
        h2.send_headers(stream, fields)
        query = {"stream": True, "messages": [], "loopback": faults(peer.chance)}
        step = {"eventId": f"e{number}", "provider": "custom-good", "endpoint": "chat/completions", "query": query}
        text = json.dumps({"type": "universal.create", "request": step}).encode()
        h2.send_data(stream, raw_frame(0x81, text, masked=True, key=KEY))
        h2.send_data(stream, raw_frame(0x82, b"x" * 4000, masked=True, key=KEY, length=100_000))
        streams.append(stream)
    peer.writer.write(h2.data_to_send())
    until = asyncio.get_running_loop().time() + peer.chance.uniform(0, 3)
    while asyncio.get_running_loop().time() < until:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                if not (data := await peer.reader.read(65536)):
                    return
                h2.receive_data(data)
        if streams and not peer.chance.randrange(3):
            with suppress(ProtocolError):
                h2.reset_stream(streams.pop())
        peer.writer.write(h2.data_to_send())
    match peer.chance.randrange(4):
        case 0:
            h2.close_connection()
            peer.writer.write(h2.data_to_send())
        case 1:
            peer.writer.transport.abort()
        case 2:
            peer.writer.write((struct.pack(">IBI", 8 << 8 | 6, 0, 0) + bytes(8)) * 5000)
            await peer.read(1)
        case 3:
            peer.writer.write(peer.chance.randbytes(500))
            await peer.read(1)


async def one_client(ports: tuple[int, int], trusted: ssl.SSLContext, chance: random.Random) -> None:
    """One connection, from its beginning to its end."""
    kind = chance.randrange(10)
    if kind < 7:
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[0])
        work = chance.choice(PLAIN)
    elif kind < 9:
        alpn = chance.choice(("h2", "h2", "http/1.1"))
        trusted.set_alpn_protocols([alpn])
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[1], ssl=trusted, server_hostname="localhost")
        work = http2 if alpn == "h2" else chance.choice(PLAIN)
    else:  # no TLS where TLS is spoken
        reader, writer = await asyncio.open_connection("127.0.0.1", ports[1])
        work = speaks_http
    try:
        async with asyncio.timeout(12):
            await work(Peer(reader, writer, chance))
            with suppress(OSError):
                await writer.drain()
    finally:
        writer.transport.abort()


# -- what a provider does --------------------------------------------------------------------------------------------


async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A provider that never answers as it should."""
    with suppress(OSError, asyncio.IncompleteReadError):
        await reader.read(1000)
        for piece in random.sample(LIES, random.choice((1, 1, 2))):
            writer.write(piece)
        match random.randrange(4):
            case 0:
                writer.transport.abort()
            case 1:
                writer.write_eof()
            case 2:
                with suppress(TimeoutError):
                    async with asyncio.timeout(4):  # a stall
                        while await reader.read(65536):
                            pass
    writer.transport.abort()
