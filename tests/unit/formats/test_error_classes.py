"""The class of an error, whatever the provider calls it."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio import events as e
from aigw_sansio.formats.error_classes import (
    BASE_RESP,
    LONGEST_WAIT,
    WORDS,
    classify_error,
    is_retryable,
    named_status,
    span_s,
    status_of,
    wait_in_text,
)
from aigw_sansio.formats.errors import any_error, failed_response, framing_error, response_failed

CLASSES = set(get_args(e.ErrorClass))


def test_the_tables_hold_known_classes_and_keys_as_they_are_looked_up() -> None:
    assert {*WORDS.values(), *BASE_RESP.values()} <= CLASSES
    assert [word for word in WORDS if not word.isalnum() or word != word.lower()] == []
    assert all(classify_error("", word, None, None) == WORDS[word] for word in WORDS)


@pytest.mark.parametrize(
    ("value", "error_class", "status"),
    [
        ({"error": {"type": "overloaded_error", "message": "Overloaded"}}, "overload", 503),
        ({"error": {"type": "authentication_error", "message": "invalid x-api-key"}}, "authentication", 401),
        ({"error": {"type": "rate_limit_error", "message": "Concurrency limit exceeded"}}, "rate_limit", 429),
        ({"error": {"type": "permission_error", "message": "m"}}, "permission", 403),
        ({"error": {"type": "not_found_error", "message": "m"}}, "not_found", 404),
        ({"error": {"type": "api_error", "message": "m"}}, "server", 502),
        ({"error": {"type": "request_too_large", "message": "m"}}, "invalid_request", 400),
        ({"error": {"type": "invalid_request_error", "code": "model_not_found", "message": "m"}}, "not_found", 404),
        (
            {"error": {"type": "invalid_request_error", "code": "invalid_api_key", "message": "m"}},
            "authentication",
            401,
        ),
        ({"error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "m"}}, "rate_limit", 429),
        ({"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "m"}}, "permission", 403),
        ({"error": {"type": "server_error", "message": "no capacity"}}, "server", 502),
        ({"error": {"message": "no capacity"}}, "overload", 503),
        ({"error": {"code": "content_filter", "message": "m", "status": 400}}, "content_policy", 400),
        ({"error": {"code": 502, "message": "Worker local total request limit reached (33/32)"}}, "server", 502),
        ({"error": {"code": 400, "type": "exceed_context_size_error", "message": "m"}}, "invalid_request", 400),
        ({"success": False, "error": {"code": "INTERNAL_SERVER_ERROR", "status": 500, "message": "m"}}, "server", 500),
        ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "quota"}}, "rate_limit", 429),
        ({"error": {"code": 503, "status": "UNAVAILABLE", "message": "m"}}, "overload", 503),
        (
            {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "API key not valid."}},
            "authentication",
            400,
        ),
        ({"error": {"code": 403, "message": "m"}}, "permission", 403),
        ({"error": {"code": "tool_use_failed", "status_code": 400, "message": "m"}}, "invalid_request", 400),
        ({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "permission", 403),
        ({"base_resp": {"status_code": 1002, "status_msg": "m"}}, "rate_limit", 429),
        ({"error": "model is loading, try later"}, "overload", 503),
        ({"error": "m", "error_type": "overloaded"}, "overload", 503),
        ({"detail": "Not authenticated"}, "authentication", 401),
        ({"message": "Too Many Requests"}, "rate_limit", 429),
        ({"statusCode": 429, "message": "m"}, "rate_limit", 429),
        ({"err_code": "INVALID_AUTH", "err_msg": "m"}, "authentication", 401),
        ({"error": {"message": "m"}}, "unknown", 502),
        ({"error": {"code": 200, "message": "m"}}, "unknown", 502),
        ({"error": {"code": 600, "message": "m"}}, "unknown", 502),
    ],
    ids=lambda value: str(value)[:70],
)
def test_classes(value: object, error_class: str, status: int) -> None:
    failed = any_error(value)
    assert failed is not None
    assert (failed.error_class, status_of(failed)) == (error_class, status)


@pytest.mark.parametrize(
    ("name", "error_class"),
    [
        ("throttlingException", "rate_limit"),
        ("validationException", "invalid_request"),
        ("serviceUnavailableException", "overload"),
        ("modelTimeoutException", "server"),
        ("modelStreamErrorException", "server"),
        ("internalServerException", "server"),
        ("AccessDeniedException", "permission"),
        ("ResourceNotFoundException", "not_found"),
        ("com.amazon.coral#ThrottlingException", "rate_limit"),
    ],
)
def test_exceptions_of_the_framing(name: str, error_class: str) -> None:
    assert framing_error(b'{"message":"m"}', name).error_class == error_class


@pytest.mark.parametrize("error_class", sorted(CLASSES))
def test_what_may_be_tried_again(error_class: e.ErrorClass) -> None:
    assert is_retryable(error_class) is (error_class in {"overload", "rate_limit", "server", "unknown"})


@pytest.mark.parametrize(
    ("status", "body", "error_class", "message"),
    [
        (401, b"", "authentication", "status 401"),
        (307, b"", "unknown", "status 307"),
        (404, b"{}", "not_found", "status 404"),
        (429, b"slow down", "rate_limit", "slow down"),
        (502, b"<html><title>502 Bad Gateway</title>", "server", "502 Bad Gateway"),
        (500, b'{"error":{"type":"overloaded_error","message":"m"}}', "overload", "m"),
        (400, b'{"error":{"message":"m"}}', "invalid_request", "m"),
        (400, b'{"error":{"message":"API key not valid"}}', "authentication", "API key not valid"),
        (400, b'data: {"error":{"code":400,"message":"m","type":"t"}}\n\n', "invalid_request", "m"),
        (503, b'\xef\xbb\xbfevent: error\ndata: {"error":\ndata: {"message":"m"}}\n\n', "overload", "m"),
        (500, b'"just text"', "server", "just text"),
        (500, b"[1]", "server", "status 500"),
        (500, b"\x00\xff", "server", "2 bytes that are no JSON"),
    ],
)
def test_every_error_status_is_one_failure(status: int, body: bytes, error_class: str, message: str) -> None:
    failed = failed_response(status, body)
    assert (failed.error_class, failed.message) == (error_class, message)


# -- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (400, 400),
        (599, 599),
        ("503", 503),
        (399, None),
        (600, None),
        ("4", None),
        ("abc", None),
        (None, None),
        (True, None),
    ],
)
def test_a_status_is_a_number_of_an_error(value: object, status: int | None) -> None:
    assert named_status(value) == status
    assert named_status(None, value, 418) == (status or 418)


@pytest.mark.parametrize(
    ("message", "wait"),
    [
        ("Rate limit reached. Please try again in 7.2s. Visit", 7.2),
        ("Please try again in 1m2.5s", 62.5),
        ("Please retry after 20 seconds.", 20.0),
        ("try again in 250ms", 0.25),
        ("Retry in 2 minutes", 120.0),
        ("please wait for 3 s", 3.0),
        ("wait 5 years", None),
        ("in 7 s it was over", None),
        ("no wait", None),
        ("", None),
    ],
)
def test_a_wait_in_words(message: str, wait: float | None) -> None:
    assert wait_in_text(message) == (None if wait is None else pytest.approx(wait))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("34s", 34.0), ("7", 7.0), ("1.5", 1.5), ("6ms", 0.006), ("1h2m", 3720.0), ("x", None), ("", None), ("-1", None),
     ("nan", None), ("1e99", LONGEST_WAIT)],
)  # fmt: skip
def test_spans_of_time(text: str, seconds: float | None) -> None:
    assert span_s(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        ({"message": "m", "details": [{"@type": "x"}, {"retryDelay": "3s"}]}, 3.0),
        ({"message": "m", "details": [{"retryDelay": {"seconds": 4}}]}, 4.0),
        ({"message": "m", "retry_after": 5}, 5.0),
        ({"message": "m", "retry_after_ms": 1500}, 1.5),
        ({"message": "m", "metadata": {"retry_after_seconds": 2}}, 2.0),
        ({"message": "m", "retry_after": True}, None),
        ({"message": "m", "details": "text"}, None),
    ],
)
def test_a_wait_in_a_member(error: dict[str, object], wait: float | None) -> None:
    failed = any_error({"error": error})
    assert failed is not None
    assert failed.retry_after_s == wait


@given(st.text(max_size=80), st.none() | st.text(max_size=20), st.none() | st.text(max_size=20), st.integers(0, 999))
def test_any_words_have_a_class(message: str, kind: str | None, code: str | None, status: int) -> None:
    failed = response_failed(message, kind, code, status=status)
    assert failed.error_class in CLASSES
    assert 400 <= status_of(failed) <= 599
    assert failed_response(status, json.dumps({"error": {"message": message, "code": code}}).encode()).message
