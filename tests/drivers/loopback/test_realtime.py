"""The loopback provider's WebSockets: the shapes against recorded sessions, the options as a caller meets them."""

import base64
import json
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.reading.recordings import FOLDER, needs_recordings

from aigw_drivers.client import HandshakeRefused, WebSocketClient, WebSocketClosed, connect
from aigw_drivers.loopback import LoopbackProvider, RequestRecord
from aigw_drivers.loopback.gemini_live import GeminiLive
from aigw_drivers.loopback.openai_realtime import OpenAIRealtime
from aigw_drivers.loopback.realtime import Action, RealtimeOptions, RealtimeSession, Say, parse_realtime_options
from aigw_sansio.events import (
    AudioDelta,
    ProviderEvent,
    ResponseFinished,
    ResponseStarted,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from aigw_sansio.formats.realtime import make_realtime_reader

pytestmark = pytest.mark.anyio
ASK = [
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Say a greeting."}]},
    },
    {"type": "response.create"},
]
SETUP = {"setup": {"model": "m", "outputAudioTranscription": {}}}
TURN = {"clientContent": {"turns": [{"role": "user", "parts": [{"text": "hello"}]}], "turnComplete": True}}


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# -- sessions without sockets ---------------------------------------------------------------------------------------


def openai_session(**options: Any) -> OpenAIRealtime:
    spoken_to = OpenAIRealtime({"model": "m"}, RealtimeOptions(**options))
    spoken_to.opened()
    return spoken_to


def tell(spoken_to: RealtimeSession, *messages: object) -> list[Any]:
    """What the messages are answered with, the whole of an answer included."""
    steps: list[Action] = []
    for message in messages:
        steps += spoken_to.received(json.dumps(message).encode(), text=True)
    while spoken_to.speaking:
        steps += spoken_to.next()
    return [json.loads(step.data) if isinstance(step, Say) else step for step in steps]


def kinds(events: list[Any]) -> list[str]:
    """The types of events in order, of a run of deltas only the first of each kind."""
    told: list[str] = []
    for event in events:
        if not event["type"].endswith(".delta") or event["type"] not in told:
            told.append(event["type"])
    return told


@needs_recordings
@pytest.mark.parametrize(
    ("file", "modality"),
    [
        ("ws-gateway-realtime/gateway-openai-text-in-audio-out.jsonl", "audio"),
        ("ws-openai-realtime/message-history-seeding.jsonl", "text"),
    ],
)
def test_the_order_and_the_keys_of_a_turn_are_the_recorded_ones(file: str, modality: str) -> None:
    lines = [json.loads(line) for line in (Path(FOLDER or "") / file).read_text().splitlines()]
    recorded = [line["json"] for line in lines if line["dir"] == "server"]
    begins = next(at for at, event in enumerate(recorded) if event["type"] == "response.created")
    spoken_to = openai_session(chunks=3)
    told = tell(spoken_to, *ASK[:1], {"type": "response.create", "response": {"output_modalities": [modality]}})
    assert kinds(told)[:2] == ["conversation.item.added", "conversation.item.done"]
    assert kinds(told)[2:] == kinds(recorded[begins:])
    for event in told:
        same = next(other for other in recorded if other["type"] == event["type"])
        assert set(event) == set(same) - {"obfuscation"}
        for part in ("response", "item"):
            assert set(event.get(part, ())) - {"object"} == set(same.get(part, ())) - {"object"}


def test_the_voice_is_a_tone_of_pcm_and_the_transcript_what_it_says() -> None:
    told = tell(openai_session(chunks=4), *ASK)
    words = [event["delta"] for event in told if event["type"] == "response.output_audio_transcript.delta"]
    sounds = [event["delta"] for event in told if event["type"] == "response.output_audio.delta"]
    done = next(event for event in told if event["type"] == "response.output_audio_transcript.done")
    assert "".join(words) == done["transcript"]
    assert len(words) == len(sounds) == 4
    samples = array("h", base64.b64decode(sounds[0]))
    assert len(samples) == 24_000 * 120 // 1000
    assert 5_000 < max(samples) <= 12_000
    assert samples[0] == samples[-1] == 0


