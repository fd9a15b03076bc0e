"""An exchange whose response is reviewed: what the host is asked, and what the client sees of its answers."""

import gc
import json
from typing import Any

import pytest
from tests.rigs.reviews import CHAT, ReviewedGateway, chat, finish_chunk, text_chunk

from aigw_drivers.testing import Break, MockResponse, Wait
from aigw_sansio import (
    Answer,
    Fault,
    FaultKind,
    KeptResponse,
    Limits,
    Passage,
    Released,
    ResponseFailed,
    ResponseStarted,
    Review,
    Side,
    Stopped,
    TextDelta,
    Unavailable,
)
from aigw_sansio.exchanges.reviewed import ReviewedExchange
from aigw_sansio.review import ReviewWindow

ALL_AT_ONCE = ReviewWindow(chunks=100_000, bytes=1 << 20, wait_ms=60_000)


def shouting(review: Review) -> Answer:
    return Released(tuple(passage.text.upper() for passage in review.passages))


@pytest.mark.parametrize("mode", ["raw", "events", "both"])
def test_what_is_released_is_shown_as_it_is(mode: str) -> None:
    with ReviewedGateway([chat("Hello", ", ", "world")]) as gateway:
        gateway.create(mode=mode)
        assert gateway.kinds[0] == "created"
        assert gateway.kinds[-1] == "done"
        assert gateway.text == "Hello, world"
        assert gateway.text_of_events == ("" if mode == "raw" else "Hello, world")
        assert gateway.told[-1]["metadata"]["usage"]["output_tokens"] == 2
        assert gateway.told[-1]["metadata"]["finishReason"] == "stop"
        said = "".join(passage.text for review in gateway.reviews for passage in review.passages)
        assert said == "Hello, world"


def test_what_a_host_is_told() -> None:
    with ReviewedGateway([chat("Hello", " you")], window=ALL_AT_ONCE) as gateway:
        gateway.create()
        (review,) = gateway.reviews
        assert review.passages == (Passage("text", "Hello you"),)
        assert (review.account, review.gateway, review.provider, review.form) == (
            "local",
            "default",
            "openai",
            "stream",
        )
        assert (review.step, review.last, review.status, review.content_type) == (0, True, 200, "text/event-stream")
        assert [json.loads(data) for data in review.data] == [text_chunk("Hello"), text_chunk(" you"), finish_chunk()]
        assert TextDelta("Hello") in review.events
        assert review.log_id == gateway.ended.log_id
        assert "Hello" not in repr(review)


def test_a_client_of_events_has_no_data() -> None:
    with ReviewedGateway([chat("Hello")]) as gateway:
        gateway.create(mode="events")
        assert [review.data for review in gateway.reviews] == [()]


@pytest.mark.parametrize("mode", ["raw", "events", "both"])
@pytest.mark.parametrize("window", [ReviewWindow(), ReviewWindow(chunks=2), ALL_AT_ONCE], ids=["1", "2", "all"])
def test_other_texts_are_shown_in_place_of_the_providers(mode: str, window: ReviewWindow) -> None:
    with ReviewedGateway([chat("Hello", ", ", "world")], shouting, window=window) as gateway:
        gateway.create(mode=mode)
        assert gateway.text == "HELLO, WORLD"
        assert gateway.text_of_events == ("" if mode == "raw" else "HELLO, WORLD")
        assert gateway.kinds[-1] == "done"
        assert "ello" not in str(gateway.told)


@pytest.mark.parametrize("mode", ["raw", "events"])
def test_a_stop_before_anything_was_shown_refuses(mode: str) -> None:
    gateway = ReviewedGateway([chat("Hello", "you")], lambda review: Stopped())
    gateway.create(mode=mode)
    last = gateway.told[-1]
    assert gateway.kinds[-1] == "created"
    assert last["metadata"]["status"] == 424
    assert last["response"]["error"] == [{"code": 2017, "message": "the response was stopped by a review"}]
    assert "Hello" not in str(gateway.told)
    assert gateway.ended.fault == Stopped().fault
    assert gateway.ended.by is Side.GATEWAY
    assert len(gateway.reviews) == 1


