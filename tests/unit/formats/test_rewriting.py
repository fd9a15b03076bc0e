"""Other texts in a provider's own chunks: where they are put, what repeats them, and what cannot be written."""

import json
import sys
from typing import Any

import pytest
from tests.rigs.asked import MODELS, STREAMS, content

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.events import AudioDelta, ProviderEvent, ReasoningDelta, TextDelta, ToolCallDelta
from aigw_sansio.formats.passages import ReadChunk, passages_of
from aigw_sansio.formats.registry import make_reader
from aigw_sansio.formats.rewriting import CannotRewrite, Rewriter

MOST = 1 << 20
#: Python 3.11 needs two frames for each level.
DEPTH = 600 if sys.version_info < (3, 12) else 970
DEEP = b"[" * DEPTH + b'"a"' + b"]" * DEPTH


def item(value: object, *events: ProviderEvent) -> ReadChunk:
    return ReadChunk(Chunk(value if isinstance(value, bytes) else json.dumps(value).encode(), "named"), list(events))


def data_of(items: list[ReadChunk]) -> list[Any]:
    return [json.loads(one.chunk.data) for one in items if one.chunk is not None]


def text_item(text: str) -> ReadChunk:
    return item({"type": "delta", "delta": text}, TextDelta(text))


def test_what_is_not_changed_stays_as_it_is() -> None:
    items = [item(b'{ "delta" : "a" }', TextDelta("a")), item(b"not json"), ReadChunk(None, [TextDelta("b")])]
    for texts in (None, ("ab",)):
        assert Rewriter(MOST).rewrite(items, texts, shown=True) == items


def test_the_first_place_has_all_of_a_text() -> None:
    changed = Rewriter(MOST).rewrite([text_item("a"), text_item("b"), item({"x": 1})], ("new",), shown=True)
    assert data_of(changed) == [{"type": "delta", "delta": "new"}, {"type": "delta", "delta": ""}, {"x": 1}]
    assert [one.events for one in changed] == [[TextDelta("new")], [], []]
    assert changed[0].chunk is not None
    assert changed[0].chunk.event == "named"


@pytest.mark.parametrize("format", sorted(MODELS))
def test_every_format_has_its_text_in_its_chunks(format: str) -> None:
    if format not in STREAMS:
        pytest.skip("no chunk is known")
    reader = make_reader(format)
    for opening in STREAMS[format][0]:
        reader.read(Chunk(opening.encode()))
    chunk = Chunk(content(format))
    items = [ReadChunk(chunk, reader.read(chunk))]
    (old,) = passages_of(items).values()
    (changed,) = Rewriter(MOST).rewrite(items, ("other words",), shown=True)
    assert changed.chunk is not None
    assert changed.chunk.data.decode().count("other words") == 1
    assert old not in changed.chunk.data.decode()
    assert make_reader(format).read(changed.chunk)[-1] == TextDelta("other words")


def test_names_are_no_texts() -> None:
    named = {"id": "a", "item_id": "a", "role": "a", "responseId": "a", "content": "a"}
    (changed,) = Rewriter(MOST).rewrite([item(named, TextDelta("a"))], ("b",), shown=True)
    assert data_of([changed]) == [{**named, "content": "b"}]


def test_what_spells_a_changed_text_is_taken_out() -> None:
    chunk = {"text": "a", "logprobs": {"content": [{"token": "a"}]}, "logprobsResult": [], "avgLogprobs": -1.5}
    (changed,) = Rewriter(MOST).rewrite([item(chunk, TextDelta("a"))], ("b",), shown=True)
    assert data_of([changed]) == [{"text": "b", "logprobs": None, "logprobsResult": None, "avgLogprobs": None}]


def test_two_choices_in_one_chunk() -> None:
    chunk = item({"choices": [{"text": "a"}, {"text": "b"}]}, TextDelta("a"), TextDelta("b", 1))
    (changed,) = Rewriter(MOST).rewrite([chunk], ("b", "a"), shown=True)
    assert data_of([changed]) == [{"choices": [{"text": "b"}, {"text": "a"}]}]
    same = item({"choices": [{"text": "a"}, {"text": "a"}]}, TextDelta("a"), TextDelta("a", 1))
    (changed,) = Rewriter(MOST).rewrite([same], ("x", "y"), shown=True)
    assert data_of([changed]) == [{"choices": [{"text": "x"}, {"text": "y"}]}]


@pytest.mark.parametrize("member", ["arguments", "args", "input"])
def test_the_arguments_of_a_call_may_be_an_object(member: str) -> None:
    call = item(
        {"call": {"name": "f", member: {"text": "Paris"}}, "text": "a"},
        TextDelta("a"),
        ToolCallDelta(0, '{"text":"Paris"}'),
    )
    (changed,) = Rewriter(MOST).rewrite([call], ("b", '{"text":"Rome"}'), shown=True)
    assert data_of([changed]) == [{"call": {"name": "f", member: {"text": "Rome"}}, "text": "b"}]
    (changed,) = Rewriter(MOST).rewrite([call], ("b", '{"text":"Paris"}'), shown=True)
    assert data_of([changed]) == [{"call": {"name": "f", member: {"text": "Paris"}}, "text": "b"}]
    with pytest.raises(CannotRewrite, match="something else than an object"):
        Rewriter(MOST).rewrite([call], ("b", "Rome"), shown=True)


