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
from ..ids import MetadataValue
from ..quota_rules import Counter, Measure, QuotaRule, Selector
from .window import MOST_COUNTED

#: Costs are counted in billionths of a dollar, so that sums stay exact.
DOLLAR: Final = 1_000_000_000


class Charge(NamedTuple):
    """What is to be counted when a response is over: its tokens or its cost, by a counter without an amount."""

    measure: Measure
    counter: Counter


class Keeper(Protocol):
    """Counts for claims."""

    def finish(self, quota: "StepQuota", usage: UsageReported | None, cost: float | None, now: float) -> None:
        """What has the claim is over: count what it used."""

    def charge(self, quota: "StepQuota", usage: UsageReported | None, cost: float | None, now: float) -> None:
        """Count what was used."""


class Claim:
    """Of one exchange, for all its steps, or of one realtime session."""

    __slots__ = ("concurrency", "fail_open", "gateway", "keeper", "shared", "taken")

    def __init__(self, gateway: str, settings: GatewaySettings) -> None:
        self.gateway = gateway
        self.concurrency = settings.concurrency
        #: It goes on if nobody can count.
        self.fail_open = settings.fail_open
        #: The host counts.
        self.shared = "count" in settings.ask
        #: The counts that it has its part of, by rule and value.
        self.taken: set[tuple[str, str]] = set()
        #: Who gave it what it has; ``None``: it has nothing.
        self.keeper: Keeper | None = None


class StepQuota(NamedTuple):
    """Of one step: the ``counters`` that must have room before it is sent, and the ``charges`` when it is over."""

    claim: Claim
    counters: tuple[Counter, ...]
    charges: tuple[Charge, ...]

    def missing(self) -> tuple[Counter, ...]:
        """The counters that the claim has no part of yet. Another try of a step needs none again."""
        taken = self.claim.taken
        return tuple(counter for counter in self.counters if (counter.rule, counter.value) not in taken)

    def finish(self, usage: UsageReported | None, cost: float | None, now: float) -> None:
        """The exchange or session is over. ``usage``: what its provider reported; ``cost``: US dollars, if known."""
        keeper, self.claim.keeper = self.claim.keeper, None
        if keeper is not None:
            keeper.finish(self, usage, cost, now)

    def charge(self, usage: UsageReported, cost: float | None, now: float) -> None:
        """A try that has failed has used ``usage``; another one may follow."""
        if self.claim.keeper is not None:
            self.claim.keeper.charge(self, usage, cost, now)


class Client(NamedTuple):
    """Whose request it is. ``credential``: its token for the gateway, else its principal; a secret perhaps."""

    gateway: str
    credential: str
    metadata: Mapping[str, MetadataValue]


def step_quota(
    claim: Claim, settings: GatewaySettings, client: Client, *, provider: str, model: str | None
) -> StepQuota:
    """What a request to ``provider`` for ``model`` needs."""
    counters: list[Counter] = []
    charges: list[Charge] = []
    rules = settings.rules if settings.rate_limit is None else (settings.rate_limit, *settings.rules)
    for rule in rules:
        value = _value(rule, client, provider, model or "") if rule.enabled else None
        if value is None:
            continue
        counts = rule.measure == "count"
        assert rule.id is not None
        counter = Counter(
            gateway=client.gateway,
            rule=rule.id,
            value=value,
            amount=1 if counts else 0,
            limit=min(round(rule.limit * DOLLAR), MOST_COUNTED) if rule.measure == "cost" else int(rule.limit),
            interval_s=rule.window_s,
            sliding=rule.technique == "sliding",
        )
        counters.append(counter)
        if not counts:
            charges.append(Charge(rule.measure, counter))
    return StepQuota(claim, tuple(counters), tuple(charges))


_SEPARATOR: Final = "\0"


def _value(rule: QuotaRule, client: Client, provider: str, model: str) -> str | None:
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
    text = _SEPARATOR.join((client.gateway, *parts))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _choose(selector: Selector | None, value: str, parts: list[str]) -> bool:
    """Whether the rule is for ``value``, which becomes one of ``parts`` if each value has a count of its own."""
    if selector is None:
        return True
    if selector.mode == "filter":
        return selector.takes(value)
    parts.append(value)
    return True
