"""A provider that is a Python function: an engine that dials nobody, because it answers its own dials.

Decides: when a dial of the gateway is answered, and when each piece of a response reaches it. Must not know: what
requests ask for.

It stands between a gateway and its driver. Effects for connections to providers stay here, all others go on. So it
works under every driver, and moves only when the driver calls ``proceed``, which tells it the time. Each ``proceed``
gives each connection at most one read, so a response without end starves nobody.
"""

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from types import TracebackType
from typing import Self, TypeAlias

from aigw_sansio import (
    Ask,
    Close,
    Connect,
    ConnId,
    Continue,
    Effect,
    Emit,
    Engine,
    Flush,
    Keep,
    PauseReading,
    ResumeReading,
)

from .mock_connection import MockConnection
from .mock_values import Break, MockRequest, MockResponse, Wait

Handler: TypeAlias = Callable[[MockRequest], MockResponse]
#: Told host and port of a dial: why it fails (``"connection refused"``), or ``None``.
DialHandler: TypeAlias = Callable[[str, int], str | None]


class MockProvider:
    """Answers every request of a gateway over HTTP/1.1, whatever its URL. There are no WebSockets to it.

    ``responses`` is a function of the request, or a script: a sequence of which each request takes the next one.
    ``dial`` may let dials fail. :attr:`requests` are those that came, in order.

    An exception of the function, or a request behind the end of the script, breaks that connection, and is kept in
    :attr:`errors`. At the end of ``with MockProvider(...) as provider:`` the first of them is raised.
    """

    def __init__(self, responses: Handler | Sequence[MockResponse], *, dial: DialHandler | None = None) -> None:
        self._responses = responses
        self._dial = dial
        self.requests: list[MockRequest] = []
        self.errors: list[Exception] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if value is None:
            self.check()

    def check(self) -> None:
        """Raise the first of :attr:`errors`, if there is one."""
        if self.errors:
            raise self.errors[0]

    def over(self, engine: Engine) -> "MockedEngine":
        """``engine`` with this provider: give it to a driver in place of ``engine``."""
        return MockedEngine(engine, self)

    def respond(self, request: MockRequest) -> MockResponse:
        """The response to ``request``, which is noted."""
        self.requests.append(request)
        if callable(self._responses):
            return self._responses(request)
        if len(self.requests) > len(self._responses):
            raise LookupError(f"the script has {len(self._responses)} responses, none is left for {request!r}")
        return self._responses[len(self.requests) - 1]

    def refusal(self, host: str, port: int) -> str | None:
        """Why a dial fails, ``None`` if it succeeds."""
        return None if self._dial is None else self._dial(host, port)


class _Link:
    def __init__(self, http: MockConnection) -> None:
        self.http = http
        self.paused = False
        self.due: float | None = None  # of a Wait


