"""Records: one row for each exchange and each realtime session that is to be recorded.

Decides: which events make a row. Must not know: what a row tells (:mod:`.rows`), and where it goes.
"""

from collections.abc import Callable
from typing import TypeAlias

from aigw_sansio import AttemptConnected, AttemptEnded, Event, ExchangeEnded, SessionEnded

from .rows import Row, exchange_row, session_row

#: What a row is made of: the last event, and those of the attempts of an exchange.
Ended: TypeAlias = tuple[ExchangeEnded | SessionEnded, list[AttemptConnected | AttemptEnded]]


class Records:
    """Give it to a driver as ``on_event``, or call it from there. ``add`` is called with each :data:`Ended`, in the
    driver's thread: it must not block. ``then`` is called with each event afterwards."""

    def __init__(self, add: Callable[[Ended], None], then: Callable[[Event], None] | None = None) -> None:
        self._add = add
        self._then = then
        self._attempts: dict[str, list[AttemptConnected | AttemptEnded]] = {}  # of exchanges that run

    def __call__(self, event: Event) -> None:
        if isinstance(event, (AttemptEnded, AttemptConnected)):  # a tuple: a union costs more
            self._attempts.setdefault(event.log_id, []).append(event)
        elif isinstance(event, ExchangeEnded):
            attempts = self._attempts.pop(event.log_id, [])
            if event.record.collect:
                self._add((event, attempts))
        elif isinstance(event, SessionEnded) and event.mode == "realtime" and event.record.collect:
            self._add((event, []))
        if self._then is not None:
            self._then(event)


def row_of(ended: Ended) -> Row:
    """The row of what has ended."""
    event, attempts = ended
    return exchange_row(event, attempts) if isinstance(event, ExchangeEnded) else session_row(event)
