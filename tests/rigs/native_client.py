"""One client in the process of a gateway, without I/O. Providers answer over HTTP/1.1, by hand."""

import json

from tests.rigs.core_stream import http_chunk
from tests.rigs.message_client import HostedClient
from tests.rigs.parts import TRANSLATES

from aigw_sansio import (
    Config,
    ConnId,
    Create,
    Gateway,
    NativeEvent,
    ProviderSettings,
    Step,
    StepConfig,
)
from aigw_sansio.exchanges.policy import ResponseMode

PROVIDERS = {
    "openai": ProviderSettings(base_url="http://127.0.0.1:9/v1"),
    "custom-x": ProviderSettings(base_url="http://127.0.0.2:9/v1"),
}
OPEN = Config(providers=PROVIDERS)
SSE_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
DONE = http_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def delta(text: str) -> bytes:
    """A chunk of OpenAI's chat format."""
    return json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode()


def said(*texts: str) -> bytes:
    """These deltas, as a provider sends them."""
    return b"".join(http_chunk(b"data: " + delta(text) + b"\n\n") for text in texts)


def whole(status: int, body: bytes, *fields: str) -> bytes:
    """A whole response of a provider."""
    kind = "" if any(field.startswith("content-type") for field in fields) else "content-type: application/json\r\n"
    head = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{kind}" + "".join(f"{one}\r\n" for one in fields)
    return head.encode() + b"\r\n" + body


class NativeClient(HostedClient):
    """Opens a session at once. Events are taken by hand."""

    def __init__(
        self,
        config: Config = OPEN,
        *,
        name: str = "local/default",
        principal: str | None = None,
        gateway: Gateway | None = None,
        now: float = 100.0,
    ) -> None:
        super().__init__(gateway or Gateway(config, b"a seed for one client", 1_700_000_000.0, TRANSLATES), now)
        self.conn = self.gateway.open_local(name, principal, self.now)
        self.collect()

    def create(self, *steps: Step, event_id: str | None = "a") -> None:
        self.gateway.create(self.conn, Create(event_id, list(steps)), self.now)
        self.collect()

    def ask(
        self,
        event_id: str = "a",
        mode: ResponseMode | None = "events",
        provider: str = "openai",
        endpoint: str = "chat/completions",
    ) -> ConnId:
        """A stream is asked for; its provider has the request."""
        step = Step(provider, endpoint, query=b'{"stream":true}', config=StepConfig(response=mode))
        self.create(step, event_id=event_id)
        return self.dialled()

    def cancel(self, event_id: str = "a") -> None:
        self.gateway.cancel(self.conn, event_id, self.now)
        self.collect()

    def take(self, limit: int = 1000) -> list[NativeEvent]:
        events = self.gateway.take_events(self.conn, limit, self.now)
        self.collect()
        return events

    def leave(self) -> None:
        self.gateway.closed(self.conn, self.now)
        self.collect()
