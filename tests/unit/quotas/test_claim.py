"""Which counts a request needs, and under which names."""

import re

import pytest

from aigw_sansio.config import GatewaySettings
from aigw_sansio.events import UsageReported
from aigw_sansio.ids import CustomCost
from aigw_sansio.quota_rules import QuotaRule, Selector
from aigw_sansio.quotas.claim import NOTHING, Claim, Claimant, Spent, StepQuota, step_quota

EACH = Selector(mode="partition")
CANARY = "gw-canary-token"


def quota(*rules: QuotaRule, provider: str = "openai", model: str | None = "m", **metadata: str | int) -> StepQuota:
    settings = GatewaySettings(rules=rules)
    client = Claimant("a/g", CANARY, metadata)
    return step_quota(Claim("a/g", settings), settings, client, provider=provider, model=model)


def rule(**values: object) -> QuotaRule:
    return QuotaRule(**{"limit": 5, "window_s": 60, "id": "r", **values})  # type: ignore[arg-type]


def test_requests_are_counted_at_once_and_the_rest_when_it_is_over() -> None:
    settings = GatewaySettings(
        rate_limit=QuotaRule(limit=9, window_s=10, technique="sliding", id="rate"),
        rules=(rule(id="t", measure="tokens", limit=1000), rule(id="c", measure="cost", limit=0.25)),
    )
    found = step_quota(Claim("a/g", settings), settings, Claimant("a/g", "", {}), provider="openai", model=None)
    said = [(one.rule, one.amount, one.limit, one.interval_s, one.sliding) for one in found.counters]
    assert said == [
        ("rate", 1, 9, 10.0, True),
        ("t", 0, 1000, 60.0, False),
        ("c", 0, 250_000_000, 60.0, False),
    ]
    assert [(charge.measure, charge.counter.rule) for charge in found.charges] == [("tokens", "t"), ("cost", "c")]
    assert {one.value for one in found.counters} == {""}


def test_each_value_has_a_count_of_its_own_also_a_missing_one() -> None:
    by_user = rule(metadata={"user": EACH})
    values = [quota(by_user, **one).counters[0].value for one in ({"user": "u"}, {"user": "v"}, {}, {"other": "u"})]
    assert values[2] == values[3]
    assert len(set(values)) == 3
    assert quota(by_user, user="u").counters[0].value == values[0]
    assert quota(by_user, user=1).counters[0].value == quota(by_user, user="1").counters[0].value
    two = rule(provider=EACH, model=EACH, token=EACH)
    models = {quota(two, model=one).counters[0].value for one in ("m", "n", None)}
    assert len(models | {quota(two, provider="groq").counters[0].value}) == 4


@pytest.mark.parametrize("measure", ["count", "tokens"])
@pytest.mark.parametrize("limits", [(9, 5), (5, 9), (5, 5)])
def test_rules_that_share_a_count_count_once_and_the_smallest_limit_holds(
    measure: str, limits: tuple[int, int]
) -> None:
    found = quota(*(rule(measure=measure, limit=limit) for limit in limits))
    assert [(one.rule, one.limit) for one in found.counters] == [("r", 5)]
    assert len(found.charges) == (measure == "tokens")
    by_user = [
        rule(measure=measure, limit=limit, metadata={name: EACH}) for limit, name in zip(limits, "uv", strict=True)
    ]
    assert len(quota(*by_user, u="x", v="y").counters) == 2
    assert [one.limit for one in quota(*by_user, u="x", v="x").counters] == [5]


def test_what_is_written_into_a_value_is_no_border_between_two() -> None:
    two = rule(metadata={"team": EACH, "user": EACH})
    first, other = (quota(two, team=team, user=user).counters[0].value for team, user in (("a\0b", "c"), ("a", "b\0c")))
    assert first != other


def test_no_name_of_a_count_says_whose_it_is() -> None:
    found = quota(rule(token=EACH, metadata={"mail": EACH}), mail="somebody@canary.test")
    assert re.fullmatch(r"[0-9a-f]{24}", found.counters[0].value)
    assert "canary" not in repr(found.counters)


def test_a_filter_leaves_other_requests_alone() -> None:
    ours = rule(
        provider=Selector(mode="filter", values=("openai",)),
        model=Selector(mode="filter", values=("gpt-*",)),
        metadata={"plan": Selector(mode="filter", values=("free",))},
    )
    assert len(quota(ours, model="gpt-4o", plan="free").counters) == 1
    assert quota(ours, model="o3", plan="free").counters == ()
    assert quota(ours, model="gpt-4o", provider="groq", plan="free").counters == ()
    assert quota(ours, model="gpt-4o").counters == ()
    assert quota(rule(enabled=False)).counters == ()


def test_what_was_taken_is_needed_no_more() -> None:
    found = quota(rule(), rule(id="s"))
    found.claim.taken.add(("r", ""))
    assert [one.rule for one in found.missing()] == ["s"]
    found.finish(NOTHING, 0.0)  # nobody gave anything


class Noting:
    """A keeper that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Spent]] = []

    def finish(self, quota: StepQuota, spent: Spent, now: float) -> None:
        self.told.append(("finish", spent))

    def charge(self, quota: StepQuota, spent: Spent, now: float) -> None:
        self.told.append(("charge", spent))


USED = UsageReported(input_tokens=3, output_tokens=2)


@pytest.mark.parametrize("call_ends_first", [False, True])
@pytest.mark.parametrize(("price", "own", "of_call"), [
    (None, Spent(0, 0), Spent(5, 0)),
    (CustomCost(per_token_in=1e-9), Spent(0, 0), Spent(5, 3)),
    (CustomCost(total_cost=1e-9), Spent(0, 1), Spent(5, 0)),
])  # fmt: skip
def test_a_call_that_goes_on_is_charged_in_place_of_its_attempt(
    price: CustomCost | None, own: Spent, of_call: Spent, *, call_ends_first: bool
) -> None:
    settings = GatewaySettings(rules=(rule(measure="tokens"),))
    client = Claimant("a/g", "", {})
    found = step_quota(Claim("a/g", settings), settings, client, provider="openai", model="m", price=price)
    keeper = found.claim.keeper = Noting()
    found.hand_over()
    said = Spent(1, 1)
    if call_ends_first:
        found.finish_call(USED, 0.0)
        found.finish(said, 0.0)
        assert keeper.told == [("charge", of_call), ("finish", own)]
    else:
        found.charge(said, 0.0)  # the attempt; another one follows, which is charged as it is
        found.finish(said, 0.0)
        found.finish_call(USED, 0.0)
        assert keeper.told == [("charge", own), ("charge", said), ("finish", of_call)]
    found.finish(said, 0.0)
    assert len(keeper.told) == 2 + (not call_ends_first)
    assert found.claim.keeper is None


def test_what_nobody_keeps_is_handed_over_to_nobody() -> None:
    found = quota(rule(measure="tokens"))
    found.hand_over()
    found.charge(NOTHING, 0.0)
    assert not found.claim.handed_over
    found.finish_call(USED, 0.0)
    found.finish(NOTHING, 0.0)
