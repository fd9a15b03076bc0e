"""What the client is told: every message of an exchange, word for word."""

import json
from typing import Any

import pytest

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.config import Limits
from aigw_sansio.dialects.base import Listener
from aigw_sansio.dialects.universal.encoder import UniversalEncoder
from aigw_sansio.events import ImageDelta, ProviderEvent, ResponseFailed, TextDelta, Unrecognised, UsageReported
from aigw_sansio.exchanges.encoder import FinalResponse, Progress
from aigw_sansio.exchanges.policy import ResponseMode
from aigw_sansio.exchanges.read_depth import ReadDepth
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.faults import Fault, FaultKind, Side

FAULT = Fault(FaultKind.IDLE_TIMEOUT, Side.PROVIDER, "nothing came", retryable=True)


PROGRESS = Progress(step=1, attempts=2)


def encoder(mode: ResponseMode = "raw", listener: Listener | None = None) -> UniversalEncoder:
    return UniversalEncoder("e\u00e9", "log", mode=mode, listener=listener)


def response(content_type: bytes = b"text/event-stream; charset=utf-8") -> ProviderResponse:
    return ProviderResponse(
        200, [(b"content-type", content_type)], format="openai-chat", limits=Limits(), array_stream=False
    )


def begun(told: UniversalEncoder, content_type: bytes = b"text/event-stream; charset=utf-8") -> ProviderResponse:
    made = response(content_type)
    made.read_depth = ReadDepth.ALL if told.reads_everything else ReadDepth.MARKERS
    told.begin(made, PROGRESS)
    return made


def final(**more: Any) -> FinalResponse:
    return FinalResponse(**{"step": 0, "charset": None, "headers": [], "events": [], **more})


def test_metadata_says_what_ended_it_and_what_the_head_said() -> None:
    told = encoder("events")
    messages = told.whole(
        final(
            status=200,
            content_type=None,
            body=b"{}",
            headers=[(b"retry-after", b"2"), (b"set-cookie", b"a=b"), (b"x-request-id", b"r1")],
            events=[TextDelta("hi")],
            usage=UsageReported(3, 4),
            finish_reason="length",
        ),
        PROGRESS,
    )
    assert [read(message)["type"] for message in messages] == ["universal.event", "universal.created"]
    metadata = read(messages[-1])["metadata"]
    assert metadata["headers"] == {"retry-after": "2", "x-request-id": "r1"}
    assert metadata["finishReason"] == "length"
    assert metadata["usage"] == {"input_tokens": 3, "output_tokens": 4, "quality": "final"}


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
    told = encoder()
    shown = response()
    (created,) = told.begin(shown, PROGRESS)
    assert created.startswith(b'{"type":"universal.created","metadata":{"cacheStatus":"MISS","eventId":')
    assert read(created) == {"type": "universal.created", "metadata": METADATA}
    chunk = Chunk(b'{"n": 1.0, "a":"b" }')
    messages, failed = told.chunks(shown, [chunk])
    assert failed is None
    assert messages[0].endswith(b',"response":{"n": 1.0, "a":"b" }}'), "the provider's bytes as they came"
    assert read(messages[0])["metadata"] == {"eventId": "e\u00e9"}
    usage = UsageReported(input_tokens=3, output_tokens=4)
    (finished,) = told.finished(response(), PROGRESS, usage)
    done = read(finished)
    assert done["metadata"] == {**METADATA, "usage": {"input_tokens": 3, "output_tokens": 4, "quality": "final"}}
    (finished,) = told.finished(response(), PROGRESS, None)
    assert "usage" not in read(finished)["metadata"]


def test_what_is_no_json_becomes_a_string_or_base64() -> None:
    told = encoder()
    messages, _ = told.chunks(begun(told), [Chunk(b"plain"), Chunk(b"\xff\xfe"), Chunk(b"")])
    assert read(messages[0])["response"] == "plain"
    assert read(messages[1])["response"] == "//4="
    assert read(messages[1])["metadata"] == {"eventId": "e\u00e9", "encoding": "base64"}
    assert read(messages[2])["response"] == ""
    binary = begun(told, b"audio/mpeg")
    messages, _ = told.chunks(binary, [Chunk(b"{}")])
    assert read(messages[0])["response"] == "e30="


def test_an_error_after_the_commit_goes_out_and_stops_the_rest() -> None:
    told = encoder()
    bad = Chunk(b'{"error":{"message":"overloaded"}}')
    messages, failed = told.chunks(begun(told), [sse("a"), bad, sse("b")])
    assert [read(message)["response"] for message in messages] == [json.loads(sse("a").data), json.loads(bad.data)]
    assert isinstance(failed, ResponseFailed)
    assert failed.message == "overloaded"


