"""Other texts in a provider's own chunks: where they are put, what repeats them, and what cannot be written."""

import json
import re
import sys
from typing import Any

import pytest
from tests.rigs.asked import MODELS, STREAMS, content
from tests.rigs.meter import cost_of

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


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "old"}},
        {"choices": [{"index": 0, "delta": {"role": "user", "content": "old"}}]},
        {"choices": [{"index": 0, "message": {"role": "system", "content": "old"}}]},
        {"candidates": [{"content": {"role": "user", "parts": [{"text": "old"}]}}]},
        {"type": "input_text", "text": "old"},
        {"inputTranscription": {"text": "old"}},
        {"instructions": ["old"]},
    ],
)
def test_a_text_is_put_wherever_it_stands(chunk: object) -> None:
    (changed,) = Rewriter(MOST).rewrite([item(chunk, TextDelta("old"))], ("new",), shown=True)
    assert data_of([changed]) == [json.loads(json.dumps(chunk).replace("old", "new"))]


@pytest.mark.parametrize("chunk", [{"id": "old"}, {"input": {"text": "old"}}, {"logprobs": ["old"]}])
def test_a_text_in_no_place_of_a_text_cannot_be_changed(chunk: object) -> None:
    with pytest.raises(CannotRewrite, match="does not stand"):
        Rewriter(MOST).rewrite([item(chunk, TextDelta("old"))], ("new",), shown=True)


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


#: Answers of formats that say a text, here OLD, once more: in pieces, with times, speakers, sources or probabilities.
TOLD_AGAIN = {
    "deepgram-realtime": {"channel": {"alternatives": [{"transcript": "OLD", "words": [
        {"word": "say", "start": 0.1}, {"word": "4711", "punctuated_word": "4711."}]}]}},
    "deepgram": {"results": {"channels": [{"alternatives": [{"transcript": "OLD", "confidence": 0.9, "words": [
        {"word": "4711"}], "paragraphs": {"transcript": "\nOLD", "paragraphs": [{"sentences": [{"text": "4711."}]}]}}]}],
        "utterances": [{"transcript": "OLD", "words": [{"word": "4711"}]}]}},
    "openai-verbose": {"text": "OLD", "segments": [{"id": 0, "text": " 4711", "tokens": [50364, 12]}],
                       "words": [{"word": "4711", "start": 0.0}]},
    "openai-chat": {"choices": [{"delta": {"content": "OLD"}, "logprobs": {"content": [
        {"token": "4711", "bytes": [52, 55, 49, 49], "top_logprobs": [{"token": "4711"}]}]}}]},
    "openai-responses": {"type": "response.output_text.delta", "delta": "OLD", "logprobs": [{"token": "4711"}]},
    "responses-terminal": {"response": {"output_text": "OLD", "output": [{"content": [
        {"type": "output_text", "text": "OLD", "logprobs": [{"token": "4711"}]}]}]}},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "OLD"}]}, "groundingMetadata": {"groundingSupports": [
        {"segment": {"text": "4711", "endIndex": 4}}]}, "logprobsResult": {"chosenCandidates": [{"token": "4711"}]},
        "avgLogprobs": -0.1}]},
    "gemini-live": {"serverContent": {"outputTranscription": {"text": "OLD"}}},
    "scribe": {"message_type": "committed_transcript_with_timestamps", "text": "OLD", "words": [
        {"text": "4711", "type": "word"}], "language_code": "en"},
    "cartesia": {"type": "transcript", "text": "OLD", "words": [{"word": "4711"}]},
    "workers-ai": {"result": {"text": "OLD", "vtt": "WEBVTT\n\n00.0 --> 01.0\n4711", "words": [{"word": "4711"}]}},
    "huggingface": {"text": "OLD", "chunks": [{"text": "4711", "timestamp": [0.0, 1.0]}]},
    "speech-aligned": {"text": "OLD", "normalized_alignment": {"chars": ["4", "7", "1", "1"]}},
}  # fmt: skip


@pytest.mark.parametrize("format", TOLD_AGAIN)
def test_what_says_a_changed_text_again_in_pieces_goes_with_it(format: str) -> None:
    data = json.dumps(TOLD_AGAIN[format]).replace("OLD", "say 4711").encode()
    (changed,) = Rewriter(MOST).rewrite([item(data, TextDelta("say 4711"))], ("say ****",), shown=True)
    assert changed.chunk is not None
    shown = changed.chunk.data.decode()
    assert "4711" not in re.sub(r'[", ]', "", shown)
    assert "say ****" in shown
    released = Rewriter(MOST).rewrite([item(data, TextDelta("say 4711"))], None, shown=True)
    assert data_of(released) == [json.loads(data)], "what is not changed keeps all of it"


