"""One client too many is told so, and others go on."""

import json

import msgspec
import pytest
from tests.rigs.core_rig import short

from aigw_sansio.config import Config, GatewaySettings, Limits
from aigw_sansio.downstream.connection_limits import KEPT_FROM_REALTIME, TURNED_AWAY, refuse_dial
from aigw_sansio.effects import Connect, Effect, Emit
from aigw_sansio.events import ConnectionRefused, UpgradeRefused
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId

UPGRADE = (
    b"GET /v1/local/default%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Crowd:
    def __init__(self, limits: Limits | None = None, **config: object) -> None:
        gateways = {"local/default": GatewaySettings()}
        whole = msgspec.structs.replace(Config(limits=limits or Limits(), gateways=gateways), **config)
        self.gateway = Gateway(whole, b"seed of a crowd!", 0.0)
        self.events: list[object] = []
        self.did: list[Effect] = []

    def comes(
        self, peer: str, path: bytes = b"", alpn: str | None = None, *, silent: bool = False
    ) -> tuple[ConnId, bytes]:
        conn = self.gateway.open_downstream(peer, alpn, 0.0, local="127.0.0.1:1")
        if alpn is None and not silent:
            self.gateway.receive_data(conn, UPGRADE % path, 0.0)
        effects = self.gateway.effects()
        self.events += [effect.event for effect in effects if isinstance(effect, Emit)]
        self.did = [effect for effect in effects if not isinstance(effect, Emit)]
        return conn, self.gateway.data_to_send(conn)

    def goes(self, conn: ConnId) -> None:
        self.gateway.closed(conn, 0.0)


def refused(answer: bytes) -> bool:
    if not answer.startswith(b"HTTP/1.1 503 "):
        return False
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"][0]["code"] == 2010
    return True


@pytest.mark.parametrize("limits", [Limits(connections=2), Limits(connections_per_address=2)])
def test_one_too_many_is_answered_and_told_to_the_host(limits: Limits) -> None:
    crowd = Crowd(limits)
    first, _ = crowd.comes("192.0.2.1:1")
    assert crowd.comes("192.0.2.1:2")[1].startswith(b"HTTP/1.1 101 ")
    third, answer = crowd.comes("192.0.2.1:3")
    assert refused(answer)
    event = crowd.events[-1]
    assert isinstance(event, UpgradeRefused)
    assert (event.conn, event.status, event.code, event.address) == (third, 503, 2010, "192.0.2.1")
    crowd.goes(third)
    assert refused(crowd.comes("192.0.2.1:4")[1]), "a refused one frees no place"
    crowd.goes(first)
    assert crowd.comes("192.0.2.1:5")[1].startswith(b"HTTP/1.1 101 ")


def test_addresses_count_apart_a_64_is_one_and_trusted_proxies_are_none() -> None:
    crowd = Crowd(Limits(connections_per_address=1), trusted_proxies=("10.0.0.0/8",))
    assert not refused(crowd.comes("192.0.2.1:1")[1])
    assert not refused(crowd.comes("192.0.2.2:1")[1])
    assert not refused(crowd.comes("[2001:db8::1]:1")[1])
    assert refused(crowd.comes("[2001:db8::ffff]:1")[1])
    for port in range(5):
        assert not refused(crowd.comes(f"10.0.0.1:{port}")[1])


def test_those_that_wait_for_their_answer_are_few_and_others_are_closed_at_once() -> None:
    crowd = Crowd(Limits(connections=1))
    crowd.comes("192.0.2.1:1")
    for number in range(TURNED_AWAY):
        crowd.gateway.open_downstream(f"192.0.2.1:{number}", None, 0.0)
    conn, answer = crowd.comes("192.0.2.9:1", silent=True)
    assert answer == b""
    assert [short(effect) for effect in crowd.did] == [f"abort {conn}"]
    event = crowd.events[-1]
    assert isinstance(event, ConnectionRefused)
    assert (event.conn, event.address) == (conn, "192.0.2.9")
    for number in range(2, conn + 1):
        crowd.goes(ConnId(number))
    assert crowd.gateway.snapshot()["connections"] == 1
    assert refused(crowd.comes("192.0.2.9:1")[1])


def test_over_http2_every_request_is_refused() -> None:
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.events import ResponseReceived

    crowd = Crowd(Limits(connections=1))
    crowd.comes("192.0.2.1:1")
    conn, greeting = crowd.comes("192.0.2.1:2", alpn="h2")
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.receive_data(greeting)
    head = [(":method", "GET"), (":scheme", "https"), (":authority", "gw"), (":path", "/healthz")]
    client.send_headers(1, head, end_stream=True)
    crowd.gateway.receive_data(conn, client.data_to_send(), 0.0)
    crowd.gateway.data_sent(conn, len(greeting), 0.0)
    answers = [
        event for event in client.receive_data(crowd.gateway.data_to_send(conn)) if isinstance(event, ResponseReceived)
    ]
    assert dict(answers[0].headers)[b":status"] == b"503"


def test_realtime_leaves_descriptors_for_others() -> None:
    assert refuse_dial(None, 10_000) is None
    assert refuse_dial(KEPT_FROM_REALTIME + 2, 1) is None
    assert refuse_dial(KEPT_FROM_REALTIME + 1, 1) is not None
    crowd = Crowd(descriptors=KEPT_FROM_REALTIME + 2)
    crowd.comes("192.0.2.1:1", b"/openai")
    assert any(isinstance(effect, Connect) for effect in crowd.did)
    _, answer = crowd.comes("192.0.2.1:2", b"/openai")
    assert refused(answer)
    assert not any(isinstance(effect, Connect) for effect in crowd.did)
    assert not refused(crowd.comes("192.0.2.1:3")[1]), "a universal client needs no descriptor more"
