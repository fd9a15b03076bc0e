"""Text to speech and voice agents over WebSockets: Rime, Hume."""

from tests.reading.formats import b64, read_messages

from aigw_sansio import events as e
from aigw_sansio.formats.realtime import make_realtime_reader


def test_rime() -> None:
    reader = make_realtime_reader("rime")
    assert read_messages(
        reader,
        {"type": "chunk", "data": b64(b"123"), "contextId": "a"},
        {"type": "timestamps", "word_timestamps": {"words": ["Hi"]}},
        {"type": "done", "contextId": "a"},
    ) == [e.ResponseStarted(), e.AudioDelta(3), e.ResponseFinished("stop", "done")]
    assert reader.response_id == "a"
    (failed,) = read_messages(reader, {"type": "error", "message": "Invalid speaker"})
    assert isinstance(failed, e.ResponseFailed)
    assert failed.message == "Invalid speaker"


def test_hume() -> None:
    assert read_messages(
        make_realtime_reader("hume"),
        {"type": "chat_metadata", "chat_id": "c"},
        {"type": "user_message", "message": {"role": "user", "content": "Hello"}},
        {"type": "assistant_message", "message": {"role": "assistant", "content": "Hi"}},
        {"type": "audio_output", "data": b64(b"1234")},
        {"type": "tool_call", "tool_call_id": "t", "name": "f", "parameters": '{"x":1}', "tool_type": "function"},
        {"type": "assistant_end"},
    ) == [
        e.ResponseStarted(),
        e.TextDelta("Hi"),
        e.AudioDelta(4),
        e.ToolCallStarted(0, "t", "f"),
        e.ToolCallDelta(0, '{"x":1}'),
        e.ResponseFinished("stop", "assistant_end"),
    ]
    error = {"type": "error", "code": "E0300", "slug": "out_of_credits", "message": "No credits"}
    (failed,) = read_messages(make_realtime_reader("hume"), error)
    assert isinstance(failed, e.ResponseFailed)
    assert (failed.message, failed.kind, failed.code) == ("No credits", "out_of_credits", "E0300")
