"""Settings of Gemini requests: sampling, thinking, the form of the response."""

from typing import Any

import pytest

from aigw_sansio.formats.gemini.models import rules_of
from aigw_sansio.formats.gemini.settings import write_settings
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import FunctionTool, OutputFormat, Prompt, ReasoningSettings, ToolChoice


def settings(
    *, model: str = "gemini-3-pro", vertex: bool = False, notes: list[Note] | None = None, **fields: Any
) -> Any:
    return write_settings(Prompt(**fields), [] if notes is None else notes, rules_of(model), vertex=vertex)


@pytest.mark.parametrize(
    ("fields", "written", "told"),
    [
        ({"max_tokens": 5, "top_k": 3, "seed": 7}, {"maxOutputTokens": 5, "topK": 3, "seed": 7}, []),
        ({"temperature": 1.5, "top_p": 0.5}, {"temperature": 1.5, "topP": 0.5}, []),
        ({"temperature": 3.0, "top_p": 2.0}, {"temperature": 2, "topP": 1}, ["temperature", "top_p"]),
        ({"stop_sequences": tuple("abcdef")}, {"stopSequences": list("abcde")}, ["stop_sequences"]),
        ({"seed": 2**40}, {}, ["seed"]),
        ({"logprobs": 0}, {"responseLogprobs": True}, []),
        ({"logprobs": 5}, {"responseLogprobs": True, "logprobs": 5}, []),
        ({"choice_count": 1}, {}, []),
        ({"choice_count": 8}, {"candidateCount": 8}, []),
        ({"modalities": ("text",)}, {}, []),
        ({"modalities": ("text", "image")}, {"responseModalities": ["TEXT", "IMAGE"]}, []),
        (
            {"presence_penalty": 1.0, "frequency_penalty": -3.0},
            {"presencePenalty": 1.0, "frequencyPenalty": -2},
            ["frequency_penalty"],
        ),
    ],
)
def test_settings(fields: dict[str, Any], written: object, told: list[str]) -> None:
    notes: list[Note] = []
    assert settings(notes=notes, **fields) == written
    assert [note.field for note in notes] == told


def test_penalties_of_gemini_2_5_are_for_vertex() -> None:
    notes: list[Note] = []
    assert settings(model="gemini-2.5-flash", presence_penalty=1.0, frequency_penalty=0.0, notes=notes) == {}
    assert [note.field for note in notes] == ["presence_penalty"]
    assert settings(model="gemini-2.5-flash", presence_penalty=1.0, vertex=True) == {"presencePenalty": 1.0}


@pytest.mark.parametrize("fields", [{"choice_count": 9}, {"modalities": ("smell",)}])
def test_what_would_change_the_response_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(RequestRefused):
        settings(**fields)


# -- the form of the response -----------------------------------------------------------------------------------------


def test_the_form_of_the_response() -> None:
    assert settings(output=OutputFormat("json_object")) == {"responseMimeType": "application/json"}
    notes: list[Note] = []
    output = OutputFormat("json_schema", "n", {"properties": {"a": {"const": 1}}}, True, "d")
    assert settings(output=output, notes=notes) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"properties": {"a": {"enum": [1]}}},
    }
    assert [note.field for note in notes] == ["output.name", "output.description"]


def test_before_gemini_3_it_does_not_go_together_with_tools() -> None:
    fields: dict[str, Any] = {"output": OutputFormat("json_object"), "tools": (FunctionTool("f"),)}
    assert settings(**fields) == {"responseMimeType": "application/json"}
    with pytest.raises(RequestRefused) as caught:
        settings(model="gemini-2.5-pro", **fields)
    assert caught.value.refused.field == "output"


