"""The messages of a client: which there are, which lane they name, and what of them no provider is told."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.dialects.responses.request import (
    Ask,
    BadLane,
    Message,
    Nothing,
    Steer,
    no_such_call,
    no_such_response,
    read_message,
    without_steering,
)
from aigw_sansio.faults import Fault, FaultKind, WrongField


def read(**members: object) -> Message:
    return read_message(json.dumps({"type": "response.create", **members}).encode())


def asked(**members: object) -> Ask:
    found = read(**members)
    assert isinstance(found, Ask)
    return found


def body(ask: Ask) -> dict[str, Any]:
    return {name: json.loads(bytes(value)) for name, value in ask.body.items()}


def test_what_is_for_the_connection_goes_to_no_provider() -> None:
    ask = asked(
        model="m", stream=True, stream_id="main", previous_response_id="r1", generate=True, background=False, input="Hi",
        client_metadata={"turn": "1"}, event_id="e", store=False, whatever={"new": 1},
    )  # fmt: skip
    assert body(ask) == {"model": "m", "store": False, "whatever": {"new": 1}}
    assert (ask.lane, ask.parent, ask.generate, bytes(ask.input), ask.refusal) == ("main", "r1", True, b'"Hi"', None)


def test_what_is_left_out() -> None:
    ask = asked(model="m", stream_id=None, previous_response_id=None, input=None)
    assert (ask.lane, ask.parent, ask.generate, bytes(ask.input), ask.refusal) == ("", None, True, b"null", None)
    assert asked() == asked(stream_id=None)
    assert not asked(generate=False).generate


def test_the_body_may_stand_in_a_member() -> None:
    ask = asked(response={"model": "m", "stream_id": "inner", "input": []}, stream_id="outer", generate=False)
    assert (body(ask), ask.lane, ask.generate) == ({"model": "m"}, "outer", False)
    assert asked(response={"model": "m", "stream_id": "inner"}).lane == "inner"
    assert body(asked(response="no object", model="m")) == {"response": "no object", "model": "m"}


@pytest.mark.parametrize("lane", ["", "a b", "a" * 257, "é", "a\n", 7, True, [], {}])
def test_lanes_that_are_none(lane: object) -> None:
    found = read(stream_id=lane)
    assert isinstance(found, BadLane)
    assert (found.refusal.code, found.refusal.status, found.refusal.param) == ("invalid_stream_id", 400, "stream_id")


@pytest.mark.parametrize("lane", ["a", "a" * 256, "A_b-c.9"])
def test_lanes(lane: str) -> None:
    assert asked(stream_id=lane).lane == lane


@pytest.mark.parametrize(("param", "code", "members"), [
    ("background", "unsupported_parameter", {"background": True}), ("background", "unsupported_parameter", {"background": "yes"}),
    ("generate", "invalid_type", {"generate": 0}), ("model", "invalid_value", {"model": "m" * 1023}),
    ("previous_response_id", "invalid_type", {"previous_response_id": 7}), ("input", "invalid_type", {"input": 7}),
    ("input", "invalid_type", {"input": {}}), ("input", "invalid_type", {"input": True}),
    ("conversation", "invalid_value", {"conversation": "c", "previous_response_id": "r"}), ("model", "invalid_type", {"model": ["m"]}),
])  # fmt: skip
def test_creates_that_cannot_run_have_their_lane(param: str, code: str, members: dict[str, object]) -> None:
    ask = asked(stream_id="a", **members)
    assert ask.refusal is not None
    assert (ask.lane, ask.refusal.code, ask.refusal.param, ask.refusal.status) == ("a", code, param, 400)
    assert param in ask.refusal.message


def test_a_model_that_is_null_is_none() -> None:
    ask = asked(model=None)
    assert (ask.refusal, "model" in ask.body) == (None, False)


def test_what_only_fills_a_cache_generates_nothing() -> None:
    assert asked(generate=None).generate
    assert asked(prompt_cache_options={"mode": "explicit", "prewarm": False}).generate
    assert not asked(prompt_cache_options={"prewarm": True}).generate
    assert not asked(generate=True, prompt_cache_options={"prewarm": True}).generate
    assert asked(prompt_cache_options=7).generate


def test_a_create_of_very_many_members_is_refused_and_not_kept() -> None:
    few = {f"m{number}": number for number in range(150)}
    assert asked(**few).refusal is None
    ask = asked(stream_id="a", previous_response_id="r", input="x" * 1000, **few, **{f"n{n}": n for n in range(150)})
    assert ask.refusal is not None
    assert (ask.lane, ask.parent, ask.body, bytes(ask.input)) == ("a", "r", {}, b"null")
    assert "200" in ask.refusal.message


def test_other_messages() -> None:
    assert isinstance(read_message(b'{"type":"response.processed","response_id":"r"}'), Nothing)
    steer = read_message(b'{"type":"response.steer","previous_response_id":"r","input":"Shorter."}')
    assert isinstance(steer, Steer)
    assert json.loads(without_steering(steer, "a")) == {
        "type": "response.steer.failed",
        "sequence_number": 0,
        "stream_id": "a",
        "error": {
            "type": "invalid_request_error",
            "code": "steering_not_supported",
            "message": "This gateway cannot steer a response; send the input with the next response.create.",
        },
        "steer": {"previous_response_id": "r", "input": "Shorter."},
    }
    strange = read_message(b'{"type":"response.steer","previous_response_id":7}')
    assert isinstance(strange, Steer)
    answer = json.loads(without_steering(strange, None))
    assert "stream_id" not in answer
    assert answer["steer"] == {"previous_response_id": "", "input": None}


@pytest.mark.parametrize(("data", "kind"), [
    (b"", FaultKind.MALFORMED_MESSAGE), (b"{", FaultKind.MALFORMED_MESSAGE), (b"[]", FaultKind.MALFORMED_MESSAGE),
    (b'"\xff"', FaultKind.MALFORMED_MESSAGE), (b"[" * 500 + b"]" * 500, FaultKind.MALFORMED_MESSAGE),
    (b"{}", FaultKind.INVALID_REQUEST), (b'{"type":"response.cancel"}', FaultKind.INVALID_REQUEST), (b'{"type":7}', FaultKind.INVALID_REQUEST),
])  # fmt: skip
def test_messages_that_cannot_be_used(data: bytes, kind: FaultKind) -> None:
    found = read_message(data)
    assert isinstance(found, Fault)
    assert found.kind is kind
    assert isinstance(found, WrongField) is (kind is FaultKind.INVALID_REQUEST)
    if isinstance(found, WrongField):
        problem = "missing" if data == b"{}" else "type" if data == b'{"type":7}' else "value"
        assert (found.field, found.problem) == ("type", problem)


def test_halves_of_surrogates_and_a_byte_order_mark_are_borne() -> None:
    found = read_message(b'\xef\xbb\xbf{"type":"response.create","model":"m","input":"\\ud83d"}')
    assert isinstance(found, Ask)
    assert bytes(found.input) == b'"?"'


def test_what_a_client_called_something_is_quoted_with_care() -> None:
    assert no_such_response("resp_abc").message == "Previous response with id 'resp_abc' not found."
    assert "\n" not in no_such_response("a\nb").message
    assert len(no_such_call("x" * 5000).message) < 250


@given(st.binary(max_size=300))
def test_no_bytes_raise(data: bytes) -> None:
    read_message(data)


@given(
    st.dictionaries(
        st.sampled_from(["type", "stream_id", "input", "response", "generate", "background", "previous_response_id"]),
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.sampled_from(["response.create", "response.steer", "", "a"]),
            st.lists(st.integers(), max_size=2), st.dictionaries(st.sampled_from(["input", "stream_id"]), st.none()),
        ),
    )
)  # fmt: skip
def test_no_message_raises(members: dict[str, object]) -> None:
    read_message(json.dumps({"type": "response.create", **members}).encode())