def test_events_mode_sends_meanings_only_and_both_sends_both() -> None:
    told = encoder("events")
    assert told.reads_everything
    shown = begun(told)
    messages, _ = told.chunks(shown, [sse("hi")])
    kinds = [read(message)["type"] for message in messages]
    assert set(kinds) == {"universal.event"}
    assert {"type": "text.delta", "text": "hi"} in [read(message)["event"] for message in messages]
    both = encoder("both")
    messages, _ = both.chunks(begun(both), [sse("hi")])
    assert read(messages[0])["type"] == "universal.stream"
    assert read(messages[-1])["type"] == "universal.event"


def test_a_host_that_listens_hears_the_meanings() -> None:
    heard: list[ProviderEvent] = []
    told = encoder(listener=heard.extend)
    assert told.reads_everything
    assert told.events([TextDelta("x")]) == []
    assert heard == [TextDelta("x")]
    assert not encoder().reads_everything


def test_whole_answers_refusals_errors_and_cancels() -> None:
    told = encoder()
    (text,) = told.whole(final(status=404, content_type="application/json", body=b'{"a":1}'), PROGRESS)
    whole = read(text)
    assert whole["response"] == {"a": 1}
    assert (whole["metadata"]["step"], whole["metadata"]["status"]) == ("0", 404)
    (text,) = told.whole(final(status=200, content_type=None, body=b"\xff\xfe"), PROGRESS)
    coded = read(text)
    assert (coded["metadata"]["encoding"], coded["response"]) == ("base64", "//4=")
    assert "contentType" not in coded["metadata"]
    (text,) = told.refused(FAULT, PROGRESS, None)
    refused = read(text)
    assert refused["metadata"]["status"] == 504
    assert refused["response"]["error"] == [{"code": 2005, "message": "nothing came"}]
    (text,) = told.failed(response(), FAULT, PROGRESS, None)
    error = read(text)
    assert error["error"] == {"code": 2005, "message": "nothing came", "kind": "idle_timeout", "retryable": True}
    assert error["metadata"] == METADATA
    (text,) = told.cancelled(None, PROGRESS, None)
    cancelled = read(text)
    assert cancelled["metadata"] == {
        key: METADATA[key] for key in ("cacheStatus", "eventId", "logId", "step", "attempts")
    }


@pytest.mark.parametrize("mode", ["events", "both"])
def test_what_no_reading_knows_is_told_to_the_host_and_not_to_the_client(mode: ResponseMode) -> None:
    heard: list[ProviderEvent] = []
    told = encoder(mode, heard.extend)
    known = ImageDelta(12, "image/png")
    messages = told.events([Unrecognised("type brand.new"), known])
    assert [read(message)["event"] for message in messages] == [
        {"type": "image.delta", "size": 12, "media_type": "image/png"}
    ]
    assert heard == [Unrecognised("type brand.new"), known]


KEY = b"canary-of-a-key-0123456789"


def shown(reads: list[bytes], mode: ResponseMode = "raw") -> list[bytes]:
    """The messages for a body that comes in ``reads``; its first chunk is the commit."""
    told = encoder(mode)
    kind = (b"content-type", b"text/event-stream")
    made = ProviderResponse(200, [kind], format="openai-chat", limits=Limits(), array_stream=False, keys=(KEY,))
    made.committed(everything=told.reads_everything)
    told.begin(made, PROGRESS)
    messages: list[bytes] = []
    for data in reads:
        found = made.next_chunks(data)
        while found or not made.needs_data:
            messages += told.chunks(made, found)[0]
            found = made.next_chunks()
    return messages


@pytest.mark.parametrize("mode", ["raw", "both"])
@pytest.mark.parametrize(
    "parts",
    [
        [sse("a " + KEY[:15].decode()).data, sse(KEY[15:20].decode()).data, sse(KEY[20:].decode()).data],
        [b"a " + KEY[:10], b'{"a":1}', KEY[10:20], b"[1]", KEY[20:]],
        [b"a " + KEY[:16], KEY[16:20], sse("other").data, KEY[20:]],
        [b"a " + KEY[:12] + b"\ndata: " + KEY[12:20] + b"\ndata:" + KEY[20:]],
    ],
    ids=["JSON", "JSON between text", "a number", "lines of one event"],
)
def test_the_rest_of_a_key_is_hidden_wherever_the_reads_are_cut(mode: ResponseMode, parts: list[bytes]) -> None:
    chunks = [sse("one").data, *parts, sse("behind").data]
    body = b"".join(b"data: " + data + b"\n\n" for data in chunks)
    whole = shown([body], mode)
    told = b"".join(whole)
    assert b"a ***" in told
    assert b"behind" in told
    assert not any(KEY[at : at + 4] in told for at in range(10, len(KEY) - 3))
    for cut in range(1, len(body)):
        assert shown([body[:cut], body[cut:]], mode) == whole, cut
    assert shown([body[at : at + 1] for at in range(len(body))], mode) == whole