def test_the_same_messages_get_the_same_answers() -> None:
    assert tell(openai_session(), *ASK) == tell(openai_session(), *ASK)
    assert tell(openai_session(chunks=2), *ASK) != tell(openai_session(chunks=2), *ASK[1:])


def test_a_cancelled_response_ends_where_it_was() -> None:
    spoken_to = openai_session(chunks=9)
    for message in ASK:
        spoken_to.received(json.dumps(message).encode(), text=True)
    spoken_to.next()
    told = tell(spoken_to, {"type": "response.cancel"})
    response = told[-1]["response"]
    assert (response["status"], response["status_details"]["reason"]) == ("cancelled", "client_cancelled")
    assert response["output"][0]["status"] == "incomplete"
    assert response["usage"]["output_token_details"]["text_tokens"] == 1


def test_spoken_input_becomes_an_item_when_it_is_committed() -> None:
    spoken_to = openai_session(chunks=1)
    audio = base64.b64encode(bytes(480)).decode()
    told = tell(spoken_to, {"type": "input_audio_buffer.append", "audio": audio}, {"type": "input_audio_buffer.commit"})
    assert kinds(told) == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    assert told[0]["item_id"] == told[1]["item"]["id"]
    assert kinds(tell(spoken_to, {"type": "response.create"}))[-1] == "response.done"


def test_a_session_is_updated_in_depth() -> None:
    change = {"instructions": "Be brief.", "audio": {"output": {"voice": "other"}}}
    [told] = tell(openai_session(), {"type": "session.update", "session": change})
    assert told["type"] == "session.updated"
    assert told["session"]["instructions"] == "Be brief."
    assert told["session"]["audio"]["output"]["voice"] == "other"
    assert told["session"]["audio"]["output"]["format"]["rate"] == 24_000


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "nonsense", "event_id": "e"}, "invalid_value"),
        ({"type": 7, "event_id": "e"}, "invalid_value"),
        ({"type": "response.cancel", "event_id": "e"}, "response_cancel_not_active"),
        ({"type": "session.update", "event_id": "e"}, "missing_required_parameter"),
        ({"type": "input_audio_buffer.commit", "event_id": "e"}, "input_audio_buffer_commit_empty"),
        ({"type": "input_audio_buffer.append", "audio": "!", "event_id": "e"}, "invalid_value"),
        ({"type": "response.create", "response": {"output_modalities": ["x"]}, "event_id": "e"}, "invalid_value"),
    ],
)
def test_an_error_is_an_event_and_the_session_goes_on(message: dict[str, object], code: str) -> None:
    spoken_to = openai_session(chunks=1)
    [told] = tell(spoken_to, message)
    assert told["type"] == "error"
    assert (told["error"]["code"], told["error"]["event_id"]) == (code, "e")
    assert kinds(tell(spoken_to, *ASK))[-1] == "response.done"


def test_only_one_response_at_a_time() -> None:
    spoken_to = openai_session(chunks=1)
    spoken_to.received(json.dumps(ASK[1]).encode(), text=True)
    [step] = spoken_to.received(json.dumps(ASK[1]).encode(), text=True)
    assert isinstance(step, Say)
    assert json.loads(step.data)["error"]["code"] == "conversation_already_has_active_response"


# -- functions ------------------------------------------------------------------------------------------------------

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"home_city": {"type": "string"}, "days": {"type": "integer"}}},
}
CLOCK = {"type": "function", "name": "clock"}
SPEAK: dict[str, object] = {"type": "response.create"}


def with_functions(*functions: object, **session: object) -> OpenAIRealtime:
    spoken_to = openai_session(chunks=3)
    tell(spoken_to, {"type": "session.update", "session": {"tools": list(functions), **session}})
    return spoken_to


def result_of(call: dict[str, Any]) -> dict[str, object]:
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "It is foggy."}
    return {"type": "conversation.item.create", "item": output}


