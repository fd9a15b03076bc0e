"""Admission: whether a client's request gets a WebSocket, a plain HTTP response or a refusal.

Decides: which requests get which of them, and what each refusal says (client protocol, sections 1, 2 and 5). Must not
know: how requests are read, and what happens on an open WebSocket.
"""

from collections.abc import Callable
from typing import Protocol
from urllib.parse import unquote

import msgspec

from ..config import GatewaySettings
from ..effects import Answer, Authenticate, Authenticated, Metrics, ReadMetrics
from ..engine.services import Services
from ..envelope import error_envelope, success_envelope
from ..events import UpgradeRefused
from ..faults import ENVELOPE_CODE, HTTP_STATUS, Fault, FaultKind, Side
from ..ids import AskId
from ..providers.subprotocols import NO_MORE, Offer, plain_items, read_offer
from ..secret import Secret, SecretSet
from ..wires.heads import header_values
from ..wires.http import Headers
from ..wires.websocket.handshake import NotUpgrade, WrongVersion
from .gateway_tokens import bearer_token, known_token
from .ports import ClientRequest, PendingRequest, Responder
from .routes import (
    HealthResource,
    MetricsResource,
    NoResource,
    ReadinessResource,
    RealtimeResource,
    UniversalResource,
    route,
    split_target,
)

_JSON = (b"content-type", b"application/json")
QUERY_TOKEN = "cf-aig-authorization"


class Admitted(msgspec.Struct, frozen=True):
    """A request that gets a WebSocket."""

    request: ClientRequest
    offer: Offer  #: the subprotocols that the client offers
    resource: UniversalResource | RealtimeResource
    settings: GatewaySettings
    query: str  #: without the gateway's token
    principal: str | None
    token: Secret | None = None  #: the gateway's token that it showed, if that let it in

    def is_own_token(self, own: SecretSet, value: str) -> bool:
        """Whether ``value`` is one of the gateway's tokens: ``own`` are those of the settings."""
        return value in own or (self.token is not None and self.token.matches(value))


class SessionHost(Protocol):
    """The gateway, as the admission sees it."""

    @property
    def draining(self) -> bool:
        """Whether the gateway is going away."""

    def open_universal(self, admitted: Admitted, responder: Responder, now: float) -> None:
        """Begin a universal session."""

    def open_realtime(self, admitted: Admitted, responder: Responder, now: float) -> PendingRequest | None:
        """Begin a realtime session; ``None`` if the request has its response already."""


class Admission:
    """Decides about requests. Implements ``RequestHandler``."""

    __slots__ = ("_host", "_services")

    def __init__(self, services: Services, host: SessionHost) -> None:
        self._services = services
        self._host = host

    def request_arrived(self, request: ClientRequest, responder: Responder, now: float) -> PendingRequest | None:
        path, query = split_target(request.target)
        resource = route(path)
        match resource:
            case NoResource():
                return self._refuse(request, responder, _fault(FaultKind.NOT_FOUND, _PATHS), now)
            case HealthResource() | ReadinessResource() | MetricsResource():
                return self._respond_plainly(resource, request, responder, now)
        offers = request.websocket
        if isinstance(offers, NotUpgrade):
            detail = "this path speaks WebSocket only; ask for an upgrade to websocket"
            upgrade = [(b"upgrade", b"websocket")]
            fault = _fault(FaultKind.UPGRADE_REQUIRED, detail)
            return self._refuse(request, responder, fault, now, headers=upgrade)
        if isinstance(offers, WrongVersion):
            detail = "sec-websocket-version must be 13"
            version = [(b"upgrade", b"websocket"), (b"sec-websocket-version", b"13")]
            fault = _fault(FaultKind.UPGRADE_REQUIRED, detail)
            return self._refuse(request, responder, fault, now, headers=version)
        if isinstance(offers, Fault):
            return self._refuse(request, responder, offers, now)
        if self._host.draining:
            fault = _going_away("the gateway is going away; connect again")
            return self._refuse(request, responder, fault, now)
        settings = self._services.config.gateways.get(f"{resource.account}/{resource.gateway}")
        if settings is None:
            detail = f"there is no gateway {f'{resource.account}/{resource.gateway}'[:100]!r}"
            return self._refuse(request, responder, _fault(FaultKind.UNKNOWN_GATEWAY, detail), now)
        origins = header_values(request.headers, b"origin")
        if settings.origins and origins and origins[-1].decode("latin-1") not in settings.origins:
            detail = "this origin is not among those the gateway allows"
            return self._refuse(request, responder, _fault(FaultKind.ORIGIN_NOT_ALLOWED, detail), now)
        plain = NO_MORE
        if isinstance(resource, RealtimeResource):
            plain = plain_items(resource.path.partition("/")[0], self._services.config.providers)
        offer = read_offer(offers.subprotocols, plain)
        token, query = self._token(request, offer, settings, query=query)
        admitted = Admitted(
            request=request, offer=offer, resource=resource, settings=settings, query=query, principal=None
        )
        # Safety: without authentication, or with a token of the settings, the host is not asked.
        if not settings.authentication or (token is not None and known_token(settings, token)):
            return self._admit(admitted, responder, now)
        return _PendingAuthentication(self, admitted, responder, token=token, now=now)

    def _token(
        self, request: ClientRequest, offer: Offer, settings: GatewaySettings, *, query: str
    ) -> tuple[Secret | None, str]:
        """The token of the request, and the query without it. The header is preferred, then the subprotocol."""
        found: Secret | None = None
        if settings.query_token:
            kept = []
            for part in query.split("&"):
                name, _, value = part.partition("=")
                if unquote(name).lower() == QUERY_TOKEN:
                    found = Secret(bearer_token(unquote(value)))
                else:
                    kept.append(part)
            query = "&".join(kept)
        if offer.token is not None:
            found = Secret(offer.token)
        headers = header_values(request.headers, b"cf-aig-authorization")
        if headers:
            found = Secret(bearer_token(headers[-1].decode("latin-1")))
        return found, query

    def _admit(self, admitted: Admitted, responder: Responder, now: float) -> PendingRequest | None:
        if isinstance(admitted.resource, UniversalResource):
            self._host.open_universal(admitted, responder, now)
            return None
        return self._host.open_realtime(admitted, responder, now)

    def _respond_plainly(
        self,
        resource: HealthResource | ReadinessResource | MetricsResource,
        request: ClientRequest,
        responder: Responder,
        now: float,
    ) -> PendingRequest | None:
        if request.method not in (b"GET", b"HEAD"):
            return self._refuse(request, responder, _fault(FaultKind.NOT_FOUND, _PATHS), now)
        if isinstance(resource, MetricsResource):
            return _PendingMetrics(self, request, responder, now)
        if isinstance(resource, ReadinessResource) and self._host.draining:
            fault = _going_away("the gateway is going away")
            return self._refuse(request, responder, fault, now)
        responder.refuse(200, [_JSON], success_envelope(), now)
        return None

    def _refuse(
        self, request: ClientRequest, responder: Responder, fault: Fault, now: float, *, headers: Headers | None = None
    ) -> PendingRequest | None:
        status = HTTP_STATUS[fault.kind]
        self._services.emit(
            UpgradeRefused(conn=request.conn, status=status, code=ENVELOPE_CODE[fault.kind], reason=fault.detail)
        )
        responder.refuse(status, [_JSON, *(headers or [])], error_envelope(fault), now)
        return None


