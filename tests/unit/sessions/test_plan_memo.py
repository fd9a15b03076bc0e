"""Plans that a session uses again: equal to those made anew, and none that depends on more than the step's words."""

import json
from typing import Any

import msgspec
import pytest
from tests.rigs.core_rig import Rig
from tests.rigs.parts import TRANSLATES
from tests.rigs.steps import client, step

from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.dialects.commands import Step
from aigw_sansio.exchanges.policy import StepConfig
from aigw_sansio.exchanges.ports import PlannedStep
from aigw_sansio.faults import Fault
from aigw_sansio.ids import CustomCost
from aigw_sansio.parts.parts import Parts
from aigw_sansio.parts.request import ProviderRequest
from aigw_sansio.quota_rules import QuotaRule, Selector
from aigw_sansio.secret import Secret
from aigw_sansio.sessions.plan_memo import PlanMemo
from aigw_sansio.sessions.planner import ClientInfo, Draft, plan

BODY = b'{"model": "m-2", "stream": true}'
AWS = json.dumps({"region": "us-east-1", "accessKeyId": "AKID", "secretAccessKey": "secret"})
PRICES = {"m-2": CustomCost(per_token_in=2.0)}
GEMINI = ("google-ai-studio", "v1beta/models/g:streamGenerateContent?alt=sse")


def made(rig: Rig, info: ClientInfo, asked: Step, memo: PlanMemo | None, **more: Any) -> PlannedStep | Fault:
    found = plan(rig.services, info, [asked], 5.0, memo=memo, **more)
    assert not isinstance(found, Draft)
    if isinstance(found, Fault):
        return found
    call = found[0].call
    request = msgspec.structs.replace(call.request, memo=None)  # what wires keep is not part of a request
    return found[0]._replace(call=msgspec.structs.replace(call, request=request))


def is_known(rig: Rig, info: ClientInfo, asked: Step, memo: PlanMemo) -> bool:
    return memo.find(info, rig.services.own_tokens, asked) is not None


@pytest.mark.parametrize("asked", [
    step(),
    step(headers=[]),
    step(method="PUT"),
    step(headers=[("CF-AIG-Max-Attempts", "4"), ("x-api-key", "k")], config=StepConfig(idle_timeout=5.0)),
    step("anthropic", endpoint="v1/messages?beta=true"),
    step(*GEMINI[:1], endpoint=GEMINI[1]),
    step("workers-ai", endpoint="@cf/some/model"),
    step(headers=[("cf-aig-custom-cost", '{"per_token_in": 3}'), ("cf-aig-metadata", '{"a": 1}')]),
])  # fmt: skip
@pytest.mark.parametrize("priced", [False, True])
def test_a_plan_that_is_used_again_is_the_one_that_would_be_made(asked: Step, priced: bool) -> None:
    own = ProviderSettings(base_url="http://127.0.0.1:9/v1", api_key=Secret("stored"), prices=PRICES if priced else {})
    rig, memo = Rig(providers={"openai": own}), PlanMemo()
    info = client(GatewaySettings(custom_cost=True), services=rig.services)
    assert not is_known(rig, info, asked, memo)
    made(rig, info, asked, memo)
    again = msgspec.structs.replace(asked, query=BODY, headers=list(asked.headers))
    assert is_known(rig, info, again, memo)
    assert made(rig, info, again, memo) == made(rig, info, again, None)


@pytest.mark.parametrize("change", [
    {"provider": "groq"},
    {"endpoint": "completions"},
    {"method": "PUT"},
    {"headers": [("authorization", "Bearer y")]},
    {"config": StepConfig(max_attempts=2)},
    {"query": None},
])  # fmt: skip
def test_another_step_has_a_plan_of_its_own(change: dict[str, Any]) -> None:
    rig, memo = Rig(), PlanMemo()
    info = client(services=rig.services)
    made(rig, info, step(), memo)
    other = msgspec.structs.replace(step(), **change)
    assert not is_known(rig, info, other, memo)
    assert made(rig, info, other, memo) == made(rig, info, other, None)


def with_field(request: ProviderRequest) -> ProviderRequest:
    return msgspec.structs.replace(request, headers=(*request.headers, ("x-own", "1")))


