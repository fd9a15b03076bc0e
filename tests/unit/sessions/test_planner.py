"""A request made ready to run: every step, or a fault that names the step."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from tests.rigs.core_rig import Rig
from tests.rigs.parts import TRANSLATES
from tests.rigs.steps import client, step

from aigw_sansio.config import GatewaySettings, ProviderSettings, Retry, Timeouts
from aigw_sansio.dialects.commands import Step
from aigw_sansio.effects import HeaderFields, Key
from aigw_sansio.engine.services import Services
from aigw_sansio.exchanges.policy import StepConfig
from aigw_sansio.exchanges.ports import AnswerPlan, PlannedStep
from aigw_sansio.faults import Denial, Fault, FaultKind, Side
from aigw_sansio.ids import CustomCost, Lineage
from aigw_sansio.parts.parts import Parts
from aigw_sansio.parts.request import ProviderRequest
from aigw_sansio.quota_rules import QuotaRule, Selector
from aigw_sansio.secret import Secret
from aigw_sansio.sessions import planner
from aigw_sansio.sessions.planner import ClientInfo, Draft, models_told

LOCKED = GatewaySettings(authentication=True, tokens=(Secret("gate"), Secret("side")))


def rig(**providers: ProviderSettings) -> Rig:
    return Rig(timeouts=Timeouts(idle_s=77.0), providers=providers)


def plan(
    services: Services, info: ClientInfo, steps: Sequence[Step], now: float, **more: Any
) -> list[PlannedStep] | Draft | Fault:
    """For a client that has the settings of ``services``."""
    return planner.plan(services, info._replace(config=services.config), steps, now, **more)


def test_each_step_has_its_call_and_its_policy() -> None:
    settings = GatewaySettings(retry=Retry(max_attempts=2, delay_ms=100))
    steps = [step(), step("anthropic", endpoint="v1/messages", query=b"{}", config=StepConfig(max_attempts=4))]
    planned = plan(rig().services, client(settings), steps, 0.0, parts=TRANSLATES)
    assert not isinstance(planned, Fault)
    first, second = planned
    assert (first.call.provider, second.call.provider) == ("openai", "anthropic")
    assert first.call.origin.host == "api.openai.com"
    assert first.call.request.target == b"/v1/chat/completions"
    assert first.call.request.body == b'{"a": 1}'  # the client's bytes, its blank too
    assert (first.policy.attempts, first.policy.delay_s, first.policy.idle_s) == (2, 0.1, 77.0)
    assert second.policy.attempts == 4


def test_the_settings_of_a_provider_and_the_account_of_the_client_count() -> None:
    own = ProviderSettings(base_url="http://127.0.0.1:9/v1", api_key=Secret("stored"))
    planned = plan(rig(openai=own).services, client(), [step(headers=[])], 0.0)
    assert not isinstance(planned, Fault)
    call = planned[0].call
    assert (call.origin.host, call.origin.port) == ("127.0.0.1", 9)
    assert (b"authorization", b"Bearer stored") in call.request.headers
    workers = plan(rig().services, client(), [step("workers-ai", endpoint="@cf/some/model")], 0.0)
    assert not isinstance(workers, Fault)
    assert b"/accounts/acme/" in workers[0].call.request.target


def test_headers_of_the_handshake_hold_for_every_step_unless_it_has_its_own() -> None:
    steps = [step(), step(headers=[("CF-AIG-Max-Attempts", "5"), ("authorization", "Bearer x")])]
    planned = plan(rig().services, client(max_attempts="3"), steps, 0.0, parts=TRANSLATES)
    assert not isinstance(planned, Fault)
    assert [one.policy.attempts for one in planned] == [3, 5]
    assert not [name for one in planned for name, _ in one.call.request.headers if name.startswith(b"cf-aig-")]


def test_gateway_tokens_do_not_leave_as_keys() -> None:
    planned = plan(rig().services, client(LOCKED), [step(headers=[("authorization", "Bearer gate")])], 0.0)
    assert not isinstance(planned, Fault)
    assert not [name for name, _ in planned[0].call.request.headers if name == b"authorization"]


def test_signatures_are_dated_by_the_wall_clock() -> None:
    key = {"region": "us-east-1", "accessKeyId": "AKID", "secretAccessKey": "secret"}
    bedrock = ProviderSettings(api_key=Secret(json.dumps(key)))
    steps = [step("aws-bedrock", endpoint="bedrock-runtime/us-east-1/model/m/converse", headers=[])]
    dates = []
    for now in (0.0, 86_400.0):
        planned = plan(rig(**{"aws-bedrock": bedrock}).services, client(), steps, now)
        assert not isinstance(planned, Fault)
        dates += [value for name, value in planned[0].call.request.headers if name == b"x-amz-date"]
    assert dates == [b"20231114T221320Z", b"20231115T221320Z"]


@pytest.mark.parametrize(
    ("bad", "kind", "detail"),
    [
        (step("nobody"), FaultKind.UNKNOWN_PROVIDER, "nobody"),
        (step(method="CONNECT"), FaultKind.INVALID_REQUEST, "request.method"),
        (step(headers=[("cf-aig-max-attempts", "many")]), FaultKind.INVALID_REQUEST, "cf-aig-max-attempts"),
    ],
)
def test_a_step_that_cannot_run_is_named_if_there_are_several(bad: Step, kind: FaultKind, detail: str) -> None:
    services = rig().services
    alone = plan(services, client(), [bad], 0.0)
    assert isinstance(alone, Fault)
    assert (alone.kind, alone.side, alone.retryable) == (kind, Side.CLIENT, False)
    assert detail in alone.detail
    assert not alone.detail.startswith("step ")
    second = plan(services, client(), [step(), bad, step("nobody else")], 0.0)
    assert second == Fault(kind, Side.CLIENT, f"step 1: {alone.detail}")
    first = plan(services, client(), [bad, step()], 0.0)
    assert first == Fault(kind, Side.CLIENT, f"step 0: {alone.detail}")
    assert services.take_effects() == []  # nothing of a request is sent before all of it is planned


def test_a_denial_of_one_of_several_steps_keeps_what_the_host_chose() -> None:
    def deny(request: ProviderRequest) -> Fault:
        return denial

    denial = Denial(FaultKind.RATE_LIMITED, Side.CLIENT, "not today", status=402, code=2077, retry_after_s=3.0)
    parts = Parts(transforms={"anthropic": deny})
    steps = [step(), step("anthropic", endpoint="v1/messages")]
    assert plan(rig().services, client(), steps[1:], 0.0, parts=parts) == denial
    expected = Denial(
        FaultKind.RATE_LIMITED, Side.CLIENT, "step 1: not today", status=402, code=2077, retry_after_s=3.0
    )
    assert plan(rig().services, client(), steps, 0.0, parts=parts) == expected


def test_a_found_key_is_used_as_a_stored_one_of_its_step_alone() -> None:
    own = rig(openai=ProviderSettings(api_key=Secret("stored-key"), headers=(("x-team", "red"), ("x-old", "1"))))
    key = Key(Secret("found-key-1"), HeaderFields((("X-Team", "blue"),)))
    steps = [step(headers=[]), step(headers=[])]
    planned = plan(own.services, client(), steps, 0.0, keys={1: ("openai", key)})
    assert not isinstance(planned, Fault)
    stored, found = (dict(one.call.request.headers) for one in planned)
    assert (stored[b"authorization"], stored[b"x-team"]) == (b"Bearer stored-key", b"red")
    assert (found[b"authorization"], found[b"x-team"], found[b"x-old"]) == (b"Bearer found-key-1", b"blue", b"1")
    assert planned[1].call.key == "stored"
    assert b"found-key-1" in planned[1].call.stored_keys


def test_a_found_key_makes_a_compat_step_possible() -> None:
    key = {0: ("anthropic", Key(Secret("found-key-1")))}
    planned = plan(rig().services, client(), [step("compat", query=ASK, headers=[])], 0.0, keys=key, parts=TRANSLATES)
    assert not isinstance(planned, Fault)
    assert dict(planned[0].call.request.headers)[b"x-api-key"] == b"found-key-1"


def test_a_token_that_the_host_let_in_for_a_step_goes_nowhere_else() -> None:
    headers = [
        ("cf-aig-authorization", "Bearer of-the-host"),
        ("x-other", "of-the-host"),
        ("authorization", "Bearer x"),
    ]
    (one,) = _planned(rig(), client(LOCKED), step(headers=headers))
    assert "of-the-host" not in str(one.call.request.headers)
    (open_one,) = _planned(rig(), client(), step(headers=headers))
    assert (b"x-other", b"of-the-host") in open_one.call.request.headers, "without authentication it is no token"


def _planned(own: Rig, info: ClientInfo, *steps: Step) -> list[PlannedStep]:
    planned = plan(own.services, info, steps, 0.0, parts=TRANSLATES)
    assert not isinstance(planned, Fault)
    return planned


ASK = b'{"model":"anthropic/claude-x","messages":[{"role":"user","content":"Hello"}],"max_tokens":5}'


def test_a_compat_step_is_planned_for_the_provider_in_its_model() -> None:
    steps = [step("compat", query=ASK), step("openai"), step("compat", query=ASK.replace(b"anthropic", b"openai"))]
    planned = plan(rig().services, client(), steps, 0.0, parts=TRANSLATES)
    assert not isinstance(planned, Fault)
    first, plain, same = planned
    assert (first.call.provider, first.call.request.target) == ("anthropic", b"/v1/messages")
    assert dict(first.call.request.headers)[b"x-api-key"] == b"x"
    assert first.call.key == "client"
    assert first.answer.writer is not None
    assert first.answer.format == "openai-chat"
    assert plain.answer == AnswerPlan()
    assert (same.call.provider, same.answer.writer) == ("openai", None)


def test_a_compat_step_that_cannot_run_is_named() -> None:
    bad = step("compat", query=b'{"model":"nobody/x"}')
    planned = plan(rig().services, client(), [step(), bad], 0.0, parts=TRANSLATES)
    assert isinstance(planned, Fault)
    assert planned.kind is FaultKind.UNKNOWN_PROVIDER
    assert planned.detail.startswith("step 1: request.query.model")


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        (GatewaySettings(providers=("anthropic",)), True),
        (GatewaySettings(providers=("openai",)), False),
        (GatewaySettings(endpoints=("v1/messages",)), True),
        (GatewaySettings(endpoints=("chat/completions",)), False),
        (GatewaySettings(methods=("GET",)), False),
        (GatewaySettings(byok_only=True), True),
    ],
)
def test_what_a_gateway_allows_is_asked_of_the_provider_itself(settings: GatewaySettings, allowed: bool) -> None:
    planned = plan(rig().services, client(settings), [step("compat", query=ASK)], 0.0, parts=TRANSLATES)
    assert isinstance(planned, Fault) is not allowed
    assert allowed or planned.kind is FaultKind.NOT_ALLOWED  # type: ignore[union-attr]


def test_the_gateways_own_token_is_no_key_of_a_compat_step() -> None:
    own = ProviderSettings(api_key=Secret("stored-key"))
    steps = [step("compat", query=ASK, headers=[("authorization", "Bearer gate")])]
    planned = plan(rig(anthropic=own).services, client(LOCKED), steps, 0.0, parts=TRANSLATES)
    assert not isinstance(planned, Fault)
    call = planned[0].call
    assert dict(call.request.headers)[b"x-api-key"] == b"stored-key"
    assert (call.key, call.stored_keys) == ("stored", (b"stored-key",))


def test_the_list_of_models_is_the_gateways_own_answer() -> None:
    own = rig(openai=ProviderSettings(models=("gpt-5",)))
    asked = step("compat", endpoint="models", method="GET", query=None)
    told = models_told(client(services=own.services), [asked])
    assert told is not None
    assert json.loads(told)["data"][0]["id"] == "openai/gpt-5"
    assert models_told(client(services=own.services), [step()]) is None


def planned_with(settings: GatewaySettings, *steps: Step, **facts: object) -> list[PlannedStep]:
    prices = {"gpt-*": CustomCost(per_token_in=1.0)}
    whose = client(settings, principal="alice")._replace(**facts)
    found = plan(rig(openai=ProviderSettings(prices=prices)).services, whose, steps, 0.0)
    assert isinstance(found, list)
    return found


def test_all_steps_share_one_claim_to_the_quotas() -> None:
    rules = (QuotaRule(limit=5, window_s=60, provider=Selector(mode="partition")),)
    first, second = planned_with(GatewaySettings(rules=rules), step(), step("anthropic", endpoint="v1/messages"))
    one, two = first.call.quota, second.call.quota
    assert one is not None
    assert two is not None
    assert one.claim is two.claim
    assert one.counters[0].gateway == "acme/main"
    assert one.counters[0].value != two.counters[0].value
    assert planned_with(GatewaySettings(), step())[0].call.quota is None


def test_clients_are_told_apart_by_their_token_else_by_their_principal() -> None:
    rules = (QuotaRule(limit=5, window_s=60, token=Selector(mode="partition")),)
    settings = GatewaySettings(tokens=(Secret("gate"), Secret("side")), rules=rules)
    own = [("authorization", "Bearer x"), ("cf-aig-authorization", "side")]
    values = []
    for headers, facts in (
        ([], {"token": Secret("gate")}),
        (own, {"token": Secret("gate")}),
        (own, {}),
        ([], {}),
        ([], {"principal": None}),
    ):
        quota = planned_with(settings, step(headers=headers or None), **facts)[0].call.quota
        assert quota is not None
        values.append(quota.counters[0].value)
    assert values[1] == values[2]
    assert len(set(values)) == 4


def test_without_authentication_a_token_that_nobody_knows_chooses_no_count() -> None:
    rules = (QuotaRule(limit=5, window_s=60, token=Selector(mode="partition")),)
    values = set()
    for token in ("one", "two", ""):
        headers = [("authorization", "Bearer x"), *([("cf-aig-authorization", token)] if token else [])]
        for settings in (GatewaySettings(rules=rules), GatewaySettings(rules=rules, authentication=True)):
            quota = planned_with(settings, step(headers=headers), token=Secret("old"))[0].call.quota
            assert quota is not None
            values.add((settings.authentication, quota.counters[0].value))
    assert sorted(asked for asked, _ in values) == [False, True, True, True]


def test_a_response_costs_what_the_client_says_or_else_the_settings() -> None:
    query = b'{"model":"gpt-4o"}'
    theirs = ("cf-aig-custom-cost", '{"total_cost":0.25}')
    plain, own = step(query=query), step(query=query, headers=[("authorization", "Bearer x"), theirs])
    settings = CustomCost(per_token_in=1.0)
    assert planned_with(GatewaySettings(), plain)[0].price == settings
    assert planned_with(GatewaySettings(), own)[0].price == CustomCost(total_cost=0.25)
    assert planned_with(GatewaySettings(custom_cost=False), own)[0].price == settings
    assert planned_with(GatewaySettings(), step(query=b'{"model":"o3"}'))[0].price is None


def test_keys_of_a_provider_go_in_turn_and_other_tries_have_others() -> None:
    own = ProviderSettings(api_key=Secret("first"), more_keys=(Secret("second"), Secret("third")))
    one = rig(openai=own)
    keyless = step(headers=[], config=StepConfig(max_attempts=2))
    found = plan(one.services, client(), [keyless], 0.0)
    assert isinstance(found, list)
    sent = [found[0].call_of(tries) for tries in (1, 2, 3, 4)]
    assert [call.lent for call in sent] == [Secret("first"), Secret("second"), Secret("third"), Secret("second")]
    assert [dict(call.request.headers)[b"authorization"] for call in sent[:2]] == [b"Bearer first", b"Bearer second"]
    assert dict(sent[2].request.headers)[b"authorization"] == b"Bearer third"
    one.services.key_rings.use(Secret("first"))
    (planned,) = plan(one.services, client(), [step(headers=[])], 0.0)  # type: ignore[misc]
    assert isinstance(planned, PlannedStep)
    assert (planned.call.lent, planned.others) == (Secret("second"), ())
    (planned,) = plan(one.services, client(), [step()], 0.0)  # type: ignore[misc]
    assert isinstance(planned, PlannedStep)
    assert planned.call.lent is None  # the client's own key goes


def test_a_key_that_the_host_found_is_of_no_ring() -> None:
    own = ProviderSettings(api_key=Secret("first"), more_keys=(Secret("second"),))
    found = plan(
        rig(openai=own).services, client(), [step(headers=[])], 0.0, keys={0: ("openai", Key(Secret("found")))}
    )
    assert isinstance(found, list)
    assert found[0].call.lent is None
    assert dict(found[0].call.request.headers)[b"authorization"] == b"Bearer found"


RESPONSE = b'{"model":"openai/gpt-6","input":[{"a":1},{"b":2}],"stream":true}'


def of_a_lane(query: bytes = RESPONSE) -> Step:
    own = step("compat", endpoint="responses", query=query)
    return Step(own.provider, own.endpoint, query=query, lineage=Lineage("a", "resp_1", 9))


def test_a_call_may_go_over_a_socket_if_its_provider_has_some_and_its_client_lanes() -> None:
    with_sockets = rig(openai=ProviderSettings(native=True), grok=ProviderSettings(native=False))

    def lineage(*steps: Step, **more: Any) -> Lineage | None:
        planned = plan(with_sockets.services, client(), steps, 0.0, **{"parts": TRANSLATES, **more})
        assert isinstance(planned, list)
        return planned[0].call.lineage

    assert lineage(of_a_lane()) == Lineage("a", "resp_1", 9)
    assert lineage(step("compat", endpoint="responses", query=RESPONSE)) is None
    assert lineage(of_a_lane(RESPONSE.replace(b"openai", b"grok"))) is None
    assert lineage(of_a_lane(RESPONSE.replace(b"openai", b"anthropic").replace(b'[{"a":1},{"b":2}]', b'"Hi"'))) is None


def test_what_a_transform_has_changed_is_sent_whole() -> None:
    def add(request: ProviderRequest) -> ProviderRequest:
        return msgspec.structs.replace(request, body=(request.body or b"").replace(b'"a":1', b'"a":3'))

    parts = Parts(transforms={"openai": add}, translator=TRANSLATES.translator)
    own = rig(openai=ProviderSettings(native=True))
    planned = plan(own.services, client(), [of_a_lane()], 0.0, parts=parts)
    assert isinstance(planned, list)
    assert planned[0].call.lineage == Lineage("a")
