"""The cache of responses: what it costs, and how soon a hit comes, beside nginx's ``proxy_cache`` and LiteLLM's cache.

``python -m tests.benchmarks.cache [--quick] [--litellm PYTHON]``. Three tables:

* the core alone, CPU for each request and each 200-byte chunk: without the cache, with a miss that is kept, with a hit;
* one look-up of a response of 2 KiB and of 200 KiB in each store;
* over sockets, one request after the other on one connection: milliseconds until the whole answer has come, and CPU of
  the process under test, which has core 0 to itself as far as this program goes. The provider answers at once.

Needs nginx and redis-server; what is missing is left out. ``--litellm`` is the interpreter of an environment with
``litellm[proxy]``.
"""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Final, TypeAlias

import anyio
from tests.benchmarks._processes import Child, Client, arguments, child, create, free_port, leave_core
from tests.benchmarks._timing import compare, print_table

from aigw_drivers.server.response_cache import ResponseCache
from aigw_drivers.stores import open_store
from aigw_sansio import (
    Ask,
    Close,
    Config,
    Connect,
    ConnId,
    Effect,
    Flush,
    Gateway,
    GatewaySettings,
    Hit,
    Keep,
    KeptResponse,
    LookUp,
    Miss,
    ProviderSettings,
)

CHUNKS: Final = 40
CHUNK: Final = (
    'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'
    % ("x" * 96)
)
STREAM: Final = (
    CHUNK * CHUNKS
).encode() + b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
WHOLE: Final = json.dumps(
    {"choices": [{"index": 0, "message": {"content": "x" * 2000}, "finish_reason": "stop"}]}
).encode()
CONFIG: Final = """
daemon off; master_process off; worker_processes 1; pid %(folder)s/pid; error_log %(folder)s/error;
events { worker_connections 2048; }
http {
    access_log off; client_body_temp_path %(folder)s/b; proxy_temp_path %(folder)s/p;
    fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
    client_body_buffer_size 1m; client_body_in_single_buffer on; keepalive_requests 1000000;
    proxy_cache_path %(folder)s/cache keys_zone=answers:10m;
    server {
        listen 127.0.0.1:%(port)d;
        location / {
            proxy_pass http://127.0.0.1:%(provider)d; proxy_cache answers; proxy_cache_methods POST; proxy_cache_valid 200 10m;
            proxy_cache_key "$request_uri|$request_body";
        }
    }
}
"""


# -- the core alone -----------------------------------------------------------------------------------------------


class Core:
    """A gateway with one client in messages and one kept connection to its provider. ``cache``: what the host answers
    and does, ``None``: the gateway has none."""

    def __init__(self, *, stream: bool, cache: str | None) -> None:
        settings = GatewaySettings(cache_ttl=0 if cache is None else 60)
        providers = {"custom-bench": ProviderSettings(base_url="http://127.0.0.1:9", http2="off")}
        self.gateway = Gateway(
            Config(gateways={"local/default": settings}, providers=providers), b"benchmark seed 16", 0.0
        )
        self._cache = cache
        self._kept: KeptResponse | None = None
        self.client = self.gateway.open_messages(b"/v1/local/default", "peer", [(b"host", b"gw")], [], None, 0.0)
        query = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "word " * 200}]}
        step = {"provider": "custom-bench", "endpoint": "chat/completions", "query": query}
        self._create = json.dumps({"type": "universal.create", "request": step}).encode()
        kind, body = (b"text/event-stream", STREAM) if stream else (b"application/json", WHOLE)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (kind, len(body))
        self._response = head + body
        self._drive()
        self.ask()
        self.ask()

    def ask(self) -> None:
        """One request, to the end of its answer."""
        self.gateway.receive_message(self.client, self._create, 0.0, text=True)
        self._drive()

    def _drive(self) -> None:
        gateway = self.gateway
        while effects := gateway.effects():
            for effect in effects:
                self._execute(effect)

    def _execute(self, effect: Effect) -> None:
        gateway = self.gateway
        match effect:
            case Connect(conn):
                gateway.connected(conn, None, 0.0)
            case Flush(conn) if conn == self.client:
                while messages := gateway.messages_to_send(conn):
                    gateway.data_sent(conn, sum(len(message.data) for message in messages), 0.0)
            case Flush(conn):
                self._answer(conn)
            case Ask(ask_id, LookUp()):
                found = self._kept if self._cache == "hit" else None
                gateway.answer(ask_id, Miss() if found is None else Hit(found), 0.0)
            case Keep():
                self._kept = effect.response
            case Close(conn):
                gateway.closed(conn, 0.0)

    def _answer(self, conn: ConnId) -> None:
        sent = self.gateway.data_to_send(conn)
        if not sent:
            return
        self.gateway.data_sent(conn, len(sent), 0.0)
        if b"\r\n\r\n" in sent:
            for start in range(0, len(self._response), 8192):
                self.gateway.receive_data(conn, self._response[start : start + 8192], 0.0)


