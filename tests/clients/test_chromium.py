"""Chromium's own WebSockets over HTTP/2: two of them share the connection that its page came on, and compress."""

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from tests.peers.third_party_servers import ENV, Certificates

from aigw_drivers.client import connect
from aigw_drivers.loopback import LoopbackProvider
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.events import Event, SessionOpened

SCRIPT = """
(async () => {
  const converse = name => new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${location.host}/v1/local/default`, ["realtime"]);
    const kinds = [];
    socket.onerror = () => reject("error");
    socket.onclose = event => resolve({name, kinds, code: event.code, protocol: socket.protocol,
      extensions: socket.extensions});
    socket.onopen = () => socket.send(JSON.stringify({type: "universal.create", request: {
      eventId: name, provider: "custom-loop", endpoint: "chat/completions",
      query: {model: "m", stream: true, messages: [{role: "user", content: "hi"}], loopback: {chunks: 50}}}}));
    socket.onmessage = event => {
      const message = JSON.parse(event.data);
      if (message.metadata.eventId !== name) reject("a message of another socket");
      kinds.push(message.type);
      if (message.type === "universal.done") socket.close(1000);
    };
  });
  const both = await Promise.all([converse("one"), converse("two")]);
  return JSON.stringify({both, page: performance.getEntriesByType("navigation")[0].nextHopProtocol});
})()
"""


def _browser() -> str | None:
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


@contextmanager
def chromium(folder: Path) -> Iterator[str]:
    """A headless browser that trusts everybody; the URL of its debugging protocol."""
    program = _browser()
    assert program is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--ignore-certificate-errors"]
    with open(folder / "chromium.log", "wb") as log:
        process = subprocess.Popen(
            [program, *options, "--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}", "about:blank"],
            stdout=log,
            stderr=log,
        )
    try:
        told = folder / "profile" / "DevToolsActivePort"
        for _ in range(400):
            if told.exists() and len(lines := told.read_text().splitlines()) >= 2:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        else:
            raise RuntimeError((folder / "chromium.log").read_text(errors="replace")[-2000:])
        yield f"ws://127.0.0.1:{lines[0]}{lines[1]}"
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


async def evaluate(endpoint: str, url: str) -> str:
    """What ``SCRIPT`` gives on the page at ``url``."""
    async with connect(endpoint) as browser:
        number = 0

        async def call(method: str, session: str | None = None, **params: object) -> dict[str, object]:
            nonlocal number
            number += 1
            where = {} if session is None else {"sessionId": session}
            await browser.send(json.dumps({"id": number, "method": method, "params": params, **where}))
            while True:
                message = json.loads(await browser.receive())
                if message.get("id") == number:
                    assert "error" not in message, message
                    result: dict[str, object] = message["result"]
                    return result

        target = (await call("Target.createTarget", url="about:blank"))["targetId"]
        session = str((await call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"])
        await call("Page.enable", session)
        await browser.send(
            json.dumps({"id": 0, "method": "Page.navigate", "params": {"url": url}, "sessionId": session})
        )
        while json.loads(await browser.receive()).get("method") != "Page.loadEventFired":
            pass
        done = await call("Runtime.evaluate", session, expression=SCRIPT, awaitPromise=True)
        result = done["result"]
        assert isinstance(result, dict)
        assert "value" in result, done
        return str(result["value"])


def test_two_websockets_of_a_page_share_its_connection(tmp_path: Path) -> None:
    if os.environ.get(ENV) != "1":
        pytest.skip(f"set {ENV}=1 to run tests with Chromium")
    if _browser() is None:
        pytest.skip("chromium is not installed")
    certificates = Certificates(tmp_path)

    async def main() -> None:
        events: list[Event] = []
        async with LoopbackProvider.start() as provider:
            config = Config(
                gateways={"local/default": GatewaySettings(compression="stream")},
                providers={"custom-loop": ProviderSettings(base_url=f"{provider.base_url}/v1")},
            )
            settings = Settings(config=config, server=ServerSettings(port=0, tls_certificate=certificates.server))
            with anyio.fail_after(60), chromium(tmp_path) as endpoint:
                async with running(settings, on_event=events.append) as gateway:
                    port = gateway.url.rpartition(":")[2]
                    result = json.loads(await evaluate(endpoint, f"https://localhost:{port}/healthz"))
        assert result["page"] == "h2"
        for told, name in zip(result["both"], ("one", "two")):
            kinds = told["kinds"]
            assert (told["name"], told["code"], told["protocol"]) == (name, 1000, "realtime")
            assert told["extensions"] == "permessage-deflate; client_no_context_takeover"
            assert (kinds[0], kinds[-1]) == ("universal.created", "universal.done")
            assert kinds.count("universal.stream") >= 50
        opened = [event for event in events if isinstance(event, SessionOpened)]
        assert len(opened) == 2
        assert opened[0].conn == opened[1].conn

    anyio.run(main)
