"""What the host itself may end: one exchange, or one session.

Decides: which calls are misuse. Must not know: how an exchange or a session ends, and what its client is told.
"""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from ..engine.inputs import Inputs
from ..errors import LocalProtocolError
from ..wires.websocket.frames import LONGEST_REASON, may_send_close

#: Closes a session by its number, with a code and a reason; whether there was one that could be closed.
CloseSession: TypeAlias = Callable[[int, int, str, float], bool]

_LOG_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class HostInputs(Inputs):
    """The part of :class:`aigw_sansio.Gateway` that is for the host. ``_cancel`` and ``_close`` are set by the
    gateway."""

    __slots__ = ("_cancel", "_close")

    _cancel: Callable[[str, float], bool]
    _close: tuple[CloseSession, ...]

    def cancel_exchange(self, log_id: str, now: float) -> bool:
        """The host ends one exchange at once, with the provider's call, or one that waits
        (:class:`~.events.RequestWaiting`). ``log_id``: as its events name it.

        The client is told as if it had cancelled it (``universal.cancelled``, ``NativeCancelled``); ``ExchangeEnded``
        says that the gateway did. Returns whether it ran or waited: one that has ended is left alone. Drain ``effects``
        next. ``LocalProtocolError`` for a text that is no log id.
        """
        if not _LOG_ID.fullmatch(log_id):
            raise LocalProtocolError("cancel_exchange: this is no log id; allowed is the log_id of an event")
        self._advance(now)
        found = self._cancel(log_id, now)
        self._services.run_deferred(now)
        return found

    def close_session(self, session: int, code: int, reason: str, now: float) -> bool:
        """The host closes one session: of any dialect, or a realtime one. ``session``: as its events name it.

        Its exchanges end, and the client gets ``code`` (RFC 6455 section 7.4) and ``reason``, at most 123 bytes in
        UTF-8, behind what is queued; a realtime provider gets 1001. ``SessionEnded`` says that the gateway did it.
        Returns whether it was open: one that has ended is left alone. Drain ``effects`` next. ``LocalProtocolError``
        for a session that was never opened, a code that may not be sent, and a reason that is too long.
        """
        if not self._services.was_session(session):
            raise LocalProtocolError(f"close_session: no session {session} was ever opened")
        if not may_send_close(code):
            allowed = "1000 to 1003, 1007 to 1013 and 3000 to 4999"
            raise LocalProtocolError(f"close_session: code {code} may not be sent; allowed are {allowed}")
        if len(reason.encode("utf-8", "replace")) > LONGEST_REASON:
            raise LocalProtocolError(
                f"close_session: the reason is too long; allowed are {LONGEST_REASON} bytes in UTF-8"
            )
        self._advance(now)
        found = any(close(session, code, reason, now) for close in self._close)
        self._services.run_deferred(now)
        return found
