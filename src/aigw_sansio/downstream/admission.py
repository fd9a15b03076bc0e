"""Admission: whether a client's request gets a WebSocket, a plain HTTP response or a refusal.

Decides: which requests get which of them, the order of the checks, and what each refusal says (client protocol,
sections 1, 2 and 5). Must not know: how requests are read, and what happens on an open WebSocket.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol, TypeAlias
from urllib.parse import unquote

import msgspec

from ..config import Config, GatewaySettings
from ..effects import Allowance, Answer, Authenticate, Authenticated
from ..engine.services import Services
from ..faults import Fault, FaultKind, Side, success_envelope
from ..ids import AskId
from ..providers.registry import NO_ROWS
from ..providers.row import Provider
from ..providers.subprotocols import NO_MORE, Offer, plain_items, read_offer
from ..quoting import quoted
from ..secret import HeaderFields, Secret, without_content
from ..wires.heads import header_values
from ..wires.http import Headers
from ..wires.websocket.handshake import Extension, NotUpgrade, Offers, WrongVersion
from .addresses import ClientAddresses
from .gateway_tokens import bearer_token, known_token
from .operator_pages import OperatorPages
from .origins import (
    Host,
    WebOrigin,
    read_host,
    read_origin,
    refuse_foreign_page,
    refuse_host,
    refuse_origin,
)
from .ports import ClientRequest, PendingRequest, Responder
from .refusal import JSON, refuse_request
from .routes import (
    HealthResource,
    MetricsResource,
    NoResource,
    PageResource,
    ReadinessResource,
    RealtimeResource,
    ResponsesResource,
    UniversalResource,
    UnservedResource,
    route,
    split_target,
)
from .token_guard import TokenGuard

QUERY_TOKEN = "cf-aig-authorization"
#: An unknown gateway is judged like this one, so that names cannot be found out without a token.
_UNKNOWN_GATEWAY: Final = GatewaySettings(authentication=True)

#: Who let a client in: nobody was asked, a token of the settings did, or the host.
LetInBy: TypeAlias = Literal["nobody", "token", "host"]


#: What a client can get a WebSocket for.
ClientResource: TypeAlias = UniversalResource | RealtimeResource | ResponsesResource


class AdmittedClient(msgspec.Struct, frozen=True):
    """A request that gets a WebSocket."""

    request: ClientRequest
    offer: Offer  #: the subprotocols that the client offers
    resource: ClientResource
    settings: GatewaySettings
    config: Config  #: with the ``settings``; it holds for the whole of a realtime session
    query: str  #: without the gateway's token
    principal: str | None
    let_in_by: LetInBy = "nobody"
    token: Secret | None = None  #: the gateway's token that it showed, if that let it in
    limits: Allowance = Allowance()  #: what the host lets it have

    __repr__ = without_content

    @property
    def path(self) -> str:
        """The path that it asks for."""
        return split_target(self.request.target)[0]

    @property
    def origin(self) -> str | None:
        """The web page's origin, as it was sent; ``None`` if it is not of a page."""
        return next((value.decode("latin-1") for value in header_values(self.request.headers, b"origin")), None)

    @property
    def extensions(self) -> tuple[Extension, ...]:
        """The extensions that the client offers."""
        assert isinstance(self.request.websocket, Offers)
        return self.request.websocket.extensions


class SessionHost(Protocol):
    """The gateway, as the admission sees it."""

    @property
    def draining(self) -> bool:
        """Whether the gateway is going away."""

    def open_session(self, admitted: AdmittedClient, responder: Responder, now: float) -> Fault | None:
        """Begin a session of a dialect, or resume one. The fault says why not."""

    def open_realtime(self, admitted: AdmittedClient, responder: Responder, now: float) -> PendingRequest | None:
        """Begin a realtime session; ``None`` if the request has its response already."""


