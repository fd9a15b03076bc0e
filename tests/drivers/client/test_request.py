"""Requests become messages that the core reads back."""

from collections.abc import Callable, Sequence
from typing import cast

import msgspec
import pytest
from hypothesis import given
from tests.reading.any_json import JSON

from aigw_drivers.client import Mode
from aigw_drivers.client.request import Options, Step, StepConfig, cancel_message, create_message, steps_of
from aigw_drivers.local.request import create_command
from aigw_sansio import Step as EngineStep
from aigw_sansio.dialects.commands import BadCreate, Cancel, Create
from aigw_sansio.dialects.universal.decode import decode


def created(*steps: Step) -> Create:
    command = decode(create_message(steps, "e1", "events").encode())
    assert isinstance(command, Create), command
    return command


def test_every_field_reaches_the_gateway() -> None:
    config = StepConfig(maxAttempts=2, retryDelay=10, backoff="linear", totalTimeout=7)
    first = Step("openai", "chat/completions", {"a": [1]}, headers={"x-a": "1"}, config=config)
    second = Step("custom-a", "files", body=b"\x00\xff", headers={"content-type": "a/b"}, method="PUT")
    third = Step("custom-a", "models", method="GET")
    command = created(first, second, third)
    assert command.event_id == "e1"
    one, two, three = command.steps
    assert (one.provider, one.endpoint, one.method) == ("openai", "chat/completions", "POST")
    assert one.query == b'{"a":[1]}'
    assert one.config is not None
    assert (one.config.max_attempts, one.config.backoff, one.config.total_timeout) == (2, "linear", 7)
    assert one.config.response == "events"
    assert (two.method, two.body) == ("PUT", b"\x00\xff")
    assert (three.method, three.query, three.body) == ("GET", None, None)


def test_options_are_those_of_the_first_step() -> None:
    fallback = [Step("b", "c")]
    options = Options(headers={"x": "y"}, method="GET", config={"maxAttempts": 3}, fallback=fallback)
    steps = steps_of("a", "b", None, options)
    assert steps == [Step("a", "b", headers={"x": "y"}, method="GET", config={"maxAttempts": 3}), *fallback]


@given(JSON)
def test_any_query_arrives_as_it_was_encoded(query: object) -> None:
    command = created(Step("a", "b", query))
    assert command.steps[0].query == (None if query is None else msgspec.json.encode(query))


def test_bytes_of_json_go_as_they_are() -> None:
    assert created(Step("a", "b", msgspec.Raw(b'{"a" :1.0}'))).steps[0].query == b'{"a" :1.0}'


DEEP: list[object] = []
for _ in range(500):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("step", "event_id", "told"),
    [
        (Step("a", "b"), "", "0 characters"),
        (Step("a", "b"), "x" * 257, "257 characters"),
        (Step("a", "b", {}, body="x"), "e", "not both"),
        (Step("a", "b", DEEP), "e", "nested deeper"),
        (Step("a", "b", msgspec.Raw(b"{")), "e", "no JSON"),
        (Step("a", "b", msgspec.Raw(b'"\xff"')), "e", "no JSON"),
    ],
)
def test_what_the_gateway_could_not_refuse_by_name_is_not_sent(step: Step, event_id: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        create_message([step], event_id, "raw")


def test_what_is_no_json_is_an_error_of_the_caller() -> None:
    with pytest.raises(TypeError):
        create_message([Step("a", "b", object())], "e", "raw")


#: What would be sent as something else, or would have no effect; and what the caller is told.
SLIPS: dict[str, tuple[object, str]] = {
    "a step of the engine": (EngineStep("a", "b"), "allowed is aigw_drivers.client.Step"),
    "a dict": ({"provider": "a"}, "builtins.dict; allowed is"),
    "bytes": (Step("a", "b", b"{}"), r"msgspec.Raw\(...\)"),
    "a body that is JSON": (
        Step("a", "b", body=cast("str", {"a": 1})),
        "body is of type dict; allowed are str and bytes",
    ),
    "headers as pairs": (Step("a", "b", headers=cast("dict[str, str]", [("x", "y")])), "headers is of type list"),
    "a name of config": (Step("a", "b", config=cast("StepConfig", {"max_attempts": 3})), "maxAttempts"),
}


@pytest.mark.parametrize("name", SLIPS)
@pytest.mark.parametrize("make", [create_message, create_command])
def test_a_slip_is_told_whatever_carries_the_request(
    name: str, make: Callable[[Sequence[Step], str, Mode], object]
) -> None:
    step, told = SLIPS[name]
    with pytest.raises(TypeError, match=told):
        make([Step("a", "b"), cast("Step", step)], "e", "raw")


@pytest.mark.parametrize("make", [create_message, create_command])
def test_a_mode_that_is_none_is_told(make: Callable[[Sequence[Step], str, Mode], object]) -> None:
    with pytest.raises(ValueError, match="mode is 'evets'; allowed are events, raw, both"):
        make([Step("a", "b")], "e", cast("Mode", "evets"))


def test_an_option_that_nobody_knows_is_told() -> None:
    with pytest.raises(TypeError, match=r"fallbacks is no option of a request; allowed are .*fallback, event_id"):
        steps_of("a", "b", None, cast("Options", {"fallbacks": []}))


def test_what_the_gateway_refuses_it_refuses_by_name() -> None:
    command = decode(create_message([Step("a", "b", config={"maxAttempts": "x"})], "e1", "raw").encode())
    assert isinstance(command, BadCreate)
    assert command.event_id == "e1"
    assert decode(cancel_message("ä\n").encode()) == Cancel("ä\n")


def test_a_step_shows_no_key() -> None:
    shown = repr(Step("a", "b", {"k": "canary"}, headers={"authorization": "canary"}))
    assert "canary" not in shown
    assert "'a'" in shown
