"""What a client of Responses over WebSocket is told of one exchange."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import JSON
from tests.reading.responses_messages import OPEN, SDK, needs_schemas, one_response, valid
from tests.rigs.responses_encoder import LOST, PROGRESS, chunk, encoder, request, stream, told, told_whole

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.config import Limits
from aigw_sansio.dialects.responses.told import Outcome
from aigw_sansio.events import ProviderEvent, TextDelta, UsageReported
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.faults import Denial, Fault, FaultKind, Side

RESPONSE = {
    "id": "resp_p",
    "object": "response",
    "created_at": 1_796_000_001,
    "model": "gpt-6-astra-1",
    "status": "in_progress",
}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
           "content": [{"type": "output_text", "text": "Hi you", "annotations": [], "logprobs": []}]}  # fmt: skip
USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


def delta(text: str, number: int = 7) -> Chunk:
    place = '"item_id":"msg_1","output_index":0,"content_index":0'
    head = '{"type":"response.output_text.delta","sequence_number":'
    return Chunk(f'{head}{number},{place},"delta":{json.dumps(text)},"logprobs":[]}}'.encode())


def event(kind: str, **members: object) -> Chunk:
    return chunk({"type": f"response.{kind}", "sequence_number": 40, **members})


BEGUN = [event("created", response=RESPONSE), event("in_progress", response=RESPONSE)]
ITEM = [
    event("output_item.added", output_index=0, item={**MESSAGE, "status": "in_progress", "content": []}),
    event("content_part.added", item_id="msg_1", output_index=0, content_index=0, part={"type": "output_text", "text": "", "annotations": [], "logprobs": []}),
    delta("Hi "),
    delta("you"),
    event("output_text.done", item_id="msg_1", output_index=0, content_index=0, text="Hi you", logprobs=[]),
    event("content_part.done", item_id="msg_1", output_index=0, content_index=0, part=MESSAGE["content"][0]),
    event("output_item.done", output_index=0, item=MESSAGE),
]  # fmt: skip
DONE = event("completed", response={**RESPONSE, "status": "completed", "output": [MESSAGE], "usage": USAGE})
TURN = [*BEGUN, *ITEM, DONE]


def read(messages: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(message) for message in messages]


def kinds(messages: list[bytes]) -> list[str]:
    return [message["type"] for message in read(messages)]


@needs_schemas
@pytest.mark.parametrize("stream_id", [None, "main", "a.b-c_D"])
def test_a_turn_is_numbered_from_0_and_each_event_names_its_lane(stream_id: str | None) -> None:
    made = encoder(stream_id, previous_response_id="resp_before", store=True)
    messages = told(made, TURN)
    response = one_response(valid(messages), stream_id=stream_id)
    assert (response["id"], response["model"], response["created_at"]) == ("resp_p", "gpt-6-astra-1", 1_796_000_001)
    assert (response["previous_response_id"], response["store"], response["background"]) == ("resp_before", True, False)
    details = {"input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}}
    assert response["usage"] == {**USAGE, **details, "output_tokens_details": {"reasoning_tokens": 0}}
    assert made.outcome == Outcome("completed", "resp_p", "resp_p", msgspec.json.encode([MESSAGE]))
    assert made.made == len(messages)
    assert made.held == 0


def test_a_delta_is_copied_with_its_number_and_lane_alone() -> None:
    said = [
        b'{"type":"response.output_text.delta","sequence_number":90,"obfuscation":"x\\ud83d","delta":"\\u00e9","n":1.0}',
        b' {"type": "response.function_call_arguments.delta", "delta":"{\\"type\\":1}"}\n',
    ]
    messages = told(encoder("main"), [*BEGUN, delta("a"), *map(Chunk, said)], end=LOST)
    assert messages[3:5] == [
        b'{"type":"response.output_text.delta","sequence_number":3,"stream_id":"main","obfuscation":"x\\ud83d","delta":"\\u00e9","n":1.0}',
        b'{"type":"response.function_call_arguments.delta","sequence_number":4,"stream_id":"main","delta":"{\\"type\\":1}"}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        {"sequence_number": 3, "delta": "x", "type": "response.output_text.delta"},
        {"type": "response.output_text.delta", "delta": "x", "sequence_number": 3},
        {"type": "response.output_text.delta", "sequence_number": 3, "delta": "x", "stream_id": "other"},
        {"type": "response.output_text.delta", "sequence_number": "3", "delta": "x"},
    ],
)
def test_a_delta_written_in_another_way_has_the_same_number_and_lane(said: dict[str, object]) -> None:
    told_one = read(told(encoder("main"), [*BEGUN, delta("a"), chunk(said)], end=LOST))[3]
    assert told_one == {"type": said["type"], "delta": "x", "sequence_number": 3, "stream_id": "main"}


def test_members_and_events_that_nobody_knows_are_kept() -> None:
    more = event("new_kind.happened", value=[1.50, {"a": None}])
    plain = chunk({"type": "keepalive", "sequence_number": 2, "at": 1})
    end = event(
        "completed", response={**RESPONSE, "status": "completed", "output": [MESSAGE], "new": 1}, beside={"b": 2}
    )
    messages = read(told(encoder(), [*BEGUN, *ITEM, more, plain, end]))
    assert messages[-3] == {"type": "response.new_kind.happened", "sequence_number": 9, "value": [1.5, {"a": None}]}
    assert messages[-2] == {"type": "keepalive", "sequence_number": 10, "at": 1}
    assert messages[-1]["beside"] == {"b": 2}
    assert messages[-1]["response"]["new"] == 1


def test_what_has_no_type_is_not_shown_and_the_name_of_an_event_is_one() -> None:
    named = Chunk(b'{"output_index":0,"delta":"x"}', event="response.output_text.delta")
    strange = [Chunk(b'{"a":1}'), Chunk(b"[1]"), Chunk(b"no json"), Chunk(b'{"type":5}'), Chunk(b'{"type":""}'), Chunk(b'{"a":1}', event="x")]  # fmt: skip
    messages = read(told(encoder(), [*BEGUN, *ITEM, *strange, named, DONE]))
    one_response(messages)
    assert len(messages) == len(TURN) + 1
    assert messages[-2] == {"type": "response.output_text.delta", "sequence_number": 9, "output_index": 0, "delta": "x"}


@needs_schemas
@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_the_first_two_events_are_made_if_the_provider_leaves_them_out(left_out: int) -> None:
    begun = [BEGUN[:0], BEGUN[:1], BEGUN[1:]][left_out]
    response = one_response(valid(told(encoder(), [*begun, *ITEM, DONE])))
    assert response["output"] == [MESSAGE]


def test_beginnings_are_told_once_and_queued_stays() -> None:
    queued = event("queued", response={**RESPONSE, "status": "queued"})
    messages = read(told(encoder(), [queued, *BEGUN, BEGUN[0], *ITEM, DONE]))
    assert [one["type"] for one in messages[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert [one["response"]["status"] for one in messages[:3]] == ["in_progress", "queued", "in_progress"]
    assert len(messages) == len(TURN) + 1


@needs_schemas
@pytest.mark.parametrize("output", [None, [], "?", "text"])
def test_the_output_is_put_together_from_its_items_if_the_provider_leaves_it_out(output: object) -> None:
    last = {**RESPONSE, "status": "completed", "usage": USAGE}
    end = event("completed", response=last if output == "?" else {**last, "output": output})
    other = {"id": "rs_1", "type": "reasoning", "summary": []}
    late = [event("output_item.done", output_index=1, item=other), *ITEM]  # the second item is done first
    made = encoder()
    response = one_response(valid(told(made, [*BEGUN, *late, end])))
    assert response["output"] == [MESSAGE, other]
    assert made.outcome is not None
    assert json.loads(made.outcome.output) == [MESSAGE, other]


def test_items_without_an_index_come_in_their_order() -> None:
    items = [event("output_item.done", item={"type": "reasoning", "id": f"rs_{number}"}) for number in range(3)]
    end = event("completed", response=RESPONSE)
    last = read(told(encoder(), [*BEGUN, delta("x"), *items, end]))[-1]
    assert [item["id"] for item in last["response"]["output"]] == ["rs_0", "rs_1", "rs_2"]


def test_more_output_than_may_be_kept_fails_only_if_the_provider_leaves_it_out() -> None:
    made = encoder(most=100)
    assert one_response(read(told(made, TURN)))["output"] == [MESSAGE]
    bare = event("completed", response={**RESPONSE, "status": "completed"})
    made = encoder(most=100)
    response = one_response(read(told(made, [*BEGUN, *ITEM, ITEM[-1], bare])))
    assert response["error"] == {"code": "server_error", "message": "the provider left out its output, which has more than 100 bytes"}  # fmt: skip
    assert made.outcome == Outcome("failed", "resp_p", "resp_p", b"[]")


@needs_schemas
@pytest.mark.parametrize(
    ("kind", "status", "shown"),
    [
        ("incomplete", "incomplete", "incomplete"),
        ("done", "completed", "completed"),
        ("done", "incomplete", "incomplete"),
        ("done", "failed", "failed"),
        ("cancelled", "cancelled", "failed"),
        ("completed", "in_progress", "completed"),
        ("failed", "failed", "failed"),
    ],
)
def test_every_end_is_one_of_three(kind: str, status: str, shown: str) -> None:
    last = {**RESPONSE, "status": status, "output": [MESSAGE], "incomplete_details": {"reason": "max_output_tokens"}}
    made = encoder()
    response = one_response(valid(told(made, [*BEGUN, *ITEM, event(kind, response=last)])))
    assert response["status"] == shown
    assert made.outcome is not None
    assert made.outcome.status == shown
    if shown == "failed":
        assert response["error"] == {"code": "server_error", "message": f"the provider ended its response: {status}"}


def test_nothing_follows_the_terminal_event() -> None:
    made = encoder()
    messages = told(made, [*TURN, delta("more"), BEGUN[0], DONE])
    assert kinds(messages)[-1] == "response.completed"
    assert made.texts([b'{"type":"response.output_text.delta","sequence_number":1,"delta":"x"}'], []) == []
    assert made.life_sign() == []
    assert made.failed(stream(), LOST, PROGRESS, None) == []


# -- failures ---------------------------------------------------------------------------------------------------------


@needs_schemas
def test_a_provider_that_dies_after_the_start_fails_the_response_with_what_was_done() -> None:
    made = encoder("main")
    messages = told(made, [*BEGUN, *ITEM, delta("lost")], end=LOST)
    response = one_response(valid(messages), stream_id="main")
    assert response["error"] == {
        "code": "server_error",
        "message": "the connection was lost",
        "type": "connection_lost",
    }
    assert response["output"] == [MESSAGE]
    assert response["usage"] is None
    assert made.outcome == Outcome("failed", "resp_p", "resp_p", b"[]")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"type": "error", "code": "context_length_exceeded", "message": "too long", "param": "input"},
         {"code": "context_length_exceeded", "message": "too long", "param": "input"}),
        ({"type": "error", "error": {"type": "server_error", "code": "slow_down", "message": "wait"}},
         {"code": "slow_down", "message": "wait", "type": "server_error"}),
        ({"error": {"message": "bare", "type": "api_error"}},
         {"code": "server_error", "message": "bare", "type": "api_error"}),
        ({"type": "response.error", "message": "odd"}, {"code": "server_error", "message": "odd"}),
    ],
)  # fmt: skip
def test_an_error_in_a_stream_fails_the_response_with_the_providers_own_code(said: object, error: object) -> None:
    response = one_response(read(told(encoder(), [*BEGUN, delta("x"), chunk(said), delta("behind")])))
    assert response["error"] == error


@needs_schemas
def test_an_error_that_is_text_fails_the_response() -> None:
    made = encoder()
    messages = told(made, [*BEGUN, delta("x"), Chunk(b"overloaded", event="error", failed=True)])
    assert one_response(valid(messages))["error"]["message"] == "overloaded"


def test_a_failure_that_the_provider_tells_is_its_own() -> None:
    error = {"code": "rate_limit_exceeded", "message": "Slow down", "own": 1}
    last = event("failed", response={**RESPONSE, "status": "failed", "error": error})
    assert one_response(read(told(encoder(), [*BEGUN, delta("x"), last])))["error"] == error
    nameless = event("failed", response={**RESPONSE, "error": {"type": "weird", "message": "no"}})
    assert one_response(read(told(encoder(), [*BEGUN, delta("x"), nameless])))["error"]["code"] == "weird"


@needs_schemas
def test_a_stream_without_an_end_has_failed() -> None:
    response = one_response(valid(told(encoder(), [*BEGUN, *ITEM])))
    assert response["error"]["message"] == "the response ended without a finish reason: it may be incomplete"


@needs_schemas
@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, {"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "Limit", "param": None, "own": [1]}},
         {"type": "tokens", "code": "rate_limit_exceeded", "message": "Limit", "param": None, "own": [1]}),
        (400, {"error": {"type": "invalid_request_error", "code": None, "message": "Bad model", "param": "model"}},
         {"type": "invalid_request_error", "code": "invalid_request_error", "message": "Bad model", "param": "model"}),
        (429, {"error": {"code": 429, "message": "Many"}},
         {"type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "Many", "param": None}),
        (401, {"detail": "No key"},
         {"type": "authentication_error", "code": "invalid_api_key", "message": "No key", "param": None}),
        (503, "nothing", {"type": "server_error", "code": "overloaded", "message": "nothing", "param": None}),
        (302, {}, {"type": "server_error", "code": None, "message": "status 302", "param": None}),
        (500, {"error": {"type": 5, "message": ""}}, {"type": "server_error", "code": None, "message": "error without a message", "param": None}),
    ],
)  # fmt: skip
def test_an_error_before_the_start_is_one_message(status: int, body: object, error: dict[str, Any]) -> None:
    made = encoder("main")
    [message] = valid(
        told_whole(made, msgspec.json.encode(body), status=status),
        schemas=[SDK] if error["code"] is None else [OPEN, SDK],
    )
    shown = {key: value for key, value in message["error"].items() if key not in ("headers", "provider")}
    assert shown == error
    assert message["error"]["headers"] == {"retry-after": "7"}
    assert (message["status"], message["stream_id"]) == (max(status, 502) if status == 302 else status, "main")
    assert made.outcome == Outcome("error", "resp_own", None, b"[]")
    assert made.response_id is None


def test_an_error_before_the_first_content_throws_away_what_was_made() -> None:
    bare = Chunk(b'{"error":{"message":"no capacity","type":"server_error"}}')
    made = encoder()
    [message] = read(told(made, [*BEGUN, bare]))
    assert (message["type"], message["status"], message["error"]["message"]) == ("error", 502, "no capacity")
    again = one_response(read(told(encoder(), TURN)))
    assert again["id"] == "resp_p"


def test_an_end_that_was_not_sent_is_thrown_away() -> None:
    made = encoder()
    made.attempt(0)
    made.chunk(stream(), event("completed", response={**RESPONSE, "output": []}), [])
    assert made.outcome is not None
    response = one_response(read(told(made, TURN)))
    assert response["output"] == [MESSAGE]


def test_another_attempt_begins_anew() -> None:
    made = encoder()
    response = stream()
    first = {**RESPONSE, "id": "resp_first", "model": "other"}
    made.attempt(0)
    made.chunk(response, event("created", response=first), [])
    made.chunk(response, event("output_item.done", output_index=5, item={"type": "reasoning"}), [])
    assert made.held > 0
    told_response = one_response(read(told(made, TURN)))
    assert (told_response["id"], told_response["model"]) == ("resp_p", "gpt-6-astra-1")
    assert told_response["output"] == [MESSAGE]


@needs_schemas
@pytest.mark.parametrize(
    ("fault", "status", "code", "message", "param"),
    [
        (Fault(FaultKind.INVALID_REQUEST, Side.CLIENT, "request.query.model is missing"), 400, "invalid_request", "model is missing", "model"),
        (Fault(FaultKind.UNKNOWN_PROVIDER, Side.CLIENT, "nobody is acme"), 400, "model_not_found", "nobody is acme", None),
        (Fault(FaultKind.OVERLOADED, Side.GATEWAY, "full", retryable=True), 503, "server_is_overloaded", "full", None),
        (Denial(FaultKind.RATE_LIMITED, Side.GATEWAY, "wait", status=429, code=2003, retry_after_s=1.5), 429, "rate_limit_exceeded", "wait", None),
        (LOST, 502, "connection_lost", "the connection was lost", None),
    ],
)  # fmt: skip
def test_a_fault_before_the_start_is_one_message(
    fault: Fault, status: int, code: str, message: str, param: str | None
) -> None:
    made = encoder()
    [shown] = valid(made.refused(fault, PROGRESS, None))
    error = shown["error"]
    assert (shown["status"], error["code"], error["message"], error["param"]) == (status, code, message, param)
    assert error.get("headers") == ({"retry-after": "2"} if isinstance(fault, Denial) else None)
    assert "stream_id" not in shown


@needs_schemas
def test_a_cancelled_response_ends_as_far_as_it_was_shown() -> None:
    made = encoder("main")
    [shown] = valid(made.cancelled(None, PROGRESS, None))
    assert (shown["status"], shown["error"]["code"], shown["stream_id"]) == (499, "cancelled", "main")
    made = encoder()
    made.attempt(0)
    uncommitted = made.chunk(stream(), BEGUN[0], [])
    assert kinds(uncommitted) == ["response.created"]
    assert kinds(made.cancelled(None, PROGRESS, None)) == ["error"]
    made = encoder()
    begun = made.life_sign()
    response = one_response(valid([*begun, *made.cancelled(None, PROGRESS, None)]))
    assert response["error"] == {"code": "server_error", "message": "the response was cancelled", "type": "cancelled"}


def test_a_response_that_is_cancelled_in_the_middle_fails() -> None:
    made = encoder()
    response = stream()
    made.attempt(0)
    begun = made.chunk(response, BEGUN[0], []) + made.begin(response, PROGRESS)
    ended = read([*begun, *made.cancelled(response, PROGRESS, UsageReported(1, 2))])
    assert one_response(ended)["usage"]["total_tokens"] == 3


def test_the_gateways_keys_are_in_no_event() -> None:
    made = encoder()
    response = ProviderResponse(
        200, [(b"content-type", b"text/event-stream")], format="openai-responses", limits=Limits(), array_stream=False,
        keys=(b"sk-secret-0123456789",),
    )  # fmt: skip
    made.begin(response, PROGRESS)
    said = [*BEGUN, delta("a sk-secret-0123456789 b"), delta("c"), chunk({"type": "x", "key": "sk-secret-0123456789"})]
    messages: list[bytes] = []
    for one in said:
        more, failed = made.chunks(response, response.next_chunks(b"data: " + one.data + b"\n\n"))
        assert failed is None
        messages += more
    assert len(messages) == len(said)
    assert b"sk-secret" not in b"".join(messages)
    assert read(messages)[3]["delta"] == "c"


# -- whole responses --------------------------------------------------------------------------------------------------

ALL_ITEMS: list[dict[str, Any]] = [
    {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Think"}], "encrypted_content": "gA"},
    {"id": "rs_2", "type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Aloud"}]},
    {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "f", "arguments": "{}"},
    {"id": "ctc_1", "type": "custom_tool_call", "status": "completed", "call_id": "call_2", "name": "c", "input": "free"},
    {**MESSAGE, "content": [*MESSAGE["content"], {"type": "refusal", "refusal": "No"}]},  # type: ignore[misc]
    {**MESSAGE, "id": "msg_2", "content": [{"type": "output_text", "text": "", "annotations": [
        {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 0}]}]},
    {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}},
]  # fmt: skip


@needs_schemas
def test_a_whole_response_is_told_as_a_stream() -> None:
    body = {**RESPONSE, "status": "completed", "output": ALL_ITEMS, "usage": USAGE, "incomplete_details": None}
    made = encoder("main")
    messages = read(told_whole(made, msgspec.json.encode(body)))
    own = [
        one for one in messages if '"web_search_call"' not in json.dumps(one) and "custom_tool" not in json.dumps(one)
    ]
    valid([msgspec.json.encode(one) for one in own if "response" not in one])
    valid([msgspec.json.encode(one) for one in messages], schemas=["openai-sdk"])
    response = one_response(messages, stream_id="main")
    assert response["output"] == ALL_ITEMS
    assert messages[0]["response"]["output"] == []
    assert messages[0]["response"]["usage"] is None
    assert [one["type"][9:] for one in messages if one.get("output_index") == 4] == [
        "output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done",
        "content_part.added", "refusal.delta", "refusal.done", "content_part.done", "output_item.done",
    ]  # fmt: skip
    assert made.outcome is not None
    assert json.loads(made.outcome.output) == ALL_ITEMS


def test_parts_without_text_have_no_deltas() -> None:
    empty = [
        {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": ""},
        {
            "id": "rs_1",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": ""}],
            "content": [{"text": ""}],
        },
        {**MESSAGE, "content": [{"type": "refusal", "refusal": ""}, {"type": "output_audio", "data": ""}]},
    ]
    messages = read(told_whole(encoder(), msgspec.json.encode({**RESPONSE, "status": "completed", "output": empty})))
    assert one_response(messages)["output"] == empty
    assert not [one["type"] for one in messages if one["type"].endswith(".delta")]
    assert [one["part"] for one in messages if one["type"] == "response.content_part.added"] == empty[2]["content"]


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"output":[],"status":"in_progress"}', b"text", b""])
def test_what_is_no_response_that_has_ended_is_an_error(body: bytes) -> None:
    made = encoder()
    [message] = read(told_whole(made, body))
    assert message["type"] == "error"
    assert message["status"] in (500, 502)


@needs_schemas
def test_a_whole_response_may_be_incomplete_or_failed() -> None:
    body = {**RESPONSE, "status": "incomplete", "output": [MESSAGE], "incomplete_details": {"reason": "max_output_tokens"}}  # fmt: skip
    response = one_response(valid(told_whole(encoder(), msgspec.json.encode(body))))
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    failed = {**RESPONSE, "status": "failed", "output": [], "error": {"code": "server_error", "message": "broke"}}
    response = one_response(valid(told_whole(encoder(), msgspec.json.encode(failed))))
    assert response["error"] == {"code": "server_error", "message": "broke"}


@needs_schemas
def test_a_response_that_fails_before_its_first_content_was_one() -> None:
    """Clients decide by the code of its error what to do."""
    error = {"code": "context_length_exceeded", "message": "too long"}
    last = event("failed", response={**RESPONSE, "status": "failed", "error": error}, beside=1)
    made = encoder("main")
    messages = valid(told(made, [*BEGUN, last]), schemas=[OPEN])
    response = one_response(messages, stream_id="main")
    assert (response["id"], response["error"], messages[-1]["beside"]) == ("resp_p", error, 1)
    assert messages[0]["response"]["error"] is None
    assert made.outcome == Outcome("failed", "resp_p", "resp_p", b"[]")


# -- signs of life ----------------------------------------------------------------------------------------------------


@needs_schemas
def test_a_sign_of_life_begins_the_response_and_the_rest_goes_on_from_it() -> None:
    made = encoder("main", asked=request(model="acme/large", instructions="Be brief", store=True))
    assert made.response_id is None
    first = made.life_sign()
    assert made.response_id == "resp_own"
    second = made.life_sign()
    messages = valid([*first, *second, *told(made, TURN)])
    assert [one["type"] for one in messages[:4]] == ["response.created", "response.in_progress", "response.in_progress", "response.in_progress"]  # fmt: skip
    assert messages[0]["response"]["instructions"] == "Be brief"
    assert messages[0]["response"]["model"] == "acme/large"
    response = one_response(messages, stream_id="main")
    assert response["id"] == "resp_own"
    assert made.outcome is not None
    assert (made.outcome.response_id, made.outcome.provider_id) == ("resp_own", "resp_p")


def test_a_sign_of_life_waits_for_messages_that_are_not_sent() -> None:
    made = encoder()
    response = stream()
    made.attempt(0)
    made.chunk(response, BEGUN[0], [])
    assert made.life_sign() == []
    made.begin(response, PROGRESS)
    assert kinds(made.life_sign()) == ["response.in_progress"]
    assert kinds(made.chunk(response, BEGUN[1], [])) == ["response.in_progress"]
    assert kinds(made.life_sign()) == ["response.in_progress"]
    assert made.made == 4


@needs_schemas
def test_after_a_sign_of_life_every_failure_is_one_of_the_response() -> None:
    made = encoder()
    error = {"type": "tokens", "code": "rate_limit_exceeded", "message": "Limit"}
    messages = [*made.life_sign(), *told_whole(made, msgspec.json.encode({"error": error}), status=429)]
    response = one_response(valid(messages))
    assert (response["error"]["code"], response["error"]["message"]) == ("rate_limit_exceeded", "Limit")
    made = encoder()
    messages = [*made.life_sign(), *made.refused(LOST, PROGRESS, None)]
    assert one_response(valid(messages))["error"]["code"] == "server_error"


# -- translated, and heard --------------------------------------------------------------------------------------------


def test_what_was_translated_is_copied_but_for_the_response() -> None:
    made = encoder("main", previous_response_id="resp_before")
    made.attempt(0)
    begun = {"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "previous_response_id": None}}
    working = {**begun, "type": "response.in_progress", "sequence_number": 1}
    texts = [msgspec.json.encode(begun), msgspec.json.encode(working)]
    messages = made.texts(texts, []) + made.begin(stream(), PROGRESS)
    messages += made.texts([b'{"type":"response.output_item.done","sequence_number":2,"item":{}}'], [TextDelta("x")])
    assert made.held == 0  # its terminal event has the output
    assert messages[-1] == b'{"type":"response.output_item.done","sequence_number":2,"stream_id":"main","item":{}}'
    last = {"type": "response.completed", "sequence_number": 3, "response": {**RESPONSE, "output": [MESSAGE]}}
    messages += made.texts([b"{}", b'{"type":"response.other","x":1}', msgspec.json.encode(last)], [])
    response = read(messages)[-1]["response"]
    assert response["previous_response_id"] == "resp_before"
    assert read(messages)[-2] == {"type": "response.other", "x": 1, "sequence_number": 3, "stream_id": "main"}


def test_on_the_default_lane_what_was_translated_is_not_even_copied() -> None:
    made = encoder()
    made.attempt(0)
    made.texts([b'{"type":"response.created","response":{}}', b'{"type":"response.in_progress","response":{}}'], [])
    text = b'{"type":"response.output_text.delta","sequence_number":2,"delta":"x","logprobs":[]}'
    [same] = made.texts([text], [])
    assert same is text
    [other] = made.texts([text], [])
    assert other == text.replace(b":2,", b":3,")


def test_who_listens_hears_everything_and_the_client_sees_the_same() -> None:
    heard: list[ProviderEvent] = []
    made = encoder(listener=heard.extend)
    assert made.reads_everything
    assert told(made, TURN) == told(encoder(), TURN)
    assert [event for event in heard if type(event) is TextDelta] == [TextDelta("Hi "), TextDelta("you")]
    made.texts([], [TextDelta("more")])
    assert heard[-1] == TextDelta("more")


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 400, b"1e300"])
def test_numbers_that_no_value_can_hold_break_nothing(number: bytes) -> None:
    places = [
        b'{"created_at":%b}', b'{"usage":{"input_tokens":%b}}', b'{"error":{"code":%b}}', b'{"text":{"a":%b}}',
        b'{"reasoning":{"a":%b}}', b'{"output":[{"a":%b}]}', b'{"id":%b}', b'{"status":%b}',
    ]  # fmt: skip
    for place in places:
        end = Chunk(b'{"type":"response.done","sequence_number":1,"response":%b}' % (place % number))
        assert kinds(told(encoder(), [*BEGUN, delta("x"), end]))[-1].startswith("response.")
        assert kinds(told_whole(encoder(), (place % number)[:-1] + b',"output":[]}'))
    error = Chunk(b'{"type":"error","code":"c","message":"m","param":%b}' % number)
    assert kinds(told(encoder(), [*BEGUN, delta("x"), error]))[-1] == "response.failed"
    assert kinds(told_whole(encoder(), b'{"error":{"code":%b,"message":"m"}}' % number, status=400)) == ["error"]


# -- any input --------------------------------------------------------------------------------------------------------

KINDS = st.sampled_from(
    [json.loads(one.data)["type"] for one in TURN] + ["error", "response.failed", "response.done", "x"]
)
EVENTS = st.builds(lambda kind, more: {**more, "type": kind}, KINDS, st.dictionaries(st.sampled_from(["response", "item", "output_index", "delta", "error", "code"]), JSON))  # fmt: skip


@given(st.lists(st.one_of(EVENTS, JSON, st.sampled_from(TURN)), max_size=12), st.booleans())
def test_whatever_a_provider_sends_is_one_response_or_one_error(said: list[object], broken: bool) -> None:
    chunks = [one if isinstance(one, Chunk) else Chunk(json.dumps(one).encode()) for one in said]
    messages = read(told(encoder("main"), chunks, end=LOST if broken else None))
    assert all(type(message["type"]) is str for message in messages)
    if [message["type"] for message in messages] != ["error"]:
        numbers = [message["sequence_number"] for message in messages]
        assert numbers == list(range(len(messages)))
        assert [message["type"] for message in messages].count("response.created") == 1
        assert messages[-1]["type"] in ("response.completed", "response.incomplete", "response.failed")


@given(st.dictionaries(st.sampled_from([*RESPONSE, "usage", "tools", "text", "reasoning", "temperature", "metadata", "error", "truncation"]), st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.just("x"))))  # fmt: skip
def test_members_that_are_never_null_never_are(members: dict[str, object]) -> None:
    end = event("completed", response={**members, "output": []})
    last = read(told(encoder(), [*BEGUN, delta("x"), end]))[-1]["response"]
    for name in ("id", "object", "created_at", "model", "tools", "tool_choice", "truncation", "text", "temperature", "metadata", "service_tier"):  # fmt: skip
        assert last[name] is not None
