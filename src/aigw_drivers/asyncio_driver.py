"""The driver on asyncio's transports and protocols, for asyncio and uvloop only.

Decides: nothing about any protocol. Must not know: the meaning of bytes, the reason for a dial or a close.

It differs from :class:`.AnyioDriver` in two things. The loop's transports read and write, by callbacks of their
protocols, without a task for a connection. The next deadline is a timer of the loop. The shared part is the same
(:mod:`.core.transfer`), and so is TLS, on top of plain transports: asyncio's own TLS transports say neither how much
the kernel took nor whether the peer's stream was truncated.
"""

import asyncio
import socket
from collections.abc import Callable
from math import inf

import anyio
from anyio.abc import TaskGroup, TaskStatus

from aigw_sansio import ConnId

from .anyio_driver import RETRY_PAUSE_S, AnyioDriver
from .core.link import ByteSocket
from .core.readiness import Readiness
from .core.sockets import Listener, LookUp, Talk, address_text, dial_tcp
from .core.transports import TransportReadiness, TransportSocket, transport_socket_type


def require_asyncio() -> None:
    """Raise :class:`RuntimeError` if neither asyncio nor uvloop runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError as exc:
        raise RuntimeError("the protocol driver needs asyncio or uvloop; on trio use the anyio driver") from exc


class ProtocolDriver(AnyioDriver):
    """Drives one engine on asyncio or uvloop, with the constructor and the methods of :class:`AnyioDriver`.

    On trio :meth:`serve` raises :class:`RuntimeError`; call :func:`require_asyncio` to find out earlier.
    """

    _loop: asyncio.AbstractEventLoop
    _timer: asyncio.TimerHandle | None = None

    async def _keep_alarm(self, *, task_status: TaskStatus[None]) -> None:
        """Deadlines are timers of the loop. This task only clears up at the end."""
        task_status.started()
        try:
            await anyio.sleep_forever()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            with anyio.CancelScope(shield=True):
                await self._clear_up()

    async def _clear_up(self) -> None:
        """Wait for all transports: they release their sockets in later callbacks."""
        self._stop(())
        while self._open_sockets:  # noqa: ASYNC110
            await asyncio.sleep(0)

    def _choose_readiness(self, tasks: TaskGroup) -> Readiness:
        require_asyncio()
        self._loop = asyncio.get_running_loop()
        self._open_sockets: set[TransportSocket] = set()
        self._socket_type = transport_socket_type(self._loop)
        return TransportReadiness(self._loop)

    # -- connections --------------------------------------------------------------------------------------------

    async def _accept(self, listener: Listener) -> None:
        context = listener.ssl_context

        def made(sock: TransportSocket) -> None:
            self._open_sockets.add(sock)
            peer = address_text(sock.transport.get_extra_info("peername"))
            local = address_text(sock.transport.get_extra_info("sockname"))
            if self._stopping:
                sock.close()
            elif context is None:
                self._open_client(sock, peer, local, None)
            elif self._handshakes.begin():
                sock.pause()
                self._spawn(self._accept_tls, sock, peer, local, context)
            else:
                sock.close()

        def accepted() -> TransportSocket:
            return self._new_socket(made)

        if listener.socket.family == getattr(socket, "AF_UNIX", None):
            server = await self._loop.create_unix_server(accepted, sock=listener.socket, backlog=1024)
        else:
            server = await self._loop.create_server(accepted, sock=listener.socket, backlog=1024)
        try:
            await anyio.sleep_forever()
        finally:
            server.close()

    async def _adopt(
        self, sock: socket.socket, peer: str, local: str | None, alpn: str | None, gone: Callable[[], None] | None
    ) -> ConnId | None:
        opened: list[ConnId | None] = []

        def made(transport: TransportSocket) -> None:
            self._open_sockets.add(transport)
            opened.append(self._open_client(transport, peer, local, None, alpn))

        def released(transport: TransportSocket) -> None:
            self._open_sockets.discard(transport)
            if gone is not None:
                gone()

        await self._loop.connect_accepted_socket(lambda: self._new_socket(made, released), sock)
        return opened[0]

    def _new_socket(
        self,
        made: Callable[[TransportSocket], None],
        gone: Callable[[TransportSocket], None] | None = None,
    ) -> TransportSocket:
        gone = gone or self._open_sockets.discard
        return self._socket_type(made, gone, self._on_read, self._on_readable, self._on_writable)

    async def _dial_tcp(self, host: str, port: int, look_up: LookUp) -> ByteSocket:
        given_up = False

        def made(sock: TransportSocket) -> None:
            if given_up:
                sock.close()
            else:
                self._open_sockets.add(sock)
                sock.pause()

        protocol = self._new_socket(made)
        sock = await dial_tcp(host, port, look_up)
        try:
            await self._loop.create_connection(lambda: protocol, sock=sock)
        except BaseException:
            given_up = True
            self._open_sockets.discard(protocol)  # uvloop does not report that it released it
            sock.close()
            raise
        return protocol

    def _talk(self, sock: ByteSocket) -> Talk:
        assert isinstance(sock, TransportSocket)
        write = sock.transport.write

        async def send(data: bytes) -> None:
            if data:
                write(data)

        return Talk(send, sock.receive)

    # -- time ---------------------------------------------------------------------------------------------------

    def _set_alarm(self, due: float) -> None:
        self._alarm_at = due
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(0.0, due - self._now), self._on_timer, context=self._context)

    def _on_timer(self) -> None:
        self._alarm_at = inf
        self._now = self._clock()
        due = self._engine.next_timeout()
        if due is None:
            return
        if due > self._now:
            self._set_alarm(due)
        elif not self._call_engine(self._engine.handle_timeout):
            self._set_alarm(self._now + RETRY_PAUSE_S)  # the deadline is still due: do not spin
