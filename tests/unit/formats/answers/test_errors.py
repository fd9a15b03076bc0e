"""Errors in the shapes of the formats, with their statuses."""

import json
from typing import get_args

import pytest

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.events import ErrorClass, ResponseFailed, ResponseFinished
from aigw_sansio.formats.answers.errors import (
    ClientFormat,
    error_answer,
    error_body,
    failure,
    provider_error,
    why_failed,
)
from aigw_sansio.formats.registry import make_reader

FORMATS: tuple[ClientFormat, ...] = get_args(ClientFormat)
CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)


@pytest.mark.parametrize(
    ("status", "body", "openai", "anthropic"),
    [
        (400, b'{"type":"error","error":{"type":"invalid_request_error","message":"m"}}',
         (400, "invalid_request_error"), (400, "invalid_request_error")),
        (401, b'{"message":"m"}', (401, "authentication_error"), (401, "authentication_error")),
        (402, b'{"error":{"message":"m"}}', (402, "insufficient_quota"), (402, "billing_error")),
        (403, b'{"message":"m"}', (403, "permission_error"), (403, "permission_error")),
        (404, b"Not Found", (404, "not_found_error"), (404, "not_found_error")),
        (408, b'{"message":"m"}', (408, "timeout_error"), (408, "timeout_error")),
        (413, b'{"message":"m"}', (413, "request_too_large"), (413, "request_too_large")),
        (422, b'{"detail":[{"msg":"m"}]}', (400, "invalid_request_error"), (400, "invalid_request_error")),
        (424, b'{"message":"m","__type":"ModelErrorException"}', (500, "server_error"), (500, "api_error")),
        (429, b'{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"m"}}',
         (429, "rate_limit_error"), (429, "rate_limit_error")),
        (500, b"", (500, "server_error"), (500, "api_error")),
        (503, b'{"error":{"status":"UNAVAILABLE","message":"m"}}', (503, "server_error"), (529, "overloaded_error")),
        (504, b'{"error":{"status":"DEADLINE_EXCEEDED","message":"m"}}',
         (504, "timeout_error"), (504, "timeout_error")),
        (529, b'{"error":{"type":"overloaded_error","message":"m"}}', (503, "server_error"), (529, "overloaded_error")),
    ],
)  # fmt: skip
def test_a_providers_status(status: int, body: bytes, openai: tuple[int, str], anthropic: tuple[int, str]) -> None:
    for format in FORMATS:
        answer = provider_error(format, status, body)
        value = json.loads(answer.body)
        assert (answer.status, value["error"]["type"]) == (anthropic if format == "anthropic-messages" else openai)
        if format == "anthropic-messages":
            assert value["type"] == "error"
            assert "request_id" in value
        else:
            assert {"message", "type", "param", "code"} <= value["error"].keys()


@pytest.mark.parametrize("error_class", CLASSES)
def test_an_error_inside_a_response_has_the_status_of_its_class(error_class: ErrorClass) -> None:
    for format in FORMATS:
        answer = error_answer(format, ResponseFailed("m", error_class=error_class, retry_after_s=2.0))
        assert 400 <= answer.status <= 599
        assert answer.retry_after_s == 2.0
        (failed,) = make_reader(format).read_whole(answer.body)
        assert isinstance(failed, ResponseFailed)
        assert failed.message == "m"
        assert failed.error_class == ("invalid_request" if error_class == "content_policy" else error_class) or (
            error_class in ("unknown", "content_policy") and failed.error_class in ("server", "content_policy")
        )


def test_a_redirect_is_no_status_of_an_error() -> None:
    assert provider_error("openai-chat", 302, b"").status == 502


def test_the_providers_own_words_stand_beside() -> None:
    failed = ResponseFailed("m", "overloaded_error", "x1", "overload", 529)
    for format in FORMATS:
        error = error_body(format, failed)["error"]
        assert isinstance(error, dict)
        assert error["provider"] == {"type": "overloaded_error", "code": "x1", "status": 529}


def test_a_code_of_the_provider_is_kept_if_it_is_a_word() -> None:
    def code(given: str) -> object:
        return json.loads(error_answer("openai-chat", ResponseFailed("m", code=given)).body)["error"]["code"]

    assert code("context_length_exceeded") == "context_length_exceeded"
    assert code("500") is None


def test_a_failed_response_object() -> None:
    assert failure(ResponseFailed("m", error_class="rate_limit")) == {"code": "rate_limit_exceeded", "message": "m"}
    assert failure(ResponseFailed("m"))["code"] == "server_error"
    assert failure(ResponseFailed("m", kind="k", code="insufficient_quota", error_class="permission")) == {
        "code": "server_error",
        "message": "m",
        "type": "insufficient_quota",
    }


@pytest.mark.parametrize("error_class", CLASSES)
@pytest.mark.parametrize("kind", [None, "overloaded_error", "permission_error"])
def test_a_failed_response_has_a_code_that_libraries_know_and_keeps_its_class(
    error_class: ErrorClass, kind: str | None
) -> None:
    error = failure(ResponseFailed("m", kind=kind, error_class=error_class))
    assert error["code"] in ("server_error", "rate_limit_exceeded", "invalid_prompt")
    told = {"type": "response.failed", "response": {"status": "failed", "error": error, "output": []}}
    read = make_reader("openai-responses").read(Chunk(json.dumps(told).encode()))
    found = next(one for one in read if isinstance(one, ResponseFailed))
    if kind is None:
        same = {"content_policy": "invalid_request", "unknown": "server"}  # there is no word for them
        assert found.error_class == same.get(error_class, error_class)
    elif error["code"] == "server_error":
        assert found.error_class == {"overloaded_error": "overload", "permission_error": "permission"}[kind]


def test_which_finishes_are_failures() -> None:
    failed = why_failed(ResponseFinished("error", "MALFORMED_FUNCTION_CALL"))
    assert failed is not None
    assert "MALFORMED_FUNCTION_CALL" in failed.message
    assert why_failed(ResponseFinished("unknown")) is not None
    assert why_failed(ResponseFinished("unknown"), whole=True) is None
    assert why_failed(ResponseFinished("unknown", "new_word")) is None
    assert why_failed(ResponseFinished("stop", "stop")) is None
