"""The examples that are web applications serve pages and a gateway to their users, and nobody else.

Run with ``pip install -e '.[frameworks]'`` and ``AIGW_FRAMEWORKS=1``.
"""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from tests.peers.processes import reachable, start
from tests.peers.third_party_servers import free_port

from aigw_drivers.client import Client, HandshakeRefused, NotConnected, connect

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        os.environ.get("AIGW_FRAMEWORKS") != "1", reason="AIGW_FRAMEWORKS=1 and the extra `frameworks` ask for it"
    ),
]

COOKIE = ("cookie", "session=of-alice")
TOKEN = ("authorization", "Bearer of-alice")
QUERY = {"model": "loopback-1", "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def serving(program: str) -> AsyncIterator[int]:
    """Its port. At the end it is asked to go, and goes."""
    port = free_port()
    process = start([sys.executable, "-m", f"tests.examples.{program}", str(port)])
    try:
        with anyio.fail_after(120):
            await reachable(port, process)
            yield port
            process.send_signal(signal.SIGTERM)
            while process.poll() is None:  # noqa: ASYNC110 - a process has no event
                await anyio.sleep(0.1)
        assert process.returncode in (0, -signal.SIGTERM)  # uvicorn passes the signal on
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("program", "framework", "server", "alice"),
    [
        ("fastapi_app", "fastapi", "uvicorn", COOKIE),
        ("litestar_app", "litestar", "hypercorn", COOKIE),
        ("quart_app", "quart", "hypercorn", TOKEN),
    ],
)
async def test_it_serves_its_users(program: str, framework: str, server: str, alice: tuple[str, str]) -> None:
    for needed in (framework, server):
        pytest.importorskip(needed)
    async with serving(program) as port:
        url = f"ws://127.0.0.1:{port}/llm/v1/local/default"
        async with httpx.AsyncClient() as pages:
            assert "Hello, alice." in (await pages.get(f"http://127.0.0.1:{port}/", headers=[alice])).text
        async with Client(url, headers=[alice]) as client:
            assert (await client.create("loopback", "chat/completions", QUERY)).text
        realtime = f"{url}/loopback/realtime?model=m"
        async with connect(realtime, headers=[alice]) as session:
            assert json.loads(await session.receive())["type"] == "session.created"
            await session.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
            assert json.loads(await session.receive())["type"] == "session.updated"
        with pytest.raises(HandshakeRefused) as refused:
            async with connect(realtime):
                pass
        assert refused.value.status == 401
        with pytest.raises(NotConnected):
            async with Client(url):
                pass