def test_a_sign_of_pieces_in_a_later_chunk_goes_too_and_counts_stay() -> None:
    rewriter = Rewriter(MOST)
    rewriter.rewrite([text_item("4711")], ("****",), shown=True)
    later = {"words": [{"word": "4711"}], "meta": {"tokens": {"input_tokens": 3}, "characters": 4}, "vtt": ""}
    assert data_of(rewriter.rewrite([item(later)], None, shown=True)) == [{**later, "words": []}]


def test_a_text_that_stands_in_a_piece_alone_is_put_there() -> None:
    soniox = {"tokens": [{"text": "4711", "is_final": True}], "total_ms": 5}
    (changed,) = Rewriter(MOST).rewrite([item(soniox, TextDelta("4711"))], ("****",), shown=True)
    assert data_of([changed]) == [json.loads(json.dumps(soniox).replace("4711", "****"))]
    pieces = {"tokens": [{"text": "47", "is_final": True}, {"text": "11", "is_final": True}]}
    with pytest.raises(CannotRewrite, match="does not stand"):
        Rewriter(MOST).rewrite([item(pieces, TextDelta("4711"))], ("****",), shown=True)


def test_what_the_client_said_keeps_its_words() -> None:
    heard = {"inputTranscription": {"text": "mine", "words": [{"word": "mine"}]}, "text": "4711"}
    (changed,) = Rewriter(MOST).rewrite([item(heard, TextDelta("4711"))], ("****",), shown=True)
    assert data_of([changed]) == [{**heard, "text": "****"}]


def turn(rewriter: Rewriter, text: str, shown: str, *, ends: bool = True) -> str:
    """What the end of a turn shows that said ``text``."""
    rewriter.rewrite([text_item(text)], (shown,), shown=True)
    done, last = item({"text": text}), item({"output": [{"content": text}]})._replace(ends=ends)
    first, second = data_of(rewriter.rewrite([done, last], None, shown=True))
    assert first["text"] == second["output"][0]["content"]
    return str(first["text"])


def test_the_same_text_in_another_turn_is_another_text() -> None:
    rewriter = Rewriter(MOST)
    for shown in ("4711", "****", "4711", "----"):
        assert turn(rewriter, "4711", shown) == shown


def test_the_same_text_twice_in_one_turn() -> None:
    rewriter = Rewriter(MOST)
    assert turn(rewriter, "4711", "****", ends=False) == "****"
    assert turn(rewriter, "4711", "****", ends=False) == "****"
    rewriter.rewrite([text_item("4711")], None, shown=True)
    (done,) = rewriter.rewrite([item({"text": "4711"})], None, shown=True)
    assert data_of([done]) == [{"text": "4711"}]
    with pytest.raises(CannotRewrite, match="said twice"):
        rewriter.rewrite([item({"output": ["4711"], "text": "4711"})], None, shown=True)
    assert not rewriter.knows(item({"text": "4711"}))


def test_two_kinds_that_said_the_same() -> None:
    rewriter = Rewriter(MOST)
    both = item({"text": "4711", "thinking": "4711"}, TextDelta("4711"), ReasoningDelta("4711"))
    rewriter.rewrite([both], ("x", "y"), shown=True)
    with pytest.raises(CannotRewrite, match="said twice"):
        rewriter.rewrite([item({"text": "4711"})], None, shown=True)


def test_what_is_repeated_a_turn_later() -> None:
    rewriter = Rewriter(MOST)
    rewriter.rewrite([text_item("a")], ("b",), shown=True)
    rewriter.rewrite([item({})._replace(ends=True)], None, shown=True)
    assert data_of(rewriter.rewrite([item({"text": "a"})], None, shown=True)) == [{"text": "b"}]
    with pytest.raises(CannotRewrite, match="in another form"):
        rewriter.rewrite([item({"text": "a b"})], None, shown=True)


def test_what_is_kept_is_forgotten() -> None:
    rewriter = Rewriter(10_000)
    for number in range(100):
        text = f"{number} {'x' * 1000}"
        assert turn(rewriter, text, "gone") == "gone"
        assert 0 < rewriter.held < 5_000
    for _ in range(2):
        rewriter.rewrite([item({})._replace(ends=True)], None, shown=True)
    assert rewriter.held == 0
    other = item({"text": "what nobody has said"})
    assert rewriter.rewrite([other], None, shown=True) == [other]


