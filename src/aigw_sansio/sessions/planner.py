"""The plan of a request: the call and the policy of each step.

Decides: that all steps are planned before the first one is tried, and how a fault names its step. Must not know:
sessions, running exchanges, and the dialect of the request.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ..config import NO_SETTINGS, Config, GatewaySettings, ProviderSettings
from ..dialects.commands import Step
from ..downstream.admission import AdmittedClient, LetInBy
from ..downstream.gateway_tokens import bearer_token, known_token, own_token_check
from ..effects import Allowance, Key
from ..engine.services import Services
from ..exchanges.cache_wish import OLDER_NAMES
from ..exchanges.policy import resolve_policy
from ..exchanges.ports import AnswerPlan, Caller, PlannedStep
from ..faults import Fault, FaultKind, Side
from ..ids import ConnId, Lineage
from ..parts.parts import NO_PARTS, Parts
from ..providers.allowed import refuse_call, settings_of
from ..providers.call import ProviderCall, build_call
from ..providers.compat import COMPAT
from ..providers.lending import with_key
from ..providers.named_model import named_model
from ..providers.record_options import read_options
from ..providers.trace_context import traceparent_of
from ..providers.usage_question import asking_usage, has_refused, with_question
from ..quotas.claim import Claim, Claimant, step_quota
from ..quotas.costs import price_of
from ..quoting import quoted
from ..secret import Secret
from .caching import cache_use
from .given_media import NOTHING_GIVEN, GivenMedia
from .plan_memo import PlanMemo
from .transforms import transform_step

if TYPE_CHECKING:
    from .compat import CompatStep

#: Keys that the host has found, by step, each with the provider that it is for.
FoundKeys = Mapping[int, tuple[str, Key]]
NO_KEYS: Final[FoundKeys] = {}
_SECRET_NAMES: Final = frozenset((b"cf-aig-authorization", b"cf-aig-resume"))
_OLDER_NAMES: Final = frozenset(name.encode() for name in OLDER_NAMES)

#: The URLs of media that steps want, by step: what was found out for a :class:`Draft`.
WantedMedia = Mapping[int, Sequence[str]]
NOTHING_WANTED: Final[WantedMedia] = {}


class Draft(NamedTuple):
    """A plan that must not be sent: in its ``steps``, something else stands for the media at ``urls``, which the host
    must give first. It tells where each step would go. ``wanted``: the URLs by step."""

    steps: Sequence[PlannedStep]
    urls: Sequence[str]
    wanted: WantedMedia = NOTHING_WANTED


class ClientInfo(NamedTuple):
    """The facts from the handshake of a client, and the settings for what it begins."""

    conn: ConnId
    peer: str
    account: str
    gateway: str
    settings: GatewaySettings
    config: Config  #: with the ``settings``
    headers: Mapping[str, str]  #: the gateway's own fields, names in lower case, without the token
    principal: str | None
    subprotocol: str | None
    let_in_by: LetInBy = "nobody"
    token: Secret | None = None  #: the gateway's token that let it in
    path: str = ""
    origin: str | None = None
    limits: Allowance = Allowance()
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


def client_info(admitted: AdmittedClient, subprotocol: str | None) -> ClientInfo:
    """The facts about an ``admitted`` client. ``subprotocol``: as events show it."""
    request, resource = admitted.request, admitted.resource
    return ClientInfo(
        conn=request.conn,
        peer=request.peer,
        account=resource.account,
        gateway=resource.gateway,
        settings=admitted.settings,
        config=admitted.config,
        headers={
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in request.headers
            if (name.startswith(b"cf-aig-") and name not in _SECRET_NAMES) or name in _OLDER_NAMES
        },
        principal=admitted.principal,
        subprotocol=subprotocol,
        let_in_by=admitted.let_in_by,
        token=admitted.token,
        path=admitted.path,
        origin=admitted.origin,
        limits=admitted.limits,
        traceparent=traceparent_of(request.headers),
    )


def renewed(client: ClientInfo, config: Config) -> ClientInfo | Fault:
    """``client`` with new settings, or why they let it begin nothing. Whom the host has let in, the host sends away."""
    settings = config.gateways.get(client.name)
    if settings is None:
        return Fault(FaultKind.UNKNOWN_GATEWAY, Side.CLIENT, f"there is no gateway {quoted(client.name)} any more")
    known = client.token is not None and known_token(settings, client.token)
    if settings.authentication and client.let_in_by != "host" and not known:
        detail = "the gateway's tokens have changed, and this connection has none of the new ones; connect again"
        return Fault(FaultKind.UNAUTHORIZED, Side.CLIENT, detail)
    return client._replace(settings=settings, config=config)


def models_told(client: ClientInfo, steps: Sequence[Step]) -> bytes | None:
    """The list of models, if that is what the client asks for: the gateway itself answers it."""
    if steps[0].provider != COMPAT:
        return None
    from .compat import list_models

    return list_models(steps, client.settings, settings_of(client.settings, client.config.providers))


def plan(
    services: Services,
    client: ClientInfo,
    steps: Sequence[Step],
    now: float,
    *,
    given: GivenMedia = NOTHING_GIVEN,
    wanted: WantedMedia = NOTHING_WANTED,
    keys: FoundKeys = NO_KEYS,
    parts: Parts = NO_PARTS,
    log_id: str = "",
    memo: PlanMemo | None = None,
) -> list[PlannedStep] | Draft | Fault:
    """The plan of every step, or why one of them cannot run, or a draft: the host must give media first. ``given``: the
    media that it gave. ``wanted``: those of the draft for which it gave them. ``keys``: those that it found. ``parts``:
    its own. ``log_id``: of the exchange. ``memo``: of the session."""
    planned: list[PlannedStep] = []
    missing: dict[int, Sequence[str]] = {}
    claim = Claim(client.name, client.settings) if client.settings.has_quotas else None
    for index, step in enumerate(steps):
        if memo is not None and claim is None and not keys:
            known = memo.find(client, services.own_tokens, step)
            if known is not None:
                planned.append(known)
                continue
        one = _plan_step(
            services,
            client,
            step,
            now,
            given=given,
            wanted=wanted.get(index),
            found=keys.get(index),
            parts=parts,
            log_id=log_id,
            claim=claim,
            memo=memo,
        )
        if not isinstance(one, Fault):
            planned.append(one.step)
            if one.wanted:
                missing[index] = one.wanted
        elif len(steps) == 1:
            return one
        else:
            return msgspec.structs.replace(one, detail=name_step(index) + one.detail)
    if not missing:
        return planned
    urls = dict.fromkeys([url for those in missing.values() for url in those])
    return Draft(planned, tuple(urls), missing)


def steps_of(planned: Sequence[PlannedStep] | Draft) -> Sequence[PlannedStep]:
    """The steps of a plan, or of the draft of one."""
    return planned.steps if isinstance(planned, Draft) else planned


def memory_of(planned: Sequence[PlannedStep] | Draft) -> int:
    """The bytes that a plan holds beside its request."""
    return sum(step.answer.memory for step in steps_of(planned))


def name_step(index: int) -> str:
    """How a fault of one of several steps begins."""
    return f"step {index}: "


class _Planned(NamedTuple):
    step: PlannedStep
    wanted: Sequence[str] = ()


def _plan_step(
    services: Services,
    client: ClientInfo,
    step: Step,
    now: float,
    *,
    given: GivenMedia,
    wanted: Sequence[str] | None,
    found: tuple[str, Key] | None,
    parts: Parts,
    log_id: str,
    claim: Claim | None,
    memo: PlanMemo | None,
) -> _Planned | Fault:
    policy = resolve_policy(
        step.config,
        step_headers=step.headers,
        handshake_headers=client.headers,
        gateway=client.settings,
        timeouts=client.config.timeouts,
        ceilings=client.config.ceilings,
    )
    if isinstance(policy, Fault):
        return policy
    record = read_options(
        step.headers,
        client.headers,
        collect=client.settings.collect_logs,
        payload=client.settings.collect_log_payload,
    )
    if isinstance(record, Fault):
        return record
    stored = providers = settings_of(client.settings, client.config.providers)
    rings = services.key_rings
    if rings:
        providers = rings.choose(stored, now)
    if found is not None:
        providers = with_key(providers, *found)
    shown = step_tokens(step) if client.settings.authentication else []
    own_tokens = own_token_check(services.own_tokens, client.settings, [client.token, *shown])
    asked, written = step, step.headers
    known = given if client.settings.fetch_media else None
    compat: CompatStep | None = None
    missing: Sequence[str] = ()
    if step.provider == COMPAT:
        from .compat import MediaWanted, translate_step

        translated = translate_step(step, providers, own_tokens, known, parts.rows, parts.translator, wanted)
        if isinstance(translated, Fault):
            return translated
        if isinstance(translated, MediaWanted):
            missing, compat = translated.urls, translated.draft
        else:
            compat = translated
        step = compat.step
    changed = transform_step(services, parts, step, log_id)
    if isinstance(changed, Fault):
        return changed
    grown = 0 if changed is step else max(0, len(changed.body or b"") - len(step.query or step.body or b""))
    step = changed
    build = partial(
        build_call,
        provider=step.provider,
        endpoint=step.endpoint,
        method=step.method,
        headers=step.headers,
        body=step.query if step.body is None else step.body,
        account=client.account,
        own_tokens=own_tokens,
        unix_time=services.unix_time(now),
        moves_key=compat is not None,
        rows=parts.rows,
    )
    call = build(settings=providers)
    if isinstance(call, Fault):
        return call
    metered = claim is not None and client.settings.has_budgets
    asking = None
    own = providers.get(call.provider, NO_SETTINGS)
    if metered and client.settings.ask_usage and own.ask_usage:
        asking = _asking(services, call)
    if asking is not None:
        grown += len(asking) - len(call.request.body)
        build = partial(build, body=asking)
        if b"stream_options" not in call.request.body:  # what the client has written is not taken back
            build = partial(_build_asking, build)
        call = build(settings=providers)  # anew, because it may be signed
        if isinstance(call, Fault):
            return call
    refused = refuse_call(
        client.settings,
        provider=call.provider,
        endpoint=call.endpoint,
        key=call.key,
        method=call.request.method.decode("ascii"),
        own=own,
    )
    if refused is not None:
        return refused
    cache = cache_use(
        (client.principal, client.account, client.gateway),
        client.settings,
        call,
        step,
        headers=written,
        handshake=client.headers,
        settings=stored,
        own_tokens=own_tokens,
    )
    if isinstance(cache, Fault):
        return cache
    if cache is not None:
        call = msgspec.structs.replace(call, cache=cache)
    if own.native and asked.lineage is not None and compat is not None and compat.context is None:
        whole = changed is compat.step  # else what the provider remembers may not be what was said
        lineage = asked.lineage if whole else Lineage(asked.lineage.lane)
        call = msgspec.structs.replace(call, lineage=lineage)
    told = price = record.custom_cost if client.settings.custom_cost else None
    if own.prices or claim is not None:
        model = named_model(call.request.target.decode("ascii"), call.request.body)
        price = price or price_of(own.prices, model)
        if claim is not None:
            whose = Claimant(client.name, _credential(client, step), record.metadata)
            quota = step_quota(claim, client.settings, whose, provider=call.provider, model=model, price=price)
            call = msgspec.structs.replace(call, quota=quota)
    others: tuple[ProviderCall, ...] = ()
    if call.key == "stored" and own.api_key is not None and own.api_key in rings:
        call = msgspec.structs.replace(call, lent=own.api_key)
        if policy.attempts > 1:
            others = _with_other_keys(call, rings.others(stored[call.provider], own.api_key, now), providers, build)
    answer = AnswerPlan()
    if compat is not None:
        from .compat import answer_plan

        answer = answer_plan(compat, call.format)
    if grown:  # what a transform adds is held as long as the request
        answer = answer._replace(memory=answer.memory + grown)
    reading = parts.reading(call.provider, call.format)
    planned = PlannedStep(call=call, policy=policy, answer=answer, reading=reading, record=record, price=price)
    if metered:  # who writes a translated response knows what its client asked for
        planned = planned._replace(metered=True, hides_usage=asking is not None and answer.writer is None)
    if memo is not None and step is asked and found is None and claim is None and not rings:
        memo.keep(client, services.own_tokens, step, planned, price=told, prices=own.prices)
    return _Planned(planned._replace(others=others) if others else planned, missing)


def _asking(services: Services, call: ProviderCall) -> bytes | None:
    """The body of ``call`` with the question for the usage, if it is to be asked."""
    if has_refused(services.usage_refusals, call):
        return None
    return asking_usage(call.provider, call.format, call.request.body, call.request.target)


def _build_asking(
    build: Callable[..., ProviderCall | Fault], *, settings: Mapping[str, ProviderSettings]
) -> ProviderCall | Fault:
    """The call that ``build`` gives with the question in its body."""
    call = build(settings=settings)
    return call if isinstance(call, Fault) else with_question(call)


def _with_other_keys(
    call: ProviderCall,
    others: Sequence[ProviderSettings],
    providers: Mapping[str, ProviderSettings],
    build: Callable[..., ProviderCall | Fault],
) -> tuple[ProviderCall, ...]:
    """The same ``call`` with each of the ``others``, settings that name another key of its provider."""
    found = []
    for own in others:
        other = build(settings={**providers, call.provider: own})
        if not isinstance(other, Fault):
            more = msgspec.structs.replace(other, lent=own.api_key, quota=call.quota, cache=call.cache)
            found.append(msgspec.structs.replace(more, lineage=call.lineage))
    return tuple(found)


def _credential(client: ClientInfo, step: Step) -> str:
    """Who asks, as quotas tell clients apart: by the token of the step or of the handshake, else by the principal."""
    if not client.settings.authentication:  # safety: nobody has looked at a token, so a client could make them up
        return client.principal or ""
    shown = step_tokens(step) or ([] if client.token is None else [client.token])
    return shown[-1].reveal() if shown else client.principal or ""


def step_tokens(step: Step) -> list[Secret]:
    """The gateway tokens in the headers of a step."""
    return [Secret(bearer_token(value)) for name, value in step.headers if name.lower() == "cf-aig-authorization"]
