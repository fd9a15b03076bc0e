"""The events of one exchange, through a whole gateway: in each mode, and at each end."""

import json

import pytest
from tests.rigs.native_client import DONE, OPEN, SSE_HEAD, NativeClient, delta, said, whole

from aigw_sansio import (
    Config,
    Emit,
    Fault,
    FaultKind,
    NativeCancelled,
    NativeChunk,
    NativeDone,
    NativeEvent,
    NativeFailed,
    NativeMetadata,
    NativeProviderEvent,
    NativeResponse,
    NativeStarted,
    ProviderEventRead,
    ProviderSettings,
    ResponseFinished,
    ResponseStarted,
    Secret,
    Side,
    Step,
    StepConfig,
    TextDelta,
    ToolCallDelta,
    UsageReported,
)
from aigw_sansio.dialects.native.encoder import EVENT_BYTES, NativeItem, _item, _text_size
from aigw_sansio.exchanges.policy import ResponseMode
from aigw_sansio.formats.translation import Note

ANSWER = json.dumps({"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}).encode()


def kinds(events: list[NativeEvent]) -> list[str]:
    return [type(event).__name__.removeprefix("Native") for event in events]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("events", ["Started", "ProviderEvent", "ProviderEvent", "ProviderEvent", "Done"]),
        ("raw", ["Started", "Chunk", "Done"]),
        ("both", ["Started", "Chunk", "ProviderEvent", "ProviderEvent", "ProviderEvent", "Done"]),
        (None, ["Started", "Chunk", "Done"]),  # as over a socket
    ],
)
def test_a_stream_in_each_mode(mode: ResponseMode | None, expected: list[str]) -> None:
    client = NativeClient()
    provider = client.ask(mode=mode)
    client.provider_says(provider, SSE_HEAD + said("hi") + DONE)
    events = client.take()
    assert kinds(events) == expected
    started, done = events[0], events[-1]
    assert isinstance(started, NativeStarted)
    assert isinstance(done, NativeDone)
    assert (started.metadata.status, started.metadata.content_type) == (200, "text/event-stream")
    assert (done.metadata.attempts, done.metadata.step) == (1, 0)
    assert all(event.event_id == "a" for event in events)  # type: ignore[union-attr]
    chunks = [event.data for event in events if isinstance(event, NativeChunk)]
    assert chunks == ([] if mode == "events" else [delta("hi")])
    read = [event.event for event in events if isinstance(event, NativeProviderEvent)]
    assert read == ([] if mode in ("raw", None) else [ResponseStarted(), TextDelta("hi"), ResponseFinished("unknown")])


@pytest.mark.parametrize("mode", ["events", "raw"])
def test_a_whole_response(mode: ResponseMode) -> None:
    client = NativeClient()
    provider = client.ask(mode=mode)
    client.provider_says(provider, whole(200, ANSWER, "x-request-id: 7"))
    *before, last = client.take()
    assert isinstance(last, NativeResponse)
    assert last.body == ANSWER
    assert (last.metadata.status, last.metadata.finish_reason) == (200, "stop")
    assert last.metadata.headers == {"x-request-id": "7"}
    assert (TextDelta("hi") in [event.event for event in before if isinstance(event, NativeProviderEvent)]) is (
        mode == "events"
    )


def test_an_error_of_the_provider_is_a_response_like_any() -> None:
    client = NativeClient()
    client.provider_says(client.ask(mode="raw"), whole(429, b'{"error": {"message": "slow down"}}', "retry-after: 3"))
    (last,) = client.take()
    assert isinstance(last, NativeResponse)
    assert (last.metadata.status, last.metadata.headers) == (429, {"retry-after": "3"})


def test_without_a_response_the_fault_says_why() -> None:
    client = NativeClient()
    provider = client.ask()
    client.gateway.connection_lost(provider, "reset by peer", client.now)
    client.gateway.closed(provider, client.now)
    client.collect()
    *_, failed = client.take()
    assert isinstance(failed, NativeFailed)
    assert (failed.metadata.status, failed.metadata.attempts) == (502, 1)
    assert failed.fault.side is Side.PROVIDER


def test_a_stream_that_breaks_fails_behind_what_came() -> None:
    client = NativeClient()
    provider = client.ask(mode="raw")
    client.provider_says(provider, SSE_HEAD + said("hi"))
    client.gateway.connection_lost(provider, "reset by peer", client.now)
    client.collect()
    events = client.take()
    assert kinds(events) == ["Started", "Chunk", "Failed"]
    assert events[-1].metadata.status == 200  # type: ignore[union-attr]


