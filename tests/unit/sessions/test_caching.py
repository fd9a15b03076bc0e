"""Which steps of a plan may be answered from the cache, and what is left of it after a hit."""

from tests.rigs.core_rig import Rig
from tests.rigs.steps import client, step

from aigw_sansio.config import GatewaySettings, ProviderSettings
from aigw_sansio.dialects.commands import Step
from aigw_sansio.effects import HeaderFields, KeptResponse, Key
from aigw_sansio.exchanges.policy import StepConfig
from aigw_sansio.exchanges.ports import PlannedStep
from aigw_sansio.faults import Fault
from aigw_sansio.providers.cache_use import CacheUse
from aigw_sansio.secret import Secret
from aigw_sansio.sessions.caching import looked_up, looks_up, with_hit
from aigw_sansio.sessions.planner import FoundKeys, plan

ON = GatewaySettings(cache_ttl=60)
ASKS = GatewaySettings(cache_ttl=60, ask=("find_key",))
KEPT = KeptResponse((), b"{}")


def planned(
    *steps: Step,
    settings: GatewaySettings = ON,
    keys: FoundKeys | None = None,
    principal: str | None = None,
    **headers: str,
) -> list[PlannedStep]:
    providers = {"openai": ProviderSettings(api_key=Secret("sk-stored-canary"))}
    services = Rig(providers=providers).services
    made = plan(services, client(settings, principal, services, **headers), steps, 0.0, keys=keys or {})
    assert isinstance(made, list), made
    return made


def use_of(*steps: Step, **how: object) -> CacheUse:
    use = planned(*steps, **how)[0].call.cache  # type: ignore[arg-type]
    assert use is not None
    return use


def key_of(*steps: Step, **how: object) -> str:
    return use_of(*steps, **how).key


NO_KEY = step(headers=[])


def test_off_it_is_not_there() -> None:
    assert planned(step(), settings=GatewaySettings())[0].call.cache is None
    assert use_of(step(), settings=GatewaySettings(), cache_ttl="90").ttl_s == 90


def test_it_says_whose_it_is_and_whether_it_is_shared() -> None:
    use = use_of(step())
    assert (use.account, use.gateway, use.ttl_s, use.shares, use.looks_up) == ("acme", "main", 60, False, True)
    assert use_of(step(), settings=GatewaySettings(cache_ttl=60, coalesce=True)).shares


def test_a_bad_header_is_the_fault_of_its_step() -> None:
    services = Rig().services
    fault = plan(services, client(ON), [step(), step(headers=[("cf-aig-cache-ttl", "x")])], 0.0)
    assert isinstance(fault, Fault)
    assert fault.detail.startswith("step 1: header cf-aig-cache-ttl")


def test_a_found_key_counts_by_its_owner_and_alias_not_by_itself() -> None:
    one = Key(Secret("sk-one-canary"), HeaderFields((("x-team", "a"),)))
    two = Key(Secret("sk-two-canary"))
    before = key_of(NO_KEY, settings=ASKS, principal="me")
    for key in (one, two):
        assert key_of(NO_KEY, settings=ASKS, principal="me", keys={0: ("openai", key)}) == before
    assert key_of(NO_KEY, settings=ASKS, principal="you") != before
    assert key_of(NO_KEY, settings=ASKS, principal="me", byok_alias="other") != before
    assert key_of(NO_KEY, principal="me") == key_of(NO_KEY, principal="you"), "the stored key is for all"


def test_the_gateways_own_token_in_a_providers_place_does_not_count() -> None:
    settings = GatewaySettings(cache_ttl=60, tokens=(Secret("one-token-canary"), Secret("two-token-canary")))
    tokens = [step(headers=[("authorization", f"Bearer {name}-token-canary")]) for name in ("one", "two")]
    services = Rig(providers={}, gateways={"acme/main": settings}).services
    keys = []
    for one in tokens:
        made = plan(services, client(settings, None, services), [one], 0.0)
        assert isinstance(made, list)
        assert made[0].call.cache is not None
        keys.append(made[0].call.cache.key)
    assert keys[0] == keys[1]


def test_only_the_first_step_is_looked_up_in_front() -> None:
    plans = planned(step(), step("groq"))
    assert looks_up(plans) is plans[0].call.cache
    after = looked_up(plans)
    assert looks_up(after) is None
    assert after[1] is plans[1]
    assert looked_up(after) is after
    assert looks_up(planned(step(), settings=GatewaySettings())) is None


def test_after_a_hit_other_steps_stay_only_if_all_was_asked() -> None:
    plans = planned(step(config=StepConfig(max_attempts=3)), step("groq"))
    for asked_all in (True, False):
        first, *others = with_hit(plans, KEPT, asked_all=asked_all)
        cache = first.call.cache
        assert cache is not None
        assert (cache.found, cache.looks_up, cache.is_only_way) == (KEPT, False, not asked_all)
        assert (len(others), first.policy.attempts) == ((1, 3) if asked_all else (0, 1))


def test_the_origin_counts_where_it_goes_to_the_provider() -> None:
    pages = [step(headers=[("origin", f"https://{name}.test")]) for name in ("one", "two")]
    for setting, differ in ((None, False), ("pass", True)):
        services = Rig(providers={"openai": ProviderSettings(origin=setting)}).services
        made = [plan(services, client(ON, None, services), [page], 0.0) for page in pages]
        keys = [one[0].call.cache.key for one in made if isinstance(one, list) and one[0].call.cache is not None]
        assert (keys[0] != keys[1]) is differ
