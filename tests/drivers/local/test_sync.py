"""The client in the process of the gateway, for programs without an event loop."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.rigs.client_runs import ask_from_threads
from tests.rigs.live_gateway import chat
from tests.rigs.local_clients import local_world_in_a_thread

from aigw_drivers import SyncLocalClient
from aigw_drivers.client import ConnectionLost, Content, GatewayError, NotConnected, ProviderError
from aigw_sansio import Config, TextDelta

CHAT = ("loopback", "chat/completions")
PATIENCE_S = 120
SLOW = chat(chunks=1000, chunk_delay_ms=60)


def test_it_streams_and_creates_and_leaves_no_thread() -> None:
    with local_world_in_a_thread() as there:
        before = threading.active_count()
        with there.sync_client() as client:
            with client.stream(*CHAT, chat(chunks=700)) as stream:
                texts = [event.text for event in stream if isinstance(event, TextDelta)]
                assert list(stream) == []
            with client.stream(*CHAT, chat(chunks=2), mode="raw") as raw:
                assert all(isinstance(chunk, Content) for chunk in raw)
            whole = client.create(*CHAT, chat(chunks=700, stream=False))
        assert threading.active_count() == before
        assert "".join(texts) == whole.text
        assert (stream.metadata.finish_reason, stream.response, stream.is_cancelled) == ("stop", None, False)


def test_iteration_holds_the_provider_back() -> None:
    large = chat(chunks=100, chunk_bytes=1_000_000)
    with (
        local_world_in_a_thread() as there,
        there.sync_client() as client,
        client.stream(*CHAT, large, mode="raw") as stream,
    ):
        next(stream)
        for _ in range(5):
            client.create(*CHAT, chat(stream=False))
        assert there.ended  # of the others
        assert all(event.chunks == 0 for event in there.ended)
        assert sum(len(chunk.data()) for chunk in stream) > 98_000_000


def test_many_threads_share_it() -> None:
    with local_world_in_a_thread() as there, there.sync_client() as client:
        ask_from_threads(client)


def test_leaving_and_cancelling_end_the_exchange() -> None:
    with local_world_in_a_thread() as there:
        with there.sync_client() as client:
            with client.stream(*CHAT, SLOW, mode="raw") as stream:
                next(iter(stream))
                stream.cancel()
                assert len(list(stream)) < 1000
            with client.stream(*CHAT, SLOW) as left:
                next(left)
        assert stream.is_cancelled
        assert [event.how for event in there.ended] == ["cancelled", "gone"]


def test_failures_come_out_in_the_thread_of_the_caller() -> None:
    with local_world_in_a_thread() as there, there.sync_client() as client:
        with pytest.raises(ProviderError) as caught:
            client.create(*CHAT, chat(status=429))
        assert caught.value.status == 429
        with pytest.raises(ValueError, match="not both"):
            client.create("a", "b", 1, body="x")
        with pytest.raises(KeyError), client.stream(*CHAT, chat(delay_ms=3_600_000)):
            raise KeyError
        client.drain()
        with pytest.raises(NotConnected):
            client.create(*CHAT, chat())


def test_closing_it_ends_what_other_threads_wait_for() -> None:
    with local_world_in_a_thread() as there, ThreadPoolExecutor(1) as pool:
        begun = threading.Event()

        def wait() -> str:
            with pytest.raises(ConnectionLost) as caught, client.stream(*CHAT, chat(delay_ms=3_600_000)) as stream:
                begun.set()
                list(stream)
            return caught.value.reason

        with there.sync_client() as client:
            waiting = pool.submit(wait)
            assert begun.wait(PATIENCE_S)
        assert waiting.result(PATIENCE_S) == "the client was closed"


def test_it_is_entered_once_and_first() -> None:
    client = SyncLocalClient()
    with pytest.raises(RuntimeError, match="SyncLocalClient"):
        client.create(*CHAT)
    with client, pytest.raises(RuntimeError, match="once"):
        client.__enter__()


def test_new_settings_hold_for_the_next_exchange() -> None:
    with local_world_in_a_thread() as there, there.sync_client() as client:
        client.reconfigure(Config())
        with pytest.raises(GatewayError, match="loopback"):
            client.create(*CHAT, chat(stream=False))
        client.reconfigure(there.config)
        client.create(*CHAT, chat(stream=False))
