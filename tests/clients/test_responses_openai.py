"""OpenAI's own library, its Responses connection with nothing but the base URL and the model changed.

Sync and async, and its sessions with lanes, for a provider of Responses and for two of other formats.

Run with ``pip install -e '.[clients]'`` and ``AIGW_CLIENTS=1 python -m pytest tests/clients/test_responses_openai.py``.
"""

import json
from typing import Any

import anyio
import pytest
from tests.reading.responses_messages import MATERIAL, needs_schemas
from tests.rigs.client_gateway import library, wants_clients
from tests.rigs.responses_gateway import MODELS, TOKEN, responses_gateway, responses_gateway_in_a_thread

pytestmark = wants_clients
every_format = pytest.mark.parametrize("format", MODELS)
SCENARIOS = json.loads((MATERIAL / "websocket_scenarios.json").read_text())["scenarios"] if MATERIAL.is_dir() else []

TOOL = {
    "type": "function",
    "name": "weather",
    "description": "Current weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def limits() -> Any:
    return library("openai.lib.responses_websocket").ResponsesWebSocketLimits(
        max_lanes=8, max_events_per_lane=128, max_events=512, max_bytes_per_lane=1 << 20, max_bytes=1 << 22
    )


@every_format
def test_a_conversation_in_sync(format: str) -> None:
    openai = library("openai")
    with responses_gateway_in_a_thread() as world:
        client = openai.OpenAI(api_key=TOKEN, base_url=world.base_url)
        with client.responses.connect() as connection:
            parent = None
            for turn, words in ((1, "Hello"), (2, "And now")):
                connection.response.create(model=MODELS[format], input=words, store=False, previous_response_id=parent)
                said = ""
                for event in connection:
                    if event.type == "response.output_text.delta":
                        said += event.delta
                    elif event.type == "response.completed":
                        break
                assert said == event.response.output_text == f"{turn}: {words}"
                assert event.response.previous_response_id == parent
                assert event.response.usage.input_tokens_details.cache_write_tokens == 0
                parent = event.response.id


@every_format
def test_lanes_in_sync(format: str) -> None:
    openai, sockets = library("openai"), library("openai.lib.responses_websocket")
    with responses_gateway_in_a_thread() as world:
        client = openai.OpenAI(api_key=TOKEN, base_url=world.base_url)
        with (
            client.responses.connect() as connection,
            sockets.ResponsesWebSocketSession(connection, limits=limits()) as session,
        ):
            lanes = [session.default, session.lane("a"), session.lane("b.1")]
            for number, lane in enumerate(lanes):
                lane.send({"type": "response.create", "model": MODELS[format], "input": f"Lane {number}"})
            answers = [lane.get_final_response(timeout=30) for lane in lanes]
            assert [answer.output_text for answer in answers] == ["1: Lane 0", "1: Lane 1", "1: Lane 2"]
            more = {"type": "response.create", "model": MODELS[format], "input": "Fork"}
            lanes[2].send({**more, "previous_response_id": answers[1].id})  # from another lane
            assert lanes[2].get_final_response(timeout=30).output_text == "2: Fork"


@every_format
@pytest.mark.anyio
async def test_lanes_with_tools(format: str) -> None:
    """In each lane the model calls a tool, and answers with what it gave; the lanes run side by side."""
    openai, sockets = library("openai"), library("openai.lib.responses_websocket")
    with anyio.fail_after(90):
        async with responses_gateway() as world:
            client = openai.AsyncOpenAI(api_key=TOKEN, base_url=world.base_url)
            async with (
                client.responses.connect() as connection,
                sockets.AsyncResponsesWebSocketSession(connection, limits=limits()) as session,
            ):
                create = {"type": "response.create", "model": MODELS[format], "store": False, "tools": [TOOL]}

                async def ask(lane: Any, number: int) -> None:
                    await lane.send({**create, "input": f"Weather {number}?"})
                    seen = sockets.ResponsesWebSocketAccumulator()
                    while True:
                        event = await lane.recv()
                        seen.add_event(event)
                        if event.type == "response.completed":
                            break
                    asked = await lane.get_final_response()
                    [call] = [item for item in asked.output if item.type == "function_call"]
                    assert (call.name, call.arguments) == ("weather", '{"city":"Turku"}')
                    assert seen.get_final_response().id == asked.id
                    output = {"type": "function_call_output", "call_id": call.call_id, "output": f'{{"c":{number}}}'}
                    await lane.send({**create, "previous_response_id": asked.id, "input": [output]})
                    answer = await lane.get_final_response()
                    assert str(number) in answer.output_text
                    assert answer.tools[0].name == "weather"

                async with anyio.create_task_group() as tasks:
                    for number in range(4, 9):
                        tasks.start_soon(ask, session.lane(f"lane-{number}"), number)


@every_format
@pytest.mark.anyio
async def test_errors_leave_the_socket_usable(format: str) -> None:
    openai, sockets = library("openai"), library("openai.lib.responses_websocket")
    with anyio.fail_after(90):
        async with responses_gateway() as world:
            client = openai.AsyncOpenAI(api_key=TOKEN, base_url=world.base_url)
            async with (
                client.responses.connect() as connection,
                sockets.AsyncResponsesWebSocketSession(connection, limits=limits()) as session,
            ):
                lane = session.lane("main")
                create = {"type": "response.create", "model": MODELS[format], "input": "Hello"}
                for wrong, status, code in (
                    ({"input": "fail"}, 429, "rate_limit_exceeded"),
                    ({"previous_response_id": "resp_none", "store": False}, 400, "previous_response_not_found"),
                    ({"model": "nobody/m"}, 400, "model_not_found"),
                ):
                    await lane.send({**create, **wrong})
                    with pytest.raises(sockets.ResponsesWebSocketError) as failed:
                        await lane.get_final_response()
                    event = failed.value.event
                    assert (event.status, event.error.code, event.stream_id) == (status, code, "main")
                    await lane.send(create)
                    assert (await lane.get_final_response()).output_text == "1: Hello"


@every_format
@pytest.mark.anyio
async def test_a_warm_up_and_a_steer(format: str) -> None:
    openai = library("openai")
    with anyio.fail_after(90):
        async with responses_gateway() as world:
            client = openai.AsyncOpenAI(api_key=TOKEN, base_url=world.base_url)
            async with client.responses.connect() as connection:
                first = [{"role": "user", "content": "Hello"}]
                warm: Any = {"type": "response.create", "model": MODELS[format], "input": first, "generate": False}
                await connection.send(warm)
                kinds = [(await connection.recv()), (await connection.recv())]
                assert [event.type for event in kinds] == ["response.created", "response.completed"]
                await connection.response.create(
                    model=MODELS[format], input="Now", store=False, previous_response_id=kinds[1].response.id
                )
                answers: dict[str, Any] = {}
                async for event in connection:
                    answers[event.type] = event
                    if event.type == "response.in_progress":
                        steer = [{"type": "message", "role": "user", "content": "Faster"}]
                        await connection.response.steer(previous_response_id=event.response.id, input=steer)
                    if {"response.steer.failed", "response.completed"} <= answers.keys():
                        break
                said = answers["response.completed"].response.output_text
                assert said in ("2: Now", "1: Hello Now")  # some formats join neighbouring turns of the user
                refused = answers["response.steer.failed"]
                assert refused.error.code in (
                    "steering_not_supported",
                    "response_already_completed",
                    "response_not_found",
                )
                assert [turn.content for turn in refused.steer.input] == ["Faster"]


@every_format
@pytest.mark.anyio
async def test_who_has_no_token_is_refused(format: str) -> None:
    openai, exceptions = library("openai"), library("websockets.exceptions")
    async with responses_gateway() as world:
        client = openai.AsyncOpenAI(api_key="wrong", base_url=world.base_url)
        with pytest.raises(exceptions.InvalidStatus) as refused:
            async with client.responses.connect():
                pass
        assert refused.value.response.status_code == 401


@needs_schemas
@pytest.mark.anyio
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["id"])
async def test_openais_own_contract(scenario: dict[str, Any]) -> None:
    """A provider streams what OpenAI's contract has; the library reads the gateway as the contract wants it read."""
    openai, sockets = library("openai"), library("openai.lib.responses_websocket")
    turns = scenario["turns"]
    with anyio.fail_after(90):
        async with responses_gateway() as world:
            for turn in turns:
                frames = [
                    one if isinstance(one, str) else json.dumps(one, separators=(",", ":")) for one in turn["frames"]
                ]
                world.models.frames.append(frames)
            client = openai.AsyncOpenAI(api_key=TOKEN, base_url=world.base_url)
            async with (
                client.responses.connect() as connection,
                sockets.AsyncResponsesWebSocketSession(connection, limits=limits()) as session,
            ):
                lanes: dict[str | None, Any] = {None: session.default}
                parent = None
                for turn in turns:
                    name = turn["request"].get("stream_id")
                    if name not in lanes:
                        lanes[name] = session.lane(name)
                    lane = lanes[name]
                    create = {**turn["request"], "model": "openai/gpt-4o-mini"}
                    if "previous_response_id" in create:
                        create["previous_response_id"] = parent
                    create.pop("stream_id", None)
                    await lane.send(create)
                    last = turn["frames"][-1]
                    kind = last["type"] if isinstance(last, dict) else ""
                    if kind not in ("response.completed", "response.incomplete", "response.failed"):
                        with pytest.raises(sockets.ResponsesWebSocketError) as failed:
                            await lane.get_final_response()
                        event = failed.value.event  # no response was shown yet
                        assert event.status == (400 if kind == "error" else 502)
                        assert kind != "error" or event.error.code == last["error"]["code"]
                        continue
                    answer = await lane.get_final_response()
                    assert answer.status == last["response"]["status"]
                    parent = answer.id if answer.status == "completed" else None
