"""The response that events hold."""

import json
from typing import Any

import msgspec
import pytest
from tests.rigs.responses_encoder import request

from aigw_sansio.dialects.responses.response_object import NULL, ResponseObject, whole_usage
from aigw_sansio.events import UsageReported


def filled(given: dict[str, object], **asked: object) -> dict[str, Any]:
    response = ResponseObject("resp_1", request(**asked), previous_response_id=None, store=False, created=5)
    found: dict[str, Any] = json.loads(msgspec.json.encode(response.fill(request(**given), "completed")))
    return found


@pytest.mark.parametrize(
    ("name", "said", "asked", "shown"),
    [
        ("temperature", None, 0.2, 0.2),
        ("temperature", 0.5, 0.2, 0.5),
        ("temperature", None, "hot", 1.0),
        ("top_logprobs", None, None, 0),
        ("presence_penalty", -0.5, None, -0.5),
        ("tool_choice", None, {"type": "function", "name": "f"}, {"type": "function", "name": "f"}),
        ("text", None, {"verbosity": "low"}, {"format": {"type": "text"}, "verbosity": "low"}),
        ("text", {"format": None}, None, {"format": {"type": "text"}}),
        ("text", {"format": {"type": "json_object"}}, None, {"format": {"type": "json_object"}}),
        ("reasoning", {}, None, {"effort": None, "summary": None}),
        ("reasoning", {"effort": "low"}, None, {"effort": "low", "summary": None}),
        ("reasoning", None, None, None),
        ("created_at", 7.9, None, 7),
        ("created_at", "soon", None, 5),
        ("created_at", 2**53, None, 2**53),
        ("created_at", 1e308, None, 5),
        ("created_at", 10**30, None, 5),
        ("created_at", float("inf"), None, 5),
        ("completed_at", 9.9, None, 9),
        ("completed_at", 1e308, None, None),
        ("completed_at", "soon", None, None),
        ("metadata", None, {"a": "b"}, {"a": "b"}),
        ("service_tier", None, "flex", "default"),
        ("user", None, "u", None),
        ("object", None, None, "response"),
        ("store", True, True, False),
        ("background", True, None, False),
        ("instructions", "Said", "Asked", "Said"),
        ("completed_at", 9, None, 9),
    ],
)
def test_what_a_provider_leaves_out_is_what_the_client_asked_or_the_default(
    name: str, said: object, asked: object, shown: object
) -> None:
    assert filled({name: said}, **{name: asked})[name] == shown


def test_what_a_provider_does_not_name_is_what_the_client_asked() -> None:
    assert filled({}, user="u", reasoning={"effort": "high"}) | {"reasoning": {"effort": "high", "summary": None}, "user": "u"} == filled({}, user="u", reasoning={"effort": "high"})  # fmt: skip


@pytest.mark.parametrize("id", [None, "", 5, ["x"]])
def test_an_id_that_is_no_text_is_not_taken(id: object) -> None:
    assert filled({"id": id})["id"] == "resp_1"


@pytest.mark.parametrize(
    ("given", "known", "shown"),
    [
        (None, None, None),
        ("x", None, None),
        (None, UsageReported(3, 4), (3, 4, 7, 0, 0, 0)),
        ({"input_tokens": 5, "output_tokens": 6}, None, (5, 6, 11, 0, 0, 0)),
        ({"input_tokens": 5, "output_tokens": 6, "total_tokens": 99}, None, (5, 6, 99, 0, 0, 0)),
        ({"input_tokens": 5, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": None}, "output_tokens_details": None},
         UsageReported(1, 2, reasoning_output_tokens=1), (5, 2, 7, 4, 0, 1)),
    ],
)  # fmt: skip
def test_usage_has_every_count(given: object, known: UsageReported | None, shown: tuple[int, ...] | None) -> None:
    usage = json.loads(msgspec.json.encode(whole_usage(NULL if given is None else request(u=given)["u"], known)))
    if shown is None:
        assert usage is None
        return
    cached, made = usage["input_tokens_details"], usage["output_tokens_details"]
    found = (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"])
    assert (*found, cached["cached_tokens"], cached["cache_write_tokens"], made["reasoning_tokens"]) == shown


def test_counts_that_nobody_knows_stay() -> None:
    usage = json.loads(msgspec.json.encode(whole_usage(request(u={"input_tokens": "3", "cost": 0.5})["u"], None)))
    assert (usage["input_tokens"], usage["cost"], usage["total_tokens"]) == ("3", 0.5, 0)


def test_when_it_began_stays_as_it_was_told() -> None:
    """A sign of life comes before the provider says anything, and says when the gateway began it."""
    one = ResponseObject("resp_1", {}, previous_response_id=None, store=False, created=5)
    assert bytes(one.fill({}, "in_progress")["created_at"]) == b"5"
    assert bytes(one.fill({"created_at": msgspec.Raw(b"9")}, "completed")["created_at"]) == b"5"
    one.restart()
    assert bytes(one.fill({"created_at": msgspec.Raw(b"9")}, "in_progress")["created_at"]) == b"9"
    assert bytes(one.fill({}, "completed")["created_at"]) == b"9"
