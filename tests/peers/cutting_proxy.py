"""A TCP proxy that cuts connections: each one may carry so many bytes, both ways together."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
from anyio.abc import ByteStream, SocketAttribute


class CuttingProxy:
    """``cuts``: how many bytes the first connections carry; later ones carry all. :meth:`cut` ends those that are open."""

    def __init__(self, host: str, port: int, cuts: Sequence[int]) -> None:
        self._target = host, port
        self._cuts = list(cuts)
        self._open: set[anyio.CancelScope] = set()
        self.port = 0
        self.connections = 0
        self.refuses = False  #: new connections are closed at once

    def cut(self) -> None:
        """All open connections end now."""
        for scope in self._open:
            scope.cancel()

    async def carry(self, client: ByteStream) -> None:
        """One connection."""
        self.connections += 1
        if self.refuses:
            await client.aclose()
            return
        left = [self._cuts.pop(0) if self._cuts else 1 << 60]
        async with client, await anyio.connect_tcp(*self._target) as gateway:
            with anyio.CancelScope() as scope:
                self._open.add(scope)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._pass_on, client, gateway, left, scope)
                    tasks.start_soon(self._pass_on, gateway, client, left, scope)
            self._open.discard(scope)

    async def _pass_on(self, source: ByteStream, sink: ByteStream, left: list[int], scope: anyio.CancelScope) -> None:
        try:
            while left[0] > 0:
                data = await source.receive(1024)
                await sink.send(data[: left[0]])
                left[0] -= len(data)
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        scope.cancel()


@asynccontextmanager
async def cutting_proxy(url: str, cuts: Sequence[int] = ()) -> AsyncIterator[tuple[CuttingProxy, str]]:
    """A proxy before the gateway at ``url``, and its own URL."""
    authority, _, path = url.removeprefix("ws://").partition("/")
    host, _, port = authority.partition(":")
    proxy = CuttingProxy(host, int(port), cuts)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    proxy.port = listener.extra(SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, proxy.carry)
        yield proxy, f"ws://127.0.0.1:{proxy.port}/{path}"
        tasks.cancel_scope.cancel()
