"""What a gateway's settings do not allow is refused before any step is tried."""

import msgspec
import pytest
from tests.rigs.core_rig import Rig

from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.dialects.commands import Step
from aigw_sansio.exchanges.policy import StepConfig
from aigw_sansio.exchanges.ports import PlannedStep
from aigw_sansio.faults import Fault, FaultKind
from aigw_sansio.ids import ConnId
from aigw_sansio.secret import Secret
from aigw_sansio.sessions.planner import ClientInfo, plan

STORED = {slug: ProviderSettings(api_key=Secret("stored-canary")) for slug in ("openai", "fal")}


def planned(settings: GatewaySettings, *steps: Step) -> list[PlannedStep] | Fault:
    rig = Rig()
    rig.services.config = msgspec.structs.replace(Config(), providers=STORED)
    client = ClientInfo(
        conn=ConnId(1),
        peer="p",
        account="a",
        gateway="g",
        settings=settings,
        config=rig.services.config,
        headers={},
        principal=None,
        subprotocol=None,
    )
    return plan(rig.services, client, steps, 0.0)


def step(
    method: str = "POST",
    provider: str = "openai",
    *headers: tuple[str, str],
    endpoint: str = "chat/completions",
) -> Step:
    return Step(
        provider=provider,
        endpoint=endpoint,
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


@pytest.mark.parametrize(("target", "endpoint", "allowed"), [
    ("https://fal.run/fal-ai/flux", "", True),
    ("https://queue.fal.run/fal-ai/flux/requests/1", "", True),
    ("https://fal.run", "fal-ai/flux", True),
    ("https://fal.run/fal-ai/other", "fal-ai/flux", False),
    ("https://fal.run/fal-ai/other", "", False),
    ("https://fal.run/", "fal-ai/other", False),
])  # fmt: skip
def test_a_path_that_the_client_names_in_a_header_is_held_to_the_list(
    target: str, endpoint: str, allowed: bool
) -> None:
    gateway = GatewaySettings(endpoints=("fal-ai/flux", "fal-ai/flux/*"))
    found = planned(gateway, step("POST", "fal", ("x-fal-target-url", target), endpoint=endpoint))
    assert isinstance(found, list) is allowed, found


def test_byok_only_lends_nothing() -> None:
    refused = planned(GatewaySettings(byok_only=True), step())
    assert isinstance(refused, Fault)
    assert "byok_only" in refused.detail


def test_the_gateways_own_key_goes() -> None:
    own = GatewaySettings(provider_settings={"openai": ProviderSettings(api_key=Secret("own-of-gateway"))})
    found = planned(own, step())
    assert isinstance(found, list)
    assert (b"authorization", b"Bearer own-of-gateway") in found[0].call.request.headers