@pytest.mark.parametrize("mode", ["raw", "events"])
def test_a_stop_in_a_stream_ends_it_with_an_error(mode: str) -> None:
    fault = Fault(FaultKind.RESPONSE_STOPPED, Side.GATEWAY, "not for you")

    def reviewer(review: Review) -> Answer:
        return Stopped(fault) if any("bad" in passage.text for passage in review.passages) else Released()

    stream = MockResponse.sse(text_chunk("good"), Wait(1), text_chunk("bad"), Wait(1), text_chunk("more"), "[DONE]")
    gateway = ReviewedGateway([stream, chat("never")], reviewer)
    gateway.create(mode=mode, steps=[CHAT, CHAT])
    gateway.advance(10)
    assert gateway.text == "good"
    assert gateway.kinds[-1] == "error"
    error = gateway.told[-1]["error"]
    assert (error["code"], error["kind"], error["message"]) == (2017, "response_stopped", "not for you")
    assert not error["retryable"]
    assert ("event" in gateway.kinds) is (mode == "events")
    if mode == "events":
        assert gateway.told[-2]["event"]["type"] == "response.failed"
    assert len(gateway.provider.requests) == 1, "a stop is final"
    assert gateway.ended.fault == fault
    assert gateway.gateway.snapshot()["exchanges"] == 0


def test_a_stop_cancels_the_provider() -> None:
    closed = []

    def body() -> Any:
        try:
            yield b'data: {"choices":[{"index":0,"delta":{"content":"bad"}}]}\n\n'
            yield Wait(1000)
        finally:
            closed.append(True)

    gateway = ReviewedGateway([MockResponse(200, body(), {"content-type": "text/event-stream"})], lambda _: Stopped())
    gateway.create()
    assert closed


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Unavailable(), FaultKind.NOT_REVIEWED),
        (Released(()), FaultKind.NOT_REVIEWED),
        (Released(("a", "b")), FaultKind.NOT_REVIEWED),
    ],
)
def test_no_right_answer_stops(answer: Answer, kind: FaultKind) -> None:
    gateway = ReviewedGateway([chat("Hello")], lambda review: answer)
    gateway.create()
    assert gateway.kinds == ["created"]
    assert gateway.told[-1]["metadata"]["status"] == 503
    assert gateway.told[-1]["response"]["error"][0]["code"] == 7013
    assert gateway.ended.fault is not None
    assert gateway.ended.fault.kind is kind


def test_no_answer_by_the_deadline_stops() -> None:
    gateway = ReviewedGateway([chat("Hello")], None)
    gateway.create()
    gateway.advance(6.9)
    assert gateway.told == []
    gateway.advance(0.2)
    assert gateway.told[-1]["metadata"]["status"] == 503
    gateway.reply(Released())
    assert gateway.kinds == ["created"]


def test_nothing_is_read_on_during_a_review() -> None:
    read = []

    def body() -> Any:
        for number in range(50):
            read.append(number)
            yield b'data: {"choices":[{"index":0,"delta":{"content":"%d,"}}]}\n\n' % number

    gateway = ReviewedGateway([MockResponse(200, body(), {"content-type": "text/event-stream"})], None)
    gateway.create()
    gateway.advance(3)
    assert gateway.told == []
    assert len(read) < 5
    while gateway.open:
        gateway.reply(Released())
    assert gateway.kinds[-1] == "done"
    assert gateway.text == "".join(f"{number}," for number in range(50))


def test_the_window_counts_chunks_and_bytes_and_time() -> None:
    apart = [piece for text in "abcdef" for piece in (text_chunk(text), Wait(0.01))]
    for window, parts in (
        (ReviewWindow(), ["a", "b", "c", "d", "e", "f", ""]),
        (ReviewWindow(chunks=4), ["abcd", "ef"]),
        (ReviewWindow(chunks=100, bytes=200), ["abc", "def", ""]),
        (ReviewWindow(chunks=100, wait_ms=25), ["abc", "def", ""]),
        (ReviewWindow(chunks=100, wait_ms=0), ["a", "b", "c", "d", "e", "f", ""]),
        (ALL_AT_ONCE, ["abcdef"]),
    ):
        with ReviewedGateway([MockResponse.sse(*apart, finish_chunk(), "[DONE]")], window=window) as gateway:
            gateway.create()
            gateway.advance(5)
            asked = ["".join(passage.text for passage in review.passages) for review in gateway.reviews]
            assert asked == parts, window
            assert gateway.reviews[-1].last is (window.wait_ms > 0), "the end is known, unless it comes alone"
            assert gateway.text == "abcdef"


