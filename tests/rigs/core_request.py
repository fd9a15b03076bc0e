"""Requests through a gateway, one after the other on one kept connection of the provider, without I/O."""

import json
from typing import Literal

from tests.peers import http2_frames as h2
from tests.rigs.core_stream import HEAD, UPGRADE, chunk, http_chunk
from tests.rigs.parts import TRANSLATES

from aigw_sansio.config import Config, ProviderSettings
from aigw_sansio.effects import Connect
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId
from aigw_sansio.secret import Secret
from aigw_sansio.wires.websocket.frames import encode_frame

_RESPONSE = HEAD + chunk() + http_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
_FIELDS = [(b":status", b"200"), (b"content-type", b"text/event-stream")]
_BODY = chunk().partition(b"\r\n")[2].removesuffix(b"\r\n") + b"data: [DONE]\n\n"
_STEP = {"eventId": "e", "provider": "openai", "endpoint": "chat/completions", "query": {"model": "m"}}
_CREATE = encode_frame(0x81, json.dumps({"type": "universal.create", "request": _STEP}).encode(), b"mask")
_NUMBER = b"\x7f\x7f\x7f\x7f"
#: What the provider sends on the stream of that number.
_ANSWER = h2.headers(0x7F7F7F7F, _FIELDS) + h2.data(0x7F7F7F7F, _BODY, end=True)


class Requests:
    """A gateway with one client. The provider sends one chunk, the terminator and the end in one read."""

    def __init__(self, http2: Literal["on", "off"] = "off") -> None:
        own = ProviderSettings(
            base_url="http://127.0.0.1:9/v1", api_key=Secret("sk-proj-9fXQ2kZr7Vb1LmT8Yw3HcN5uJd6EaGpS"), http2=http2
        )
        self._shared = http2 == "on"
        self._stream = -1
        settings = {"openai": own}
        self.gateway = Gateway(Config(providers=settings), b"benchmark seed 16", 0.0, TRANSLATES)
        self.client = self.gateway.open_downstream("peer", None, 0.0)
        self.gateway.receive_data(self.client, UPGRADE, 0.0)
        self._flush(self.client)
        self._upstream: ConnId | None = None

    def request(self) -> int:
        """One request, from the client's frame to the last message; how many bytes the client got."""
        gateway = self.gateway
        gateway.receive_data(self.client, _CREATE, 0.0)
        for effect in gateway.effects():
            if isinstance(effect, Connect):
                self._upstream = effect.conn
                gateway.connected(effect.conn, None, 0.0)
                if self._shared:
                    gateway.receive_data(
                        effect.conn, h2.settings() + h2.settings(ack=True) + h2.update(0, 1 << 24), 0.0
                    )
        assert self._upstream is not None
        self._flush(self._upstream)
        gateway.receive_data(self._upstream, self._answer() if self._shared else _RESPONSE, 0.0)
        return self._flush(self.client)

    def _answer(self) -> bytes:
        """The same response on the next stream of HTTP/2."""
        self._stream += 2
        return _ANSWER.replace(_NUMBER, self._stream.to_bytes(4, "big"))

    def _flush(self, conn: ConnId) -> int:
        self.gateway.effects()
        total = 0
        while data := self.gateway.data_to_send(conn):
            total += len(data)
            self.gateway.data_sent(conn, len(data), 0.0)
        self.gateway.effects()
        return total
