"""The vocabulary of effects: the driver's orders, and the questions to the host."""

from typing import Any, get_args

import msgspec
import pytest

from aigw_sansio import effects
from aigw_sansio.ids import AskId, ConnId
from aigw_sansio.secret import Secret

EFFECTS: tuple[type[msgspec.Struct], ...] = get_args(effects.Effect)
QUESTIONS: tuple[type[msgspec.Struct], ...] = get_args(effects.Question)
ANSWERS: dict[Any, Any] = dict(effects.ANSWER_TYPE)
CANARY = "canary"


def test_every_question_has_an_answer_of_its_own() -> None:
    assert set(ANSWERS) == set(QUESTIONS)
    assert len(set(ANSWERS.values())) == len(QUESTIONS)
    assert effects.Unavailable not in ANSWERS.values(), "it answers every question"


@pytest.mark.parametrize("effect", [*EFFECTS, *QUESTIONS, *ANSWERS.values(), effects.Tls, effects.Unavailable])
def test_a_value_of_the_contract_does_not_change(effect: type[msgspec.Struct]) -> None:
    assert effect.__struct_config__.frozen
    fields = [field.name for field in msgspec.structs.fields(effect)]
    made = effect(**dict.fromkeys(fields, b"x"))
    assert made == effect(**dict.fromkeys(fields, b"x"))
    for field in fields:
        with pytest.raises(AttributeError):
            setattr(made, field, b"y")


@pytest.mark.parametrize(
    "value",
    [
        effects.Authenticate("account", "gateway", Secret(CANARY)),
        effects.Sign(Secret(CANARY), b"message"),
        effects.Signed(CANARY.encode()),
        effects.FetchMedia("account", "gateway", None, f"https://a.test/{CANARY}", 9),
        effects.FetchedMedia(CANARY.encode(), CANARY),
        effects.Ask(AskId(1), effects.Sign(Secret(CANARY), b"message"), 1.0),
        effects.Ask(AskId(1), effects.Authenticate("account", "gateway", Secret(CANARY)), 1.0),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_shows_a_secret(value: msgspec.Struct) -> None:
    assert CANARY not in repr(value)
    assert CANARY not in str(value)


def test_a_host_that_is_asked_nothing_refuses() -> None:
    """A host may leave out the principal, but not the verdict."""
    with pytest.raises(TypeError):
        effects.Authenticated()  # type: ignore[call-arg]
    assert effects.Authenticated(True).principal is None


@pytest.mark.parametrize("effect", [one for one in EFFECTS if not one.__struct_config__.gc])
def test_effects_that_the_collector_does_not_follow_hold_no_container(effect: type[msgspec.Struct]) -> None:
    """``gc=False`` is for values that cannot be part of a cycle."""
    assert {field.type for field in msgspec.structs.fields(effect)} <= {ConnId, AskId, int, bool}
