"""A realtime session whose messages a host reviews, without I/O: its client in frames, or in messages, and its provider."""

from tests.peers.websocket_client import WsClient
from tests.peers.websocket_provider import WsProvider
from tests.rigs.review_settings import reviewed
from wsproto.events import TextMessage

from aigw_sansio import (
    Answer,
    Ask,
    AskId,
    CloseMessages,
    Config,
    Connect,
    ConnId,
    Continue,
    Emit,
    Event,
    Gateway,
    PauseReading,
    ResumeReading,
    Review,
    SessionEnded,
    Timeouts,
)
from aigw_sansio.review import ReviewWindow

_PATH = "/v1/local/default/openai?model=m"


class ReviewedSession:
    """An open session. ``frames``: its client has a socket; otherwise its host owns that."""

    def __init__(self, *, frames: bool, window: ReviewWindow | None = None, listens: bool = False) -> None:
        settings = reviewed(window)
        config = Config(
            gateways={"local/default": settings}, timeouts=Timeouts(review_s=7.0), emit_provider_events=listens
        )
        self.gateway = Gateway(config, b"a seed of sixteen bytes", 1_700_000_000.0)
        self.now = 0.0
        self.events: list[Event] = []
        self.open: list[tuple[AskId, Review]] = []
        self.paused = False  #: its provider
        #: What the client was told: its messages, then ``close CODE REASON``.
        self.told: list[str] = []
        self.up: ConnId = ConnId(0)
        self.provider = WsProvider()
        self._client = WsClient() if frames else None
        self._work = False
        if self._client is not None:
            self.conn = self.gateway.open_downstream("192.0.2.1:1", None, self.now)
            self.gateway.receive_data(self.conn, self._client.open(_PATH, []), self.now)
        else:
            fields = [(b"host", b"gw.test")]
            self.conn = self.gateway.open_messages(_PATH.encode(), "192.0.2.1:1", fields, [], None, self.now)
        self.settle()
        self.hear(self.provider.switch(101, []))
        if frames:
            assert self.told.pop(0) == "open"

    def hear(self, data: bytes) -> None:
        """Bytes of the provider."""
        self.gateway.receive_data(self.up, data, self.now)
        self.settle()

    def say(self, *texts: str) -> None:
        """Messages of the provider, in one read."""
        self.hear(b"".join(self.provider.event(TextMessage(data=text)) for text in texts))

    def reply(self, answer: Answer) -> None:
        """Answer the review that is open."""
        ask_id, _ = self.open.pop(0)
        self.gateway.answer(ask_id, answer, self.now)
        self.settle()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, from deadline to deadline."""
        until = self.now + seconds
        while (due := self.gateway.next_timeout()) is not None and due <= until:
            self.now = due
            self.gateway.handle_timeout(due)
            self.settle()
        self.now = until

    @property
    def ended(self) -> SessionEnded:
        """The end of the session."""
        (event,) = [event for event in self.events if isinstance(event, SessionEnded)]
        return event

    def settle(self) -> None:
        """Carry out all effects, and take what is to be sent."""
        while self._carry_out() or self._work:
            if self._work:
                self._work = False
                self.gateway.proceed(self.now)
            for conn in (self.conn, self.up):
                self._pull(conn)

    def _carry_out(self) -> bool:
        effects = self.gateway.effects()
        for effect in effects:
            if isinstance(effect, Emit):
                self.events.append(effect.event)
            elif isinstance(effect, Connect):
                self.up = effect.conn
                self.gateway.connected(self.up, None, self.now)
            elif isinstance(effect, Ask):
                assert isinstance(effect.question, Review)
                self.open.append((effect.id, effect.question))
            elif isinstance(effect, Continue):
                self._work = True
            elif isinstance(effect, PauseReading | ResumeReading) and effect.conn == self.up:
                assert self.paused is isinstance(effect, ResumeReading)
                self.paused = isinstance(effect, PauseReading)
            elif isinstance(effect, CloseMessages):
                self._take_messages()
                self.told.append(f"close {effect.code} {effect.reason}".rstrip())
        return bool(effects)

    def _pull(self, conn: ConnId) -> None:
        if conn == self.conn and self._client is None:
            self._take_messages()
            return
        while data := self.gateway.data_to_send(conn):
            self.gateway.data_sent(conn, len(data), self.now)
            if conn == self.up:
                self.provider.receive(data)
                if replies := self.provider.take():
                    self.gateway.receive_data(conn, replies, self.now)
            elif self._client is not None:
                self.told += [seen.line for seen in self._client.receive(data)]

    def _take_messages(self) -> None:
        while messages := self.gateway.messages_to_send(self.conn):
            self.told += [message.data.decode() for message in messages]
            self.gateway.data_sent(self.conn, sum(len(message.data) for message in messages), self.now)
