"""Rules: what they may say, and what counts share; counters."""

from typing import Any

import msgspec
import pytest

from aigw_sansio.config import GatewaySettings
from aigw_sansio.errors import ConfigError
from aigw_sansio.quota_rules import Counter, QuotaRule, Selector

EACH = Selector(mode="partition")


@pytest.mark.parametrize(("amount", "needed"), [(0, 1), (1, 1), (7, 7)])
def test_a_counter_is_full_at_its_limit_also_if_nothing_is_to_be_added(amount: int, needed: int) -> None:
    counter = Counter(gateway="a/g", rule="r", value="", amount=amount, limit=9, interval_s=1, sliding=False)
    assert counter.room_needed == needed


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"limit": -1}, "rule.limit is -1.0; allowed is 0 to 1099511627776"),
        ({"limit": 1.5}, "rule.limit is 1.5; allowed is a whole number"),
        ({"window_s": 0.5}, "rule.window_s is 0.5; allowed is 1 to 34560000.0"),
        ({"id": "a b"}, "rule.id is no name; allowed are 1 to 64 letters, digits, '_', '.' and '-'"),
        ({"technique": "x"}, "rule.technique has a bad value; allowed are 'fixed' and 'sliding'"),
        ({"token": Selector(mode="filter", values=("x",))}, "rule.token is a filter; allowed is the mode 'partition'"),
        ({"metadata": {"u": "x"}}, "rule.metadata.u is of type str; allowed is Selector"),
    ],
)
def test_what_a_rule_may_not_say(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        QuotaRule(**{"limit": 1, "window_s": 60, **values})
    assert str(caught.value) == said


@pytest.mark.parametrize("values", [{"mode": "filter"}, {"mode": "partition", "values": ("x",)}])
def test_values_belong_to_a_filter(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"^selector\.values belongs to the mode 'filter'"):
        Selector(**values)


def test_a_filter_takes_names_and_beginnings() -> None:
    models = Selector(mode="filter", values=("gpt-4o", "claude-*"))
    assert [models.takes(name) for name in ("gpt-4o", "gpt-4o-mini", "claude-x", "")] == [True, False, True, False]
    assert QuotaRule(limit=0.5, window_s=60, measure="cost").limit == 0.5


def test_rules_that_differ_in_more_than_their_limit_have_counts_of_their_own() -> None:
    rule = QuotaRule(limit=5, window_s=60)
    assert rule.id == QuotaRule(limit=6, window_s=60).id
    others = [{"window_s": 61}, {"measure": "tokens"}, {"technique": "sliding"}, {"token": EACH}, {"model": EACH}]
    ids = {rule.id, *(QuotaRule(**{"limit": 5, "window_s": 60, **other}).id for other in others)}  # type: ignore[arg-type]
    assert len(ids) == 6
    assert msgspec.structs.replace(rule, limit=9).id == rule.id
    assert QuotaRule(limit=5, window_s=60, id="mine").id == "mine"


@pytest.mark.parametrize("other", [{"window_s": 61}, {"measure": "tokens"}, {"technique": "sliding"}])
def test_rules_share_a_count_only_if_they_count_alike(other: dict[str, Any]) -> None:
    rule = QuotaRule(limit=5, window_s=60, id="r")
    unlike: dict[str, Any] = {"limit": 5, "window_s": 60, "id": "r", **other}
    GatewaySettings(
        rate_limit=rule,
        rules=(
            QuotaRule(limit=6, window_s=60, id="r", model=EACH),
            QuotaRule(**{**unlike, "id": "s"}),
            QuotaRule(**{**unlike, "enabled": False}),
        ),
    )
    both: list[tuple[dict[str, Any], int]] = [({"rate_limit": rule, "rules": ()}, 0), ({"rules": (rule,)}, 1)]
    for values, index in both:
        with pytest.raises(ConfigError) as caught:
            GatewaySettings(**{**values, "rules": (*values["rules"], QuotaRule(**unlike))})
        why = "is the id of a rule of another measure, window or technique; allowed is one of its own"
        assert str(caught.value) == f"gateway.rules[{index}].id {why}"