def core() -> None:
    """Print the table of the core."""
    for stream in (False, True):
        cores = {
            name: Core(stream=stream, cache=cache) for name, cache in (("off", None), ("miss", "miss"), ("hit", "hit"))
        }
        candidates: dict[str, Callable[[], object]] = {name: one.ask for name, one in cores.items()}
        what = f"a stream of {CHUNKS} chunks" if stream else "a whole response of 2 KiB"
        print_table(f"core, one request, {what}", compare(candidates))


# -- stores -------------------------------------------------------------------------------------------------------


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a server of one's own."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            for _ in range(100):
                if (
                    subprocess.run(["redis-cli", "-p", str(port), "ping"], capture_output=True, check=False).returncode
                    == 0
                ):
                    break
                time.sleep(0.05)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.kill()


@contextmanager
def store_urls() -> Iterator[dict[str, str]]:
    """A store of each kind that can be had here."""
    with tempfile.TemporaryDirectory() as folder:
        urls = {"memory": "memory:", "SQLite": f"sqlite:{folder}/store"}
        if shutil.which("redis-server") is None:
            yield urls
            return
        with redis() as url:
            yield {**urls, "Redis": url}


async def look_up_us(url: str, size: int, rounds: int) -> tuple[float, float]:
    """The median microseconds of a look-up that finds ``size`` bytes, and of one that finds nothing."""
    async with open_store(url) as store:
        cache = ResponseCache(store)
        kept = KeptResponse(((b"content-type", b"application/json"),), b"x" * size)
        await cache.keep(Keep(account="local", gateway="default", key="k" * 48, ttl_s=600, response=kept))
        taken: list[list[float]] = []
        for key, found in (("k" * 48, Hit), ("m" * 48, Miss)):
            times = []
            for _ in range(rounds):
                began = time.perf_counter()
                answer = await cache.look_up(LookUp("local", "default", key))
                times.append(time.perf_counter() - began)
                assert isinstance(answer, found), answer
            taken.append(times)
        return median(taken[0]) * 1e6, median(taken[1]) * 1e6


