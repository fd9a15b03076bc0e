"""A driver on Twisted's reactor, beside whatever else the reactor runs. It has neither TLS nor proxies.

All its methods are called in the reactor's thread. Twisted tells what a transport has taken only by asking for more, so
each connection is a pull producer: one pull is under way, and it is reported when the next one is wanted (duty 5).
"""

import socket
import time
from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredList, ensureDeferred, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IListeningPort, IPullProducer, IReactorTCP
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from aigw_drivers import AnswerHandler
from aigw_sansio import (
    READ_SIZE,
    Answer,
    Ask,
    Close,
    Connect,
    ConnId,
    Continue,
    Effect,
    Emit,
    Engine,
    Event,
    Flush,
    PauseReading,
    ResumeReading,
    Unavailable,
)


@implementer(IHalfCloseableProtocol, IPullProducer)
class _Link(Protocol):
    """One connection, of a client or to a provider."""

    def __init__(self, driver: "TwistedDriver", conn: ConnId | None = None) -> None:
        self.driver = driver
        self.conn = conn  # of a client, not before it is connected
        self.dial: Deferred | None = None
        self.paused = self.closing = self.ended = self.over = False
        self.late = False  # a client that came during the drain
        self.unreported = 0  # bytes that the transport has not taken yet

    def connectionMade(self) -> None:
        self.dial = None
        if self.over:  # of a dial that was given up
            self.transport.abortConnection()
            return
        self.transport.setTcpNoDelay(True)
        self.driver.made(self)
        if self.paused:
            self.transport.pauseProducing()
        self.transport.registerProducer(self, False)

    def dataReceived(self, data: bytes) -> None:
        if not self.closing:
            self.driver.step(self.driver.engine.receive_data, self.conn, data)

    def readConnectionLost(self) -> None:
        # A reset that has only just come looks like an end here: Twisted saw the error and no shutdown yet.
        if self.transport.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.transport.abortConnection()
        elif not self.closing:
            self.ended = True
            self.driver.step(self.driver.engine.receive_eof, self.conn)

    def writeConnectionLost(self) -> None:
        pass

    def connectionLost(self, reason: Failure) -> None:
        self.driver.lost(self, reason.getErrorMessage())

    def resumeProducing(self) -> None:
        """The transport has taken everything."""
        engine = self.driver.engine
        assert self.conn is not None
        if self.unreported:
            taken, self.unreported = self.unreported, 0
            self.driver.step(engine.data_sent, self.conn, taken)
        if self.over or self.unreported:
            return
        data = engine.data_to_send(self.conn, READ_SIZE)
        if data:
            self.unreported = len(data)
            self.transport.write(data)
        elif self.closing:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def stopProducing(self) -> None:
        pass


