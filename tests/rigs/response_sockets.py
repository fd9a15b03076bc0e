"""WebSockets of one session to a provider, without a gateway: who uses them, and the provider's end of each."""

from tests.peers.websocket_provider import WsProvider

from aigw_sansio.config import Config
from aigw_sansio.effects import Close, Connect, Effect
from aigw_sansio.engine.client import Client
from aigw_sansio.engine.services import Services
from aigw_sansio.engine.turns import TURN_BYTES
from aigw_sansio.origin import Origin
from aigw_sansio.providers.realtime import RealtimeCall
from aigw_sansio.upstream.response_socket import SocketKey
from aigw_sansio.upstream.session_sockets import SessionSockets
from aigw_sansio.upstream.websocket import UpstreamWebSocket

ORIGIN = Origin("https", "provider.test", 443, None, "auto")
UPGRADE = RealtimeCall("openai", ORIGIN, b"/v1/responses", [(b"authorization", b"Bearer k")], (), "openai-responses")


def key_of(credential: bytes = b"Bearer k", *, target: bytes = b"/v1/responses", beta: bytes = b"") -> SocketKey:
    """What a socket with this key of the provider's, and this field, is opened with."""
    return SocketKey(ORIGIN, target, ((b"authorization", credential), (b"openai-beta", beta)))


class Sockets:
    """The sockets, and the connections that were dialled for them with their providers, in order."""

    def __init__(self, config: Config | None = None, taken: int = 0) -> None:
        self.services = Services(config or Config(), b"seed", 0.0)
        self.client = Client()
        self.pipes: list[UpstreamWebSocket] = []
        self.providers: list[WsProvider] = []
        self.taken = taken
        self.sockets = SessionSockets(self.services, self._dialled, lambda: self.taken)
        self.now = 0.0

    def _dialled(self, pipe: UpstreamWebSocket) -> None:
        self.pipes.append(pipe)
        self.providers.append(WsProvider())
        self.providers[-1].auto_pong = False

    def connect(self, number: int = -1, status: int = 101) -> None:
        """The dial of a connection succeeds, and its provider answers the upgrade."""
        self.pipes[number].connected("http/1.1", self.now)
        self.heard(number)
        if status == 101:
            self.receive(self.providers[number].switch(101, []), number)
        else:
            self.receive(b"HTTP/1.1 %d No\r\ncontent-length: 0\r\n\r\n" % status, number)

    def receive(self, data: bytes, number: int = -1, turn: int = TURN_BYTES) -> None:
        """The provider sends bytes; so much is left of the turn."""
        pipe = self.pipes[number]
        self.services.turns.left = turn
        (pipe.receiver or pipe).receive_data(data, self.now)

    def say(self, *texts: str, number: int = -1, turn: int = TURN_BYTES) -> None:
        """The provider sends messages, all in one read."""
        self.receive(b"".join(self.providers[number].act(text, text) for text in texts), number, turn)

    def heard(self, number: int = -1) -> list[str]:
        """What the provider has been sent since the last look."""
        pipe, provider = self.pipes[number], self.providers[number]
        data = pipe.buffer.pull(1 << 24)
        if data:
            pipe.data_sent(len(data), self.now)
        return [seen.line for seen in provider.receive(data)] if data else []

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.services.fire_timers(self.now)

    def effects(self) -> list[Effect]:
        """Dials and closes since the last call."""
        return [one for one in self.services.take_effects() if isinstance(one, Connect | Close)]
