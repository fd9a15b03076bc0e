"""One client at one gateway in virtual time, and providers over HTTP/1.1 that a test answers by hand."""

import json
from typing import Any

from tests.peers.http_providers import Http1Provider
from tests.peers.peer import Headers, Seen
from tests.peers.reference_driver import Core, Cuts, End, Link, PerfectDriver
from tests.peers.websocket_client import WsClient

from aigw_sansio import translate
from aigw_sansio.config import Config
from aigw_sansio.effects import Answer, Connect, Effect
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId
from aigw_sansio.parts.parts import NO_PARTS, Parts


class _Driver(PerfectDriver):
    """Keeps the dials whole."""

    def __init__(self, core: Core, cuts: Cuts, seed: int) -> None:
        super().__init__(core, cuts, seed)
        self.connects: list[Connect] = []

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Connect):
            self.connects.append(effect)
        super()._carry_out(effect)


class OneClient:
    """Opens a universal WebSocket at once. Output stays in ``driver.output`` until it is taken."""

    def __init__(self, config: Config, headers: Headers | None = None, parts: Parts = NO_PARTS) -> None:
        """``headers``: of the handshake, beside the usual ones. ``parts``: the host's own."""
        self.gateway = Gateway(
            config, b"a seed for one client", 1_700_000_000.0, parts=parts.with_translator(translate)
        )
        self.driver = _Driver(self.gateway, "whole", 1)
        self.client = WsClient()
        self.link = self.driver.open_client(self.client)
        self.driver.send(self.link, self.client.open("/v1/local/default", headers or []))
        self.driver.output.clear()

    def send(self, **message: Any) -> None:
        self.driver.send(self.link, self.client.text(json.dumps(message)))

    def create(self, event_id: str, *steps: dict[str, Any]) -> None:
        """A step's ``provider`` and ``endpoint`` at least; its query is ``{}``."""
        request = [{"headers": {}, "query": {}, **step} for step in steps]
        self.send(type="universal.create", request=[{"eventId": event_id, **step} for step in request])

    def take(self, source: str) -> list[Seen]:
        """The lines that ``source`` (``connect``, ``ask``, ``client``, ``up#2``) saw since the last call."""
        found = [recorded.seen for recorded in self.driver.output if recorded.source == source]
        self.driver.output[:] = [recorded for recorded in self.driver.output if recorded.source != source]
        return found

    def messages(self) -> list[dict[str, Any]]:
        """The client's messages since the last call."""
        return [json.loads(seen.text) for seen in self.take("client") if seen.text is not None]

    @property
    def connects(self) -> list[Connect]:
        """Every dial there was."""
        return self.driver.connects

    def dialled(self) -> list[str]:
        """Dials since the last call, as ``#2 https://host``."""
        return [seen.line for seen in self.take("connect")]

    def up(self, conn: int) -> Link:
        return self.driver.links[ConnId(conn)]

    def accept(self, conn: int) -> Seen:
        """The dial succeeds; the request that comes."""
        self.driver.connected(self.up(conn), Http1Provider(), "http/1.1")
        return self.request(conn)

    def request(self, conn: int) -> Seen:
        """The one request that came since the last call."""
        (seen,) = self.take(f"up#{conn}")
        return seen

    def respond(self, conn: int, body: bytes, kind: str = "application/json", status: int = 200) -> None:
        head = f"HTTP/1.1 {status} Whatever\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
        self.driver.send(self.up(conn), head.encode() + body)

    def answer(self, ask_id: int, value: Answer) -> None:
        self.driver.answer(ask_id, value)

    def leave(self) -> None:
        self.driver.end(self.link, End.RESET)

    def finish(self) -> None:
        """Everybody leaves; nothing may be left."""
        self.driver.wind_up()
        for event in self.driver.events:
            assert "canary" not in repr(event), event
