"""How much a Claude model is asked to think, by the rules of its model."""

from typing import Any

import pytest

from aigw_sansio.formats.anthropic_thinking import Thinking, fit_sampling, fit_tokens, plan_thinking
from aigw_sansio.formats.claude_models import claude_model
from aigw_sansio.formats.translation import Note
from aigw_sansio.prompt import Prompt, ReasoningSettings


def planned(name: str, settings: ReasoningSettings, *, maker: str = "openai", blocked: str = "") -> tuple[Any, Any]:
    notes: list[Note] = []
    found = plan_thinking(Prompt(reasoning=settings, maker=maker), notes, claude_model(name), blocked=blocked)
    return (found.config, found.effort), [(note.kind, note.field) for note in notes]


def test_nothing_is_said_of_thinking() -> None:
    notes: list[Note] = []
    assert plan_thinking(Prompt(), notes, claude_model("claude-sonnet-4-5")) == Thinking()
    assert notes == []


@pytest.mark.parametrize(
    ("name", "effort", "config", "said", "notes"),
    [
        ("claude-sonnet-4-5", "low", {"type": "enabled", "budget_tokens": 1024}, None, [("mapped", "reasoning.effort")]),
        ("claude-sonnet-4-5", "max", {"type": "enabled", "budget_tokens": 16384}, None, [("mapped", "reasoning.effort")]),
        ("claude-opus-4-6", "high", {"type": "adaptive", "display": "summarized"}, "high", [("mapped", "reasoning.effort")]),
        ("claude-opus-5", "xhigh", {"type": "adaptive", "display": "summarized"}, "xhigh", [("mapped", "reasoning.effort")]),
        ("claude-opus-5", "none", {"type": "disabled"}, None, []),
        ("claude-opus-5-5", "none", None, "low", [("mapped", "reasoning.effort")]),
        ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None, [("mapped", "reasoning.effort")]),
        ("claude-3-5-haiku-latest", "none", None, None, []),
        ("claude-3-5-haiku-latest", "high", None, None, [("dropped", "reasoning")]),
    ],
)  # fmt: skip
def test_an_effort(name: str, effort: Any, config: Any, said: Any, notes: list[Any]) -> None:
    assert planned(name, ReasoningSettings(effort)) == ((config, said), notes)


def test_an_effort_that_the_model_does_not_know_is_the_nearest() -> None:
    assert planned("claude-opus-4-6", ReasoningSettings("xhigh"))[0][1] == "max"
    assert planned("claude-opus-4-6", ReasoningSettings("minimal"))[0][1] == "low"
    (_, effort), notes = planned("claude-opus-4-5", ReasoningSettings("max", 2048))
    assert effort == "high"
    assert ("clamped", "reasoning.effort") in notes


def test_a_budget() -> None:
    assert planned("claude-sonnet-4-5", ReasoningSettings(None, 5000)) == (
        ({"type": "enabled", "budget_tokens": 5000}, None),
        [],
    )
    assert planned("claude-sonnet-4-5", ReasoningSettings(None, 5)) == (
        ({"type": "enabled", "budget_tokens": 1024}, None),
        [("clamped", "reasoning.budget_tokens")],
    )
    assert planned("claude-opus-4-8", ReasoningSettings(None, 2048)) == (
        ({"type": "adaptive", "display": "summarized"}, "medium"),
        [("mapped", "reasoning.budget_tokens")],
    )
    assert planned("claude-opus-4-8", ReasoningSettings(None, 0))[0] == ({"type": "disabled"}, None)


def test_an_effort_of_anthropic_alone_does_not_switch_thinking_on() -> None:
    assert planned("claude-opus-4-8", ReasoningSettings("high"), maker="anthropic") == ((None, "high"), [])
    assert planned("claude-opus-4-8", ReasoningSettings("high", adaptive=True), maker="anthropic") == (
        ({"type": "adaptive"}, "high"),
        [],
    )


