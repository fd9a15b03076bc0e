"""The cache, as a session uses it: which steps of a request may be answered from it.

Decides: what a step's answer depends on, and what of a plan is left once the first answer is known to be kept. Must not
know: how a response is named, kept and found.

The provider's answer is kept, not what the client was shown: so one entry serves every dialect and response mode, a
request for ``compat`` and the same one in the provider's own format; what is hidden and translated for a client is
hidden and translated for it anew.
"""

from collections.abc import Mapping, Sequence

import msgspec

from ..config import NO_SETTINGS, GatewaySettings, ProviderSettings
from ..dialects.commands import Step
from ..downstream.policy_questions import find_key, wants_key
from ..effects import KeptResponse
from ..exchanges.cache_key import cache_key
from ..exchanges.cache_wish import cache_wish
from ..exchanges.ports import PlannedStep
from ..faults import Fault
from ..providers.auth import drop_empty_credentials
from ..providers.cache_use import CacheUse
from ..providers.call import ProviderCall
from ..providers.headers import PASS_ORIGIN, forwarded
from ..providers.own_tokens import OwnTokens, drop_own_fields, drop_own_parameters


def cache_use(
    asker: tuple[str | None, str, str],
    gateway: GatewaySettings,
    call: ProviderCall,
    step: Step,
    *,
    headers: Sequence[tuple[str, str]],
    handshake: Mapping[str, str],
    settings: Mapping[str, ProviderSettings],
    own_tokens: OwnTokens,
) -> CacheUse | Fault | None:
    """How ``call`` uses the cache; ``None``: not at all.

    ``asker``: the principal, the account and the gateway; ``gateway``: its settings. ``step``: what the call was built
    from. ``headers``: those that the client wrote for it, and ``handshake`` those of its request for a WebSocket.
    ``settings`` of the providers, by slug, without a key that the host has found: whose it is counts, not which.
    """
    path, _, _ = call.request.target.decode("ascii").partition("?")
    wish = cache_wish(headers, handshake, gateway, method=call.request.method, path=path)
    if wish is None or isinstance(wish, Fault):
        return wish
    own = settings.get(call.provider, NO_SETTINGS)
    fields = forwarded(step.headers, pass_origin=own.origin == PASS_ORIGIN)
    assert not isinstance(fields, Fault)  # the call was built from them
    drop_own_fields(fields, own_tokens)
    drop_empty_credentials(fields)
    owner: list[str] = []
    if call.key != "client":
        owner = [repr(own.base_url), "" if own.api_key is None else own.api_key.reveal()]
        owner += [text for field in own.headers for text in field]
        if wants_key(gateway, call.key):
            told = {**handshake, **{name.lower(): value for name, value in headers}}
            question = find_key(asker, provider=call.provider, headers=told)
            owner += [repr(question.principal), question.alias]
    _, account, name = asker
    key = cache_key(
        gateway=f"{account}/{name}",
        provider=call.provider,
        format=call.format,
        server=f"{call.origin.scheme}://{call.origin.authority}",
        path=path,
        query=drop_own_parameters(step.endpoint.partition("?")[2], own_tokens),
        fields=fields,
        owner=owner,
        body=call.request.body,
        client_key=wish.key,
    )
    return CacheUse(account=account, gateway=name, key=key, ttl_s=wish.ttl_s, shares=gateway.coalesce)


def looks_up(planned: Sequence[PlannedStep]) -> CacheUse | None:
    """How the first step uses the cache, if the host is to be asked for its answer."""
    use = planned[0].call.cache
    return use if use is not None and use.looks_up else None


def looked_up(planned: Sequence[PlannedStep]) -> Sequence[PlannedStep]:
    """``planned``, after the host had no answer to the first step."""
    use = looks_up(planned)
    return planned if use is None else [_with(planned[0], use._replace(looks_up=False)), *planned[1:]]


def with_hit(planned: Sequence[PlannedStep], found: KeptResponse, *, asked_all: bool) -> Sequence[PlannedStep]:
    """``planned``, after the host had the answer to the first step. ``asked_all``: it was asked all that must be known
    before a request goes to a provider; else none may go."""
    use = planned[0].call.cache
    assert use is not None
    first = _with(planned[0], use._replace(looks_up=False, found=found, is_only_way=not asked_all))
    if asked_all:
        return [first, *planned[1:]]
    return [first._replace(policy=msgspec.structs.replace(first.policy, attempts=1))]


def _with(step: PlannedStep, use: CacheUse) -> PlannedStep:
    return step._replace(call=msgspec.structs.replace(step.call, cache=use))