@needs_recordings
def test_the_order_and_the_keys_of_a_call_are_the_recorded_ones() -> None:
    """Of the recorded response without what it says before it calls."""
    file = Path(FOLDER or "") / "ws-openai-realtime/parity-text-tool-round-parity-openai-current.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    recorded = [line["json"] for line in lines if line["dir"] == "server"]
    calls = [event for event in recorded if event.get("output_index") == 1]
    mine = {event["item"]["id"] for event in calls if "item" in event}
    items = [event for event in recorded if event["type"] == "conversation.item.done" and event["item"]["id"] in mine]
    told = tell(with_functions(WEATHER), *ASK)[2:]
    assert kinds(told) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    for event in told[1:-1]:
        same = next(other for other in (*calls, *items, *recorded) if other["type"] == event["type"])
        assert set(event) == set(same) - {"obfuscation"}, event["type"]
        if same.get("item", {}).get("type") == "function_call":
            assert set(event["item"]) - {"object"} == set(same["item"])
    output = next(event["item"] for event in recorded if event.get("item", {}).get("type") == "function_call_output")
    added = tell(with_functions(), result_of({"call_id": "c"}))[0]["item"]
    assert set(added) - {"object"} == set(output)


def test_a_function_is_called_and_its_result_is_spoken_of() -> None:
    spoken_to = with_functions(WEATHER)
    told = tell(spoken_to, *ASK)
    deltas = [event["delta"] for event in told if event["type"] == "response.function_call_arguments.delta"]
    done = next(event for event in told if event["type"] == "response.function_call_arguments.done")
    assert len(deltas) == 3
    assert "".join(deltas) == done["arguments"]
    assert list(json.loads(done["arguments"])) == ["home_city", "days"]
    response = told[-1]["response"]
    [call] = response["output"]
    assert (call["type"], call["name"], call["call_id"]) == ("function_call", "get_weather", done["call_id"])
    assert call["arguments"] == done["arguments"]
    assert (response["status"], response["usage"]["output_tokens"]) == ("completed", 3)
    spoken = tell(spoken_to, result_of(call), SPEAK)
    assert kinds(spoken)[-1] == "response.done"
    assert spoken[-1]["response"]["output"][0]["content"][0]["type"] == "output_audio"
    assert tell(with_functions(WEATHER), *ASK) == told
    assert kinds(tell(spoken_to, *ASK))[5] == "response.function_call_arguments.delta"  # the next question calls again


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ("auto", ["get_weather", None]),
        ("none", [None, None]),
        ("required", ["get_weather", "get_weather"]),
        ({"type": "function", "name": "clock"}, ["clock", "clock"]),
        ({"type": "function", "name": "nobody"}, [None, None]),
    ],
)
@pytest.mark.parametrize("where", ["session", "response"])
def test_the_choice_says_which_function_is_called(choice: object, called: list[str | None], where: str) -> None:
    wanted = {"tools": [{"type": "mcp", "server_label": "x"}, WEATHER, CLOCK], "tool_choice": choice}
    spoken_to = with_functions(**wanted) if where == "session" else with_functions()
    speak = SPEAK if where == "session" else {**SPEAK, "response": wanted}
    seen: list[object] = []
    for before in (ASK[0], result_of({"call_id": "c"})):
        told = tell(spoken_to, before, speak)
        seen.append(told[-1]["response"]["output"][0].get("name"))
    assert seen == called


@pytest.mark.parametrize("tools", [None, 7, "x", [7], [{"type": "function"}], [{"type": "function", "name": 7}]])
def test_tools_that_are_none_are_not_called(tools: object) -> None:
    told = tell(openai_session(chunks=1), {**SPEAK, "response": {"tools": tools, "tool_choice": "required"}})
    assert told[-1]["response"]["output"][0]["type"] == "message"


def test_a_cancelled_call_ends_where_it_was() -> None:
    spoken_to = with_functions(WEATHER)
    spoken_to.received(json.dumps(SPEAK).encode(), text=True)
    [step] = spoken_to.next()
    assert isinstance(step, Say)
    told = tell(spoken_to, {"type": "response.cancel"})
    [call] = told[-1]["response"]["output"]
    assert (call["status"], call["arguments"]) == ("incomplete", json.loads(step.data)["delta"])


# -- Gemini ---------------------------------------------------------------------------------------------------------

FUNCTIONS = [
    {"googleSearch": {}},
    {"functionDeclarations": [{"name": "get_weather", "parameters": {
        "type": "OBJECT", "properties": {"home_city": {"type": "STRING"}, "days": {"type": "INTEGER"}}}}]},
]  # fmt: skip


