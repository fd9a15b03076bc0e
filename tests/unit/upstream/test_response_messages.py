"""Messages of Responses over WebSocket: how a request becomes one, and what those of a provider are for their socket."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.ids import Lineage
from aigw_sansio.upstream.response_messages import (
    Message,
    ProviderError,
    as_event,
    going_on,
    members_of,
    read_message,
    whole_request,
)

BODY = (
    b'{"model":"m","stream":true,"background":false,"type":"x","stream_options":{},"input":[{"a":1},{"b":"\xc3\xa4"}]}'
)


def test_a_request_is_a_create_without_what_says_how_it_is_transported() -> None:
    members = members_of(BODY)
    assert members is not None
    assert whole_request(members) == b'{"type":"response.create","model":"m","input":[{"a":1},{"b":"\xc3\xa4"}]}'


def test_a_request_that_goes_on_has_only_what_is_new() -> None:
    members = members_of(BODY[:-1] + b',"previous_response_id":"older"}')
    assert members is not None
    message = json.loads(going_on(members, Lineage("", "resp_\u00e4", len(b'[{"a":1},'))))
    assert message == {
        "type": "response.create",
        "model": "m",
        "input": [{"b": "\u00e4"}],
        "previous_response_id": "resp_\u00e4",
    }


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":"\xff"}', b"1"])
def test_what_is_no_object_cannot_be_sent(body: bytes) -> None:
    assert members_of(body) is None


def error(status: int, code: str = "", *headers: tuple[bytes, bytes]) -> Message:
    return Message(ends=True, error=ProviderError(status, list(headers), code))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"response.output_text.delta","delta":"\\"response.completed\\""}', Message()),
        ('{"type":"response.created","response":{"id":"resp_1"}}', Message()),
        ('{"type":"response.completed","response":{"id":"resp_1"}}', Message(ends=True, response_id="resp_1")),
        ('{"type":"response.incomplete","response":{"id":"resp_1"}}', Message(ends=True, response_id="resp_1")),
        ('{"type":"response.completed","response":{"id":"resp_1","a":"\\ud83d"}}', Message(True, "resp_1")),
        ('{"type":"response.completed"}', Message(ends=True)),
        ('{"type":"response.completed","response":{"id":5}}', Message(ends=True)),
        ('{"type":"response.failed","response":{"id":"resp_1"}}', Message(ends=True, failed=True)),
        ('{"type":"response.cancelled"}', Message(ends=True, failed=True)),
        ('{"type":"codex.rate_limits","rate_limits":{}}', Message(aside=True)),
        ('{"type":"error","status":429,"error":{"code":"rate_limit_exceeded"}}', error(429, "rate_limit_exceeded")),
        ('{"type":"error","status_code":503,"error":{}}', error(503)),
        ('{"type":"error","status":200,"error":{"type":"invalid_request_error","code":7}}', error(400)),
        ('{"type":"error","status":true,"error":{"type":"server_error"}}', error(500)),
        ('{"type":"error","code":"c","message":"flat"}', error(500, "c")),
        ('{"type":"error","status_code":"429","error":{}}', error(429)),
        ('{"type":"error","status":"two","status_code":"99","error":{"type":"rate_limit_error"}}', error(429)),
        ('{"type":"error","error":{"code":"rate_limit_exceeded"}}', error(429, "rate_limit_exceeded")),
        (
            '{"type":"error","error":{"type":"invalid_request_error","code":"invalid_api_key"}}',
            error(401, "invalid_api_key"),
        ),
        ('{"type":"error","error":{"code":"insufficient_quota"}}', error(429, "insufficient_quota")),
        ('{"type":"response.error","error":"text"}', error(500)),
        ('{"error":{"message":"no such model","type":"api_error"}}', error(500)),
        (
            '{"type":"error","status":429,"headers":{"Retry-After":7,"set-cookie":"a"},'
            '"error":{"headers":{"x-request-id":"r 1","retry-after-ms":true,"x-ratelimit-reset":"a\\nb"}}}',
            error(429, "", (b"retry-after", b"7"), (b"x-request-id", b"r 1")),
        ),
        ("{}", Message()),
        ('{"type":7}', Message()),
        ("[]", Message()),
        ("", Message()),
        ("no JSON", Message()),
        ("[" * 5000, Message()),
    ],
)
def test_what_a_message_is_for_its_socket(text: str, message: Message) -> None:
    assert read_message(text.encode()) == message


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_raise(data: bytes) -> None:
    read_message(data)
    members_of(data)
    assert as_event(data).count(b"\n") == 2


def test_an_event_is_one_line_also_if_its_message_is_not() -> None:
    assert as_event(b'{\r\n "a":\n1}') == b'data: {   "a": 1}\n\n'
