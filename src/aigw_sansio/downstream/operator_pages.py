"""What a gateway shows its operator: ``/metrics`` and the page (client protocol, section 1).

Decides: who is served, by address, host, origin and token; the fields that keep a browser from doing anything else with
the page; when the page's events go out. Must not know: what the metrics and the page say: the host gives it.

The page has no secret in itself: only its events need the token. A browser shows that as a cookie, which it gets for
the token; the cookie is made of the token, but does not tell it, and every process with the same token knows it.
"""

from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from hmac import compare_digest
from typing import Final, Protocol, TypeAlias

from ..effects import Answer, Metrics, Page, Question, ReadMetrics, ReadPage
from ..engine.connection import BytePipe
from ..engine.services import Services
from ..faults import Fault, FaultKind, Side
from ..ids import AskId
from ..secret import Secret
from ..wires.heads import header_values
from ..wires.http import Headers
from ..wires.websocket.handshake import NotUpgrade
from .gateway_tokens import bearer_token
from .origins import is_loopback, is_own_origin, read_host, read_origin, refuse_host
from .ports import ClientRequest, PendingRequest, Responder
from .routes import MetricsResource, PageResource

#: Names below ``/page/`` that the gateway itself answers.
_SESSION: Final = "session"
EVENTS: Final = "events"
COOKIE: Final = b"aigw-page"
#: So many browsers get events at once, one event a second.
MOST_STREAMS: Final = 4
TICK_S: Final = 1.0
_COOKIE_S: Final = 12 * 3600
_METHODS: Final = (b"GET", b"HEAD")
#: A front adds at least one of them: then the client is not on this machine, whatever address it came from.
_FORWARDED: Final = frozenset(
    (
        b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip",
        b"x-client-ip", b"cf-connecting-ip",
    )
)  # fmt: skip
_LOCKED: Final[Headers] = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]

_Resource: TypeAlias = MetricsResource | PageResource


class PageHost(Protocol):
    """The admission, as this module sees it."""

    @property
    def draining(self) -> bool:
        """Whether the gateway is going away."""

    def refuse(self, request: ClientRequest, responder: Responder, fault: Fault, now: float) -> PendingRequest | None:
        """Refuse ``request``."""

    def refuse_token(
        self, request: ClientRequest, responder: Responder, detail: str, now: float
    ) -> PendingRequest | None:
        """Refuse a wrong token, at once or after a wait."""


