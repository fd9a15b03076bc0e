"""What all writers of answers share."""

import pytest
from tests.reading.written_answers import WRITERS

from aigw_sansio import events as e
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.answers.errors import NO_ANSWER, NO_FINISH
from aigw_sansio.prompt import Prompt

FORMATS = pytest.mark.parametrize("format", sorted(WRITERS))


@FORMATS
def test_probabilities_that_were_asked_for_are_noted_once(format: str) -> None:
    writer = WRITERS[format](AnswerContext("1", 0, "m", Prompt(logprobs=2)))
    writer.write([e.TextDelta("a")])
    assert [note.field for note in writer.notes] == ["logprobs"]
    assert WRITERS[format](AnswerContext("1", 0, "m")).notes == []


@FORMATS
def test_how_a_response_fails_without_an_error_of_the_provider(format: str) -> None:
    streamed = WRITERS[format](AnswerContext("1", 0, "m"))
    streamed.write([e.TextDelta("a")])
    assert streamed.failed is None
    assert streamed.finish()
    assert streamed.failed == NO_FINISH
    assert streamed.finish() == streamed.write([e.TextDelta("b")]) == []
    whole = WRITERS[format](AnswerContext("1", 0, "m"))
    whole.write_whole([])
    assert whole.failed == NO_ANSWER
