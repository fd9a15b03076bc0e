"""Who may go on: by the counts of this process, or of the host."""

import gc
from typing import Any

import msgspec
import pytest
from tests.rigs.core_rig import Rig

from aigw_sansio.config import Config, GatewaySettings, Timeouts
from aigw_sansio.effects import Ask, Unavailable
from aigw_sansio.engine.seeded_random import SeededRandom
from aigw_sansio.events import UsageReported
from aigw_sansio.faults import Denial, FaultKind
from aigw_sansio.ids import AskId
from aigw_sansio.quota_rules import Count, Counted, Counter, QuotaRule, Selector
from aigw_sansio.quotas import untold as untold_module
from aigw_sansio.quotas.claim import NOTHING, Claim, Claimant, StepQuota, spent_of, step_quota
from aigw_sansio.quotas.limiter import Limiter, Waiting
from aigw_sansio.quotas.untold import Untold

RATE = QuotaRule(limit=2, window_s=60, technique="sliding", id="rate")
TOKENS = QuotaRule(limit=100, window_s=60, technique="sliding", id="tokens", measure="tokens")
MONEY = QuotaRule(limit=0.5, window_s=60, technique="sliding", id="money", measure="cost")
EACH = Selector(mode="partition")
USAGE = UsageReported(input_tokens=70, output_tokens=30)


class Limited(Rig):
    def __init__(self, **settings: object) -> None:
        super().__init__(timeouts=Timeouts(store_s=1.0))
        self.limiter = Limiter(self.services)
        self.settings = GatewaySettings(**settings)  # type: ignore[arg-type]
        self.told: list[Denial | None] = []

    def quota(self, provider: str = "openai") -> StepQuota:
        claim = Claim("a/g", self.settings)
        return step_quota(claim, self.settings, Claimant("a/g", "", {}), provider=provider, model="m")

    def take(self, quota: StepQuota | None = None) -> Denial | Waiting | None:
        return self.limiter.take(quota or self.quota(), lambda denial, now: self.told.append(denial), self.now)

    def kind(self, quota: StepQuota | None = None) -> str:
        """Why it may not go on; ``yes`` if it may."""
        found = self.take(quota)
        return found.detail if isinstance(found, Denial) else "yes" if found is None else "asked"

    def asked(self) -> list[tuple[Counter, ...]]:
        found = []
        for effect in self.effects():
            assert isinstance(effect, Ask)
            assert isinstance(effect.question, Count)
            assert effect.deadline == self.now + 1.0
            found.append(effect.question.counters)
        return found


def test_a_rate_is_kept_and_the_wait_is_told() -> None:
    rig = Limited(rate_limit=RATE)
    assert [rig.kind(), rig.kind()] == ["yes", "yes"]
    rig.now = 20.5
    denial = rig.take()
    assert isinstance(denial, Denial)
    assert (denial.kind, denial.http_status, denial.envelope_code) == (FaultKind.RATE_LIMITED, 429, 2003)
    assert (denial.retry_after, denial.retryable) == ("40", True)
    rig.now = 60.0
    assert rig.kind() == "yes"
    assert rig.effects() == []  # nobody was asked


def test_another_try_of_a_step_needs_nothing_again() -> None:
    rig = Limited(rate_limit=RATE)
    quota = rig.quota()
    assert [rig.kind(quota) for _ in range(5)] == ["yes"] * 5
    assert rig.kind() == "yes"
    assert rig.kind() != "yes"


@pytest.mark.parametrize(("rule", "said"), [(TOKENS, "the budget tokens"), (MONEY, "the budget money")])
def test_a_budget_is_charged_when_it_is_over(rule: QuotaRule, said: str) -> None:
    rig = Limited(rules=(rule,))
    quotas = [rig.quota() for _ in range(3)]
    assert [rig.kind(one) for one in quotas] == ["yes"] * 3  # nobody knows yet what they will use
    quotas[0].finish(NOTHING, rig.now)  # nobody told what it used
    assert rig.kind() == "yes"
    quotas[1].finish(spent_of(USAGE, 0.5), rig.now)
    quotas[1].finish(spent_of(USAGE, 0.5), rig.now)  # a second time counts nothing
    assert rig.kind().startswith(said)
    rig.now = 60.0
    assert rig.kind() == "yes"


