"""OpenAI's own library, its realtime connection with nothing but the base URL changed."""

import base64
import json

import pytest
from tests.rigs.client_gateway import KEY, TOKEN, library, wants_clients, world

from aigw_sansio.events import ProviderEventRead, ToolCallDelta, ToolCallStarted

pytestmark = [pytest.mark.anyio, wants_clients]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("slug", ["loopback", "openai"])
async def test_a_conversation_with_a_barge_in(slug: str) -> None:
    openai = library("openai")
    async with world(authentication=True, slugs=("openai",)) as w:
        client = openai.AsyncOpenAI(
            api_key=KEY, base_url=f"{w.http_url}/{slug}", default_headers={"cf-aig-authorization": f"Bearer {TOKEN}"}
        )
        query = {"loopback_require_key": KEY, "loopback_chunks": "6", "loopback_chunk_delay_ms": "5"}
        async with client.realtime.connect(model="gpt-realtime", extra_query=query) as connection:
            created = await connection.recv()
            assert created.type == "session.created"
            assert created.session.model == "gpt-realtime"
            await connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
            assert (await connection.recv()).type == "session.updated"
            text = {"type": "input_text", "text": "Say hello!"}
            await connection.conversation.item.create(item={"type": "message", "role": "user", "content": [text]})
            await connection.response.create()
            sound, said = b"", ""
            async for event in connection:
                if event.type == "response.output_audio.delta":
                    sound += base64.b64decode(event.delta)
                elif event.type == "response.output_audio_transcript.delta":
                    said += event.delta
                elif event.type == "response.done":
                    assert event.response.status == "completed"
                    assert event.response.usage.output_token_details.audio_tokens == 12
                    break
            assert len(sound) == 6 * 5760
            assert len(said.split()) == 6

            await connection.input_audio_buffer.append(audio=base64.b64encode(sound).decode())
            await connection.input_audio_buffer.commit()
            await connection.response.create()
            async for event in connection:
                if event.type == "response.output_audio.delta":
                    await connection.response.cancel()
                elif event.type == "response.done":
                    assert event.response.status == "cancelled"
                    break
        seen = await w.seen()
        assert seen.path == "/v1/realtime"
        assert dict(seen.headers)["authorization"] == f"Bearer {KEY}"
        assert "cf-aig-authorization" not in dict(seen.headers)
        await client.close()
    assert w.ended[0].code == 1000
    assert w.ended[0].usage is not None
    assert KEY not in repr(w.events)


async def test_a_function_call_and_what_is_said_of_its_result() -> None:
    openai = library("openai")
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "name": "weather", "description": "Look it up.", "parameters": schema}
    async with world() as w:
        client = openai.AsyncOpenAI(api_key=KEY, base_url=f"{w.http_url}/loopback")
        async with client.realtime.connect(model="gpt-realtime", extra_query={"loopback_chunks": "3"}) as connection:
            await connection.session.update(session={"type": "realtime", "tools": [tool]})
            text = {"type": "input_text", "text": "CloseCause is the weather?"}
            await connection.conversation.item.create(item={"type": "message", "role": "user", "content": [text]})
            await connection.response.create()
            deltas, said = "", ""
            async for event in connection:
                if event.type == "response.function_call_arguments.delta":
                    deltas += event.delta
                elif event.type == "response.function_call_arguments.done":
                    assert event.arguments == deltas
                elif event.type == "response.output_audio_transcript.delta":
                    said += event.delta
                elif event.type == "response.done":
                    [item] = event.response.output
                    if item.type != "function_call":
                        break
                    assert item.name == "weather"
                    assert list(json.loads(item.arguments)) == ["city"]
                    output = {"type": "function_call_output", "call_id": item.call_id, "output": "It is foggy."}
                    await connection.conversation.item.create(item=output)
                    await connection.response.create()
            assert deltas
            assert len(said.split()) == 3
        await w.seen()
        await client.close()
    told = [type(event.event) for event in w.events if isinstance(event, ProviderEventRead)]
    assert told.count(ToolCallStarted) == 1
    assert told.count(ToolCallDelta) == 3


async def test_a_refusal_is_the_providers_own() -> None:
    openai = library("openai")
    async with world() as w:
        client = openai.AsyncOpenAI(api_key="wrong", base_url=f"{w.http_url}/loopback")
        with pytest.raises(Exception, match="401") as refused:
            async with client.realtime.connect(model="m", extra_query={"loopback_require_key": KEY}):
                pass
        await client.close()
        assert b"Incorrect API key" in (refused.value.response.body or b"")  # type: ignore[attr-defined]