def test_gemini_calls_a_function_and_speaks_of_its_result() -> None:
    spoken_to = gemini_session({"setup": {"tools": FUNCTIONS}}, chunks=2)
    [told] = tell(spoken_to, TURN)
    [call] = told["toolCall"]["functionCalls"]
    assert call["name"] == "get_weather"
    assert isinstance(call["args"]["home_city"], str)  # the client's own name, as it is
    assert isinstance(call["args"]["days"], int)
    response = {"id": call["id"], "name": call["name"], "response": {"output": "foggy"}}
    spoken = tell(spoken_to, {"tool_response": {"function_responses": [response]}})
    assert [next(iter(message["serverContent"])) for message in spoken] == [
        "modelTurn",
        "modelTurn",
        "generationComplete",
        "turnComplete",
    ]
    usage = spoken[-1]["usageMetadata"]
    details = {item["modality"]: item["tokenCount"] for item in usage["responseTokensDetails"]}
    assert details["AUDIO"] == 6
    assert usage["responseTokenCount"] == 6 + details["TEXT"]
    assert "toolCall" in tell(spoken_to, TURN)[0]  # the next turn calls again


def test_gemini_takes_a_call_back_when_it_is_interrupted() -> None:
    spoken_to = gemini_session({"setup": {"tools": FUNCTIONS}}, chunks=2)
    [told] = tell(spoken_to, TURN)
    called = told["toolCall"]["functionCalls"][0]["id"]
    back, interrupted, end = tell(spoken_to, {"realtimeInput": {"activityStart": {}}})
    assert back == {"toolCallCancellation": {"ids": [called]}}
    assert interrupted == {"serverContent": {"interrupted": True}}
    assert "turnComplete" in end["serverContent"]
    assert tell(spoken_to, TURN)[0]["toolCall"]["functionCalls"][0]["id"] != called


@pytest.mark.parametrize("tools", [None, 7, [7], [{"functionDeclarations": 7}], [{"functionDeclarations": [7, {}]}]])
def test_gemini_tools_that_are_none_are_not_called(tools: object) -> None:
    assert "serverContent" in tell(gemini_session({"setup": {"tools": tools}}, chunks=1), TURN)[0]


def gemini_session(setup: object = SETUP, **options: Any) -> GeminiLive:
    spoken_to = GeminiLive({}, RealtimeOptions(**options))
    assert tell(spoken_to, setup) == [{"setupComplete": {"sessionId": "loopback"}}]
    return spoken_to


def test_gemini_speaks_and_ends_its_turn_with_usage() -> None:
    told = tell(gemini_session(chunks=2), TURN)
    parts = [message["serverContent"] for message in told]
    assert [next(iter(part)) for part in parts] == [
        *("modelTurn", "outputTranscription") * 2,
        "generationComplete",
        "turnComplete",
    ]
    assert told[-1]["usageMetadata"]["responseTokenCount"] == 6


def test_gemini_takes_snake_case_and_answers_alike() -> None:
    snake = {"setup": {"model": "m", "output_audio_transcription": {}}}
    turn = {"client_content": {"turns": TURN["clientContent"]["turns"], "turn_complete": True}}
    assert tell(gemini_session(snake), turn) == tell(gemini_session(), TURN)


def test_gemini_answers_spoken_input_and_text_alone_where_asked() -> None:
    spoken_to = gemini_session({"setup": {"generationConfig": {"responseModalities": ["TEXT"]}}}, chunks=1)
    audio = {"realtimeInput": {"audio": {"data": "AAAA", "mimeType": "audio/pcm"}}}
    told = tell(spoken_to, audio, {"realtimeInput": {"audioStreamEnd": True}})
    assert list(told[0]["serverContent"]["modelTurn"]["parts"][0]) == ["text"]


def test_gemini_stops_speaking_when_it_is_interrupted() -> None:
    spoken_to = gemini_session(chunks=50)
    spoken_to.received(json.dumps(TURN).encode(), text=True)
    spoken_to.next()
    told = tell(spoken_to, {"realtimeInput": {"activityStart": {}}})
    assert told[0] == {"serverContent": {"interrupted": True}}
    assert "turnComplete" in told[1]["serverContent"]


