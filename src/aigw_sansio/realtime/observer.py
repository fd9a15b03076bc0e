"""What a provider's realtime messages mean, read beside the relay for hosts that listen.

Decides: what becomes of what is read: events for the host, and usage, counted once for each answer. Must not know:
the relay, which never waits for this, and any single protocol (:mod:`.providers.realtime_reading`).
"""

from ..engine.services import Services
from ..events import ProviderEventRead, ResponseFailed, ResponseFinished, ResponseStarted, UsageReported
from ..formats.realtime import make_realtime_reader
from ..formats.usage import UsageMeter
from ..wires.websocket.events import MessagePassed


class RealtimeObserver:
    """Reads what the provider of one session said."""

    __slots__ = ("_answering", "_log_id", "_meter", "_missed", "_reader", "_services")

    def __init__(self, services: Services, format: str, log_id: str) -> None:
        """``format`` names the reading of the provider's messages, ``log_id`` the session in the events."""
        self._services = services
        self._reader = make_realtime_reader(format)
        self._log_id = log_id
        self._meter = UsageMeter()
        self._answering = False
        self._missed = False  # a message was too large to be read

    def message_passed(self, message: MessagePassed) -> None:
        """One message of the provider went on."""
        if message.data is None:
            self._missed = True
            return
        reader = self._reader
        for event in reader.read_message(message.data, is_text=message.is_text):
            kind = type(event)
            if kind is UsageReported:
                assert isinstance(event, UsageReported)
                self._meter.report(event, reader.answer)
            elif kind is ResponseStarted:
                self._answering = True
            elif kind is ResponseFinished or kind is ResponseFailed:
                self._answering = reader.answering  # another may be under way, or this one go on
            self._services.emit(ProviderEventRead(self._log_id, event))

    def usage(self) -> UsageReported | None:
        """All that the provider reported; partial where an answer was under way or a message could not be read."""
        return self._meter.total(complete=not (self._answering or self._missed))
