"""The reader of formats that nobody knows."""

from tests.reading.answers import assemble
from tests.reading.formats import read_all, read_whole, sse

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.classify import is_content
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


def test_an_unknown_format_is_content_unless_it_is_an_error() -> None:
    reader = make_reader("no such format")
    assert is_content(reader.read(Chunk(b"\x00\x01")))
    assert is_content(reader.read(Chunk(b'{"x":1}')))
    assert is_content(reader.read(Chunk(b'{"said":"\\"error\\""}')))
    assert is_content(reader.read(Chunk(b'{"error":null}')))
    assert reader.read(Chunk(b'{"error":{"message":"no","code":7}}')) == [response_failed("no", None, "7")]
    assert reader.read(Chunk(b"no", "error")) == [response_failed("no", "error")]
    assert reader.read_whole(b"<html>") == []
    assert reader.finish() == []


def test_a_document_between_events_is_an_error_only_if_it_reads_as_one() -> None:
    whole = b'{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'
    reader = make_reader("no such format")
    assert is_content(reader.read(Chunk(whole, failed=True)))
    assert is_content(reader.read(Chunk(b'{"any":"thing"}', "message", failed=True)))
    for document in (b'{"error":{"message":"no"}}', b'{"detail":"no"}', b'{"message":"no"}'):
        (failed,) = reader.read(Chunk(document, failed=True))
        assert isinstance(failed, e.ResponseFailed)
        assert failed.message == "no"
    (failed,) = reader.read(Chunk(b'{"message":"no"}', "throttlingException", failed=True))
    assert isinstance(failed, e.ResponseFailed)


def test_a_response_with_the_shape_of_a_format_is_read_as_that() -> None:
    events = read_all(
        "no such format",
        sse(
            {"type": "ping"},
            {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 3}}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
        ),
    )
    answer = assemble(events)
    assert answer.text == {0: "Hi"}
    assert answer.usage == e.UsageReported(3, 2)
    assert answer.finishes == [e.ResponseFinished("stop", "end_turn")]
    message = {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]}
    whole = assemble(read_whole("no such format", {"id": "c", "message": message, "finish_reason": "COMPLETE"}))
    assert (whole.text, whole.finishes) == ({0: "Hi"}, [e.ResponseFinished("stop", "COMPLETE")])


def test_a_shape_decides_neither_the_commit_nor_the_end_nor_a_failure() -> None:
    reader = make_reader("no such format")
    for chunk in sse(
        {"type": "message_start", "message": {}},
        {"message": "a line of a log"},
        {"type": "message_stop"},
    ):
        events = reader.read(chunk)
        assert is_content(events)
        assert not any(isinstance(event, e.ResponseFailed) for event in events)
    assert (reader.terminated, reader.finish_seen) == (False, False)
    assert b'"message_delta"' in reader.markers
    assert reader.read_whole(b'{"message":"all is well"}') == []
