"""``aigw serve --loopback``: the built-in provider beside a settings file."""

import json
from pathlib import Path

import anyio
import pytest
from tests.rigs.served import connected, serving, until_type

pytestmark = pytest.mark.anyio
TOKEN = "a-token-of-this-test"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_loopback_provider_answers_beside_a_file(tmp_path: Path) -> None:
    file = tmp_path / "aigw.toml"
    file.write_text(f"[gateways.'local/default']\ntokens = ['{TOKEN}']\n")
    file.chmod(0o600)
    with anyio.fail_after(120), serving(file, ["--loopback"]) as server:
        async with connected(server, TOKEN) as client:
            step = {"eventId": "a", "provider": "loopback", "endpoint": "chat/completions"}
            step["query"] = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
            await client.send(json.dumps({"type": "universal.create", "request": step}))
            await until_type(client, "universal.done")
