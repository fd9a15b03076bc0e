"""What the writers for Cohere and Ollama share."""

import pytest

from aigw_sansio.formats import cohere_request, ollama_request
from aigw_sansio.formats.few_members import functions_of, refusal_as_text, schema_alone, unplaced
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.request_functions import WriteRequest
from aigw_sansio.formats.translation import Note, WireRequest
from aigw_sansio.prompt import (
    Audio,
    Blob,
    CustomTool,
    FunctionTool,
    Native,
    NativeTool,
    OutputFormat,
    Part,
    Prompt,
    Reasoning,
    Refusal,
    Role,
    Turn,
)

CALL = FunctionTool("a")
FREE = CustomTool("b")


def test_functions_keep_their_places_in_the_request() -> None:
    notes: list[Note] = []
    found = functions_of([FREE], Prompt(tools=(CALL, FREE)), notes)
    ((tool, field),) = found
    assert (type(tool), tool.name, field) == (FunctionTool, "b", "tools[1]")
    assert [note.field for note in notes] == ["tools[1]"]
    assert functions_of([CALL], Prompt(tools=(FREE, CALL)), []) == [(CALL, "tools[1]")]


def test_a_tool_that_its_vendor_runs_is_refused() -> None:
    search = NativeTool("openai", {"type": "web_search"})
    with pytest.raises(RequestRefused) as raised:
        functions_of([search], Prompt(tools=(CALL, search)), [])
    assert raised.value.refused.field == "tools[1]"


def test_what_only_its_vendor_understands_is_dropped() -> None:
    notes: list[Note] = []
    unplaced(Native("openai", {}), notes, "turns[0].parts[0]", "Cohere")
    assert [(note.kind, note.field) for note in notes] == [("dropped", "turns[0].parts[0]")]


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (Reasoning("hm"), "No such part belongs in a message of this role."),
        (Audio(Blob("AAAA", "audio/mpeg")), "Ollama takes no audio."),
    ],
)
def test_what_has_no_place_is_refused(part: Part, why: str) -> None:
    with pytest.raises(RequestRefused) as raised:
        unplaced(part, [], "turns[0].parts[0]", "Ollama")
    assert raised.value.refused.why == why


def test_names_of_an_output_are_dropped() -> None:
    notes: list[Note] = []
    schema_alone(OutputFormat("json_schema", name="n", schema={}, description="d"), notes, "Cohere")
    assert [note.field for note in notes] == ["output.name", "output.description"]


def test_a_refusal_is_told() -> None:
    notes: list[Note] = []
    assert refusal_as_text(Refusal("No."), notes, "x", "Ollama") == "No."
    assert [(note.kind, note.field) for note in notes] == [("mapped", "x")]


@pytest.mark.parametrize("write", [cohere_request.write_request, ollama_request.write_request])
@pytest.mark.parametrize("role", ["user", "assistant", "system"])
def test_a_refusal_is_told_whoever_said_it(write: WriteRequest, role: Role) -> None:
    notes: list[Note] = []
    written = write(Prompt(model="m", turns=(Turn(role, (Refusal("No."),)),)), notes)
    assert isinstance(written, WireRequest)
    assert [(note.kind, note.field) for note in notes] == [("mapped", "turns[0].parts[0]")]
