"""A gateway inside an ASGI application: Starlette, FastAPI, Litestar or Quart owns the WebSockets.

Decides: how ASGI's messages (ASGI 3, WebSocket and Lifespan protocols) become inputs of an engine, and effects become
ASGI's messages. Must not know: the meaning of messages, and which server runs the application.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, MutableMapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, TypeAlias

import anyio
from anyio.abc import TaskStatus

from aigw_sansio import (
    Accept,
    Close,
    CloseMessages,
    Config,
    ConnId,
    Engine,
    Event,
    Flush,
    MessageEngine,
    Parts,
    PauseReading,
    Refuse,
    ResumeReading,
)

from .anyio_driver import AnswerHandler, AnyioDriver
from .core.asgi_plain import respond_plainly
from .core.asgi_scope import Scope, address_of, headers_of, subprotocols_of, target_of
from .core.hosted import MessageEffect
from .core.loops import asyncio_told
from .core.reports import report
from .core.sockets import address_text
from .server.embedded import embedded_gateway, reconfigure_embedded

__all__ = ["AsgiMessage", "Authenticator", "GatewayApp", "Receive", "Refusal", "Scope", "Send"]

#: ASGI's types, as its specification has them.
AsgiMessage: TypeAlias = MutableMapping[str, object]
Receive: TypeAlias = Callable[[], Awaitable[AsgiMessage]]
Send: TypeAlias = Callable[[AsgiMessage], Awaitable[None]]


class Refusal(NamedTuple):
    """The host's own refusal of a client: a plain HTTP response. Names in ``headers`` are in lower case."""

    status: int = 403
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


#: The host's own authentication: the name of the client, as events show it; or a refusal. ``None``: 401.
Authenticator: TypeAlias = Callable[[Scope], Awaitable[str | Refusal | None]]

#: So many bytes are reported at once as taken: a report for each message would cost more than all else, and one for
#: many makes a slow client look like one that takes nothing.
_SHARE: Final = 16384

_PLAIN: Final = ((b"content-type", b"text/plain; charset=utf-8"),)
_UNAUTHORIZED: Final = Refusal(401, _PLAIN, b"this client is not known\n")
_GONE: Final = Refusal(503, _PLAIN, b"the gateway has gone away\n")


