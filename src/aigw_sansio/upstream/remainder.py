"""The rest of a response whose exchange has ended: read and dropped, so that its connection can be kept.

Decides: how much of it is read, and for how long (client protocol, section 3.2). Must not know: the exchange, which has
ended and holds nothing of this.
"""

from collections.abc import Callable

from ..engine.services import Services
from ..engine.timers import NO_TIMER
from ..exchanges.source import Placed
from ..faults import Fault
from ..wires.http import Headers


class Remainder:
    """Takes the place of the handler of a call. Implements ``ResponseHandler``."""

    __slots__ = ("_cancel", "_left", "_timer")

    def __init__(self, services: Services, cancel: Callable[[float], None], now: float, *, waits: bool = True) -> None:
        """``cancel`` cancels the call. ``waits``: the end of its response has not been read yet."""
        self._cancel = cancel
        self._left = services.config.limits.read_on_bytes
        self._timer = NO_TIMER
        if waits:
            self._timer = services.timers.arm(NO_TIMER, self._on_timeout, now + services.config.timeouts.read_on_s)

    def _on_timeout(self, now: float) -> None:
        cancel = self._cancel
        self._finish()
        cancel(now)

    def _finish(self) -> None:
        """Nothing is read any more, and the call is let go."""
        self._timer.close()
        self._cancel = _nothing

    def response_body(self, data: bytes, now: float) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._on_timeout(now)

    def response_end(self, now: float) -> None:
        self._finish()

    def response_failed(self, fault: Fault, now: float) -> None:
        self._finish()

    # The head has come, so none of these means anything.

    def call_placed(self, placed: Placed, now: float) -> None:
        pass

    def call_replaced(self, now: float) -> None:
        pass

    def request_sent(self, now: float) -> None:
        pass

    def response_activity(self, now: float) -> None:
        pass

    def response_head(self, status: int, headers: Headers, now: float) -> None:
        pass


def _nothing(now: float) -> None:
    """Cancels a call that has ended."""