def test_what_was_changed_is_changed_where_it_is_repeated() -> None:
    rewriter = Rewriter(MOST)
    rewriter.rewrite([text_item("I am ")], None, shown=True)
    rewriter.rewrite([text_item("Ada")], ("***",), shown=True)
    done = item({"type": "done", "text": "I am Ada", "logprobs": [1]})
    assert data_of(rewriter.rewrite([done], None, shown=True)) == [
        {"type": "done", "text": "I am ***", "logprobs": None}
    ]
    rewriter.rewrite([text_item("Bye")], None, shown=True)
    last = item({"output": [{"content": [{"text": "I am Ada"}, {"text": "Bye"}, {"text": ""}]}]})
    shown = data_of(rewriter.rewrite([last], None, shown=True))
    assert shown == [{"output": [{"content": [{"text": "I am ***"}, {"text": "Bye"}, {"text": ""}]}]}]


def test_what_was_repeated_before_a_change_is_known() -> None:
    rewriter = Rewriter(MOST)
    rewriter.rewrite([text_item("one"), item({"text": "one"}), text_item("two")], None, shown=True)
    rewriter.rewrite([text_item("three")], ("3",), shown=True)
    shown = data_of(rewriter.rewrite([item({"content": ["one", "twothree"]})], None, shown=True))
    assert shown == [{"content": ["one", "two3"]}]


def test_a_repeat_beside_a_text_is_changed_too() -> None:
    rewriter = Rewriter(MOST)
    rewriter.rewrite([text_item("a")], ("b",), shown=True)
    (changed,) = rewriter.rewrite([item({"delta": "c", "content": "ac"}, TextDelta("c"))], None, shown=True)
    assert data_of([changed]) == [{"delta": "c", "content": "bc"}]


def test_what_the_client_said_is_no_repeat() -> None:
    rewriter = Rewriter(MOST)
    rewriter.rewrite([text_item("a")], ("b",), shown=True)
    items = [
        item({"item": {"role": "user", "content": [{"text": "its own"}]}}),
        item({"type": "input_text", "text": "its own"}),
        item({"type": "conversation.item.input_audio_transcription.completed", "transcript": "its own"}),
        item({"serverContent": {"inputTranscription": {"text": "its own"}}}),
    ]
    assert rewriter.rewrite(items, None, shown=True) == items


@pytest.mark.parametrize(
    ("items", "texts", "why"),
    [
        ([text_item("a")], (), "0 texts were released for 1 passages"),
        ([item({"delta": "other"}, TextDelta("a"))], ("b",), "does not stand in the provider's chunk"),
        ([item([{"text": "a"}] * 3, TextDelta("a"), TextDelta("a", 1))], ("x", "y"), "several times"),
        ([item(b"not a", TextDelta("a"))], ("b",), "is no JSON"),
        ([item(b"\xff", TextDelta("a"))], ("b",), "is no JSON"),
        ([text_item("a"), item({"text": "a and more"})], ("b",), "in another form"),
        ([item(DEEP, TextDelta("a"))], ("b",), "nested too deeply|no JSON"),
    ],
)  # fmt: skip
def test_what_cannot_be_written(items: list[ReadChunk], texts: tuple[str, ...], why: str) -> None:
    with pytest.raises(CannotRewrite, match=why) as caught:
        Rewriter(MOST).rewrite(items, texts, shown=True)
    assert "other" not in str(caught.value) or "another form" in str(caught.value)


def test_deep_chunks_that_nobody_changes_pass() -> None:
    rewriter = Rewriter(MOST)
    deep = item(DEEP)
    assert rewriter.rewrite([text_item("a"), deep], None, shown=True)[1] == deep


def test_a_chunk_that_is_the_text_itself() -> None:
    (changed,) = Rewriter(MOST).rewrite([item(b"hello", TextDelta("hello"))], ("bye",), shown=True)
    assert changed.chunk is not None
    assert changed.chunk.data == b"bye"


def test_chunks_that_no_client_sees_need_no_text() -> None:
    rewriter = Rewriter(MOST)
    plain, spelled = item({"x": "other"}, TextDelta("a")), item({"logprobs": ["a"]}, ReasoningDelta("r"))
    changed = rewriter.rewrite([plain, spelled], ("b", "s"), shown=False)
    assert data_of(changed) == [{"x": "other"}, {}]
    assert [one.events for one in changed] == [[TextDelta("b")], [ReasoningDelta("s")]]
    assert rewriter.rewrite([plain, text_item("c")], None, shown=False) == [plain, text_item("c")]
    assert rewriter.rewrite([text_item("c"), item({"x": 1})], ("d",), shown=False)[1] == item({"x": 1})


def test_more_than_may_be_kept() -> None:
    rewriter = Rewriter(1000)
    for number in range(20):
        rewriter.rewrite([text_item(str(number))], None, shown=True)
        assert rewriter.held <= 1000
    rewriter.rewrite([text_item("a")], ("b",), shown=True)
    with pytest.raises(CannotRewrite, match="in another form"):
        rewriter.rewrite([item({"text": "a"})], None, shown=True)


def test_sound_is_kept_when_its_transcript_goes() -> None:
    chunk = item({"audio": {"data": "AAAA", "transcript": "a"}}, AudioDelta(3, "a"))
    (changed,) = Rewriter(MOST).rewrite([chunk], ("",), shown=True)
    assert data_of([changed]) == [{"audio": {"data": "AAAA", "transcript": ""}}]
    assert changed.events == [AudioDelta(3)]
