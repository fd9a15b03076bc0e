"""Google's models, told from their names."""

import pytest

from aigw_sansio.formats.gemini.models import rules_of


@pytest.mark.parametrize(
    ("name", "version", "thinking"),
    [
        ("gemini-1.5-pro", (1, 5), "none"),
        ("gemini-2.0-flash-001", (2, 0), "none"),
        ("gemini-2.5-flash", (2, 5), "budget"),
        ("models/gemini-2.5-pro", (2, 5), "budget"),
        ("google/gemini-2.5-flash-lite", (2, 5), "budget"),
        ("publishers/google/models/gemini-2.5-pro", (2, 5), "budget"),
        ("gemini-2.5-flash-image", (2, 5), "none"),
        ("gemini-3-pro-preview", (3, 0), "level"),
        ("gemini-3.1-flash", (3, 1), "level"),
        ("gemini-10-pro", (10, 0), "level"),
        ("gemini-flash-latest", (3, 0), "level"),
        ("", (3, 0), "level"),
        ("gemma-3-27b-it", (0, 0), "none"),
    ],
)
def test_rules(name: str, version: tuple[int, int], thinking: str) -> None:
    rules = rules_of(name)
    assert (rules.version, rules.thinking) == (version, thinking)
    assert rules.is_three == (version >= (3, 0))
    assert rules.gemma == ("gemma" in name)


def test_levels_and_budgets() -> None:
    assert rules_of("gemini-3-pro").levels == ("LOW", "HIGH")
    assert rules_of("gemini-3.1-pro").levels == ("LOW", "MEDIUM", "HIGH")
    assert rules_of("gemini-3-flash").levels == ("MINIMAL", "LOW", "MEDIUM", "HIGH")
    assert not rules_of("gemini-2.5-pro").can_be_off
    assert rules_of("gemini-2.5-flash").can_be_off
