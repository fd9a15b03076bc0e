"""Recorded answers as a client of Responses over WebSocket gets them: by the schemas, and one response each."""

import json
from typing import Any

import pytest
from tests.reading.recordings import RECORDINGS, Recording, needs_recordings
from tests.reading.responses_messages import ENDS, MATERIAL, OPEN, SDK, needs_schemas, one_response, valid
from tests.rigs.responses_encoder import LOST, PROGRESS, encoder, stream, told, told_whole

from aigw_sansio.bodies.chunk import Chunk, feed_all
from aigw_sansio.bodies.framing import Framing
from aigw_sansio.bodies.sse import SseDecoder
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.answers.openai_responses import ResponsesWriter
from aigw_sansio.formats.media import find_media
from aigw_sansio.formats.registry import make_reader

STREAMS = [one for one in RECORDINGS if one.framing is Framing.SSE and one.status == 200]
OWN = [one for one in STREAMS if one.format == "openai-responses"]
FOREIGN = [one for one in STREAMS if one.format in ("openai-chat", "anthropic-messages", "gemini")]
#: The library's types do not know the actions of this search.
UNKNOWN = {"WebSearchCall"}
SESSIONS = [path for path in sorted((MATERIAL / "sessions").glob("*.jsonl")) if path.stem not in UNKNOWN]
SCENARIOS = json.loads((MATERIAL / "websocket_scenarios.json").read_text())["scenarios"] if MATERIAL.is_dir() else []


def name_of(one: Recording) -> str:
    return one.file


@needs_schemas
@needs_recordings
@pytest.mark.parametrize("one", OWN, ids=name_of)
def test_a_recorded_stream_of_responses_is_one_response(one: Recording) -> None:
    made = encoder("main")
    messages = [json.loads(message) for message in told(made, one.chunks())]
    assert made.outcome is not None
    if made.outcome.status == "error":
        assert [message["type"] for message in messages] == ["error"]
        return
    response = one_response(messages, stream_id="main")
    assert json.loads(made.outcome.output) == ([] if response["status"] == "failed" else response["output"])


@needs_schemas
@needs_recordings
@pytest.mark.parametrize("one", FOREIGN, ids=name_of)
def test_a_recorded_stream_of_another_format_is_valid_by_every_schema(one: Recording) -> None:
    writer, reader = ResponsesWriter(AnswerContext("01", 1, "asked", source=one.format)), make_reader(one.format)
    made = encoder("main", previous_response_id="resp_0")
    made.attempt(0)
    messages = made.begin(stream(), PROGRESS)
    for chunk in one.chunks():
        events = reader.read(chunk)
        messages += made.texts(writer.write(events, find_media(chunk.data, events)), events)
    messages += made.texts([*writer.write(reader.finish()), *writer.finish()], [])
    messages += made.finished(stream(), PROGRESS, None)
    images = any(b"image_generation_call" in message or b"web_search_call" in message for message in messages)
    response = one_response(valid(messages, schemas=[SDK] if images else [OPEN, SDK]), stream_id="main")
    assert response["previous_response_id"] == "resp_0"


@needs_schemas
@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_a_recorded_session_is_valid_for_the_library(path: Any) -> None:
    for line in path.read_text().splitlines():
        answer = json.loads(line)
        body = answer.get("json", {})
        if answer["dir"] != "server":
            continue
        if "sse" in answer:
            chunks = list(feed_all(SseDecoder(1 << 24), answer["sse"].encode()))
            one_response(valid(told(encoder(), chunks), schemas=[SDK]))
        elif body.get("object") == "response" and body["status"] in ("completed", "incomplete"):
            told_one = one_response(valid(told_whole(encoder(), json.dumps(body).encode()), schemas=[SDK]))
            assert told_one["output"] == body["output"]
        elif answer["status"] >= 400:
            [message] = valid(told_whole(encoder(), json.dumps(body).encode(), status=answer["status"]), schemas=[SDK])
            assert message["error"]["message"] == body["error"]["message"]


@needs_schemas
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["id"])
def test_openais_contract_holds_for_what_a_provider_streams(scenario: dict[str, Any]) -> None:
    for turn in scenario["turns"]:
        frames, lane = turn["frames"], turn["request"].get("stream_id")
        if frames[0]["type"] == "error":
            error = {**frames[0]["error"]}
            [message] = valid(told_whole(encoder(lane), json.dumps({"error": error}).encode(), status=400))
            assert {name: message["error"][name] for name in error} == error
            assert message["stream_id"] == lane
            continue
        chunks = [Chunk(frame.encode() if type(frame) is str else json.dumps(frame).encode()) for frame in frames]
        ended = type(frames[-1]) is dict and frames[-1]["type"] in ENDS
        made = encoder(lane)
        committed = [*chunks[:1], Chunk(b'{"type":"response.output_text.delta","delta":"x"}'), *chunks[1:]]
        messages = [json.loads(message) for message in told(made, committed, end=None if ended else LOST)]
        response = one_response(messages, stream_id=lane)
        if not ended:
            assert response["error"]["code"] == "server_error"
            continue
        last = frames[-1]
        assert messages[-1]["type"] == last["type"]
        for name, value in last["response"].items():
            assert response[name] == value
        for frame in frames:
            kept = [one for one in messages if one["type"] == frame["type"]]
            new = frame.keys() - {"response", "sequence_number", "stream_id"}
            assert any(all(one.get(name) == frame[name] for name in new) for one in kept)
