"""The call of a realtime client: which provider, which URL, which key.

Decides: why an admitted client cannot have a relay. Must not know: connections, and what becomes of the call.
"""

from collections.abc import Mapping

from ..downstream.admission import Admitted
from ..downstream.gateway_tokens import own_token_check
from ..downstream.routes import RealtimeResource
from ..engine.services import Services
from ..faults import Fault
from ..providers.allowed import refuse_call, settings_of
from ..providers.realtime import RealtimeCall, build_realtime_call
from ..providers.registry import NO_ROWS
from ..providers.row import Provider


def plan(
    services: Services, admitted: Admitted, now: float, rows: Mapping[str, Provider] = NO_ROWS
) -> RealtimeCall | Fault:
    """The call to the provider that an ``admitted`` client asks for, or why there is none. ``rows``: the host's own
    providers, by slug."""
    resource = admitted.resource
    assert isinstance(resource, RealtimeResource)
    call = build_realtime_call(
        path=f"{resource.path}?{admitted.query}" if admitted.query else resource.path,
        headers=admitted.request.headers,
        subprotocols=[item.text for item in admitted.offer.items],
        settings=settings_of(admitted.settings, services.config.providers),
        own_tokens=own_token_check(services.own_tokens, admitted.settings, [admitted.token]),
        unix_time=services.unix_time(now),
        rows=rows,
    )
    if isinstance(call, Fault):
        return call
    endpoint = resource.path.partition("/")[2] or call.target.decode("ascii")
    return refuse_call(admitted.settings, provider=call.provider, endpoint=endpoint, key=call.key) or call
