"""The tap beside a relay: what it tells the host, and what it counts."""

import json
from typing import Any

from aigw_sansio.config import Config
from aigw_sansio.effects import Emit
from aigw_sansio.engine.services import Services
from aigw_sansio.events import (
    AudioDelta,
    ProviderEvent,
    ProviderEventRead,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    Unrecognised,
    UsageReported,
)
from aigw_sansio.realtime.observer import RealtimeObserver
from aigw_sansio.wires.websocket.events import MessagePassed


class Listener:
    def __init__(self, format: str) -> None:
        self.services = Services(Config(emit_provider_events=True), b"seed", 0.0)
        self.tap = RealtimeObserver(self.services, format, "log-1")

    def hear(self, data: bytes | None, *, is_text: bool = True) -> list[ProviderEvent]:
        self.tap.message_passed(MessagePassed(is_text, 5_000_000 if data is None else len(data), data), 0.0)
        heard = []
        for effect in self.services.take_effects():
            assert isinstance(effect, Emit)
            assert isinstance(effect.event, ProviderEventRead)
            assert effect.event.log_id == "log-1"
            heard.append(effect.event.event)
        return heard

    def say(self, **value: Any) -> list[ProviderEvent]:
        return self.hear(json.dumps(value).encode())

    def respond(self, answer: str, tokens: int) -> None:
        self.say(type="response.created", response={"id": answer})
        self.finish(answer, tokens)

    def finish(self, answer: str, tokens: int) -> None:
        usage = {"input_tokens": tokens, "output_tokens": 1}
        self.say(type="response.done", response={"id": answer, "status": "completed", "usage": usage})

    def total(self) -> tuple[int | None, str] | None:
        usage = self.tap.usage()
        return None if usage is None else (usage.input_tokens, usage.quality)


def test_each_message_is_told_under_the_sessions_id() -> None:
    assert Listener("openai-realtime").say(type="response.output_text.delta", delta="Hi") == [TextDelta("Hi")]


def test_the_opcode_says_what_a_message_is() -> None:
    listener = Listener("deepgram")
    assert listener.hear(b"\x00" * 320, is_text=False) == [AudioDelta(320)]
    assert listener.hear(b"\x00" * 320) != [AudioDelta(320)]


def test_of_an_unknown_format_the_host_is_told_that_nothing_was_read() -> None:
    listener = Listener("nobody")
    assert listener.tap.usage() is None
    opaque = Unrecognised("opaque", opaque=True)
    assert listener.say(type="response.output_text.delta", delta="Hi") == [opaque]
    assert listener.tap.usage() == UsageReported(quality="partial")


def test_an_unknown_message_makes_usage_partial_if_it_may_have_counts() -> None:
    listener = Listener("openai-realtime")
    listener.respond("r1", 10)
    listener.say(type="brand.new", mood="fine")
    assert listener.total() == (10, "final")
    listener.say(type="brand.new", total_audio_seconds=3)
    assert listener.total() == (10, "partial")


def test_usage_is_partial_until_the_provider_has_counted_all() -> None:
    listener = Listener("deepgram")
    result = {"channel": {"alternatives": [{"transcript": "Hi"}]}, "is_final": True}
    listener.say(type="Results", start=0.0, duration=1.5, **result)
    assert listener.tap.usage() == UsageReported(input_audio_s=1.5, quality="partial")
    listener.say(type="Metadata", duration=4.25)
    assert listener.tap.usage() == UsageReported(input_audio_s=4.25)


def test_seconds_of_transcriptions_are_added_to_tokens_of_responses() -> None:
    listener = Listener("openai-realtime")
    listener.respond("r1", 10)
    for item in ("i1", "i2"):
        usage = {"type": "duration", "seconds": 2.5}
        listener.say(type="conversation.item.input_audio_transcription.completed", item_id=item, usage=usage)
    assert listener.tap.usage() == UsageReported(10, 1, input_audio_s=5.0)


def gemini(listener: Listener, tokens: int | None = None, **content: Any) -> list[ProviderEvent]:
    usage = {} if tokens is None else {"usageMetadata": {"promptTokenCount": tokens, "responseTokenCount": 1}}
    return listener.say(**({"serverContent": content} if content else {}), **usage)


SPEAKS: dict[str, Any] = {"modelTurn": {"parts": [{"text": "Hi"}]}}


def test_turns_without_content_begin_and_end_and_are_counted() -> None:
    listener = Listener("gemini-live")
    for tokens in (40, 45):
        events = gemini(listener, tokens, turnComplete=True)
        assert [type(event) for event in events] == [ResponseStarted, UsageReported, ResponseFinished]
    assert listener.total() == (85, "final")


def test_what_was_counted_before_an_interruption_is_kept() -> None:
    for late in (True, False):  # whether the interrupted turn is completed after all
        listener = Listener("gemini-live")
        gemini(listener, **SPEAKS)
        assert gemini(listener, 50, interrupted=True)[-1] == ResponseFinished("stop", "interrupted")
        assert listener.total() == (50, "final")
        if late:
            assert gemini(listener, turnComplete=True) == []
        assert gemini(listener, **SPEAKS) == [ResponseStarted(), TextDelta("Hi")]
        gemini(listener, 60, turnComplete=True)
        assert listener.total() == (110, "final")


def test_a_late_transcript_begins_no_turn() -> None:
    listener = Listener("gemini-live")
    gemini(listener, **SPEAKS)
    gemini(listener, 10, turnComplete=True)
    assert gemini(listener, outputTranscription={"text": "Hi"}) == [AudioDelta(0, "Hi")]
    assert listener.total() == (10, "final")
    assert gemini(listener, **SPEAKS)[0] == ResponseStarted()