class MockedEngine:
    """An :class:`aigw_sansio.Engine` with a mock provider. :meth:`MockProvider.over` makes it.

    Inputs that are no driver's, such as ``open_messages``, are called on the engine behind it, as ever.
    """

    def __init__(self, engine: Engine, provider: MockProvider) -> None:
        self._engine = engine
        self._provider = provider
        self._links: dict[ConnId, _Link] = {}
        self._todo: deque[Effect] = deque()
        self._others: list[Effect] = []  # for the driver
        self._is_promised = False  # a ``proceed`` will come
        self._engine_has_work = False
        self.open_downstream = engine.open_downstream
        self.connected = engine.connected
        self.connect_failed = engine.connect_failed
        self.receive_data = engine.receive_data
        self.receive_eof = engine.receive_eof
        self.connection_lost = engine.connection_lost
        self.data_sent = engine.data_sent
        self.closed = engine.closed
        self.answer = engine.answer
        self.drain = engine.drain
        self.data_to_send = engine.data_to_send

    def handle_timeout(self, now: float) -> None:
        """See :meth:`aigw_sansio.Engine.handle_timeout`."""
        self._engine.handle_timeout(now)
        for link in self._links.values():
            if link.due is not None and link.due <= now:
                link.due = None

    def proceed(self, now: float) -> None:
        """See :meth:`aigw_sansio.Engine.proceed`."""
        self._is_promised = False
        if self._engine_has_work:
            self._engine_has_work = False
            self._engine.proceed(now)
        self._settle(now)
        for conn, link in list(self._links.items()):
            if self._has_work(link):
                self._guarded(conn, self._give, now)
                self._settle(now)

    def effects(self) -> list[Effect]:
        """See :meth:`aigw_sansio.Engine.effects`."""
        self._collect()
        others, self._others = self._others, []
        has_work = self._engine_has_work or self._todo or any(map(self._has_work, self._links.values()))
        if has_work and not self._is_promised:
            self._is_promised = True
            others.append(Continue())
        return others

    def next_timeout(self) -> float | None:
        """See :meth:`aigw_sansio.Engine.next_timeout`."""
        own = min((link.due for link in self._links.values() if link.due is not None), default=inf)
        due = self._engine.next_timeout()
        due = own if due is None else min(due, own)
        return None if due == inf else due

    # -- inside -------------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Take over what is for connections to the provider; the rest is the driver's."""
        for effect in self._engine.effects():
            match effect:
                case Connect(conn):
                    scheme = "http" if effect.tls is None else "https"
                    self._links[conn] = _Link(MockConnection(scheme, self._provider.respond))
                    self._todo.append(effect)
                case Flush(conn) | PauseReading(conn) | ResumeReading(conn) | Close(conn) if conn in self._links:
                    self._todo.append(effect)
                case Continue():
                    self._engine_has_work = True
                case Ask() | Keep() | Emit() | _:
                    self._others.append(effect)

    def _settle(self, now: float) -> None:
        """Carry out all that is ours. Done after each input: after a ``Close`` nothing may be reported but its end."""
        self._collect()
        while self._todo:
            self._carry_out(self._todo.popleft(), now)
            self._collect()

    @staticmethod
    def _has_work(link: _Link) -> bool:
        return not link.paused and link.due is None and (link.http.is_answering or link.http.is_over)

    def _carry_out(self, effect: Effect, now: float) -> None:
        match effect:
            case Connect(conn, host, port):
                refusal = self._provider.refusal(host, port)
                if refusal is None:
                    self._engine.connected(conn, None, now)
                else:
                    self._engine.connect_failed(conn, refusal, now)
                    self._release(conn, now)
            case PauseReading(conn) if conn in self._links:
                self._links[conn].paused = True
            case ResumeReading(conn) if conn in self._links:
                self._links[conn].paused = False
            case Flush(conn) if conn in self._links:
                self._guarded(conn, self._take, now)
            case Close(conn) if conn in self._links:  # what was to be sent before was pulled at its Flush
                self._release(conn, now)

    def _guarded(self, conn: ConnId, work: Callable[[ConnId, _Link, float], None], now: float) -> None:
        """Do ``work``, in which the test's own code may fail."""
        try:
            work(conn, self._links[conn], now)
        except Exception as error:
            self._provider.errors.append(error)
            self._lose(conn, f"the mock provider raised {type(error).__name__}", now)

    def _take(self, conn: ConnId, link: _Link, now: float) -> None:
        while data := self._engine.data_to_send(conn):
            self._engine.data_sent(conn, len(data), now)
            link.http.receive_data(data)

    def _give(self, conn: ConnId, link: _Link, now: float) -> None:
        part = link.http.next_part() if link.http.is_answering else None
        if isinstance(part, Break):
            self._lose(conn, part.reason, now)
        elif isinstance(part, Wait):
            link.due = now + part.seconds
        elif part:
            self._engine.receive_data(conn, part, now)
        elif link.http.is_over:
            link.paused = True  # there is nothing more to give
            self._engine.receive_eof(conn, now)

    def _lose(self, conn: ConnId, reason: str, now: float) -> None:
        if conn in self._links:
            self._engine.connection_lost(conn, reason, now)
            self._release(conn, now)

    def _release(self, conn: ConnId, now: float) -> None:
        link = self._links.pop(conn, None)
        if link is not None:
            link.http.close()
            self._engine.closed(conn, now)
