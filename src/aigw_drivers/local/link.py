"""What carries the exchanges of a client in this process: the driver that runs the gateway.

Decides: when events are taken from the engine, and when a session of it is opened and left. Must not know: what an
event means (:mod:`.exchange`).

Each exchange has a session of its own. So each is held by its own iteration alone: what a program does not take stays
in the engine, which pauses that provider and no other.
"""

from collections.abc import Callable
from typing import Final

from aigw_sansio import Close, CloseMessages, ConnId, Create, Flush, LocalEngine

from ..anyio_driver import AnyioDriver
from ..client.errors import NotConnected
from ..client.protocol import Item
from ..core.hosted import MessageEffect
from .exchange import LocalExchange

#: So many events are taken at once; those that a program has not asked for wait outside of the engine.
_EVENTS_A_TIME: Final = 32


class LocalLink:
    """Carries exchanges. Implements :class:`.client.stream.Carrier`."""

    def __init__(self, driver: AnyioDriver, engine: LocalEngine, gateway: str, principal: str | None) -> None:
        """``gateway`` is ``"ACCOUNT/GATEWAY"``; ``principal`` is the client's name in events."""
        self._driver = driver
        self._engine = engine
        self._gateway = gateway
        self._principal = principal
        self._running: set[LocalExchange] = set()

    def create(self, event_id: str, request: Create, on_change: Callable[[], None]) -> LocalExchange:
        exchange = LocalExchange(event_id, on_change)
        session = _Session(self, exchange)

        def open_session(now: float) -> ConnId:
            conn = exchange.conn = self._engine.open_local(self._gateway, self._principal, now)
            self._engine.create(conn, request, now)
            return conn

        if not self._driver.serving:
            raise NotConnected("the gateway does not run")
        self._driver.open_hosted(session, open_session)
        if session.refused is not None:
            raise NotConnected(f"the gateway takes no new exchanges: {session.refused}")
        self._running.add(exchange)
        return exchange

    def cancel(self, exchange: LocalExchange) -> None:
        if exchange.conn is not None and not exchange.is_cancel_asked and not exchange.ended:
            exchange.is_cancel_asked = True
            self._driver.call(self._engine.cancel, exchange.conn, exchange.event_id)

    def withdraw(self, exchange: LocalExchange) -> None:
        exchange.withdraw()
        self._release(exchange)

    def take(self, exchange: LocalExchange) -> Item | None:
        while (item := exchange.take()) is None and exchange.is_ready:
            self.fetch(exchange)
        return item

    def set_awaited(self, exchange: LocalExchange, *, awaited: bool) -> None:
        """Nothing: each exchange has a session of its own, and none waits for another."""

    def close(self) -> None:
        """Leave all sessions. What runs is lost."""
        for exchange in list(self._running):
            exchange.lose(1000, "the client was closed")
            self._release(exchange)

    def fetch(self, exchange: LocalExchange) -> None:
        """Take events of ``exchange`` from the engine."""
        if exchange.conn is None:
            exchange.is_ready = False
            return
        exchange.is_ready = False  # before the call, whose effects may tell of more
        events = self._driver.call(self._engine.take_events, exchange.conn, _EVENTS_A_TIME)
        if len(events) == _EVENTS_A_TIME:
            exchange.is_ready = True
        exchange.read(events)
        if exchange.ended:
            self._release(exchange)

    def _release(self, exchange: LocalExchange) -> None:
        self._running.discard(exchange)
        conn, exchange.conn, exchange.is_ready = exchange.conn, None, False
        if conn is not None:
            self._driver.release_hosted(conn)


class _Session:
    """The session of one exchange. Implements ``MessageHandler``."""

    def __init__(self, link: LocalLink, exchange: LocalExchange) -> None:
        self._link = link
        self._exchange = exchange
        #: Why it was closed before it began.
        self.refused: str | None = None

    def on_effect(self, effect: MessageEffect) -> None:
        exchange = self._exchange
        match effect:
            case Flush():
                exchange.is_ready = True
                exchange.on_change()
            case CloseMessages():
                self._end(effect.code, effect.reason)
            case Close():
                exchange.conn, exchange.is_ready = None, False  # the driver has released it
                exchange.lose(1006, "the gateway was stopped")
            case _:
                raise AssertionError("a client in this process has no handshake and is not read")

    def _end(self, code: int, reason: str) -> None:
        """The session is closed. What waits is limited; it is taken now, so that the session holds nobody up."""
        link, exchange = self._link, self._exchange
        exchange.is_ready = True
        while exchange.is_ready:
            link.fetch(exchange)
        if exchange.conn is not None:
            self.refused = reason
            exchange.lose(code, reason)
            link._release(exchange)
