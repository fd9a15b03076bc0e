"""One client without bytes at one gateway, and its host: what it does with the effects, without I/O.

Providers answer over HTTP/1.1, by hand.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.rigs.parts import TRANSLATES

from aigw_sansio import (
    Accept,
    Close,
    CloseMessages,
    Config,
    Connect,
    ConnId,
    Effect,
    Emit,
    Event,
    Gateway,
    Message,
    PauseReading,
    Refuse,
    ResumeReading,
)

TARGET = b"/v1/local/default"
HOST = (b"host", b"gw.test")


class HostedClient:
    """A client without a socket at a gateway, and its host. ``effects`` holds what came, but for events."""

    conn: ConnId

    def __init__(self, gateway: Gateway, now: float) -> None:
        self.gateway = gateway
        self.now = now
        self.effects: list[Effect] = []
        self.events: list[Event] = []

    def collect(self) -> None:
        """Keep the effects since the last call."""
        for effect in self.gateway.effects():
            if isinstance(effect, Emit):
                self.events.append(effect.event)
            else:
                self.effects.append(effect)

    def of(self, *kinds: type[Effect]) -> list[Effect]:
        """The effects of these kinds for the client, taken away."""
        found = [effect for effect in self.effects if isinstance(effect, kinds)]
        self.effects = [effect for effect in self.effects if not isinstance(effect, kinds)]
        return found

    def dialled(self, *, request: Callable[[bytes], object] = len) -> ConnId:
        """The dial that came succeeds; its request is taken, and shown to ``request``."""
        (effect,) = self.of(Connect)
        assert isinstance(effect, Connect)
        self.gateway.connected(effect.conn, None, self.now)
        while data := self.gateway.data_to_send(effect.conn):
            request(data)
            self.gateway.data_sent(effect.conn, len(data), self.now)
        self.collect()
        return effect.conn

    def provider_says(self, conn: ConnId, data: bytes) -> None:
        self.gateway.receive_data(conn, data, self.now)
        self.collect()

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.gateway.next_timeout()) is not None and due <= until:
            self.now = due
            self.gateway.handle_timeout(due)
            self.collect()
        self.now = until


class MessageClient(HostedClient):
    """Asks for a WebSocket at once. Messages are taken by hand."""

    def __init__(
        self,
        config: Config,
        target: bytes = TARGET,
        *,
        headers: Sequence[tuple[bytes, bytes]] = (HOST,),
        subprotocols: Sequence[str] = (),
        principal: str | None = None,
        gateway: Gateway | None = None,
        peer: str = "192.0.2.1:5000",
        now: float = 100.0,
    ) -> None:
        super().__init__(gateway or Gateway(config, b"a seed for one client", 1_700_000_000.0, TRANSLATES), now)
        self.conn = self.gateway.open_messages(target, peer, headers, subprotocols, principal, self.now)
        self.collect()

    @property
    def accepted(self) -> bool:
        return any(isinstance(effect, Accept) for effect in self.effects)

    @property
    def refused(self) -> Refuse:
        (effect,) = self.of(Refuse)
        assert isinstance(effect, Refuse)
        return effect

    def send(self, data: bytes | str) -> None:
        text = isinstance(data, str)
        self.gateway.receive_message(self.conn, data.encode() if isinstance(data, str) else data, self.now, text=text)
        self.collect()

    def say(self, **message: Any) -> None:
        self.send(json.dumps(message))

    def create(self, event_id: str, provider: str = "custom-x") -> None:
        step = {"eventId": event_id, "provider": provider, "endpoint": "chat", "headers": {}, "query": {}}
        self.say(type="universal.create", request=step)

    def pull(self, limit: int = 65536) -> list[Message]:
        return self.gateway.messages_to_send(self.conn, limit)

    def confirm(self, messages: Sequence[Message]) -> None:
        self.gateway.data_sent(self.conn, sum(len(message.data) for message in messages), self.now)
        self.collect()

    def messages(self) -> list[dict[str, Any]]:
        """All that can be pulled, each pull confirmed at once."""
        found: list[dict[str, Any]] = []
        while taken := self.pull():
            assert all(message.text for message in taken)
            found += [json.loads(message.data) for message in taken]
            self.confirm(taken)
        return found

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.gateway.receive_close(self.conn, code, reason, self.now)
        self.gateway.closed(self.conn, self.now)
        self.collect()


BACKPRESSURE = (PauseReading, ResumeReading)
ENDS = (Close, CloseMessages, Refuse)