# -- thinking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "given", "config", "told"),
    [
        ("gemini-2.5-flash", {"effort": "none"}, {"thinkingBudget": 0}, []),
        ("gemini-2.5-pro", {"effort": "none"}, {"thinkingBudget": 128}, ["reasoning.effort"]),
        ("gemini-2.5-flash", {"effort": "minimal"}, {"thinkingBudget": 1}, ["reasoning.effort"]),
        ("gemini-2.5-pro", {"effort": "minimal"}, {"thinkingBudget": 128}, ["reasoning.effort"]),
        ("gemini-2.5-flash-lite", {"effort": "minimal"}, {"thinkingBudget": 512}, ["reasoning.effort"]),
        ("gemini-2.5-flash", {"effort": "medium"}, {"thinkingBudget": 2048}, ["reasoning.effort"]),
        ("gemini-2.5-flash", {"budget_tokens": 10**6}, {"thinkingBudget": 24_576}, ["reasoning.budget_tokens"]),
        ("gemini-2.5-flash-lite", {"budget_tokens": 100}, {"thinkingBudget": 512}, ["reasoning.budget_tokens"]),
        ("gemini-2.5-flash-lite", {"budget_tokens": 0}, {"thinkingBudget": 0}, []),
        ("gemini-2.5-pro", {"budget_tokens": 300, "effort": "low"}, {"thinkingBudget": 300}, ["reasoning.effort"]),
        ("gemini-2.5-pro", {"adaptive": True}, {"thinkingBudget": -1}, []),
        ("gemini-3-flash", {"effort": "minimal"}, {"thinkingLevel": "MINIMAL"}, []),
        ("gemini-3-flash", {"effort": "none"}, {"thinkingLevel": "MINIMAL"}, ["reasoning.effort"]),
        ("gemini-3-pro-preview", {"effort": "none"}, {"thinkingLevel": "LOW"}, ["reasoning.effort"]),
        ("gemini-3-pro-preview", {"effort": "medium"}, {"thinkingLevel": "HIGH"}, ["reasoning.effort"]),
        ("gemini-3.1-pro", {"effort": "medium"}, {"thinkingLevel": "MEDIUM"}, []),
        ("gemini-3.1-pro", {"effort": "minimal"}, {"thinkingLevel": "LOW"}, ["reasoning.effort"]),
        ("gemini-3-flash", {"effort": "max"}, {"thinkingLevel": "HIGH"}, ["reasoning.effort"]),
        ("gemini-3-flash", {"budget_tokens": 1024}, {"thinkingLevel": "LOW"}, ["reasoning.budget_tokens"]),
        (
            "gemini-3-flash",
            {"budget_tokens": 9, "effort": "high"},
            {"thinkingLevel": "HIGH"},
            ["reasoning.budget_tokens"],
        ),
        ("gemini-3-flash", {"adaptive": True}, None, ["reasoning.adaptive"]),
        ("gemini-3-flash", {"visible": True}, {"includeThoughts": True}, []),
        ("gemini-3-flash", {"visible": False, "summary": "auto"}, {"includeThoughts": False}, []),
        ("gemini-3-flash", {"summary": "detailed"}, {"includeThoughts": True}, ["reasoning.summary"]),
        ("gemini-2.0-flash", {"effort": "low"}, None, ["reasoning"]),
        ("gemini-2.0-flash", {"effort": "none"}, None, []),
        ("gemma-3-27b", {"budget_tokens": 5}, None, ["reasoning"]),
    ],
)
def test_thinking(model: str, given: dict[str, Any], config: object, told: list[str]) -> None:
    notes: list[Note] = []
    written = settings(model=model, reasoning=ReasoningSettings(**given), notes=notes)
    assert written == ({} if config is None else {"thinkingConfig": config})
    assert [note.field for note in notes] == told


def test_tools_that_may_not_be_called_do_not_matter() -> None:
    written = settings(
        model="gemini-2.5-pro",
        output=OutputFormat("json_object"),
        tools=(FunctionTool("f"),),
        tool_choice=ToolChoice("none"),
    )
    assert written == {"responseMimeType": "application/json"}
