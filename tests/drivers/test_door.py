"""The door into a driver: inputs of the host, from the loop and from threads, and clients without bytes."""

import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
import pytest

from aigw_drivers import AnyioDriver, Listener, MessageEffect, listen
from aigw_sansio import (
    Accept,
    Close,
    CloseMessages,
    Config,
    ConnId,
    Flush,
    Gateway,
    GatewaySettings,
    LocalProtocolError,
    SessionOpened,
)

pytestmark = pytest.mark.anyio
PING = b'{"type":"universal.ping"}'


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Handler:
    def __init__(self) -> None:
        self.effects: list[MessageEffect] = []

    def on_effect(self, effect: MessageEffect) -> None:
        self.effects.append(effect)


class Scene:
    """A driver that serves, and clients without bytes."""

    def __init__(self) -> None:
        self.gateway = Gateway(Config(gateways={"local/default": GatewaySettings()}), b"a seed of sixteen", 0.0)
        self.events: list[Any] = []
        self.driver = AnyioDriver(self.gateway, on_event=self.events.append)

    def open(self, handler: Handler) -> ConnId:
        def opened(now: float) -> ConnId:
            headers = [(b"host", b"app.test")]
            return self.gateway.open_messages(b"/v1/local/default", "192.0.2.1:1", headers, [], None, now)

        return self.driver.open_hosted(handler, opened)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.driver.serve, ())
            yield
            tasks.cancel_scope.cancel()


async def test_a_driver_serves_once() -> None:
    scene = Scene()
    blocking = Listener(socket.create_server(("127.0.0.1", 0)))
    with blocking.socket, pytest.raises(ValueError, match="blocks"):
        await scene.driver.serve([blocking])
    (late,) = listen("127.0.0.1", 0)
    with late.socket:
        async with scene.serving():
            with pytest.raises(RuntimeError, match="serves already, or has served"):
                await scene.driver.serve([late])
            assert scene.driver.serving
            assert scene.driver.call(lambda now: now) > 0
        with pytest.raises(RuntimeError, match="serves already, or has served"):
            await scene.driver.serve([late])
        assert late.socket.fileno() >= 0


async def test_an_input_of_the_host_has_its_effects() -> None:
    scene, handler = Scene(), Handler()
    async with scene.serving():
        conn = scene.open(handler)
        assert handler.effects == [Accept(conn, None)]
        assert isinstance(scene.events[0], SessionOpened)
        scene.driver.call(scene.gateway.receive_message, conn, PING, text=True)
        assert handler.effects[1:] == [Flush(conn)]
        (message,) = scene.gateway.messages_to_send(conn)
        scene.driver.call(scene.gateway.data_sent, conn, len(message.data))
        scene.driver.release_hosted(conn)
        scene.driver.release_hosted(conn)
        assert not any(scene.gateway.snapshot().values())


async def test_the_exception_of_an_input_is_that_of_the_call() -> None:
    scene = Scene()
    async with scene.serving():
        with pytest.raises(LocalProtocolError):
            scene.driver.call(scene.gateway.closed, 4711)


async def test_a_call_from_inside_an_effect() -> None:
    """It returns at once; its effects are executed afterwards, in order."""
    scene, handler = Scene(), Handler()
    seen: list[int] = []

    def on_event(event: object) -> None:
        if isinstance(event, SessionOpened):
            scene.driver.call(scene.gateway.receive_message, event.conn, PING, text=True)
            seen.append(len(handler.effects))

    scene.driver = AnyioDriver(scene.gateway, on_event=on_event)
    async with scene.serving():
        conn = scene.open(handler)
    assert seen == [0], "Accept stands behind SessionOpened"
    assert handler.effects[:2] == [Accept(conn, None), Flush(conn)]


async def test_from_another_thread() -> None:
    scene, handler = Scene(), Handler()
    async with scene.serving():
        conn = scene.open(handler)
        threads: list[int] = []

        def act(now: float) -> int:
            threads.append(threading.get_ident())
            scene.gateway.receive_message(conn, PING, now, text=True)
            return 7

        assert await anyio.to_thread.run_sync(scene.driver.call_from_thread, act) == 7
        assert threads == [threading.get_ident()], "in the thread of the loop"
        assert handler.effects[1:] == [Flush(conn)]


async def test_before_and_after_it_serves_the_door_is_shut() -> None:
    scene = Scene()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="does not serve"):
            scene.driver.call(scene.gateway.drain)
        with pytest.raises(RuntimeError, match="does not serve"):
            scene.driver.call_from_thread(scene.gateway.drain)
        if scene.driver._stopping:
            break
        async with scene.serving():
            pass


async def test_serve_waits_for_clients_without_bytes_to_drain() -> None:
    scene, handler = Scene(), Handler()
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            await tasks.start(scene.driver.serve, ())
            conn = scene.open(handler)
            await scene.driver.drain()
            assert CloseMessages in map(type, handler.effects)
            await anyio.wait_all_tasks_blocked()
            assert not scene.driver._stopping
            scene.driver.release_hosted(conn)
    assert scene.driver._stopping


async def test_a_driver_that_is_cancelled_aborts_them() -> None:
    scene, handler = Scene(), Handler()
    async with scene.serving():
        conn = scene.open(handler)
    assert handler.effects[-1] == Close(conn, abort=True)
    assert not any(scene.gateway.snapshot().values())


async def test_the_host_ends_a_session_from_the_loop_and_from_a_thread() -> None:
    scene, first, second = Scene(), Handler(), Handler()
    async with scene.serving():
        one, two = scene.open(first), scene.open(second)
        sessions = {event.conn: event.session for event in scene.events if isinstance(event, SessionOpened)}
        close = scene.gateway.close_session
        assert scene.driver.call(close, sessions[one], 4001, "enough")
        assert first.effects[-1] == CloseMessages(one, 4001, "enough")
        closed = await anyio.to_thread.run_sync(scene.driver.call_from_thread, close, sessions[two], 1008, "out")
        assert closed
        assert second.effects[-1] == CloseMessages(two, 1008, "out")
        assert not scene.driver.call(close, sessions[one], 4001, "enough")
        with pytest.raises(LocalProtocolError, match="no session 9 was ever opened"):
            scene.driver.call(close, 9, 1000, "")
        for conn in (one, two):
            scene.driver.release_hosted(conn)
        assert not any(scene.gateway.snapshot().values())
