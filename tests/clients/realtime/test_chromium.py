"""A page in Chromium, which can set no header: token and key are subprotocols, its origin is on the list."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import anyio
import pytest
from tests.rigs.client_gateway import KEY, TOKEN, wants_clients, world

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [
    pytest.mark.anyio,
    wants_clients,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium (Debian's package) is not installed"),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Quiet(SimpleHTTPRequestHandler):
    """Serves this folder, and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def origin() -> Iterator[str]:
    """Where the page is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(Path(__file__).parent))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_a_page_talks(origin: str, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    async with world(authentication=True, origins=(origin,)) as w:
        told = quote(json.dumps({"url": w.url, "token": TOKEN, "key": KEY}))
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", f"{origin}/page.html#{told}"]
        reported = anyio.Event()
        w.on_told = lambda text: reported.set() if b'"kinds"' in text else None
        async with await anyio.open_process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
            with anyio.fail_after(60):
                await reported.wait()
            browser.terminate()
        report = json.loads(next(text for _, _, text in w.told if b'"kinds"' in text))
        assert report["protocol"] == "realtime"
        assert report["kinds"][0] == "session.created"
        assert report["kinds"][-1] == "response.done"
        assert report["kinds"].count("response.output_audio.delta") == 3
        assert report["close"] == {"code": 3001, "reason": "thanks", "wasClean": True}
        assert report["stranger"] == 1006
        assert report["provider"] == {"code": 4002, "reason": "quota", "wasClean": True}
        assert report["alone"] == f"cf-aig-authorization.{TOKEN}"
        assert report["bytes"] is True
        assert TOKEN not in repr(w.provider.seen)
        assert w.provider.seen[0].close_code == 3001
    assert TOKEN not in repr(w.events)
    assert KEY not in repr(w.events)
    assert w.opened[0].subprotocol == "realtime"
