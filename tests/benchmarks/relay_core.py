"""A realtime relay without I/O: one message through :class:`Gateway`, against a relay that decodes and encodes with
wsproto.

Run with ``python -m tests.benchmarks.relay_core``. Printed is the median time of one echo, that is, of a message from
the client to the provider and one of the same size back, in nanoseconds: with one message in each read, and with as
many as fill 64 KiB. The gateway's side includes the driver's calls: ``receive_data``, ``effects``, ``data_to_send``,
``data_sent``, and ``next_timeout``. ``tapped`` is with a host that listens to the provider's messages.
"""

from collections.abc import Callable

from tests.benchmarks._timing import compare, print_table
from tests.benchmarks.frames import frames
from tests.peers.websocket_client import upgrade_request
from tests.peers.websocket_provider import WsProvider
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Message

from aigw_sansio.config import Config
from aigw_sansio.effects import Connect
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId


class CoreRelay:
    """An open session through a gateway, its client and provider being these bytes alone."""

    def __init__(self, *, listens: bool) -> None:
        self.gateway = Gateway(Config(emit_provider_events=listens), b"seed for a benchmark", 0.0)
        self.now = 0.0
        self.client = self.gateway.open_downstream("192.0.2.1", None, self.now)
        self.gateway.receive_data(self.client, upgrade_request("/v1/local/default/openai?model=m", []), self.now)
        self.provider = next(effect.conn for effect in self.gateway.effects() if isinstance(effect, Connect))
        self.gateway.connected(self.provider, "http/1.1", self.now)
        peer = WsProvider()
        peer.receive(self.pull(self.provider))
        self.gateway.receive_data(self.provider, peer.switch(101, []), self.now)
        self.pull(self.client)

    def pull(self, conn: ConnId) -> bytes:
        gateway = self.gateway
        gateway.effects()
        gateway.next_timeout()
        data = gateway.data_to_send(conn)
        gateway.data_sent(conn, len(data), self.now)
        gateway.effects()
        return data

    def echo(self, up: bytes, down: bytes) -> None:
        """``up`` to the provider, ``down`` to the client; both must come out whole."""
        self.now += 1e-5
        gateway = self.gateway
        gateway.receive_data(self.client, up, self.now)
        passed = len(self.pull(self.provider))
        gateway.receive_data(self.provider, down, self.now)
        passed += len(self.pull(self.client))
        if passed != len(up) + len(down):
            raise AssertionError("not everything was passed on")


class LibraryRelay:
    """The same with messages decoded and encoded again."""

    def __init__(self) -> None:
        self.client = Connection(ConnectionType.SERVER)
        self.provider = Connection(ConnectionType.CLIENT)

    def echo(self, up: bytes, down: bytes) -> None:
        self._pass(self.client, self.provider, up)
        self._pass(self.provider, self.client, down)

    def _pass(self, source: Connection, target: Connection, data: bytes) -> None:
        source.receive_data(data)
        b"".join([target.send(event) for event in source.events() if isinstance(event, Message)])


def main() -> None:
    """Measure and print."""
    for size in (200, 4096):
        for count in (1, 60000 // (size + 8)):
            up, down = frames(size, count, masked=True), frames(size, count, masked=False)
            candidates: dict[str, Callable[[], object]] = {}
            core, tapped, library = CoreRelay(listens=False), CoreRelay(listens=True), LibraryRelay()
            candidates["gateway"] = lambda core=core, up=up, down=down: core.echo(up, down)
            candidates["gateway, tapped"] = lambda core=tapped, up=up, down=down: core.echo(up, down)
            candidates["wsproto"] = lambda core=library, up=up, down=down: core.echo(up, down)
            title = f"echo of {size} bytes, {count} message{'s' if count > 1 else ''} a read"
            print_table(title, compare(candidates, per_call=count))


if __name__ == "__main__":
    main()