class Admission:
    """Decides about requests. Implements ``RequestHandler`` and ``PageHost``."""

    __slots__ = ("_addresses", "_guard", "_host", "_hosts", "_pages", "_rows", "_services", "_some_authentication")

    def __init__(
        self,
        services: Services,
        host: SessionHost,
        addresses: ClientAddresses,
        rows: Mapping[str, Provider] = NO_ROWS,
    ) -> None:
        """``rows``: the host's own providers, by slug."""
        self._rows = rows
        self._services = services
        self._host = host
        self._addresses = addresses
        self._guard = TokenGuard(services)
        self._pages = OperatorPages(services, self)
        self._read_settings()

    def reconfigured(self, now: float) -> None:
        """The settings have changed."""
        self._read_settings()
        self._pages.reconfigured(now)

    def _read_settings(self) -> None:
        config = self._services.config
        self._hosts = frozenset(name.lower() for name in config.hosts)
        self._some_authentication = any(gateway.authentication for gateway in config.gateways.values())

    def request_arrived(self, request: ClientRequest, responder: Responder, now: float) -> PendingRequest | None:
        path, query = split_target(request.target)
        resource = route(path)
        match resource:
            case NoResource():
                return self._refuse(request, responder, _fault(FaultKind.NOT_FOUND, _PATHS), now)
            case UnservedResource():
                return self._refuse(request, responder, _fault(FaultKind.UPGRADE_REQUIRED, _NOT_SERVED), now)
            case HealthResource() | ReadinessResource() | MetricsResource() | PageResource():
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
        if self._services.short_of_memory:
            limit = self._services.config.limits.memory_bytes
            detail = f"the gateway's memory is used up (memory_bytes, {limit}); try again later"
            fault = Fault(FaultKind.OVERLOADED, Side.GATEWAY, detail, retryable=True)
            return self._refuse(request, responder, fault, now)
        origin = read_origin(request.headers)
        if isinstance(origin, Fault):
            return self._refuse(request, responder, origin, now)
        config = self._services.config
        settings = config.gateways.get(f"{resource.account}/{resource.gateway}")
        if settings is None:
            if not self._some_authentication:
                return self._refuse(request, responder, self._unknown_gateway(resource), now)
            settings = _UNKNOWN_GATEWAY
        host = read_host(request)
        if isinstance(host, Fault):
            return self._refuse(request, responder, host, now)
        if not settings.authentication and request.principal is None:
            foreign = refuse_host(host, request.local, self._hosts)
            if foreign is not None:
                return self._refuse(request, responder, foreign, now)
        plain = NO_MORE
        if isinstance(resource, RealtimeResource):
            plain = plain_items(resource.path.partition("/")[0], config.providers, self._rows)
        offer = read_offer(offers.subprotocols, plain)
        shown, query = _shown_tokens(request, offer, settings, query=query)
        if not shown and isinstance(resource, ResponsesResource):
            shown = _carried_tokens(request)
        token = shown[0] if shown else None
        admitted = AdmittedClient(
            request=request,
            offer=offer,
            resource=resource,
            settings=settings,
            config=config,
            query=query,
            principal=request.principal,
        )
        if request.principal is not None:
            return self._let_in(msgspec.structs.replace(admitted, let_in_by="host"), host, origin, responder, now)
        if settings.authentication and any(other != token for other in shown):
            return self.refuse_token(request, responder, "there are two different tokens in one place", now)
        # Safety: without authentication, or with a token of the settings, the host is not asked.
        if not settings.authentication:
            return self._let_in(admitted, host, origin, responder, now)
        if token is not None and known_token(settings, token):
            admitted = msgspec.structs.replace(admitted, let_in_by="token", token=token)
            return self._let_in(admitted, host, origin, responder, now)
        return _PendingAuthentication(self, admitted, responder, host=host, origin=origin, token=token, now=now)

    def _let_in(
        self, admitted: AdmittedClient, host: Host, origin: WebOrigin | None, responder: Responder, now: float
    ) -> PendingRequest | None:
        """The token is right, or none is needed: the checks behind it."""
        request, settings = admitted.request, admitted.settings
        if request.principal is None:
            fault = refuse_origin(origin, settings, host, request.local, self._hosts)
        else:
            fault = refuse_foreign_page(origin, settings, host)
        if fault is None and settings is _UNKNOWN_GATEWAY:
            fault = self._unknown_gateway(admitted.resource)
        if fault is not None:
            return self._refuse(request, responder, fault, now)
        return self._admit(admitted, responder, now)

    def _unknown_gateway(self, resource: ClientResource) -> Fault:
        """A token in a wrong place is not quoted."""
        parts = (resource.account, resource.gateway)
        shown = "/".join("***" if part in self._services.own_tokens else part for part in parts)
        return _fault(FaultKind.UNKNOWN_GATEWAY, f"there is no gateway {quoted(shown)}")

    def _admit(self, admitted: AdmittedClient, responder: Responder, now: float) -> PendingRequest | None:
        if not isinstance(admitted.resource, RealtimeResource):
            fault = self._host.open_session(admitted, responder, now)
            return None if fault is None else self._refuse(admitted.request, responder, fault, now)
        return self._host.open_realtime(admitted, responder, now)

    def _respond_plainly(
        self,
        resource: HealthResource | ReadinessResource | MetricsResource | PageResource,
        request: ClientRequest,
        responder: Responder,
        now: float,
    ) -> PendingRequest | None:
        if isinstance(resource, MetricsResource | PageResource):
            return self._pages.request_arrived(resource, request, responder, now)
        if request.method not in (b"GET", b"HEAD"):
            return self._refuse(request, responder, _fault(FaultKind.NOT_FOUND, _PATHS), now)
        if isinstance(resource, ReadinessResource) and self._host.draining:
            fault = _going_away("the gateway is going away")
            return self._refuse(request, responder, fault, now)
        responder.refuse(200, [JSON], success_envelope(), now)
        return None

    # -- PageHost -----------------------------------------------------------------------------------------------

    @property
    def draining(self) -> bool:
        return self._host.draining

    def refuse(self, request: ClientRequest, responder: Responder, fault: Fault, now: float) -> PendingRequest | None:
        if fault.kind is FaultKind.NOT_FOUND:
            fault = _fault(FaultKind.NOT_FOUND, _PATHS)
        return self._refuse(request, responder, fault, now)

    def refuse_token(
        self, request: ClientRequest, responder: Responder, detail: str, now: float
    ) -> PendingRequest | None:
        """Refuse a wrong token: at once, or later if the address has shown many."""
        fault = _fault(FaultKind.UNAUTHORIZED, detail)
        address = self._addresses.of_request(request.peer, request.headers)
        return self._guard.refuse(address, lambda at: self._refuse(request, responder, fault, at), now)

    def _refuse(
        self, request: ClientRequest, responder: Responder, fault: Fault, now: float, *, headers: Headers | None = None
    ) -> PendingRequest | None:
        address = self._addresses.of_request(request.peer, request.headers)
        refuse_request(self._services, request, responder, fault, now, address=address, headers=headers)
        return None


