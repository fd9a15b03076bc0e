"""The store on a server: TLS, a cluster, a server that is slow, gone, and back, and many processes at once."""

import gc
import os
import signal
import ssl
import subprocess
import sys
from binascii import crc_hqx
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import msgspec
import pytest
from tests.peers import processes
from tests.rigs.stores import SERVERS, free_port, missing, store_cluster, store_server

from aigw_drivers.stores import StoreError, open_store
from aigw_drivers.stores import redis as redis_module
from aigw_sansio import Counted, Counter

Result = TypeVar("Result")
pytest.importorskip("coredis")
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(missing("redis-server") is not None, reason="redis-server is not installed"),
    # coredis leaves streams of anyio unclosed if it cannot connect
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ONE = Counter(gateway="a/g", rule="r", value="", amount=1, limit=2, interval_s=3600, sliding=True)

RACER = """
import sys, anyio
from aigw_drivers.stores import open_store
from aigw_sansio import Counter

async def main():
    counter = Counter(gateway="a/g", rule="r", value="", amount=1, limit=100, interval_s=3600, sliding=True)
    async with open_store(sys.argv[1], within_s=30.0) as store:
        passed = 0
        for _ in range(60):
            passed += (await store.count([counter])).refused is None
        print(passed)

anyio.run(main)
"""


@pytest.fixture(autouse=True)
def nothing_unclosed_is_left() -> Iterator[None]:
    """What coredis leaves is found here, and not in some other test."""
    yield
    gc.collect()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("server", SERVERS)
async def test_each_server_does(tmp_path: Path, server: str) -> None:
    if (why := missing(server)) is not None:
        pytest.skip(why)
    with store_server(tmp_path, server=server) as port:
        async with open_store(f"{server.partition('-')[0]}://127.0.0.1:{port}", within_s=30.0) as store:
            await store.set("key:a", b"1", 60)
            assert await store.names("key:") == ["key:a"]
            assert [(await store.count([ONE])).refused for _ in range(3)] == [None, None, 0]


async def test_over_tls_with_a_password(tmp_path: Path) -> None:
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    own = authority.issue_cert("127.0.0.1")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    own.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    port = free_port()
    options = [
        *("--port", "0", "--tls-port", str(port), "--requirepass", "pass-word", "--tls-auth-clients", "no"),
        *("--tls-cert-file", str(tmp_path / "cert.pem"), "--tls-key-file", str(tmp_path / "key.pem")),
        *("--tls-ca-cert-file", str(tmp_path / "ca.pem")),
    ]
    with store_server(tmp_path, *options):
        url = f"rediss://:pass-word@127.0.0.1:{port}/0?ca_file={tmp_path / 'ca.pem'}"
        async with open_store(url, within_s=30.0) as store:
            await store.set("a", b"1", 60)
            assert await store.get("a") == b"1"
        for wrong in (
            f"rediss://:pass-word@127.0.0.1:{port}/0",  # nobody whom the system trusts
            f"valkeys://:wrong-word@127.0.0.1:{port}/0?ca_file={tmp_path / 'ca.pem'}",
        ):
            async with open_store(wrong, within_s=30.0) as store:
                with pytest.raises(StoreError) as caught:
                    await store.get("a")
                assert "word" not in str(caught.value)
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


