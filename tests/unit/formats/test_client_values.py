"""What a client wrote is read strictly: the wrong type refuses it, and names the member."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import JSON

from aigw_sansio.formats import client_values as values
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.translation import Refused

GETTERS: list[Callable[..., object]] = [
    values.get_text,
    values.get_flag,
    values.get_number,
    values.get_integer,
    values.get_array,
    values.get_object,
]


@pytest.mark.parametrize("get", GETTERS)
def test_missing_and_null_are_unset(get: Callable[..., object]) -> None:
    assert get({}, "x") == get({"x": None}, "x")
    assert get({}, "x") in (None, [])


@pytest.mark.parametrize(
    ("get", "right", "wrong"),
    [
        (values.get_text, ["a", ""], [1, True, [], {}]),
        (values.get_flag, [True, False], [0, 1, "true", []]),
        (values.get_number, [0, 1.5, -3], [True, "1", float("nan"), float("inf"), 10**400, []]),
        (values.get_integer, [0, -7, 12.0], [True, 1.5, "1", 2**63, float("inf"), []]),
        (values.get_array, [[], [1]], [{}, "a", 1]),
        (values.get_object, [{}, {"a": 1}], [[], "a", 1]),
    ],
)
def test_types(get: Callable[..., object], right: list[object], wrong: list[object]) -> None:
    for value in right:
        assert get({"x": value}, "x") == value
    for value in wrong:
        with pytest.raises(RequestRefused) as refusing:
            get({"x": value}, "x", "messages[0].")
        assert refusing.value.refused.field == "messages[0].x"
        assert refusing.value.refused.why.startswith("It must be")
        large = (get is values.get_number and type(value) in (int, float)) or value == 2**63
        assert refusing.value.refused.problem == ("value" if large else "type")


def test_a_count_has_a_least_value() -> None:
    assert values.get_integer({"n": 1}, "n", least=1) == 1
    with pytest.raises(RequestRefused) as refusing:
        values.get_integer({"n": 0}, "n", least=1)
    assert refusing.value.refused == Refused("n", "It must be a whole number, 1 or more.", "value")


def test_what_must_be_there() -> None:
    assert values.need_text({"x": "a"}, "x") == "a"
    for value in (None, ""):
        with pytest.raises(RequestRefused):
            values.need_text({"x": value}, "x")
    for take in (values.as_text, values.as_object, values.as_array, values.as_number, values.members):
        with pytest.raises(RequestRefused):
            take(None, "x")


def test_members_are_the_readers_own() -> None:
    body: dict[str, object] = {"a": 1, "b": None, "c": {}}
    own = values.members(body, "x")
    assert own == {"a": 1, "c": {}}
    assert values.without(own, "a", "b") == {"c": {}}
    own.clear()
    assert len(body) == 3


def test_json_text() -> None:
    assert values.json_text({"a": [1]}, "x") == '{"a":[1]}'
    assert values.json_text({"a": 10**30}, "x") == '{"a":1' + "0" * 30 + "}"
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RequestRefused):
        values.json_text(deep, "x")


@given(JSON, st.sampled_from(GETTERS))
def test_nothing_else_is_raised(value: object, get: Callable[..., object]) -> None:
    with contextlib.suppress(RequestRefused):
        get({"x": value}, "x")


def test_words_for_effort() -> None:
    assert values.as_effort("xhigh") == values.need_effort("xhigh", "x") == "xhigh"
    for other in ("huge", "", None, 3, ["low"], {"low": 1}):
        assert values.as_effort(other) is None
        with pytest.raises(RequestRefused) as raised:
            values.need_effort(other, "reasoning.effort")
        assert raised.value.refused.field == "reasoning.effort"
        assert "minimal" in raised.value.refused.why
