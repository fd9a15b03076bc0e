import pytest

from aigw_sansio.formats.gemini.declarations import name_map
from aigw_sansio.formats.gemini.models import rules_of
from aigw_sansio.formats.gemini.plain import NO_SIGNATURE, write_plain
from aigw_sansio.formats.plain.conversation import Answered, Asked, Call, Function, Item, NotPlain, Result, plain_of
from aigw_sansio.prompt import JsonObject

CALLS = Answered("I look.", [Call("a", Function("f", '{"b": 1}')), Call("c", Function("g", ""))])
RESULTS = (Result("a", '{"d": 1}'), Result("c", "2"))


def write(*items: Item, model: str = "gemini-2.5-flash", vertex: bool = False) -> list[JsonObject]:
    plain, contents = plain_of(items), list[JsonObject]()
    assert plain is not None
    write_plain(plain, name_map([]), rules_of(model), contents, vertex=vertex)
    return contents


def test_contents_of_calls_and_their_responses() -> None:
    assert write(Asked("A"), Asked("B"), CALLS, *RESULTS, Asked("C")) == [
        {"role": "user", "parts": [{"text": "A"}, {"text": "B"}]},
        {
            "role": "model",
            "parts": [
                {"text": "I look."},
                {"functionCall": {"id": "a", "name": "f", "args": {"b": 1}}},
                {"functionCall": {"id": "c", "name": "g", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "a", "name": "f", "response": {"d": 1}}},
                {"functionResponse": {"id": "c", "name": "g", "response": {"output": "2"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "C"}]},
    ]


def test_vertex_takes_no_ids() -> None:
    contents = write(CALLS, *RESULTS, vertex=True)
    assert contents[0]["parts"][1] == {"functionCall": {"name": "f", "args": {"b": 1}}}  # type: ignore[index]
    assert contents[1]["parts"][1] == {"functionResponse": {"name": "g", "response": {"output": "2"}}}  # type: ignore[index]


def test_the_first_call_is_signed_for_a_model_that_wants_it() -> None:
    (content, _) = write(CALLS, *RESULTS, model="gemini-3-pro")
    parts = content["parts"]
    assert type(parts) is list
    assert [part.get("thoughtSignature") for part in parts] == [None, NO_SIGNATURE, None]


def test_two_messages_of_the_model_and_calls_for_gemma_are_not_plain() -> None:
    with pytest.raises(NotPlain):
        write(Answered("A"), Answered("B"))
    with pytest.raises(NotPlain):
        write(CALLS, *RESULTS, model="gemma-3")
    assert write(Asked("A"), model="gemma-3") == [{"role": "user", "parts": [{"text": "A"}]}]