@pytest.mark.parametrize("shared", [False, True])
def test_whatever_a_client_or_a_provider_says_is_counted_in_64_bits(*, shared: bool) -> None:
    most = msgspec.structs.replace(MONEY, limit=2**40)
    rig = Limited(rules=(TOKENS, most), ask=("count",) if shared else ())
    quotas = [rig.quota() for _ in range(3)]
    for quota in quotas[:2]:
        rig.take(quota)
    if shared:
        rig.asked()
    for quota in quotas[:2]:
        quota.finish(spent_of(UsageReported(input_tokens=2**63 - 1, output_tokens=2**63 - 1), 1e308), rig.now)
    if shared:
        assert [[one.amount for one in charged] for charged in rig.asked()] == [[2**62, 2**62]] * 2
        rig.pass_time(1.0)
        rig.take(quotas[2])
        assert [one.amount for one in rig.asked()[0]] == [2**62, 2**62]  # what was not told, all together
    else:
        assert rig.kind(quotas[2]).startswith("the budget tokens")
        assert {window.used for window in rig.limiter._counters._by_gateway["a/g"].values()} == {2**62}
        alone = Limited(rules=(most,))
        first = alone.quota()
        assert alone.kind(first) == "yes"
        first.finish(spent_of(None, 1e308), alone.now)
        assert alone.kind().startswith("the budget money")  # the highest limit is one that can be reached


def test_so_many_run_at_once_and_no_more() -> None:
    rig = Limited(concurrency=2)
    first, second = rig.quota(), rig.quota()
    assert [rig.kind(first), rig.kind(second)] == ["yes", "yes"]
    denial = rig.take()
    assert isinstance(denial, Denial)
    assert (denial.kind, denial.http_status, denial.envelope_code) == (FaultKind.LIMIT_EXCEEDED, 429, 2010)
    assert rig.limiter.running == {"a/g": 2}
    first.finish(NOTHING, 0.0)
    third = rig.quota()
    assert rig.kind(third) == "yes"
    second.finish(spent_of(USAGE, None), 0.0)
    third.finish(NOTHING, 0.0)
    assert rig.limiter.running == {}


def test_who_is_denied_by_a_rate_takes_part_until_it_is_over() -> None:
    rig = Limited(concurrency=1, rate_limit=QuotaRule(limit=0, window_s=60, id="none"))
    quota = rig.quota()
    assert rig.kind(quota).startswith("the rate limit none is used up")
    quota.finish(NOTHING, 0.0)
    assert rig.limiter.running == {}


def test_the_host_is_asked_if_it_counts() -> None:
    rig = Limited(rate_limit=RATE, rules=(TOKENS,), ask=("count",))
    quota = rig.quota()
    assert rig.kind(quota) == "asked"
    assert rig.asked() == [quota.counters]
    rig.services.answer(AskId(1), Counted(), rig.now)
    assert rig.told == [None]
    assert rig.kind(quota) == "yes"
    quota.finish(spent_of(USAGE, None), rig.now)
    ((charged,),) = rig.asked()
    assert (charged.rule, charged.amount, charged.limit) == ("tokens", 100, None)
    rig.services.answer(AskId(2), Counted(), rig.now)
    assert rig.kind() == "asked"
    assert len(rig.asked()) == 1


@pytest.mark.parametrize(
    ("answer", "detail"),
    [(Counted(0, 30.2), "the rate limit rate is used up: 30 s until there is room"),
     (Counted(1, 0.2), "the budget tokens is used up: less than 1 s until there is room")],
)  # fmt: skip
def test_the_host_says_which_is_full(answer: Counted, detail: str) -> None:
    rig = Limited(rate_limit=RATE, rules=(TOKENS,), ask=("count",))
    rig.take()
    rig.services.answer(AskId(1), answer, rig.now)
    (denial,) = rig.told
    assert denial is not None
    assert (denial.detail, denial.retry_after_s) == (detail, answer.retry_after_s)


