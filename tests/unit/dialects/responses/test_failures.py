"""Errors as a client of Responses over WebSocket reads them."""

import json
from typing import Any

import pytest
from tests.reading.responses_messages import needs_schemas, valid

from aigw_sansio.dialects.responses.failures import (
    error_message,
    failed_error,
    fault_error,
    fault_message,
    provider_error,
    provider_message,
    type_of,
)
from aigw_sansio.faults import Fault, FaultKind, Problem, Side, WrongField
from aigw_sansio.formats.errors import response_failed


@needs_schemas
@pytest.mark.parametrize("kind", FaultKind)
def test_every_kind_of_fault_is_a_message_with_a_status(kind: FaultKind) -> None:
    [shown] = valid([fault_message(Fault(kind, Side.GATEWAY, "why"), "main")])
    assert shown["status"] >= 400
    assert shown["stream_id"] == "main"
    assert shown["error"]["message"] == "why"
    assert shown["error"]["param"] is None
    assert fault_error(Fault(kind, Side.PROVIDER, "why"))["code"] in (
        "server_error",
        "rate_limit_exceeded",
        "invalid_prompt",
    )


@needs_schemas
def test_an_error_of_our_own_says_what_is_wrong() -> None:
    message = error_message(400, code="invalid_stream_id", message="bad", param="stream_id")
    [shown] = valid([message])
    error = {"type": "invalid_request_error", "code": "invalid_stream_id", "message": "bad", "param": "stream_id"}
    assert shown == {"type": "error", "status": 400, "error": error}
    [headed] = valid([error_message(429, code="c", message="m", type="own", headers={"retry-after": "1"})])
    assert headed["error"]["headers"] == headed["headers"] == {"retry-after": "1"}
    assert headed["error"]["type"] == "own"


@pytest.mark.parametrize(
    ("detail", "kind", "message", "param"),
    [
        ("request.query.input[0]: is bad", FaultKind.INVALID_REQUEST, "input[0]: is bad", "input[0]"),
        ("request.query.model names none", FaultKind.UNKNOWN_PROVIDER, "model names none", "model"),
        ("request.query.a.b[7].c is bad", FaultKind.INVALID_REQUEST, "a.b[7].c is bad", "a.b[7].c"),
        ("request.endpoint is bad", FaultKind.INVALID_REQUEST, "endpoint is bad", None),
        ("request.query is bad", FaultKind.INVALID_REQUEST, "query is bad", None),
        ("request.query.input is bad", FaultKind.INTERNAL, "request.query.input is bad", None),
        ("bad", FaultKind.INVALID_REQUEST, "bad", None),
    ],
)
def test_a_fault_names_the_member_of_the_request(detail: str, kind: FaultKind, message: str, param: str | None) -> None:
    error = json.loads(fault_message(Fault(kind, Side.CLIENT, detail), None))["error"]
    assert (error["message"], error["param"]) == (message, param)


@pytest.mark.parametrize(
    ("problem", "field", "code", "message"),
    [
        ("missing", "tools[0].name", "missing_required_parameter", "Missing required parameter: 'tools[0].name'. Why."),
        ("type", "input[1].content", "invalid_type", "Invalid type for 'input[1].content': Why."),
        ("value", "tool_choice", "invalid_value", "Invalid 'tool_choice': Why."),
        ("unsupported", "top_logprobs", "unsupported_parameter", "Unsupported parameter: 'top_logprobs' Why."),
        ("unsupported", "input[3]", "unsupported_value", "Unsupported value: 'input[3]' Why."),
    ],
)
def test_what_is_wrong_with_a_field_has_openai_s_code(problem: Problem, field: str, code: str, message: str) -> None:
    fault = WrongField(FaultKind.INVALID_REQUEST, Side.CLIENT, "detail", field=field, problem=problem, why="Why.")
    shown = json.loads(fault_message(fault, None))
    assert shown["status"] == 400
    assert shown["error"] == {"type": "invalid_request_error", "code": code, "message": message, "param": field}


def test_what_a_provider_says_of_its_error_stays() -> None:
    own = {"type": "t", "code": "c", "message": "m", "param": "p", "headers": {"a": "b"}, "misalignment": {}}
    error = provider_error(400, json.dumps({"error": own}).encode())
    assert error == own
    shown: dict[str, Any] = json.loads(provider_message(302, error, {"retry-after": "1"}, None))
    assert shown["status"] == 502
    assert shown["error"]["headers"] == {"a": "b", "retry-after": "1"}
    foreign = provider_error(529, b'{"type":"error","error":{"type":"overloaded_error","message":"full"}}')
    assert (foreign["type"], foreign["message"]) == ("overloaded_error", "full")
    assert provider_error(500, b'{"code":"x","error":"text"}')["message"] == "text"


def test_the_type_of_a_status() -> None:
    assert [type_of(status) for status in (400, 401, 404, 429, 499, 500, 503)] == [
        "invalid_request_error", "authentication_error", "not_found_error", "rate_limit_error",
        "invalid_request_error", "server_error", "server_error",
    ]  # fmt: skip


def test_a_failure_without_a_code_has_one_of_the_closed_list() -> None:
    failed = response_failed("too many", "rate_limit_error", "9")
    assert failed_error(failed, {"error": {"code": 9, "param": "x"}}) == {
        "code": "rate_limit_exceeded", "message": "too many", "type": "rate_limit_error", "param": "x",
    }  # fmt: skip