class OperatorPages:
    """Answers requests for ``/metrics`` and the page."""

    __slots__ = ("_cookie", "_host", "_hosts", "_page", "_services", "_streams", "_token")

    def __init__(self, services: Services, host: PageHost) -> None:
        self._services = services
        self._host = host
        self._streams: list[_EventStream] = []
        self._read_settings()

    def reconfigured(self, now: float) -> None:
        """The settings have changed. If that changed who may see the page, whoever sees it has to ask again."""
        before = self._page, self._token, self._hosts
        self._read_settings()
        if (self._page, self._token, self._hosts) != before:
            for stream in [*self._streams]:
                stream.close(now)

    def _read_settings(self) -> None:
        config = self._services.config
        self._hosts = frozenset(name.lower() for name in config.hosts)
        self._page, self._token = config.page, config.page_token
        self._cookie = b"" if config.page_token is None else _cookie_of(config.page_token)

    def request_arrived(
        self, resource: _Resource, request: ClientRequest, responder: Responder, now: float
    ) -> PendingRequest | None:
        """Decide about ``request``. ``None`` if it has its response already."""
        fault = self._not_here(resource, request) or self._foreign(request)
        if fault is not None:
            return self._host.refuse(request, responder, fault, now)
        config = self._services.config
        if isinstance(resource, MetricsResource):
            if config.metrics_token is not None and not _shows(request, config.metrics_token):
                return self._refuse_token(request, responder, now)
            return self._ask(ReadMetrics(), request, responder, now)
        if resource.name in (_SESSION, EVENTS):
            if config.page_token is not None and not (self._has_cookie(request) or _shows(request, config.page_token)):
                return self._refuse_token(request, responder, now)
            if resource.name == _SESSION:
                # Not for GET: a browser tells no Origin with it, so nobody knows whether the cookie must be Secure.
                cookie = self._set_cookie(request) if request.method == b"POST" else []
                responder.refuse(204, [*_LOCKED, *cookie], b"", now)
                return None
            return self._open_stream(request, responder, now)
        return self._ask(ReadPage(resource.name), request, responder, now)

    def _ask(self, question: Question, request: ClientRequest, responder: Responder, now: float) -> PendingRequest:
        # No function inside of this one: compiled, it would be part of a cycle.
        return _Asking(self._services, question, partial(self._told, request, responder), now)

    def _not_here(self, resource: _Resource, request: ClientRequest) -> Fault | None:
        """Why there is nothing at this path, for this client."""
        here = isinstance(resource, MetricsResource) or self._services.config.page == "on" or self._is_local(request)
        methods = (*_METHODS, b"POST") if resource == PageResource(_SESSION) else _METHODS
        if here and request.method in methods and isinstance(request.websocket, NotUpgrade):
            return None
        return Fault(FaultKind.NOT_FOUND, Side.CLIENT, "there is nothing here")

    def _is_local(self, request: ClientRequest) -> bool:
        """Whether the page is on for this machine alone, and the client is on it. A front on it is not."""
        return (
            self._services.config.page == "loopback"
            and request.local is not None
            and is_loopback(request.local)
            and is_loopback(request.peer)
            and not any(name in _FORWARDED for name, _ in request.headers)
        )

    def _foreign(self, request: ClientRequest) -> Fault | None:
        """Why a page or a name of somebody else gets nothing."""
        origin = read_origin(request.headers)
        host = read_host(request)
        if isinstance(origin, Fault):
            return origin
        if isinstance(host, Fault):
            return host
        foreign = refuse_host(host, request.local, self._hosts)
        if foreign is None and origin is not None and not is_own_origin(origin, host, request.local, self._hosts):
            return Fault(FaultKind.ORIGIN_NOT_ALLOWED, Side.CLIENT, "this is not for pages of other origins")
        return foreign

    def _refuse_token(self, request: ClientRequest, responder: Responder, now: float) -> PendingRequest | None:
        if header_values(request.headers, b"authorization"):
            return self._host.refuse_token(request, responder, "the token is not the one of the settings", now)
        detail = "this wants a token: Authorization: Bearer TOKEN"
        return self._host.refuse(request, responder, Fault(FaultKind.UNAUTHORIZED, Side.CLIENT, detail), now)

    def _told(self, request: ClientRequest, responder: Responder, answer: Answer, now: float) -> None:
        if isinstance(answer, Metrics):
            responder.refuse(200, [(b"content-type", answer.content_type.encode())], answer.body, now)
        elif isinstance(answer, Page):
            responder.refuse(200, [(b"content-type", answer.content_type.encode()), *_LOCKED], answer.body, now)
        else:
            fault = Fault(FaultKind.NOT_FOUND, Side.CLIENT, "there is nothing here")
            self._host.refuse(request, responder, fault, now)

    # -- the cookie ---------------------------------------------------------------------------------------------

    def _has_cookie(self, request: ClientRequest) -> bool:
        pairs = (pair.strip() for value in header_values(request.headers, b"cookie") for pair in value.split(b";"))
        shown = [value for name, mark, value in (pair.partition(b"=") for pair in pairs) if mark and name == COOKIE]
        return len(shown) == 1 and compare_digest(shown[0], self._cookie)

    def _set_cookie(self, request: ClientRequest) -> Headers:
        """What makes a browser show the token from now on: only to this page, and no program can read it."""
        if not self._cookie:
            return []
        origins = header_values(request.headers, b"origin")
        secure = b"; Secure" if origins and origins[0].startswith(b"https:") else b""
        form = b"%b=%b; Path=/page; Max-Age=%d; HttpOnly; SameSite=Strict%b"
        return [(b"set-cookie", form % (COOKIE, self._cookie, _COOKIE_S, secure))]

    # -- events -------------------------------------------------------------------------------------------------

    def _open_stream(self, request: ClientRequest, responder: Responder, now: float) -> PendingRequest | None:
        if len(self._streams) >= MOST_STREAMS:
            detail = f"{MOST_STREAMS} pages are open already"
            fault = Fault(FaultKind.LIMIT_EXCEEDED, Side.CLIENT, detail, retryable=True)
            return self._host.refuse(request, responder, fault, now)
        if request.method == b"HEAD":
            responder.refuse(200, [(b"content-type", b"text/event-stream"), *_LOCKED], b"", now)
            return None
        stream = _EventStream(self._services, self._host, responder.pipe, self._stream_ended)
        self._streams.append(stream)
        responder.stream([(b"content-type", b"text/event-stream"), *_LOCKED], stream, now)
        stream.start(now)
        return None

    def _stream_ended(self, stream: "_EventStream") -> None:
        self._streams.remove(stream)


