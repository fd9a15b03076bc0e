"""Steps of a request and the client that sends them, as a session has them."""

from aigw_sansio.config import Config, GatewaySettings
from aigw_sansio.dialects.commands import Step
from aigw_sansio.engine.services import Services
from aigw_sansio.exchanges.policy import StepConfig
from aigw_sansio.ids import ConnId
from aigw_sansio.sessions.planner import ClientInfo


def client(
    settings: GatewaySettings | None = None,
    principal: str | None = None,
    services: Services | None = None,
    **headers: str,
) -> ClientInfo:
    """``services`` have its settings. ``headers``: those of the handshake, ``cf-aig-`` left out."""
    return ClientInfo(
        conn=ConnId(1),
        peer="peer",
        account="acme",
        gateway="main",
        settings=settings or GatewaySettings(),
        config=Config() if services is None else services.config,
        headers={f"cf-aig-{name.replace('_', '-')}": value for name, value in headers.items()},
        principal=principal,
        subprotocol=None,
        path="/v1/acme/main",
        origin="https://page.test",
    )


def step(
    provider: str = "openai",
    *,
    query: bytes | None = b'{"a": 1}',
    config: StepConfig | None = None,
    method: str = "POST",
    endpoint: str = "chat/completions",
    headers: list[tuple[str, str]] | None = None,
) -> Step:
    return Step(
        provider=provider,
        endpoint=endpoint,
        method=method,
        headers=[("authorization", "Bearer x")] if headers is None else headers,
        query=query,
        config=config or StepConfig(),
    )
