"""Recorded realtime sessions: every message is understood, and usage adds up."""

import json

from tests.reading.formats import read_message
from tests.reading.recordings import (
    SESSIONS,
    needs_recordings,
    session_format,
    session_messages,
)

from aigw_sansio import events as e
from aigw_sansio.formats.realtime import make_realtime_reader
from aigw_sansio.formats.usage import UsageMeter


@needs_recordings
def test_recorded_sessions_are_understood() -> None:
    assert len(SESSIONS) > 30
    for session in SESSIONS:
        reader = make_realtime_reader(session_format(session))
        meter = UsageMeter()
        ends = turns = 0
        text = ""
        for is_text, data, from_provider in session_messages(session):
            if not from_provider:
                continue
            events = read_message(reader, data, is_text=is_text)
            meter.read(events, reader.response_id)
            assert not [event for event in events if isinstance(event, e.Unrecognised | e.ResponseFailed)], session
            for event in events:
                turns += isinstance(event, e.ResponseStarted)
                ends += isinstance(event, e.ResponseFinished)
                text += event.text if isinstance(event, e.TextDelta) else ""
                text += event.transcript or "" if isinstance(event, e.AudioDelta) else ""
        assert text or "speak" in session.name, session
        if "translation" not in session.name and "deepgram" not in session.parent.name:
            assert turns == ends > 0, session
            usage = meter.total(complete=True)
            assert usage is not None, session
            assert usage.input_tokens, session


@needs_recordings
def test_usage_of_a_session_is_the_sum_of_its_responses() -> None:
    for session in SESSIONS:
        if session_format(session) != "openai-realtime":
            continue
        reader, meter, expected = make_realtime_reader("openai-realtime"), UsageMeter(), 0
        for is_text, data, from_provider in session_messages(session):
            if not from_provider:
                continue
            value = json.loads(data)
            if value["type"] == "response.done":
                usage = value["response"].get("usage") or value.get("usage")
                expected += usage["output_tokens"]
                meter.read(read_message(reader, data, is_text=is_text), reader.response_id)  # said twice
            meter.read(read_message(reader, data, is_text=is_text), reader.response_id)
        total = meter.total(complete=True)
        assert (total.output_tokens if total else 0) == expected, session
