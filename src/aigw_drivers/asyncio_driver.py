"""The second driver: an engine on asyncio's transports and protocols, for asyncio and uvloop alone.

Decides: nothing about any protocol. Must not know: what the bytes mean, why a connection is dialled or closed.

It differs from :class:`aigw_drivers.anyio_driver.AnyioDriver` in who reads and writes: the loop's transports do, by
their protocol's callbacks, with no task for a connection or a listener; the next deadline is a timer of the loop. The
heart is the same, :mod:`aigw_drivers.core.transfer`, and so is TLS, which stands on plain transports: those of asyncio's own
TLS say neither what the kernel took nor whether the peer's stream was cut short.
"""

import asyncio
from collections.abc import Callable
from math import inf

import anyio
from anyio.abc import TaskGroup, TaskStatus

from .anyio_driver import REST_S, AnyioDriver
from .core.link import ByteSocket
from .core.readiness import Readiness
from .core.sockets import Listener, dial_tcp, name_of
from .core.tls import TlsPipe
from .core.transports import TransportReadiness, TransportSocket, transport_socket


def require_asyncio() -> None:
    """Raise :class:`RuntimeError` where neither asyncio nor uvloop runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError as exc:
        raise RuntimeError("the protocol driver needs asyncio or uvloop: use the anyio driver on trio") from exc


class ProtocolDriver(AnyioDriver):
    """Drives one engine on asyncio or uvloop, with the constructor and the methods of :class:`AnyioDriver`.

    On trio :meth:`serve` raises :class:`RuntimeError`; call :func:`require_asyncio` to find out before.
    """

    _loop: asyncio.AbstractEventLoop
    _timer: asyncio.TimerHandle | None = None

    async def _keep_time(self, *, task_status: TaskStatus[None]) -> None:
        """Deadlines are timers of the loop: there is nothing to do here but to clear up."""
        task_status.started()
        try:
            await anyio.sleep_forever()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            with anyio.CancelScope(shield=True):
                await self._clear_up()

    async def _clear_up(self) -> None:
        """Transports let go of their sockets in a later turn of the loop."""
        self._stop(())
        while self._open_sockets:  # noqa: ASYNC110
            await asyncio.sleep(0)

    def _choose_readiness(self, tasks: TaskGroup) -> Readiness:
        require_asyncio()
        self._loop = asyncio.get_running_loop()
        self._open_sockets: set[TransportSocket] = set()
        self._socket_type = transport_socket(self._loop)
        return TransportReadiness(self._loop)

    # -- connections --------------------------------------------------------------------------------------------

    async def _accept(self, listener: Listener) -> None:
        context = listener.ssl_context

        def made(sock: TransportSocket) -> None:
            self._open_sockets.add(sock)
            peer = name_of(sock.transport.get_extra_info("peername"))
            if self._stopping or self._draining:
                sock.close()
            elif context is None:
                self._open(sock, peer, None)
            else:
                sock.pause()
                self._tasks.start_soon(self._shake_hands, sock, peer, context)

        def accepted() -> TransportSocket:
            return self._new_socket(made)

        server = await self._loop.create_server(accepted, sock=listener.socket, backlog=1024)
        try:
            await anyio.sleep_forever()
        finally:
            server.close()

    def _new_socket(self, made: Callable[[TransportSocket], None]) -> TransportSocket:
        gone = self._open_sockets.discard
        return self._socket_type(made, gone, self._on_read, self._on_readable, self._on_writable)

    async def _dial_tcp(self, host: str, port: int) -> ByteSocket:
        given_up = False

        def made(sock: TransportSocket) -> None:
            if given_up:
                sock.close()
            else:
                self._open_sockets.add(sock)
                sock.pause()

        protocol = self._new_socket(made)
        sock = await dial_tcp(host, port)
        try:
            await self._loop.create_connection(lambda: protocol, sock=sock)
        except BaseException:
            given_up = True
            self._open_sockets.discard(protocol)  # uvloop does not say that it let go of it
            sock.close()
            raise
        return protocol

    async def _handshake(self, sock: ByteSocket, pipe: TlsPipe) -> None:
        assert isinstance(sock, TransportSocket)
        write = sock.transport.write
        done, data = False, b""
        while not done:
            try:
                done = pipe.handshake(data)
            finally:
                if flight := pipe.pending():  # where it failed, the alert that tells the peer why
                    write(flight)
            if not done:
                data = await sock.receive()
                if not data:
                    raise ConnectionResetError("closed in the TLS handshake")

    # -- time ---------------------------------------------------------------------------------------------------

    def _arm(self, due: float) -> None:
        self._armed = due
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0.0, due - self._now), self._on_timer)

    def _on_timer(self) -> None:
        self._armed = inf
        self._now = self._clock()
        due = self._engine.next_timeout()
        if due is None:
            return
        if due > self._now:
            self._arm(due)
        elif not self._step(self._engine.handle_timeout):
            self._arm(self._now + REST_S)  # its deadline still stands: do not spin
