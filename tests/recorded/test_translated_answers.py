"""Recorded answers of all providers, written in each of the three formats of clients and read again: the same events."""

import pytest
from tests.reading.recordings import RECORDINGS, TRANSLATIONS, Recording, needs_recordings
from tests.reading.written_answers import WRITERS, put_together, same_answers, streamed

from aigw_sansio import events as e
from aigw_sansio.bodies.framing import Framing
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.answers.errors import BEGAN_AGAIN, why_failed
from aigw_sansio.formats.media import find_media
from aigw_sansio.formats.registry import make_reader

#: A vendor that makes the data of answers in a format; for all others the data are packed as nobody's.
MAKERS = {"anthropic-messages": "anthropic", "gemini": "google", "openai-responses": "openai"}

#: The provider begins again in the middle of a call, half of which the client has.
SPOILT = {"anthropic-messages/vercel-spliced-message-start.sse"}


def translated(recording: Recording, format: str) -> tuple[list[e.ProviderEvent], list[e.ProviderEvent]]:
    """The events of ``recording``, and those that are read in what was written of it in ``format``."""
    writer = WRITERS[format](
        AnswerContext(
            "01", 1, "asked", include_usage=True, source=recording.format, maker=MAKERS.get(recording.format, "")
        )
    )
    reader = make_reader(recording.format)
    if recording.framing is Framing.WHOLE:
        events = reader.read_whole(recording.body)
        body = writer.write_whole(events, find_media(recording.body, events))
        return events, make_reader(format).read_whole(body)
    before: list[e.ProviderEvent] = []
    payloads: list[bytes] = []
    for chunk in recording.chunks():
        events = reader.read(chunk)
        media = find_media(chunk.data, events)
        payloads += writer.write(events, media)
        if format == "openai-responses" or not any(one.preview for one in media):
            before += events  # the other formats have only the image that follows a preview
    end = reader.finish()
    payloads += writer.write(end) + writer.finish()
    return [*before, *end], streamed(format, payloads)


def failure(recording: Recording, events: list[e.ProviderEvent], format: str) -> str | None:
    """The message of the error that the answer is, if it is one."""
    for event in events:
        if isinstance(event, e.ResponseFailed):
            return event.message
        if isinstance(event, e.ResponseStarted) and event.restarted and recording.file in SPOILT:
            return BEGAN_AGAIN.message
        if isinstance(event, e.ResponseFinished) and (event.choice == 0 or format == "openai-chat"):
            failed = why_failed(event, whole=recording.framing is Framing.WHOLE)
            if failed is not None:
                return failed.message
    return None


@needs_recordings
@pytest.mark.parametrize("format", sorted(WRITERS))
def test_every_recorded_answer_is_the_same_in_every_format(format: str) -> None:
    compared = failed = 0
    for recording in [*RECORDINGS, *TRANSLATIONS]:
        before, after = translated(recording, format)
        message = failure(recording, before, format)
        if message is not None:
            failed += 1
            assert put_together(after).failed == message, recording.file
        elif any(isinstance(event, e.ResponseFinished) for event in before):
            compared += 1
            expected, found = same_answers(format, before, after, whole=recording.framing is Framing.WHOLE)
            assert found == expected, recording.file
        else:  # embeddings, rankings, lists: no answer, and none is made up
            assert put_together(after).failed is not None, recording.file
    assert compared > 1000
    assert failed > 50
