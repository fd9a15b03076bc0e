"""``aigw serve`` reads its settings again at SIGHUP, alone and with workers: no socket is dropped."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from tests.peers import processes
from tests.rigs.served import begin, children_of, connected, serving, settings, until_type

from aigw_drivers.client import HandshakeRefused
from aigw_drivers.loopback import LoopbackProvider

pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["one", "two"])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


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
