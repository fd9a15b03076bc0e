"""A gateway without driver: a mock provider, clients without sockets, and time that only a test moves.

Decides: in which order the gateway and its clients get their turns. Must not know: the protocol that they speak.
"""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self, TypeAlias

from aigw_sansio import (
    Accept,
    Answer,
    Ask,
    Close,
    CloseMessages,
    Config,
    Connect,
    ConnId,
    Continue,
    Effect,
    Emit,
    Event,
    Flush,
    Gateway,
    Keep,
    PauseReading,
    Question,
    Refuse,
    ResumeReading,
    Secret,
    Unavailable,
)

from ..server.translation import with_translation
from .mock_provider import MockProvider
from .virtual_client import VirtualClient

#: Answers a question of the gateway at once.
Answerer: TypeAlias = Callable[[Question], Answer]

_SEED: Final = b"the same seed for every test"
_WALL: Final = 1_700_000_000.0


class VirtualGateway:
    """A gateway with ``config`` whose provider is ``provider``. Everything happens in the calls of its user.

    :meth:`connect` gives a client. :attr:`now` is the time in seconds, from 0 on; :meth:`advance` moves it, and so does
    a client that waits for a response. Every run is the same: ids and jitter come from a fixed seed. ``answer`` answers
    the questions of the gateway; without it each is answered with ``Unavailable``.

    What ``provider`` raises is raised by the call in which it happens. As a context manager it closes all clients at
    the end, and lets the time run until nothing is left.
    """

    def __init__(self, config: Config, provider: MockProvider, *, answer: Answerer | None = None) -> None:
        #: The engine: call further inputs with :meth:`call`.
        self.gateway = Gateway(config, _SEED, _WALL, with_translation(None))
        self.provider = provider
        self.now = 0.0
        #: All events, in order.
        self.events: list[Event] = []
        #: All responses that were to be kept, in order. ``answer`` may give them back as ``Hit``.
        self.kept: list[Keep] = []
        self._engine = provider.over(self.gateway)
        self._answer = answer
        self._clients: dict[ConnId, VirtualClient] = {}
        self._has_work = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if value is None:
            for client in list(self._clients.values()):
                client.close()
            while self.step():
                pass

    def connect(
        self,
        path: str = "/v1/local/default",
        *,
        token: str | Secret | None = None,
        headers: Mapping[str, str] | None = None,
        principal: str | None = None,
    ) -> VirtualClient:
        """A client with an open socket at ``path``. ``principal`` is its name, if it need not show a token.

        Raises :class:`aigw_drivers.client.NotConnected` if the gateway refuses it.
        """
        fields = [(b"host", b"gateway.test")]
        if token is not None:
            value = token.reveal() if isinstance(token, Secret) else token
            fields.append((b"cf-aig-authorization", f"Bearer {value}".encode("latin-1")))
        fields += [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
        target = path.encode()
        conn = self.gateway.open_messages(target, "192.0.2.1:50000", fields, [], principal, self.now)
        client = self._clients[conn] = VirtualClient(self, conn)
        self.settle()
        client.check_accepted()
        return client

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Call an input of :attr:`gateway` with the time as its last argument: ``call(gateway.gateway.drain)``."""
        function(*arguments, self.now)
        self.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass, from deadline to deadline."""
        until = self.now + seconds
        while (due := self._engine.next_timeout()) is not None and due <= until:
            self._pass_to(due)
        self.now = until

    def step(self) -> bool:
        """Let time pass to the next deadline. False if there is none: then nothing more happens by itself."""
        due = self._engine.next_timeout()
        if due is None:
            return False
        self._pass_to(due)
        return True

    def settle(self) -> None:
        """Do all that is to be done now. Every other method does it too."""
        while True:
            self._carry_out()
            if self._has_work:
                self._has_work = False
                self._engine.proceed(self.now)
            elif not any(client.exchange_messages() for client in list(self._clients.values())):
                break
        errors = self.provider.errors
        if errors:
            raise errors.pop(0)

    def release(self, conn: ConnId) -> None:
        """A client is over. Clients call it."""
        if self._clients.pop(conn, None) is not None:
            self.gateway.closed(conn, self.now)

    # -- inside -------------------------------------------------------------------------------------------------

    def _pass_to(self, due: float) -> None:
        self.now = max(self.now, due)
        self._engine.handle_timeout(self.now)
        self.settle()

    def _carry_out(self) -> None:
        while effects := self._engine.effects():
            for effect in effects:
                self._execute(effect)

    def _execute(self, effect: Effect) -> None:
        match effect:
            case Emit(event):
                self.events.append(event)
            case Continue():
                self._has_work = True
            case Ask(ask_id, question):
                answer = Unavailable() if self._answer is None else self._answer(question)
                self._engine.answer(ask_id, answer, self.now)
            case Keep():
                self.kept.append(effect)
            case Connect():
                raise AssertionError("the mock provider lets no dial out")
            case (
                Accept(conn)
                | Refuse(conn)
                | CloseMessages(conn)
                | Flush(conn)
                | PauseReading(conn)
                | ResumeReading(conn)
                | Close(conn)
            ):
                if conn in self._clients:
                    self._clients[conn].on_effect(effect)
