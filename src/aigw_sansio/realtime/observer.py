"""The meaning of a provider's realtime messages, read beside the relay for hosts that listen.

Decides: that the host gets the events, and that usage is counted once for each response. Must not know: the relay,
which never waits for this, and any single protocol (:mod:`aigw_sansio.formats.realtime`).
"""

from ..engine.services import Services
from ..events import ProviderEventRead, ResponseFailed, ResponseFinished, ResponseStarted, UsageReported
from ..formats.realtime import make_realtime_reader
from ..formats.usage import UsageMeter
from ..wires.websocket.events import MessagePassed


class RealtimeObserver:
    """Reads the messages of the provider of one session."""

    __slots__ = ("_answering", "_log_id", "_meter", "_missed", "_reader", "_services")

    def __init__(self, services: Services, format: str, log_id: str) -> None:
        """``format`` names how the provider writes its messages; ``log_id`` names the session in the events."""
        self._services = services
        self._reader = make_realtime_reader(format)
        self._log_id = log_id
        self._meter = UsageMeter()
        self._answering = False
        self._missed = False  # a message was too large to be read

    def message_passed(self, message: MessagePassed) -> None:
        """One message of the provider was passed on."""
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
                self._answering = reader.answering  # another response may be running, or this one goes on
            self._services.emit(ProviderEventRead(self._log_id, event))

    def usage(self) -> UsageReported | None:
        """The usage that the provider reported; partial if a response was running or a message was too large to
        read."""
        return self._meter.total(complete=not (self._answering or self._missed))
