"""How much a model is to think: read from every member that says it, and written in each server's words."""

from collections.abc import Callable

import pytest

from aigw_sansio.formats.openai import reasoning_settings as settings
from aigw_sansio.formats.openai.quirks import LOOK_ALIKES, OPENAI
from aigw_sansio.formats.refusing import RequestRefused
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import Effort, FunctionTool, JsonObject, Prompt, ReasoningSettings


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, None),
        ({"reasoning_effort": "high"}, ReasoningSettings("high")),
        ({"reasoning_effort": "none"}, ReasoningSettings("none")),
        ({"reasoning": {"effort": "low", "exclude": True}}, ReasoningSettings("low", visible=False)),
        ({"reasoning": {"max_tokens": 2000}}, ReasoningSettings(budget_tokens=2000)),
        ({"reasoning": {"enabled": False}}, ReasoningSettings("none")),
        ({"reasoning": {"enabled": True, "summary": "auto"}}, ReasoningSettings(adaptive=True, summary="auto")),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, ReasoningSettings(budget_tokens=9)),
        ({"thinking": {"type": "disabled"}}, ReasoningSettings("none")),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "max"}, ReasoningSettings("max", adaptive=True)),
    ],
)
def test_reading(body: JsonObject, found: ReasoningSettings | None) -> None:
    notes: list[Note] = []
    assert settings.read_settings(body, notes, {}) == found
    assert notes == []


def test_a_word_that_is_not_known_stays_as_it_is() -> None:
    extra: JsonObject = {}
    assert settings.read_settings({"reasoning_effort": "default"}, [], extra) is None
    assert extra == {"reasoning_effort": "default"}
    with pytest.raises(RequestRefused):
        settings.read_settings({"reasoning": {"effort": "very"}}, [], {})


def test_members_that_are_not_known_are_noted() -> None:
    notes: list[Note] = []
    settings.read_settings({"thinking": {"type": "enabled", "clear_thinking": False}}, notes, {})
    assert [note.field for note in notes] == ["thinking.clear_thinking"]


def members(
    target: str, model: str, reasoning: ReasoningSettings | None, **more: object
) -> tuple[JsonObject, list[str]]:
    notes: list[Note] = []
    write: Callable[[Prompt, list[Note]], JsonObject] = (
        OPENAI if target == "openai" else LOOK_ALIKES[target]
    ).write_reasoning
    prompt = Prompt(model=model, reasoning=reasoning, **more)  # type: ignore[arg-type]
    return write(prompt, notes), [f"{note.kind} {note.field}" for note in notes]