def test_what_came_before_a_break_is_reviewed_too() -> None:
    stream = MockResponse.sse(text_chunk("a"), Wait(0.01), text_chunk("b"), Break())
    gateway = ReviewedGateway([stream], shouting, window=ReviewWindow(chunks=2))
    gateway.create()
    gateway.advance(1)
    assert gateway.text == "AB"
    assert gateway.told[-1]["error"]["kind"] == "connection_lost"


def test_an_error_of_the_provider_is_reviewed_with_its_part() -> None:
    stream = MockResponse.sse(
        text_chunk("a"), {"error": {"message": "overloaded", "type": "server_error"}}, text_chunk("b")
    )
    gateway = ReviewedGateway([stream], None, window=ALL_AT_ONCE)
    gateway.create()
    assert gateway.told == []
    (review,) = gateway.reviews
    assert [type(event) for event in review.events] == [ResponseStarted, TextDelta, ResponseFailed]
    assert review.last
    gateway.reply(Released())
    assert gateway.kinds == ["created", "stream", "stream", "error"]
    assert gateway.told[-1]["error"]["message"] == "overloaded"


@pytest.mark.parametrize("mode", ["raw", "events"])
def test_a_step_that_fails_before_its_content_is_followed_by_the_next(mode: str) -> None:
    failed = MockResponse.sse({"error": {"message": "no", "type": "server_error"}})
    with ReviewedGateway([failed, chat("yes")]) as gateway:
        gateway.create(mode=mode, steps=[CHAT, CHAT])
        assert gateway.text == "yes"
        assert [review.step for review in gateway.reviews if review.passages] == [1]


@pytest.mark.parametrize("status", [200, 401, 500])
def test_a_whole_response_is_reviewed_whatever_its_status(status: int) -> None:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}}], "note": "Hello"}
    with ReviewedGateway([MockResponse.json(body, status=status)], shouting) as gateway:
        gateway.create()
        (review,) = gateway.reviews
        assert (review.form, review.last, review.status) == ("whole", True, status)
        assert [json.loads(data) for data in review.data] == [body]
        assert review.passages == ((Passage("text", "Hello"),) if status == 200 else ())
        shown = gateway.told[-1]["response"]
        assert shown["choices"][0]["message"]["content"] == ("HELLO" if status == 200 else "Hello")
        assert gateway.told[-1]["metadata"]["status"] == status


def test_a_whole_response_that_is_stopped() -> None:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}}]}
    gateway = ReviewedGateway([MockResponse.json(body)], lambda review: Stopped())
    gateway.create()
    assert gateway.told[-1]["metadata"]["status"] == 424
    assert "Hello" not in str(gateway.told)


def test_a_response_without_a_body_is_not_asked_about() -> None:
    with ReviewedGateway([MockResponse(204)], lambda review: Stopped()) as gateway:
        gateway.create()
        assert gateway.reviews == []
        assert gateway.told[-1]["metadata"]["status"] == 204


def test_errors_of_the_gateway_are_its_own() -> None:
    with ReviewedGateway([MockResponse(200, [Break()], {"content-type": "text/event-stream"})]) as gateway:
        gateway.create()
        assert gateway.reviews == []
        assert gateway.told[-1]["metadata"]["status"] == 502


@pytest.mark.parametrize("whole", [False, True])
def test_a_cancel_during_a_review(whole: bool) -> None:
    response = MockResponse.json({"choices": []}) if whole else chat("Hello")
    gateway = ReviewedGateway([response], None)
    gateway.create()
    gateway.client.send('{"type":"universal.cancel","eventId":"e"}')
    gateway.reply(Released())
    assert gateway.kinds == ["cancelled"]
    assert gateway.ended.how == "cancelled"