class TwistedDriver:
    """Drives one engine. :meth:`start` it; end it with :meth:`drain` or :meth:`stop`."""

    def __init__(
        self,
        reactor: IReactorTCP,
        engine: Engine,
        *,
        answer: AnswerHandler | None = None,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self._reactor = reactor
        self._answer = answer
        self._on_event = on_event
        self._clock = clock
        self._links: dict[ConnId, _Link] = {}
        self._executing = self._stopping = self._has_work = self._over = False
        self._alarm: IDelayedCall | None = None
        self._ports: list[IListeningPort] = []
        self._closing: list[Deferred] = []  # fire when a port is closed
        self._drained: Deferred | None = None

    def start(self, host: str, port: int) -> int:
        """Accept clients. Returns the port."""
        self._ports.append(self._reactor.listenTCP(port, Factory.forProtocol(lambda: _Link(self)), interface=host))
        self.step(lambda now: None)
        return int(self._ports[0].getHost().port)

    def drain(self) -> Deferred:
        """Go away; what is returned fires when the last connection has ended, and no work is left. Who comes meanwhile
        is told by the engine."""
        self._drained = Deferred()
        self.step(self.engine.drain)
        self._tell_drained()
        return self._drained

    def stop(self) -> None:
        """End everything at once."""
        self._stopping = True
        self._stop_listening()
        for link in list(self._links.values()):
            self._abort(link)
            self.lost(link, "the host stopped")
        while self._has_work:
            self._proceed()
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()

    def _stop_listening(self) -> None:
        ports, self._ports = self._ports, []
        self._closing += [maybeDeferred(port.stopListening) for port in ports]

    # -- what happens -------------------------------------------------------------------------------------------

    def step(self, method: Callable[..., object], *arguments: object) -> None:
        """Call an input, then carry out all effects, unless an outer call does that already (duty 3)."""
        method(*arguments, self._clock())
        if self._executing:
            return
        self._executing = True
        try:
            while effects := self.engine.effects():
                for effect in effects:
                    self._execute(effect)
        finally:
            self._executing = False
        self._set_alarm()

    def made(self, link: _Link) -> None:
        """A connection is open."""
        if link.conn is not None:
            self.step(self.engine.connected, link.conn, None)
            return
        peer, local = link.transport.getPeer(), link.transport.getHost()

        def opened(now: float) -> None:
            place = f"{local.host}:{local.port}"
            link.conn = self.engine.open_downstream(f"{peer.host}:{peer.port}", None, now, local=place)
            self._links[link.conn] = link
            link.late = self._drained is not None

        self.step(opened)

    def lost(self, link: _Link, reason: str) -> None:
        """A connection has ended, or was never made."""
        if link.over or link.conn is None:
            return
        link.over = True
        del self._links[link.conn]
        if not link.ended and not link.closing:
            report = self.engine.connect_failed if link.transport is None else self.engine.connection_lost
            self.step(report, link.conn, reason)
        self.step(self.engine.closed, link.conn)
        self._tell_drained()

    def _abort(self, link: _Link) -> None:
        if link.transport is not None:
            link.transport.abortConnection()
        elif link.dial is not None:
            link.dial.cancel()

    def _tell_drained(self) -> None:
        if self._drained is None or not all(link.late for link in self._links.values()):
            return
        self._stop_listening()
        if not (self._links or self._has_work or self._over):
            self._over = True
            DeferredList(self._closing).chainDeferred(self._drained)

    # -- effects ------------------------------------------------------------------------------------------------

    def _execute(self, effect: Effect) -> None:
        match effect:
            case Emit(event):
                if self._on_event is not None:
                    self._on_event(event)
            case Ask():
                self._ask(effect)
            case Continue():
                self._has_work = True
                # The first call runs before the reactor looks at its sockets, the second behind them (duty 10).
                self._reactor.callLater(0, self._reactor.callLater, 0, self._proceed)
            case Connect(conn, host, port):
                link = self._links[conn] = _Link(self, conn)
                link.dial = HostnameEndpoint(self._reactor, host, port).connect(Factory.forProtocol(lambda: link))
                link.dial.addErrback(lambda failure: self.lost(link, failure.getErrorMessage()))
            case Flush(conn) | PauseReading(conn) | ResumeReading(conn) | Close(conn):
                if (found := self._links.get(conn)) is not None:
                    self._execute_for(found, effect)

    def _execute_for(self, link: _Link, effect: Effect) -> None:
        is_open = link.transport is not None
        match effect:
            case PauseReading():
                link.paused = True
                if is_open:
                    link.transport.pauseProducing()
            case ResumeReading():
                link.paused = False
                if is_open and not link.ended:
                    link.transport.resumeProducing()
            case Close(abort=abort):
                link.closing = True
                if abort or not is_open:
                    self._abort(link)
                    self.lost(link, "")
                elif not link.unreported:
                    link.resumeProducing()
            case Flush():
                if is_open and not link.unreported:
                    link.resumeProducing()

    def _ask(self, ask: Ask) -> None:
        def answered(value: Answer | Failure) -> None:
            self.step(self.engine.answer, ask.id, Unavailable() if isinstance(value, Failure) else value)

        if self._answer is None or self._stopping:
            answered(Unavailable())
        else:
            ensureDeferred(self._answer(ask.question)).addBoth(answered)

    def _proceed(self) -> None:
        if self._has_work:
            self._has_work = False
            self.step(self.engine.proceed)
            self._tell_drained()

    def _set_alarm(self) -> None:
        due = self.engine.next_timeout()
        if self._alarm is not None and self._alarm.active():
            self._alarm.cancel()
        self._alarm = None
        if due is not None and not self._stopping:
            delay = max(0.0, due - self._clock())
            self._alarm = self._reactor.callLater(delay, self.step, self._on_time)

    def _on_time(self, now: float) -> None:
        due = self.engine.next_timeout()
        if due is not None and due <= now:
            self.engine.handle_timeout(now)
