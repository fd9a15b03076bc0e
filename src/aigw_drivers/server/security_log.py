"""One line in the log for each refusal, limit and flood.

Decides: which events are abuse or may be, the words for them, and how many lines a stranger can cause. Must not know:
where the log goes.

Events hold no secrets, so the lines hold none. What a client named is escaped.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

from aigw_sansio import ConnectionRefused, Event, ExchangeEnded, FaultKind, SessionEnded, Side, UpgradeRefused

from ..core.printable import printable

logger = logging.getLogger("aigw.security")

#: Lines in a minute: of one address and kind, and in all. Of wrong tokens an address gets one.
LINES_OF_ADDRESS: Final = 10
LINES: Final = 300
_UNAUTHORIZED: Final = 401
_FAULTS: Final = frozenset(
    {
        FaultKind.LIMIT_EXCEEDED,
        FaultKind.OVERLOADED,
        FaultKind.UNAUTHORIZED,
        FaultKind.NOT_ALLOWED,
        FaultKind.RATE_LIMITED,
    }
)
#: Close codes of a client that broke the protocol or a limit.
_CODES: Final = frozenset({1002, 1007, 1008, 1009, 1013})


class SecurityLog:
    """Give it to a driver as ``on_event``. ``then`` is called with each event afterwards."""

    def __init__(
        self, then: Callable[[Event], None] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._then = then
        self._clock = clock
        self._minute = float("-inf")
        self._lines: dict[tuple[str, int], int] = {}  # in this minute
        self._total = 0
        self._left_out = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, UpgradeRefused):
            text = f"refused conn={event.conn} status={event.status} code={event.code}: {event.reason}"
            self._write(event.address, event.status, text)
        elif isinstance(event, ConnectionRefused):
            self._write(event.address, 0, f"closed conn={event.conn}: {event.reason}")
        elif isinstance(event, ExchangeEnded):
            if event.fault is not None and event.fault.side is not Side.PROVIDER and event.fault.kind in _FAULTS:
                text = f"refused session={event.session} log_id={event.log_id} {event.fault.kind}: {event.fault.detail}"
                self._write(f"session {event.session}", event.status or 0, text)
        elif isinstance(event, SessionEnded) and event.by is not Side.PROVIDER and event.code in _CODES:
            self._write("", event.code, f"ended session={event.session} code={event.code}: {event.reason}")
        if self._then is not None:
            self._then(event)

    def _write(self, address: str, kind: int, text: str) -> None:
        now = self._clock()
        if now - self._minute >= 60:
            left_out, self._left_out = self._left_out, 0
            self._minute, self._total = now, 0
            self._lines.clear()
            if left_out:
                logger.warning("%d more lines like these were left out", left_out)
        found = self._lines.get((address, kind), 0)
        if found >= (1 if kind == _UNAUTHORIZED else LINES_OF_ADDRESS) or self._total >= LINES:
            self._left_out += 1
            return
        self._lines[address, kind] = found + 1
        self._total += 1
        logger.warning("%s%s", f"{printable(address)} " if address else "", printable(text).replace("\n", "\\n"))