def test_an_answer_about_other_counters_lets_nobody_through() -> None:
    rig = Limited(rate_limit=RATE, ask=("count",))
    rig.take()
    rig.services.answer(AskId(1), Counted(7), rig.now)
    (denial,) = rig.told
    assert denial is not None
    assert denial.http_status == 503


@pytest.mark.parametrize("values", [{"refused": -1}, {"retry_after_s": -1.0}, {"retry_after_s": float("inf")},
                                    {"retry_after_s": float("nan")}])  # fmt: skip
def test_what_a_host_may_not_say(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"allowed is (any number of 0 or more|the place of a counter)"):
        Counted(**values)


@pytest.mark.parametrize("opens", [False, True])
def test_without_an_answer_the_settings_decide(*, opens: bool) -> None:
    rig = Limited(rate_limit=RATE, ask=("count",), fail_open=opens)
    rig.take()
    rig.pass_time(1.0)
    (denial,) = rig.told
    if opens:
        assert denial is None
    else:
        assert denial is not None
        assert (denial.http_status, denial.envelope_code, denial.retryable) == (503, 2010, True)


def last_ask(rig: Limited) -> AskId:
    return AskId(rig.services._next_ask - 1)


def test_what_the_host_could_not_be_told_is_told_before_the_next_question() -> None:
    rig = Limited(rules=(TOKENS, MONEY), ask=("count",))
    for _ in range(2):
        quota = rig.quota()
        rig.take(quota)
        rig.services.answer(last_ask(rig), Counted(), rig.now)
        quota.finish(spent_of(USAGE, 0.25), rig.now)
    rig.asked()
    rig.pass_time(1.0)  # both were lost
    rig.told.clear()
    first, second, gone = rig.take(), rig.take(), rig.take()
    assert isinstance(first, Waiting)
    assert isinstance(second, Waiting)
    assert isinstance(gone, Waiting)
    (untold,) = rig.asked()  # and no question that depends on it
    assert [(one.rule, one.amount, one.limit) for one in untold] == [("tokens", 200, None), ("money", 5 * 10**8, None)]
    gone.withdraw()
    rig.services.answer(last_ask(rig), Counted(), rig.now)
    wanted = rig.asked()
    assert [[(one.rule, one.amount) for one in each] for each in wanted] == [[("tokens", 0), ("money", 0)]] * 2
    rig.services.answer(last_ask(rig), Counted(0, 9.0), rig.now)
    first.withdraw()
    assert [denial is None for denial in rig.told] == [False]
    assert rig.services.unanswered == 0
    rig.take()
    assert len(rig.asked()) == 1  # nothing is owed any more


@pytest.mark.parametrize("opens", [False, True])
def test_who_waits_for_what_is_owed_is_decided_without_an_answer(*, opens: bool) -> None:
    rig = Limited(rules=(RATE, TOKENS), ask=("count",), fail_open=opens)
    quota = rig.quota()
    rig.take(quota)
    rig.services.answer(last_ask(rig), Counted(), rig.now)
    quota.finish(spent_of(USAGE, None), rig.now)
    rig.asked()
    rig.pass_time(1.0)
    rig.told.clear()
    rig.take()
    assert len(rig.asked()) == 1
    rig.pass_time(1.0)
    assert rig.asked() == []
    (denial,) = rig.told
    assert denial is not None
    # What the first one used is known here, if this process is to count.
    assert denial.http_status == (429 if opens else 503)
    owed = rig.limiter._untold.take("a/g", rig.now)
    assert [(used.counter.rule, used.counter.amount) for used in owed] == [("tokens", 100)]