def test_usage_on_any_message_of_gemini_is_counted() -> None:
    listener = Listener("gemini-live")
    usage = {"promptTokenCount": 100, "responseTokenCount": 5}
    listener.say(toolCall={"functionCalls": [{"id": "c", "name": "f"}]}, usageMetadata=usage)
    gemini(listener, **SPEAKS)
    gemini(listener, 130, turnComplete=True)
    assert listener.total() == (230, "final")
    gemini(listener, 25)  # a message with nothing else, as in translations
    gemini(listener, 25)
    assert listener.total() == (280, "final")


def test_a_growing_total_within_a_turn_is_counted_once() -> None:
    listener = Listener("gemini-live")
    for written in (1, 5, 9):
        usage = {"promptTokenCount": 10, "responseTokenCount": written}
        listener.say(serverContent=SPEAKS, usageMetadata=usage)
    gemini(listener, turnComplete=True)
    usage_now = listener.tap.usage()
    assert usage_now is not None
    assert (usage_now.input_tokens, usage_now.output_tokens) == (10, 9)


def test_usage_adds_up_over_answers_and_is_counted_once_for_each() -> None:
    listener = Listener("openai-realtime")
    assert listener.total() is None
    listener.respond("r1", 10)
    listener.respond("r2", 20)
    listener.finish("r1", 11)  # told again: it replaces
    assert listener.total() == (31, "final")


def test_usage_is_partial_while_an_answer_is_under_way() -> None:
    listener = Listener("openai-realtime")
    listener.respond("r1", 10)
    listener.say(type="response.created", response={"id": "r2"})
    assert listener.total() == (10, "partial")
    listener.finish("r2", 5)
    assert listener.total() == (15, "final")


def test_a_cancelled_answer_is_counted_once_however_often_it_is_told() -> None:
    listener = Listener("openai-realtime")
    listener.respond("r1", 10)
    listener.say(type="response.created", response={"id": "r2"})
    listener.say(type="response.output_audio.delta", delta="AAAA")
    for tokens in (20, 20, 21):
        usage = {"input_tokens": tokens, "output_tokens": 1}
        details = {"type": "cancelled", "reason": "client_cancelled"}
        cancelled = {"id": "r2", "status": "cancelled", "status_details": details, "usage": usage}
        listener.say(type="response.done", response=cancelled)
    assert listener.total() == (31, "final")
    listener.respond("r3", 5)
    assert listener.total() == (36, "final")


def test_an_answer_cancelled_without_usage_adds_nothing() -> None:
    listener = Listener("openai-realtime")
    listener.respond("r1", 10)
    listener.say(type="response.created", response={"id": "r2"})
    listener.say(type="response.done", response={"id": "r2", "status": "cancelled", "usage": None})
    assert listener.total() == (10, "final")


def test_an_error_in_the_midst_of_an_answer_does_not_end_it() -> None:
    listener = Listener("openai-realtime")
    listener.respond("r1", 10)
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "m"}
    listener.say(type="error", error=error)
    assert listener.total() == (10, "final")
    listener.say(type="response.created", response={"id": "r2"})
    listener.say(type="error", error=error)
    assert listener.total() == (10, "partial")
    details = {"type": "failed", "error": error}
    listener.say(type="response.done", response={"id": "r2", "status": "failed", "status_details": details})
    assert listener.total() == (10, "final")


def test_answers_that_overlap_are_kept_apart() -> None:
    """An answer outside of the conversation ends while another is under way."""
    listener = Listener("openai-realtime")
    listener.say(type="response.created", response={"id": "r1"})
    listener.respond("r2", 20)
    assert listener.total() == (20, "partial"), "the first goes on"
    listener.finish("r1", 10)
    assert listener.total() == (30, "final")


def test_what_is_replayed_on_a_new_connection_is_not_counted_again() -> None:
    """The items of a session that goes on; the answers were counted where they were given."""
    listener = Listener("openai-realtime")
    item = {"id": "i1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
    assert listener.say(type="conversation.item.added", item=item) == []
    assert listener.say(type="conversation.item.done", item=item) == []
    assert listener.total() is None
    listener.respond("r2", 7)
    assert listener.total() == (7, "final")


def test_geminis_interrupted_turn_is_counted_once() -> None:
    listener = Listener("gemini-live")
    audio = {"inlineData": {"mimeType": "audio/pcm", "data": "AAAA"}}
    usage = {"promptTokenCount": 10, "responseTokenCount": 1}
    listener.say(serverContent={"modelTurn": {"parts": [audio]}}, usageMetadata=usage)
    assert listener.total() == (10, "partial")
    listener.say(serverContent={"interrupted": True})
    listener.say(serverContent={"turnComplete": True}, usageMetadata=usage)
    assert listener.total() == (10, "final")
    listener.say(serverContent={"modelTurn": {"parts": [audio]}})
    listener.say(serverContent={"turnComplete": True}, usageMetadata=usage)
    assert listener.total() == (20, "final")


def test_usage_is_partial_where_a_message_was_too_large() -> None:
    listener = Listener("openai-realtime")
    listener.respond("r1", 10)
    assert listener.hear(None) == []
    assert listener.total() == (10, "partial")


def test_a_host_that_does_not_listen_is_told_nothing_and_usage_is_counted_all_the_same() -> None:
    services = Services(Config(), b"seed", 0.0)
    tap = RealtimeObserver(services, "openai-realtime", "log-1", tells=False)
    usage = {"input_tokens": 10, "output_tokens": 20}
    done = {"type": "response.done", "response": {"id": "r", "status": "completed", "output": [], "usage": usage}}
    data = json.dumps(done).encode()
    tap.message_passed(MessagePassed(True, len(data), data), 0.0)
    assert services.take_effects() == []
    assert tap.usage() == UsageReported(input_tokens=10, output_tokens=20)