def stores(rounds: int) -> None:
    """Print the table of the stores."""
    print("one look-up, microseconds: 2 KiB, 200 KiB, nothing found")
    with store_urls() as urls:
        for name, url in urls.items():
            small, none = anyio.run(look_up_us, url, 2048, rounds)
            large, _ = anyio.run(look_up_us, url, 200_000, rounds // 10)
            print(f"  {name:<8} {small:>8.0f} {large:>8.0f} {none:>8.0f}")
    print()


# -- over sockets -------------------------------------------------------------------------------------------------


@contextmanager
def nginx(provider: Child) -> Iterator[Child]:
    """A running nginx with a cache in front of ``provider``."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nginx.conf"
        file.write_text(CONFIG % {"folder": folder, "provider": provider.port, "port": port})
        command = ["taskset", "-c", "0", "nginx", "-c", str(file), "-p", folder, "-e", f"{folder}/error"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                yield Child(process, port)
            finally:
                process.kill()


@contextmanager
def litellm(python: str, provider: Child) -> Iterator[Child]:
    """A running proxy of LiteLLM with a cache in memory in front of ``provider``."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        model = {"model": "openai/m", "api_base": f"http://127.0.0.1:{provider.port}/v1", "api_key": "k"}
        settings = {"cache": True, "cache_params": {"type": "local"}}
        file.write_text(
            json.dumps({"model_list": [{"model_name": "m", "litellm_params": model}], "litellm_settings": settings})
        )
        script = str(Path(python).with_name("litellm"))
        command = ["taskset", "-c", "0", script, "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
        environ = {**os.environ, "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, stderr=quiet, env=environ, text=True) as process:
            try:
                yield Child(process, port)
            finally:
                process.kill()


def query(stream: bool, number: int = 0) -> dict[str, object]:
    """What is asked for. ``number`` makes it another request."""
    asked = {"chunks": CHUNKS, "batch": CHUNKS, "finish": True, "stream": stream}
    return {"model": "m", "messages": [{"role": "user", "content": f"hi {number}"}], **asked}


async def ours(gateway: Child, asked: dict[str, object], rounds: int) -> list[float]:
    """Seconds of each round, through the gateway."""
    client = await Client.connect(gateway.port)
    times, hits = [], 0
    for number in range(rounds):
        began = client.send(create(f"q{number}", **asked))
        while b'"universal.done"' not in (message := await client.next())[:40]:
            assert b'"universal.error"' not in message[:40], message
        times.append(time.monotonic() - began)
        hits += b'"HIT"' in message
    client.transport.close()
    assert rounds < 100 or hits > 0.9 * rounds, f"{hits} hits of {rounds}"  # a look-up that takes too long is a miss
    return times


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server that may still be starting."""
    for _ in range(1800):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
            break
        except OSError:
            await asyncio.sleep(0.1)
    else:
        raise RuntimeError("it did not start")
    try:
        yield reader, writer
    finally:
        writer.close()


async def plain(proxy: Child, asked: dict[str, object], rounds: int) -> list[float]:
    """Seconds of each round, over HTTP/1.1."""
    body = json.dumps(asked).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    )
    times = []
    async with connection(proxy.port) as (reader, writer):
        for _ in range(rounds):
            began = time.monotonic()
            writer.write((head % len(body)).encode() + body)
            fields = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert b" 200 " in fields, fields
            length = fields.partition(b"content-length: ")[2].partition(b"\r\n")[0]
            if length:
                await reader.readexactly(int(length))
            else:
                await reader.readuntil(b"0\r\n\r\n")
            times.append(time.monotonic() - began)
    return times


#: Asks a process so many times for a query, and returns the seconds of each.
Way: TypeAlias = Callable[[Child, dict[str, object], int], Awaitable[list[float]]]


async def measure(name: str, way: Way, process: Child, rounds: int) -> None:
    """Print one row for whole misses and hits of streams."""
    misses = []
    for number in range(1, 1 + rounds // 20):
        misses += await way(process, query(True, number), 1)
    await way(process, query(True), 50)
    await asyncio.sleep(0.1)  # it is kept meanwhile
    before = process.cpu_s()
    hits = await way(process, query(True), rounds)
    cpu = (process.cpu_s() - before) / rounds
    p99 = quantiles(hits, n=100)[98]
    print(f"  {name:<24} {median(misses) * 1e3:>7.2f} {median(hits) * 1e3:>7.2f} {p99 * 1e3:>7.2f} {cpu * 1e6:>8.0f}")


def sockets(rounds: int, litellm_python: str | None) -> None:
    """Print the table over sockets."""
    leave_core(0)
    print(f"a stream of {CHUNKS} chunks: ms of a miss, ms of a hit (median, 99 %), us CPU of a hit")
    with child("tests.benchmarks._provider") as provider:
        with store_urls() as urls:
            for store, url in urls.items():
                for loop in ("asyncio", "uvloop"):
                    place = f"http://127.0.0.1:{provider.port}/v1"
                    options = (place, loop, f"cache={url}")
                    with child("tests.benchmarks._gateway", *options, core=0) as gateway:
                        asyncio.run(measure(f"{store}, {loop}", ours, gateway, rounds))
        if shutil.which("nginx") is not None:
            with nginx(provider) as process:
                asyncio.run(measure("nginx, proxy_cache", plain, process, rounds))
        if litellm_python is not None:
            with litellm(litellm_python, provider) as process:
                asyncio.run(measure("LiteLLM, local cache", plain, process, rounds // 4))


def main() -> None:
    """Print all tables."""
    parser = arguments(__doc__)
    parser.add_argument("--litellm", metavar="PYTHON", help="interpreter of an environment with litellm[proxy]")
    given = parser.parse_args()
    core()
    stores(200 if given.quick else 2000)
    sockets(200 if given.quick else 2000, given.litellm)


if __name__ == "__main__":
    main()
