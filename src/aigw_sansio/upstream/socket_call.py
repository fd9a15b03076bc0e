"""A request that goes over a WebSocket of its session, or over HTTP if there can be none.

Decides: what of a conversation is sent, what the provider's messages are as the body of a response, and when a request
is sent again. Must not know: frames, and what a response means.

The body is a stream of events as over HTTP, made of the messages, so everything behind this reads one form. An error
before the first event is the response that it would have been over HTTP. Then, too, the request is sent again if the
provider does not know what it goes on from, now with all that was said before; or if the socket is too old, over
another one.

Messages name no request. So a socket is used again only if nothing can follow: after a response that ended well, or a
plain refusal. Before its first event a response has not begun, whatever else comes.
"""

from collections.abc import Sequence
from typing import Final

from ..engine.client import Client
from ..engine.services import Services
from ..engine.timers import NO_TIMER
from ..events import Reach
from ..exchanges.source import Call, Placed, ResponseHandler, Source, Verdict
from ..faults import Fault, FaultKind, Side, SocketFault
from ..ids import Lineage
from ..providers.call import ProviderCall
from ..providers.realtime import RealtimeCall
from ..wires.http import Headers
from .response_messages import (
    NOT_FOUND,
    TOO_OLD,
    Message,
    ProviderError,
    as_event,
    going_on,
    members_of,
    read_message,
    whole_request,
)
from .response_socket import ResponseSocket, SocketKey
from .session_sockets import SessionSockets

_STREAM: Final[Headers] = [(b"content-type", b"text/event-stream")]
_JSON: Final = (b"content-type", b"application/json")
#: Fields about a body, which an upgrade has none of, and those that differ with each request of a session.
_OF_ONE_REQUEST: Final = frozenset(
    {
        b"content-type", b"content-length", b"content-encoding", b"accept", b"accept-encoding", b"traceparent",
        b"tracestate",
    }
)  # fmt: skip
#: Those who do not go on from a response in every case in which they say so.
_FORGETFUL: Final = frozenset({"grok"})


