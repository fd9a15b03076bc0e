"""Whatever a provider sends: what a writer of answers keeps of it is counted by the memory that it takes."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from aigw_sansio.events import (
    Citation,
    ImageDelta,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    Unrecognised,
)
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.translate import CLIENT_FORMATS, make_writer

EVENTS = 4000
#: What Python's containers may take more than is counted, and what a writer has at its begin.
SLACK = 128 * 1024
FREE = "free"  # a function that stands for a tool with free text
FORM = "json"  # one that stands for structured output


def texts() -> Iterator[ProviderEvent]:
    while True:
        yield TextDelta("ab")


def thoughts() -> Iterator[ProviderEvent]:
    while True:
        yield ReasoningDelta("ab")


def signed_thoughts() -> Iterator[ProviderEvent]:
    for number in count():
        yield ReasoningDelta("", signature=f"{number:050}")


def parts() -> Iterator[ProviderEvent]:
    while True:
        yield TextDelta("a")
        yield RefusalDelta("b")


def sources() -> Iterator[ProviderEvent]:
    for number in count():
        yield Citation(f"https://example.org/{number}", "A title")


def calls(name: str = "f", arguments: str = "{}") -> Iterator[ProviderEvent]:
    for number in count():
        yield ToolCallStarted(number, f"call_{number}", name)
        yield ToolCallDelta(number, arguments)


def calls_without_end() -> Iterator[ProviderEvent]:
    return calls(arguments="{")


def output_calls() -> Iterator[ProviderEvent]:
    return calls(FORM, "")


def fragments() -> Iterator[ProviderEvent]:
    yield ToolCallStarted(0, "c", "f")
    while True:
        yield ToolCallDelta(0, "[[")


def fragments_of_free_text() -> Iterator[ProviderEvent]:
    yield ToolCallStarted(0, "c", FREE)
    yield ToolCallDelta(0, '{"input":"')
    while True:
        yield ToolCallDelta(0, "ab")


def behind_a_call(source: Callable[[], Iterator[ProviderEvent]]) -> Callable[[], Iterator[ProviderEvent]]:
    """The others wait, because the arguments of a call are never complete."""

    def events() -> Iterator[ProviderEvent]:
        yield ToolCallStarted(1_000_000, "open", "f")
        yield ToolCallDelta(1_000_000, "{")
        yield from source()

    events.__name__ = f"{source.__name__}_behind_a_call"
    return events


def images() -> Iterator[ProviderEvent]:
    while True:
        yield ImageDelta(0)


def unknown() -> Iterator[ProviderEvent]:
    for number in count():
        yield Unrecognised(f"type {number}")


HOSTILE: list[Callable[[], Iterator[ProviderEvent]]] = [
    texts, thoughts, signed_thoughts, parts, sources, calls, calls_without_end, output_calls, fragments,
    fragments_of_free_text, images, unknown,
    *map(behind_a_call, (texts, thoughts, signed_thoughts, parts, sources, calls, images, unknown)),
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, ids=[source.__name__ for source in HOSTILE])
@pytest.mark.parametrize("format", CLIENT_FORMATS)
def test_what_is_kept_is_counted(format: str, hostile: Callable[[], Iterator[ProviderEvent]]) -> None:
    context = AnswerContext("1", 0, "m", maker="anthropic", custom_tools=frozenset({FREE}), output_tool=FORM)
    writer = make_writer(format, context)
    source = hostile()
    for _ in range(10):
        writer.write([next(source)])
    gc.collect()
    tracemalloc.start()
    try:
        held = writer.held
        for _ in range(EVENTS):
            writer.write([next(source)])
        counted = writer.held - held
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert grown <= counted + SLACK
    assert len(writer.notes) <= 100, "they are sent to the client, all of them"