def _shown_tokens(
    request: ClientRequest, offer: Offer, settings: GatewaySettings, *, query: str
) -> tuple[list[Secret], str]:
    """All tokens of the place that decides: the header, else the subprotocols, else the query. And the query without
    its tokens."""
    found: list[str] = []
    if settings.query_token:
        kept = []
        for part in query.split("&"):
            name, _, value = part.partition("=")
            if unquote(name).lower() == QUERY_TOKEN:
                found.append(bearer_token(unquote(value)))
            else:
                kept.append(part)
        query = "&".join(kept)
    found = [item.value for item in offer.items if item.name == QUERY_TOKEN and item.value] or found
    headers = header_values(request.headers, QUERY_TOKEN.encode())
    found = [bearer_token(value.decode("latin-1")) for value in headers] or found
    return [Secret(token) for token in found], query


def _carried_tokens(request: ClientRequest) -> list[Secret]:
    """What the SDKs of OpenAI show: one key, which may be a token of ours (client protocol, section 2)."""
    values = [value.decode("latin-1") for value in header_values(request.headers, b"authorization")]
    return [Secret(bearer_token(value)) for value in values if value[:7].lower() == "bearer "]


_NOT_SERVED = (
    "no protocol of the gateway is served at this path; that of OpenAI Responses is at "
    "/v1/{account}/{gateway}/compat/responses and /v1/{account}/{gateway}/{provider}/responses"
)
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

    def ask(self, question: Authenticate, answered: Callable[[Answer, float], None], now: float) -> None:
        self._ask_id = self._services.ask(question, answered, now)

    def client_gone(self, now: float) -> None:
        if self._next is not None:
            self._next.client_gone(now)
        elif self._ask_id is not None:
            self._services.withdraw(self._ask_id)


class _PendingAuthentication(_PendingQuestion):
    """Asks the host whether a token is allowed."""

    def __init__(
        self,
        admission: Admission,
        admitted: AdmittedClient,
        responder: Responder,
        *,
        host: Host,
        origin: WebOrigin | None,
        token: Secret | None,
        now: float,
    ) -> None:
        super().__init__(admission._services)
        self._admission = admission
        self._token = token
        self._admitted = admitted
        self._responder = responder
        self._host = host
        self._origin = origin
        request, resource = admitted.request, admitted.resource
        fields = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers)
        question = Authenticate(
            resource.account,
            resource.gateway,
            token,
            peer=request.peer,
            path=admitted.path,
            origin=admitted.origin,
            headers=HeaderFields(fields),
        )
        self.ask(question, self._answered, now)

    def _answered(self, answer: Answer, now: float) -> None:
        admission, admitted = self._admission, self._admitted
        allowed = isinstance(answer, Authenticated) and answer.allowed
        if not allowed and self._token is not None:
            detail = "the token is not allowed here"
            self._next = admission.refuse_token(admitted.request, self._responder, detail, now)
        elif not allowed:
            admission._refuse(admitted.request, self._responder, _fault(FaultKind.UNAUTHORIZED, _NO_TOKEN), now)
        elif admission._host.draining:  # checked again: the drain may have begun while the host was asked
            fault = _going_away("the gateway is going away; connect again")
            admission._refuse(admitted.request, self._responder, fault, now)
        else:
            assert isinstance(answer, Authenticated)
            admitted = msgspec.structs.replace(
                admitted, principal=answer.principal, let_in_by="host", token=self._token, limits=answer.limits
            )
            self._next = admission._let_in(admitted, self._host, self._origin, self._responder, now)