def test_an_error_in_the_stream_ends_it_and_nothing_behind_it_is_given() -> None:
    client = NativeClient()
    provider = client.ask(mode="both")
    error = b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n'
    client.provider_says(provider, SSE_HEAD + said("hi"))
    client.take()
    client.provider_says(provider, b"%x\r\n%b\r\n" % (len(error), error) + said("more"))
    events = client.take()
    assert kinds(events) == ["Chunk", "ProviderEvent", "Failed"]
    fault = events[-1].fault  # type: ignore[union-attr]
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.PROVIDER_ERROR


def test_chunks_behind_the_terminator_are_not_given() -> None:
    client = NativeClient(Config(providers={"anthropic": ProviderSettings(base_url="http://127.0.0.1:9/v1")}))
    provider = client.ask(mode="both", provider="anthropic", endpoint="v1/messages")
    lines = [
        {"type": "message_start", "message": {"id": "m", "model": "c", "usage": {"input_tokens": 1}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"type": "message_stop"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "late"}},
    ]
    data = b"".join(b"data: " + json.dumps(line).encode() + b"\n\n" for line in lines)
    client.provider_says(provider, SSE_HEAD + b"%x\r\n%b\r\n" % (len(data), data))
    events = client.take()
    assert b"late" not in b"".join(event.data for event in events if isinstance(event, NativeChunk))
    assert isinstance(events[-1], NativeDone)


def test_cancelled_before_and_after_the_response_began() -> None:
    client = NativeClient()
    client.ask("early")
    client.cancel("early")
    *_, early = client.take()
    assert isinstance(early, NativeCancelled)
    assert early.metadata.status is None
    provider = client.ask("late")
    client.provider_says(provider, SSE_HEAD + said("hi"))
    client.cancel("late")
    *_, late = client.take()
    assert isinstance(late, NativeCancelled)
    assert late.metadata.status == 200


def test_a_key_that_the_provider_repeats_is_hidden() -> None:
    key = "sk-a-canary-of-a-stored-key"
    stored = {"openai": ProviderSettings(base_url="http://127.0.0.1:9/v1", api_key=Secret(key))}
    for mode in ("events", "raw", "both"):
        client = NativeClient(Config(providers=stored))
        provider = client.ask(mode=mode)  # type: ignore[arg-type]
        client.provider_says(provider, SSE_HEAD + said("hi", f"no {key} here", "on") + DONE)
        events = client.take()
        assert key not in repr(events)
        assert "on" in repr(events)


def test_the_host_is_told_what_chunks_mean() -> None:
    client = NativeClient(Config(providers=OPEN.providers, emit_provider_events=True))
    provider = client.ask(mode="raw")
    client.provider_says(provider, SSE_HEAD + said("hi") + DONE)
    told = [event.event for event in client.events if isinstance(event, ProviderEventRead)]
    assert TextDelta("hi") in told
    assert kinds(client.take()) == ["Started", "Chunk", "Done"]
    assert Emit not in map(type, client.effects)


@pytest.mark.parametrize("mode", ["events", "raw", "both"])
def test_a_translated_response(mode: ResponseMode) -> None:
    client = NativeClient()
    query = {"model": "openai/m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    step = Step("compat", "messages", query=json.dumps(query).encode(), config=StepConfig(response=mode))
    client.create(step)
    client.provider_says(client.dialled(), SSE_HEAD + said("hi") + DONE)
    events = client.take()
    chunks = b"".join(event.data for event in events if isinstance(event, NativeChunk))
    assert (b"content_block_delta" in chunks) is (mode != "events")
    assert any(isinstance(event, NativeProviderEvent) for event in events) is (mode != "raw")


def test_what_a_provider_tells_of_itself_counts() -> None:
    """Its headers, and the words of a failure: they are held until the client takes them."""
    metadata = NativeMetadata("a", "l", headers={"x-request-id": "z" * 30_000}, notes=(Note("dropped", "f", "why"),))
    assert len(_item(NativeStarted("a", metadata))) == EVENT_BYTES + 30_000 + len("x-request-id") + len("fwhy")
    fault = Fault(FaultKind.INTERNAL, Side.GATEWAY, "d" * 500)
    assert len(_item(NativeFailed("a", NativeMetadata("a", "l"), fault))) == EVENT_BYTES + 500


def test_an_event_counts_by_its_texts() -> None:
    assert len(NativeItem(NativeChunk("a", b"xyz"), 3)) == EVENT_BYTES + 3
    assert _text_size(TextDelta("four")) == 4
    assert _text_size(ToolCallDelta(1, "{}")) == 2
    assert _text_size(UsageReported(input_tokens=1)) == len("final")