class SocketCall:
    """One request. Implements ``Call`` and ``SocketUser``."""

    __slots__ = (
        "_client", "_connect_timeout_s", "_handler", "_has_begun", "_http", "_is_short", "_lineage", "_members",
        "_over", "_paused", "_request", "_reused", "_sent", "_services", "_socket", "_sockets", "_source",
        "_timer", "_tries",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        sockets: SessionSockets,
        source: Source,
        request: ProviderCall,
        lineage: Lineage,
        handler: ResponseHandler,
        *,
        client: Client,
        connect_timeout_s: float,
    ) -> None:
        """``source``: the one over HTTP. ``client``: for whom a socket is dialled. Call :meth:`start` next."""
        self._services = services
        self._sockets = sockets
        self._source = source
        self._request = request
        self._lineage = lineage
        self._handler = handler
        self._client = client
        self._connect_timeout_s = connect_timeout_s
        self._members = members_of(request.request.body)
        self._http: Call | None = None
        self._socket: ResponseSocket | None = None
        self._timer = NO_TIMER
        self._tries = 0  # sockets that it was sent on
        self._reused = False  # the socket has carried others
        self._paused = False
        self._sent = False  # the handler was told that the request is
        self._is_short = False  # the request that was sent leaves to the provider what was said before
        self._has_begun = False  # the handler has the head of the response
        self._over = False  # the handler is told nothing more

    # -- Call ---------------------------------------------------------------------------------------------------

    @property
    def added_keys(self) -> tuple[bytes, ...]:
        return () if self._http is None else self._http.added_keys

    def start(self, now: float) -> None:
        self._place(now)

    def pause(self) -> None:
        if self._http is not None:
            self._http.pause()
        elif self._tries:
            self._paused = True
            if self._socket is not None:
                self._socket.pause()

    def resume(self, now: float) -> None:
        if self._http is not None:
            self._http.resume(now)
        elif self._paused:
            self._paused = False
            if self._socket is not None:
                self._socket.resume(now)

    def cancel(self, now: float) -> None:
        if self._http is not None:
            self._http.cancel(now)
        self._withdraw(now)

    def settle(self, verdict: Verdict, now: float) -> None:
        pass  # nothing is kept: such a request does not use the cache

    def release(self, now: float) -> None:
        if self._http is not None:
            self._http.release(now)
        self._withdraw(now)

    def _withdraw(self, now: float) -> None:
        """The handler is told nothing more. There is no message that cancels a response: its socket ends."""
        self._over = True
        self._timer.close()
        socket, self._socket = self._socket, None
        if socket is not None:
            origin = self._request.origin
            if self._sent and not socket.has_spoken and not self._sockets.has_heard(origin):
                self._sockets.rest(origin, now)  # it was asked and said nothing: perhaps no provider listens there
            socket.abort(now)

    # -- placing ------------------------------------------------------------------------------------------------

    def _place(self, now: float) -> None:
        request = self._request
        headers = [field for field in request.request.headers if field[0] not in _OF_ONE_REQUEST]
        key = SocketKey(request.origin, request.request.target, tuple(headers))
        socket = self._sockets.find(key, self._lineage, request.provider, now) if self._members is not None else None
        if socket is not None:
            socket.take(self)
            self._socket = socket
            self._send(socket, "reused", now)
        elif self._members is None or not self._sockets.may_dial(request.origin, now):
            self._go_over_http(now)
        else:
            self._dial(key, headers, now)

    def _go_over_http(self, now: float) -> None:
        call = self._http = self._source.open(self._request, self._handler, connect_timeout_s=self._connect_timeout_s)
        call.start(now)

    def _dial(self, key: SocketKey, headers: Headers, now: float) -> None:
        request = self._request
        upgrade = RealtimeCall(
            provider=request.provider,
            origin=request.origin,
            target=request.request.target,
            headers=headers,
            subprotocols=(),
            format=request.format,
        )
        socket = self._socket = self._sockets.dial(key, upgrade, self._lineage, self._client, now)
        timeouts = self._services.config.timeouts
        within_s = self._connect_timeout_s if socket.dial(self, now) else timeouts.pool_wait_s
        self._timer = self._services.timers.arm(self._timer, self._on_timeout, now + within_s)

    def _on_timeout(self, now: float) -> None:
        socket, self._socket = self._socket, None
        assert socket is not None, "the timer is closed with its socket"
        self._fail(socket.late_outcome(self._connect_timeout_s, now), now)

    def _send(self, socket: ResponseSocket, reach: Reach, now: float) -> None:
        self._tries += 1
        self._reused = reach == "reused"
        handshake_s = socket.handshake_s
        self._handler.call_placed(Placed(socket.conn, reach, handshake_s), now)
        if self._socket is not socket:
            return
        members, lineage = self._members, self._lineage
        assert members is not None
        known = lineage.previous and socket.latest == lineage.previous and self._request.provider not in _FORGETFUL
        self._is_short = bool(known)
        socket.latest = ""  # until this one has ended well
        socket.send(going_on(members, lineage) if known else whole_request(members), now)

    # -- SocketUser ---------------------------------------------------------------------------------------------

    def dial_begun(self, now: float) -> None:
        self._timer = self._services.timers.arm(self._timer, self._on_timeout, now + self._connect_timeout_s)

    def socket_open(self, now: float) -> None:
        self._timer.close()
        self._timer = NO_TIMER
        assert self._socket is not None
        self._send(self._socket, "dialled", now)

    def request_sent(self, now: float) -> None:
        if not self._sent:
            self._sent = True
            self._handler.request_sent(now)

    def messages_received(self, messages: list[bytes], now: float) -> None:
        socket = self._socket
        assert socket is not None
        socket.has_spoken = True
        events: list[bytes] = []
        for index, data in enumerate(messages):
            message = read_message(data)
            if not self._has_begun:
                if message.aside:
                    continue
                if message.error is not None:
                    self._refused(socket, data, message.error, messages[index + 1 :], now)
                    return
                if message.failed and self._reused:
                    self._go_astray(socket, now)
                    return
                self._has_begun = True
                self._handler.response_head(200, _STREAM, now)
                if self._socket is not socket:  # the head has failed the attempt
                    return
            events.append(as_event(data))
            if message.ends:
                self._free(socket, message, messages[index + 1 :], now)
                break
        if events:
            self._handler.response_body(b"".join(events), now)
        if self._socket is None and not self._over:
            self._over = True
            self._handler.response_end(now)

    def socket_failed(self, fault: Fault, now: float) -> None:
        self._socket = None
        self._fail(fault, now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _free(self, socket: ResponseSocket, message: Message, rest: Sequence[bytes], now: float) -> None:
        """The response is over: others may use its socket if it ended well and nothing came behind the end."""
        self._socket = None
        socket.latest = message.response_id
        if rest or message.failed or message.error is not None:
            socket.close(now)
        else:
            socket.free(now)

    def _refused(
        self, socket: ResponseSocket, data: bytes, error: ProviderError, rest: Sequence[bytes], now: float
    ) -> None:
        """The provider began no response. ``rest``: what came behind ``data``, which says so."""
        has_more = bool(rest) or socket.has_more
        if error.code == NOT_FOUND and self._is_short and self._members is not None:
            if has_more:
                self._go_astray(socket, now)
                return
            self._is_short = False
            socket.send(whole_request(self._members), now)
            return
        self._socket = None
        if error.code == TOO_OLD:
            socket.close(now)
            if self._tries == 1:
                self._sent = self._paused = False
                self._handler.call_replaced(now)
                self._place(now)
            else:
                detail = "the provider says of a new WebSocket that it is too old"
                self._fail(Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, detail, retryable=True), now)
            return
        if has_more or error.status == 429 or error.status >= 500:  # perhaps a response had begun there
            socket.close(now)
        else:
            socket.free(now)
        handler = self._handler
        handler.response_head(error.status, [_JSON, *error.headers], now)
        if not self._over:
            handler.response_body(data, now)
        if not self._over:
            self._over = True
            handler.response_end(now)

    def _go_astray(self, socket: ResponseSocket, now: float) -> None:
        """What the provider sends is not about this request, or not only."""
        self._socket = None
        socket.close(now)
        detail = "the provider sent messages of another response over its WebSocket"
        self._fail(Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, detail, retryable=True), now)

    def _fail(self, fault: Fault, now: float) -> None:
        """The socket cannot be used, or carries no more of the response."""
        self._over = True
        self._timer.close()
        if fault.kind is not FaultKind.POOL_TIMEOUT:  # no dial was possible: HTTP needs one, too
            if not self._tries:
                self._sockets.rest(self._request.origin, now)
            fault = SocketFault(kind=fault.kind, side=fault.side, detail=fault.detail, retryable=fault.retryable)
        self._handler.response_failed(fault, now)
