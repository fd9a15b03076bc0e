"""Settings of OpenAI Responses that have members of their own."""

from typing import Any

import pytest

from aigw_sansio.formats.openai import responses_settings as settings
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import CacheMark, OutputFormat, Prompt, ReasoningSettings


def reasoning(model: str = "gpt-5.6", **given: Any) -> tuple[object, list[tuple[str, str]]]:
    notes: list[Note] = []
    prompt = Prompt(model=model, reasoning=ReasoningSettings(**given))
    written = settings.write_reasoning(prompt, notes, settings.effort_for(prompt, notes))
    return written, [(note.kind, note.field) for note in notes]


@pytest.mark.parametrize(
    ("given", "written", "told"),
    [
        ({"effort": "high", "summary": "auto"}, {"effort": "high", "summary": "auto"}, []),
        ({"budget_tokens": 2000}, {"effort": "medium"}, ["reasoning.budget_tokens"]),
        ({"effort": "low", "budget_tokens": 9}, {"effort": "low"}, ["reasoning.budget_tokens"]),
        ({"visible": True}, {"summary": "auto"}, ["reasoning.visible"]),
        ({"visible": False, "summary": "auto"}, None, ["reasoning.visible"]),
        ({"visible": True, "summary": "auto"}, {"summary": "auto"}, ["reasoning.visible"]),
        ({"adaptive": True}, None, ["reasoning.adaptive"]),
        ({"adaptive": True, "effort": "max"}, {"effort": "max"}, ["reasoning.adaptive"]),
    ],
)
def test_reasoning(given: dict[str, Any], written: object, told: list[str]) -> None:
    sent, notes = reasoning(**given)
    assert sent == written
    assert [field for _, field in notes] == told


def test_models_that_do_not_reason_or_lack_a_word() -> None:
    assert reasoning("gpt-4o", effort="high") == (None, [("dropped", "reasoning")])
    assert reasoning("gpt-4o", effort="none") == (None, [])
    assert reasoning("gpt-5", effort="max") == ({"effort": "high"}, [("mapped", "reasoning.effort")])


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("gpt-4o", None, True),
        ("o3", None, False),
        ("gpt-5", "none", False),
        ("gpt-5.1", "none", True),
        ("x", None, True),
    ],
)
def test_sampling_is_for_models_that_do_not_reason(model: str, effort: Any, sent: bool) -> None:
    notes: list[Note] = []
    body: dict[str, Any] = {}
    prompt = Prompt(model=model, temperature=2.5, top_p=0.5)
    assert settings.write_sampling(prompt, notes, effort, body) == []
    assert body == ({"temperature": 2, "top_p": 0.5} if sent else {})
    assert [(note.kind, note.field) for note in notes] == (
        [("clamped", "temperature")] if sent else [("dropped", "temperature"), ("dropped", "top_p")]
    )


def test_log_probabilities() -> None:
    body: dict[str, Any] = {}
    assert settings.write_sampling(Prompt(model="gpt-4o", logprobs=30), [], None, body) == [settings.LOGPROBS]
    assert body == {"top_logprobs": 20}
    with pytest.raises(RequestRefused):
        settings.write_sampling(Prompt(model="o3", logprobs=0), [], None, {})


@pytest.mark.parametrize(
    ("body", "logprobs", "extra"),
    [
        ({}, None, {}),
        ({"include": [settings.LOGPROBS]}, 0, {}),
        ({"include": [settings.LOGPROBS], "top_logprobs": 2}, 2, {}),
        ({"top_logprobs": 0}, None, {}),
        ({"include": [settings.ENCRYPTED, "other"]}, None, {"include": ["other"]}),
    ],
)
def test_include(body: dict[str, Any], logprobs: int | None, extra: dict[str, Any]) -> None:
    kept: dict[str, Any] = {}
    assert settings.read_include(body, implied=True, extra=kept) == logprobs
    assert kept == extra


def test_the_least_number_of_tokens() -> None:
    notes: list[Note] = []
    body: dict[str, Any] = {}
    settings.write_sampling(Prompt(model="gpt-4o", max_tokens=5), notes, None, body)
    assert body == {"max_output_tokens": 16}
    assert [(note.kind, note.field) for note in notes] == [("clamped", "max_tokens")]


@pytest.mark.parametrize(
    ("format", "output"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, OutputFormat("json_object")),
        (
            {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": False, "description": "d"},
            OutputFormat("json_schema", "n", {"type": "object"}, False, "d"),
        ),
        ({"type": "json_schema", "name": "response", "schema": {}}, OutputFormat("json_schema", None, {})),
    ],
)
def test_the_form_of_the_output(format: Any, output: OutputFormat | None) -> None:
    assert settings.read_text({"text": {"format": format}}, {}) == (output, None)
    if output is not None:
        assert settings.write_text(Prompt(output=output)) == {"format": format}


def test_the_cache() -> None:
    notes: list[Note] = []
    assert settings.write_cache(Prompt(model="gpt-5.6", cache=CacheMark("5m")), notes) == {"mode": "implicit"}
    assert settings.write_cache(Prompt(model="gpt-5", cache=CacheMark()), notes) is None
    assert [(note.kind, note.field) for note in notes] == [("mapped", "cache.ttl"), ("dropped", "cache")]
    kept: dict[str, Any] = {}
    options = {"mode": "explicit", "ttl": "30m"}
    assert settings.read_cache({"prompt_cache_options": options}, kept) is None
    assert kept == {"prompt_cache_options": options}


def test_metadata_that_openai_does_not_take() -> None:
    notes: list[Note] = []
    many = {f"k{at}": "v" for at in range(17)}
    assert settings.write_metadata(Prompt(metadata={"long": "x" * 513, **many}), notes).keys() == set(list(many)[:16])
    assert [note.field for note in notes] == ["metadata.long", "metadata.k16"]
