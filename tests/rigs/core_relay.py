"""An open realtime session through a gateway, without I/O."""

from tests.peers.websocket_client import upgrade_request
from tests.peers.websocket_provider import WsProvider

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
