"""The vocabulary of effects: the driver's orders, and the questions to the host."""

from math import inf, nan
from typing import Any, get_args

import msgspec
import pytest

from aigw_sansio import effects
from aigw_sansio.events import TextDelta
from aigw_sansio.ids import AskId, ConnId
from aigw_sansio.review import Passage
from aigw_sansio.secret import Secret

EFFECTS: tuple[type[msgspec.Struct], ...] = get_args(effects.Effect)
QUESTIONS: tuple[type[msgspec.Struct], ...] = get_args(effects.Question)
ANSWERS: list[type[msgspec.Struct]] = [answer for answers in effects.ANSWER_TYPES.values() for answer in answers]
CANARY = "canary"
FIELDS = effects.HeaderFields((("cookie", CANARY), ("x-team", "blue"), ("cookie", "b=2"), ("x-team", "red")))
#: Values for those that look at theirs.
MADE: dict[type[msgspec.Struct], tuple[Any, ...]] = {
    effects.Allowance: (),
    effects.Counted: (0, 1.0),
    effects.Denied: (429, 2003, "later", 1.0),
    effects.Key: (Secret(CANARY), FIELDS),
    effects.Released: ((CANARY,),),
}


def test_every_question_has_an_answer_of_its_own() -> None:
    assert set(effects.ANSWER_TYPES) == set(QUESTIONS)
    assert len(set(ANSWERS)) == len(ANSWERS)
    assert effects.Unavailable not in ANSWERS, "it answers every question"
    assert {*ANSWERS, effects.Unavailable} == {*get_args(effects.Answer)}


@pytest.mark.parametrize(
    "effect",
    [*EFFECTS, *QUESTIONS, *ANSWERS, effects.Tls, effects.Unavailable, effects.HeaderFields, effects.Allowance],
)
def test_a_value_of_the_contract_does_not_change(effect: type[msgspec.Struct]) -> None:
    assert effect.__struct_config__.frozen
    fields = [field.name for field in msgspec.structs.fields(effect)]
    values = MADE.get(effect, tuple(b"x" for _ in fields))
    made = effect(*values)
    assert made == effect(*values)
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
        effects.Authenticate("account", "gateway", None, path=f"/v1/a/g/{CANARY}", headers=FIELDS),
        effects.Admit("me", "account", "gateway", "openai", CANARY, CANARY, 1, {CANARY: CANARY}),
        effects.FindKey("me", "account", "gateway", "openai", CANARY),
        effects.Key(Secret(CANARY), FIELDS),
        effects.Review(
            "me", "a", "g", "p", "log", "stream", (Passage("text", CANARY),), (TextDelta(CANARY),), (b"canary",)
        ),
        Passage("text", CANARY),
        effects.Released((CANARY,)),
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


def test_header_fields_show_their_names() -> None:
    assert repr(FIELDS) == "HeaderFields(cookie, x-team, cookie, x-team)"


def test_header_fields_of_one_name_are_joined() -> None:
    assert FIELDS.get("cookie") == f"{CANARY}; b=2"
    assert FIELDS.get("x-team") == "blue, red"
    assert FIELDS.get("authorization") is None


@pytest.mark.parametrize("wrong", [{"status": 200}, {"status": 600}, {"retry_after_s": -1.0}, {"retry_after_s": inf}])
def test_a_denial_is_an_error_of_http(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"denied.{next(iter(wrong))} is .*; allowed is"):
        effects.Denied(**{"status": 429, **wrong})


@pytest.mark.parametrize("wrong", [{"exchanges": 0}, {"session_s": 0.0}, {"session_s": nan}])
def test_an_allowance_allows_something(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="allowed is any number above 0"):
        effects.Allowance(**wrong)


@pytest.mark.parametrize(
    "field", [("bad name", CANARY), ("x-team", f"{CANARY}\r\nx: y"), ("", CANARY), ("x", "\u20ac")]
)
def test_a_found_key_has_headers_that_can_be_sent(field: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be sent") as caught:
        effects.Key(None, effects.HeaderFields((field,)))
    assert CANARY not in str(caught.value)


def test_a_released_text_can_be_written() -> None:
    with pytest.raises(ValueError, match=r"released.texts\[1\] has half of a surrogate pair; allowed is text"):
        effects.Released((CANARY, "\ud800"))


@pytest.mark.parametrize("effect", [one for one in EFFECTS if not one.__struct_config__.gc])
def test_effects_that_the_collector_does_not_follow_hold_no_container(effect: type[msgspec.Struct]) -> None:
    """``gc=False`` is for values that cannot be part of a cycle."""
    assert {field.type for field in msgspec.structs.fields(effect)} <= {ConnId, AskId, int, bool}
