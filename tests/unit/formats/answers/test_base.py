"""What holds for all writers: the same response, however its events are divided into chunks."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.events import (
    Citation,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from aigw_sansio.formats.answers.anthropic import AnthropicWriter
from aigw_sansio.formats.answers.base import AnswerContext, AnswerWriter
from aigw_sansio.formats.answers.openai_chat import ChatWriter
from aigw_sansio.formats.answers.openai_responses import ResponsesWriter

EVENTS = st.lists(
    st.sampled_from(
        (
            ResponseStarted("x", "m"),
            TextDelta("Hi"),
            TextDelta('"\u2028é\ud800'),
            TextDelta(""),
            TextDelta("other", choice=1),
            ReasoningDelta("why", signature="s"),
            RefusalDelta("no"),
            Citation("https://a.test"),
            ToolCallStarted(0, "call_1", "f"),
            ToolCallDelta(0, '{"a":'),
            ToolCallDelta(0, "1}"),
            ToolCallStarted(1, None, "g", kind="approval"),
            ToolCallStarted(2, None, "h", kind="provider"),
            UsageReported(input_tokens=1, output_tokens=2),
            ResponseFinished("stop"),
            ResponseFailed("busy"),
        )
    ),
    max_size=12,
)
WRITERS = (ChatWriter, ResponsesWriter, AnthropicWriter)


@pytest.mark.parametrize("make", WRITERS)
@given(events=EVENTS, include_usage=st.booleans())
def test_events_say_the_same_one_by_one_and_all_at_once(
    make: Callable[[AnswerContext], AnswerWriter], events: list[ProviderEvent], include_usage: bool
) -> None:
    context = AnswerContext(id="id", created=7, model="m", include_usage=include_usage)
    together, apart = make(context), make(context)
    written = [*together.write(events), *together.finish()]
    assert [*(text for event in events for text in apart.write([event])), *apart.finish()] == written
    assert (apart.notes, apart.failed) == (together.notes, together.failed)
    assert apart.held == together.held or apart.failed is not None  # then nothing more is written


@pytest.mark.parametrize("make", WRITERS)
@given(events=EVENTS)
def test_whoever_wrote_an_error_says_so(
    make: Callable[[AnswerContext], AnswerWriter], events: list[ProviderEvent]
) -> None:
    """Clients of no format take a body with a member ``error`` for a response."""
    writer = make(AnswerContext(id="id", created=7, model="m"))
    body = writer.write_whole(events)
    assert body.startswith((b'{"error":{', b'{"type":"error"')) is (writer.failed is not None)