def test_gemini_wants_setup_first() -> None:
    [end] = tell(GeminiLive({}, RealtimeOptions()), TURN)
    assert end.code == 1007


@pytest.mark.parametrize(
    ("family", "spoken_to", "messages"),
    [("openai-realtime", openai_session(chunks=3), ASK), ("gemini-live", gemini_session(chunks=3), [TURN])],
)
def test_the_gateways_readings_understand_what_is_spoken(
    family: str, spoken_to: RealtimeSession, messages: list[object]
) -> None:
    reader = make_realtime_reader(family)
    events: list[ProviderEvent] = []
    for told in tell(spoken_to, *messages):
        events += reader.read_message(json.dumps(told).encode(), is_text=True)
    assert sum(event.size for event in events if isinstance(event, AudioDelta)) == 3 * 5760
    assert [type(event) for event in events if not isinstance(event, AudioDelta)] == [
        ResponseStarted,
        UsageReported,
        ResponseFinished,
    ]


@pytest.mark.parametrize("family", ["openai-realtime", "gemini-live"])
def test_the_gateways_readings_understand_a_call(family: str) -> None:
    spoken_to: RealtimeSession
    if family == "openai-realtime":
        spoken_to, asked, result = with_functions(WEATHER), ASK, [result_of({"call_id": "c"}), SPEAK]
    else:
        spoken_to, asked = gemini_session({"setup": {"tools": FUNCTIONS}}, chunks=3), [TURN]
        result = [{"toolResponse": {"functionResponses": [{"name": "get_weather", "response": {}}]}}]
    reader = make_realtime_reader(family)
    events: list[ProviderEvent] = []
    for told in [*tell(spoken_to, *asked), *tell(spoken_to, *result)]:
        events += reader.read_message(json.dumps(told).encode(), is_text=True)
    [started] = [event for event in events if isinstance(event, ToolCallStarted)]
    assert started.name == "get_weather"
    assert started.id
    arguments = "".join(event.arguments for event in events if isinstance(event, ToolCallDelta))
    assert list(json.loads(arguments)) == ["home_city", "days"]
    assert sum(event.size for event in events if isinstance(event, AudioDelta)) == 3 * 5760
    ends = [event.reason for event in events if isinstance(event, ResponseFinished)]
    assert ends == (["tool_calls", "stop"] if family == "openai-realtime" else ["stop"])
    assert sum(isinstance(event, ResponseStarted) for event in events) == len(ends)


def test_options_are_told_apart_from_the_rest_of_the_query() -> None:
    options = parse_realtime_options([("model", "m"), ("loopback_silent", ""), ("loopback_close", "4000")])
    assert options == RealtimeOptions(silent=True, close=4000)
    assert "loopback_refuse" in str(parse_realtime_options([("loopback_nonsense", "1")]))
    assert "loopback_refuse" in str(parse_realtime_options([("loopback_close", "much")]))


# -- over sockets ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def provider() -> AsyncIterator[tuple[LoopbackProvider, str]]:
    with anyio.fail_after(120):
        async with LoopbackProvider.start() as up:
            yield up, up.base_url.replace("http", "ws")


async def ended(up: LoopbackProvider) -> RequestRecord:
    await up.until(lambda: up.seen[-1].how is not None)
    return up.seen[-1]


async def closed_with(client: WebSocketClient) -> WebSocketClosed:
    with pytest.raises(WebSocketClosed) as closed:
        while True:
            await client.receive()
    return closed.value


async def test_it_speaks_first_and_answers() -> None:
    async with provider() as (up, url):
        async with connect(f"{url}/v1/realtime?model=mine&loopback_chunks=2") as client:
            first = json.loads(await client.receive())
            assert (first["type"], first["session"]["model"]) == ("session.created", "mine")
            for message in ASK:
                await client.send(json.dumps(message))
            while json.loads(await client.receive())["type"] != "response.done":
                pass
        seen = await ended(up)
        assert (seen.how, seen.close_code, seen.messages_received) == ("closed", 1000, 2)


