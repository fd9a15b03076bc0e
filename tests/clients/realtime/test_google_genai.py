"""Google's own library, its live sessions with nothing but the base URL changed. With a key it speaks TLS only."""

from pathlib import Path

import pytest
import trustme
from tests.rigs.client_gateway import KEY, library, wants_clients, world

from aigw_sansio.events import ProviderEventRead, ResponseFinished, ToolCallDelta, ToolCallStarted

pytestmark = [
    pytest.mark.anyio,
    wants_clients,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the library's own
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with the gateway's key and its certificate, which the library trusts."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "own.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return str(tmp_path / "own.pem")


@pytest.mark.parametrize("slug", ["loopback", "google-ai-studio"])
async def test_a_live_turn(slug: str, certificate: str) -> None:
    genai = library("google.genai")
    async with world(slugs=("google-ai-studio",), certificate=certificate) as w:
        client = genai.Client(api_key=KEY, http_options={"base_url": f"{w.http_url}/{slug}", "api_version": "v1beta"})
        config = {"response_modalities": ["AUDIO"], "output_audio_transcription": {}}
        async with client.aio.live.connect(model="gemini-live", config=config) as session:
            turn = {"role": "user", "parts": [{"text": "Say hello!"}]}
            await session.send_client_content(turns=turn, turn_complete=True)
            sound, said, usage = b"", "", None
            async for message in session.receive():
                sound += message.data or b""
                content = message.server_content
                if content is not None and content.output_transcription is not None:
                    said += content.output_transcription.text
                usage = message.usage_metadata or usage
            words = len(said.split())
            assert words
            assert len(sound) == words * 5760
            assert usage is not None
            assert usage.response_token_count == words * 3
        seen = await w.seen()
        assert seen.path == "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
        assert dict(seen.headers)["x-goog-api-key"] == KEY
        assert {is_text for came, is_text, _ in w.told if not came} == {False}  # its JSON comes in binary messages
    assert w.ended[0].usage is not None  # read as Gemini's whatever the provider is called
    assert w.ended[0].usage.output_tokens == words * 3
    assert KEY not in repr(w.events)


async def test_a_function_call_and_what_is_said_of_its_result(certificate: str) -> None:
    genai = library("google.genai")
    schema = {"type": "OBJECT", "properties": {"home_city": {"type": "STRING"}}}
    tools = [{"function_declarations": [{"name": "weather", "description": "Look it up.", "parameters": schema}]}]
    async with world(certificate=certificate) as w:
        client = genai.Client(api_key=KEY, http_options={"base_url": f"{w.http_url}/loopback", "api_version": "v1beta"})
        config = {"response_modalities": ["AUDIO"], "tools": tools}
        async with client.aio.live.connect(model="gemini-live", config=config) as session:
            turn = {"role": "user", "parts": [{"text": "CloseCause is the weather?"}]}
            await session.send_client_content(turns=turn, turn_complete=True)
            called, sound = [], b""
            async for message in session.receive():
                sound += message.data or b""
                for call in message.tool_call.function_calls if message.tool_call is not None else ():
                    called.append((call.name, list(call.args)))
                    result = {"id": call.id, "name": call.name, "response": {"output": "foggy"}}
                    await session.send_tool_response(function_responses=[result])
            assert called == [("weather", ["home_city"])]
            assert sound
        await w.seen()
    told = [type(event.event) for event in w.events if isinstance(event, ProviderEventRead)]
    assert (told.count(ToolCallStarted), told.count(ToolCallDelta), told.count(ResponseFinished)) == (1, 1, 1)