class _Asking:
    """A request that waits for the host. Implements ``PendingRequest``."""

    __slots__ = ("_ask_id", "_services")

    def __init__(
        self, services: Services, question: Question, answered: Callable[[Answer, float], None], now: float
    ) -> None:
        self._services = services
        self._ask_id: AskId = services.ask(question, answered, now)

    def client_gone(self, now: float) -> None:
        self._services.withdraw(self._ask_id)


class _EventStream:
    """One browser that gets an event a second, as long as it takes them. Implements ``PipeReceiver``."""

    __slots__ = ("_ask_id", "_ended", "_host", "_pipe", "_services", "_timer")

    def __init__(
        self, services: Services, host: PageHost, pipe: BytePipe, ended: "Callable[[_EventStream], None]"
    ) -> None:
        self._services = services
        self._host = host
        self._pipe: BytePipe | None = pipe
        self._ended = ended
        self._ask_id: AskId | None = None
        self._timer = services.timers.timer(self._tick)

    def start(self, now: float) -> None:
        """The head is written: ask for the first event."""
        self._timer.arm(now + TICK_S)
        self._ask(now)

    def _tick(self, now: float) -> None:
        pipe = self._pipe
        assert pipe is not None  # the timer is closed with it
        if self._host.draining:
            self.close(now)
            return
        self._timer.arm(now + TICK_S)
        if self._ask_id is None and not pipe.outstanding:
            self._ask(now)

    def _ask(self, now: float) -> None:
        self._ask_id = self._services.ask(ReadPage(EVENTS), self._answered, now)

    def _answered(self, answer: Answer, now: float) -> None:
        self._ask_id = None
        if isinstance(answer, Page):
            assert self._pipe is not None  # the question is withdrawn with it
            self._pipe.write(b"data: " + answer.body.replace(b"\n", b"\ndata: ") + b"\n\n", now)
        else:
            self.close(now)

    def receive_data(self, data: bytes, now: float) -> None:
        """A client that has asked has nothing more to say."""

    def receive_eof(self, now: float) -> None:
        """A client that only ends its direction still reads."""

    def connection_lost(self, reason: str, now: float) -> None:
        self._stop()

    def data_sent(self, outstanding: int, now: float) -> None:
        """The next event comes with its time."""

    def close(self, now: float) -> None:
        """End it, in order; what the browser has not taken yet still goes out."""
        pipe = self._pipe
        assert pipe is not None
        self._stop()
        pipe.close(now)

    def _stop(self) -> None:
        """Nothing goes out any more."""
        if self._pipe is None:
            return
        self._pipe = None
        self._timer.close()
        if self._ask_id is not None:
            self._services.withdraw(self._ask_id)
            self._ask_id = None
        self._ended(self)


def _shows(request: ClientRequest, token: Secret) -> bool:
    """Whether the client shows the token as ``Authorization: Bearer``."""
    values = header_values(request.headers, b"authorization")
    return len(values) == 1 and token.matches(bearer_token(values[0].decode("latin-1")))


def _cookie_of(token: Secret) -> bytes:
    """What a browser shows in place of ``token``."""
    return blake2b(token.reveal().encode(), digest_size=24, person=b"aigw page").hexdigest().encode()
