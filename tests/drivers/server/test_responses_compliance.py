"""The cases that Open Responses' compliance tool runs over WebSocket, against a gateway on sockets.

Source: openresponses/openresponses, ``src/lib/compliance-tests.ts``, the tests whose names begin with ``websocket-``.
Each message is held against the schemas, if they are there.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tests.peers.scripted_models import SEAL
from tests.reading.responses_messages import ENDS, MATERIAL, OPEN, SDK, one_response, problems
from tests.rigs.responses_gateway import MODELS, TOKEN, ResponsesWorld, responses_gateway

from aigw_drivers.client import WebSocketClient, connect

pytestmark = pytest.mark.anyio
FIRST: dict[str, Any] = {"store": False, "input": [{"type": "message", "role": "user", "content": "Remember 7"}]}
NEXT = [{"type": "message", "role": "user", "content": "Which number?"}]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Socket:
    """One connection of a client."""

    def __init__(self, client: WebSocketClient, model: str) -> None:
        self.schemas: tuple[str, ...] = (OPEN, SDK)
        self._client = client
        self._model = model

    async def turn(self, **members: object) -> list[dict[str, Any]]:
        """The messages that answer one create."""
        await self._client.send(json.dumps({"type": "response.create", "model": self._model, **members}))
        messages: list[dict[str, Any]] = []
        while not messages or messages[-1]["type"] not in (*ENDS, "error"):
            messages.append(json.loads(await self._client.receive()))
        assert (
            not MATERIAL.is_dir()
            or [wrong for message in messages for wrong in problems(message, schemas=self.schemas)] == []
        )
        return messages

    async def response(self, **members: object) -> dict[str, Any]:
        """The response that answers one create."""
        lane = members.get("stream_id")
        response = one_response(await self.turn(**members), stream_id=lane if isinstance(lane, str) else None)
        assert response["status"] == "completed"
        assert response["usage"]["total_tokens"] >= 7
        return response

    async def error(self, **members: object) -> dict[str, Any]:
        """The error that answers one create: nothing else does."""
        [message] = await self.turn(**members)
        assert message["type"] == "error"
        return message


@asynccontextmanager
async def socket(world: ResponsesWorld, format: str) -> AsyncIterator[Socket]:
    headers = [("authorization", f"Bearer {TOKEN}")]
    async with connect(world.socket_url, headers=headers) as client:
        yield Socket(client, MODELS[format])


def text_of(response: dict[str, Any]) -> str:
    return "".join(part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"])


@pytest.mark.parametrize("format", MODELS)
async def test_websocket_response(format: str) -> None:
    with anyio.fail_after(60):
        async with responses_gateway() as world, socket(world, format) as one:
            assert text_of(await one.response(input="Hello")) == "1: Hello"


@pytest.mark.parametrize("format", MODELS)
async def test_websocket_sequential_responses(format: str) -> None:
    with anyio.fail_after(60):
        async with responses_gateway() as world, socket(world, format) as one:
            for lane in (None, "a", None, "b", "a"):
                named = {} if lane is None else {"stream_id": lane}
                assert text_of(await one.response(input=f"Hello {lane}", **named)) == f"1: Hello {lane}"


@pytest.mark.parametrize("format", MODELS)
async def test_websocket_continuation(format: str) -> None:
    with anyio.fail_after(60):
        async with responses_gateway() as world, socket(world, format) as one:
            first = await one.response(**FIRST)
            second = await one.response(store=False, previous_response_id=first["id"], input=NEXT)
            assert second["previous_response_id"] == first["id"]
            assert text_of(second) == "2: Which number?"  # the model saw both turns


async def test_websocket_reconnect_store_false_recovery() -> None:
    with anyio.fail_after(60):
        async with responses_gateway() as world:
            async with socket(world, "anthropic-messages") as one:
                first = await one.response(**FIRST)
            async with socket(world, "anthropic-messages") as one:
                lost = await one.error(store=False, previous_response_id=first["id"], input=NEXT)
                assert (lost["status"], lost["error"]["code"]) == (400, "previous_response_not_found")
                again = await one.response(store=False, input=[*FIRST["input"], *first["output"], *NEXT])
                assert text_of(again) == "2: Which number?"


@pytest.mark.parametrize("lane", [{}, {"stream_id": "main"}])
async def test_websocket_previous_response_not_found(lane: dict[str, str]) -> None:
    with anyio.fail_after(60):
        async with responses_gateway() as world, socket(world, "openai-responses") as one:
            lost = await one.error(store=False, previous_response_id="resp_unknown", input=NEXT, **lane)
            assert lost == {
                "type": "error",
                "status": 400,
                **lane,
                "error": {
                    "type": "invalid_request_error",
                    "code": "previous_response_not_found",
                    "message": "Previous response with id 'resp_unknown' not found.",
                    "param": "previous_response_id",
                },
            }
            assert world.models.requests == []
            await one.response(input="Hello", **lane)  # an error closes nothing


@pytest.mark.parametrize("format", MODELS)
async def test_websocket_failed_continuation_evicts_cache(format: str) -> None:
    with anyio.fail_after(60):
        async with responses_gateway() as world, socket(world, format) as one:
            first = await one.response(**FIRST)
            unasked = {"type": "function_call_output", "call_id": "call_of_nobody", "output": "x"}
            failed = await one.error(store=False, previous_response_id=first["id"], input=[unasked])
            assert 400 <= failed["status"] < 600
            lost = await one.error(store=False, previous_response_id=first["id"], input=NEXT)
            assert lost["error"]["code"] == "previous_response_not_found"


async def test_websocket_compact_new_chain() -> None:
    """What ``/responses/compact`` gave begins a new chain, and that goes on."""
    with anyio.fail_after(60):
        async with responses_gateway() as world, socket(world, "openai-responses") as one:
            compacted = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gA"}
            first = await one.response(store=False, input=[compacted, *NEXT])
            await one.response(store=False, previous_response_id=first["id"], input=NEXT)
            sent = [request["input"] for request in world.models.bodies("/responses")]
            assert [items[0]["type"] for items in sent] == ["compaction", "compaction"]


@pytest.mark.parametrize(
    ("format", "ending", "sent"),
    [
        (
            "openai-responses",
            "/responses",
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": SEAL},
        ),
        ("anthropic-messages", "/messages", {"type": "thinking", "thinking": "Hm.", "signature": SEAL}),
    ],
)
async def test_sealed_reasoning_goes_back_to_its_maker(format: str, ending: str, sent: dict[str, Any]) -> None:
    with anyio.fail_after(60):
        async with responses_gateway() as world, socket(world, format) as one:
            asked = {"store": False, "include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"}}
            first = await one.response(input="think", **asked)
            assert first["output"][0]["encrypted_content"]
            await one.response(input="Again", previous_response_id=first["id"], **asked)
            again = world.models.bodies(ending)[1]
            items = again["input"] if "input" in again else again["messages"][1]["content"]
            assert sent in items


IMAGE = "data:image/png;base64,iVBORw0KGgo="
FORM = {"type": "json_schema", "name": "f", "strict": True, "schema": {
    "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}}  # fmt: skip


@pytest.mark.parametrize("format", MODELS)
async def test_an_image_and_a_form_of_output_reach_the_provider(format: str) -> None:
    with anyio.fail_after(60):
        async with responses_gateway() as world, socket(world, format) as one:
            one.schemas = (SDK,)  # by Open Responses a response repeats no schema
            parts = [
                {"type": "input_text", "text": "See"},
                {"type": "input_image", "image_url": IMAGE, "detail": "auto"},
            ]
            response = await one.response(input=[{"role": "user", "content": parts}], text={"format": FORM})
            assert response["text"]["format"]["name"] == "f"
            [request] = world.models.requests
            assert "iVBORw0KGgo=" in json.dumps(request.body)
            assert '"integer"' in json.dumps(request.body).lower()


@pytest.mark.parametrize("format", MODELS)
async def test_a_provider_that_refuses_or_dies(format: str) -> None:
    with anyio.fail_after(60):
        async with responses_gateway() as world, socket(world, format) as one:
            refused = await one.error(input="fail")
            assert (refused["status"], refused["error"]["code"]) == (429, "rate_limit_exceeded")
            if format != "gemini":  # its stream is over before it can break
                failed = one_response(await one.turn(input="die"))
                assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
            assert text_of(await one.response(input="Hello")) == "1: Hello"
