"""Contents of Gemini requests: roles, signatures, calls and responses."""

from typing import Any

import pytest

from aigw_sansio.formats.gemini.contents import ContentWriter
from aigw_sansio.formats.gemini.declarations import name_map
from aigw_sansio.formats.gemini.models import rules_of
from aigw_sansio.formats.gemini.plain import NO_SIGNATURE
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.translation import Note
from aigw_sansio.formats.usual import look_at
from aigw_sansio.prompt import (
    Audio,
    Blob,
    CacheMark,
    File,
    Image,
    Native,
    Opaque,
    Part,
    PlainText,
    Prompt,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolCallResponse,
    Turn,
)

G = Opaque("google", "sig")
PICTURE = Image(Blob("AA", "image/png"))
USER = Turn("user", (Text("q"),))


def contents(
    *turns: Turn, model: str = "gemini-3-pro", vertex: bool = False, maker: str = "", notes: list[Note] | None = None
) -> list[Any]:
    told: list[Note] = [] if notes is None else notes
    prompt = Prompt(model=model, turns=turns, maker=maker)
    return ContentWriter(prompt, look_at(turns), told, name_map(told), rules_of(model), vertex=vertex).write()


def model_parts(*parts: Part, **more: Any) -> Any:
    (content,) = contents(Turn("assistant", parts), **more)
    assert content["role"] == "model"
    return content["parts"]


def test_roles_and_neighbours() -> None:
    notes: list[Note] = []
    written = contents(
        USER,
        Turn("system", (Text("s"),)),
        Turn("assistant", (Text("a"),)),
        Turn("assistant", (Text("b"),)),
        Turn("user", ()),
        Turn("user", (Text("c"),), name="ann"),
        notes=notes,
    )
    assert [(content["role"], [part["text"] for part in content["parts"]]) for content in written] == [
        ("user", ["q", "s"]), ("model", ["a", "b"]), ("user", ["c"]),
    ]  # fmt: skip
    assert [(note.kind, note.field) for note in notes] == [("dropped", "turns[5].name"), ("mapped", "turns[1]")]


# -- signatures -------------------------------------------------------------------------------------------------------


