"""What a model's name tells."""

import pytest

from aigw_sansio.formats.openai import models
from aigw_sansio.prompt import EFFORTS, Effort


@pytest.mark.parametrize(
    ("model", "reasons"),
    [
        ("o1", True), ("o3-mini", True), ("o4-mini-2025-04-16", True), ("gpt-5", True), ("gpt-5.4-mini", True),
        ("openai/gpt-6", True), ("ft:o4-mini:org::1", True), ("gpt-5-chat-latest", False), ("gpt-4.1", False),
        ("gpt-4o", False), ("omni-moderation", False), ("o", False), ("", False), ("my-deployment", False),
        ("gpt-", False), ("gpt-99999", True),
    ],
)  # fmt: skip
def test_models_that_reason(model: str, reasons: bool) -> None:
    assert models.reasons(model) is reasons


def test_versions() -> None:
    assert models.version_of("gpt-5.1-codex") == (5, 1)
    assert models.version_of("gpt-4o") == (4, 0)
    assert models.version_of("gpt-oss-120b") is None
    assert models.version_of("gpt-" + "9" * 5000) == (9999, 0)


@pytest.mark.parametrize(
    ("model", "efforts"),
    [
        ("o3", ("low", "medium", "high")),
        ("gpt-5-mini", ("minimal", "low", "medium", "high")),
        ("gpt-5.1", ("none", "low", "medium", "high")),
        ("gpt-5.4", ("none", "low", "medium", "high", "xhigh")),
        ("gpt-5.6-luna", ("none", "low", "medium", "high", "xhigh", "max")),
        ("gpt-7", EFFORTS),
        ("my-deployment", EFFORTS),
    ],
)
def test_efforts(model: str, efforts: tuple[Effort, ...]) -> None:
    assert models.efforts_of(model) == efforts


def test_sampling_goes_with_reasoning_off() -> None:
    assert models.takes_sampling("gpt-4o", None)
    assert not models.takes_sampling("gpt-5", None)
    assert not models.takes_sampling("o3", "none")  # its reasoning cannot be off
    assert not models.takes_sampling("gpt-5.1", "low")
    assert models.takes_sampling("gpt-5.1", "none")


def test_stops_are_taken_by_the_oldest_that_reason() -> None:
    assert [models.takes_stops(model, None) for model in ("o1", "o3-mini", "o3", "gpt-5-mini", "gpt-4o")] == [
        True, True, False, False, True,
    ]  # fmt: skip


def test_newer_models_take_tools_with_reasoning_off_only() -> None:
    names = ("gpt-5.2", "gpt-5.4", "gpt-5.6", "gpt-6", "o3", "gpt-4o")
    assert [models.reasons_without_tools(name) for name in names] == [False, True, True, True, False, False]


def test_models_that_reason_unasked() -> None:
    names = ("o3", "gpt-5-mini", "gpt-5.1", "gpt-5.4", "gpt-5.6", "gpt-4o")
    assert [models.reasons_unasked(name) for name in names] == [True, True, False, False, True, False]


def test_cache_marks_and_effort() -> None:
    assert models.takes_cache_marks("gpt-5.6")
    assert not models.takes_cache_marks("gpt-5.4")
    assert models.refuses_effort("gpt-4o-mini")
    assert not models.refuses_effort("my-deployment")
