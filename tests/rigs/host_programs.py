"""A gateway under each kind of host, as its user would start it: ``python -m tests.rigs.host_programs NAME``.

Each asks the loopback provider once, whole and streamed, and prints ``ok``. They need nothing of the test suite, so they
run in environments that have only the host.
"""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio

from aigw_drivers import LoopbackProvider, ServerSettings, Settings, running
from aigw_drivers.asgi import GatewayApp
from aigw_drivers.client import connect
from aigw_sansio import Config, ProviderSettings

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60


async def talk(url: str) -> None:
    """Two exchanges, by a client of its own."""
    async with connect(f"{url}/v1/local/default") as client:
        for stream, last in ((False, "universal.created"), (True, "universal.done")):
            query = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
            step = {"provider": "loopback", "endpoint": "chat/completions", "query": query}
            await client.send(json.dumps({"type": "universal.create", "request": step}))
            message: dict[str, Any] = {}
            with anyio.fail_after(PATIENCE_S):
                while message.get("type") != last:
                    message = json.loads(await client.receive())
            assert message["metadata"]["status"] == 200, message


async def serve_and_talk() -> None:
    """The server of the package, in a loop that somebody else runs."""
    async with running(Settings(server=ServerSettings(port=0)), loopback=True) as gateway:
        await talk(gateway.url)
    print("ok")


@asynccontextmanager
async def app() -> AsyncIterator[GatewayApp]:
    """An ASGI application, whose provider is the loopback one, by a name that must be looked up."""
    async with LoopbackProvider.start() as provider:
        base = provider.base_url.replace("127.0.0.1", "localhost")
        yield GatewayApp(Config(providers={"loopback": ProviderSettings(base_url=f"{base}/v1")}))


def by_asyncio() -> None:
    asyncio.run(serve_and_talk())


def by_uvloop() -> None:
    import uvloop

    uvloop.run(serve_and_talk())


def by_uvicorn() -> None:
    import uvicorn

    async def main(loop: str) -> None:
        async with app() as served:
            server = uvicorn.Server(uvicorn.Config(served, log_level="error", loop=loop, port=0))  # type: ignore[arg-type]
            with socket.create_server(("127.0.0.1", 0)) as listener:
                serving = asyncio.create_task(server.serve([listener]))
                await talk(f"ws://127.0.0.1:{listener.getsockname()[1]}")
                server.should_exit = True
                await serving

    import uvloop

    asyncio.run(main("asyncio"))
    uvloop.run(main("uvloop"))
    print("ok")


def by_hypercorn() -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config as HypercornConfig

    async def main() -> None:
        async with app() as served:
            listener = socket.create_server(("127.0.0.1", 0))
            url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
            config = HypercornConfig()
            config.bind, config.errorlog = [f"fd://{listener.detach()}"], None
            stop = asyncio.Event()
            serving = asyncio.create_task(serve(served, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
            await asyncio.sleep(0)
            await talk(url)
            stop.set()
            with suppress(asyncio.CancelledError):
                await serving

    asyncio.run(main())
    print("ok")


def by_twisted() -> None:
    from twisted.internet import asyncioreactor

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    failed: list[object] = []

    def start() -> None:
        deferred = Deferred.fromFuture(loop.create_task(serve_and_talk()))
        deferred.addErrback(failed.append)
        deferred.addBoth(lambda _: reactor.stop())  # type: ignore[attr-defined]

    reactor.callWhenRunning(start)  # type: ignore[attr-defined]
    reactor.run()  # type: ignore[attr-defined]
    assert not failed, failed


def by_jupyter() -> None:
    """In the loop of a kernel, plain and made nested."""
    import nbformat
    from nbclient import NotebookClient

    begin = (
        f"import sys; sys.path[:0] = {[path for path in sys.path if path]!r}\nfrom tests.rigs.host_programs import *\n"
    )
    cells = [f"{begin}await serve_and_talk()"]
    with suppress(ImportError):
        import nest_asyncio

        assert nest_asyncio
        cells.append("import nest_asyncio; nest_asyncio.apply()\nimport asyncio; asyncio.run(serve_and_talk())")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    NotebookClient(notebook, timeout=PATIENCE_S, kernel_name="python3").execute()
    shown = [output.get("text") for cell in notebook.cells for output in cell.outputs]
    assert shown == ["ok\n"] * len(cells), shown
    print("ok")


def by_pytest_asyncio() -> None:
    import subprocess
    import tempfile

    text = (
        "import pytest\nfrom tests.rigs.host_programs import serve_and_talk\n"
        "@pytest.mark.asyncio\nasync def test_it() -> None:\n    await serve_and_talk()\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_it.py").write_text(text)
        options = [
            "-q",
            "-p",
            "no:anyio",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            folder,
            "-c",
            "/dev/null",
            "-W",
            "error",
        ]
        options += ["-o", "asyncio_default_fixture_loop_scope=function"]
        subprocess.run([sys.executable, "-m", "pytest", *options, folder], check=True, timeout=PATIENCE_S)
    print("ok")


PROGRAMS: dict[str, tuple[Callable[[], None], tuple[str, ...]]] = {
    "asyncio": (by_asyncio, ()),
    "uvloop": (by_uvloop, ("uvloop",)),
    "uvicorn": (by_uvicorn, ("uvicorn", "uvloop", "websockets")),
    "hypercorn": (by_hypercorn, ("hypercorn",)),
    "twisted": (by_twisted, ("twisted",)),
    "jupyter": (by_jupyter, ("nbclient", "nbformat", "ipykernel")),
    "pytest-asyncio": (by_pytest_asyncio, ("pytest_asyncio",)),
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]][0]()