@pytest.mark.parametrize(("asked", "settings", "own", "parts"), [
    (step("aws-bedrock", endpoint="bedrock-runtime/us-east-1/model/m/converse", headers=[]), {}, {"api_key": Secret(AWS)}, {}),
    (step(method="GET"), {}, {}, {}),
    (step(), {"cache_ttl": 60}, {}, {}),
    (step(), {"rules": (QuotaRule(limit=5, window_s=60.0, model=Selector(mode="filter", values=("other",))),)}, {}, {}),
    (step(headers=[]), {}, {"api_key": Secret("one"), "more_keys": (Secret("two"),)}, {}),
    (step(), {}, {}, {"transform": with_field}),
    (step("compat", query=b'{"model": "openai/m", "messages": []}'), {}, {}, {}),
    (step(headers=[("x-long", "x" * 3000)]), {}, {}, {}),
])  # fmt: skip
def test_what_depends_on_more_than_the_step_is_not_kept(
    asked: Step, settings: dict[str, Any], own: dict[str, Any], parts: dict[str, Any]
) -> None:
    providers = {asked.provider: ProviderSettings(**own)} if own else {}
    rig, memo = Rig(providers=providers), PlanMemo()
    info = client(GatewaySettings(**settings), services=rig.services)
    known = Parts(**parts).with_translator(TRANSLATES.translator) if TRANSLATES.translator else Parts(**parts)
    assert isinstance(made(rig, info, asked, memo, parts=known), PlannedStep)
    assert not is_known(rig, info, asked, memo)


def test_new_settings_begin_anew_and_an_ended_session_holds_nothing() -> None:
    rig, memo = Rig(), PlanMemo()
    info = client(services=rig.services)
    made(rig, info, step(), memo)
    assert is_known(rig, info, step(), memo)
    assert not is_known(rig, info._replace(principal="other"), step(), memo)
    rig.services.reconfigure(Config(gateways={"a/b": GatewaySettings(tokens=(Secret("x"),))}), frozenset(), 0.0)
    assert not is_known(rig, info, step(), memo)  # "x" is a token now: it goes to nobody
    planned = made(rig, info, step(), memo)
    assert isinstance(planned, PlannedStep)
    assert b"authorization" not in dict(planned.call.request.headers)
    memo.close()
    assert not is_known(rig, info, step(), memo)


def test_few_plans_are_kept_without_what_was_sent() -> None:
    rig, memo = Rig(), PlanMemo()
    info = client(services=rig.services)
    asked = [step(endpoint=f"e{number}") for number in range(9)]
    for one in asked:
        made(rig, info, one, memo)
    assert [is_known(rig, info, one, memo) for one in asked] == [False] * 8 + [True]
    assert sum(is_known(rig, info, one, memo) for one in asked) <= 4


def test_a_plan_that_replaces_another_drives_out_no_third() -> None:
    rig, memo = Rig(), PlanMemo()
    info = client(services=rig.services)
    long = "x" * 700
    third = step(endpoint="third")
    made(rig, info, third, memo)
    for number in range(4):
        made(rig, info, step(headers=[("authorization", f"Bearer {number}{long}")]), memo)
    assert is_known(rig, info, third, memo)


def test_what_the_operator_adds_counts_too() -> None:
    rig = Rig(providers={"openai": ProviderSettings(headers=(("x-own", "x" * 5000),))})
    memo, info = PlanMemo(), client(services=rig.services)
    made(rig, info, step(headers=[]), memo)
    assert not is_known(rig, info, step(headers=[]), memo)


def test_long_steps_are_fewer() -> None:
    rig, memo = Rig(), PlanMemo()
    info = client(services=rig.services)
    asked = [
        step(headers=[("authorization", f"Bearer {number}" + "x" * 800)], endpoint=f"e{number}") for number in range(3)
    ]
    for one in asked:
        made(rig, info, one, memo)
    assert [is_known(rig, info, one, memo) for one in asked] == [False, False, True]
    other = msgspec.structs.replace(asked[2], headers=[("authorization", "y" * 900)])
    made(rig, info, other, memo)  # in the place of the one before
    assert is_known(rig, info, other, memo)
    assert not is_known(rig, info, asked[2], memo)
