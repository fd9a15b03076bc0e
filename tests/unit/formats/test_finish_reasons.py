"""Finish reasons: every provider's word becomes one of the closed set."""

from typing import get_args

import pytest

from aigw_sansio import events as e
from aigw_sansio.formats.finish_reasons import WORDS, is_finish, map_reason

CLOSED = set(get_args(e.FinishReason))


def test_every_word_means_one_of_the_closed_set() -> None:
    assert set(WORDS.values()) <= CLOSED
    assert CLOSED - set(WORDS.values()) == set(), "no word leads to it"


def test_the_words_are_in_lower_case() -> None:
    """``map_reason`` looks them up in lower case, so another spelling would never be found."""
    assert [word for word in WORDS if word != word.lower()] == []


@pytest.mark.parametrize("word", WORDS)
def test_the_case_of_a_word_does_not_matter(word: str) -> None:
    assert map_reason(word) == map_reason(word.upper()) == map_reason(word.title()) == WORDS[word]
    assert map_reason(word.replace("_", "-")) == WORDS[word]


@pytest.mark.parametrize("word", ["null", "not_finished", "NOT_FINISHED", "FINISH_REASON_UNSPECIFIED"])
def test_a_word_for_not_yet_is_no_finish(word: str) -> None:
    assert not is_finish(word)


@pytest.mark.parametrize("word", [None, "stop", "brand_new"])
def test_any_other_word_is_a_finish(word: str | None) -> None:
    assert is_finish(word)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("abort", "error"),
        ("network_error", "error"),
        ("sensitive", "content_filter"),
        ("model_context_window_exceeded", "length"),
        ("tool-calls", "tool_calls"),
        ("content-filter", "content_filter"),
    ],
)
def test_the_words_of_servers_that_are_no_openai(word: str, reason: str) -> None:
    assert map_reason(word) == reason


@pytest.mark.parametrize("word", [None, "", "brand_new", "stop ", "\u212a"])
def test_any_other_word_is_unknown(word: str | None) -> None:
    assert map_reason(word) == "unknown"


def test_the_closed_set_itself_maps_to_itself() -> None:
    """Providers behind another gateway may already use our words; only ``pause`` is nobody's word."""
    assert {word for word in CLOSED if map_reason(word) != word} == {"pause"}
