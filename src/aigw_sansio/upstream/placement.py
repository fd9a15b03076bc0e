"""Which connection a request gets: one pure function over facts.

Decides: ``Use``, ``Dial`` or ``Wait`` for one request, and which connections are too old. Must not know: connections,
requests, and which of them wait; the pool carries out the decision.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from ..ids import ConnId


class ConnectionFacts(msgspec.Struct, frozen=True):
    """The facts about one connection that can take a request now. Times are monotonic seconds."""

    conn: ConnId
    last_used: float
    dialed_at: float
    busy: bool  #: carries other calls
    ready_order: int = 0  #: its number among the connections that became ready


class Use(msgspec.Struct, frozen=True):
    """Send the request on this connection."""

    conn: ConnId


class Dial(msgspec.Struct, frozen=True):
    """Dial a connection for the request."""


class Wait(msgspec.Struct, frozen=True):
    """Wait until a connection becomes free or ready."""


Placement: TypeAlias = Use | Dial | Wait


def choose_connection(
    available: Sequence[ConnectionFacts],
    *,
    total: int,
    limit: int,
    shareable_dial: bool,
    after: int = 0,
    now: float,
    max_age_s: float,
) -> tuple[Placement, tuple[ConnId, ...]]:
    """The connection for a request, and the connections to close because of their age. Pure.

    ``available``: connections with room for a call. ``total``: all connections to the origin, dials included, at
    most ``limit``. ``shareable_dial``: a dial is running that many requests can probably share, or it is not known yet
    how many can share a new connection. ``after``: only connections with at least this ``ready_order`` may be used.

    1. A connection that is too old takes no new call; if it carries none, it is closed.
    2. Of the others the one used last is used, so that surplus ones grow idle and are closed.
    3. If many requests can share a dial, wait for it: do not dial again.
    4. Below the limit, dial.
    5. At the limit, wait; unless only ``after`` is in the way: then any connection is better than none, and one that
       carries calls is known to be alive.
    """
    young = [facts for facts in available if now - facts.dialed_at < max_age_s]
    expired = tuple(facts.conn for facts in available if not facts.busy and now - facts.dialed_at >= max_age_s)
    usable = [facts for facts in young if facts.ready_order >= after]
    if usable:
        return Use(max(usable, key=lambda facts: facts.last_used).conn), expired
    if shareable_dial:
        return Wait(), expired
    if total - len(expired) < limit:
        return Dial(), expired
    if young:
        return Use(max(young, key=lambda facts: (facts.busy, facts.last_used)).conn), expired
    return Wait(), expired
