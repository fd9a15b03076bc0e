"""The loopback provider: a listener, optionally under TLS, its routes, and the requests that it has seen.

Decides: routes, which requests fail, and the record of each request. Must not know: the content of answers, and how
they become bytes (:mod:`.connection`).
"""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias

import anyio
import msgspec
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSListener

from ..core.threads import no_thread_is_an_os_error
from . import anthropic, openai
from .connection import LoopbackConnection, MessageWatcher
from .options import HttpResponse, Options, Piece, parse_options
from .request_record import RequestRecord

Handler: TypeAlias = Callable[[dict[str, object], Options], HttpResponse]
Refusal: TypeAlias = Callable[[int, str, str | None], HttpResponse]

#: Path -> method, handler, and the format of its errors.
ROUTES: dict[str, tuple[bytes, Handler, Refusal]] = {
    "/v1/chat/completions": (b"POST", openai.chat, openai.refusal),
    "/v1/responses": (b"POST", openai.responses, openai.refusal),
    "/v1/messages": (b"POST", anthropic.messages, anthropic.refusal),
    "/v1/models": (b"GET", lambda body, options: openai.models(), openai.refusal),
    "/healthz": (b"GET", lambda body, options: HttpResponse(200, "text/plain", [Piece(b"ok\n")]), openai.refusal),
}


class LoopbackProvider:
    """A provider on this machine. Start it with ``async with LoopbackProvider.start() as provider``.

    Clients then use ``provider.base_url``; :meth:`until` waits for what they do.
    """

    def __init__(self, host: str, port: int, scheme: str, keep: int) -> None:
        self.host = host
        self.port = port
        self.base_url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        #: The last requests, the oldest first, running requests included.
        self.seen: list[RequestRecord] = []
        self.connections = 0  #: accepted so far
        self.open_connections = 0
        #: Called with each message of a WebSocket.
        self.on_message: MessageWatcher | None = None
        self._keep = keep
        self._failures: dict[str, int] = {}
        self._changed = anyio.Event()

    @classmethod
    @asynccontextmanager
    async def start(
        cls, host: str = "127.0.0.1", port: int = 0, ssl_context: ssl.SSLContext | None = None, *, keep: int = 1000
    ) -> AsyncIterator[Self]:
        """Listen on ``host`` and ``port`` (0: any free port) until the end of the block, under TLS if ``ssl_context``
        is given. ``keep`` is the most records that ``seen`` holds. Raises ``OSError`` if it cannot listen."""
        with no_thread_is_an_os_error():
            listener: Any = await anyio.create_tcp_listener(local_host=host, local_port=port)
        provider = cls(host, listener.extra(SocketAttribute.local_port), "https" if ssl_context else "http", keep)
        if ssl_context is not None:
            listener = TLSListener(listener, ssl_context)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listener.serve, provider._accept)
                try:
                    yield provider
                finally:
                    tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):  # a cancelled anyio listener would leave its socket open
                await listener.aclose()

    async def _accept(self, stream: ByteStream) -> None:
        self.connections += 1
        self.open_connections += 1
        self.changed()
        try:
            await LoopbackConnection(self, stream, self.connections).run()
        finally:
            self.open_connections -= 1
            self.changed()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds. It is checked whenever a connection or a request begins or ends."""
        while not condition():
            await self._changed.wait()

    def changed(self) -> None:
        """Let :meth:`until` check again."""
        self._changed.set()
        self._changed = anyio.Event()

    def note(self, seen: RequestRecord) -> None:
        """Record a request that has begun."""
        self.seen.append(seen)
        del self.seen[: -self._keep]
        self.changed()

    def answer(self, seen: RequestRecord) -> tuple[HttpResponse, Options]:
        """The answer to a request and the options it is sent with."""
        route = ROUTES.get(seen.path)
        if route is None:
            return openai.refusal(404, f"There is no {seen.path}. There are: {', '.join(ROUTES)}"), Options()
        method, handler, refuse = route
        if seen.method != method.decode():
            refused = refuse(405, f"{seen.path} takes {method.decode()} only", None)
            return msgspec.structs.replace(refused, headers=[("allow", method.decode())]), Options()
        if method == b"GET":
            return handler({}, Options()), Options()
        try:
            body = msgspec.json.decode(seen.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return refuse(400, f"The body is not JSON: {error}", None), Options()
        if not isinstance(body, dict):
            return refuse(400, "The body must be a JSON object", None), Options()
        options = parse_options(body.get("loopback", {}))
        if isinstance(options, str):
            return refuse(400, options, "loopback"), Options()
        status = self._failure(options)
        if status is None:
            return handler(body, options), options
        failure = refuse(status, f"The loopback provider was asked to fail with {status}", None)
        if status == 304:  # it has no body (RFC 9110 section 15.4.5)
            failure = msgspec.structs.replace(failure, pieces=[])
        if options.retry_after is not None:
            failure = msgspec.structs.replace(failure, headers=[("retry-after", str(options.retry_after))])
        return failure, options

    def _failure(self, options: Options) -> int | None:
        """The status with which this request must fail, or ``None``."""
        if options.fail_times is None:
            return options.status
        failed = self._failures.get(options.key, 0)
        if failed >= options.fail_times:
            return None
        self._failures[options.key] = failed + 1
        return options.status or 503