async def test_gemini_says_json_in_binary_messages() -> None:
    path = "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    async with provider() as (_, url), connect(f"{url}/{path}") as client:
        await client.send(json.dumps(SETUP))
        message = await client.receive()
        assert isinstance(message, bytes)
        assert "setupComplete" in json.loads(message)


async def test_echo_keeps_opcode_and_size() -> None:
    async with provider() as (_, url), connect(f"{url}/echo") as client:
        for message in ("", "text", b"", b"\x00\xff", bytes(3_000_000)):
            await client.send(message)
            assert await client.receive() == message


@pytest.mark.parametrize(
    ("options", "status", "body"),
    [
        ("loopback_refuse=429&loopback_retry_after=7", 429, "asked to refuse with 429"),
        ("loopback_require_key=secret", 401, "Incorrect API key"),
        ("loopback_delay_ms=soon", 400, "Allowed are: loopback_delay_ms"),
    ],
)
async def test_an_upgrade_is_refused(options: str, status: int, body: str) -> None:
    async with provider() as (up, url):
        with pytest.raises(HandshakeRefused, match=body) as refused:
            async with connect(f"{url}/echo?{options}"):
                pass
        assert refused.value.status == status
        assert (await ended(up)).how == "refused"
        if status == 429:
            assert (b"retry-after", b"7") in refused.value.headers


async def test_an_unknown_path_is_404() -> None:
    async with provider() as (_, url):
        with pytest.raises(HandshakeRefused, match="There are: /v1/realtime") as refused:
            async with connect(f"{url}/v2/realtime"):
                pass
        assert refused.value.status == 404


@pytest.mark.parametrize(
    ("query", "headers", "subprotocols"),
    [
        ("", [("authorization", "Bearer secret")], []),
        ("", [("api-key", "secret")], []),
        ("", [("x-goog-api-key", "secret")], []),
        ("&key=secret", [], []),
        ("", [], ["realtime", "openai-insecure-api-key.secret"]),
        ("", [], ["token", "secret"]),
    ],
)
async def test_a_key_is_found_wherever_providers_look(
    query: str, headers: list[tuple[str, str]], subprotocols: list[str]
) -> None:
    async with provider() as (_, url):
        address = f"{url}/echo?loopback_require_key=secret{query}"
        async with connect(address, headers=headers, subprotocols=subprotocols) as client:
            assert client.subprotocol == (subprotocols[0] if subprotocols else None)


async def test_silence_lasts_until_the_caller_leaves() -> None:
    answered = False

    async def call(url: str) -> None:
        nonlocal answered
        async with connect(f"{url}/echo?loopback_silent"):
            answered = True

    async with provider() as (up, url):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, url)
            await up.until(lambda: bool(up.seen))
            await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
        assert not answered
        assert (await ended(up)).how == "cancelled"


@pytest.mark.parametrize(
    ("options", "code", "how"),
    [
        ("loopback_close=4001&loopback_close_reason=quota", 4001, "closed"),
        ("loopback_break=close", 1006, "close"),
        ("loopback_break=reset", 1006, "reset"),
        ("loopback_break=frame", 1006, "cancelled"),
        ("loopback_close=1005", 1006, "cancelled"),
    ],
)
async def test_it_ends_as_it_was_asked(options: str, code: int, how: str) -> None:
    async with provider() as (up, url):
        async with connect(f"{url}/echo?{options}&loopback_after=2") as client:
            await client.send("one")
            assert await client.receive() == "one"
            await client.send("two")
            assert (await closed_with(client)).code == code
        assert (await ended(up)).how == how


async def test_a_flood_is_whole() -> None:
    async with provider() as (_, url), connect(f"{url}/echo?loopback_flood_bytes=200000") as client:
        sizes = [len(await client.receive()) for _ in range(4)]
        assert sizes == [65536, 65536, 65536, 200_000 - 3 * 65536]


async def test_a_caller_that_breaks_the_protocol_is_told() -> None:
    async with provider() as (up, url), connect(f"{url}/echo") as client:
        await client._stream.send(b"\x91\x80\x00\x00\x00\x00")  # a reserved bit
        assert (await closed_with(client)).code == 1002
        assert (await ended(up)).how == "violation"