_PATHS = (
    "there is nothing here; WebSockets are at /v1/{account}/{gateway} and below, and there are /healthz and /readyz"
)
_NO_TOKEN = (
    "this gateway wants a token, in the header cf-aig-authorization or in a subprotocol item cf-aig-authorization.TOKEN"
)


def _fault(kind: FaultKind, detail: str) -> Fault:
    return Fault(kind, Side.CLIENT, detail)


def _going_away(detail: str) -> Fault:
    return Fault(FaultKind.GOING_AWAY, Side.GATEWAY, detail, retryable=True)


class _PendingQuestion:
    """A request that waits for the host's answer. Implements ``PendingRequest``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._ask_id: AskId | None = None
        self._next: PendingRequest | None = None

    def ask(self, question: Authenticate | ReadMetrics, answered: Callable[[Answer, float], None], now: float) -> None:
        self._ask_id = self._services.ask(question, answered, now)

    def client_gone(self, now: float) -> None:
        if self._next is not None:
            self._next.client_gone(now)
        elif self._ask_id is not None:
            self._services.withdraw(self._ask_id)


class _PendingAuthentication(_PendingQuestion):
    """Asks the host whether a token is allowed."""

    def __init__(
        self, admission: Admission, admitted: Admitted, responder: Responder, *, token: Secret | None, now: float
    ) -> None:
        super().__init__(admission._services)
        self._admission = admission
        self._token = token
        self._admitted = admitted
        self._responder = responder
        resource = admitted.resource
        self.ask(Authenticate(resource.account, resource.gateway, token), self._answered, now)

    def _answered(self, answer: Answer, now: float) -> None:
        admitted = self._admitted
        if not (isinstance(answer, Authenticated) and answer.allowed):
            detail = _NO_TOKEN if self._token is None else "the token is not allowed here"
            fault = _fault(FaultKind.UNAUTHORIZED, detail)
        elif self._admission._host.draining:  # checked again: the drain may have begun while the host was asked
            fault = _going_away("the gateway is going away; connect again")
        else:
            admitted = msgspec.structs.replace(admitted, principal=answer.principal, token=self._token)
            self._next = self._admission._admit(admitted, self._responder, now)
            return
        self._admission._refuse(admitted.request, self._responder, fault, now)


class _PendingMetrics(_PendingQuestion):
    """Asks the host for the text of ``/metrics``."""

    def __init__(self, admission: Admission, request: ClientRequest, responder: Responder, now: float) -> None:
        super().__init__(admission._services)
        self._admission = admission
        self._request = request
        self._responder = responder
        self.ask(ReadMetrics(), self._answered, now)

    def _answered(self, answer: Answer, now: float) -> None:
        if isinstance(answer, Metrics):
            self._responder.refuse(200, [(b"content-type", answer.content_type.encode())], answer.body, now)
        else:
            self._admission._refuse(self._request, self._responder, _fault(FaultKind.NOT_FOUND, _PATHS), now)