def test_while_nobody_counts_a_process_limits_itself_and_tells_later() -> None:
    rig = Limited(rate_limit=RATE, ask=("count",), fail_open=True)
    for _ in range(3):
        rig.take()
    rig.asked()
    rig.pass_time(1.0)
    assert [denial is None for denial in rig.told] == [True, True, False]
    assert rig.told[-1] is not None
    assert rig.told[-1].detail.startswith("the rate limit rate is used up")
    rig.take()
    ((untold,),) = rig.asked()
    assert (untold.rule, untold.amount, untold.limit) == ("rate", 2, None)
    rig.services.answer(last_ask(rig), Counted(), rig.now)
    assert [[(one.rule, one.amount) for one in each] for each in rig.asked()] == [[("rate", 1)]]


def test_what_would_count_no_more_is_not_told() -> None:
    rig = Limited(rate_limit=RATE, ask=("count",), fail_open=True)
    rig.take()
    rig.asked()
    rig.pass_time(1.0)
    rig.now += 30.0
    rig.take()  # told in vain
    assert [one.amount for one in rig.asked()[0]] == [1]
    rig.pass_time(1.0)
    rig.now += 30.0  # the first one is of more than 60 s ago
    rig.take()
    assert [(one.amount, one.limit) for one in rig.asked()[0]] == [(1, 2)]


def test_who_could_not_be_counted_later_is_not_let_through() -> None:
    rule = QuotaRule(limit=9, window_s=60, id="of", provider=Selector(mode="partition"))
    rig = Limited(rules=(rule, msgspec.structs.replace(TOKENS, provider=EACH)), ask=("count",), fail_open=True)
    rig.limiter._untold = Untold(most=4)
    quotas = {provider: rig.quota(provider) for provider in "abc"}
    for quota in quotas.values():
        rig.take(quota)
    rig.asked()
    rig.pass_time(1.0)
    assert [None if denial is None else denial.http_status for denial in rig.told] == [None, None, 503]
    quotas["a"].finish(spent_of(USAGE, None), rig.now)  # that it used something needs no more room
    rig.asked()
    rig.pass_time(1.0)
    rig.told.clear()
    for provider in "dd":
        rig.take(rig.quota(provider))
    rig.pass_time(1.0)
    assert [denial is not None for denial in rig.told] == [True, True]
    owed = {(used.counter.rule, used.counter.amount) for used in rig.limiter._untold.take("a/g", rig.now)}
    assert owed == {("of", 1), ("tokens", 100)}


def test_all_that_is_owed_is_told_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untold_module, "TOLD_AT_ONCE", 2)
    rule = QuotaRule(limit=9, window_s=60, id="of", provider=EACH)
    rig = Limited(rules=(rule,), ask=("count",), fail_open=True)
    for provider in "abcde":
        rig.take(rig.quota(provider))
    rig.asked()
    rig.pass_time(1.0)
    rig.take(rig.quota("a"))
    parts = []
    for _ in range(3):
        parts += [len(each) for each in rig.asked()]
        rig.services.answer(last_ask(rig), Counted(), rig.now)
    assert parts == [2, 2, 1]
    assert [[(one.amount, one.limit) for one in each] for each in rig.asked()] == [[(1, 9)]]
    rig.services.answer(last_ask(rig), Unavailable(), rig.now)
    assert rig.told[-1] is None  # it counts here


# -- who runs, in several processes -----------------------------------------------------------------------------------


def places(rig: Limited) -> list[tuple[int, int | None]]:
    """How many the host was told run, and the limit, of each question."""
    found = []
    for effect in rig.effects():
        assert isinstance(effect, Ask)
        assert isinstance(effect.question, Count)
        told = effect.question.places
        assert told is not None
        assert (told.gateway, told.lease_s, effect.deadline) == ("a/g", 15.0, rig.now + 1.0)
        found.append((told.running, told.limit))
    return found


def running(most: int = 3, **settings: object) -> Limited:
    return Limited(concurrency=most, ask=("count",), **settings)


