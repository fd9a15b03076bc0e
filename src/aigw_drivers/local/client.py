"""The client in the process of the gateway, on anyio: asyncio, uvloop or trio, whoever started the loop.

Decides: how long the gateway runs, and which of its settings hold. Must not know: what an exchange does
(:mod:`.link`).
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup, TaskStatus

from aigw_sansio import Config, Create, Engine, Event, Parts

from ..anyio_driver import AnswerHandler
from ..client.caller import Caller
from ..client.errors import NotConnected
from ..client.request import Step
from ..client.values import Mode
from ..server.embedded import embedded_gateway, reconfigure_embedded
from .link import LocalLink
from .request import create_command
from .running import one_gateway


class LocalClient(Caller[Create]):
    """Calls providers without a socket to a gateway: the gateway runs inside. Use it as
    ``async with LocalClient(config) as client:``; the block is left in the same task::

        async with LocalClient(config) as client:
            async with client.stream("openai", "chat/completions", query, fallback=[...]) as stream:
                async for event in stream:
                    ...

    :meth:`stream` and :meth:`create` are called from any task of the loop. An exchange is held back by its own
    iteration: what is not taken stays with the engine, which then pauses the provider. Leaving a stream cancels it.
    Leaving the block ends what still runs, with :class:`.client.errors.ConnectionLost`; :meth:`drain` waits for it.

    ``config``: the settings; those of ``gateway`` (``"ACCOUNT/GATEWAY"``) hold, which may be left out if there is one.
    ``principal`` is the client's name in events. ``answer`` and ``on_event`` are those of :class:`.AnyioDriver`.
    ``wrap(gateway)`` is the engine that is driven in place of the gateway: for tests,
    :meth:`aigw_drivers.testing.MockProvider.over`. ``parts``: the host's own providers, readers, framings, transforms.
    Raises ``ValueError`` if the settings have no such gateway.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        gateway: str | None = None,
        principal: str | None = None,
        answer: AnswerHandler | None = None,
        on_event: Callable[[Event], None] | None = None,
        wrap: Callable[[Engine], Engine] | None = None,
        parts: Parts | None = None,
    ) -> None:
        super().__init__()
        config = Config() if config is None else config
        self._gateway = one_gateway(gateway, [*config.gateways])
        self._parts = parts
        #: The engine, for its ``snapshot()``, and its driver: call other inputs of ``engine`` with ``driver.call``.
        self.engine, self.driver = embedded_gateway(config, answer=answer, on_event=on_event, wrap=wrap, parts=parts)
        self._link = LocalLink(self.driver, self.engine, self._gateway, principal)
        self._tasks: TaskGroup | None = None
        self._ended = anyio.Event()

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise RuntimeError("a LocalClient is entered once; make another one")
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        await self._tasks.start(self._serve)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        self._link.close()
        self._tasks.cancel_scope.cancel()
        # The task group is told of no error: it would wrap it.
        await self._tasks.__aexit__(None, None, None)

    def reconfigure(self, config: Config) -> None:
        """Take new settings: exchanges that begin from now on have them, running ones end under the old ones. Call it
        in the client's loop. Raises ``ValueError`` for what is wrong, then all is as it was; and ``RuntimeError`` if
        the client is not entered."""
        one_gateway(self._gateway, [*config.gateways])
        reconfigure_embedded(self.engine, self.driver, config, self._parts)

    async def drain(self) -> None:
        """Begin no new exchange, let those that run end within ``drain_s``, and return when the last one has."""
        await self.driver.drain()
        await self._ended.wait()

    async def _serve(self, *, task_status: TaskStatus[None]) -> None:
        try:
            await self.driver.serve((), task_status=task_status)
        finally:
            self._ended.set()

    def _request(self, steps: Sequence[Step], event_id: str, mode: Mode) -> Create:
        return create_command(steps, event_id, mode)

    async def _usable_link(self) -> LocalLink:
        if self._tasks is None:
            raise RuntimeError("enter the client first: async with LocalClient(...) as client")
        if self._ended.is_set():
            raise NotConnected("the client is closed")
        return self._link
