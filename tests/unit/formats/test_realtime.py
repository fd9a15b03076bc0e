"""All realtime protocols: the table of readers, and messages of any shape."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import JSON, mutate
from tests.reading.formats import (
    read_message,
    read_messages,
)
from tests.reading.recordings import (
    SESSIONS,
    needs_recordings,
    session_format,
    session_messages,
)

from aigw_sansio import events as e
from aigw_sansio.formats.realtime import REALTIME_FORMATS, make_realtime_reader


def test_of_an_unknown_format_each_message_is_named_as_unread() -> None:
    unknown = make_realtime_reader("no such")
    opaque = [e.Unrecognised("opaque", opaque=True)]
    assert (read_messages(unknown, {"a": 1}), unknown.response_id) == (opaque, "")
    assert read_message(unknown, b"\x00", is_text=False) == opaque


@pytest.mark.parametrize(
    ("format", "events"),
    [
        ("openai-realtime", []),
        ("gemini-live", []),
        ("deepgram", [e.AudioDelta(3)]),
        ("elevenlabs", [e.AudioDelta(3)]),
        ("cartesia", [e.AudioDelta(3)]),
        ("fal", []),
        ("together", []),
        ("assemblyai", [e.AudioDelta(3)]),
        ("rime", [e.AudioDelta(3)]),
        ("hume", [e.AudioDelta(3)]),
    ],
)
def test_binary_messages_are_audio_with_speech_providers(format: str, events: list[e.ProviderEvent]) -> None:
    assert read_message(make_realtime_reader(format), b"\x00\x01\x02", is_text=False) == events
    assert read_message(make_realtime_reader(format), b"", is_text=False) == []


@pytest.mark.parametrize("format", [format for format in REALTIME_FORMATS if format != "fal"])
def test_an_unknown_message_is_named(format: str) -> None:
    assert read_messages(make_realtime_reader(format), {"type": "brand.new"}) == [e.Unrecognised("type brand.new")]


@needs_recordings
@given(data=st.data())
def test_no_message_raises(data: st.DataObject) -> None:
    session = data.draw(st.sampled_from(SESSIONS))
    reader = make_realtime_reader(data.draw(st.sampled_from([session_format(session), *REALTIME_FORMATS])))
    for text, body, _ in session_messages(session)[:40]:
        if data.draw(st.integers(0, 5)) == 0:
            body = json.dumps(mutate(json.loads(body), data.draw)).encode()
        for event in read_message(reader, body, is_text=text):
            msgspec.json.encode(event)
    for event in read_message(reader, data.draw(st.binary(max_size=20)), is_text=data.draw(st.booleans())):
        msgspec.json.encode(event)
    for event in read_messages(reader, {"type": data.draw(JSON), "response": data.draw(JSON)}):
        msgspec.json.encode(event)
