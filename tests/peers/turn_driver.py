"""A driver that goes on with work that is left only when a test says so, and a core whose calls are measured.

A call is measured by the functions that it calls, in Python and in C: a number that is the same on every machine. The
compiled core hides them, so only its turns are counted.
"""

import sys
from types import FrameType
from typing import Any

from tests.peers.reference_driver import Core, End, Link, PerfectDriver

_INPUTS = frozenset(
    (
        "open_downstream", "connected", "connect_failed", "receive_data", "receive_eof", "connection_lost", "data_sent",
        "closed", "answer", "handle_timeout", "proceed", "drain",
    )
)  # fmt: skip


class Meter:
    """Stands before ``core`` and counts the functions that each of its inputs calls."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.most = 0  #: calls of functions, in the longest input
        self.where = ""

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._core, name)
        return _Measured(self, name, method) if name in _INPUTS else method


class _Measured:
    def __init__(self, meter: Meter, name: str, method: Any) -> None:
        self._meter, self._name, self._method = meter, name, method

    def __call__(self, *args: Any, **options: Any) -> Any:
        count = 0

        def count_calls(frame: FrameType, event: str, argument: object) -> None:
            nonlocal count
            if event in ("call", "c_call"):
                count += 1

        before = sys.getprofile()
        sys.setprofile(count_calls)
        try:
            return self._method(*args, **options)
        finally:
            sys.setprofile(before)
            if count > self._meter.most:
                self._meter.most, self._meter.where = count, self._name


class TurnDriver(PerfectDriver):
    """Serves sockets at once, and calls ``proceed`` only in :meth:`turn`."""

    def _proceed(self) -> bool:
        return False

    def deliver(self, link: Link, piece: bytes | End) -> None:
        """``piece`` comes now, even to a paused connection: as the one read that may still be under way, or under TLS
        as the end in the read that is delivered."""
        self._deliver(link, piece)
        self.execute()

    def turn(self) -> bool:
        """One ``proceed``, if work is left. Returns whether there was any."""
        if not super()._proceed():
            return False
        self.settle()
        return True
