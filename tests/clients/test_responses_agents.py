"""OpenAI's Agents SDK for Python over its WebSocket transport: tools, structured output, a session, a failure.

Run with ``pip install -e '.[clients]'`` and ``AIGW_CLIENTS=1 python -m pytest tests/clients/test_responses_agents.py``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tests.rigs.client_gateway import library, wants_clients
from tests.rigs.responses_gateway import MODELS, TOKEN, ResponsesWorld, responses_gateway

pytestmark = [pytest.mark.anyio, wants_clients, pytest.mark.parametrize("format", MODELS)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def provider(world: ResponsesWorld) -> AsyncIterator[Any]:
    """The SDK's own provider of models, with nothing but the base URL and the token."""
    agents = library("agents")
    agents.set_tracing_disabled(True)
    made = agents.OpenAIProvider(api_key=TOKEN, base_url=world.base_url, use_responses_websocket=True)
    try:
        yield made
    finally:
        await made.aclose()


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_agent_with_a_tool(format: str, streamed: bool) -> None:
    agents = library("agents")

    @agents.function_tool  # type: ignore[untyped-decorator]
    def weather(city: str) -> str:
        """Current weather."""
        return f"4 degrees in {city}"

    with anyio.fail_after(90):
        async with responses_gateway() as world, provider(world) as models:
            agent = agents.Agent(
                name="a", instructions="Be brief.", tools=[weather], model=models.get_model(MODELS[format])
            )
            config = agents.RunConfig(model_provider=models)
            if streamed:
                result = agents.Runner.run_streamed(agent, "Weather in Turku?", run_config=config)
                kinds = [event.type async for event in result.stream_events()]
                assert "raw_response_event" in kinds
            else:
                result = await agents.Runner.run(agent, "Weather in Turku?", run_config=config)
            assert result.final_output.startswith("It is ")
            assert "4 degrees in Turku" in result.final_output
            assert len(world.models.requests) == 2
            assert len([event for event in world.events if type(event).__name__ == "SessionOpened"]) == 1


async def test_a_conversation_goes_on_by_id(format: str) -> None:
    agents = library("agents")
    with anyio.fail_after(90):
        async with responses_gateway() as world, provider(world) as models:
            agent = agents.Agent(
                name="a", model=models.get_model(MODELS[format]), model_settings=agents.ModelSettings(store=False)
            )
            first = await agents.Runner.run(agent, "Hello")
            second = await agents.Runner.run(agent, "Again", previous_response_id=first.last_response_id)
            assert (first.final_output, second.final_output) == ("1: Hello", "2: Again")


async def test_a_failure_is_an_exception_and_the_next_run_works(format: str) -> None:
    agents = library("agents")
    with anyio.fail_after(90):
        async with responses_gateway() as world, provider(world) as models:
            agent = agents.Agent(name="a", model=models.get_model(MODELS[format]))
            with pytest.raises(Exception, match="Too many"):
                await agents.Runner.run(agent, "fail")
            assert (await agents.Runner.run(agent, "Hello")).final_output == "1: Hello"
