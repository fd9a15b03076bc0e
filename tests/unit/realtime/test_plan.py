"""The call of a realtime client, or why there is none."""

from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.downstream.admission import AdmittedClient
from aigw_sansio.downstream.ports import ClientRequest
from aigw_sansio.downstream.routes import RealtimeResource, route
from aigw_sansio.engine.services import Services
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.ids import ConnId
from aigw_sansio.providers.subprotocols import NO_MORE, read_offer
from aigw_sansio.realtime.plan import plan
from aigw_sansio.secret import Secret
from aigw_sansio.wires.websocket.handshake import Offers


def config_of(settings: GatewaySettings) -> Config:
    return Config(
        gateways={"a/b": settings}, providers={"openai": ProviderSettings(api_key=Secret("sk-stored-canary"))}
    )


def admitted(path: str, settings: GatewaySettings, query: str = "") -> AdmittedClient:
    resource = route(path)
    assert isinstance(resource, RealtimeResource)
    request = ClientRequest(
        conn=ConnId(1),
        peer="192.0.2.1:1",
        method=b"GET",
        target=path.encode(),
        headers=[(b"host", b"gateway.test")],
        websocket=Offers(subprotocols=[], extensions=()),
    )
    return AdmittedClient(
        request=request,
        offer=read_offer([], NO_MORE),
        resource=resource,
        settings=settings,
        config=config_of(settings),
        query=query,
        principal=None,
    )


def services(settings: GatewaySettings) -> Services:
    return Services(config_of(settings), b"a seed of sixteen", 0.0)


def test_the_settings_of_the_gateway_decide() -> None:
    open_to_all = GatewaySettings()
    call = plan(services(open_to_all), admitted("/v1/a/b/openai", open_to_all, "model=m"), 0.0)
    assert not isinstance(call, Fault)
    assert (call.provider, call.origin.host, call.target, call.key) == (
        "openai", "api.openai.com", b"/v1/realtime?model=m", "stored",
    )  # fmt: skip
    for settings in (GatewaySettings(providers=("deepgram",)), GatewaySettings(byok_only=True)):
        refused = plan(services(settings), admitted("/v1/a/b/openai", settings, "model=m"), 0.0)
        assert isinstance(refused, Fault)
        assert refused.kind in (FaultKind.NOT_ALLOWED, FaultKind.INVALID_REQUEST)


def test_an_unknown_provider_has_no_call() -> None:
    settings = GatewaySettings()
    refused = plan(services(settings), admitted("/v1/a/b/nobody", settings), 0.0)
    assert isinstance(refused, Fault)
    assert refused.kind is FaultKind.UNKNOWN_PROVIDER
