"""The plan of a request: the call and the policy of each step.

Decides: that all steps are planned before the first one is tried, and how a fault names its step. Must not know:
sessions, running exchanges, and the dialect of the request.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..config import GatewaySettings
from ..dialects.commands import Step
from ..downstream.admission import Admitted
from ..downstream.gateway_tokens import bearer_token, known_token, own_token_check
from ..engine.services import Services
from ..exchanges.policy import resolve_policy
from ..exchanges.ports import AnswerPlan, Caller, PlannedStep
from ..faults import Fault
from ..ids import ConnId
from ..parts.parts import NO_PARTS, Parts
from ..providers.allowed import NO_SETTINGS, refuse_call, settings_of
from ..providers.call import build_call
from ..providers.compat import COMPAT
from ..providers.trace_context import traceparent_of
from ..secret import Secret
from .compat import NOTHING_GIVEN, GivenMedia, MediaWanted, answer_plan, list_models, translate_step
from .transforms import transform_step


class ClientInfo(NamedTuple):
    """The facts from the handshake of a client."""

    conn: ConnId
    peer: str
    account: str
    gateway: str
    settings: GatewaySettings
    headers: Mapping[str, str]  #: the ``cf-aig-*`` fields, names in lower case, without the token
    principal: str | None
    subprotocol: str | None
    token: Secret | None = None  #: the gateway's token that let it in, if the host was asked about it
    traceparent: str | None = None  #: of its upgrade

    @property
    def name(self) -> str:
        """The gateway's name in the settings."""
        return f"{self.account}/{self.gateway}"

    def caller(self, session: int) -> Caller:
        """Whose the exchanges of this client's ``session`` are."""
        return Caller(
            session=session,
            account=self.account,
            gateway=self.gateway,
            principal=self.principal,
            traceparent=self.traceparent,
        )


def client_info(admitted: Admitted, subprotocol: str | None) -> ClientInfo:
    """The facts about an ``admitted`` client. ``subprotocol``: as events show it."""
    request, resource = admitted.request, admitted.resource
    return ClientInfo(
        conn=request.conn,
        peer=request.peer,
        account=resource.account,
        gateway=resource.gateway,
        settings=admitted.settings,
        headers={
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in request.headers
            if name.startswith(b"cf-aig-") and name != b"cf-aig-authorization"
        },
        principal=admitted.principal,
        subprotocol=subprotocol,
        token=admitted.token,
        traceparent=traceparent_of(request.headers),
    )


def models_told(services: Services, client: ClientInfo, steps: Sequence[Step]) -> bytes | None:
    """The list of models, if that is what the client asks for: the gateway itself answers it."""
    return list_models(steps, client.settings, settings_of(client.settings, services.config.providers))


def plan(
    services: Services,
    client: ClientInfo,
    steps: Sequence[Step],
    now: float,
    given: GivenMedia = NOTHING_GIVEN,
    *,
    parts: Parts = NO_PARTS,
    log_id: str = "",
) -> list[PlannedStep] | MediaWanted | Fault:
    """The plan of every step, or why one of them cannot run, or the media that the host must give first. ``given``: the
    media that it gave. ``parts``: the host's own. ``log_id``: of the exchange."""
    planned: list[PlannedStep] = []
    wanted: dict[str, None] = {}
    for index, step in enumerate(steps):
        one = _plan_step(services, client, step, given, now, parts=parts, log_id=log_id)
        if isinstance(one, MediaWanted):
            wanted |= dict.fromkeys(one.urls)
        elif not isinstance(one, Fault):
            planned.append(one)
        elif len(steps) == 1:
            return one
        else:
            return Fault(one.kind, one.side, f"step {index}: {one.detail}", retryable=one.retryable)
    return MediaWanted(tuple(wanted)) if wanted else planned


def _plan_step(
    services: Services, client: ClientInfo, step: Step, given: GivenMedia, now: float, *, parts: Parts, log_id: str
) -> PlannedStep | MediaWanted | Fault:
    policy = resolve_policy(
        step.config,
        step_headers=step.headers,
        handshake_headers=client.headers,
        gateway=client.settings,
        timeouts=services.config.timeouts,
        ceilings=services.config.ceilings,
    )
    if isinstance(policy, Fault):
        return policy
    providers = settings_of(client.settings, services.config.providers)
    shown = _tokens(step) if client.settings.authentication else []
    own_tokens = own_token_check(services.own_tokens, client.settings, [client.token, *shown])
    known = given if client.settings.fetch_media else None
    compat = translate_step(step, providers, own_tokens, known, parts.rows) if step.provider == COMPAT else None
    if isinstance(compat, (Fault, MediaWanted)):
        return compat
    if compat is not None:
        step = compat.step
    changed = transform_step(services, parts, step, log_id)
    if isinstance(changed, Fault):
        return changed
    grown = 0 if changed is step else max(0, len(changed.body or b"") - len(step.query or step.body or b""))
    step = changed
    call = build_call(
        provider=step.provider,
        endpoint=step.endpoint,
        method=step.method,
        headers=step.headers,
        body=step.query if step.body is None else step.body,
        settings=providers,
        account=client.account,
        own_tokens=own_tokens,
        unix_time=services.unix_time(now),
        moves_key=compat is not None,
        rows=parts.rows,
    )
    if isinstance(call, Fault):
        return call
    refused = refuse_call(
        client.settings,
        provider=call.provider,
        endpoint=call.endpoint,
        key=call.key,
        method=call.request.method.decode("ascii"),
        own=providers.get(call.provider, NO_SETTINGS),
    )
    if refused is not None:
        return refused
    answer = AnswerPlan() if compat is None else answer_plan(compat, call.format)
    if grown:  # what a transform adds is held as long as the request
        answer = answer._replace(memory=answer.memory + grown)
    return PlannedStep(call=call, policy=policy, answer=answer, reading=parts.reading(call.provider, call.format))


def unknown_tokens(settings: GatewaySettings, steps: Sequence[Step]) -> list[Secret]:
    """The gateway tokens in the headers of ``steps`` that the settings do not list: the host decides about them."""
    if not settings.authentication:
        return []
    unknown: list[Secret] = []
    for step in steps:
        for token in _tokens(step):
            if not known_token(settings, token) and token not in unknown:
                unknown.append(token)
    return unknown


def _tokens(step: Step) -> list[Secret]:
    """The gateway tokens in the headers of a step."""
    return [Secret(bearer_token(value)) for name, value in step.headers if name.lower() == "cf-aig-authorization"]
