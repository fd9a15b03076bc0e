"""The session of an admitted client, by the dialect that its URL stands for.

Decides: of a URL of Responses, which provider it names, whether that can be asked, and which fields of the upgrade go
to providers. Must not know: any dialect.
"""

from collections.abc import Callable, Mapping
from typing import Final

from ..dialects.base import LanedDialect
from ..downstream.admission import AdmittedClient
from ..downstream.ports import Responder
from ..downstream.routes import ResponsesResource
from ..engine.services import Services
from ..faults import Fault, FaultKind, Side
from ..providers.allowed import settings_of
from ..providers.auth import is_stored
from ..providers.compat import COMPAT, find_target, speaks_responses, usual_slugs
from ..providers.headers import forwarded_upgrade
from ..providers.registry import NO_ROWS
from ..providers.row import Provider
from ..quoting import quoted
from .open_sessions import OpenSessions

#: What stands for any model: only its provider matters.
_ANY_MODEL: Final = "model"
#: Fields about the body of a request, which an upgrade has none of.
_OF_A_BODY: Final = frozenset({"content-type", "content-encoding", "accept"})
#: By this a client asks OpenAI for WebSockets, and says nothing to who is asked over HTTP.
_BETA: Final = "openai-beta"
_OWN_BETA: Final = "responses_websockets="


def open_session(
    sessions: OpenSessions,
    services: Services,
    admitted: AdmittedClient,
    responder: Responder,
    now: float,
    rows: Mapping[str, Provider],
    responses: Callable[..., LanedDialect],
) -> Fault | None:
    """Begin the session of an ``admitted`` client. Returns why there can be none, if so. ``rows``: the host's own
    providers. ``responses`` makes the dialect Responses for one session."""
    resource = admitted.resource
    if not isinstance(resource, ResponsesResource):
        return sessions.open(admitted, responder, now)
    provider = None if resource.provider == COMPAT else resource.provider
    fault = None if provider is None else refuse_provider(services, admitted, provider, rows)
    if fault is not None:
        return fault
    headers = upgrade_fields(admitted)
    dialect = responses(admitted.config, provider=provider, headers=headers, keeps=speaks_responses)
    return sessions.open(admitted, responder, now, dialect)


def refuse_provider(
    services: Services, admitted: AdmittedClient, provider: str, rows: Mapping[str, Provider] = NO_ROWS
) -> Fault | None:
    """Why ``provider``, as a URL of Responses names it, cannot be asked; ``None`` if it can."""
    settings = settings_of(admitted.settings, admitted.config.providers)
    is_secret = services.own_tokens.__contains__
    model = f"{provider}/{_ANY_MODEL}"
    found = find_target(model, "openai-responses", settings, rows=rows, is_secret=is_secret)
    if not isinstance(found, Fault) or found.kind is not FaultKind.UNKNOWN_PROVIDER:
        return None
    shown = "***" if is_secret(provider) or is_stored(provider, settings) else quoted(provider)
    allowed = ", ".join((COMPAT, *usual_slugs()))
    detail = f"{shown} is no provider that can be asked for Responses; allowed are {allowed}, and those of the settings"
    return Fault(FaultKind.UNKNOWN_PROVIDER, Side.CLIENT, detail)


def upgrade_fields(admitted: AdmittedClient) -> list[tuple[str, str]]:
    """The fields of the upgrade that go with each request of the session."""
    fields = forwarded_upgrade(admitted.request.headers)
    betas = [item for part in fields.pop(_BETA, "").split(",") if (item := part.strip())]
    if wanted := [item for item in betas if not item.startswith(_OWN_BETA)]:
        fields[_BETA] = ", ".join(wanted)
    return [field for field in fields.items() if field[0] not in _OF_A_BODY]
