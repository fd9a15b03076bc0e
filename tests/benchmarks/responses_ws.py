"""Responses over WebSocket, in front of a provider of another format, beside LiteLLM's proxy.

``python -m tests.benchmarks.responses_ws [--quick] [--litellm PYTHON]``. The provider streams OpenAI's chat format, so
both translate; LiteLLM does it in what it calls its managed mode. Over sockets, the process under test has core 0 to
itself as far as this program goes:

* milliseconds from a create to the first event and to the last one, one response after the other on one socket, and
  CPU for each event; the same through ``universal.*``, whose messages hold the same translated chunks;
* 500 lanes at once (16 sockets with 31 or 32 lanes each): milliseconds to the first event, CPU for each event, memory;
* memory of a connection whose lanes say more than it may remember, round after round.

``--litellm`` is the interpreter of an environment with ``litellm[proxy]``.
"""

import asyncio
import json
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Final, NamedTuple

from tests.benchmarks._processes import Child, arguments, child, free_port, leave_core
from websockets.asyncio.client import ClientConnection, connect

CHUNKS: Final = 100
DEFAULTS: Final = json.dumps({"chunks": CHUNKS, "batch": 1, "finish": True})
SOCKETS: Final = 16
LANES: Final = 500
#: What each lane says in the test of memory; 32 of them are twice as much as a connection remembers.
WORDS: Final = 1 << 20
PATH: Final = "/v1/local/default"


class Turn(NamedTuple):
    """What one response took: seconds to its first and to its last event, and how many events it has."""

    first: float
    last: float
    events: int


@contextmanager
def gateway(provider: Child) -> Iterator[Child]:
    """The gateway, on uvloop."""
    url = f"http://127.0.0.1:{provider.port}/v1"
    with child("tests.benchmarks._gateway", url, "uvloop", core=0) as process:
        yield process


