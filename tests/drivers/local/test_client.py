"""The client in the process of the gateway: with the loopback provider on a real socket, and without one to itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from tests.rigs.client_runs import ask_side_by_side
from tests.rigs.live_gateway import chat
from tests.rigs.local_clients import LocalWorld, local_world

from aigw_drivers import LocalClient
from aigw_drivers.client import ConnectionLost, GatewayError, NotConnected, Step
from aigw_sansio import (
    AttemptStarted,
    Config,
    GatewaySettings,
    SessionEnded,
    SessionOpened,
    Side,
    TextDelta,
    Timeouts,
)

pytestmark = pytest.mark.anyio
CHAT = ("loopback", "chat/completions")
PATIENCE_S = 120
SLOW = chat(chunks=1000, chunk_delay_ms=60)
NEVER = chat(delay_ms=3_600_000)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def world(config: Config | None = None) -> AsyncIterator[LocalWorld]:
    with anyio.fail_after(PATIENCE_S):
        async with local_world(config) as found:
            yield found


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  what it waits for tells nobody
        await anyio.sleep(0.01)


def nothing_is_left(client: LocalClient) -> bool:
    counted = client.engine.snapshot()
    return counted["sessions"] == counted["exchanges"] == 0


async def test_a_stream_gives_events_and_then_what_it_cost() -> None:
    async with world() as there, there.client(principal="alice") as client:
        query = chat(chunks=3) | {"stream_options": {"include_usage": True}}
        async with client.stream(*CHAT, query) as stream:
            events = [event async for event in stream]
            assert [event async for event in stream] == []  # the end stays the end
        assert len([event for event in events if isinstance(event, TextDelta)]) == 3
        assert stream.metadata.usage is not None
        assert (stream.metadata.status, stream.metadata.finish_reason, stream.response) == (200, "stop", None)
        assert nothing_is_left(client)
        (opened,) = [event for event in there.events if isinstance(event, SessionOpened)]
        assert (opened.mode, opened.principal, opened.peer) == ("native", "alice", "local")


async def test_what_is_not_taken_holds_its_own_provider_and_nobody_else() -> None:
    async with world() as there, there.client() as client:
        async with client.stream(*CHAT, chat(chunks=100, chunk_bytes=1_000_000), mode="raw") as stream:
            first = await stream.take(1)
            await client.create(*CHAT, chat(stream=False))
            engine = client.engine
            seen = -1
            while (now := engine.snapshot()["send_buffer_bytes"]) != seen:  # until nothing comes any more
                seen = now
                await client.create(*CHAT, chat(stream=False))
            assert seen < 4_000_000
            rest = [chunk async for chunk in stream]
            assert sum(len(chunk.data()) for chunk in [*first, *rest]) > 100_000_000
        assert [event.how for event in there.ended if event.chunks > 50] == ["done"]


async def test_many_exchanges_run_side_by_side() -> None:
    async with world() as there, there.client() as client:
        await ask_side_by_side(client)
        assert there.open_sessions == 0


async def test_leaving_a_stream_cancels_the_providers_call() -> None:
    async with world() as there, there.client() as client:
        async with client.stream(*CHAT, SLOW) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        (ended,) = there.ended  # by then: nothing is sent to a gateway
        assert (ended.how, ended.by) == ("gone", Side.CLIENT)
        assert nothing_is_left(client)
        assert (await client.create(*CHAT, chat())).text


async def test_a_cancelled_call_cancels_its_exchange() -> None:
    async with world() as there, there.client() as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.create, *CHAT, NEVER)
            await until(lambda: any(isinstance(event, AttemptStarted) for event in there.events))
            tasks.cancel_scope.cancel()
        assert len(there.ended) == 1
        assert nothing_is_left(client)


async def test_cancel_is_an_end_and_no_failure() -> None:
    async with world() as there, there.client() as client:
        async with client.stream(*CHAT, SLOW, mode="raw") as stream:
            seen = 0
            async for _ in stream:
                seen += 1
                stream.cancel()
        assert stream.is_cancelled
        assert 1 <= seen < 1000
        assert there.ended[0].how == "cancelled"
        stream.cancel()  # after the end it does nothing


async def test_in_a_drain_what_runs_finishes_and_nothing_begins() -> None:
    async with world() as there, there.client() as client, anyio.create_task_group() as tasks:
        async with client.stream(*CHAT, chat(chunks=40, chunk_delay_ms=20), mode="raw") as stream:
            chunks = await stream.take(1)
            tasks.start_soon(client.drain)
            await until(lambda: client.engine.draining)
            with pytest.raises(NotConnected, match="going away"):
                await client.create(*CHAT, chat())
            chunks += [chunk async for chunk in stream]
        assert len(chunks) >= 40
        assert stream.metadata.finish_reason == "stop"
        await client.drain()
        with pytest.raises(NotConnected, match="closed"):
            await client.create(*CHAT, chat())


async def test_a_drain_does_not_wait_for_a_program_that_takes_nothing() -> None:
    config = Config(timeouts=Timeouts(drain_s=1.0))
    async with world(config) as there, there.client() as client:
        async with client.stream(*CHAT, SLOW) as stream:
            await stream.take(1)
            await client.drain()
            with pytest.raises(GatewayError) as caught:
                [event async for event in stream]
        assert caught.value.kind == "shutdown"
        assert caught.value.retryable


async def test_what_waits_in_a_closed_session_is_still_given() -> None:
    """The session is closed over a queue that the program has not taken: items, then the loss."""
    config = Config(timeouts=Timeouts(drain_s=1.0))
    async with world(config) as there, there.client() as client:
        texts = 0
        async with client.stream(*CHAT, chat(chunks=100_000), mode="events") as stream:
            await stream.take(1)
            await client.drain()
            with pytest.raises(ConnectionLost) as caught:
                async for event in stream:
                    texts += isinstance(event, TextDelta)
        assert caught.value.code == 1001
        assert texts > 100
        (ended,) = [event for event in there.events if isinstance(event, SessionEnded)]
        assert ended.code == 1001


async def test_a_client_that_is_closed_ends_the_waits_of_other_tasks() -> None:
    async with world() as there, anyio.create_task_group() as tasks:
        waits = anyio.Event()

        async def wait(client: LocalClient) -> None:
            with pytest.raises(ConnectionLost):
                async with client.stream(*CHAT, NEVER) as stream:
                    waits.set()
                    await stream.take(1)

        async with there.client() as client:
            tasks.start_soon(wait, client)
            await waits.wait()
        with pytest.raises(NotConnected, match="closed"):
            await client.create(*CHAT, chat())


async def test_a_driver_that_is_stopped_ends_what_runs() -> None:
    async with world() as there, there.client() as client, client.stream(*CHAT, SLOW) as stream:
        await stream.take(1)
        client._tasks.cancel_scope.cancel()  # type: ignore[union-attr]
        with pytest.raises(ConnectionLost), anyio.CancelScope(shield=True):
            while await stream.take(100):
                pass


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    async with world() as there:
        with pytest.raises(KeyError, match="mine"):
            async with there.client() as client, client.stream(*CHAT, NEVER):
                raise KeyError("mine")
        with anyio.CancelScope() as scope:
            async with there.client() as client:
                scope.cancel()
                await client.create(*CHAT, chat())
        assert scope.cancelled_caught
        assert there.open_sessions == 0


async def test_mistakes_of_the_caller() -> None:
    two = Config(gateways={"a/one": GatewaySettings(), "a/two": GatewaySettings()})
    for config, gateway in ((two, None), (two, "a/three"), (None, "a/one")):
        with pytest.raises(ValueError, match="it must be one of the settings: "):
            LocalClient(config, gateway=gateway)
    client = LocalClient(two, gateway="a/two")
    with pytest.raises(RuntimeError, match="enter the client first"):
        await client.create(*CHAT)
    async with client:
        with pytest.raises(RuntimeError, match="once"):
            await client.__aenter__()
        with pytest.raises(ValueError, match="not both"):
            await client.create("a", "b", 1, body="x")
        with pytest.raises(ValueError, match="0 characters"):
            await client.create(*CHAT, event_id="")
        with pytest.raises(TypeError):
            await client.create(*CHAT, query=object())
        with pytest.raises(ValueError, match="requestTimeout"):
            await client.create(*CHAT, config={"requestTimeout": "long"})  # type: ignore[typeddict-item]
        with pytest.raises(GatewayError) as caught:
            await client.create("openai", "x", "a" * 20, headers={"a": "b" * 100_000})
        assert (caught.value.kind, caught.value.status) == ("invalid_request", 400)


async def test_steps_have_their_own_settings() -> None:
    async with world() as there, there.client() as client:
        hung = Step(*CHAT, NEVER, config={"requestTimeout": 50})
        response = await client.create(
            *CHAT, NEVER, config={"requestTimeout": 50}, fallback=[hung, Step(*CHAT, chat())]
        )
        assert (response.metadata.step, response.metadata.attempts) == ("2", 3)


def in_uvloop(work: Coroutine[Any, Any, None]) -> None:
    pytest.importorskip("uvloop").run(work)


@pytest.mark.parametrize("run", [asyncio.run, in_uvloop])
def test_a_loop_of_the_caller(run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
    got: list[int] = []

    async def main() -> None:
        async with world() as there, there.client() as client:
            async with client.stream(*CHAT, chat(chunks=2)) as stream:
                got.append(len([event async for event in stream]))
            both = (client.create(*CHAT, chat()) for _ in range(2))
            got.extend(len(response.chunks) for response in await asyncio.gather(*both))

    run(main())
    assert len(got) == 3
    assert all(got)


async def test_new_settings_hold_for_the_next_exchange() -> None:
    async with world() as there, there.client() as client:
        async with client.stream(*CHAT, chat(chunks=20, chunk_delay_ms=5)) as stream:
            async for _ in stream:
                client.reconfigure(Config(providers={}))
        assert stream.metadata.finish_reason == "stop"
        with pytest.raises(GatewayError, match="loopback"):
            await client.create(*CHAT, chat(stream=False))
        client.reconfigure(there.config)
        await client.create(*CHAT, chat(stream=False))
        with pytest.raises(ValueError, match=r"gateway is 'local/default'; it must be one of the settings: a/b"):
            client.reconfigure(Config(gateways={"a/b": GatewaySettings()}))
        await client.create(*CHAT, chat(stream=False))