@pytest.mark.parametrize("whole", [False, True])
def test_a_timeout_during_a_review(whole: bool) -> None:
    response = MockResponse.json({"choices": []}) if whole else chat("Hello")
    gateway = ReviewedGateway([response], None)
    gateway.create(totalTimeout=2000)
    gateway.advance(3)
    assert gateway.kinds == ["created"]
    assert gateway.told[-1]["metadata"]["status"] == 504
    assert "Hello" not in str(gateway.told)


def test_a_client_that_leaves_takes_the_question_along() -> None:
    gateway = ReviewedGateway([chat("Hello")], None)
    gateway.create()
    gateway.client.close()
    gateway.reply(Released())
    assert gateway.ended.how == "gone"
    assert gateway.gateway.snapshot()["exchanges"] == 0


def test_each_choice_and_each_call_is_a_passage() -> None:
    call = {"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": '{"a":'}}
    more = {"index": 0, "function": {"arguments": "1}"}}
    stream = MockResponse.sse(
        text_chunk("a"),
        text_chunk("x", 1),
        text_chunk("b"),
        {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [more]}}]},
        {"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]},
        finish_chunk(),
        "[DONE]",
    )

    def reviewer(review: Review) -> Answer:
        return Released(tuple(f"<{passage.text}>" for passage in review.passages))

    with ReviewedGateway([stream], reviewer, window=ALL_AT_ONCE) as gateway:
        gateway.create(mode="both")
        (review,) = gateway.reviews
        assert review.passages == (
            Passage("text", "ab"),
            Passage("text", "x", 1),
            Passage("arguments", '{"a":1}', 0, 0),
            Passage("reasoning", "hm"),
        )
        raw = [message["response"] for message in gateway.told if message["type"] == "universal.stream"]
        deltas = [choice["delta"] for chunk in raw for choice in chunk["choices"]]
        assert [delta["content"] for delta in deltas if "content" in delta] == ["<ab>", "<x>", ""]
        calls = [delta["tool_calls"][0]["function"]["arguments"] for delta in deltas if "tool_calls" in delta]
        assert calls == ['<{"a":1}>', ""]
        events = [message["event"] for message in gateway.told if message["type"] == "universal.event"]
        assert [event.get("text") for event in events if event["type"] == "text.delta"] == ["<ab>", "<x>"]
        assert [event["text"] for event in events if event["type"] == "reasoning.delta"] == ["<hm>"]


def test_lifecycle_chunks_that_are_too_many_begin_a_review() -> None:
    ping = {"id": "c", "object": "chat.completion.chunk", "choices": [], "filler": "x" * 300}
    stream = MockResponse.sse(*[ping] * 10, text_chunk("a"), finish_chunk(), "[DONE]")
    with ReviewedGateway([stream], limits=Limits(held_bytes=1024), window=ReviewWindow(bytes=600)) as gateway:
        gateway.create()
        assert len(gateway.reviews) >= 2
        assert gateway.reviews[0].passages == ()
        assert gateway.text == "a"


def body_of(*pieces: bytes) -> MockResponse:
    return MockResponse(200, list(pieces), {"content-type": "text/event-stream"})


