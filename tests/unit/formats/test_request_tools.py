"""Tools of the writers: notes, groups, ids and names that fit, arguments, data URLs."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.formats import request_tools as tools
from aigw_sansio.formats.translation import Note, Refused
from aigw_sansio.formats.usual import look_at
from aigw_sansio.prompt import (
    Blob,
    CustomTool,
    FunctionTool,
    NativeTool,
    Opaque,
    Prompt,
    Text,
    ToolCall,
    ToolChoice,
    Turn,
)

#: What a writer finds if there are none.
NO_TURNS = look_at(())

# -- notes and fields -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "sent"), [(None, None), (0.0, 0.0), (1.0, 1.0), (1.5, 1.0), (-0.1, 0.0)])
def test_clamp(value: float | None, sent: float | None) -> None:
    notes: list[Note] = []
    assert tools.clamp(notes, "temperature", value, 0, 1, "Cohere") == sent
    assert notes == ([] if sent == value else [Note("clamped", "temperature", "Cohere takes 0 to 1.")])


def test_clamp_list() -> None:
    notes: list[Note] = []
    assert tools.clamp_list(notes, "stop_sequences", ("a", "b"), 2, "X") == ("a", "b")
    assert notes == []
    assert tools.clamp_list(notes, "stop_sequences", ("a", "b", "c"), 2, "X") == ("a", "b")
    assert [note.kind for note in notes] == ["clamped"]


def test_what_is_not_supported_is_noted_field_by_field() -> None:
    notes: list[Note] = []
    prompt = Prompt(model="m", seed=7, temperature=0.5, metadata={"a": "b"}, stop_sequences=("x",), stream=True)
    assert tools.drop_unsupported(prompt, look_at(prompt.turns), notes, frozenset({"temperature"}), "Cohere") is None
    assert {(note.kind, note.field) for note in notes} == {
        ("dropped", "seed"),
        ("dropped", "metadata"),
        ("dropped", "stop_sequences"),
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"logprobs": 0},
        {"choice_count": 2},
        {"modalities": ("text", "audio")},
        {"previous_response_id": "r"},
        {"tools": (FunctionTool("f"),)},
    ],
)
def test_what_would_change_the_response_is_refused(fields: dict[str, Any]) -> None:
    found = tools.drop_unsupported(Prompt(**fields), NO_TURNS, [], frozenset(), "Cohere")
    assert isinstance(found, Refused)
    assert found.field == next(iter(fields))
    assert tools.drop_unsupported(Prompt(**fields), NO_TURNS, [], frozenset(fields), "Cohere") is None


@pytest.mark.parametrize(
    "fields", [{"choice_count": 1}, {"modalities": ("text",)}, {"presence_penalty": 0.0}, {"store": False}]
)
def test_what_happens_anyway_is_no_loss(fields: dict[str, Any]) -> None:
    notes: list[Note] = []
    assert tools.drop_unsupported(Prompt(**fields), NO_TURNS, notes, frozenset(), "Cohere") is None
    assert notes == []


def test_every_field_is_named_in_the_tables_once() -> None:
    """A field that is new in the prompt is unsupported until a writer says otherwise."""
    fields = {*Prompt.__struct_fields__}
    assert fields >= tools._EVERYWHERE | {*tools._NOT_WITHOUT} | {*tools._NEUTRAL}
    assert not tools._EVERYWHERE & ({*tools._NOT_WITHOUT} | {*tools._NEUTRAL})


def test_extra_goes_to_its_maker_only() -> None:
    prompt = Prompt(maker="cohere", extra={"safety_mode": "OFF", "model": "other"})
    body: dict[str, object] = {"model": "m"}
    notes: list[Note] = []
    tools.put_extra(prompt, notes, body, "cohere", "Cohere")
    assert body == {"model": "m", "safety_mode": "OFF"}
    assert [(note.kind, note.field) for note in notes] == [("dropped", "extra.model")]
    body, notes = {}, []
    tools.put_extra(prompt, notes, body, "openai", "OpenAI")
    assert body == {}
    assert [note.field for note in notes] == ["extra.safety_mode", "extra.model"]


def test_a_long_name_is_cut_in_a_note() -> None:
    notes: list[Note] = []
    tools.put_extra(Prompt(maker="a", extra={"x" * 1000: 1}), notes, {}, "b", "B")
    assert len(notes[0].field) < 80


def test_a_tier_is_a_word_of_its_vendor() -> None:
    notes: list[Note] = []
    prompt = Prompt(maker="openai", service_tier="flex")
    assert tools.own_tier(prompt, notes, "openai", "OpenAI") == "flex"
    assert notes == []
    assert tools.own_tier(prompt, notes, "anthropic", "Anthropic") is None
    assert [note.field for note in notes] == ["service_tier"]
    assert tools.own_tier(Prompt(), [], "anthropic", "Anthropic") is None


def test_opaque_data_is_for_its_maker() -> None:
    assert tools.own_data(Opaque("google", "abc"), "google") == "abc"
    assert tools.own_data(Opaque("google", "abc"), "anthropic") is None
    assert tools.own_data(None, "google") is None


# -- groups -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lacks", [{"seed"}, {"seed", "top_k"}])
def test_what_a_target_lacks_is_noted_if_it_is_set(lacks: set[str]) -> None:
    supported = frozenset(Prompt.__struct_fields__) - lacks
    notes: list[Note] = []
    assert tools.drop_unsupported(Prompt(max_tokens=9), NO_TURNS, notes, supported, "X") is None
    assert notes == []
    assert tools.drop_unsupported(Prompt(seed=1), NO_TURNS, notes, supported, "X") is None
    assert [note.field for note in notes] == ["seed"]


def test_names_of_participants_are_noted() -> None:
    notes: list[Note] = []
    tools.drop_names(look_at((Turn("user", (Text("a"),)), Turn("user", (Text("b"),), "Bo"))), notes, "Cohere")
    assert [note.field for note in notes] == ["turns[1].name"]


# -- tools ------------------------------------------------------------------------------------------------------------

ALPHABETS = {
    name: value for name, value in vars(tools).items() if isinstance(value, tools.Alphabet) and name.endswith("_IDS")
}
NAMES = {
    name: value for name, value in vars(tools).items() if isinstance(value, tools.Alphabet) and name.endswith("_NAMES")
}


@pytest.mark.parametrize("name", ALPHABETS)
@given(ids=st.lists(st.text(max_size=90), max_size=6))
def test_ids_fit_and_stay_apart(name: str, ids: list[str]) -> None:
    notes: list[Note] = []
    alphabet = ALPHABETS[name]
    ids = [*ids, "x" * 80 + "1", "x" * 80 + "2", "\ud800", ""]
    fitted = tools.IdMap(alphabet, notes)
    sent = [fitted.fit(one, "turns[0].parts[0]") for one in ids]
    pattern = alphabet.pattern or f"(?s:.{{1,{alphabet.size}}})"
    assert all(re.fullmatch(pattern, one) for one in sent)
    assert len({*sent}) == len({*ids})
    assert sent == [fitted.fit(one, "elsewhere") for one in ids]
    assert len(notes) == sum(not re.fullmatch(pattern, one) for one in {*ids})


@pytest.mark.parametrize("name", NAMES)
@given(names=st.lists(st.text(max_size=150), max_size=6))
def test_names_fit_and_lead_back(name: str, names: list[str]) -> None:
    notes: list[Note] = []
    alphabet = NAMES[name]
    fitted = tools.NameMap(alphabet, notes)
    names = [*names, "mcp.server/tool", "mcp.server:tool", "9lives" * 40, "", "good_name"]
    sent = [fitted.fit(one, "tools[0]") for one in names]
    assert all(re.fullmatch(alphabet.pattern, one) for one in sent)
    assert [fitted.originals.get(one, one) for one in sent] == names
    assert tools.original_names(tuple(FunctionTool(one) for one in names), alphabet) == fitted.originals


def test_a_tool_of_a_provider_has_no_name_to_map() -> None:
    assert tools.original_names((NativeTool("openai", {"type": "web_search"}),), tools.OPENAI_NAMES) == {}


def test_the_choice_leaves_tools_out() -> None:
    prompt = Prompt(
        tools=(FunctionTool("a"), FunctionTool("b"), NativeTool("x", {})), tool_choice=ToolChoice("auto", ("b",))
    )
    notes: list[Note] = []
    assert tools.chosen_tools(prompt, notes) == (FunctionTool("b"),)
    assert [note.field for note in notes] == ["tool_choice"]


def test_calls_of_a_tool_of_free_input_that_is_left_out_are_told() -> None:
    notes: list[Note] = []
    prompt = Prompt(tools=(CustomTool("sh"), FunctionTool("a")), tool_choice=ToolChoice("auto", ("a",)))
    assert tools.chosen_tools(prompt, notes) == (FunctionTool("a"),)
    assert [(note.kind, note.field) for note in notes] == [("mapped", "tool_choice"), ("mapped", "tools[0]")]


def test_a_choice_of_all_is_all() -> None:
    notes: list[Note] = []
    for choice in (None, ToolChoice("required"), ToolChoice("required", ("a",))):
        assert tools.chosen_tools(Prompt(tools=(FunctionTool("a"),), tool_choice=choice), notes) == (FunctionTool("a"),)
    assert notes == []


def test_a_choice_of_no_tool_is_refused() -> None:
    prompt = Prompt(tools=(FunctionTool("a"),), tool_choice=ToolChoice("required", ("a", "zzz")))
    found = tools.chosen_tools(prompt, [])
    assert isinstance(found, Refused)
    assert found.field == "tool_choice"


def test_a_tool_of_free_input_becomes_a_function() -> None:
    notes: list[Note] = []
    function = tools.as_function(CustomTool("sh", "runs"), notes, "tools[0]")
    assert (function.name, function.description) == ("sh", "runs")
    assert function.parameters is not None
    assert function.parameters["required"] == ["input"]
    assert [(note.kind, note.field) for note in notes] == [("mapped", "tools[0]")]


@pytest.mark.parametrize(
    ("text", "value", "noted"),
    [
        ("", {}, False),
        ("  ", {}, False),
        ('{"a": [1, 2]}', {"a": [1, 2]}, False),
        ("[1]", {"input": "[1]"}, True),
        ("{", {"input": "{"}, True),
        ("null", {"input": "null"}, True),
        ("[" * 5000, {"input": "[" * 5000}, True),
        ("\ud800", {"input": "\ud800"}, True),
    ],
)
def test_arguments_as_an_object(text: str, value: dict[str, object], noted: bool) -> None:
    notes: list[Note] = []
    assert tools.arguments_object(ToolCall("1", "f", text), notes, "turns[0].parts[0]") == value
    assert [note.field for note in notes] == (["turns[0].parts[0].arguments"] if noted else [])


def test_free_input_is_one_member() -> None:
    notes: list[Note] = []
    assert tools.arguments_object(ToolCall("1", "f", "{}", custom=True), notes, "x") == {"input": "{}"}
    assert notes == []


def test_efforts_and_budgets() -> None:
    for effort in ("none", "low", "medium", "high", "xhigh", "max"):
        assert tools.effort_of(tools.EFFORT_TOKENS[effort]) == effort  # type: ignore[index]
    assert tools.effort_of(1) == "low"
    assert tools.effort_of(10**9) == "max"


# -- data URLs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "blob"),
    [
        ("data:image/png;base64,aGk=", Blob("aGk=", "image/png")),
        ("DATA:image/png;BASE64,aGk=", Blob("aGk=", "image/png")),
        ("data:text/plain;charset=utf-8;base64,aGk=", Blob("aGk=", "text/plain;charset=utf-8")),
        ("data:,hi%20you", Blob("aGkgeW91", "text/plain")),
        ("data:;base64,aGk=", Blob("aGk=", "text/plain")),
        ("https://example.test/a.png", None),
        ("data:image/png", None),
        ("", None),
    ],
)
def test_data_urls(url: str, blob: Blob | None) -> None:
    assert tools.read_data_url(url) == blob


@given(st.binary(max_size=40), st.sampled_from(("image/png", "application/pdf", "text/plain;charset=utf-8")))
def test_a_data_url_is_read_as_it_was_written(content: bytes, mime_type: str) -> None:
    blob = Blob(msgspec.json.encode(content).decode().strip('"'), mime_type)
    assert tools.read_data_url(tools.data_url(blob)) == blob
