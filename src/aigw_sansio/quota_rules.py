"""Quotas: the rules of what a gateway lets through in a time, what is counted for them, and the question that asks the
host to count.

Decides: the names, defaults and ranges of rules (client protocol, section 7). Must not know: who counts.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import inf
from typing import Final, Literal, TypeAlias

import msgspec

from .checks import Check, Named

Measure: TypeAlias = Literal["count", "tokens", "cost"]
Technique: TypeAlias = Literal["fixed", "sliding"]

_ID: Final = r"[A-Za-z0-9_.-]{1,64}"
#: The longest time, in seconds: 400 days.
_LONGEST_S: Final = 400 * 86400.0
_MOST: Final = 1 << 40


class Selector(msgspec.Struct, frozen=True, kw_only=True, metaclass=Named):
    """Which values a rule is for. "partition": every value has a count of its own; so has a missing one. "filter": only
    requests with one of ``values``, all in one count; one that ends with ``*`` stands for all that begin with it."""

    mode: Literal["partition", "filter"]
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check = Check(self, "selector")
        if check.good("mode") and check.good("values") and (self.mode == "filter") is not bool(self.values):
            check.error(("values",), "belongs to the mode 'filter'; allowed is one value or more with it, else none")
        check.done()

    def takes(self, value: str) -> bool:
        """Whether a filter lets a rule be for ``value``."""
        return any(
            value == wanted or (wanted.endswith("*") and value.startswith(wanted[:-1])) for wanted in self.values
        )


class QuotaRule(msgspec.Struct, frozen=True, kw_only=True, metaclass=Named):
    """At most ``limit`` in ``window_s``: requests ("count"), tokens of input and output, or US dollars ("cost").

    Without selectors it is for all of the gateway together. ``token`` can only be partitioned: by the client's token
    for the gateway, or by its principal. ``metadata``: by the names in ``cf-aig-metadata``. ``id`` names the count;
    rules of a gateway with the same one share it, so they differ in the limit and in their selectors only; a request
    that they are all for counts once, and the smallest limit holds. ``None``: a name made of all but the limit.
    """

    limit: float
    window_s: float
    measure: Measure = "count"
    technique: Technique = "fixed"
    id: str | None = None
    enabled: bool = True
    token: Selector | None = None
    provider: Selector | None = None
    model: Selector | None = None
    metadata: dict[str, Selector] = {}

    def __post_init__(self) -> None:
        check = Check(self, "rule")
        check.ranges({"limit": (0, _MOST), "window_s": (1, _LONGEST_S)})
        check.form("id", _ID, "is no name; allowed are 1 to 64 letters, digits, '_', '.' and '-'")
        if check.good("limit") and check.good("measure") and self.measure != "cost" and self.limit != int(self.limit):
            check.error(("limit",), f"is {self.limit}; allowed is a whole number")
        if check.good("token") and self.token is not None and self.token.mode != "partition":
            check.error(("token",), "is a filter; allowed is the mode 'partition'")
        check.done()
        if self.id is None:
            same = msgspec.json.encode(msgspec.structs.replace(self, limit=0, id="-"))
            msgspec.structs.force_setattr(self, "id", blake2b(same, digest_size=6).hexdigest())


def unlike_their_count(rules: Sequence[QuotaRule]) -> list[int]:
    """The places of the ``rules`` that cannot share a count with the first that has their ``id``: one count is of one
    measure, window and technique. Those that are not enabled count nothing."""
    first: dict[str | None, tuple[Measure, float, Technique]] = {}
    kinds = ((rule.id, (rule.measure, rule.window_s, rule.technique)) for rule in rules)
    return [
        index
        for index, (name, kind) in enumerate(kinds)
        if rules[index].enabled and first.setdefault(name, kind) != kind
    ]


class Counter(msgspec.Struct, frozen=True):
    """How much was let through, of one thing, in one time.

    ``gateway`` (``ACCOUNT/GATEWAY``), ``rule`` and ``value`` together name it: ``value`` is whose count it is, if the
    rule has one for each client, provider or other value; else it is empty. None of them is secret. ``amount`` is what
    is to be added. ``limit``: the most that there may be; ``None``: it is added whatever there is. With an ``amount``
    of 0 nothing is added, and the counter is full at its limit.

    ``interval_s``: the time, in seconds. ``sliding``: the last such time; else one that is aligned to the clock, which
    is Unix time.
    """

    gateway: str
    rule: str
    value: str
    amount: int
    limit: int | None
    interval_s: float
    sliding: bool

    @property
    def room_needed(self) -> int:
        """How much must be left below the limit: also 1 if nothing is to be added yet."""
        return max(self.amount, 1)


class Places(msgspec.Struct, frozen=True):
    """How many requests and realtime sessions of one gateway run in one process.

    ``gateway``: ``ACCOUNT/GATEWAY``. ``holder`` names the process; no other has this name, also none after it.
    ``running``: all that run there, with the one that wants to begin. ``number`` grows with each that the process
    tells: one with a smaller number than what is known says nothing new. ``limit``: the most that may run in all
    processes together, else it is refused; ``None``: it is told, whatever the others run. ``lease_s``: what is told
    holds so many seconds; then the process runs nothing.
    """

    gateway: str
    holder: str
    running: int
    number: int
    limit: int | None
    lease_s: float


class Count(msgspec.Struct, frozen=True):
    """Have all ``counters`` room, and ``places``, if there are any? If so, add to all of them, and remember the places,
    else do nothing. Answered by :class:`Counted`; default: the gateway's setting ``fail_open`` decides.

    Asked if ``ask`` of the gateway's settings names ``count``, when a request is about to go to a provider (a cache has
    no answer to it), and again when its tokens or its cost are known: then no counter has a limit. With a limit of what
    runs at once (``concurrency``) it is also asked when something has ended, and now and then while something runs:
    then there may be no counters. The counters are of one gateway, so that a store may keep them together, and no two
    have one name. All that share them must ask the same host. One that answers without looking at ``places`` limits
    each process by itself.
    """

    counters: tuple[Counter, ...]
    places: Places | None = None


class Counted(msgspec.Struct, frozen=True):
    """The answer to :class:`Count`. ``refused`` is the place of the counter that is full, of which the wait is the
    longest, or the number of counters if it is the places that are; ``None``: there was room, and it is counted.
    ``retry_after_s``: the seconds until there is room."""

    refused: int | None = None
    retry_after_s: float = 0.0

    def __post_init__(self) -> None:
        if self.refused is not None and self.refused < 0:
            raise ValueError(f"counted.refused is {self.refused}; allowed is the place of a counter, or None")
        if not 0 <= self.retry_after_s < inf:
            raise ValueError(f"counted.retry_after_s is {self.retry_after_s}; allowed is any number of 0 or more")
