"""A client whose session goes on when its socket is lost: its state by itself, and on real sockets that are cut."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import pytest
from tests.peers.cutting_proxy import CuttingProxy, cutting_proxy
from tests.rigs.live_gateway import LiveGateway, chat, gateway_in_a_thread, live_gateway

from aigw_drivers.client import Client, ConnectionLost, SyncClient, link
from aigw_drivers.client.messages import read_message
from aigw_drivers.client.protocol import Due
from aigw_drivers.client.resumption import ACK_EVERY, Resumption
from aigw_sansio import Config, SessionDetached, SessionResumed, Timeouts

CHAT = ("loopback", "chat/completions")
RESUMES = Config(timeouts=Timeouts(resume_s=60.0))


# -- by itself ---------------------------------------------------------------------------------------------------------


def hear(state: Resumption, **message: object) -> bool:
    text = json.dumps(message)
    return state.heard(text, read_message(text))


def told(state: Resumption, token: str = "t1", resume_bytes: int = 1 << 20) -> None:
    assert not hear(state, type="universal.session", token=token, resume_s=30.0, resume_bytes=resume_bytes)


def stream(n: int, event_id: str = "a", **more: object) -> dict[str, object]:
    return {"type": "universal.stream", "metadata": {"eventId": event_id}, "response": {}, "n": n, **more}


def begun() -> Resumption:
    state = Resumption()
    assert state.headers == [("cf-aig-resume", "1")]
    state.begin()
    assert not state.waits
    state.sent(Due("create a", begins="a"))
    told(state)
    return state


def test_messages_are_acknowledged_in_batches() -> None:
    state = begun()
    for n in range(1, ACK_EVERY):
        assert hear(state, **stream(n))
        assert not state.is_due
    assert hear(state, **stream(ACK_EVERY))
    assert state.is_due
    assert state.due() == '{"type":"universal.ack","n":32}'
    assert state.due() is None
    hear(state, **stream(ACK_EVERY + 1, more="x" * (1 << 17)))
    assert state.due() == '{"type":"universal.ack","n":33}'


def test_after_a_drop_it_says_what_it_has_and_sends_again_what_the_gateway_has_not() -> None:
    state = begun()
    hear(state, **stream(1))  # so the create of a has come
    state.sent(Due("create b", begins="b"))
    state.sent(Due("cancel a", cancels="a"))
    assert state.can_resume
    assert state.headers == [("cf-aig-resume", "t1")]
    state.begin()
    assert state.waits
    told(state, "t2")
    assert state.due() == '{"type":"universal.resume","n":1}'
    assert state.due() is None
    assert not hear(state, type="universal.resumed", received=2)
    assert not state.waits
    assert state.due() == "cancel a"
    assert state.due() is None
    assert state.headers == [("cf-aig-resume", "t2")]
    assert hear(state, **stream(2, "b"))


def come_back(state: Resumption, received: int, token: str = "t2") -> list[str]:
    """On another socket the gateway says that it has ``received``. What is sent again."""
    state.begin()
    told(state, token)
    state.due()  # what it has
    hear(state, type="universal.resumed", received=received)
    return list(iter(state.due, None))


def test_a_ping_is_never_sent_again_but_counts() -> None:
    state = begun()  # 1: the create of a
    for _ in range(3):
        state.sent(Due("ping"))
    state.sent(Due("create b", begins="b"))
    state.sent(Due("ping"))
    assert come_back(state, 2) == ["create b"]
    assert come_back(state, 3, "t3") == [], "it was the third that the gateway got"
    state.sent(Due("create c", begins="c"))
    assert come_back(state, 3, "t4") == ["create c"]


def test_a_cancel_is_not_sent_again_if_its_exchange_is_over() -> None:
    state = begun()
    hear(state, **stream(1))
    state.sent(Due("create b", begins="b"))
    hear(state, **stream(2, "b"))
    state.sent(Due("cancel a", cancels="a"))
    state.sent(Due("cancel b", cancels="b"))
    hear(state, type="universal.done", metadata={"eventId": "a"}, n=3)
    assert come_back(state, 2) == ["cancel b"]
    hear(state, type="universal.cancelled", metadata={"eventId": "b"}, n=4)
    assert come_back(state, 2, "t3") == []


def test_until_the_session_is_resumed_the_token_before_is_a_second_choice() -> None:
    state = begun()
    state.begin()
    told(state, "t2")
    state.begin()
    assert state.headers == [("cf-aig-resume", "t2")]
    state.refused()
    assert state.headers == [("cf-aig-resume", "t1")]
    state.begin()
    told(state, "t3")
    state.refused()
    assert state.headers == [("cf-aig-resume", "t1")]
    state.refused()
    assert not state.can_resume


def test_a_gateway_that_keeps_no_sessions_is_no_trouble() -> None:
    state = Resumption()
    state.begin()
    state.sent(Due("create a", begins="a"))
    assert hear(state, type="universal.pong")
    assert not state.can_resume
    state.sent(Due("create b", begins="b"))
    assert hear(state, type="universal.pong")
    state.begin()
    assert not state.waits
    told(state)
    assert state.can_resume


def test_what_breaks_the_session_is_an_error() -> None:
    gap = begun()
    with pytest.raises(ValueError, match="gap"):
        hear(gap, **stream(2))
    other = begun()
    other.begin()
    with pytest.raises(ValueError, match="did not go on"):
        hear(other, type="universal.pong", n=1)
    unreadable = Resumption()
    unreadable.begin()
    with pytest.raises(ValueError, match=r"universal\.session cannot be read"):
        hear(unreadable, type="universal.session", token=5)
    late = begun()
    late.begin()
    told(late, "t2")
    with pytest.raises(ValueError, match=r"universal\.resumed cannot be read"):
        hear(late, type="universal.resumed")


def test_its_token_is_in_no_repr() -> None:
    state = begun()
    assert "t1" not in repr(state)


# -- on real sockets -----------------------------------------------------------------------------------------------------

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "DELAYS_S", (0.0, 0.01))


@asynccontextmanager
async def world(*cuts: int, config: Config = RESUMES) -> AsyncIterator[tuple[LiveGateway, CuttingProxy, str]]:
    with anyio.fail_after(120):
        async with (
            live_gateway(config=config) as gateway,
            cutting_proxy(gateway.url, cuts) as (proxy, url),
        ):
            yield gateway, proxy, url


async def test_a_stream_goes_on_over_sockets_that_are_cut() -> None:
    seen: list[str] = []
    async with (
        world(6000, 1, 4000, 2500, 9000) as (gateway, proxy, url),
        Client(url, resume=True, on_message=lambda way, text: seen.append(text)) as client,
    ):
        both = [await client.create(*CHAT, chat(chunks=200, chunk_bytes=10), mode="raw")]
        both.append(await client.create(*CHAT, chat(chunks=200, chunk_bytes=10), mode="raw"))
        assert proxy.connections == 6
    assert len(both[0].chunks) > 200
    assert len(both[0].chunks) == len(both[1].chunks)
    assert len(gateway.ended) == 2
    assert gateway.sockets == 1
    assert sum(isinstance(event, SessionResumed) for event in gateway.events) == 4  # one connection carried one byte
    assert not any("token" in text and "***" not in text for text in seen)


async def test_a_request_that_was_lost_is_sent_again_and_no_other_is() -> None:
    async with world() as (gateway, proxy, url), Client(url, resume=True) as client:
        async with client.stream(*CHAT, chat(chunks=3)) as stream:
            items = [item async for item in stream]
            proxy.cut()
        responses = [await client.create(*CHAT, chat(chunks=3)) for _ in range(2)]
        assert len(items) == len(responses[0].events) == len(responses[1].events)
    assert len(gateway.ended) == 3
    assert gateway.sockets == 1


async def test_without_resume_an_exchange_is_lost_with_its_socket() -> None:
    async with world(3000) as (gateway, proxy, url), Client(url) as client:
        with pytest.raises(ConnectionLost):
            await client.create(*CHAT, chat(chunks=200, chunk_bytes=10))
    assert not any(isinstance(event, SessionDetached) for event in gateway.events)
    assert proxy.connections == 1


async def test_a_gateway_that_keeps_no_sessions_is_a_gateway_all_the_same() -> None:
    async with world(6000, config=Config()) as (gateway, _, url), Client(url, resume=True) as client:
        with pytest.raises(ConnectionLost):
            await client.create(*CHAT, chat(chunks=200, chunk_bytes=10))
        assert (await client.create(*CHAT, chat(chunks=3))).events
    assert gateway.sockets == 2


async def test_a_session_that_is_kept_no_more_is_lost() -> None:
    async with world(6000) as (gateway, _, url):
        lost = gateway.running.close_session
        async with Client(url, resume=True) as client:

            def end_it() -> None:
                lost(1, 1000, "enough")

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ends_when_detached, gateway, end_it)
                with pytest.raises(ConnectionLost, match="could not be resumed"):
                    await client.create(*CHAT, chat(chunks=200, chunk_bytes=10))
            assert (await client.create(*CHAT, chat(chunks=3))).events
    assert gateway.sockets == 2


async def ends_when_detached(gateway: LiveGateway, end_it: object) -> None:
    while not any(isinstance(event, SessionDetached) for event in gateway.events):
        await anyio.lowlevel.checkpoint()
    assert callable(end_it)
    end_it()


async def test_a_client_that_is_closed_while_it_tries_to_come_back_ends() -> None:
    async with world(6000) as (_, proxy, url):
        async with Client(url, resume=True) as client, anyio.create_task_group() as tasks:
            proxy.refuses = True
            tasks.start_soon(client.create, *CHAT, chat(chunks=100_000, chunk_bytes=10))
            while proxy.connections < 3:  # noqa: ASYNC110  what it waits for tells nobody
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        connections = proxy.connections
        await anyio.sleep(0.05)
        assert proxy.connections == connections


def test_code_without_a_loop_has_it_too() -> None:
    with gateway_in_a_thread(config=RESUMES) as gateway, SyncClient(gateway.url, resume=True) as client:
        assert client.create(*CHAT, chat(chunks=3)).events
    assert gateway.sockets == 1
