"""OpenAI's library for Node, and its Agents SDK for JavaScript, over Responses' WebSocket: only the base URL changed.

Needs npm. Run with ``AIGW_CLIENTS=1 python -m pytest tests/clients/test_responses_node.py``.
"""

from pathlib import Path

import anyio
import pytest
from tests.rigs.client_gateway import wants_clients
from tests.rigs.npm import npm_folder, run_node
from tests.rigs.responses_gateway import MODELS, TOKEN, responses_gateway

pytestmark = [pytest.mark.anyio, wants_clients, pytest.mark.parametrize("format", MODELS)]
HERE = Path(__file__).parent


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return npm_folder(tmp_path_factory, "openai@7", "ws@8", "@openai/agents@0.20", "zod@4")


async def test_lanes_with_tools(format: str, folder: Path) -> None:
    with anyio.fail_after(120):
        async with responses_gateway() as world:
            script = HERE / "responses_openai.mjs"
            seen = await run_node(script, str(folder), world.base_url, TOKEN, MODELS[format])
    for number, answer in enumerate(seen["answers"]):
        assert answer["arguments"] == '{"city":"Turku"}'
        assert answer["text"].startswith("It is ")
        assert str(number) in answer["text"]
        assert answer["parent"]
    assert seen["types"].count("response.completed") == 7
    assert seen["types"].count("error") == 1
    assert "error" in seen
    assert seen["after"] == "1: Hello"


async def test_agents(format: str, folder: Path) -> None:
    with anyio.fail_after(120):
        async with responses_gateway() as world:
            script = HERE / "responses_agents.mjs"
            seen = await run_node(script, str(folder), world.base_url, TOKEN, MODELS[format])
    for said in (seen["tool"], seen["streamed"]):
        assert "4 degrees in Turku" in said
    assert seen["events"] > 10
    assert seen["turns"] == ["1: Hello", "2: Again"]
    assert seen["after"] == "1: Hello"
    assert "error" in seen["error"]