async def test_a_cluster_keeps_the_counters_of_a_gateway_together(tmp_path: Path) -> None:
    port = free_port()
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with store_server(tmp_path, *options, port=port):
        command = ["redis-cli", "-p", str(port), "cluster", "addslotsrange", "0", "16383"]
        assert processes.run(command).stdout == "OK\n"
        async with open_store(f"redis://127.0.0.1:{port}?cluster=true", within_s=30.0) as store:
            await answered(lambda: store.set("key:a", b"1"))  # it is not at once one
            await store.set("key:b", b"1", 60)
            assert await store.names("key:") == ["key:a", "key:b"]
            others = [msgspec.structs.replace(ONE, rule=name, limit=5) for name in "stuvw"]
            assert await store.count([ONE, *others]) == Counted()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cluster_of_three_nodes_that_move_names_and_go(tmp_path: Path) -> None:
    """What each gateway counted is found again wherever its slot is, and a node that goes is an error until it is
    back."""
    names = [f"acme/{number}" for number in range(2000)]
    moving = [name for name in names if crc_hqx(name.encode(), 0) % 16384 < 100]  # the slot of a name in braces
    gateways = [msgspec.structs.replace(ONE, gateway=name) for name in [*moving, *names[:20]]]
    assert len(moving) > 5
    with store_cluster(tmp_path) as ports:
        first = str(ports[0])
        async with open_store(f"redis://127.0.0.1:{first}?cluster=true", within_s=3.0) as store:
            for one in gateways:
                assert await answered(partial(store.count, [one])) == Counted()
                await answered(partial(store.set, f"key:{one.gateway}", b"1", 60))
            sizes = [int(processes.run(["redis-cli", "-p", str(port), "dbsize"]).stdout) for port in ports]
            assert min(sizes) > 0
            assert sum(sizes) == 2 * len(gateways)
            own = processes.run(["redis-cli", "-p", first, "cluster", "myid"]).stdout.strip()
            other = processes.run(["redis-cli", "-p", str(ports[1]), "cluster", "myid"]).stdout.strip()
            ways = ["--cluster-from", own, "--cluster-to", other, "--cluster-slots", "100", "--cluster-yes"]
            moved = processes.run(["redis-cli", "--cluster", "reshard", f"127.0.0.1:{first}", *ways])
            assert moved.returncode == 0, moved.stdout
            left = int(processes.run(["redis-cli", "-p", first, "dbsize"]).stdout)
            assert left <= sizes[0] - len(moving)
            for one in gateways:
                assert (await answered(partial(store.count, [one]))).refused is None
                assert (await answered(partial(store.count, [one]))).refused == 0
            assert len(await answered(partial(store.names, "key:"))) == len(gateways)
            found = processes.run(["redis-cli", "-p", str(ports[2]), "info", "server"]).stdout
            (pid,) = [int(line.partition(":")[2]) for line in found.splitlines() if line.startswith("process_id:")]
            os.kill(pid, signal.SIGSTOP)
            try:
                with anyio.fail_after(120), pytest.raises(StoreError):
                    for one in gateways:
                        await store.count([one])
            finally:
                os.kill(pid, signal.SIGCONT)
            for one in gateways:
                assert (await answered(partial(store.count, [one]))).refused == 0


async def test_a_cluster_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(OSError, match=r"^the cluster of the store cannot be reached: \w+$"):
        async with open_store(f"redis://u:word@127.0.0.1:{free_port()}?cluster=true", within_s=2.0) as store:
            await store.get("a")


async def test_a_slow_server_blocks_nobody_and_is_used_again(tmp_path: Path) -> None:
    with store_server(tmp_path) as port:
        async with open_store(f"redis://127.0.0.1:{port}", within_s=0.3) as store:
            await answered(lambda: store.set("a", b"1"))
            found = processes.run(["redis-cli", "-p", str(port), "info", "server"]).stdout
            (pid,) = [int(line.partition(":")[2]) for line in found.splitlines() if line.startswith("process_id:")]
            os.kill(pid, signal.SIGSTOP)
            try:
                with anyio.fail_after(30), pytest.raises(StoreError, match=r"^the store gave no answer within 0\.3 s$"):
                    await store.count([ONE])
            finally:
                os.kill(pid, signal.SIGCONT)
            assert await answered(lambda: store.get("a")) == b"1"


async def test_a_server_that_went_is_used_again_when_it_is_back(tmp_path: Path) -> None:
    with store_server(tmp_path) as port:
        url = f"redis://127.0.0.1:{port}"
        async with open_store(url, within_s=30.0) as store:
            await answered(lambda: store.set("a", b"1"))
            processes.run(["redis-cli", "-p", str(port), "shutdown", "nosave"])
            with anyio.fail_after(30), pytest.raises(StoreError):
                await store.get("a")
            with store_server(tmp_path, port=port):
                assert await answered(lambda: store.get("a")) is None


async def answered(request: Callable[[], Awaitable[Result]]) -> Result:
    """What the store says to ``request``, sooner or later: within its deadline only if the machine has time for it."""
    with anyio.fail_after(60):
        while True:
            try:
                return await request()
            except StoreError:
                await anyio.sleep(0.05)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_processes_together_let_through_no_more_than_the_limit(tmp_path: Path) -> None:
    with store_server(tmp_path) as port:
        command = [sys.executable, "-c", RACER, f"redis://127.0.0.1:{port}"]
        racers = [processes.start(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        assert sum(int(racer.communicate(timeout=120)[0]) for racer in racers) == 100


async def test_without_its_client_it_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "coredis", None)
    with pytest.raises(ValueError, match=r"^a store of this kind needs coredis: pip install aigw\[redis\]$"):
        async with open_store("redis://127.0.0.1") as store:
            await store.get("a")
    assert redis_module.is_redis("valkeys://h")