@pytest.mark.parametrize("said", ['{"q":"Ada"}', '{ "q" : "Ada" }'])
def test_arguments_are_repeated_as_an_object(said: str) -> None:
    call = item({"arguments": said}, ToolCallDelta(0, said))
    again = item({"output": [{"arguments": {"q": "Ada"}}, {"input": {"q": "Ada"}}, {"arguments": said}, {"args": {}}]})
    rewriter = Rewriter(MOST)
    rewriter.rewrite([call], None, shown=True)
    assert rewriter.knows(again)
    assert rewriter.rewrite([again], None, shown=True) == [again]
    rewriter = Rewriter(MOST)
    other = '{"q":"***"}'
    rewriter.rewrite([call], (other,), shown=True)
    assert data_of(rewriter.rewrite([again], None, shown=True)) == [
        {"output": [{"arguments": {"q": "***"}}, {"input": {"q": "***"}}, {"arguments": other}, {"args": {}}]}
    ]
    with pytest.raises(CannotRewrite, match="in another form"):
        rewriter.rewrite([item({"arguments": {"q": "Ada", "more": 1}})], None, shown=True)
    own = item({"session": {"audio": {"input": {"q": "Ada"}}}})
    assert rewriter.rewrite([own], None, shown=True) == [own]


def test_arguments_that_became_no_object() -> None:
    rewriter = Rewriter(MOST)
    rewriter.rewrite([item({"arguments": "{}1"}, ToolCallDelta(0, "{}1"))], ("none",), shown=True)
    assert data_of(rewriter.rewrite([item({"arguments": "{}1"})], None, shown=True)) == [{"arguments": "none"}]
    rewriter.rewrite([item({"arguments": '{"a":1}'}, ToolCallDelta(0, '{"a":1}'))], ("none",), shown=True)
    with pytest.raises(CannotRewrite, match="something else than an object"):
        rewriter.rewrite([item({"arguments": {"a": 1}})], None, shown=True)


@pytest.mark.parametrize(
    ("value", "known"),
    [
        (
            {"type": "rate_limits.updated", "limits": [{"name": "tokens", "left": 1.5}], "event_id": "e", "on": True},
            True,
        ),
        ({"text": "", "response": {"status": "completed", "voice": "alloy", "modalities": ["text"]}}, True),
        ({"text": "said", "item": [{"content": ["said"]}]}, True),
        ({"caption": "said"}, False),
        ({"role": "user", "text": "said"}, False),
        ({"instructions": {"text": "said"}}, False),
        ({"type": "in words"}, False),
        ({"goAway": {"timeLeft": "10s"}}, False),
        ({"arguments": {"a": 1}}, False),
        ({"role": ["user"], "type": {"x": 1}}, True),
        ({"role": {}, "name": 1}, True),
        ({"words as a name": 1}, False),
        ({"event_id": "words\nin\u00a0lines"}, False),
        ({"id": "\u4e00" * 9}, False),
        ({"id": "x" * 129}, False),
        (b'{"text":"words","text":""}', False),
        (b'{"left":NaN}', False),
        ("said", False),
        (b"garbage", False),
        (DEEP, False),
    ],
)
def test_messages_that_say_nothing_new(value: object, known: bool) -> None:
    rewriter = Rewriter(MOST)
    rewriter.rewrite([text_item("said")], None, shown=True)
    assert rewriter.knows(item(value)) is known


def test_deep_arguments_are_no_repeat_of_unfinished_ones() -> None:
    rewriter = Rewriter(MOST)
    rewriter.rewrite([item({"arguments": '{"a'}, ToolCallDelta(0, '{"a'))], None, shown=True)
    for outer, inner in ((250, 650), (100, 960), (0, 900)):
        deep = b'{"a":' * outer + b'{"arguments":' + b'{"a":' * inner + b'"words"' + b"}" * (inner + 1 + outer)
        assert not rewriter.knows(item(deep))


def test_what_stands_where_a_role_is_may_be_anything() -> None:
    rewriter = Rewriter(MOST)
    rewriter.rewrite([text_item("a")], None, shown=True)
    odd = item({"role": {}, "type": ["x"], "x": 1})
    assert rewriter.rewrite([odd], None, shown=True) == [odd]


def test_a_search_for_a_repeat_costs_what_the_chunk_costs() -> None:
    rewriter = Rewriter(1 << 24)
    long = '{"a":"' + "x" * 4_000_000
    rewriter.rewrite([item({"arguments": long}, ToolCallDelta(0, long))], None, shown=True)
    many = item({"calls": [{"args": {"a": number}} for number in range(50)]})
    assert cost_of(lambda: rewriter.knows(many)).handed_to_c < len(long)
    for number in range(1000):
        rewriter.rewrite([item({"text": "b"}, TextDelta("b", number))], None, shown=True)
    assert rewriter.held == 0, "more kinds of texts than are kept"


def test_sound_that_a_reader_found_says_nothing() -> None:
    value = {"delta": "AAAA"}
    assert Rewriter(MOST).knows(item(value, AudioDelta(3)))
    assert not Rewriter(MOST).knows(item({**value, "caption": "words"}, AudioDelta(3)))
    assert not Rewriter(MOST).knows(item(value))


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