@pytest.mark.parametrize(
    ("target", "model", "effort", "written"),
    [
        ("openai", "gpt-5.4", "xhigh", {"reasoning_effort": "xhigh"}),
        ("openai", "my-deployment", "minimal", {"reasoning_effort": "minimal"}),
        ("deepseek", "deepseek-v4-pro", "none", {"thinking": {"type": "disabled"}}),
        ("deepseek", "deepseek-v4-pro", "high", {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        ("groq", "openai/gpt-oss-20b", "low", {"reasoning_effort": "low"}),
        ("groq", "qwen/qwen3-32b", "none", {"reasoning_effort": "none"}),
        ("openrouter", "a/b", "high", {"reasoning": {"effort": "high"}}),
        ("openrouter", "a/b", "none", {"reasoning": {"effort": "none"}}),
        ("perplexity", "sonar-reasoning-pro", "medium", {"reasoning_effort": "medium"}),
        ("cerebras", "gpt-oss-120b", "high", {"reasoning_effort": "high"}),
        ("xai", "grok-4.3", "low", {"reasoning_effort": "low"}),
        ("fireworks", "m", "none", {"reasoning_effort": "none"}),
        ("vllm", "m", "none", {"chat_template_kwargs": {"enable_thinking": False}}),
        ("llamacpp", "m", "low", {"chat_template_kwargs": {"enable_thinking": True}, "reasoning_effort": "low"}),
    ],
)
def test_words_that_a_target_takes(target: str, model: str, effort: Effort, written: JsonObject) -> None:
    assert members(target, model, ReasoningSettings(effort)) == (written, [])


@pytest.mark.parametrize(
    ("target", "model", "asked", "written", "note"),
    [
        ("openai", "o3", ReasoningSettings("max"), {"reasoning_effort": "high"}, "mapped reasoning.effort"),
        ("openai", "gpt-5", ReasoningSettings("none"), {"reasoning_effort": "minimal"}, "mapped reasoning.effort"),
        ("openai", "gpt-4o", ReasoningSettings("low"), {}, "dropped reasoning"),
        ("openai", "gpt-5", ReasoningSettings("low", summary="auto"), {"reasoning_effort": "low"}, "dropped reasoning.summary"),
        ("openai", "gpt-5", ReasoningSettings("low", visible=True), {"reasoning_effort": "low"}, "dropped reasoning.visible"),
        ("openai", "gpt-5", ReasoningSettings(budget_tokens=2000), {"reasoning_effort": "medium"}, "mapped reasoning.budget_tokens"),
        ("deepseek", "v4", ReasoningSettings("medium"), {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}, "mapped reasoning.effort"),
        ("deepseek", "v4", ReasoningSettings("xhigh"), {"thinking": {"type": "enabled"}, "reasoning_effort": "max"}, "mapped reasoning.effort"),
        ("deepseek", "v4", ReasoningSettings("minimal"), {"thinking": {"type": "enabled"}, "reasoning_effort": "low"}, "mapped reasoning.effort"),
        ("groq", "qwen/qwen3", ReasoningSettings("high"), {"reasoning_effort": "default"}, "mapped reasoning.effort"),
        ("groq", "llama", ReasoningSettings("high"), {}, "dropped reasoning.effort"),
        ("openrouter", "m", ReasoningSettings("max"), {"reasoning": {"effort": "xhigh"}}, "mapped reasoning.effort"),
        ("xai", "grok-4-fast", ReasoningSettings("low"), {}, "dropped reasoning"),
        ("baseten", "m", ReasoningSettings("max"), {"reasoning_effort": "high"}, "mapped reasoning.effort"),
        ("openai-like", "m", ReasoningSettings("max"), {}, "dropped reasoning"),
    ],
)  # fmt: skip
def test_what_a_target_does_not_take_is_noted(
    target: str, model: str, asked: ReasoningSettings, written: JsonObject, note: str
) -> None:
    assert members(target, model, asked) == (written, [note])


def test_newer_models_of_openai_reason_only_without_tools() -> None:
    tools = (FunctionTool("f"),)
    assert members("openai", "gpt-5.6", None, tools=tools) == ({"reasoning_effort": "none"}, ["mapped reasoning"])
    assert members("openai", "gpt-5.4", None, tools=tools) == ({"reasoning_effort": "none"}, [])
    written, notes = members("openai", "gpt-5.4", ReasoningSettings("high"), tools=tools)
    assert (written, notes) == ({"reasoning_effort": "none"}, ["mapped reasoning"])
    assert members("openai", "gpt-5.4", ReasoningSettings("none"), tools=tools) == ({"reasoning_effort": "none"}, [])
    assert members("openai", "gpt-5", ReasoningSettings("high"), tools=tools) == ({"reasoning_effort": "high"}, [])


def test_numbers_and_what_is_shown() -> None:
    shown = ReasoningSettings(budget_tokens=500, visible=False, summary="auto")
    assert members("openrouter", "m", shown) == (
        {"reasoning": {"max_tokens": 500, "summary": "auto", "exclude": True}},
        [],
    )
    assert members("fireworks", "m", ReasoningSettings(budget_tokens=500)) == ({"reasoning_effort": 500}, [])
    assert members("groq", "qwen/qwen3", ReasoningSettings(visible=False)) == (
        {"reasoning_format": "hidden", "reasoning_effort": "default"},
        [],
    )
    assert members("groq", "openai/gpt-oss", ReasoningSettings(visible=True)) == ({"include_reasoning": True}, [])
    assert members("openrouter", "m", ReasoningSettings(adaptive=True)) == ({"reasoning": {"enabled": True}}, [])
    both = members("openrouter", "m", ReasoningSettings("low", budget_tokens=5))
    assert both == ({"reasoning": {"effort": "low"}}, ["dropped reasoning.budget_tokens"])


@pytest.mark.parametrize("target", ["openai", *LOOK_ALIKES])
def test_nothing_is_written_if_nothing_was_said(target: str) -> None:
    assert members(target, "any", None) == ({}, [])


def test_a_chat_template_keeps_what_the_client_gave_it() -> None:
    extra: JsonObject = {"chat_template_kwargs": {"x": 1}}
    written, _ = members("vllm", "m", ReasoningSettings("none"), maker="openai", extra=extra)
    assert written == {"chat_template_kwargs": {"enable_thinking": False, "x": 1}}
    assert extra == {"chat_template_kwargs": {"x": 1}}


def test_when_deepseek_thinks() -> None:
    def thinks(model: str, reasoning: ReasoningSettings | None) -> bool:
        return settings.deepseek_thinks(Prompt(model=model, reasoning=reasoning))

    assert thinks("deepseek-v4-pro", None)
    assert not thinks("deepseek-chat", None)
    assert thinks("deepseek-chat", ReasoningSettings("low"))
    assert not thinks("deepseek-v4-pro", ReasoningSettings("none"))