def test_a_signature_goes_back_in_its_part() -> None:
    parts = model_parts(Text("a", opaque=G), ToolCall("c", "f", "{}", opaque=Opaque("google", "call")))
    assert parts == [
        {"text": "a", "thoughtSignature": "sig"},
        {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": "call"},
    ]


@pytest.mark.parametrize(
    ("model", "needed"), [("gemini-3-pro", True), ("gemini-flash-latest", True), ("gemini-2.5-pro", False)]
)
def test_the_first_call_of_a_step_has_one(model: str, needed: bool) -> None:
    notes: list[Note] = []
    calls = (ToolCall("a", "f", "{}", opaque=Opaque("openai", "x")), ToolCall("b", "f", "{}"))
    parts = model_parts(Text("t"), *calls, model=model, notes=notes)
    assert [part.get("thoughtSignature") for part in parts] == [None, NO_SIGNATURE if needed else None, None]
    told = [("dropped", "turns[0].parts[1].opaque"), *([("mapped", "turns")] if needed else [])]
    assert [(note.kind, note.field) for note in notes] == told


def test_each_step_of_several_rounds_has_its_own() -> None:
    def step(at: int, opaque: Opaque | None) -> tuple[Turn, Turn]:
        call = Turn("assistant", (ToolCall(f"c{at}", "f", "{}", opaque=opaque),))
        return call, Turn("tool", (ToolCallResponse(f"c{at}", (Text("x"),)),))

    written = contents(USER, *step(1, G), *step(2, None))
    assert [content["role"] for content in written] == ["user", "model", "user", "model", "user"]
    assert [content["parts"][0].get("thoughtSignature") for content in written] == [
        None,
        "sig",
        None,
        NO_SIGNATURE,
        None,
    ]


@pytest.mark.parametrize(
    ("parts", "written"),
    [
        # carried as reasoning by a client without a place for it
        (
            (Reasoning("hm", G), ToolCall("c", "f", "{}")),
            [{"text": "hm", "thought": True}, {"functionCall": "f", "thoughtSignature": "sig"}],
        ),
        (
            (Reasoning("", G), Text("t"), ToolCall("c", "f", "{}")),
            [{"text": "t"}, {"functionCall": "f", "thoughtSignature": "sig"}],
        ),
        ((Text("t"), Reasoning("", G)), [{"text": "t", "thoughtSignature": "sig"}]),
        ((Reasoning("", G),), [{"text": "", "thoughtSignature": "sig"}]),
        ((Reasoning("hm", G),), [{"text": "hm", "thought": True}, {"text": "", "thoughtSignature": "sig"}]),
        (
            (Text("t"), Reasoning("", G), Reasoning("", Opaque("google", "2")), ToolCall("c", "f", "{}")),
            [{"text": "t", "thoughtSignature": "sig"}, {"functionCall": "f", "thoughtSignature": "2"}],
        ),
    ],
)
def test_a_signature_that_came_with_reasoning(parts: tuple[Part, ...], written: list[Any]) -> None:
    found = model_parts(*parts)
    assert [{**part, "functionCall": "f"} if "functionCall" in part else part for part in found] == written


def test_reasoning_of_others_is_told() -> None:
    notes: list[Note] = []
    parts = model_parts(Reasoning("a"), Reasoning("b", Opaque("anthropic", "s")), Text("t"), notes=notes)
    assert parts == [{"text": "t"}]
    assert [(note.kind, note.field) for note in notes] == [
        ("dropped", "turns[0].parts[0]"), ("dropped", "turns[0].parts[1]"),
    ]  # fmt: skip


# -- calls and responses ----------------------------------------------------------------------------------------------


def round_of(*responses: ToolCallResponse, calls: int = 1, **more: Any) -> list[Any]:
    call = Turn("assistant", tuple(ToolCall(f"c{at}", f"f{at}", "{}") for at in range(calls)))
    return contents(USER, call, *(Turn("tool", (response,)) for response in responses), **more)[2:]


def response(*given: Any, **more: Any) -> Any:
    ((part,),) = (content["parts"] for content in round_of(ToolCallResponse("c0", given, **more)))
    return part["functionResponse"]


@pytest.mark.parametrize("vertex", [False, True])
def test_responses_are_one_content_in_the_order_of_the_calls(vertex: bool) -> None:
    (content,) = round_of(
        ToolCallResponse("c1", (Text("b"),)), ToolCallResponse("c0", (Text("a"),)), calls=2, vertex=vertex
    )
    assert content == {
        "role": "user",
        "parts": [
            {
                "functionResponse": {
                    **({} if vertex else {"id": f"c{at}"}),
                    "name": f"f{at}",
                    "response": {"output": text},
                }
            }
            for at, text in enumerate("ab")
        ],
    }


def test_ids_that_come_again_mean_the_last_call() -> None:
    def step(name: str) -> tuple[Turn, Turn]:
        return Turn("assistant", (ToolCall("0", name, "{}"),)), Turn("tool", (ToolCallResponse("0", (Text("x"),)),))

    written = contents(USER, *step("f"), *step("g"))
    assert [written[at]["parts"][0]["functionResponse"]["name"] for at in (2, 4)] == ["f", "g"]


def test_a_response_that_is_missing_or_has_no_call_is_refused() -> None:
    with pytest.raises(RequestRefused) as caught:
        round_of(ToolCallResponse("c0"), calls=2)
    assert caught.value.refused.field == "turns[2].parts[0]"
    with pytest.raises(RequestRefused):
        contents(Turn("tool", (ToolCallResponse("x"),)))
    (content,) = contents(Turn("tool", (ToolCallResponse("x", name="f"),)))
    assert content["parts"][0]["functionResponse"]["name"] == "f"


@pytest.mark.parametrize(
    ("given", "error", "value"),
    [
        ((Text("sunny"),), False, {"output": "sunny"}),
        ((Text("a"), Text("b")), False, {"output": "a\nb"}),
        ((Text('{"a": 1}'),), False, {"a": 1}),
        ((Text('{"a": '),), False, {"output": '{"a": '}),
        ((Text("[1]"),), False, {"output": "[1]"}),
        ((Text("bad"),), True, {"error": "bad"}),
        ((), False, {"output": ""}),
        ((File(PlainText("t")),), False, {"output": "t"}),
    ],
)
def test_a_response_is_an_object(given: Any, error: bool, value: object) -> None:
    assert response(*given, is_error=error)["response"] == value


def test_media_are_in_the_response_from_gemini_3_on() -> None:
    told = response(Text("here"), PICTURE)
    assert told["response"] == {"output": "here"}
    assert told["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "AA"}}]
    assert response(PICTURE)["response"] == {}


@pytest.mark.parametrize(
    ("part", "model"), [(PICTURE, "gemini-2.5-flash"), (Audio(Blob("AA", "audio/wav")), "gemini-3-pro")]
)
def test_other_media_stand_beside_it(part: Any, model: str) -> None:
    notes: list[Note] = []
    responses, beside = round_of(ToolCallResponse("c0", (part,)), model=model, notes=notes)
    assert len(responses["parts"]) == 1
    assert "parts" not in responses["parts"][0]["functionResponse"]
    assert (beside["role"], beside["parts"][0]) == ("user", {"text": "From the tool f0:"})
    assert beside["parts"][1].keys() == {"inlineData"}
    assert ("mapped", "turns[2].parts[0].response[0]") in [(note.kind, note.field) for note in notes]


def test_the_users_next_text_is_not_in_the_content_of_responses() -> None:
    call = Turn("assistant", (ToolCall("c", "f", "{}"),))
    written = contents(USER, call, Turn("tool", (ToolCallResponse("c"),)), USER, USER)
    assert [len(content["parts"]) for content in written] == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("call", "args", "told"),
    [
        (ToolCall("c", "f"), {}, 0),
        (ToolCall("c", "f", '{"a":1}'), {"a": 1}, 0),
        (ToolCall("c", "f", "[1]"), {"input": "[1]"}, 1),
        (ToolCall("c", "f", "free", custom=True), {"input": "free"}, 0),
    ],
)
def test_arguments_are_an_object(call: ToolCall, args: object, told: int) -> None:
    notes: list[Note] = []
    (part,) = model_parts(call, notes=notes, model="gemini-2.5-pro")
    assert part["functionCall"]["args"] == args
    assert len(notes) == told


def test_gemma_has_no_calls() -> None:
    with pytest.raises(RequestRefused):
        model_parts(ToolCall("c", "f"), model="gemma-3")


# -- other parts ------------------------------------------------------------------------------------------------------


def test_what_is_lost_of_parts_is_told() -> None:
    notes: list[Note] = []
    (content,) = contents(
        Turn(
            "user",
            (
                Text("a", CacheMark(), extra={"citations": []}),
                Image(Blob("AA", "image/png"), "high"),
                File(Blob("AA", "application/pdf"), "n", "c", citations=True),
                Native("anthropic", {"type": "container_upload"}),
            ),
            extra={"x": 1},
        ),
        maker="anthropic",
        notes=notes,
    )
    assert len(content["parts"]) == 3
    assert {note.kind for note in notes} == {"dropped"}
    assert [note.field.removeprefix("turns[0].") for note in notes] == [
        "extra.x", "parts[0].cache", "parts[0].extra.citations", "parts[1].detail", "parts[2].name", "parts[2].context",
        "parts[2].citations", "parts[3]",
    ]  # fmt: skip


def test_blocks_of_google_go_back_and_refusals_are_text() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    assert model_parts(Native("google", code), Refusal("no")) == [code, {"text": "no"}]
