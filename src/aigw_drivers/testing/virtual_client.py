"""A client of a virtual gateway: exchanges as with :class:`aigw_drivers.client.SyncClient`, and raw messages.

Decides: when messages go to the gateway and come from it. Must not know: what they say; that is the client library's.
"""

from collections.abc import Iterator
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from aigw_sansio import Accept, Close, CloseMessages, ConnId, PauseReading, Refuse, ResumeReading

from ..client import Content, Mode, NotConnected, Options, Response
from ..client.exchange_view import ExchangeView
from ..client.protocol import ClientProtocol, Exchange, Item
from ..client.request import create_message, steps_of
from ..core.hosted import MessageEffect

if TYPE_CHECKING:
    from .virtual_gateway import VirtualGateway


class VirtualClient:
    """One open socket. :meth:`.VirtualGateway.connect` makes it.

    :meth:`create` and :meth:`stream` are those of :class:`aigw_drivers.client.SyncClient`, so what is written for that
    can be tested with this. Waiting lets the gateway's time pass. While :attr:`reads` is false it takes no messages.
    """

    def __init__(self, gateway: "VirtualGateway", conn: ConnId) -> None:
        self._gateway = gateway
        self._conn = conn
        self._protocol = ClientProtocol()
        self._names = count(1)
        self._accepted: Accept | Refuse | None = None
        self._may_send = True
        #: Whether it takes messages that come.
        self.reads = True
        #: Every message that passed, in order: who sent it (``"client"`` or ``"gateway"``), and its text.
        self.messages: list[tuple[str, str]] = []
        #: Code and reason with which the socket ended; ``None`` while it is open.
        self.closed: tuple[int, str] | None = None

    # -- exchanges --------------------------------------------------------------------------------------------------

    def create(
        self, provider: str, endpoint: str, query: object = None, *, mode: Mode = "both", **options: Unpack[Options]
    ) -> Response:
        """See :meth:`aigw_drivers.client.SyncClient.create`."""
        chunks: list[Content] = []
        events = []
        with self._stream(provider, endpoint, query, mode, options, gives_body=False) as stream:
            for item in stream:
                if isinstance(item, Content):
                    chunks.append(item)
                else:
                    events.append(item)
        return Response(metadata=stream.metadata, body=stream.response, chunks=tuple(chunks), events=tuple(events))

    def stream(
        self, provider: str, endpoint: str, query: object = None, *, mode: Mode = "events", **options: Unpack[Options]
    ) -> "VirtualStream":
        """See :meth:`aigw_drivers.client.SyncClient.stream`."""
        return self._stream(provider, endpoint, query, mode, options, gives_body=mode != "events")

    def send(self, message: str) -> None:
        """Send a message of one's own. What comes back is in :attr:`messages`."""
        self._send(message)
        self._gateway.settle()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the socket. Exchanges that run are lost."""
        if self.closed is None:
            self._end(code, reason)
            self._gateway.gateway.receive_close(self._conn, code, reason, self._gateway.now)
            self._gateway.release(self._conn)
            self._gateway.settle()

    def _stream(
        self, provider: str, endpoint: str, query: object, mode: Mode, options: Options, *, gives_body: bool
    ) -> "VirtualStream":
        event_id = options.get("event_id") or f"test-{next(self._names)}"
        message = create_message(steps_of(provider, endpoint, query, options), event_id, mode)
        return VirtualStream(self._gateway, self._protocol, event_id, message, gives_body=gives_body)

    # -- what the gateway calls -------------------------------------------------------------------------------------

    def on_effect(self, effect: MessageEffect) -> None:
        """An effect for this client."""
        match effect:
            case Accept() | Refuse():
                self._accepted = effect
                if isinstance(effect, Refuse):
                    self._end(1006, f"refused with {effect.status}")
                    self._gateway.release(self._conn)
            case PauseReading():
                self._may_send = False
            case ResumeReading():
                self._may_send = True
            case CloseMessages():
                self._take_messages()
                self._end(effect.code, effect.reason)
                self._gateway.release(self._conn)
            case Close():
                self._end(1006, "")
                self._gateway.release(self._conn)

    def check_accepted(self) -> None:
        """Raise :class:`aigw_drivers.client.NotConnected` if the gateway did not accept this client."""
        if isinstance(self._accepted, Refuse):
            body = self._accepted.body.decode("utf-8", "replace")
            raise NotConnected(f"the gateway refused the socket: {body}", self._accepted.status)

    def exchange_messages(self) -> bool:
        """Send and take what there is. Returns whether there was anything."""
        before = len(self.messages)
        while self.closed is None and self._may_send and (message := self._protocol.next_message()) is not None:
            self._send(message)
        self._take_messages()
        return len(self.messages) > before

    def _send(self, message: str) -> None:
        self.messages.append(("client", message))
        self._gateway.gateway.receive_message(self._conn, message.encode(), self._gateway.now, text=True)

    def _take_messages(self) -> None:
        gateway = self._gateway.gateway
        while self.closed is None and self.reads and self._protocol.may_read:
            messages = gateway.messages_to_send(self._conn)
            if not messages:
                return
            for message in messages:
                self.messages.append(("gateway", message.data.decode("utf-8", "replace")))
                self._protocol.receive_message(message.data)
            gateway.data_sent(self._conn, sum(len(message.data) for message in messages), self._gateway.now)

    def _end(self, code: int, reason: str) -> None:
        self.closed = code, reason
        self._protocol.lost(code, reason)


class VirtualStream(ExchangeView):
    """One exchange, as :class:`aigw_drivers.client.SyncStream`: enter it, then iterate it."""

    def __init__(
        self, gateway: "VirtualGateway", protocol: ClientProtocol, event_id: str, message: str, *, gives_body: bool
    ) -> None:
        super().__init__(event_id, gives_body=gives_body)
        self._gateway = gateway
        self._protocol = protocol
        self._message = message

    def __enter__(self) -> Self:
        self._exchange = self._protocol.create(self.event_id, self._message, lambda: None)
        self._gateway.settle()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._protocol.withdraw(self._begun)
        self._gateway.settle()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        exchange = self._begun
        while (item := self._protocol.take(exchange)) is None:
            if exchange.ended:
                for body in self._end(exchange):
                    return body
                raise StopIteration
            self._wait(exchange)
        return item

    def cancel(self) -> None:
        """See :meth:`aigw_drivers.client.SyncStream.cancel`."""
        self._protocol.cancel(self._begun)
        self._gateway.settle()

    def _wait(self, exchange: Exchange) -> None:
        exchange.awaited = True
        self._gateway.settle()
        if exchange.held or exchange.ended:
            return
        assert self._gateway.step(), "an exchange that has not ended has a deadline"
