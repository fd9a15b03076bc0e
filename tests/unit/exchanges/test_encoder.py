"""The order in which an exchange calls its encoder, whatever its source does: the promise of ``ResponseEncoder``."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.memory_source import JSON, STREAM, MemorySource, Remembered
from tests.peers.toy_dialect import ToyEncoder
from tests.rigs.compiled import needs_sources
from tests.rigs.core_rig import CALLER, Rig

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.config import Limits
from aigw_sansio.events import ProviderEvent, ResponseFailed, UsageReported
from aigw_sansio.exchanges.encoder import FinalResponse, Progress
from aigw_sansio.exchanges.exchange import Exchange
from aigw_sansio.exchanges.policy import Policy
from aigw_sansio.exchanges.ports import PlannedStep, Scheduled
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.origin import Origin
from aigw_sansio.providers.call import ProviderCall
from aigw_sansio.wires.http import Request

pytestmark = needs_sources

ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'
TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error":{"message":"too busy"}}\n\n'
LOST = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "lost", retryable=True)
CANCEL = Fault(FaultKind.CANCELLED, Side.CLIENT, "cancelled by the client")

#: What may be called, one letter for each call: t (attempt), b(egin), c(hunks), k (chunk), e(vents), w(hole), r(efused), f(inished),
#: x (failed), a (cancelled). ``chunk`` and ``events`` before ``begin`` are for messages that the commit sends, and those
#: of an attempt that failed are thrown away. ``events`` before ``refused``, ``failed`` and
#: ``cancelled`` say that the response failed.
ORDER = re.compile(r"(?:t[ke]*)+(?:w|r|a|b[ce]*(?:f|x|a))")


class Noted(ToyEncoder):
    """Writes down its calls."""

    def __init__(self, *, reads_everything: bool) -> None:
        super().__init__("e", reads_everything=reads_everything)
        self.calls = ""
        self.progress: list[Progress] = []
        self.steps: list[int] = []
        self.usage: list[UsageReported | None] = []

    def attempt(self, step: int) -> None:
        self.calls += "t"
        self.steps.append(step)

    def begin(self, response: ProviderResponse, progress: Progress) -> list[bytes]:
        self._note("b", progress)
        return super().begin(response, progress)

    def chunks(self, response: ProviderResponse, chunks: list[Chunk]) -> tuple[list[bytes], ResponseFailed | None]:
        assert chunks
        calls = self.calls + "c"
        found = super().chunks(response, chunks)
        self.calls = calls  # without those that it makes itself
        return found

    def chunk(self, response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[bytes]:
        self.calls += "k"
        return super().chunk(response, chunk, events)

    def events(self, events: list[ProviderEvent]) -> list[bytes]:
        self.calls += "e"
        return super().events(events)

    def whole(self, final: FinalResponse, progress: Progress) -> list[bytes]:
        self._note("w", progress)
        self.usage.append(final.usage)
        return super().whole(final, progress)

    def refused(self, fault: Fault, progress: Progress, usage: UsageReported | None) -> list[bytes]:
        self._note("r", progress)
        return super().refused(fault, progress, usage)

    def finished(self, response: ProviderResponse, progress: Progress, usage: UsageReported | None) -> list[bytes]:
        self._note("f", progress)
        self.usage.append(usage)
        return super().finished(response, progress, usage)

    def failed(
        self, response: ProviderResponse, fault: Fault, progress: Progress, usage: UsageReported | None
    ) -> list[bytes]:
        self._note("x", progress)
        return super().failed(response, fault, progress, usage)

    def cancelled(
        self, response: ProviderResponse | None, progress: Progress, usage: UsageReported | None
    ) -> list[bytes]:
        self._note("a", progress)
        return super().cancelled(response, progress, usage)

    def _note(self, call: str, progress: Progress) -> None:
        self.calls += call
        self.progress.append(progress)


class Client(Rig):
    """One exchange whose client takes everything at once."""

    def __init__(
        self,
        *responses: Remembered,
        attempts: int = 1,
        steps: int = 1,
        reads_everything: bool = False,
        limits: Limits | None = None,
    ) -> None:
        """The responses are all that there are; the last one comes again and again, and does not end if it has no
        fault."""
        super().__init__(limits)
        self.encoder = Noted(reads_everything=reads_everything)
        self.source = MemorySource(*responses, *[responses[-1]] * 20)
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
        call = ProviderCall(
            provider="openai",
            origin=Origin("https", "up.test", 443),
            request=Request(
                method=b"POST", scheme=b"https", authority=b"up.test", target=b"/v1", headers=[], body=b"{}"
            ),
            format="openai-chat",
            array_stream=False,
        )
        self.exchange_ = Exchange(
            self.services,
            self.source,
            caller=CALLER,
            config=self.services.config,
            owner=self,
            outlet=self,
            encoder=self.encoder,
            event_id="e",
            log_id="log",
            steps=[PlannedStep(call, policy)] * steps,
            request_bytes=2,
            now=0.0,
        )

    def run(self) -> str:
        """Start it. Returns what was called."""
        self.exchange_.start(0.0)
        return self.encoder.calls

    def post(self, exchange: Scheduled, messages: list[bytes], now: float) -> None:
        assert messages

    def discard(self, exchange: Scheduled) -> None:
        pass

    def account(self, delta: int) -> None:
        pass

    def exchange_ended(self, exchange: Exchange, now: float) -> None:
        pass


def stream(*pieces: bytes, fault: Fault | None = None) -> Remembered:
    return Remembered(200, STREAM, pieces, fault)


FAILED = Remembered(0, [], (), LOST)


@pytest.mark.parametrize(
    ("responses", "more", "calls"),
    [
        ([stream(TOKEN, TOKEN)], {}, "tkbcef"),
        ([stream(ROLE + TOKEN + TOKEN)], {}, "tkkbcef"),
        ([stream()], {}, "ter"),
        ([stream(ROLE)], {}, "tkbef"),
        ([stream(TOKEN, DONE, TOKEN)], {}, "tkbef"),
        ([stream(DONE)], {}, "ter"),
        ([stream(TOKEN, fault=LOST)], {}, "tkbex"),
        ([stream(TOKEN, STOP, fault=LOST)], {}, "tkbcef"),
        ([stream(TOKEN, TOKEN + ERROR)], {}, "tkbcx"),
        ([stream(TOKEN, ERROR.rstrip())], {}, "tkbcx"),  # the error is what is left when the body ends
        ([stream(ERROR.rstrip())], {}, "tw"),
        ([stream(ERROR)], {}, "tw"),
        ([Remembered(200, JSON, (b"{}",))], {}, "tw"),
        ([Remembered(200, JSON, (b"<html>",))], {}, "tw"),
        ([Remembered(404, JSON, (b"{}",))], {}, "tw"),
        ([FAILED], {}, "ter"),
        ([stream(ROLE, fault=LOST), stream(TOKEN)], {"attempts": 2}, "tktkbef"),
        ([Remembered(503, JSON, (b"{}",)), FAILED], {"steps": 2}, "ttw"),
    ],
)
def test_what_is_called(responses: list[Remembered], more: dict[str, Any], calls: str) -> None:
    assert ORDER.fullmatch(calls)
    assert Client(*responses, **more).run() == calls


def test_progress_and_usage_are_those_of_the_response_that_is_shown() -> None:
    client = Client(FAILED, FAILED, FAILED, stream(TOKEN, USAGE), attempts=2, steps=2)
    client.run()
    assert [progress._replace(unix_s=0) for progress in client.encoder.progress] == [Progress(1, 4), Progress(1, 4)]
    (usage,) = client.encoder.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (3, 4)
    assert client.encoder.steps == [0, 0, 1, 1]


def test_a_whole_response_is_of_the_step_that_brought_it() -> None:
    """The last step fails without one: the client gets the response of the step before."""
    client = Client(Remembered(503, JSON, (b"{}",)), FAILED, steps=2)
    told: list[FinalResponse] = []
    whole = client.encoder.whole

    def noted(final: FinalResponse, progress: Progress) -> list[bytes]:
        told.append(final)
        return whole(final, progress)

    client.encoder.whole = noted  # type: ignore[method-assign]
    client.run()
    assert [(final.step, final.status, final.body) for final in told] == [(0, 503, b"{}")]
    assert [progress._replace(unix_s=0) for progress in client.encoder.progress] == [Progress(1, 2)]


@pytest.mark.parametrize(("pieces", "calls"), [((), "tea"), ((ROLE,), "tkea"), ((TOKEN, TOKEN), "tkbcea")])
def test_a_cancel_is_told_at_any_time(pieces: tuple[bytes, ...], calls: str) -> None:
    client = Client(stream(*pieces))
    client.source.stuck = True
    client.run()
    client.exchange_.cancel("cancelled", Side.CLIENT, CANCEL, 0.0)
    assert client.encoder.calls == calls


def test_a_client_that_is_gone_is_told_nothing() -> None:
    """The host may listen: it hears of the end."""
    client = Client(stream(TOKEN))
    client.source.stuck = True
    client.run()
    client.exchange_.cancel("gone", Side.CLIENT, CANCEL, 0.0)
    assert client.encoder.calls == "tkbe"


@pytest.mark.parametrize(("reads_everything", "wanted"), [(True, ["TextDelta"]), (False, [])])
def test_chunks_behind_the_commit_are_read_if_the_encoder_wants_it(reads_everything: bool, wanted: list[str]) -> None:
    client = Client(stream(TOKEN, TOKEN), reads_everything=reads_everything)
    read: list[list[str]] = []
    tell = client.encoder.chunk

    def noted(response: ProviderResponse, chunk: Chunk, events: list[ProviderEvent]) -> list[bytes]:
        read.append([type(event).__name__ for event in events])
        return tell(response, chunk, events)

    client.encoder.chunk = noted  # type: ignore[method-assign]
    client.run()
    assert "TextDelta" in read[0]  # the commit is found by reading
    assert read[1] == wanted


PIECES = st.lists(
    st.sampled_from([ROLE, TOKEN, USAGE, ERROR, ERROR.rstrip(), TOKEN[:20], TOKEN[20:], b"junk"]), max_size=5
)
RESPONSES = st.one_of(
    st.builds(lambda pieces, fault: stream(*pieces, fault=fault), PIECES, st.sampled_from([None, LOST])),
    st.builds(lambda status: Remembered(status, JSON, (b"{}",)), st.sampled_from([200, 302, 404, 503])),
    st.just(FAILED),
)


@given(
    responses=st.lists(RESPONSES, min_size=1, max_size=4),
    attempts=st.integers(1, 3),
    steps=st.integers(1, 3),
    cancel=st.booleans(),
    held=st.sampled_from([1, 100, 1 << 18]),
)
def test_the_order_is_kept_whatever_the_source_does(
    responses: list[Remembered], attempts: int, steps: int, cancel: bool, held: int
) -> None:
    """Exactly one end is told, and nothing of a response before its ``begin`` or behind its end."""
    client = Client(*responses, attempts=attempts, steps=steps, limits=Limits(held_bytes=held))
    client.source.stuck = cancel
    client.run()
    if cancel:
        client.exchange_.cancel("cancelled", Side.CLIENT, CANCEL, 0.0)
    assert client.exchange_.ended
    assert ORDER.fullmatch(client.encoder.calls), client.encoder.calls
