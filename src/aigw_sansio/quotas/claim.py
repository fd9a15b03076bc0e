"""What a request needs of the quotas of its gateway, and has got.

Decides: which rules are for a request, and the names of their counts. Must not know: what has been counted.

The values of which counts have names are digests: names may be kept elsewhere, and no token or person is to be read
from them.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol

from ..config import GatewaySettings
from ..events import UsageReported
from ..ids import CustomCost, MetadataValue
from ..quota_rules import Counter, Measure, QuotaRule, Selector
from ..secret import add_texts
from .costs import cost_of
from .window import MOST_COUNTED

#: Costs are counted in billionths of a dollar, so that sums stay exact.
DOLLAR: Final = 1_000_000_000


class Spent(NamedTuple):
    """What was used: tokens of input and output, and billionths of a dollar."""

    tokens: int = 0
    cost: int = 0


NOTHING: Final = Spent()


def spent_of(usage: UsageReported | None, cost: float | None) -> Spent:
    """What was used, by what a provider reported, and by what it ``cost`` in US dollars; ``None``: nobody knows."""
    tokens = 0 if usage is None else (usage.input_tokens or 0) + (usage.output_tokens or 0)
    # Safety: clients and providers say these, so they may be anything.
    dollars = 0.0 if cost is None else min(cost, MOST_COUNTED)
    return Spent(min(tokens, MOST_COUNTED), min(round(dollars * DOLLAR), MOST_COUNTED))


class Unreported(NamedTuple):
    """How a response counts whose provider reports no tokens: as so many ``tokens``; ``None``: they are estimated."""

    tokens: int | None


class Charge(NamedTuple):
    """What is to be counted when a response is over: its tokens or its cost, by a counter without an amount."""

    measure: Measure
    counter: Counter


class Keeper(Protocol):
    """Counts for claims."""

    def finish(self, quota: "StepQuota", spent: Spent, now: float) -> None:
        """All that had the claim is over: count what was used last."""

    def charge(self, quota: "StepQuota", spent: Spent, now: float) -> None:
        """Count what was used."""


class Claim:
    """Of one exchange, for all its steps, and of the calls that outlive it; or of one realtime session."""

    __slots__ = (
        "concurrency",
        "fail_open",
        "gateway",
        "handed_over",
        "keeper",
        "placed",
        "shared",
        "taken",
        "unasked",
        "unreported",
        "users",
    )

    def __init__(self, gateway: str, settings: GatewaySettings) -> None:
        self.gateway = gateway
        self.concurrency = settings.concurrency
        #: It goes on if nobody can count.
        self.fail_open = settings.fail_open
        #: The host counts.
        self.shared = "count" in settings.ask
        #: The host knows that it runs, or need not.
        self.placed = self.concurrency is None
        #: It has a place here, of which the host was not told.
        self.unasked = False
        self.unreported = Unreported(settings.unreported_tokens)
        #: The counts that it has its part of, by rule and value.
        self.taken: set[tuple[str, str]] = set()
        #: Who gave it what it has; ``None``: it has nothing.
        self.keeper: Keeper | None = None
        #: How many have it: it runs until all of them are over.
        self.users = 1
        #: What its exchange charges next was handed over.
        self.handed_over = False


class StepQuota(NamedTuple):
    """Of one step: the ``counters`` that must have room before it is sent, and the ``charges`` when it is over.
    ``price``: what its response costs, if somebody knows."""

    claim: Claim
    counters: tuple[Counter, ...]
    charges: tuple[Charge, ...]
    price: CustomCost | None = None

    def missing(self) -> tuple[Counter, ...]:
        """The counters that the claim has no part of yet. Another try of a step needs none again."""
        taken = self.claim.taken
        return tuple(counter for counter in self.counters if (counter.rule, counter.value) not in taken)

    @property
    def unreported(self) -> Unreported | None:
        """How a response counts that reports no tokens; ``None``: only requests are counted."""
        return self.claim.unreported if self.charges else None

    def hand_over(self) -> None:
        """A call goes on without its exchange: it has the claim too, calls :meth:`finish_call`, and is charged in place
        of the attempt that has just ended."""
        self.claim.users += 1
        self.claim.handed_over = True

    def finish(self, spent: Spent, now: float) -> None:
        """The exchange or session is over, and has ``spent`` this at last. A second time has no effect."""
        self._over(self._own(spent), now)

    def charge(self, spent: Spent, now: float) -> None:
        """Something was spent; it goes on: a try has failed, and another one may follow."""
        if self.claim.keeper is not None:
            self.claim.keeper.charge(self, self._own(spent), now)
        else:
            self.claim.handed_over = False

    def finish_call(self, usage: UsageReported | None, now: float) -> None:
        """A call that was handed over is over. What a client says that all of it costs is not part of it."""
        price = self.price
        self._over(spent_of(usage, None if price is None or self._has_total else cost_of(price, usage)), now)

    def _own(self, spent: Spent) -> Spent:
        """What of it was not handed over."""
        if not self.claim.handed_over:
            return spent
        self.claim.handed_over = False
        return Spent(0, spent.cost if self._has_total else 0)

    def _over(self, spent: Spent, now: float) -> None:
        claim, keeper = self.claim, self.claim.keeper
        if claim.users > 1:
            claim.users -= 1
            if keeper is not None:
                keeper.charge(self, spent, now)
            return
        claim.keeper = None
        if keeper is not None:
            keeper.finish(self, spent, now)

    @property
    def _has_total(self) -> bool:
        return self.price is not None and self.price.total_cost is not None


class Claimant(NamedTuple):
    """Whose request it is. ``credential``: its token for the gateway, else its principal; a secret perhaps."""

    gateway: str
    credential: str
    metadata: Mapping[str, MetadataValue]


def step_quota(
    claim: Claim,
    settings: GatewaySettings,
    client: Claimant,
    *,
    provider: str,
    model: str | None,
    price: CustomCost | None = None,
) -> StepQuota:
    """What a request to ``provider`` for ``model`` needs, of which the response has this ``price``. Rules that share a
    count make one counter, with the smallest limit."""
    counters: dict[tuple[str, str], Counter] = {}
    charges: dict[tuple[str, str], Charge] = {}
    smallest: dict[tuple[str, str], int] = {}
    rules = settings.rules if settings.rate_limit is None else (settings.rate_limit, *settings.rules)
    for rule in rules:
        value = _value(rule, client, provider, model or "") if rule.enabled else None
        if value is None:
            continue
        counts = rule.measure == "count"
        limit = min(round(rule.limit * DOLLAR), MOST_COUNTED) if rule.measure == "cost" else int(rule.limit)
        assert rule.id is not None
        name = rule.id, value
        if name in smallest and smallest[name] <= limit:
            continue
        smallest[name] = limit
        counter = Counter(
            gateway=client.gateway,
            rule=rule.id,
            value=value,
            amount=1 if counts else 0,
            limit=limit,
            interval_s=rule.window_s,
            sliding=rule.technique == "sliding",
        )
        counters[name] = counter
        if not counts:
            charges[name] = Charge(rule.measure, counter)
    return StepQuota(claim=claim, counters=tuple(counters.values()), charges=tuple(charges.values()), price=price)


def _value(rule: QuotaRule, client: Claimant, provider: str, model: str) -> str | None:
    """Whose count it is; ``None`` if the rule is not for this request."""
    parts: list[str] = []
    if rule.token is not None:
        parts.append(client.credential)
    for selector, value in ((rule.provider, provider), (rule.model, model)):
        if not _choose(selector, value, parts):
            return None
    for name, selector in rule.metadata.items():
        found = client.metadata.get(name)
        if not _choose(selector, "" if found is None else str(found), parts):
            return None
    if not parts:
        return ""
    digest = blake2b(digest_size=12)
    add_texts(digest, (client.gateway, *parts))
    return digest.hexdigest()


def _choose(selector: Selector | None, value: str, parts: list[str]) -> bool:
    """Whether the rule is for ``value``, which becomes one of ``parts`` if each value has a count of its own."""
    if selector is None:
        return True
    if selector.mode == "filter":
        return selector.takes(value)
    parts.append(value)
    return True
