"""Running streams through a gateway, without I/O: bytes of providers in, frames for one client out."""

import json
import random
import string
from collections.abc import Mapping
from time import thread_time

from tests.rigs.parts import TRANSLATES

from aigw_sansio.config import Compression, Config, GatewaySettings, Limits, ProviderSettings
from aigw_sansio.effects import Ask, Connect
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import AskId, ConnId
from aigw_sansio.review import Released
from aigw_sansio.secret import Secret
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.messages import WebSocketWire

UPGRADE = (
    b"GET /v1/local/default HTTP/1.1\r\nHost: gw\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(size: int = 200, chance: random.Random | None = None) -> bytes:
    """One SSE event of OpenAI's chat format in one HTTP chunk; the event has ``size`` bytes. Its text is random letters
    where there is a ``chance``."""
    base = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": ""}}]}
    room = size - len(json.dumps(base)) - len("data: \n\n")
    text = "x" * room if chance is None else "".join(chance.choices(string.ascii_letters, k=room))
    base["choices"][0]["delta"]["content"] = text  # type: ignore[index]
    return http_chunk(b"data: " + json.dumps(base).encode() + b"\n\n")


def http_chunk(data: bytes) -> bytes:
    """``data`` as one chunk of HTTP/1.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


_STEP: dict[str, object] = {"provider": "openai", "endpoint": "chat/completions", "query": {}}


_ASKED = json.dumps({"type": "universal.create", "request": _STEP}).encode()
_CHOICE = {"index": 0, "message": {"role": "assistant", "content": "x" * 400}, "finish_reason": "stop"}
_ANSWER = json.dumps(
    {"id": "c", "choices": [_CHOICE], "usage": {"prompt_tokens": 40, "completion_tokens": 90}}
).encode()
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_ANSWER), _ANSWER)


class Rig:
    """A gateway with one client and some running streams. ``step`` is what the client asks ``provider`` for;
    ``opening`` is how the body of each response begins."""

    def __init__(
        self,
        exchanges: int,
        compression: Compression = "off",
        *,
        key: str | None = None,
        provider: str = "openai",
        step: Mapping[str, object] = _STEP,
        opening: bytes | None = None,
        gateway: GatewaySettings | None = None,
    ) -> None:
        stored = None if key is None else Secret(key)
        settings = {provider: ProviderSettings(base_url="http://127.0.0.1:9/v1", api_key=stored)}
        limits = Limits(exchanges_per_connection=max(100, exchanges))
        gateways = {"local/default": gateway or GatewaySettings(compression=compression)}
        self.gateway = Gateway(
            Config(gateways=gateways, providers=settings, limits=limits), b"benchmark seed 16", 0.0, TRANSLATES
        )
        self.sent = 0  #: bytes to the client
        self.client = self.gateway.open_downstream("peer", None, 0.0)
        self.gateway.receive_data(self.client, UPGRADE, 0.0)
        self.upstreams: list[ConnId] = []
        self._wire = wire = WebSocketWire(Role.CLIENT, message_limit=1 << 20, mask_key=lambda: b"mask")
        for number in range(exchanges):
            request = {"eventId": str(number), **step}
            message = json.dumps({"type": "universal.create", "request": request}).encode()
            self.gateway.receive_data(self.client, wire.text(message), 0.0)
            conn = next(effect.conn for effect in self.gateway.effects() if isinstance(effect, Connect))
            self.gateway.connected(conn, None, 0.0)
            self.pull(conn)
            self.gateway.receive_data(conn, HEAD + (chunk() if opening is None else opening), 0.0)
            self.upstreams.append(conn)
        self.pull(self.client)
        self.gateway.effects()

    def pull(self, conn: ConnId) -> int:
        """What a driver does with a flush."""
        total = 0
        while data := self.gateway.data_to_send(conn):
            total += len(data)
            self.gateway.data_sent(conn, len(data), 0.0)
        return total

    def run(self, read: bytes, rounds: int) -> float:
        """Seconds for ``rounds`` reads, spread over the streams; each is flushed to the client."""
        gateway, client, upstreams = self.gateway, self.client, self.upstreams
        began = thread_time()
        for number in range(rounds):
            gateway.receive_data(upstreams[number % len(upstreams)], read, 0.0)
            gateway.effects()
            self.sent += self.pull(client)
        return thread_time() - began

    def whole(self, rounds: int) -> None:
        """``rounds`` requests, one after the other on one connection to the provider, each with a whole response."""
        gateway, client = self.gateway, self.client
        for _ in range(rounds):
            gateway.receive_data(client, self._wire.text(_ASKED), 0.0)
            conn = next((effect.conn for effect in gateway.effects() if isinstance(effect, Connect)), None)
            if conn is not None:
                self.upstreams.append(conn)
                gateway.connected(conn, None, 0.0)
            conn = self.upstreams[-1]
            self.pull(conn)
            gateway.receive_data(conn, _WHOLE, 0.0)
            gateway.effects()
            self.sent += self.pull(client)


class ReviewedRig(Rig):
    """The same with a host that says ``answer`` to each review, at once. ``reviews``: to how many."""

    def __init__(self, answer: Released) -> None:
        super().__init__(1, gateway=GatewaySettings(ask=("review",)))
        self._answer = answer
        self.reviews = 0
        self.gateway.answer(AskId(1), answer, 0.0)  # about the chunk that began the stream
        self.gateway.effects()
        self.pull(self.client)

    def run(self, read: bytes, rounds: int) -> float:
        gateway, client, upstream, answer = self.gateway, self.client, self.upstreams[0], self._answer
        began = thread_time()
        for _ in range(rounds):
            gateway.receive_data(upstream, read, 0.0)
            for effect in gateway.effects():
                if isinstance(effect, Ask):
                    gateway.answer(effect.id, answer, 0.0)
                    self.reviews += 1
            gateway.effects()
            self.sent += self.pull(client)
        return thread_time() - began
