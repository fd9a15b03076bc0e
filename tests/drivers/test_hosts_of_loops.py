"""Loops that the host runs: inputs from callbacks of its own, which run in no task, with and without sniffio.

anyio finds its library by the running task, or by what sniffio was told. A callback of the host has neither.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

import anyio
import pytest

from aigw_drivers import AnyioDriver, Listener, LoopbackProvider, MessageEffect, listen
from aigw_drivers.core.readiness import LoopReadiness, Readiness, TaskReadiness
from aigw_sansio import (
    Accept,
    Authenticate,
    Authenticated,
    CloseMessages,
    Config,
    ConnId,
    Flush,
    Gateway,
    GatewaySettings,
    Limits,
    ProviderSettings,
    Question,
    Refuse,
    Timeouts,
    Unavailable,
)

Run = Callable[[Coroutine[Any, Any, None]], None]


def in_uvloop(work: Coroutine[Any, Any, None]) -> None:
    pytest.importorskip("uvloop").run(work)


class _TaskDriver(AnyioDriver):
    def _choose_readiness(self, tasks: Any) -> Readiness:
        return TaskReadiness(tasks, self._on_readable, self._on_writable)


class _CallbackDriver(AnyioDriver):
    def _choose_readiness(self, tasks: Any) -> Readiness:
        return LoopReadiness(asyncio.get_running_loop(), self._on_readable, self._on_writable)


class StrictSniffio(ModuleType):
    """sniffio as anyio uses it, without what makes it lenient: only what was told counts, and running tasks."""

    class AsyncLibraryNotFoundError(RuntimeError):
        pass

    current_async_library_cvar: ContextVar[str | None] = ContextVar("library", default=None)

    def current_async_library(self) -> str:
        told = self.current_async_library_cvar.get()
        if told is not None:
            return told
        if asyncio.current_task() is not None:
            return "asyncio"
        raise self.AsyncLibraryNotFoundError


@pytest.fixture(params=["with sniffio", "without sniffio"])
def _sniffio(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``import sniffio`` gives to anyio and to us."""
    stub = StrictSniffio("sniffio") if request.param == "with sniffio" else None
    monkeypatch.setitem(sys.modules, "sniffio", stub)
    monkeypatch.setattr("anyio._core._eventloop.sniffio", stub)


class Client:
    """A client without bytes, moved by callbacks of the loop alone."""

    def __init__(self, driver: AnyioDriver, gateway: Gateway) -> None:
        self.driver, self.gateway = driver, gateway
        self.got: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self.conn: ConnId
        self.effects: list[MessageEffect] = []

    def on_effect(self, effect: MessageEffect) -> None:
        self.effects.append(effect)
        self.changed.set()
        if isinstance(effect, Flush):
            asyncio.get_running_loop().call_soon(self._pull)
        elif isinstance(effect, CloseMessages | Refuse):
            asyncio.get_running_loop().call_soon(self.driver.release_hosted, self.conn)

    def _pull(self) -> None:
        for message in self.gateway.messages_to_send(self.conn):
            self.got.append(json.loads(message.data))
            self.driver.call(self.gateway.data_sent, self.conn, len(message.data))
        self.changed.set()

    def open(self, token: str) -> None:
        def opened(now: float) -> ConnId:
            headers = [(b"host", b"app.test"), (b"authorization", f"Bearer {token}".encode())]
            return self.gateway.open_messages(b"/v1/local/default", "192.0.2.1:1", headers, [], None, now)

        self.conn = self.driver.open_hosted(self, opened)

    def ask(self, event_id: str, **query: object) -> None:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **query}
        step = {"provider": "loopback", "endpoint": "chat/completions", "query": body, "eventId": event_id}
        data = json.dumps({"type": "universal.create", "request": step}).encode()
        self.driver.call(self.gateway.receive_message, self.conn, data, text=True)

    async def effect(self, kind: type[MessageEffect]) -> None:
        """Wait for an effect."""
        while not any(isinstance(effect, kind) for effect in self.effects):
            await self._change()

    async def message(self, kind: str) -> dict[str, Any]:
        """Wait for a message."""
        while not (found := [message for message in self.got if message["type"] == kind]):
            await self._change()
        return found[0]

    async def _change(self) -> None:
        self.changed.clear()
        with anyio.fail_after(60):
            await self.changed.wait()


@asynccontextmanager
async def serving(kind: type[AnyioDriver]) -> AsyncIterator[Client]:
    async def answer(question: Question) -> Authenticated | Unavailable:
        await asyncio.sleep(0)
        return Authenticated("alice") if isinstance(question, Authenticate) else Unavailable()

    async with LoopbackProvider.start() as provider:
        config = Config(
            gateways={"local/default": GatewaySettings(authentication=True)},
            providers={
                "loopback": ProviderSettings(base_url=f"{provider.base_url.replace('127.0.0.1', 'localhost')}/v1")
            },
            timeouts=Timeouts(client_idle_s=0.2),
            limits=Limits(send_high_water_bytes=1024),
        )
        gateway = Gateway(config, b"a seed of sixteen", 0.0)
        driver = kind(gateway, answer=answer)
        listeners: list[Listener] = listen("127.0.0.1", 0)
        serve = asyncio.get_running_loop().create_task(driver.serve(listeners))
        while driver._token is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        try:
            yield Client(driver, gateway)
        finally:
            await driver.drain()
            await serve
            assert not any(gateway.snapshot().values())


@pytest.mark.usefixtures("_sniffio")
@pytest.mark.parametrize("run", [asyncio.run, in_uvloop])
@pytest.mark.parametrize("kind", [AnyioDriver, _TaskDriver, _CallbackDriver])
def test_inputs_from_callbacks_of_the_host(kind: type[AnyioDriver], run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """A question, a look-up, a dial, paused and resumed reading, and a deadline: all begun in callbacks."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        async with serving(kind) as client:
            loop.call_soon(client.open, "a token")
            await client.effect(Accept)
            loop.call_soon(lambda: client.ask("whole"))
            assert (await client.message("universal.created"))["metadata"]["status"] == 200
            loop.call_soon(lambda: client.ask("stream", stream=True, chunks=200))
            assert (await client.message("universal.done"))["metadata"]["eventId"] == "stream"
            await client.effect(CloseMessages)  # it has been idle for too long

    run(work())
    assert not caplog.records
