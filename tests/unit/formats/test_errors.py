"""Errors in the many shapes in which providers write them."""

import json

import pytest

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


@pytest.mark.parametrize(
    ("value", "failure"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c"}}, response_failed("m", "t", "c")),
        ({"error": {"message": "m", "code": 429, "metadata": {}}, "choices": []}, response_failed("m", None, "429")),
        ({"error": "m", "code": "c"}, response_failed("m", None, "c")),
        ({"error": "m", "error_type": "overloaded"}, response_failed("m", "overloaded")),
        ({"error": ["m", "n"]}, response_failed("m; n")),
        ({"error": {"message": "m", "http_status_code": 422}}, response_failed("m", None, "422")),
        ({"error": {}, "message": "m"}, response_failed("m")),
        ({"error": {"message": "m", "code": 10**30}}, response_failed("m")),
        ({"error": {"type": "overloaded_error"}}, response_failed("overloaded_error", "overloaded_error")),
        ({"detail": "m"}, response_failed("m")),
        ({"detail": [{"loc": ["body"], "msg": "m"}]}, response_failed("m")),
        ({"detail": {"status": "quota", "message": "m"}}, response_failed("m", "quota")),
        ({"object": "error", "message": "m", "type": "t", "code": 3}, response_failed("m", "t", "3")),
        ({"statusCode": 429, "message": "m"}, response_failed("m", None, "429")),
        ({"Message": "m"}, response_failed("m")),
        ({"success": False, "errors": [{"code": 7003, "message": "m"}]}, response_failed("m", None, "7003")),
        ({"err_code": "E", "err_msg": "m"}, response_failed("m", "E", "E")),
        ({"title": "Bad", "message": "m", "error_code": "x"}, response_failed("m", None, "x")),
        ([{"error": {"message": "m", "status": "S", "code": 400}}], response_failed("m", "S", "400")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_errors_come_in_many_shapes(value: object, failure: e.ResponseFailed) -> None:
    body = json.dumps(value).encode()
    assert make_reader("openai-chat").read_whole(body) == [failure]
    assert make_reader("openai-chat").read(Chunk(body, "", True)) == [failure]


def test_bodies_that_are_no_json_are_errors() -> None:
    page = b"<!DOCTYPE html>\n<html><head><title>404 Not\nFound</title></head>"
    assert make_reader("openai-chat").read_whole(page) == [response_failed("404 Not Found", "not_json")]
    assert make_reader("openai-chat").read_whole(b"Not Found") == [response_failed("Not Found", "not_json")]
    assert make_reader("openai-chat").read_whole(b" \n ") == []
    binary = [response_failed("6 bytes that are no JSON", "not_json")]
    assert make_reader("openai-chat").read_whole(b"\x89PNG\0\xff") == binary


def test_a_very_long_message_is_cut() -> None:
    (event,) = make_reader("openai-chat").read_whole(json.dumps({"error": "x" * 10_000}).encode())
    assert isinstance(event, e.ResponseFailed)
    assert len(event.message) == 2000


def test_an_error_event_with_raw_text() -> None:
    assert make_reader("openai-chat").read(Chunk(b"went wrong", "error")) == [response_failed("went wrong", "error")]
