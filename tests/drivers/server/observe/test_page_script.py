"""The script of the page in Node, on a document of stubs and a clock that only the test moves: what it says when the
gateway goes away, and that it comes back."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from aigw_drivers.server.observe import page

NODE = shutil.which("node")
SCRIPT = Path(page.__file__).parent / "assets" / "script.js"

#: `world` has what happened: `at(ms)` moves the clock, `status` and `numbers` are what a person would see.
HARNESS = """
const vm = require("node:vm"), fs = require("node:fs");
function element() {
  const one = { textContent: "", hidden: true, className: "", listeners: {}, classes: new Set(), value: "",
    classList: { add: (n) => one.classes.add(n), remove: (n) => one.classes.delete(n) },
    addEventListener: (n, f) => { one.listeners[n] = f; }, append() {}, setAttribute() {}, replaceChildren() {},
    querySelectorAll: () => [] };
  one.parentElement = one.parentElement || { querySelectorAll: () => [] };
  return one;
}
const elements = {}, body = element(), world = { now: 0, timers: [], fetched: [], sources: [], answer: 200 };
const document = { body, getElementById: (id) => (elements[id] ||= element()), querySelector: () => element(),
  createElement: () => element(), createElementNS: () => element() };
class EventSource {
  constructor(url) { this.url = url; this.open = true; world.sources.push(this); }
  close() { this.open = false; }
}
const context = { document, EventSource, JSON, Math: Object.assign(Object.create(Math), { random: () => 1 }), Date,
  setTimeout: (f, ms) => { const t = { at: world.now + ms, f }; world.timers.push(t); return t; },
  clearTimeout: (t) => { world.timers = world.timers.filter((one) => one !== t); },
  fetch: async (url, options) => {
    world.fetched.push([world.now, url, options?.method || "GET"]);
    if (world.answer === null) throw new TypeError("Failed to fetch");
    return { ok: world.answer < 300, status: world.answer };
  } };
context.draw = () => {};
vm.createContext(context);
const text = fs.readFileSync(process.argv[2], "utf8").replace("function draw(", "function drawn(");
vm.runInContext(`function draw(state) { $("numbers").hidden = false; say("live " + state.n); }\\n${text}`, context);
const settle = () => new Promise((done) => setImmediate(done));
async function pass(ms) {
  const until = world.now + ms;
  await settle();
  for (;;) {
    const due = world.timers.filter((one) => one.at <= until).sort((a, b) => a.at - b.at)[0];
    if (!due) break;
    world.now = due.at;
    world.timers = world.timers.filter((one) => one !== due);
    due.f();
    await settle();
  }
  world.now = until;
}
const last = () => world.sources[world.sources.length - 1];
const see = () => ({ status: elements.status.textContent, stale: body.classes.has("stale"),
  open: world.sources.filter((one) => one.open).length, fetched: world.fetched.map(([at]) => at),
  locked: elements.locked?.hidden === false, wrong: elements.wrong?.textContent, timers: world.timers.length });
const seen = [];
(async () => {
  await settle();
  STEPS
  console.log(JSON.stringify(seen));
})();
"""

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def play(folder: Path, steps: str) -> list[dict[str, Any]]:
    """What is seen at each ``look()`` of ``steps``."""
    file = folder / "harness.js"
    file.write_text(HARNESS.replace("STEPS", steps.replace("look()", "seen.push(see())")))
    assert NODE is not None
    ended = subprocess.run([NODE, file, SCRIPT], capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    seen: list[dict[str, Any]] = json.loads(ended.stdout)
    return seen


TELL = "last().onmessage({ data: '{\"n\": 1}' });"


@pytest.mark.parametrize(("answer", "why"), [
    ("503", "the gateway is going away"),
    ("null", "the gateway does not answer"),
    ("500", "the gateway refuses the page (500)"),
    ("404", "the gateway refuses the page (404)"),
])  # fmt: skip
def test_it_says_that_it_is_not_live_and_comes_back(tmp_path: Path, answer: str, why: str) -> None:
    live, lost, still, back = play(tmp_path, f"""
        {TELL} look();
        world.answer = {answer}; last().onerror(); await settle(); look();
        await pass(40000); look();
        world.answer = 200; while (!last().open) await pass(1000); {TELL} look();
    """)  # fmt: skip
    assert (live["status"], live["stale"], live["open"]) == ("live 1", False, 1)
    assert lost["status"].startswith("Not live: the gateway does not answer. Trying again. The numbers are those of ")
    assert (lost["stale"], lost["open"]) == (True, 0)
    assert still["status"].startswith(f"Not live: {why}. Trying again.")
    assert still["stale"]
    assert (back["status"], back["stale"], back["open"]) == ("live 1", False, 1)


def test_it_waits_longer_each_time_but_never_long(tmp_path: Path) -> None:
    (end,) = play(tmp_path, """
        world.answer = 503; last().onerror();
        await pass(200000); look();
    """)  # fmt: skip
    times = end["fetched"][1:]
    gaps = [after - before for before, after in zip([0, *times], times)]
    assert gaps[:6] == [1000, 2000, 4000, 8000, 16000, 30000]
    assert set(gaps[6:]) == {30000}
    assert end["timers"] == 1


def test_silence_is_not_live_either(tmp_path: Path) -> None:
    before, after = play(tmp_path, f"""
        {TELL} await pass(9000); {TELL} await pass(9000); look();
        world.answer = null; await pass(2000); look();
    """)  # fmt: skip
    assert (before["stale"], before["open"]) == (False, 1)
    assert after["status"].startswith("Not live: the gateway ")
    assert after["open"] == 0


def test_a_page_that_wants_a_token_waits_for_it(tmp_path: Path) -> None:
    asks, wrong, gone, live = play(tmp_path, f"""
        world.answer = 401; last().onerror(); await pass(60000); look();
        const submit = () => elements.unlock.listeners.submit({{ preventDefault() {{}} }});
        await submit(); look();
        world.answer = null; await submit(); look();
        world.answer = 200; await submit(); {TELL} look();
    """)  # fmt: skip
    assert (asks["status"], asks["locked"], asks["timers"]) == ("This page wants a token.", True, 0)
    assert wrong["wrong"] == "This is not the token."
    assert gone["wrong"].startswith("The gateway does not answer")
    assert (live["status"], live["locked"], live["stale"]) == ("live 1", False, False)