@contextmanager
def litellm(python: str, provider: Child) -> Iterator[Child]:
    """A running proxy of LiteLLM in front of ``provider``."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        model = {"model": "hosted_vllm/m", "api_base": f"http://127.0.0.1:{provider.port}/v1", "api_key": "k"}
        model["use_chat_completions_api"] = True  # type: ignore[assignment]
        file.write_text(json.dumps({"model_list": [{"model_name": "m", "litellm_params": model}]}))
        script = str(Path(python).with_name("litellm"))
        command = ["taskset", "-c", "0", script, "--config", str(file), "--host", "127.0.0.1", "--port", str(port)]
        environ = {**os.environ, "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true"}
        environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the network for prices
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, stderr=quiet, env=environ, text=True) as process:
            try:
                yield Child(process, port)
            finally:
                process.kill()


@asynccontextmanager
async def socket(port: int, path: str) -> AsyncIterator[ClientConnection]:
    """A socket of a server that may still be starting."""
    headers = {"Authorization": "Bearer sk-bench"}
    url = f"ws://127.0.0.1:{port}{path}"
    for _ in range(900):
        try:
            client = await connect(url, compression=None, max_size=None, additional_headers=headers)
            break
        except OSError:
            await asyncio.sleep(0.2)
    else:
        raise RuntimeError("it did not start")
    async with client:
        yield client


def response(model: str, **more: object) -> str:
    """A create of Responses."""
    return json.dumps({"type": "response.create", "model": model, "input": "hi", "store": False, **more})


def universal(number: int) -> str:
    """A create that asks for the same through ``universal.*``."""
    query = {"model": "custom-bench/m", "input": "hi", "store": False, "stream": True}
    step = {"provider": "compat", "endpoint": "responses", "headers": {"content-type": "application/json"}}
    return json.dumps({"type": "universal.create", "eventId": f"q{number}", "request": {**step, "query": query}})


async def turn(client: ClientConnection, create: str, ends: tuple[bytes, ...]) -> Turn:
    """Send ``create``, and take what answers it."""
    began = time.monotonic()
    await client.send(create)
    first, events = 0.0, 0
    while True:
        message = await client.recv(decode=False)
        events += 1
        first = first or time.monotonic() - began
        head = message[:60]
        assert b"error" not in head, message[:500]
        if any(end in head for end in ends):
            return Turn(first, time.monotonic() - began, events)


async def one_after_the_other(name: str, process: Child, path: str, create: Callable[[int], str], rounds: int) -> None:
    """Responses on one socket, one after the other."""
    ends = (b'"response.completed"', b'"universal.done"')
    async with socket(process.port, path) as client:
        for number in range(max(3, rounds // 10)):
            await turn(client, create(-number - 1), ends)
        before = process.cpu_s()
        turns = [await turn(client, create(number), ends) for number in range(rounds)]
        cpu = process.cpu_s() - before
    events = sum(one.events for one in turns)
    firsts = [one.first * 1e3 for one in turns]
    lasts = [one.last * 1e3 for one in turns]
    print(
        f"{name:<34}{median(firsts):>9.2f}{quantiles(firsts, n=20)[-1]:>9.2f}{median(lasts):>9.2f}"
        f"{cpu / events * 1e6:>12.1f}{events / rounds:>9.0f}",
        flush=True,
    )


async def many_lanes(process: Child) -> None:
    """All lanes at once, twice: the second turn goes on from the first."""
    times: list[float] = []
    counts = [LANES // SOCKETS + (number < LANES % SOCKETS) for number in range(SOCKETS)]
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(socket(process.port, f"{PATH}/compat/responses")) for _ in range(SOCKETS)
        ]
        rss, before, events = process.rss_bytes(), process.cpu_s(), 0

        async def serve(client: ClientConnection, lanes: int) -> int:
            parents: dict[str, str] = {}
            seen = 0
            for _ in range(2):
                began = {}
                for number in range(lanes):
                    lane = f"lane-{number}"
                    began[lane] = time.monotonic()
                    await client.send(
                        response("custom-bench/m", stream_id=lane, previous_response_id=parents.get(lane))
                    )
                waiting = set(began)
                while waiting:
                    message = await client.recv(decode=False)
                    seen += 1
                    if b'"response.created"' in message[:40]:
                        times.append(time.monotonic() - began[json.loads(message)["stream_id"]])
                    elif b'"response.completed"' in message[:40]:
                        read = json.loads(message)
                        waiting.discard(read["stream_id"])
                        parents[read["stream_id"]] = read["response"]["id"]
                    assert b'"error"' not in message[:40], message[:500]
            return seen

        events = sum(await asyncio.gather(*(serve(*one) for one in zip(clients, counts, strict=True))))
        cpu = process.cpu_s() - before
        held = (process.rss_bytes() - rss) / LANES / 1024
    print(
        f"\n{LANES} lanes, {SOCKETS} sockets, two turns each: {events} events, first event after"
        f" {median(times) * 1e3:.0f} ms (median), {quantiles(times, n=100)[-1] * 1e3:.0f} ms (99 %),"
        f" {cpu / events * 1e6:.1f} us of CPU an event, {held:.0f} KiB of memory a lane"
    )


async def much_said(process: Child, rounds: int) -> None:
    """Lanes that say twice as much as their connection remembers."""
    said = [{"role": "user", "content": "x" * WORDS}]
    async with socket(process.port, f"{PATH}/compat/responses") as client:
        await turn(client, response("custom-bench/m"), (b'"response.completed"',))
        began = process.rss_bytes()
        rows = []
        for number in range(rounds):
            for lane in range(32):
                create = response("custom-bench/m", stream_id=f"lane-{lane}", input=said)
                await turn(client, create, (b'"response.completed"',))
            rows.append((process.rss_bytes() - began) / (1 << 20))
            print(f"{(number + 1) * 32:>4} MiB said on one connection: {rows[-1]:.1f} MiB more memory", flush=True)


def main(rounds: int, litellm_python: str | None) -> None:
    """All tables."""
    leave_core(0)
    with child("tests.benchmarks._provider", DEFAULTS) as provider, gateway(provider) as ours:
        print(f"{'':<34}{'first ms':>9}{'95 %':>9}{'all ms':>9}{'us an event':>12}{'events':>9}")

        def measure(name: str, process: Child, path: str, create: Callable[[int], str], share: int = 1) -> None:
            asyncio.run(one_after_the_other(name, process, path, create, max(20, rounds // share)))

        for _ in range(2):
            measure("Responses", ours, f"{PATH}/compat/responses", lambda number: response("custom-bench/m"))
            measure("universal.*", ours, PATH, universal)
        if litellm_python is not None:
            with litellm(litellm_python, provider) as process:
                measure("LiteLLM, managed", process, "/v1/responses?model=m", lambda number: response("m"), 5)
        measure("Responses", ours, f"{PATH}/compat/responses", lambda number: response("custom-bench/m"))
        asyncio.run(many_lanes(ours))
        asyncio.run(much_said(ours, 2 if rounds < 200 else 5))


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--litellm", metavar="PYTHON", help="interpreter of an environment with litellm[proxy]")
    given = parser.parse_args()
    main(40 if given.quick else 400, given.litellm)
