"""What a gateway's settings do not allow is refused before any step is tried."""

import msgspec
from tests.rigs.core_rig import Rig

from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.dialects.commands import Step
from aigw_sansio.exchanges.policy import StepConfig
from aigw_sansio.exchanges.ports import PlannedStep
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.ids import ConnId
from aigw_sansio.secret import Secret
from aigw_sansio.sessions.planner import ClientInfo, plan

STORED = {"openai": ProviderSettings(api_key=Secret("stored-canary"))}


def planned(settings: GatewaySettings, *steps: Step) -> list[PlannedStep] | Fault:
    rig = Rig()
    rig.services.config = msgspec.structs.replace(Config(), providers=STORED)
    client = ClientInfo(
        conn=ConnId(1),
        peer="p",
        account="a",
        gateway="g",
        settings=settings,
        headers={},
        principal=None,
        subprotocol=None,
    )
    return plan(rig.services, client, steps, 0.0)


def step(method: str = "POST", provider: str = "openai", *headers: tuple[str, str]) -> Step:
    return Step(
        provider=provider,
        endpoint="chat/completions",
        method=method,
        headers=list(headers),
        query=b"{}",
        config=StepConfig(),
    )


def test_a_method_that_changes_things_does_not_go_with_a_stored_key() -> None:
    refused = planned(GatewaySettings(), step("DELETE"))
    assert isinstance(refused, Fault)
    assert refused.kind is FaultKind.NOT_ALLOWED
    assert isinstance(planned(GatewaySettings(), step("DELETE", "openai", ("authorization", "Bearer own"))), list)


def test_one_step_that_is_not_allowed_refuses_the_request_and_is_named() -> None:
    refused = planned(GatewaySettings(providers=("openai",)), step(), step("POST", "groq"))
    assert isinstance(refused, Fault)
    assert refused.kind is FaultKind.NOT_ALLOWED
    assert refused.detail.startswith("step 1: ")


def test_byok_only_lends_nothing() -> None:
    refused = planned(GatewaySettings(byok_only=True), step())
    assert isinstance(refused, Fault)
    assert "byok_only" in refused.detail


def test_the_gateways_own_key_goes() -> None:
    own = GatewaySettings(provider_settings={"openai": ProviderSettings(api_key=Secret("own-of-gateway"))})
    found = planned(own, step())
    assert isinstance(found, list)
    assert (b"authorization", b"Bearer own-of-gateway") in found[0].call.request.headers
