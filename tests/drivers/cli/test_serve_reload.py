"""``aigw serve`` reads its settings again at SIGHUP, alone and with workers: no socket is dropped."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import pytest
import trustme
from tests.peers import processes
from tests.rigs.live_gateway import PATH, chat

from aigw_drivers.client import HandshakeRefused, WebSocketClient, connect
from aigw_drivers.loopback import LoopbackProvider

pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["one", "two"])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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
            server = Server(process, file, "", 2 if workers else 0)
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


@both
async def test_tokens_and_keys_change_and_what_runs_goes_on(workers: list[str], tmp_path: Path) -> None:
    """A new token lets in, an old one does not; a running stream ends as if nothing were, and its socket lives on, with
    the new key of the provider."""
    async with LoopbackProvider.start() as provider:
        file = tmp_path / "aigw.toml"
        file.write_text(settings(provider, "the-token-of-before"))
        file.chmod(0o600)
        with serving(file, workers) as server:
            async with connected(server, "a-token-that-stays") as client:
                await begin(client, "a", chunks=100, chunk_delay_ms=20)
                await until_type(client, "universal.stream")
                await server.reload(settings(provider, "the-token-of-after", key="a-key-of-after"))
                for _ in range(8):  # on each worker
                    async with connected(server, "the-token-of-after") as other:
                        await begin(other, "b", chunks=1)
                        await until_type(other, "universal.done")
                    with pytest.raises(HandshakeRefused) as refused:
                        async with connected(server, "the-token-of-before"):
                            pass
                    assert refused.value.status == 401
                await until_type(client, "universal.done")
                await begin(client, "c", chunks=1)
                await until_type(client, "universal.done")
        keys = [dict(seen.headers)["authorization"] for seen in provider.seen]
    assert keys == ["Bearer a-key-of-before", *["Bearer a-key-of-after"] * 9]


@both
async def test_a_file_that_is_wrong_changes_nothing(workers: list[str], tmp_path: Path) -> None:
    async with LoopbackProvider.start() as provider:
        file = tmp_path / "aigw.toml"
        file.write_text(settings(provider, "the-token-of-before"))
        file.chmod(0o600)
        with serving(file, workers) as server:
            await server.reload(settings(provider, "the-token-of-after") + "prot = 1\n", taken=False)
            if workers:  # one that is started now has the settings that are in force, not those of the file
                victim = children_of(server.process.pid)[0]
                os.kill(victim, signal.SIGKILL)
            for _ in range(8):
                async with connected(server, "the-token-of-before") as client:
                    await begin(client, "a", chunks=1)
                    await until_type(client, "universal.done")


@both
async def test_a_certificate_is_replaced_without_a_drop(workers: list[str], tmp_path: Path) -> None:
    before, after = trustme.CA(), trustme.CA()
    context_before, context_after = ssl.create_default_context(), ssl.create_default_context()
    for authority, context in ((before, context_before), (after, context_after)):
        authority.configure_trust(context)
    pem = tmp_path / "server.pem"
    before.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    async with LoopbackProvider.start() as provider:
        file = tmp_path / "aigw.toml"
        text = settings(provider, "a-token-of-this-test", server="tls_certificate = 'server.pem'")
        file.write_text(text)
        file.chmod(0o600)
        with serving(file, workers) as server:
            async with connected(server, "a-token-of-this-test", context_before) as client:
                after.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
                await server.reload(text)
                for _ in range(6):
                    async with connected(server, "a-token-of-this-test", context_after) as other:
                        await begin(other, "b", chunks=1)
                        await until_type(other, "universal.done")
                    with pytest.raises(ssl.SSLError):
                        async with connected(server, "a-token-of-this-test", context_before):
                            pass
                await begin(client, "a", chunks=1)
                await until_type(client, "universal.done")


@both
async def test_a_service_manager_is_told_of_a_reload(workers: list[str], tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    file = tmp_path / "aigw.toml"
    file.write_text("[server]\nport = 0\n")
    file.chmod(0o600)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(120)
        with serving(file, workers, NOTIFY_SOCKET=path) as server:
            assert manager.recv(1000) == b"READY=1"
            await server.reload("[server]\nport = 0\nworkers = 3\n")
            assert manager.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert manager.recv(1000) == b"READY=1"
            await server.reload("[serv", taken=False)
            assert manager.recv(1000).startswith(b"RELOADING=1\n")
            assert manager.recv(1000) == b"READY=1"
        assert manager.recv(1000) == b"STOPPING=1"


async def test_without_a_file_a_hangup_ends_the_process() -> None:
    """As that of a terminal does: there is nothing to read again."""
    command = [sys.executable, "-c", "from aigw_drivers.cli.main import main; main()", "serve", "--port", "0"]
    with processes.start(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert "is listening" in process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=120) == -signal.SIGHUP
