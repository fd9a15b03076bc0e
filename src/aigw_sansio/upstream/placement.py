"""Which connection a request goes to: one pure decision over known facts.

Decides: ``Use``, ``Dial`` or ``Wait`` for one request, and which connections are too old. Must not know: connections,
requests, and who waits for what; the pool acts on what is decided here.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from ..ids import ConnId


class ConnectionFacts(msgspec.Struct, frozen=True):
    """What the decision needs to know of one connection that could take a request now."""

    conn: ConnId
    last_used: float
    dialed_at: float
    busy: bool  #: carries other streams
    ready_order: int = 0  #: when it got ready, counted by the pool


class Use(msgspec.Struct, frozen=True):
    """Send it on this connection."""

    conn: ConnId


class Dial(msgspec.Struct, frozen=True):
    """Open a connection for it."""


class Wait(msgspec.Struct, frozen=True):
    """Wait for a connection to get free or ready."""


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
    """Where a request goes, and which connections are to be closed for their age. Pure.

    ``available``: connections with room for a stream. ``total``: all connections to the origin, dials included, at
    most ``limit``. ``shareable_dial``: a dial is under way that likely many can share, or how many can share a new
    connection is not known yet. ``after``: only connections that got ready after that one may be used.

    1. A connection that is too old takes nothing new; if nothing runs on it, it is closed.
    2. Of the others the one used last is used, so that surplus ones grow idle and go.
    3. A dial that many can share is waited for rather than doubled.
    4. Below the limit a connection is dialled.
    5. At the limit the request waits, unless only ``after`` is in the way: then any connection is better than none, and
       one that serves others is known to live.
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