def test_the_host_is_asked_for_a_place_and_told_when_it_is_free() -> None:
    rig = running()
    first, second = rig.quota(), rig.quota()
    rig.take(first), rig.take(second)
    assert places(rig) == [(1, 3), (2, 3)]
    for ask in (1, 2):
        rig.services.answer(AskId(ask), Counted(), rig.now)
    assert rig.told == [None, None]
    assert rig.take(first) is None  # it has its place
    first.finish(NOTHING, rig.now)
    assert places(rig) == [(1, None)]
    second.finish(NOTHING, rig.now)
    assert places(rig) == []  # one at a time
    rig.services.answer(AskId(3), Counted(), rig.now)
    assert places(rig) == [(0, None)]
    rig.services.answer(AskId(4), Unavailable(), rig.now)
    assert (places(rig), rig.limiter.running) == ([], {})
    rig.pass_time(100.0)
    assert rig.effects() == []  # nothing runs: nothing is told


def test_who_waits_for_what_is_owed_takes_no_place_of_who_asks_first() -> None:
    rig = Limited(concurrency=3, ask=("count",), rules=(TOKENS,))
    quota = rig.quota()
    rig.take(quota)
    rig.services.answer(last_ask(rig), Counted(), rig.now)
    quota.finish(spent_of(USAGE, None), rig.now)
    rig.pass_time(1.0)  # the host was not told of the tokens
    rig.take(), rig.take()
    rig.effects()
    rig.services.answer(last_ask(rig), Counted(), rig.now)
    assert places(rig) == [(1, 3), (2, 3)]


def test_with_counters_and_charges_one_question_does() -> None:
    rig = running(rules=(RATE, TOKENS))
    quota = rig.quota()
    rig.take(quota)
    (asked,) = rig.effects()
    assert isinstance(asked, Ask)
    assert isinstance(asked.question, Count)
    assert ([one.rule for one in asked.question.counters], asked.question.places is None) == (["rate", "tokens"], False)
    rig.services.answer(last_ask(rig), Counted(), rig.now)
    quota.finish(spent_of(USAGE, None), rig.now)
    (told,) = rig.effects()
    assert isinstance(told, Ask)
    assert isinstance(told.question, Count)
    assert told.question.places is not None
    assert ([one.amount for one in told.question.counters], told.question.places.running) == ([100], 0)
    rig.services.answer(last_ask(rig), Unavailable(), rig.now)
    rig.take()
    assert [one.amount for one in rig.asked()[0]] == [100]  # what is owed is told; who runs is told anew anyhow


def test_who_ends_while_the_host_is_told_of_charges_is_told_next() -> None:
    rig = running(rules=(TOKENS,))
    first, second = rig.quota(), rig.quota()
    for quota in (first, second):
        rig.take(quota)
        rig.services.answer(last_ask(rig), Counted(), rig.now)
    rig.effects()
    first.finish(spent_of(USAGE, None), rig.now)
    charged = last_ask(rig)
    second.finish(NOTHING, rig.now)
    assert places(rig) == [(1, None)]
    rig.services.answer(charged, Counted(), rig.now)
    assert places(rig) == [(0, None)]


def test_no_place_is_a_denial_and_takes_none() -> None:
    rig = running(rules=(RATE,))
    quota = rig.quota()
    rig.take(quota)
    rig.effects()
    rig.services.answer(AskId(1), Counted(1), rig.now)
    (denial,) = rig.told
    assert denial is not None
    assert (denial.kind, denial.http_status, denial.envelope_code) == (FaultKind.LIMIT_EXCEEDED, 429, 2010)
    assert rig.limiter.running == {}
    assert places(rig) == [(0, None)]
    rig.services.answer(AskId(2), Counted(), rig.now)
    rig.take(quota)  # another step of it may find one
    assert places(rig) == [(1, 3)]
    rig.services.answer(AskId(3), Counted(), rig.now)
    quota.finish(NOTHING, rig.now)
    assert rig.limiter.running == {}


def test_a_full_process_does_not_ask() -> None:
    rig = running(1)
    rig.take()
    assert rig.kind().startswith("as many requests of this gateway run as may at once (1,")
    assert places(rig) == [(1, 1)]


