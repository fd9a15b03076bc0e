"""The meaning of a provider's realtime messages, read beside the relay for hosts that listen, for records and quotas.

Decides: which events the host gets, and that usage is counted once for each response. Must not know: the relay, which
never waits for this, and any single protocol (:mod:`aigw_sansio.formats.realtime`).
"""

import re
from typing import Final

from ..engine.services import Services
from ..events import (
    AudioDelta,
    ImageDelta,
    ProviderEventRead,
    ReasoningDelta,
    RefusalDelta,
    ResponseFailed,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallStarted,
    Unrecognised,
    UsageReported,
)
from ..formats.reader import RealtimeReader, RealtimeReaderMaker
from ..formats.usage import UsageMeter
from ..wires.websocket.events import MessagePassed
from .own_parts import session_reader

#: Names of members that count something.
_COUNTS: Final = re.compile(
    rb'"[A-Za-z_.]{0,40}(?:usage|duration|seconds|tokens|credits|billed|billable)', re.IGNORECASE
)
#: Events that are content of a response.
_CONTENT: Final = (TextDelta, ReasoningDelta, ToolCallStarted, AudioDelta, ImageDelta, RefusalDelta)

#: Events that begin and end a turn, and count what it used.
_TURNS: Final = frozenset((ResponseStarted, ResponseFinished, ResponseFailed, UsageReported))


class RealtimeObserver:
    """Reads the messages of the provider of one session."""

    __slots__ = (
        "_log_id",
        "_meter",
        "_missed",
        "_reader",
        "_responding",
        "_rough",
        "_services",
        "_tells",
        "_tells_turns",
        "first_content_at",
    )

    def __init__(
        self,
        services: Services,
        format: str,
        log_id: str,
        *,
        tells: bool = True,
        own: RealtimeReaderMaker | None = None,
    ) -> None:
        """``format`` names how the provider writes its messages; ``log_id`` names the session in the events. ``tells``:
        the host listens. ``own`` makes the host's own reader of them."""
        self._tells = tells
        self._services = services
        self._tells_turns = services.config.tell_turns
        self._reader: RealtimeReader = session_reader(format, own, log_id, services.emit)
        self._log_id = log_id
        self._meter = UsageMeter()
        self._responding = False
        self._missed = False  # a message that may have counts could not be read
        self._rough = False  # the last report said that the provider counts on
        #: When the first content of a response was passed on.
        self.first_content_at: float | None = None

    def message_passed(self, message: MessagePassed, now: float) -> None:
        """One message of the provider was passed on."""
        if message.data is None:
            self._missed = True
            return
        reader = self._reader
        for event in reader.read_message(message.data, is_text=message.is_text):
            kind = type(event)
            if kind is UsageReported:
                assert isinstance(event, UsageReported)
                self._meter.report(event, reader.response_id)
                self._rough = event.quality == "partial"
            elif kind is ResponseStarted:
                self._responding = True
            elif kind is ResponseFinished or kind is ResponseFailed:
                self._responding = reader.responding  # another response may be running, or this one goes on
            elif kind is Unrecognised:
                assert isinstance(event, Unrecognised)
                self._missed = self._missed or event.opaque or _COUNTS.search(message.data) is not None
            elif self.first_content_at is None and isinstance(event, _CONTENT):
                self.first_content_at = now
            if self._tells or (self._tells_turns and kind in _TURNS):
                self._services.emit(ProviderEventRead(self._log_id, event))

    def usage(self) -> UsageReported | None:
        """All that the provider reported; partial if a response was running, if the provider would have counted on, or
        if a message that may have counts could not be read. ``None``: the provider reported nothing. Partial and
        without any count: nobody knows, because its messages could not be read."""
        complete = not (self._responding or self._missed or self._rough)
        total = self._meter.total(complete=complete)
        return UsageReported(quality="partial") if total is None and self._missed else total