class GatewayApp:
    """An ASGI application that serves universal sockets at ``/v1/{account}/{gateway}`` below its mount path, and
    realtime sockets at ``/v1/{account}/{gateway}/{provider}/{path}``; ``/healthz`` and ``/readyz`` are there too::

        llm = GatewayApp(config, authenticate=who_is_it)

        @asynccontextmanager
        async def lifespan(app):
            async with llm.running():  # what is mounted gets no lifespan of its own
                yield

        app = FastAPI(lifespan=lifespan)
        app.mount("/llm", llm)

    ``config``: the settings of its gateway. ``authenticate(scope)`` is the host's own authentication: it returns the
    client's name, a :class:`Refusal`, or ``None``, which refuses too. Without it the gateway's own tokens decide.
    ``own_headers`` names header fields that are for the host alone, and that the gateway does not see. Name
    ``authorization`` if ``authenticate`` reads it: otherwise it is a realtime client's key for its provider, and sent
    there. A page of another origin is refused unless the gateway's ``origins`` list it. ``answer`` and ``on_event`` are
    those of :class:`.AnyioDriver`. ``wrap(gateway)`` is the engine that is driven in place of the gateway: for tests,
    :meth:`aigw_drivers.testing.MockProvider.over`. ``parts``: the host's own providers, readers, framings and
    transforms.

    A server that cannot send a response to a WebSocket (ASGI's extension ``websocket.http.response``) refuses with 403,
    whatever the status is. Pings, compression and the largest message are the server's settings; let it take at least
    ``message_bytes`` of the limits.

    One application belongs to one event loop, asyncio or trio, and to one thread. It starts with ASGI's lifespan. A
    mounted application gets none: then enter :meth:`running` in the host's own lifespan, so that running work finishes
    at the end; otherwise it starts with its first client, and ends with the loop. Most servers close all WebSockets
    before that end. To let running work finish first, ``await app.driver.drain()`` when the process is told to end:
    ``/readyz`` says 503 from then on, new sockets are refused, and clients learn that the gateway goes away.
    """

    def __init__(
        self,
        config: Config,
        *,
        authenticate: Authenticator | None = None,
        own_headers: Collection[str] = (),
        answer: AnswerHandler | None = None,
        on_event: Callable[[Event], None] | None = None,
        wrap: Callable[[Engine], Engine] | None = None,
        parts: Parts | None = None,
    ) -> None:
        #: The engine, for its ``snapshot()``, and its driver: call other inputs of ``gateway`` with ``driver.call``.
        self.gateway, self.driver = embedded_gateway(config, answer=answer, on_event=on_event, wrap=wrap, parts=parts)
        self._parts = parts
        self._authenticate = authenticate
        self._own_headers = frozenset(name.lower().encode("latin-1") for name in own_headers)
        self._started = False
        self._stopped = False
        self._serving: anyio.Event | None = None  # set once the driver serves, or cannot
        self._background: object = None  # the task of a lazy start: asyncio keeps no reference

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan. Raises :class:`ValueError` for any other type of scope."""
        with asyncio_told():
            match scope["type"]:
                case "websocket":
                    await self._serve_websocket(scope, receive, send)
                case "http":
                    ready = not (self._stopped or self.gateway.draining)
                    await respond_plainly(scope, send, ready=ready)
                case "lifespan":
                    await self._serve_lifespan(receive, send)
                case kind:
                    raise ValueError(f"no application for a scope of type {kind!r}")

    async def serve(self, scope: Scope, receive: Receive, send: Send, *, principal: str, root_path: str) -> None:
        """Serve the WebSocket of a route of the host, who has authenticated its client as ``principal``::

            @app.websocket("/own/{path:path}")
            async def own(socket: WebSocket, user: Annotated[User, Depends(current_user)]) -> None:
                await llm.serve(socket.scope, socket.receive, socket.send, principal=user.name, root_path="/own")

        The route has not accepted it. ``root_path`` is the part of the path before ``/v1``. Returns at the end of the
        session. ``authenticate`` is not asked. Raises :class:`ValueError` for an empty ``principal``.
        """
        if not principal:
            raise ValueError("principal is empty; name the client")
        with asyncio_told():
            if (await receive())["type"] == "websocket.connect":
                await self._serve_client({**scope, "root_path": root_path}, receive, send, principal)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["GatewayApp"]:
        """Run the driver during the block. At its end no new session begins, running exchanges may finish
        (``drain_s``), then all sockets are closed. Enter it once, before the first client."""
        if self._started:
            raise RuntimeError("the application runs already, or has run")
        self._started = True
        self._serving = anyio.Event()
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._serve)
            yield self
            await self.driver.drain()

    def reconfigure(self, config: Config) -> None:
        """Take new settings, in the loop that runs the application. What begins from now on has them; see
        :meth:`aigw_sansio.Gateway.reconfigure`. Raises :class:`aigw_sansio.ConfigError` for what is wrong, then all is
        as it was; and :class:`RuntimeError` if the application does not run."""
        reconfigure_embedded(self.gateway, self.driver, config, self._parts)

    # -- inside -------------------------------------------------------------------------------------------------

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self.running():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        """Start with the first client, if nobody has started it."""
        if not self._started:
            self._started = True
            self._serving = anyio.Event()
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                import trio

                self._background = trio.lowlevel.spawn_system_task(self._serve_in_background)
            else:
                self._background = loop.create_task(self._serve_in_background())
        assert self._serving is not None
        await self._serving.wait()

    async def _serve_in_background(self) -> None:
        """Nobody waits for its end, so nobody hears of an error but by the log."""
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(self._serve)
        except Exception as exc:
            report(exc, "serve()", culprit="the driver")

    async def _serve(self, *, task_status: TaskStatus[None]) -> None:
        assert self._serving is not None
        try:
            async with anyio.create_task_group() as tasks:
                await tasks.start(self.driver.serve, ())
                self._serving.set()
                task_status.started()
        finally:
            self._stopped = True
            self._serving.set()

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        if message["type"] != "websocket.connect":
            return
        principal = None
        if self._authenticate is not None:
            known = await self._authenticate(scope)
            if isinstance(known, Refusal):
                await _refuse(scope, send, known)
                return
            if not known:  # safety: an empty name is nobody's
                await _refuse(scope, send, _UNAUTHORIZED)
                return
            principal = known
        await self._serve_client(scope, receive, send, principal)

    async def _serve_client(self, scope: Scope, receive: Receive, send: Send, principal: str | None) -> None:
        """Serve a WebSocket whose ``websocket.connect`` has come."""
        await self._start()
        if self._stopped:
            await _refuse(scope, send, _GONE)
            return
        headers = [field for field in headers_of(scope) if field[0].lower() not in self._own_headers]
        await _Socket(self.driver, self.gateway, scope, receive, send).serve(principal, headers)


class _Socket:
    """One WebSocket of the host's server. Implements ``MessageHandler``."""

    def __init__(self, driver: AnyioDriver, engine: MessageEngine, scope: Scope, receive: Receive, send: Send) -> None:
        self._driver = driver
        self._engine = engine
        self._scope = scope
        self._receive = receive
        self._send = send
        self._conn: ConnId
        self._response: Accept | Refuse | None = None
        self._close: CloseMessages | None = None
        self._ended = False  # nothing may be sent any more
        self._taken = self._taken_bytes = 0  # messages that the server took, and the engine does not know
        self._changed = anyio.Event()  # there is something to do for the writer
        self._may_read = anyio.Event()
        self._may_read.set()
        self._tasks: anyio.CancelScope | None = None

    def on_effect(self, effect: MessageEffect) -> None:
        match effect:
            case Accept() | Refuse():
                self._response = effect
            case CloseMessages():
                self._close = effect
            case PauseReading():
                self._may_read = anyio.Event()
                return
            case ResumeReading():
                self._may_read.set()
                return
            case Close():
                self._ended = True
                if self._tasks is not None:
                    self._tasks.cancel()
            case Flush():
                pass
        self._changed.set()

    async def serve(self, principal: str | None, headers: list[tuple[bytes, bytes]]) -> None:
        """From the request to the end."""
        scope = self._scope
        target, subprotocols = target_of(scope), subprotocols_of(scope)
        peer, local = address_text(address_of(scope, "client")), address_of(scope, "server")

        def open_client(now: float) -> ConnId:
            return self._engine.open_messages(
                target,
                peer,
                headers,
                subprotocols,
                principal,
                now,
                local=None if local is None else address_text(local),
            )

        self._conn = self._driver.open_hosted(self, open_client)
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks.cancel_scope
                if not self._ended:
                    tasks.start_soon(self._read)
                    await self._write()
                tasks.cancel_scope.cancel()
        finally:
            self._driver.release_hosted(self._conn)

    async def _read(self) -> None:
        """Pass on what the client says, until it ends."""
        driver, engine, conn = self._driver, self._engine, self._conn
        while True:
            await self._may_read.wait()
            message = await self._receive()
            if message["type"] == "websocket.receive":
                text, data = message.get("text"), message.get("bytes")
                if isinstance(text, str):
                    # A surrogate is no text: the engine sees that by its bytes.
                    driver.call(engine.receive_message, conn, text.encode("utf-8", "surrogatepass"), text=True)
                elif isinstance(data, bytes):
                    driver.call(engine.receive_message, conn, data, text=False)
            elif message["type"] == "websocket.disconnect":
                code, reason = message.get("code"), message.get("reason")
                self._report_taken()
                self._ended = True
                driver.call(
                    engine.receive_close,
                    conn,
                    code if isinstance(code, int) else 1005,
                    reason if isinstance(reason, str) else "",
                )
                assert self._tasks is not None
                self._tasks.cancel()  # also what a server that tells the writer nothing would never take
                return

    async def _write(self) -> None:
        """Send what there is, until the end."""
        try:
            while True:
                await self._changed.wait()
                self._changed = anyio.Event()
                if self._ended:
                    return
                response, self._response = self._response, None
                if isinstance(response, Accept):
                    await self._send({"type": "websocket.accept", "subprotocol": response.subprotocol})
                elif response is not None:
                    await _refuse(self._scope, self._send, Refusal(response.status, response.headers, response.body))
                    return
                await self._send_messages()
                if self._close is not None and not self._ended:
                    code, reason = self._close.code, self._close.reason
                    await self._send({"type": "websocket.close", "code": code, "reason": reason})
                    return
        except OSError:  # so a server says that the client has gone (ASGI, "Disconnected Client")
            self._ended = True
            self._driver.call(self._engine.connection_lost, self._conn, "it takes no more messages")

    async def _send_messages(self) -> None:
        """Each waits until the server has taken it: so a slow client holds its providers back."""
        send = self._send
        while not self._ended and (messages := self._engine.messages_to_send(self._conn, _SHARE)):
            try:
                for message in messages:
                    if message.text:
                        await send({"type": "websocket.send", "text": message.data.decode()})
                    else:
                        await send({"type": "websocket.send", "bytes": message.data})
                    self._taken += 1
                    self._taken_bytes += len(message.data)
            finally:
                if not self._ended:
                    self._report_taken()

    def _report_taken(self) -> None:
        """What the server has taken so far, also of a client that has gone now."""
        if self._taken:
            size, self._taken, self._taken_bytes = self._taken_bytes, 0, 0
            self._driver.call(self._engine.data_sent, self._conn, size)


# -- refusals ---------------------------------------------------------------------------------------------------------


async def _refuse(scope: Scope, send: Send, refusal: Refusal) -> None:
    """Refuse a WebSocket: with a response, if the server can send one; otherwise it sends 403."""
    extensions = scope.get("extensions")
    if isinstance(extensions, MutableMapping) and "websocket.http.response" in extensions:
        head = {"status": refusal.status, "headers": list(refusal.headers)}
        await send({"type": "websocket.http.response.start", **head})
        await send({"type": "websocket.http.response.body", "body": refusal.body})
        return
    code = 1013 if refusal.status in (429, 503) else 1011 if refusal.status >= 500 else 1008
    await send({"type": "websocket.close", "code": code, "reason": f"HTTP {refusal.status}"})