def event_of(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def test_an_event_without_an_end_is_reviewed_before_the_response_ends() -> None:
    stream = body_of(event_of(text_chunk("a")), event_of(text_chunk("b")).strip())
    with ReviewedGateway([stream], shouting) as gateway:
        gateway.create()
        assert gateway.text == "AB"
        assert gateway.kinds[-1] == "done"


def test_what_comes_behind_an_error_is_not_read() -> None:
    error = {"error": {"message": "overloaded", "type": "server_error"}}
    stream = body_of(event_of(text_chunk("a")) + event_of(error) + event_of(text_chunk("b")) + b"data: [DONE]\n\n")
    gateway = ReviewedGateway([stream], None)
    gateway.create()
    gateway.reply(Released())
    assert gateway.kinds == ["created", "stream", "stream", "error"]
    assert not gateway.open


def test_a_stream_that_says_nothing_is_no_response() -> None:
    with ReviewedGateway([MockResponse.sse("[DONE]"), chat("yes")]) as gateway:
        gateway.create(steps=[CHAT, CHAT])
        assert gateway.text == "yes"


@pytest.mark.parametrize("mode", ["raw", "events"])
def test_a_stream_of_nothing_but_its_end(mode: str) -> None:
    with ReviewedGateway([MockResponse.sse(finish_chunk(), "[DONE]")]) as gateway:
        gateway.create(mode=mode)
        assert gateway.kinds[0] == "created"
        assert gateway.kinds[-1] == "done"
        assert len(gateway.reviews) == (mode == "raw"), "an end has no words"


def test_a_timeout_between_two_reviews() -> None:
    gateway = ReviewedGateway([MockResponse.sse(text_chunk("a"), Wait(1000))])
    gateway.create(totalTimeout=2000)
    gateway.advance(3)
    assert gateway.kinds == ["created", "stream", "error"]
    assert gateway.told[-1]["error"]["kind"] == "total_timeout"


def test_a_drain_during_a_review() -> None:
    gateway = ReviewedGateway([chat("Hello")], None, window=ALL_AT_ONCE)
    gateway.create()
    gateway.call(gateway.gateway.drain)
    gateway.reply(Released())
    assert gateway.text == "Hello"
    assert "done" in gateway.kinds


def test_the_texts_that_are_kept_count_as_memory() -> None:
    gateway = ReviewedGateway([MockResponse.sse(text_chunk("a" * 500), Wait(1000))])
    gateway.create()
    (exchange,) = [one for one in gc.get_objects() if isinstance(one, ReviewedExchange) and not one.ended]
    assert 500 <= exchange.kept <= 1000
    gateway.client.close()
    assert exchange.kept == 0


def test_a_translated_body_is_written_with_other_texts() -> None:
    body = {"id": "m", "model": "m", "role": "assistant", "content": [{"type": "text", "text": "Hello"}]}
    whole = MockResponse.json({**body, "type": "message", "usage": {"input_tokens": 1, "output_tokens": 1}})

    def other(review: Review) -> Answer:
        return Released(("Bye",) * len(review.passages))

    with ReviewedGateway([whole], other) as gateway:
        gateway.create(steps=[("compat", "chat/completions")])
        assert gateway.told[-1]["response"]["choices"][0]["message"]["content"] == "Bye"


@pytest.mark.parametrize("mode", ["raw", "events"])
def test_a_record_has_the_providers_own_words(mode: str) -> None:
    more = {"text": "in another form"} if mode == "events" else {}  # nobody sees it
    stream = MockResponse.sse({**text_chunk("in pieces"), **more}, finish_chunk(), "[DONE]")
    with ReviewedGateway([stream], shouting) as gateway:
        gateway.create(mode=mode, headers={"cf-aig-collect-log": "true", "cf-aig-collect-log-payload": "true"})
        payload = gateway.ended.payload
        assert payload is not None
        assert payload.response is not None
        assert "in pieces" in payload.response
        assert "in pieces" not in str(gateway.told)
        assert gateway.text == "IN PIECES"


def test_a_record_has_a_whole_response_as_the_provider_wrote_it() -> None:
    with ReviewedGateway([MockResponse.json({"choices": [{"message": {"content": "Hello"}}]})], shouting) as gateway:
        gateway.create(headers={"cf-aig-collect-log": "true", "cf-aig-collect-log-payload": "true"})
        payload = gateway.ended.payload
        assert payload is not None
        assert payload.response == '{"choices":[{"message":{"content":"Hello"}}]}'
        assert gateway.told[-1]["response"] == {"choices": [{"message": {"content": "HELLO"}}]}


def test_what_is_kept_is_reviewed_each_time() -> None:
    body = event_of(text_chunk("Hello")) + event_of(finish_chunk()) + b"data: [DONE]\n\n"
    kept = KeptResponse(((b"content-type", b"text/event-stream"),), body)
    with ReviewedGateway([], shouting, kept=kept) as gateway:
        for name in ("a", "b"):
            gateway.create(name)
        assert gateway.text == "HELLOHELLO"
        assert [
            message["metadata"]["cacheStatus"] for message in gateway.told if message["type"] == "universal.done"
        ] == [
            "HIT",
            "HIT",
        ]
        assert len(gateway.reviews) == 2
