"""The client for programs without an event loop, against a whole gateway on real sockets."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.rigs.client_runs import ask_from_threads
from tests.rigs.live_gateway import chat, gateway_in_a_thread

from aigw_drivers.client import ConnectionLost, Content, NotConnected, ProviderError, SyncClient
from aigw_sansio import TextDelta

CHAT = ("loopback", "chat/completions")
PATIENCE_S = 120


def test_it_streams_and_creates_and_leaves_no_thread() -> None:
    with gateway_in_a_thread(token="right") as gateway:
        before = threading.active_count()
        with SyncClient(gateway.url, token="right") as client:
            with client.stream(*CHAT, chat(chunks=700)) as stream:  # more than one trip to the other thread brings
                texts = [event.text for event in stream if isinstance(event, TextDelta)]
                assert list(stream) == []
            with client.stream(*CHAT, chat(chunks=2), mode="raw") as raw:
                assert all(isinstance(chunk, Content) for chunk in raw)
            whole = client.create(*CHAT, chat(chunks=700, stream=False))
        assert threading.active_count() == before
        assert len(texts) == 700
        assert "".join(texts) == whole.text
        assert (stream.metadata.finish_reason, stream.response, stream.is_cancelled) == ("stop", None, False)
        assert stream.event_id == stream.metadata.event_id
        assert gateway.sockets == 1


def test_many_threads_share_it() -> None:
    with gateway_in_a_thread() as gateway, SyncClient(gateway.url) as client:
        ask_from_threads(client)
        assert gateway.sockets == 1


def test_leaving_and_cancelling_end_the_exchange() -> None:
    with gateway_in_a_thread() as gateway:
        with SyncClient(gateway.url) as client:
            slow = chat(chunks=1000, chunk_delay_ms=60)
            with client.stream(*CHAT, slow, mode="raw") as stream:
                next(iter(stream))
                stream.cancel()
                assert len(list(stream)) < 1000
            with client.stream(*CHAT, slow) as left:
                next(left)
        assert stream.is_cancelled
        assert [event.how for event in gateway.ended] == ["cancelled", "cancelled"]


def test_failures_come_out_in_the_thread_of_the_caller() -> None:
    with gateway_in_a_thread(token="right") as gateway:
        with SyncClient(gateway.url, token="right") as client:
            with pytest.raises(ProviderError) as caught:
                client.create(*CHAT, chat(status=429))
            assert caught.value.status == 429
            with pytest.raises(ValueError, match="not both"):
                client.create("a", "b", 1, body="x")
            with pytest.raises(KeyError), client.stream(*CHAT, chat(delay_ms=3_600_000)):
                raise KeyError
        with pytest.raises(NotConnected) as refused, SyncClient(gateway.url, token="wrong"):
            pytest.fail("it let us in")
        assert refused.value.status == 401


def test_closing_it_ends_what_other_threads_wait_for() -> None:
    with gateway_in_a_thread() as gateway, ThreadPoolExecutor(2) as pool:
        begun = threading.Event()

        def wait() -> None:
            with client.stream(*CHAT, chat(delay_ms=3_600_000)) as stream:
                begun.set()
                next(stream)

        client = SyncClient(gateway.url)
        with client:
            waiting = pool.submit(wait)
            assert begun.wait(PATIENCE_S)
        assert isinstance(waiting.exception(PATIENCE_S), ConnectionLost)
        with pytest.raises(NotConnected, match="closed"):
            client.create(*CHAT, chat())


def test_mistakes_of_the_caller() -> None:
    with pytest.raises(ValueError, match="ws://HOST"):
        SyncClient("http://127.0.0.1/v1/a/b")
    with gateway_in_a_thread() as gateway:
        client = SyncClient(gateway.url)
        with pytest.raises(RuntimeError, match="enter"):
            client.create(*CHAT)
        with client, pytest.raises(RuntimeError, match="once"):
            client.__enter__()
        asking = SyncClient(gateway.url, on_message=lambda way, text: told.append(call(asking)))
        told: list[str] = []
        with asking:
            asking.create(*CHAT, chat(stream=False))
        assert "event loop thread" in told[0]  # it would wait for itself


def call(client: SyncClient) -> str:
    try:
        client.create(*CHAT)
    except RuntimeError as error:
        return str(error)
    return ""
