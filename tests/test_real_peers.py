"""Servers that others wrote, as providers: hypercorn always; nginx, nghttpx and haproxy where they are asked for.

``AIGW_PEERS=1`` runs the three proxies, TLS with ALPN, in front of the loopback provider; they must be installed
(Debian: nginx, nghttp2-proxy, haproxy). The gateway streams through each with many exchanges at once.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import anyio
import pytest
import trustme

from aigw_drivers.client import connect
from aigw_drivers.loopback import LoopbackProvider
from aigw_drivers.serve import running
from aigw_drivers.settings import ServerSettings, Settings
from aigw_sansio.config import Config, ProviderSettings
from aigw_sansio.events import AttemptConnected, Event

Http2 = Literal["auto", "on", "off"]
EXCHANGES = 20

APP = """
import asyncio

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for n in range(20):
        version = scope["http_version"].encode()
        await send({"type": "http.response.body", "body": b'data: {"n":%d,"http":"%b"}\\n\\n' % (n, version), "more_body": True})
        await asyncio.sleep(0.002)
    await send({"type": "http.response.body", "body": b"data: [DONE]\\n\\n"})
"""


class Certificate:
    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        issued = authority.issue_cert("localhost", "127.0.0.1")
        self.file = str(folder / "server.pem")
        issued.private_key_and_cert_chain_pem.write_to_path(self.file)
        self.key = str(folder / "key.pem")
        issued.private_key_pem.write_to_path(self.key)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("tls"))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def process(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """A server, once its port answers."""
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as server:
        try:
            for _ in range(200):
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert server.poll() is None, (folder / "log").read_text()[-2000:]
                    time.sleep(0.05)  # until it listens
            yield
        finally:
            server.terminate()


def create(event_id: str) -> str:
    query = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}], "loopback": {"chunks": 8}}
    step = {"eventId": event_id, "provider": "custom-peer", "endpoint": "chat/completions", "query": query}
    return json.dumps({"type": "universal.create", "request": step})


async def converse(base_url: str, ca_file: str | None, http2: Http2) -> tuple[set[str], list[str]]:
    """Many streams at once, one of them cancelled. Returns how connections were reached, and all chunks."""
    events: list[Event] = []
    own = ProviderSettings(base_url=base_url, ca_file=ca_file, http2=http2)
    settings = Settings(config=Config(providers={"custom-peer": own}), server=ServerSettings(port=0))
    ends: dict[str, str] = {}
    chunks: list[str] = []
    with anyio.fail_after(40):
        async with (
            running(settings, on_event=events.append) as gateway,
            connect(f"{gateway.url}/v1/local/default") as client,
        ):
            await client.send(create("first"))
            while "first" not in ends:
                note(json.loads(await client.receive()), ends, chunks)
            for number in range(EXCHANGES):
                await client.send(create(str(number)))
            await client.send(json.dumps({"type": "universal.cancel", "eventId": "7"}))
            while len(ends) < EXCHANGES + 1:
                note(json.loads(await client.receive()), ends, chunks)
    assert ends.pop("7") in ("universal.cancelled", "universal.done")
    assert set(ends.values()) == {"universal.done"}
    return {event.reach for event in events if isinstance(event, AttemptConnected)}, chunks


def note(message: dict[str, object], ends: dict[str, str], chunks: list[str]) -> None:
    kind = str(message["type"])
    metadata = message["metadata"]
    assert isinstance(metadata, dict)
    if kind == "universal.stream":
        chunks.append(json.dumps(message["response"]))
    elif kind != "universal.created" or "response" in message:
        assert kind != "universal.created", message
        ends[metadata["eventId"]] = kind


@pytest.mark.parametrize(
    ("secure", "http2", "version", "reach"),
    [
        (True, "auto", "2", "shared"),
        (True, "on", "2", "shared"),
        (True, "off", "1.1", "reused"),
        (False, "off", "1.1", "reused"),
        (False, "on", "2", "shared"),
    ],
)
def test_hypercorn(
    secure: bool, http2: Http2, version: str, reach: str, certificate: Certificate, tmp_path: Path
) -> None:
    pytest.importorskip("hypercorn")
    (tmp_path / "peer_app.py").write_text(textwrap.dedent(APP))
    port = free_port()
    command = [sys.executable, "-m", "hypercorn", "peer_app:app", "--bind", f"127.0.0.1:{port}"]
    if secure:
        command += ["--certfile", certificate.file, "--keyfile", certificate.key]
    with process(command, port, tmp_path):
        scheme = "https" if secure else "http"
        found, chunks = anyio.run(converse, f"{scheme}://localhost:{port}" if secure else f"{scheme}://127.0.0.1:{port}",
                                  certificate.ca_file if secure else None, http2)  # fmt: skip
    assert {json.loads(chunk)["http"] for chunk in chunks} == {version}
    assert reach in found


NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 512; }}
http {{
    access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port} ssl http2; ssl_certificate {pem}; ssl_certificate_key {key};
        location / {{ proxy_pass http://127.0.0.1:{provider}; proxy_http_version 1.1; proxy_buffering off; }}
    }}
}}
"""
HAPROXY = """
global
    maxconn 512
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend f
    bind 127.0.0.1:{port} ssl crt {pem} alpn h2,http/1.1
    default_backend b
backend b
    server s 127.0.0.1:{provider}
"""


def proxy_command(name: str, folder: Path, port: int, provider: int, certificate: Certificate) -> list[str]:
    values = {"folder": folder, "port": port, "provider": provider, "pem": certificate.file, "key": certificate.key}
    if name == "nginx":
        (folder / "nginx.conf").write_text(NGINX.format(**values))
        return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error")]
    if name == "haproxy":
        (folder / "haproxy.cfg").write_text(HAPROXY.format(**values))
        return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]
    front, back = f"--frontend=127.0.0.1,{port}", f"--backend=127.0.0.1,{provider}"
    return ["nghttpx", front, back, "--workers=1", "--conf=/dev/null", certificate.key, certificate.file]


@pytest.mark.skipif(os.environ.get("AIGW_PEERS") != "1", reason="set AIGW_PEERS=1 to run nginx, nghttpx and haproxy")
@pytest.mark.parametrize("name", ["nginx", "nghttpx", "haproxy"])
@pytest.mark.parametrize(("http2", "reach"), [("auto", "shared"), ("off", "reused")])
def test_proxies(name: str, http2: Http2, reach: str, certificate: Certificate, tmp_path: Path) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")

    async def main() -> tuple[set[str], list[str]]:
        async with LoopbackProvider.start() as provider:
            port = free_port()
            command = proxy_command(name, tmp_path, port, provider.port, certificate)
            manager = process(command, port, tmp_path)
            await anyio.to_thread.run_sync(manager.__enter__)
            try:
                return await converse(f"https://localhost:{port}/v1", certificate.ca_file, http2)
            finally:
                manager.__exit__(None, None, None)

    found, chunks = anyio.run(main)
    assert reach in found
    assert len(chunks) >= 8 * EXCHANGES
