"""Requests that a program made, of any kind."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio import Create, Step, StepConfig
from aigw_sansio.config import Limits
from aigw_sansio.dialects.commands import BadCreate
from aigw_sansio.dialects.native.requests import checked

LIMITS = Limits(steps_per_request=3, headers_per_step=4, head_bytes=2048, message_bytes=65536)
GOOD = Step("openai", "chat/completions", "POST", [("a", "b"), ("é", "ü")], b'{"x": [1]}', StepConfig(max_attempts=2))
#: A list that holds itself.
ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)


def why(create: Create) -> str:
    judged = checked(create, LIMITS)
    assert isinstance(judged, BadCreate)
    return judged.fault.detail


def test_a_good_one_is_a_copy() -> None:
    headers = [("a", "b"), ("é", "ü")]
    mine = Create("id", [msgspec.structs.replace(GOOD, headers=headers)])
    judged = checked(mine, LIMITS)
    assert judged == mine
    headers.append(("c", "d"))
    assert isinstance(judged, Create)
    assert judged.steps[0].headers == GOOD.headers


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"provider": 7}, "Expected `str`, got `int` - at `$.steps[0].provider`"),
        ({"provider": object()}, "the request has a field of the wrong type"),
        ({"headers": [("a",)]}, "the request has a field of the wrong type"),
        ({"headers": ENDLESS}, "the request has a field of the wrong type"),
        ({"query": memoryview(b"abcd")[::2]}, "the request has a field of the wrong type"),
        ({"config": StepConfig(max_attempts="x")}, "$.steps[0].config.maxAttempts"),  # type: ignore[arg-type]
        ({"config": StepConfig(retry_delay=float("nan"))}, "request[0].config.retry_delay is no number"),
        ({"query": b""}, "request[0].query is no JSON in UTF-8, of at most 400 levels"),
        ({"query": b"{"}, "request[0].query is no JSON"),
        ({"query": b'"\xff"'}, "request[0].query is no JSON"),
        ({"query": b"[" * 500 + b"]" * 500}, "request[0].query is no JSON"),
        ({"query": b"[" + b"1," * 40000 + b"1]"}, "request[0] sends 80003 bytes; message_bytes allows 65536"),
        ({"body": b"x"}, "request[0].body stands beside query"),
        ({"query": None, "body": b"x", "method": "GET"}, "request[0].body cannot go with the method GET"),
        ({"headers": [("a", "b")] * 5}, "request[0].headers has 5 headers; headers_per_step allows 4"),
        ({"headers": [("a", "b" * 2048)]}, "head_bytes allows 2048"),
        ({"endpoint": "x" * 2048}, "head_bytes allows 2048"),
        ({"endpoint": "\ud800"}, "request[0] has a string with half of a surrogate pair"),
        ({"headers": [("a", "\udfff")]}, "request[0] has a string with half of a surrogate pair"),
    ],
)
def test_what_cannot_be_used_says_where(changes: dict[str, object], expected: str) -> None:
    assert expected in why(Create("id", [msgspec.structs.replace(GOOD, **changes)]))


def test_values_are_not_quoted() -> None:
    step = msgspec.structs.replace(GOOD, config=StepConfig(backoff="a-canary"))  # type: ignore[arg-type]
    assert "canary" not in why(Create("id", [step]))


@pytest.mark.parametrize("event_id", ["", "x" * 257, 7, "\ud800"])
def test_a_bad_name_is_not_repeated(event_id: str) -> None:
    judged = checked(Create(event_id, [GOOD]), LIMITS)
    assert isinstance(judged, BadCreate)
    assert judged.event_id is None
    assert judged.fault.detail == "eventId must be a string of 1 to 256 characters"


def test_a_good_name_is_kept_for_the_refusal() -> None:
    judged = checked(Create("id", []), LIMITS)
    assert judged == BadCreate("id", judged.fault)  # type: ignore[union-attr]
    assert why(Create("id", [])) == "request has no step"
    assert why(Create("id", [GOOD] * 4)) == "request has more than 3 steps, which steps_per_request allows"
    assert why(Create(None, None)).startswith("the request has a field of the wrong type")  # type: ignore[arg-type]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=5,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(Step.__struct_fields__, ANYTHING)), ANYTHING)
def test_nothing_raises(changes: dict[str, object], event_id: object) -> None:
    step = msgspec.structs.replace(GOOD, **changes)
    assert isinstance(checked(Create(event_id, [step]), LIMITS), Create | BadCreate)  # type: ignore[arg-type]
