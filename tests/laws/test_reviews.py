"""What a client is shown of a reviewed response is what was released: in order, once, and nothing else.

However a provider divides its text into chunks and its bytes into reads, whatever the window, in every dialect and form,
and in whichever order the host answers about exchanges that run side by side. What a host took out is nowhere in a chunk
or message, whatever role or type that names, and however it repeats what was said; no word passes without a review.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from itertools import count, pairwise
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.reviewed_session import ReviewedSession
from tests.rigs.reviews import CHAT, QUERY, ReviewedGateway, finish_chunk, text_chunk

from aigw_drivers.testing import MockResponse, Wait
from aigw_sansio import (
    Answer,
    ConnId,
    Create,
    NativeChunk,
    NativeDone,
    NativeFailed,
    NativeProviderEvent,
    Released,
    RequestAdmitted,
    Review,
    Step,
    StepConfig,
    Stopped,
    TextDelta,
    ToolCallDelta,
    Unavailable,
)
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.passages import ReadChunk
from aigw_sansio.formats.rewriting import CannotRewrite, Rewriter
from aigw_sansio.review import ReviewWindow

SSE: Final = {"content-type": "text/event-stream"}
#: The forms of the universal dialect, a translated response, and the forms of the native dialect.
FORMS: Final = ("raw", "events", "both", "compat", "native raw", "native events")
#: What a host may say about one part.
SAYINGS: Final = ("as it is", "as it is", "louder", "emptied", "stopped", "unavailable")
ENDS: Final = {"universal.done", "universal.error"}

windows = st.builds(
    ReviewWindow,
    chunks=st.sampled_from([1, 2, 3, 100]),
    bytes=st.sampled_from([1, 150, 1 << 20]),
    wait_ms=st.sampled_from([0, 15, 60_000]),
)
texts = st.lists(st.text(alphabet="abcdefgh ", min_size=1, max_size=6), min_size=1, max_size=8)


def as_chat(said: list[str]) -> list[dict[str, Any]]:
    return [*map(text_chunk, said), finish_chunk()]


def as_anthropic(said: list[str]) -> list[dict[str, Any]]:
    deltas = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}} for one in said]
    return [
        {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]


@st.composite
def streams(draw: st.DrawFn, form: str) -> tuple[str, list[Any]]:
    """A text, and the reads of a stream that says it."""
    said = draw(texts)
    chunks = as_anthropic(said) if form == "compat" else as_chat(said)
    data = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks)
    data += b"" if form == "compat" else b"data: [DONE]\n\n"
    cuts = sorted({0, len(data), *draw(st.lists(st.integers(0, len(data)), max_size=12))})
    reads: list[Any] = []
    for start, end in pairwise(cuts):
        reads.append(data[start:end])
        reads += [Wait(0.01)] * draw(st.booleans())
    return "".join(said), reads


class Host:
    """Says something about each part of an exchange, and knows what it has released."""

    def __init__(self, sayings: list[str]) -> None:
        self._sayings = iter(sayings)
        self.asked = ""  # everything that it was asked about
        self.released = ""
        self.has_stopped = False

    def answer(self, review: Review) -> Answer:
        assert not self.has_stopped, "nothing is asked behind a stop"
        said = [passage.text for passage in review.passages]
        self.asked += "".join(said)
        saying = next(self._sayings, "as it is")
        if saying in ("stopped", "unavailable"):
            self.has_stopped = True
            return Stopped() if saying == "stopped" else Unavailable()
        changed = said if saying == "as it is" else [one.upper() * (saying == "louder") for one in said]
        self.released += "".join(changed)
        return Released(None if saying == "as it is" else tuple(changed))


class Client:
    """A universal or a native client of the gateway: what it was shown, by exchange and by the way in which it is told."""

    def __init__(self, gateway: ReviewedGateway, form: str) -> None:
        self.gateway = gateway
        self.form = form
        self.shown: dict[str, dict[str, str]] = defaultdict(lambda: defaultdict(str))
        self.ended: list[str] = []
        self._read = 0
        self._conn: ConnId | None = None
        if form.startswith("native"):
            self._conn = gateway.gateway.open_local("local/default", None, gateway.now)

    def create(self, name: str) -> None:
        if self._conn is not None:
            mode = self.form.removeprefix("native ")
            step = Step(*CHAT, query=json.dumps(QUERY).encode(), config=StepConfig(response=mode))  # type: ignore[arg-type]
            self.gateway.call(self.gateway.gateway.create, self._conn, Create(name, [step]))
        elif self.form == "compat":
            self.gateway.create(name, [("compat", "chat/completions")])
        else:
            self.gateway.create(name, mode=self.form)

    def look(self) -> None:
        if self._conn is not None:
            for event in self.gateway.gateway.take_events(self._conn, 1 << 20, self.gateway.now):
                if isinstance(event, NativeChunk):
                    self._chunk(event.event_id, json.loads(event.data))
                elif isinstance(event, NativeProviderEvent) and isinstance(event.event, TextDelta):
                    self.shown[event.event_id]["events"] += event.event.text
                elif isinstance(event, NativeDone | NativeFailed):
                    self.ended.append(event.event_id)
            return
        told = self.gateway.told
        for message in told[self._read :]:
            name = message["metadata"]["eventId"]
            if message["type"] == "universal.stream":
                self._chunk(name, message["response"])
            elif message["type"] == "universal.event" and message["event"]["type"] == "text.delta":
                self.shown[name]["events"] += message["event"]["text"]
            elif message["type"] in ENDS or "response" in message:
                self.ended.append(name)
        self._read = len(told)

    def _chunk(self, name: str, chunk: dict[str, Any]) -> None:
        for choice in chunk.get("choices", ()):
            self.shown[name]["chunks"] += choice["delta"].get("content") or ""


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data(), window=windows, order=st.lists(st.integers(0, 5), max_size=30))
def test_what_is_shown_was_released(form: str, data: st.DataObject, window: ReviewWindow, order: list[int]) -> None:
    said = data.draw(st.lists(streams(form), min_size=1, max_size=3))
    gateway = ReviewedGateway([MockResponse(200, reads, SSE) for _, reads in said], None, window=window)
    client = Client(gateway, form)
    hosts = {
        f"e{number}": Host(data.draw(st.lists(st.sampled_from(SAYINGS), max_size=6))) for number in range(len(said))
    }
    for name in hosts:
        client.create(name)
    names = {event.log_id: event.event_id for event in gateway.events if isinstance(event, RequestAdmitted)}
    choices = iter(order)
    while len(client.ended) < len(hosts):
        if gateway.open:
            at = next(choices, 0) % len(gateway.open)
            review = gateway.open[at][1]
            gateway.reply(hosts[names[review.log_id]].answer(review), at)
        else:
            assert gateway.step()
        client.look()
        for name, ways in client.shown.items():
            assert all(hosts[name].released.startswith(text) for text in ways.values()), "shown before it was released"
    assert sorted(client.ended) == sorted(hosts)
    for (name, host), (text, _) in zip(hosts.items(), said, strict=True):
        assert all(shown == host.released for shown in client.shown[name].values())
        assert host.has_stopped or host.asked == text
        assert bool(client.shown[name]) or not host.released
    assert not gateway.open


#: What a provider says in the turns of a session: the same may be said again, and be released then.
SECRETS: Final = ("4711", '{"q":"Ada"}', '{"q": "Ada"}')
#: Where a text may stand in a chunk.
PLACES: Final[tuple[Callable[[str], object], ...]] = (
    lambda said: {"delta": {"type": "input_json_delta", "partial_json": said}},
    lambda said: {"choices": [{"index": 0, "delta": {"role": "user", "content": said}}]},
    lambda said: {"choices": [{"index": 0, "delta": {"role": "assistant", "content": said}}]},
    lambda said: {"candidates": [{"content": {"role": "user", "parts": [{"text": said}]}}]},
    lambda said: {"type": "input_text", "text": said},
)
#: How a format may repeat it.
REPEATS: Final[tuple[Callable[[str], object], ...]] = (
    lambda said: {"type": "done", "text": said},
    lambda said: {"output": [{"content": [{"text": said}]}, {"content": []}]},
    lambda said: {"item": {"name": "f", "arguments": json.loads(said) if said[0] == "{" else said}},
    lambda said: {"content_block": {"input": json.loads(said) if said[0] == "{" else {"text": said}}},
)
turns = st.tuples(
    st.sampled_from(SECRETS), st.booleans(), st.sampled_from(PLACES), st.lists(st.sampled_from(REPEATS), max_size=4)
)


@given(st.lists(turns, min_size=1, max_size=4))
def test_what_was_taken_out_is_nowhere(
    told: list[tuple[str, bool, Callable[[str], object], list[Callable[[str], object]]]],
) -> None:
    """Each turn says one thing, which is taken out of it or not, and repeats it."""
    rewriter = Rewriter(1 << 20)
    for said, is_secret, place, repeats in told:
        shown = '{"q":"***"}' if is_secret else said
        event = TextDelta(said) if said[0] != "{" else ToolCallDelta(0, said)
        items = [ReadChunk(Chunk(json.dumps(place(said)).encode()), [event])]
        (changed,) = rewriter.rewrite(items, (shown,), shown=True)
        assert changed.chunk is not None
        assert json.loads(changed.chunk.data) == place(shown)
        for number, repeat in enumerate(repeats, 1):
            item = ReadChunk(Chunk(json.dumps(repeat(said)).encode()), [], ends=number == len(repeats))
            try:
                (again,) = rewriter.rewrite([item], None, shown=True)
            except CannotRewrite:
                return  # the response is stopped
            assert again.chunk is not None
            if is_secret:
                assert not any(word in again.chunk.data for word in (b"4711", b"Ada"))
            else:
                assert json.loads(again.chunk.data) == repeat(said)


def heard(kind: int, word: str) -> dict[str, Any]:
    """A message of a realtime provider, with a word that no other has."""
    return (
        {"type": "response.output_text.delta", "delta": word},
        {"type": "error", "error": {"type": "server_error", "message": word}},
        {"type": "conversation.item.added", "item": {"role": "assistant", "content": [{"text": word}]}},
        {"type": "response.content_part.done", "part": {"type": "text", "text": word}},
        {"type": "response.done", "response": {"status": "completed", "output": [{"content": [{"text": word}]}]}},
        {"type": "conversation.item.input_audio_transcription.delta", "delta": word},
        {"type": "session.updated", "session": {"instructions": word}},
        {"type": "brand.new", "caption": word},
        {"type": "rate_limits.updated", "rate_limits": [{"name": "tokens", "remaining": 3}]},
    )[kind]


@given(st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=4), min_size=1, max_size=5), windows, st.booleans())
def test_no_word_of_a_session_passes_without_a_review(
    reads: list[list[int]], window: ReviewWindow, frames: bool
) -> None:
    session = ReviewedSession(frames=frames, window=window._replace(wait_ms=min(window.wait_ms, 15)))
    words = (f"word{number}x" for number in count())
    said: list[str] = []
    released = ""
    for read in reads:
        messages = [json.dumps(heard(kind, next(words))) for kind in read]
        said += messages
        session.say(*messages)
        session.pass_time(0.02 * (not session.open))
        while session.open:
            released += b"".join(session.open[0][1].data).decode()
            session.reply(Released())
            session.pass_time(0.02 * (not session.open))
        for message in session.told:
            assert message in released or "rate_limits" in message, "it passed without a review"
    assert session.told == said
