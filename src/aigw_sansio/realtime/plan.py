"""The call of a realtime client: which provider, which URL, which key.

Decides: why an admitted client cannot have a relay. Must not know: connections, and what becomes of the call.
"""

import msgspec

from ..config import NO_SETTINGS
from ..downstream.admission import AdmittedClient
from ..downstream.gateway_tokens import own_token_check
from ..downstream.routes import RealtimeResource
from ..effects import Key
from ..engine.services import Services
from ..faults import Fault
from ..providers.allowed import refuse_call, settings_of
from ..providers.lending import with_key
from ..providers.named_model import named_model
from ..providers.realtime import RealtimeCall, build_realtime_call
from ..providers.record_options import read_options
from ..quotas.claim import Claim, Claimant, step_quota
from ..quotas.costs import price_of
from .own_parts import NO_PARTS, RealtimeParts, transform_upgrade


def plan(
    services: Services,
    admitted: AdmittedClient,
    now: float,
    found: tuple[str, Key] | None = None,
    *,
    parts: RealtimeParts = NO_PARTS,
) -> RealtimeCall | Fault:
    """The call to the provider that an ``admitted`` client asks for, or why there is none. ``found``: the key that the
    host has found, and the provider that it is for. ``parts``: its own."""
    resource = admitted.resource
    assert isinstance(resource, RealtimeResource)
    own = admitted.settings
    fields = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in admitted.request.headers)
    record = read_options(fields, {}, collect=own.collect_logs, payload=own.collect_log_payload)
    if isinstance(record, Fault):
        return record
    settings = settings_of(admitted.settings, admitted.config.providers)
    if services.key_rings:
        settings = services.key_rings.choose(settings, now)
    if found is not None:
        settings = with_key(settings, *found)
    own_tokens = own_token_check(services.own_tokens, admitted.settings, [admitted.token])
    path = f"{resource.path}?{admitted.query}" if admitted.query else resource.path
    changed = transform_upgrade(services, parts, path, admitted.request.headers, own_tokens)
    if isinstance(changed, Fault):
        return changed
    path, headers = changed
    call = build_realtime_call(
        path=path,
        headers=headers,
        subprotocols=[item.text for item in admitted.offer.items],
        settings=settings,
        own_tokens=own_tokens,
        unix_time=services.unix_time(now),
        rows=parts.rows,
    )
    if isinstance(call, Fault):
        return call
    refused = refuse_call(admitted.settings, provider=call.provider, endpoint=call.endpoint, key=call.key)
    if refused is not None:
        return refused
    prices = settings.get(call.provider, NO_SETTINGS).prices
    model = named_model(call.target.decode("ascii"))
    price = (record.custom_cost if own.custom_cost else None) or price_of(prices, model)
    quota = None
    if own.has_quotas:
        name = f"{resource.account}/{resource.gateway}"
        credential = admitted.principal or "" if admitted.token is None else admitted.token.reveal()
        whose = Claimant(name, credential, record.metadata)
        quota = step_quota(Claim(name, own), own, whose, provider=call.provider, model=model)
    key = settings.get(call.provider, NO_SETTINGS).api_key
    lent = key if call.key == "stored" and key in services.key_rings else None
    if lent is not None:
        services.key_rings.use(lent)
    return msgspec.structs.replace(call, record=record, quota=quota, price=price, lent=lent)
