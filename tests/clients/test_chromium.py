"""Chromium: its own WebSockets over HTTP/2, of which two share the connection that their page came on, and compress;
and the operator's page as it draws it, by day and by night, wide and narrow."""

import base64
import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.peers.third_party_servers import ENV, Certificates
from tests.reading.png import Colour, Picture, read_png
from tests.rigs.live_gateway import PATH, chat

from aigw_drivers.client import WebSocketClient, connect
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

#: What the operator's page shows, and the boxes in which it does.
STRUCTURE = """
(() => {
  const box = one => {
    const {x, y, width, height} = one.getBoundingClientRect();
    return {x: x + scrollX, y: y + scrollY, width, height};
  };
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const words = one => one.innerText.trim();
  const shown = all("main section").filter(one => one.checkVisibility());
  return {
    status: words(document.querySelector("#status")),
    sections: shown.map(one => ({title: words(one.querySelector("h2")), box: box(one)})),
    tiles: all(".tiles > div").map(one => ({name: words(one.querySelector("dt")), box: box(one)})),
    values: Object.fromEntries(all("[data-value]").map(one => [one.dataset.value, words(one)])),
    tables: Object.fromEntries(all("tbody").map(one => [one.id, all("tr", one).map(row => all("th, td", row).map(words))])),
    health: all("#providers td:nth-child(2)").map(one => [one.className, getComputedStyle(one).color]),
    curve: {box: box(document.querySelector("#curve")), words: words(document.querySelector("#curve-words")),
      bars: all("#curve rect").map(one => one.getAttribute("class"))},
    paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
    card: getComputedStyle(document.querySelector(".tiles > div")).backgroundColor,
    bar: all("#curve rect.all").map(one => getComputedStyle(one).fill)[0],
    overflow: document.scrollingElement.scrollWidth - innerWidth,
    names: all("svg, table, dl, input").length,
    loaded: performance.getEntriesByType("resource").map(one => new URL(one.name).pathname).sort(),
  };
})()
"""
SECTIONS = [
    "Now",
    "Exchanges in each second of the last 5 minutes",
    "Providers, last 5 minutes",
    "Errors since the start",
    "Since the start",
    "Running exchanges, the oldest first",
    "Open sockets, the oldest first",
]
#: Paper and ink of the style, as a browser says them.
PALETTES = {
    "light": ("rgb(246, 247, 249)", "rgb(22, 25, 29)"),
    "dark": ("rgb(16, 20, 24)", "rgb(230, 233, 237)"),
}


def colour(text: str) -> Colour:
    """The colour that a browser means by ``rgb(...)``."""
    red, green, blue = map(int, re.findall(r"\d+", text))
    return red, green, blue


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


