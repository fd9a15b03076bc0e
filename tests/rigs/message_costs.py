"""A running stream and an open realtime session of clients without bytes, as the cost of a message is counted."""

from tests.peers.websocket_provider import WsProvider
from tests.rigs.core_stream import chunk
from tests.rigs.message_client import TARGET, MessageClient
from tests.rigs.native_client import SSE_HEAD

from aigw_sansio import Config, ProviderSettings


class _Messages:
    """A client whose messages are pulled and reported as a driver does it."""

    client: MessageClient

    def pull(self) -> int:
        """How many messages came."""
        gateway, conn, now = self.client.gateway, self.client.conn, self.client.now
        gateway.effects()
        gateway.next_timeout()
        count = 0
        while messages := gateway.messages_to_send(conn, 65536):
            count += len(messages)
            gateway.data_sent(conn, sum([len(message.data) for message in messages]), now)
        gateway.effects()
        return count


class MessageStream(_Messages):
    """One stream of a universal session."""

    def __init__(self) -> None:
        own = ProviderSettings(base_url="http://127.0.0.1:9/v1")
        self.client = MessageClient(Config(providers={"openai": own}))
        self.client.create("e", "openai")
        self._provider = self.client.dialled()
        self.client.provider_says(self._provider, SSE_HEAD + chunk())
        self.pull()

    def run(self, read: bytes, rounds: int) -> int:
        """``rounds`` reads; how many messages they made."""
        gateway, now = self.client.gateway, self.client.now
        count = 0
        for _ in range(rounds):
            gateway.receive_data(self._provider, read, now)
            count += self.pull()
        return count


class MessageRelay(_Messages):
    """A realtime session, whose provider echoes by hand."""

    def __init__(self, *, listens: bool) -> None:
        self.client = MessageClient(Config(emit_provider_events=listens), TARGET + b"/openai?model=m")
        provider = WsProvider()
        self._provider = self.client.dialled(request=provider.receive)
        self.client.provider_says(self._provider, provider.switch(101, []))
        self.pull()

    def echo(self, up: bytes, down: bytes) -> None:
        """The message ``up`` to the provider, and the frame ``down`` as a message to the client."""
        client = self.client
        gateway, conn, now = client.gateway, client.conn, client.now
        gateway.receive_message(conn, up, now, text=True)
        gateway.effects()
        sent = len(gateway.data_to_send(self._provider))
        gateway.data_sent(self._provider, sent, now)
        gateway.receive_data(self._provider, down, now)
        if self.pull() != 1 or sent <= len(up):
            raise AssertionError("not everything was passed on")
