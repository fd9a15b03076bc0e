"""Transforms of requests: what they get, what may come back, and what a bug in one costs."""

import re
from typing import Any

import msgspec
import pytest
from tests.rigs.core_rig import Rig

from aigw_sansio import Emit, Fault, FaultKind, PartFailed, Parts, ProviderRequest, Side
from aigw_sansio.dialects.commands import Step
from aigw_sansio.exchanges.policy import StepConfig
from aigw_sansio.sessions.transforms import transform_step

GIVEN = Step(
    provider="google",
    endpoint="v1/talk",
    method="POST",
    headers=[("X-A", "b"), ("CF-AIG-Authorization", "Bearer canary")],
    query=b"{}",
    config=StepConfig(max_attempts=3),
)
REQUEST = ProviderRequest(
    provider="google-ai-studio", endpoint="v1/talk", method="POST", headers=(("X-A", "b"),), body=b"{}"
)


def step(parts: Parts, given: Step = GIVEN) -> tuple[Step | Fault, list[PartFailed]]:
    """What becomes of ``given``, and the bugs that the host is told of."""
    rig = Rig()
    result = transform_step(rig.services, parts, given, "log 1")
    effects = rig.services.take_effects()
    events = [effect.event for effect in effects if isinstance(effect, Emit)]
    assert len(events) == len(effects)
    return result, [event for event in events if isinstance(event, PartFailed)]


def test_a_step_without_a_transform_is_left_alone() -> None:
    result, _ = step(Parts(transforms={"openai": lambda request: request}))
    assert result is GIVEN


@pytest.mark.parametrize("raw", [False, True])
def test_a_transform_gets_the_request_and_gives_the_step(raw: bool) -> None:
    seen: list[ProviderRequest] = []

    def every(request: ProviderRequest) -> ProviderRequest:
        seen.append(request)
        return msgspec.structs.replace(request, endpoint="all", body=b"")

    def google(request: ProviderRequest) -> ProviderRequest:
        seen.append(request)
        return msgspec.structs.replace(request, method="GET", headers=[("x", "y")])  # a list will do

    given = msgspec.structs.replace(GIVEN, query=None, body=b"{}") if raw else GIVEN
    result, failed = step(Parts(transform=every, transforms={"google-ai-studio": google}), given)
    assert seen == [REQUEST, msgspec.structs.replace(REQUEST, endpoint="all", body=b"")]
    assert result == Step(
        provider="google-ai-studio",
        endpoint="all",
        method="GET",
        headers=[("x", "y")],
        query=None,
        config=GIVEN.config,
        body=None,
    )
    assert not failed


def test_a_request_without_a_body_has_an_empty_one() -> None:
    seen: list[bytes] = []

    def look(request: ProviderRequest) -> Fault:
        seen.append(request.body)
        return Fault(FaultKind.RATE_LIMITED, Side.CLIENT, "not so often")

    result, failed = step(Parts(transform=look), msgspec.structs.replace(GIVEN, query=None))
    assert seen == [b""]
    assert result == Fault(FaultKind.RATE_LIMITED, Side.CLIENT, "not so often")
    assert not failed


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (None, "it returned neither a ProviderRequest nor a Fault"),
        ({"body": "text"}, "the body of its request is no bytes"),
        ({"provider": "groq"}, "it named another provider"),
        ({"endpoint": 7}, "its request has a field of a wrong type"),
        ({"headers": (("x", 1),)}, "its request has a field of a wrong type"),
        (Fault(FaultKind.NOT_ALLOWED, Side.CLIENT, 7), "the fault has a field of a wrong type"),  # type: ignore[arg-type]
        (Fault("odd", Side.CLIENT, ""), "the fault has a field of a wrong type"),  # type: ignore[arg-type]
        (ZeroDivisionError("canary"), "ZeroDivisionError"),
    ],
)
def test_a_bug_in_a_transform_refuses_the_step(result: Any, error: str) -> None:
    def change(request: ProviderRequest) -> Any:
        if isinstance(result, Exception):
            raise result
        return msgspec.structs.replace(request, **result) if isinstance(result, dict) else result

    refused, failed = step(Parts(transforms={"google-ai-studio": change}))
    part = "transform of google-ai-studio"
    assert refused == Fault(FaultKind.INTERNAL, Side.GATEWAY, f"the gateway's own {part} failed")
    (event,) = failed
    assert (event.log_id, event.part, event.error) == ("log 1", part, error)
    assert bool(re.fullmatch(r"test_transforms\.py:\d+ change", event.where)) is isinstance(result, Exception)