class Tab:
    """A page in the browser, by its debugging protocol."""

    def __init__(self, browser: WebSocketClient) -> None:
        self._browser = browser
        self._number = 0
        self._session: str | None = None

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        """The result of a command."""
        self._number += 1
        session = {} if self._session is None else {"sessionId": self._session}
        await self._browser.send(json.dumps({"id": self._number, "method": method, "params": params, **session}))
        while True:
            message = json.loads(await self._browser.receive())
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    async def open(self) -> None:
        """Become a new page."""
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        self._session = str((await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"])
        await self.call("Page.enable")
        await self.call("Emulation.setScrollbarsHidden", hidden=True)  # a picture of all of the page has none

    async def go(self, url: str) -> None:
        """Load ``url``."""
        message = {"id": 0, "method": "Page.navigate", "params": {"url": url}, "sessionId": self._session}
        await self._browser.send(json.dumps(message))
        while json.loads(await self._browser.receive()).get("method") != "Page.loadEventFired":
            pass

    async def evaluate(self, script: str) -> Any:
        """What ``script`` gives on the page."""
        done = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def look(self, width: int, scheme: str) -> None:
        """Show the page so wide, by day (``light``) or by night (``dark``)."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def picture(self) -> bytes:
        """All of the page as it is drawn: a PNG."""
        taken = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(taken["data"])


@asynccontextmanager
async def new_tab(endpoint: str) -> AsyncIterator[Tab]:
    """A page of the browser at ``endpoint``."""
    async with connect(endpoint) as browser:
        tab = Tab(browser)
        await tab.open()
        yield tab


def needed() -> None:
    """Skip the test without a browser."""
    if os.environ.get(ENV) != "1":
        pytest.skip(f"set {ENV}=1 to run tests with Chromium")
    if _browser() is None:
        pytest.skip("chromium is not installed")


def test_two_websockets_of_a_page_share_its_connection(tmp_path: Path) -> None:
    needed()
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
                    async with new_tab(endpoint) as tab:
                        await tab.go(f"https://localhost:{port}/healthz")
                        result = json.loads(await tab.evaluate(SCRIPT))
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


async def talk(client: WebSocketClient, name: str, until: str, **loopback: object) -> None:
    """A request of the provider ``custom-loop``, until a message of this type."""
    step = {"eventId": name, "provider": "custom-loop", "endpoint": "chat/completions", "query": chat(**loopback)}
    await client.send(json.dumps({"type": "universal.create", "request": step}))
    while json.loads(await client.receive())["type"] != until:
        pass


def test_the_page_is_drawn(tmp_path: Path) -> None:
    needed()

    async def main() -> None:
        async with LoopbackProvider.start() as provider:
            config = Config(
                providers={
                    "custom-loop": ProviderSettings(base_url=f"{provider.base_url}/v1"),
                    "custom-talk": ProviderSettings(realtime_url=provider.base_url.replace("http", "ws", 1)),
                },
                page="loopback",
            )
            settings = Settings(config=config, server=ServerSettings(port=0, page="loopback"))
            with anyio.fail_after(240), chromium(tmp_path) as endpoint:
                async with running(settings) as gateway, connect(gateway.url + PATH) as client:
                    for number in range(6):
                        await talk(client, f"good {number}", "universal.done", chunks=2)
                    for number in range(2):
                        await talk(client, f"bad {number}", "universal.created", status=503)
                    await talk(client, "running", "universal.stream", chunks=9, stall_after_chunks=1)
                    async with connect(f"{gateway.url}{PATH}/custom-talk/echo?model=m"), new_tab(endpoint) as tab:
                        await tab.go(gateway.url.replace("ws", "http", 1) + "/")
                        for width, scheme in ((1200, "light"), (1200, "dark"), (390, "light"), (390, "dark")):
                            await tab.look(width, scheme)
                            await drawn(tab)
                            found = await tab.evaluate(STRUCTURE)
                            check_words(found)
                            check_boxes(found, width)
                            check_colours(found, scheme)
                            pictures[f"{scheme}-{width}.png"] = picture = await tab.picture()
                            check_picture(found, read_png(picture))

    pictures: dict[str, bytes] = {}
    try:
        anyio.run(main)
    finally:
        for name, picture in pictures.items():  # for who wants to see them: pytest --basetemp
            (tmp_path / name).write_bytes(picture)


async def drawn(tab: Tab) -> None:
    """Wait until the page shows what has ended: a second later."""
    words = ""
    while not words.startswith("8 exchanges"):
        await anyio.sleep(0.2)
        words = str(await tab.evaluate("document.querySelector('#curve-words').textContent"))


def check_words(found: dict[str, Any]) -> None:
    assert re.fullmatch(r"aigw [\d.]+\S*, live", found["status"])
    assert [one["title"] for one in found["sections"]] == SECTIONS
    assert len(found["tiles"]) == 8
    values, tables = found["values"], found["tables"]
    shown = {name: values[name] for name in ("exchanges", "sessions", "total", "failed", "failing")}
    assert shown == {"exchanges": "1", "sessions": "2", "total": "8", "failed": "2", "failing": "25.0 %"}
    assert "" not in values.values()
    (provider,) = tables["providers"]
    assert (provider[0], provider[2], provider[3]) == ("custom-loop", "8", "2")
    assert provider[5].startswith("provider_")
    assert [row[1] for row in tables["errors"]] == ["2"]
    assert [row[1:4] for row in tables["exchanges"]] == [["local/default", "custom-loop", "1"]]
    assert sorted(row[1] for row in tables["sessions"]) == ["realtime", "universal"]
    assert found["curve"]["words"].startswith("8 exchanges, 2 failed")
    assert set(found["curve"]["bars"]) == {"all", "failed"}
    own = {"/page/icon.svg", "/page/style.css", "/page/script.js", "/page/session", "/page/events"}
    assert set(found["loaded"]) <= own, "a browser asks for nothing that is not there"


def check_boxes(found: dict[str, Any], width: int) -> None:
    """Nothing is cut off, empty, or over something else."""
    assert found["overflow"] <= 0
    boxes = [one["box"] for one in found["sections"]]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width and box["height"] > 40 for box in boxes)
    for group in (boxes, [one["box"] for one in found["tiles"]]):
        for index, one in enumerate(group):
            assert not [other for other in group[index + 1 :] if overlap(one, other)]
    wide = width > 1000
    assert (len({round(one["box"]["x"]) for one in found["tiles"]}) > 3) == wide
    assert (boxes[3]["y"] == boxes[4]["y"]) == wide, "errors and totals are side by side if there is room"


def overlap(one: dict[str, float], other: dict[str, float]) -> bool:
    return (
        one["x"] < other["x"] + other["width"]
        and other["x"] < one["x"] + one["width"]
        and one["y"] < other["y"] + other["height"]
        and other["y"] < one["y"] + one["height"]
    )


def check_colours(found: dict[str, Any], scheme: str) -> None:
    assert (found["paper"], found["ink"]) == PALETTES[scheme]
    ((name, shown),) = found["health"]
    assert name == "degraded"
    assert shown not in PALETTES[scheme]


def check_picture(found: dict[str, Any], picture: Picture) -> None:
    """It is painted where the boxes are, and in the colours that they have."""
    paper, card, bar, ink = (colour(found[name]) for name in ("paper", "card", "bar", "ink"))
    assert picture.at(2, picture.height - 2) == paper
    for tile in found["tiles"]:
        x, y, width, height = (int(tile["box"][name]) for name in ("x", "y", "width", "height"))
        seen = picture.colours(x + 2, y + 2, width - 4, height - 4)
        assert max(seen, key=lambda one: seen[one]) == card
        assert ink in seen, "its number"
    x, y, width, height = (int(found["curve"]["box"][name]) for name in ("x", "y", "width", "height"))
    seen = picture.colours(x + width // 2, y + 2, width - width // 2 - 3, height - 4)
    assert sum(seen.values()) - seen[card] > 50, "what ended just now; where there is little room a bar is half a pixel"
    assert bar in seen or picture.width < 1000