def test_what_is_shown() -> None:
    hidden = ReasoningSettings("high", visible=False)
    assert planned("claude-opus-4-8", hidden)[0][0] == {"type": "adaptive", "display": "omitted"}
    assert ("dropped", "reasoning.visible") in planned("claude-sonnet-4-5", hidden)[1]
    own = planned("claude-sonnet-4-5", ReasoningSettings(None, 2000, visible=False), maker="anthropic")
    assert own == (({"type": "enabled", "budget_tokens": 2000, "display": "omitted"}, None), [])
    assert ("mapped", "reasoning.summary") in planned("claude-opus-5", ReasoningSettings("low", summary="concise"))[1]
    assert planned("claude-opus-5", ReasoningSettings(summary="auto")) == ((None, None), [("dropped", "reasoning")])


def test_a_blocked_budget() -> None:
    assert planned("claude-sonnet-4-5", ReasoningSettings("high"), blocked="No.") == (
        (None, None),
        [("dropped", "reasoning")],
    )
    config, _ = planned("claude-opus-4-6", ReasoningSettings(None, 2000), blocked="No.")[0]
    assert config["type"] == "adaptive"


def fitted(name: str, max_tokens: int | None, budget: int | None, *, required: bool = True) -> tuple[Any, Any, Any]:
    notes: list[Note] = []
    thinking = Thinking({"type": "enabled", "budget_tokens": budget} if budget else None)
    limit, found = fit_tokens(
        Prompt(max_tokens=max_tokens), notes, claude_model(name), thinking, required=required
    )  # fmt: skip
    return limit, found.budget, [(note.kind, note.field) for note in notes]


def test_there_is_always_a_limit_for_anthropic() -> None:
    assert fitted("claude-sonnet-4-5", None, None) == (64_000, None, [("mapped", "max_tokens")])
    assert fitted("unknown", None, None) == (4096, None, [("mapped", "max_tokens")])
    assert fitted("unknown", None, 8000) == (12_096, 8000, [("mapped", "max_tokens")])
    assert fitted("claude-sonnet-4-5", None, None, required=False) == (None, None, [])
    assert fitted("claude-sonnet-4-5", None, 2000, required=False) == (64_000, 2000, [("mapped", "max_tokens")])


def test_a_limit_is_within_what_the_model_writes() -> None:
    assert fitted("claude-sonnet-4-5", 100_000, None) == (64_000, None, [("clamped", "max_tokens")])
    assert fitted("unknown", 100_000, None) == (100_000, None, [])
    assert fitted("unknown", 0, None) == (1, None, [("clamped", "max_tokens")])


def test_a_budget_is_below_the_limit() -> None:
    assert fitted("claude-sonnet-4-5", 3000, 2999) == (3000, 2999, [])
    assert fitted("claude-sonnet-4-5", 3000, 3000) == (3000, 1500, [("clamped", "reasoning.budget_tokens")])
    assert fitted("claude-sonnet-4-5", 1025, 2000) == (1025, 1024, [("clamped", "reasoning.budget_tokens")])
    assert fitted("claude-sonnet-4-5", 1024, 2000) == (1024, None, [("dropped", "reasoning")])


@pytest.mark.parametrize(
    ("name", "on", "given", "sent", "noted"),
    [
        ("claude-sonnet-4-5", False, (1.5, None, 5), (1.0, None, 5), ["temperature"]),
        ("claude-sonnet-4-5", False, (0.5, 0.9, None), (0.5, None, None), ["top_p"]),
        ("claude-sonnet-4-0", False, (0.5, 0.9, None), (0.5, 0.9, None), []),
        ("claude-sonnet-4-5", False, (None, 0.9, -1), (None, 0.9, None), ["top_k"]),
        ("claude-sonnet-4-5", True, (0.5, 0.9, 5), (None, None, None), ["temperature", "top_p", "top_k"]),
        ("claude-sonnet-4-5", True, (1.0, 0.95, None), (1.0, 0.95, None), []),
        ("claude-opus-4-7", False, (0.5, 0.9, 5), (None, None, None), ["temperature", "top_p", "top_k"]),
        ("claude-opus-4-7", False, (None, None, None), (None, None, None), []),
    ],
)
def test_sampling(name: str, on: bool, given: tuple[Any, ...], sent: tuple[Any, ...], noted: list[str]) -> None:
    notes: list[Note] = []
    thinking = Thinking({"type": "enabled", "budget_tokens": 1024} if on else None)
    prompt = Prompt(temperature=given[0], top_p=given[1], top_k=given[2])
    assert fit_sampling(prompt, notes, claude_model(name), thinking) == sent
    assert [note.field for note in notes] == noted
