"""``aigw serve`` in a process of its own, with a settings file that tests write anew, and clients of it."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
from tests.peers import processes
from tests.rigs.live_gateway import PATH, chat

from aigw_drivers.client import WebSocketClient, connect
from aigw_drivers.loopback import LoopbackProvider


class Server:
    """A running ``aigw serve``."""

    def __init__(self, process: "subprocess.Popen[str]", file: Path, url: str, workers: int) -> None:
        self.process, self.file, self.url = process, file, url + PATH
        self._workers = workers

    def line(self, *, with_text: str) -> str:
        """The next line of output that has ``with_text`` in it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if with_text in line:
                return line
        raise AssertionError(f"the output ended without {with_text!r}")

    async def reload(self, text: str, *, taken: bool = True) -> None:
        """Write the file anew, and wait until every process has read it."""
        self.file.write_text(text)
        self.process.send_signal(signal.SIGHUP)
        told = "the settings were read again" if taken else "the settings stay as they were"
        for _ in range(self._workers + 1 if taken and self._workers else 1):
            await anyio.to_thread.run_sync(lambda: self.line(with_text=told))


@contextmanager
def serving(file: Path, workers: list[str], **environment: str) -> Iterator[Server]:
    command = [sys.executable, "-c", "from aigw_drivers.cli.main import main; main()", "serve", "--config", str(file)]
    with processes.start(
        [*command, *workers],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NO_COLOR": "1", **environment},
    ) as process:
        try:
            server = Server(process, file, "", int(workers[-1]) if "--workers" in workers else 0)
            server.url = server.line(with_text="is listening on ws").split()[-1] + PATH
            yield server
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=120) == 0
        finally:
            process.kill()


def settings(provider: LoopbackProvider, token: str, *, server: str = "", key: str = "a-key-of-before") -> str:
    return (
        f"[server]\nport = 0\n{server}\n[gateways.'local/default']\ntokens = ['a-token-that-stays', '{token}']\n"
        f"[providers.custom-loop]\nbase_url = '{provider.base_url}/v1'\napi_key = '{key}'\n"
    )


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@asynccontextmanager
async def connected(
    server: Server, token: str, context: ssl.SSLContext | None = None
) -> AsyncIterator[WebSocketClient]:
    headers = [("cf-aig-authorization", f"Bearer {token}")]
    async with connect(server.url, headers=headers, ssl_context=context) as client:
        yield client


async def begin(client: WebSocketClient, event_id: str, **loopback: object) -> None:
    step = {"eventId": event_id, "provider": "custom-loop", "endpoint": "chat/completions", "query": chat(**loopback)}
    await client.send(json.dumps({"type": "universal.create", "request": step}))


async def until_type(client: WebSocketClient, wanted: str) -> None:
    """Wait for a message of this type; whatever else ends an exchange fails the test."""
    with anyio.fail_after(120):
        while (message := json.loads(await client.receive()))["type"] != wanted:
            assert "response" not in message or message["type"] == "universal.stream", message