@pytest.mark.parametrize("opens", [False, True])
def test_without_an_answer_about_places_the_settings_decide(*, opens: bool) -> None:
    rig = running(1, fail_open=opens)
    quota = rig.quota()
    rig.take(quota)
    rig.effects()
    rig.services.answer(AskId(1), Unavailable(), rig.now)
    (denial,) = rig.told
    assert (denial is None) is opens
    assert rig.kind().startswith("as many requests"), "a process limits itself in any case"
    quota.finish(NOTHING, rig.now)
    assert rig.limiter.running == {}


def test_who_runs_long_is_told_again() -> None:
    rig = running()
    quota = rig.quota()
    rig.take(quota)
    rig.services.answer(AskId(1), Counted(), rig.now)
    rig.effects()
    numbers = []
    for _ in range(3):
        rig.pass_time(5.0)
        (told,) = rig.effects()
        assert isinstance(told, Ask)
        assert isinstance(told.question, Count)
        assert told.question.places is not None
        assert (told.question.places.running, told.question.places.limit) == (1, None)
        numbers.append(told.question.places.number)
    assert numbers == sorted(set(numbers))
    rig.pass_time(1.0)  # no answer
    quota.finish(NOTHING, rig.now)
    assert places(rig) == [(0, None)]


def test_who_leaves_while_the_host_is_asked_for_a_place_gives_it_back() -> None:
    rig = running()
    quota = rig.quota()
    waiting = rig.take(quota)
    assert isinstance(waiting, Waiting)
    assert places(rig) == [(1, 3)]
    waiting.withdraw()
    quota.finish(NOTHING, rig.now)
    assert places(rig) == [(0, None)]  # the host may have given it


def test_processes_have_names_of_their_own() -> None:
    names = set()
    for seed in (b"a" * 16, b"b" * 16):
        rig = running()
        rig.services.random = SeededRandom(seed)
        rig.take()
        (asked,) = rig.effects()
        assert isinstance(asked, Ask)
        assert isinstance(asked.question, Count)
        assert asked.question.places is not None
        names.add(asked.question.places.holder)
    assert len(names) == 2


def test_a_gateway_that_left_the_settings_is_forgotten_when_its_time_is_over() -> None:
    rig = Limited(rate_limit=RATE)
    others = Config(gateways={"b/g": GatewaySettings()})
    assert [rig.kind(), rig.kind()] == ["yes", "yes"]
    rig.services.reconfigure(others, frozenset(), rig.now)
    rig.now = 30.0
    assert rig.kind() != "yes", "it is remembered while it counts, in case the gateway comes back"
    rig.services.reconfigure(msgspec.structs.replace(others), frozenset(), rig.now)
    rig.now = 61.0
    rig.take(step_quota(Claim("b/g", rig.settings), rig.settings, Claimant("b/g", "", {}), provider="p", model="m"))
    assert [*rig.limiter._counters._by_gateway] == ["b/g"]
    assert len(rig.limiter._counters) == 1


def test_what_is_untold_of_a_gateway_that_left_is_forgotten_too() -> None:
    untold = Untold()
    counter = Counter(gateway="a/g", rule="r", value="", amount=1, limit=None, interval_s=60, sliding=False)
    untold.keep([untold_module.Used(counter, 60.0)], 0.0)
    assert untold.reserve([msgspec.structs.replace(counter, rule="s")], 0.0)
    untold.forget([], 59.0)
    assert untold
    untold.forget(["a/g"], 61.0)
    assert untold, "it is still in the settings"
    untold.forget([], 61.0)
    assert not untold


def test_it_holds_no_settings_of_before() -> None:
    """They may hold keys that were taken away, and nobody may ask for long."""
    rig = Limited(rate_limit=RATE)
    before = rig.services.config
    rig.services.reconfigure(Config(gateways={"b/g": GatewaySettings()}), frozenset(), rig.now)
    assert before not in gc.get_referents(rig.limiter)
