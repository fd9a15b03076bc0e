"""What the client is told: every message of an exchange, word for word."""

import json
from typing import Any

import pytest

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.config import Config, Limits
from aigw_sansio.dialects.universal.encoder import FinalResponse, UniversalEncoder
from aigw_sansio.effects import Emit
from aigw_sansio.engine.engine import Engine
from aigw_sansio.events import ImageDelta, ProviderEventRead, ResponseFailed, TextDelta, Unrecognised, UsageReported
from aigw_sansio.exchanges.policy import ResponseMode
from aigw_sansio.exchanges.response import Answer, ReadDepth
from aigw_sansio.faults import Fault, FaultKind, Side

FAULT = Fault(FaultKind.IDLE_TIMEOUT, Side.PROVIDER, "nothing came", retryable=True)


def encoder(mode: ResponseMode = "raw", *, emit: bool = False) -> tuple[UniversalEncoder, Engine]:
    engine = Engine(Config(emit_provider_events=emit), b"seed", 0.0)
    told = UniversalEncoder(engine, "e\u00e9", "log", mode)
    told.attempts = 2
    told.step = 1
    return told, engine


def answer(content_type: bytes = b"text/event-stream; charset=utf-8") -> Answer:
    return Answer(200, [(b"content-type", content_type)], "openai-chat", Limits(), array_stream=False)


def committed(told: UniversalEncoder, content_type: bytes = b"text/event-stream; charset=utf-8") -> Answer:
    made = answer(content_type)
    told.commit(made)
    return made


def sse(content: str) -> Chunk:
    return Chunk(json.dumps({"choices": [{"index": 0, "delta": {"content": content}}]}).encode())


def read(message: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message)
    return found


METADATA = {
    "cacheStatus": "MISS",
    "eventId": "e\u00e9",
    "logId": "log",
    "step": "1",
    "contentType": "text/event-stream",
    "status": 200,
    "attempts": 2,
}


def test_a_stream_begins_goes_on_and_ends() -> None:
    told, _ = encoder()
    shown = answer()
    created = told.commit(shown)
    assert created.startswith(b'{"type":"universal.created","metadata":{"cacheStatus":"MISS","eventId":')
    assert read(created) == {"type": "universal.created", "metadata": METADATA}
    chunk = Chunk(b'{"n": 1.0, "a":"b" }')
    messages, failed = told.chunks(shown, [chunk])
    assert failed is None
    assert messages[0].endswith(b',"response":{"n": 1.0, "a":"b" }}'), "the provider's bytes as they came"
    assert read(messages[0])["metadata"] == {"eventId": "e\u00e9"}
    usage = UsageReported(input_tokens=3, output_tokens=4)
    done = read(told.done(answer(), usage))
    assert done["metadata"] == {**METADATA, "usage": {"input_tokens": 3, "output_tokens": 4, "quality": "final"}}
    assert "usage" not in read(told.done(answer(), None))["metadata"]


def test_what_is_no_json_becomes_a_string_or_base64() -> None:
    told, _ = encoder()
    messages, _ = told.chunks(committed(told), [Chunk(b"plain"), Chunk(b"\xff\xfe"), Chunk(b"")])
    assert read(messages[0])["response"] == "plain"
    assert read(messages[1])["response"] == "//4="
    assert read(messages[1])["metadata"] == {"eventId": "e\u00e9", "encoding": "base64"}
    assert read(messages[2])["response"] == ""
    binary = committed(told, b"audio/mpeg")
    messages, _ = told.chunks(binary, [Chunk(b"{}")])
    assert read(messages[0])["response"] == "e30="


def test_an_error_after_the_commit_goes_out_and_stops_the_rest() -> None:
    told, _ = encoder()
    bad = Chunk(b'{"error":{"message":"overloaded"}}')
    messages, failed = told.chunks(committed(told), [sse("a"), bad, sse("b")])
    assert [read(message)["response"] for message in messages] == [json.loads(sse("a").data), json.loads(bad.data)]
    assert isinstance(failed, ResponseFailed)
    assert failed.message == "overloaded"


def test_events_mode_sends_meanings_only_and_both_sends_both() -> None:
    told, engine = encoder("events")
    shown = committed(told)
    assert shown.tap is ReadDepth.ALL
    messages, _ = told.chunks(shown, [sse("hi")])
    kinds = [read(message)["type"] for message in messages]
    assert set(kinds) == {"universal.event"}
    assert {"type": "text.delta", "text": "hi"} in [read(message)["event"] for message in messages]
    both, _ = encoder("both")
    messages, _ = both.chunks(committed(both), [sse("hi")])
    assert read(messages[0])["type"] == "universal.stream"
    assert read(messages[-1])["type"] == "universal.event"
    assert engine.take_effects() == []


def test_the_host_hears_of_meanings_where_it_listens() -> None:
    told, engine = encoder(emit=True)
    assert committed(told).tap is ReadDepth.ALL
    assert told.meaning([TextDelta("x")]) == []
    assert engine.take_effects() == [Emit(ProviderEventRead("log", TextDelta("x")))]
    assert committed(encoder()[0]).tap is ReadDepth.MARKERS


def test_whole_answers_refusals_errors_and_cancels() -> None:
    told, _ = encoder()
    whole = read(told.created_with(FinalResponse(0, 404, "application/json", b'{"a":1}', base64=False), None))
    assert whole["response"] == {"a": 1}
    assert (whole["metadata"]["step"], whole["metadata"]["status"], told.status) == ("0", 404, 404)
    coded = read(told.created_with(FinalResponse(0, 200, None, b'"aGk="', base64=True), None))
    assert coded["metadata"]["encoding"] == "base64"
    assert "contentType" not in coded["metadata"]
    refused = read(told.refused(FAULT))
    assert refused["metadata"]["status"] == 504
    assert refused["response"]["error"] == [{"code": 2005, "message": "nothing came"}]
    error = read(told.error(answer(), FAULT))
    assert error["error"] == {"code": 2005, "message": "nothing came", "kind": "idle_timeout", "retryable": True}
    assert error["metadata"] == METADATA
    cancelled = read(told.cancelled(None))
    assert cancelled["metadata"] == {
        key: METADATA[key] for key in ("cacheStatus", "eventId", "logId", "step", "attempts")
    }


@pytest.mark.parametrize("mode", ["events", "both"])
def test_what_no_reading_knows_is_told_to_the_host_and_not_to_the_client(mode: ResponseMode) -> None:
    told, engine = encoder(mode, emit=True)
    known = ImageDelta(12, "image/png")
    messages = told.meaning([Unrecognised("type brand.new"), known])
    assert [read(message)["event"] for message in messages] == [
        {"type": "image.delta", "size": 12, "media_type": "image/png"}
    ]
    emitted = [effect.event for effect in engine.take_effects() if isinstance(effect, Emit)]
    assert emitted == [ProviderEventRead("log", Unrecognised("type brand.new")), ProviderEventRead("log", known)]
