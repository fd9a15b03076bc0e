"""The tap beside a relay: what it tells the host, and what it counts."""

import json
from typing import Any

from aigw_sansio.config import Config
from aigw_sansio.effects import Emit
from aigw_sansio.engine import Engine
from aigw_sansio.events import AudioDelta, ProviderEvent, ProviderEventRead, TextDelta
from aigw_sansio.realtime_tap import RealtimeTap
from aigw_sansio.wires.frames import Opcode
from aigw_sansio.wires.relay_frames import MessagePassed


class Listener:
    def __init__(self, family: str) -> None:
        self.engine = Engine(Config(), b"seed", 0.0)
        self.tap = RealtimeTap(self.engine, family, "log-1")

    def hear(self, data: bytes | None, opcode: Opcode = Opcode.TEXT) -> list[ProviderEvent]:
        self.tap.message_passed(MessagePassed(opcode, 5_000_000 if data is None else len(data), data))
        heard = []
        for effect in self.engine.take_effects():
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
    assert listener.hear(b"\x00" * 320, Opcode.BINARY) == [AudioDelta(320)]
    assert listener.hear(b"\x00" * 320, Opcode.TEXT) != [AudioDelta(320)]


def test_an_unknown_family_reads_nothing() -> None:
    assert Listener("nobody").say(type="response.output_text.delta", delta="Hi") == []


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


def test_usage_is_partial_where_a_message_was_too_large() -> None:
    listener = Listener("openai-realtime")
    listener.respond("r1", 10)
    assert listener.hear(None) == []
    assert listener.total() == (10, "partial")
