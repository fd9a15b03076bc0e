"""The responses of an exchange in the client's format: what stands between the exchange and the encoder."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.config import Limits
from aigw_sansio.dialects.universal.encoder import UniversalEncoder
from aigw_sansio.events import (
    ProviderEvent,
    ResponseFailed,
    ResponseFinished,
    TextDelta,
    Unrecognised,
    UsageReported,
)
from aigw_sansio.exchanges.encoder import FinalResponse, Progress
from aigw_sansio.exchanges.policy import ResponseMode
from aigw_sansio.exchanges.ports import AnswerPlan
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.exchanges.translating import TranslatingEncoder
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.formats.media import Media
from aigw_sansio.formats.translation import Note

SSE = (b"content-type", b"text/event-stream")
START = {"type": "message_start", "message": {"id": "msg_1", "model": "m", "usage": {"input_tokens": 3}}}
STOPPED = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
LOST = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "lost")
DROPPED = Note("dropped", "seed", "There is none.")
SAID = Note("dropped", "citation", "It has no place.")


def said(text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


class Plain:
    """A writer of a format in which each event is one line of text."""

    def __init__(self, id: str, created: int) -> None:
        self.taken: list[bytes] = []
        self.made = (id, created)
        self.notes: list[Note] = []
        self.kept = ""
        self.failed: ResponseFailed | None = None
        self.completed: int | None = None

    wants_logprobs = True

    def take_logprobs(self, data: bytes) -> None:
        self.taken.append(data)

    @property
    def held(self) -> int:
        return len(self.kept)

    def write(self, events: Sequence[ProviderEvent], media: Sequence[Media] = ()) -> list[bytes]:
        lines: list[str] = []
        for event in events:
            if isinstance(event, TextDelta):
                self.kept += event.text
                lines += ["text:", event.text]
            elif isinstance(event, ResponseFailed):
                self.failed = event
                lines.append(f"failed: {event.message}")
            elif isinstance(event, ResponseFinished):
                self.notes = [SAID]
                lines.append(f"finished: {event.reason}")
        return [msgspec.json.encode(line) for line in lines]

    def finish(self, *, completed: int | None = None) -> list[bytes]:
        self.completed = completed
        return [msgspec.json.encode(f"all: {self.kept}"), b"[DONE]"]

    def write_whole(
        self, events: Sequence[ProviderEvent], media: Sequence[Media] = (), *, completed: int | None = None
    ) -> bytes:
        self.completed = completed
        lines = [line for event in events for line in self.write([event])]
        return msgspec.json.encode([msgspec.Raw(line) for line in lines])


def response(format: str = "anthropic-messages", *, key: bytes = b"") -> ProviderResponse:
    return ProviderResponse(200, [SSE], format=format, limits=Limits(), array_stream=False, keys=(key,) if key else ())


class Shown:
    """A translating encoder before the universal one; the messages are taken apart."""

    def __init__(self, *plans: AnswerPlan, mode: ResponseMode = "raw", most: int = 1000) -> None:
        self.heard: list[ProviderEvent] = []
        inner = UniversalEncoder("e", "log", mode=mode, listener=self.heard.extend)
        self.encoder = TranslatingEncoder(
            inner, plans or (AnswerPlan((DROPPED,), "openai-chat", Plain),), id="log", created=7, most=most
        )
        self.encoder.attempt(0)

    def chunks(self, of: ProviderResponse, *values: dict[str, Any]) -> tuple[list[Any], ResponseFailed | None]:
        chunks = of.next_chunks(b"".join(b"data: %b\n\n" % msgspec.json.encode(value) for value in values))
        messages, failed = self.encoder.chunks(of, chunks)
        return shown(messages), failed


def shown(messages: list[bytes]) -> list[Any]:
    """``response`` of streamed chunks, the type of events, and other messages whole."""
    found: list[Any] = []
    for message in map(msgspec.json.decode, messages):
        if message["type"] == "universal.stream":
            found.append(message["response"])
        else:
            found.append(message["event"]["type"] if message["type"] == "universal.event" else message)
    return found


def begun(mode: ResponseMode = "raw", most: int = 1000) -> tuple[Shown, ProviderResponse]:
    client, of = Shown(mode=mode, most=most), response()
    of.committed(everything=client.encoder.reads_everything)
    client.encoder.begin(of, Progress(0, 1))
    return client, of


def test_a_chunk_becomes_none_one_or_several() -> None:
    client, of = begun()
    assert client.chunks(of, START) == ([], None)
    assert client.chunks(of, said("a"), {"type": "ping"}, said("b")) == (["text:", "a", "text:", "b"], None)


def test_a_writer_that_wants_log_probabilities_sees_all_chunks() -> None:
    made: list[Plain] = []

    def make(id: str, created: int) -> Plain:
        made.append(Plain(id, created))
        return made[-1]

    client = Shown(AnswerPlan((), "openai-chat", make))
    client.encoder.attempt(0)
    client.encoder.chunk(response(), Chunk(b"{}"), [])
    client.chunks(response(), said("a"))
    assert made[-1].taken == [b"{}", msgspec.json.encode(said("a"))]
    client.encoder.whole(FinalResponse(0, 200, "", b"[]", None, [], [TextDelta("a")]), Progress(0, 1))
    assert made[-1].taken == [b"[]"]


def test_the_events_are_those_of_the_provider_whatever_is_shown() -> None:
    both, of = begun("both")
    assert both.chunks(of, START, said("a"))[0] == ["response.started", "usage", "text:", "a", "text.delta"]
    events, of = begun("events")
    assert events.chunks(of, said("a"))[0] == ["text.delta"]
    assert events.heard == [TextDelta("a")]


def test_before_the_commit_chunks_are_written_for_each_attempt_anew() -> None:
    client = Shown(AnswerPlan((), "openai-chat", Plain), AnswerPlan((), "openai-chat", Plain))
    for step in (0, 0, 1):
        client.encoder.attempt(step)
        assert client.encoder.held == 0
        events: list[ProviderEvent] = [TextDelta("lost")]
        assert shown(client.encoder.chunk(response(), Chunk(b"{}"), events)) == ["text:", "lost"]
        assert client.encoder.held == 4


def test_the_end_of_a_stream_is_written_before_done_which_names_all_notes() -> None:
    client, of = begun()
    client.chunks(of, said("a"))
    assert shown(client.encoder.events([ResponseFinished("stop")])) == []
    *last, done = shown(client.encoder.finished(of, Progress(0, 1), UsageReported(output_tokens=2)))
    assert last == ["finished: stop", "all: a"]  # without the terminator of the format
    assert done["type"] == "universal.done"
    assert done["metadata"]["contentType"] == "text/event-stream"
    assert done["metadata"]["usage"] == {"output_tokens": 2, "quality": "final"}
    assert [note["field"] for note in done["metadata"]["notes"]] == ["seed", "citation"]
    assert client.encoder.held == 0  # its messages may be queued for long


def test_the_start_names_what_the_request_lost_and_the_clients_type() -> None:
    of = ProviderResponse(
        200,
        [(b"content-type", b"application/vnd.amazon.eventstream")],
        format="bedrock-converse",
        limits=Limits(),
        array_stream=False,
    )
    (created,) = shown(Shown().encoder.begin(of, Progress(0, 1)))
    assert created["metadata"]["contentType"] == "text/event-stream"
    assert created["metadata"]["notes"] == [{"kind": "dropped", "field": "seed", "why": "There is none."}]


def test_an_error_of_the_provider_is_the_last_chunk() -> None:
    client, of = begun()
    messages, failed = client.chunks(of, said("a"), OVERLOADED, said("b"))
    assert messages == ["text:", "a", "failed: Overloaded"]
    assert failed is not None
    (error,) = shown(client.encoder.failed(of, LOST, Progress(0, 1), None))
    assert error["type"] == "universal.error"


def test_a_break_is_the_last_chunk_too_and_a_cancel_is_none() -> None:
    client, of = begun()
    client.encoder.events([ResponseFailed("lost")])
    *last, error = shown(client.encoder.failed(of, LOST, Progress(0, 1), None))
    assert (last, error["type"]) == (["failed: lost"], "universal.error")
    client, of = begun()
    client.encoder.events([ResponseFailed("cancelled")])
    (cancelled,) = shown(client.encoder.cancelled(of, Progress(0, 1), None))
    assert cancelled["type"] == "universal.cancelled"


def test_a_terminator_ends_the_chunks() -> None:
    client, of = begun()
    assert client.chunks(of, said("a"), STOPPED, {"type": "message_stop"}, said("b"))[0] == [
        "text:",
        "a",
        "finished: stop",
    ]


def test_a_whole_response_is_written_anew() -> None:
    client = Shown()
    events: list[ProviderEvent] = [TextDelta("a"), ResponseFinished("stop")]
    final = FinalResponse(0, 200, "application/x-amz-json-1.1", b"{}", "latin-1", [], events)
    (created,) = shown(client.encoder.whole(final, Progress(0, 1)))
    assert created["response"] == ["text:", "a", "finished: stop"]
    assert (created["metadata"]["status"], created["metadata"]["contentType"]) == (200, "application/json")
    assert [note["field"] for note in created["metadata"]["notes"]] == ["seed", "citation"]


@pytest.mark.parametrize(("status", "shown_status"), [(529, 503), (404, 404), (302, 503), (200, 503)])
def test_an_error_has_the_shape_and_a_status_that_clients_of_the_format_know(status: int, shown_status: int) -> None:
    """Also an error that only the writer finds in a response."""
    client = Shown()
    failed = ResponseFailed("Overloaded", error_class="overload")
    final = FinalResponse(0, status, "application/json", b"{}", None, [], [failed])
    (created,) = shown(client.encoder.whole(final, Progress(0, 1)))
    assert created["response"]["error"]["message"] == "Overloaded"
    assert created["metadata"]["status"] == shown_status


def test_the_step_that_is_shown_decides_not_the_one_tried_last() -> None:
    client = Shown(AnswerPlan((DROPPED,), "openai-chat", Plain), AnswerPlan())
    client.encoder.attempt(1)
    final = FinalResponse(0, 500, "application/json", b'{"own":1}', None, [], [ResponseFailed("sorry")])
    (created,) = shown(client.encoder.whole(final, Progress(1, 2)))
    assert created["response"]["error"]["message"] == "sorry"
    client = Shown(AnswerPlan((DROPPED,), "openai-chat", Plain), AnswerPlan())
    client.encoder.attempt(1)
    (created,) = shown(client.encoder.whole(final._replace(step=1), Progress(1, 2)))
    assert created["response"] == {"own": 1}
    assert "notes" not in created["metadata"]


def test_a_step_without_a_translation_passes_byte_for_byte() -> None:
    client = Shown(AnswerPlan((), "openai-chat", Plain), AnswerPlan((DROPPED,)))
    client.encoder.attempt(1)
    of = response()
    of.committed(everything=client.encoder.reads_everything)
    (created,) = shown(client.encoder.begin(of, Progress(1, 2)))
    assert len(created["metadata"]["notes"]) == 1
    events: list[ProviderEvent] = [TextDelta("a")]
    assert shown(client.encoder.chunk(of, Chunk(b'{"own": 1}'), events)) == [{"own": 1}]
    assert client.chunks(of, said("a")) == ([said("a")], None)
    assert shown(client.encoder.events([ResponseFinished("stop")])) == []
    (done,) = shown(client.encoder.finished(of, Progress(1, 2), None))
    assert done["type"] == "universal.done"


def test_only_a_response_that_is_written_anew_must_be_read_as_a_whole() -> None:
    encoder = TranslatingEncoder(
        UniversalEncoder("e", "log", mode="raw", listener=None),
        (AnswerPlan((), "openai-chat", Plain), AnswerPlan()),
        id="log",
        created=7,
        most=10,
    )
    encoder.attempt(0)
    assert encoder.reads_everything
    encoder.attempt(1)
    assert not encoder.reads_everything


def test_a_refusal_of_the_gateway_keeps_its_envelope() -> None:
    client = Shown()
    client.encoder.events([ResponseFailed("lost")])
    (created,) = shown(client.encoder.refused(LOST, Progress(0, 1), None))
    assert created["response"]["success"] is False
    assert len(created["metadata"]["notes"]) == 1


def test_keys_are_hidden_before_a_chunk_is_written_anew() -> None:
    client, of = Shown(), response(key=b"stored-canary-key")
    of.committed(everything=True)
    client.encoder.begin(of, Progress(0, 1))
    assert client.chunks(of, said("a stored-canary-key b"))[0] == ["text:", "a *** b"]
    first, _ = client.chunks(of, said("stored-can"))
    rest, _ = client.chunks(of, said("ary-key b"))
    assert "ary-key" not in str([first, rest])


def test_what_a_format_keeps_for_its_end_is_bounded() -> None:
    client, of = begun(most=10)
    client.chunks(of, said("0123456789"))
    assert of.fault is None
    client.chunks(of, said("0"))
    assert of.fault is not None
    assert (of.fault.kind, of.notable) == (FaultKind.BODY_TOO_LARGE, True)


def test_what_nobody_could_read_has_no_chunk() -> None:
    client, of = begun("both")
    events: list[ProviderEvent] = [Unrecognised("a thing")]
    assert client.encoder.chunk(of, Chunk(b"{}"), events) == []


@pytest.mark.parametrize("whole", [False, True])
def test_a_writer_is_told_when_the_response_was_complete(whole: bool) -> None:
    made: list[Plain] = []

    def make(id: str, created: int) -> Plain:
        made.append(Plain(id, created))
        return made[-1]

    client = Shown(AnswerPlan((), "openai-responses", make))
    if whole:
        final = FinalResponse(0, 200, "application/json", b"{}", None, [], [TextDelta("Hi")])
        client.encoder.whole(final, Progress(0, 1, unix_s=9))
    else:
        of = response()
        client.chunks(of, START, said("Hi"))
        client.encoder.begin(of, Progress(0, 1, unix_s=8))
        client.encoder.finished(of, Progress(0, 1, unix_s=9), None)
    assert made[-1].completed == 9
