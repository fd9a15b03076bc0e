"""The way to a client: first its channel, then its acceptance, over bytes and in messages alike."""

from tests.rigs.message_client import HOST, MessageClient
from tests.rigs.parts import TRANSLATES

from aigw_sansio import Accept, Config, Gateway, GatewaySettings

CONFIG = Config(gateways={"local/default": GatewaySettings(authentication=False)}, hosts=("gw.test",))


def test_a_client_in_messages_is_accepted_with_the_subprotocol() -> None:
    client = MessageClient(CONFIG, headers=(HOST,), subprotocols=("one", "realtime"))
    assert [effect.subprotocol for effect in client.effects if isinstance(effect, Accept)] == ["realtime"]
    client.say(type="universal.ping")
    assert client.messages() == [{"type": "universal.pong"}]


def test_a_client_over_bytes_may_send_before_it_is_accepted() -> None:
    gateway = Gateway(CONFIG, b"a seed for one client", 0.0, TRANSLATES)
    conn = gateway.open_downstream("192.0.2.1:5000", None, 1.0)
    request = (
        b"GET /v1/local/default HTTP/1.1\r\nhost: gw.test\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    ping = b'{"type":"universal.ping"}'
    gateway.receive_data(conn, request + bytes((0x81, 0x80 | len(ping), 0, 0, 0, 0)) + ping, 1.0)
    head, _, rest = gateway.data_to_send(conn).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    assert rest[2:] == b'{"type":"universal.pong"}'
