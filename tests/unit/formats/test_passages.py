"""The texts of a part of a response."""

import pytest

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.events import (
    AudioDelta,
    Citation,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
    UsageReported,
)
from aigw_sansio.formats.passages import ReadChunk, as_passages, is_silent, passages_of, said, saying
from aigw_sansio.review import Passage


def test_the_texts_of_one_kind_and_choice_are_joined() -> None:
    items = [
        ReadChunk(Chunk(b""), [ResponseStarted(), TextDelta("a"), TextDelta("x", 1)]),
        ReadChunk(Chunk(b""), [ReasoningDelta("r"), TextDelta("b"), AudioDelta(3)]),
        ReadChunk(
            Chunk(b""), [ToolCallStarted(0, "t", "f"), ToolCallDelta(0, "{"), ToolCallDelta(1, "["), TextDelta("")]
        ),
        ReadChunk(None, [ToolCallDelta(0, "}"), RefusalDelta("no"), AudioDelta(0, "said"), Citation(text="cited")]),
    ]
    assert as_passages(passages_of(items)) == (
        Passage("text", "ab"),
        Passage("text", "x", 1),
        Passage("reasoning", "r"),
        Passage("arguments", "{}", 0, 0),
        Passage("arguments", "[", 0, 1),
        Passage("refusal", "no"),
        Passage("transcript", "said"),
    )


@pytest.mark.parametrize(
    ("event", "other", "emptied"),
    [
        (TextDelta("a", 2), TextDelta("b", 2), None),
        (RefusalDelta("a"), RefusalDelta("b"), None),
        (ToolCallDelta(3, "a"), ToolCallDelta(3, "b"), None),
        (ReasoningDelta("a"), ReasoningDelta("b"), None),
        (ReasoningDelta("a", signature="s"), ReasoningDelta("b", signature="s"), ReasoningDelta("", signature="s")),
        (AudioDelta(5, "a"), AudioDelta(5, "b"), AudioDelta(5)),
    ],
)
def test_an_event_with_another_text(event: ProviderEvent, other: ProviderEvent, emptied: ProviderEvent | None) -> None:
    assert saying(event, "b") == other
    assert saying(event, "") == emptied
    found = said(other)
    assert found is not None
    assert found[1] == "b"


def test_what_holds_no_words() -> None:
    silent: list[ProviderEvent] = [ResponseStarted(), UsageReported(), ResponseFinished("stop"), Unrecognised("x")]
    assert is_silent([ReadChunk(None, silent), ReadChunk(Chunk(b"x"), [])])
    assert not is_silent([ReadChunk(None, [*silent, ToolCallStarted(0, None, "f")])])
