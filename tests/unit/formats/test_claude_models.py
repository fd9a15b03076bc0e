"""The rules of Claude models, by their names at all providers."""

import pytest

from aigw_sansio.formats.claude_models import claude_model, is_claude


@pytest.mark.parametrize(
    ("name", "tokens", "thinking", "sampling", "structured"),
    [
        ("claude-sonnet-4-5", 64_000, "budget", "one", True),
        ("claude-sonnet-4-20250514", 64_000, "budget", "all", False),
        ("claude-sonnet-4@20250514", 64_000, "budget", "all", False),
        ("anthropic/claude-opus-4.1", 32_000, "budget", "one", True),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", 32_000, "budget", "one", True),
        ("claude-opus-4-0", 32_000, "budget", "all", False),
        ("claude-opus-4-6", 128_000, "either", "one", True),
        ("global.anthropic.claude-opus-4-8", 128_000, "adaptive", "none", True),
        ("claude-3-7-sonnet@20250219", 64_000, "budget", "all", False),
        ("claude-3-5-haiku-20241022", 8192, "never", "all", False),
        ("anthropic.claude-v2", 4096, "never", "all", False),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-haiku-4-5", 64_000, "budget", "one", True),
    ],
)
def test_rules(name: str, tokens: int, thinking: str, sampling: str, structured: bool) -> None:
    model = claude_model(name)
    found = (model.max_tokens, model.thinking, model.sampling, model.structured)
    assert found == (tokens, thinking, sampling, structured)
    assert model.known


def test_a_newer_model_has_the_newest_rules_and_no_limit_that_is_known() -> None:
    model = claude_model("claude-opus-7")
    assert (model.known, model.max_tokens, model.sampling, model.thinking) == (False, 4096, "none", "adaptive")


def test_a_model_of_another_vendor_is_not_known() -> None:
    model = claude_model("minimax-m3")
    assert (model.known, model.max_tokens, model.sampling, model.structured) == (False, 4096, "all", False)
    assert not is_claude("minimax-m3")
    assert is_claude("anthropic.claude-v2")


@pytest.mark.parametrize(
    ("name", "forced", "off", "system"),
    [
        ("claude-opus-5-5", False, "low_effort", True),
        ("claude-sonnet-5-5", False, "between_tools", True),
        ("claude-fable-5-1", False, "low_effort", True),
        ("claude-opus-5", True, "disabled", True),
        ("claude-opus-4-8", True, "disabled", True),
        ("claude-opus-4-7", True, "disabled", False),
    ],
)
def test_what_the_newest_refuse(name: str, forced: bool, off: str, system: bool) -> None:
    model = claude_model(name)
    assert (model.forced_tools, model.off, model.system_turns) == (forced, off, system)
