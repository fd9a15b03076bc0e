"""The seam between an exchange and what answers it: a source that is no pool drives an exchange to each of its ends."""

import json
from typing import Any

import pytest
from tests.peers.memory_source import JSON, STREAM, MemorySource, Remembered
from tests.peers.toy_dialect import ToyEncoder
from tests.rigs.compiled import needs_sources
from tests.rigs.core_rig import CALLER, Rig

from aigw_sansio.config import Limits
from aigw_sansio.events import AttemptConnected, AttemptEnded, ExchangeEnded
from aigw_sansio.exchanges.exchange import Exchange
from aigw_sansio.exchanges.policy import Policy
from aigw_sansio.exchanges.ports import PlannedStep, Scheduled
from aigw_sansio.exchanges.states import ExchangeState
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.origin import Origin
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.wires.http import Request

pytestmark = needs_sources

TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
HI = '{"choices":[{"index":0,"delta":{"content":"hi"}}]}'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
ERROR = b'data: {"error":{"message":"too busy"}}\n\n'
LOST = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "the memory is damaged", retryable=True)
CANCEL = Fault(FaultKind.CANCELLED, Side.CLIENT, "cancelled by the client")


class Client(Rig):
    """Session and outlet of one exchange that asks ``source``."""

    def __init__(
        self,
        source: MemorySource,
        *,
        attempts: int = 1,
        steps: int = 1,
        pause_after: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        """``pause_after``: so many messages, and the client takes no more."""
        super().__init__(limits)
        self.source = source
        self.pause_after = pause_after
        self.messages: list[list[Any]] = []
        self.held = 0
        policy = Policy(
            connect_s=10.0,
            first_byte_s=5.0,
            idle_s=30.0,
            total_s=None,
            attempts=attempts,
            delay_s=0.0,
            backoff="constant",
            response="raw",
        )
        self.exchange_ = Exchange(
            self.services,
            source,
            caller=CALLER,
            config=self.services.config,
            owner=self,
            outlet=self,
            encoder=ToyEncoder("e"),
            event_id="e",
            log_id="log",
            steps=[PlannedStep(self._call(number), policy) for number in range(steps)],
            request_bytes=2,
            now=0.0,
        )
        self.exchange_.start(0.0)

    def _call(self, number: int) -> ProviderCall:
        return ProviderCall(
            provider="openai",
            origin=Origin("https", f"up{number}.test", 443),
            request=Request(
                method=b"POST", scheme=b"https", authority=b"up.test", target=b"/v1", headers=[], body=b"{}"
            ),
            format="openai-chat",
            array_stream=False,
        )

    def post(self, exchange: Scheduled, messages: list[bytes], now: float) -> None:
        self.messages += map(json.loads, messages)
        if self.pause_after is not None and len(self.messages) >= self.pause_after:
            exchange.pause_for_queue()

    def discard(self, exchange: Scheduled) -> None:
        self.messages.append(["dropped"])

    def account(self, delta: int) -> None:
        self.held += delta

    def exchange_ended(self, exchange: Exchange, now: float) -> None:
        assert exchange is self.exchange_

    def take_all(self) -> None:
        """The client takes again, for good."""
        self.pause_after = None
        self.exchange_.resume_after_queue(self.now)

    def all_of(self, kind: type) -> list[Any]:
        self.effects()
        return [event for event in self.events if type(event) is kind]

    def ended(self) -> ExchangeEnded:
        """The one end, after which nothing is left."""
        (event,) = self.all_of(ExchangeEnded)
        assert self.exchange_.state is ExchangeState.ENDED
        assert self.held == 0
        assert self.services.timers.next_deadline() is None
        assert not self.connections
        assert isinstance(event, ExchangeEnded)
        return event


def test_a_stream_from_memory_is_over_before_start_returns() -> None:
    client = Client(MemorySource(Remembered(200, STREAM, (TOKEN + TOKEN[:9], TOKEN[9:], USAGE))))
    end = client.ended()
    assert client.messages == [
        ["begin", "e", [200, 0, 1]],
        ["chunk", "e", HI],
        ["chunk", "e", HI],
        ["chunk", "e", USAGE[6:-2].decode()],
        ["end", "e", 4],
    ]
    assert (end.how, end.by, end.status, end.fault, end.chunks) == ("done", Side.PROVIDER, 200, None, 3)
    assert end.bytes_received == len(TOKEN + TOKEN + USAGE)
    assert [event.reach for event in client.all_of(AttemptConnected)] == ["reused"]
    assert client.source.said == []  # it ended by itself: nothing is left to be cancelled


def test_a_whole_response_from_memory() -> None:
    client = Client(MemorySource(Remembered(200, JSON, (b'{"a":', b"1}"))))
    assert client.messages == [["whole", "e", [200, '{"a":1}']]]
    assert client.ended().how == "created"


def test_a_paused_source_gives_nothing_until_it_is_resumed() -> None:
    client = Client(MemorySource(Remembered(200, STREAM, (TOKEN, TOKEN, TOKEN))), pause_after=2)
    (call,) = client.source.calls
    assert client.messages == [["begin", "e", [200, 0, 1]], ["chunk", "e", HI]]
    assert call.pieces_left == 2
    client.pass_time(10_000.0)  # no clock runs against a provider that is paused
    assert not client.exchange_.ended
    client.take_all()
    assert client.messages[2:] == [["chunk", "e", HI], ["chunk", "e", HI], ["end", "e", None]]
    assert client.ended().how == "done"
    assert client.source.said == ["pause", "resume"]


def test_what_came_with_the_piece_that_was_too_much_waits() -> None:
    """One piece holds three messages. The first makes the client full, and all three were sent with it; the next piece
    stays where it is."""
    client = Client(MemorySource(Remembered(200, STREAM, (TOKEN * 3, TOKEN))), pause_after=1)
    (call,) = client.source.calls
    assert [kind for kind, *_ in client.messages] == ["begin", "chunk", "chunk", "chunk"]
    assert call.pieces_left == 1
    client.exchange_.cancel("cancelled", Side.CLIENT, CANCEL, client.now)
    assert client.messages[-2:] == [["dropped"], ["stopped", "e", 200]]
    end = client.ended()
    assert (end.how, end.by, end.fault) == ("cancelled", Side.CLIENT, CANCEL)
    assert client.source.said == ["pause", "cancel"]


def test_a_source_is_resumed_only_when_nothing_speaks_against_it() -> None:
    client = Client(MemorySource(Remembered(200, STREAM, (TOKEN, TOKEN))), pause_after=2)
    client.exchange_.pause_for_budget()
    client.take_all()
    assert client.source.said == ["pause"]
    client.exchange_.resume_after_budget(client.now)
    assert client.source.said == ["pause", "resume"]
    assert client.ended().how == "done"


def test_a_cancel_before_the_end_reaches_the_source_once() -> None:
    client = Client(MemorySource(Remembered(200, STREAM, (TOKEN,)), stuck=True))
    client.exchange_.cancel("gone", Side.CLIENT, CANCEL, client.now)
    client.exchange_.cancel("gone", Side.CLIENT, CANCEL, client.now)
    assert client.source.said == ["cancel"]
    assert client.ended().how == "gone"


def test_a_source_that_falls_silent_is_cancelled() -> None:
    client = Client(MemorySource(Remembered(200, STREAM, (TOKEN,)), stuck=True))
    client.pass_time(29.9)
    assert not client.exchange_.ended
    client.pass_time(0.2)
    assert client.messages[-1] == ["broken", "e", "idle_timeout"]
    assert client.source.said == ["cancel"]
    assert client.ended().how == "error"


def test_a_stream_that_breaks_off_in_the_source() -> None:
    client = Client(MemorySource(Remembered(200, STREAM, (TOKEN,), LOST)), attempts=3)
    assert client.messages[1:] == [["chunk", "e", HI], ["broken", "e", "connection_lost"]]
    end = client.ended()
    assert (end.how, end.by, end.fault, end.attempts) == ("error", Side.PROVIDER, LOST, 1)
    assert client.source.said == []


def test_an_error_in_the_stream_ends_it_and_lets_the_source_go() -> None:
    client = Client(MemorySource(Remembered(200, STREAM, (TOKEN, ERROR, TOKEN))))
    assert [kind for kind, *_ in client.messages] == ["begin", "chunk", "chunk", "broken"]
    assert client.source.said == ["cancel"]
    assert client.source.calls[0].pieces_left == 1
    assert client.ended().how == "error"


@pytest.mark.parametrize("status", [0, 503])
def test_a_source_that_fails_is_asked_again(status: int) -> None:
    """It fails without a response, or with one that is none that the client wants: the next attempt asks it anew."""
    failing = Remembered(status, JSON, (b"{}",) if status else (), None if status else LOST)
    client = Client(MemorySource(failing, failing, Remembered(200, STREAM, (TOKEN,))), attempts=3)
    assert [kind for kind, *_ in client.messages] == ["begin", "chunk", "end"]
    assert client.messages[0] == ["begin", "e", [200, 0, 3]]
    assert client.ended().attempts == 3
    assert len(client.source.asked) == 3
    assert len(client.all_of(AttemptEnded)) == 3


def test_the_next_step_asks_for_its_own_call() -> None:
    client = Client(MemorySource(Remembered(0, [], (), LOST), Remembered(200, STREAM, (TOKEN,))), steps=2)
    assert [call.origin.host for call in client.source.asked] == ["up0.test", "up1.test"]
    assert client.messages[0] == ["begin", "e", [200, 1, 2]]
    assert client.ended().step == 1


def test_the_fault_of_a_source_is_what_the_client_is_told() -> None:
    client = Client(MemorySource(Remembered(0, [], (), LOST)))
    assert client.messages == [["refused", "e", "connection_lost"]]
    end = client.ended()
    assert (end.how, end.fault, end.status) == ("created", LOST, 502)
