"""Servers written by others, as providers: hypercorn in this process; nginx, nghttpx and haproxy as children.

Decides: how each is started on a free port, with TLS and both protocols offered by ALPN, and ended. Must not know: the
gateway and what is tested.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ENV: Final = "AIGW_PEERS"
PROXIES: Final = ("nginx", "nghttpx", "haproxy")


def free_port() -> int:
    """A port that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Certificates:
    """A throw-away authority and a certificate of ``localhost``, as files."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self.server = str(folder / "server.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(self.server)


class SseProvider:
    """An ASGI application: a body ``{"id", "chunks", "size", "endless"}`` is answered by that many events."""

    def __init__(self) -> None:
        self.versions: set[str] = set()
        self.callers: Counter[int] = Counter()  #: requests by the port they came from
        self.sent: Counter[str] = Counter()  #: events that the server has taken, by id
        self.gone: set[str] = set()  #: ids whose caller left before the end
        self.changed = asyncio.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        self.versions.add(scope["http_version"])
        self.callers[scope["client"][1]] += 1
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = json.loads(body)
        left = asyncio.create_task(self._watch(receive))
        try:
            await self._answer(asked, send, left)
        finally:
            left.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await left

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _answer(self, asked: dict[str, Any], send: Send, left: "asyncio.Task[None]") -> None:
        name = asked["id"]
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        number = 0
        while number < asked.get("chunks", 5) or asked.get("endless"):
            if left.done():
                async with self.changed:
                    self.gone.add(name)
                    self.changed.notify_all()
                return
            event = json.dumps({"id": name, "n": number, "pad": "x" * asked.get("size", 10)})
            await send({"type": "http.response.body", "body": f"data: {event}\n\n".encode(), "more_body": True})
            number += 1
            self.sent[name] = number
            await asyncio.sleep(0.001 if asked.get("endless") else 0)
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    async def until_gone(self, name: str) -> None:
        """Wait until the caller of ``name`` has left."""
        async with self.changed:
            await self.changed.wait_for(lambda: name in self.gone)


@asynccontextmanager
async def hypercorn(
    application: Application, certificate: str, *, port: int = 0, requests_per_connection: int = 1 << 30
) -> AsyncIterator[int]:
    """Serve ``application`` over TLS with the PEM file ``certificate``; the port."""
    config = Config()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(200)
    port = int(listener.getsockname()[1])
    config.bind = [f"fd://{listener.fileno()}"]
    config.certfile = config.keyfile = certificate
    config.alpn_protocols = ["h2", "http/1.1"]
    config.accesslog = config.errorlog = None
    config.keep_alive_max_requests = requests_per_connection
    config.graceful_timeout = 0.1
    stop = asyncio.Event()
    task = asyncio.create_task(serve(application, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    try:
        yield port
    finally:
        stop.set()
        await asyncio.wait([task], timeout=5)
        listener.detach()
        if task.done():
            task.result()


def why_not(name: str) -> str | None:
    """Why tests with the proxy ``name`` are skipped, or ``None``."""
    if os.environ.get(ENV) != "1":
        return f"set {ENV}=1 to run tests with {name}"
    if shutil.which(name, path=_path()) is None:
        return f"{name} is not installed"
    return None


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


@contextmanager
def proxy(name: str, backend: int, certificates: Certificates, folder: Path) -> Iterator[int]:
    """Run the proxy ``name`` with TLS in front of the plain port ``backend``; its port."""
    port = free_port()
    program = shutil.which(name, path=_path())
    assert program is not None
    command = _COMMANDS[name](program, port, backend, certificates, folder)
    with open(folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_for(port, process, folder / f"{name}.log")
        yield port
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    raise RuntimeError(f"the proxy does not answer: {log.read_text(errors='replace')[-2000:]}")


def _nginx(program: str, port: int, backend: int, certificates: Certificates, folder: Path) -> list[str]:
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"""
        daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
        events {{ worker_connections 512; }}
        http {{
            access_log off; {temporary}
            server {{
                listen 127.0.0.1:{port} ssl http2;
                ssl_certificate {certificates.server}; ssl_certificate_key {certificates.server};
                location / {{
                    proxy_pass http://127.0.0.1:{backend}; proxy_http_version 1.1; proxy_set_header Connection "";
                    proxy_buffering off; proxy_request_buffering off;
                }}
            }}
        }}
        """
    )
    return [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def _nghttpx(program: str, port: int, backend: int, certificates: Certificates, folder: Path) -> list[str]:
    files = [certificates.server, certificates.server]
    return [program, "--conf=/dev/null", f"-f127.0.0.1,{port}", f"-b127.0.0.1,{backend}", "--workers=1", *files]


def _haproxy(program: str, port: int, backend: int, certificates: Certificates, folder: Path) -> list[str]:
    (folder / "haproxy.cfg").write_text(
        "defaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
        f"frontend f\n bind 127.0.0.1:{port} ssl crt {certificates.server} alpn h2,http/1.1\n default_backend b\n"
        f"backend b\n server s 127.0.0.1:{backend}\n"
    )
    return [program, "-db", "-f", str(folder / "haproxy.cfg")]


_COMMANDS: Final[dict[str, Callable[[str, int, int, Certificates, Path], list[str]]]] = {
    "nginx": _nginx,
    "nghttpx": _nghttpx,
    "haproxy": _haproxy,
}
