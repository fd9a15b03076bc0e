"""The door into a driver: what the host does with its engine while it serves.

Decides: from where the host may call, and who gets the effects for clients without bytes. Must not know: the meaning of
any input, and how a connection is served.
"""

import socket
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from functools import partial
from typing import TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel
from anyio.abc import ByteStream

from aigw_sansio import ConnId, Effect, Engine, Event

from .attached import as_socket
from .hosted import Hosted, MessageHandler
from .sockets import Listener, require_non_blocking
from .transfer import Transfer

Result = TypeVar("Result")


class Door(Transfer):
    """The part of a driver that its host calls. A subclass serves."""

    def __init__(self, engine: Engine, on_event: Callable[[Event], None] | None, clock: Callable[[], float]) -> None:
        super().__init__(engine, on_event, clock)
        self._hosted = Hosted()
        self._begun = False
        self._token: anyio.lowlevel.EventLoopToken | None = None  # of the loop, while it serves
        self._context: Context  # of the task that serves: it knows the library of the loop

    @property
    def serving(self) -> bool:
        """Whether :meth:`serve` runs: only then may the host call."""
        return self._token is not None

    def call(self, function: Callable[..., Result], *arguments: object, **options: object) -> Result:
        """Call an input of the engine, with the time as its last positional argument, and execute the effects.

        ``function`` is a method of the engine, or a function that calls some: ``driver.call(gateway.drain)``. Its
        exceptions are raised here, after the effects. Call it in the loop that runs :meth:`serve`; from another thread
        use :meth:`call_from_thread`. Called from inside an effect (``on_event``), it returns before its own effects
        are executed. Raises :class:`RuntimeError` if the driver does not serve.
        """
        if self._token is None:
            raise RuntimeError("the driver does not serve")
        self._now = self._clock()
        try:
            return function(*arguments, self._now, **options)
        finally:
            self._execute_effects()

    def call_from_thread(self, function: Callable[..., Result], *arguments: object, **options: object) -> Result:
        """As :meth:`call`, from another thread than that of the loop. It waits for the result."""
        if self._token is None:
            raise RuntimeError("the driver does not serve")
        return anyio.from_thread.run_sync(partial(self.call, function, *arguments, **options), token=self._token)

    def open_hosted(self, handler: MessageHandler, open_client: Callable[[float], ConnId]) -> ConnId:
        """Open a client without bytes. ``open_client(now)`` calls ``open_messages`` of the engine; ``handler`` gets the
        effects for this client, the first ones perhaps before this returns.

        Report its messages with :meth:`call`, and its end with :meth:`release_hosted`.
        """

        def opened(now: float) -> ConnId:
            conn = open_client(now)
            self._hosted.add(conn, handler)
            return conn

        return self.call(opened)

    def release_hosted(self, conn: ConnId) -> None:
        """A client of :meth:`open_hosted` is over: report ``closed``. A second call has no effect."""
        if self._hosted.remove(conn):
            self._on_released(conn)
            self._call_engine(self._engine.closed, conn)

    async def attach(
        self,
        connection: socket.socket | ByteStream,
        *,
        peer: str | None = None,
        alpn: str | None = None,
        local: str | None = None,
    ) -> ConnId:
        """Serve a client whose connection others accepted: a connected socket without TLS, or a byte stream of anyio,
        with TLS or without. Returns the id of the connection. From now on it is the driver's, who closes it.

        ``peer`` and ``local`` are its addresses, ``alpn`` the protocol that TLS chose; what is left out is asked of
        ``connection``. Call it in the loop that runs :meth:`serve`. Raises :class:`RuntimeError` if the driver does not
        serve or cannot serve it, and :class:`OSError` if a socket is not connected.
        """
        if self._token is None:
            raise RuntimeError("the driver does not serve")
        found = as_socket(connection, self._spawn, self._context)
        conn = await self._adopt(
            found.socket, peer or found.peer, local or found.local, alpn or found.alpn, found.on_closed
        )
        if conn is None:
            raise RuntimeError("the connection cannot be served; the log says why")
        return conn

    def _begin(self, listeners: Sequence[Listener]) -> None:
        """Called first in :meth:`serve`, which has no second time: two would share the tasks and the end of one."""
        require_non_blocking(listeners)
        if self._begun:
            raise RuntimeError("the driver serves already, or has served; make another one for another engine")
        self._begun = True

    @abstractmethod
    def _spawn(self, function: Callable[..., Coroutine[object, object, None]], *arguments: object) -> None:
        """Start a task in the context of the task that serves, whatever the context of the caller is."""

    @abstractmethod
    async def _adopt(
        self, sock: socket.socket, peer: str, local: str | None, alpn: str | None, gone: Callable[[], None] | None
    ) -> ConnId | None:
        """Give a connected socket to the engine; ``None``: it cannot be served. ``gone``: called when it is closed."""

    def _execute(self, effect: Effect) -> None:
        if not (self._hosted and self._hosted.carry_out(effect)):
            super()._execute(effect)
