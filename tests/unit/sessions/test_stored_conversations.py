"""Who can go on from what is stored: the same client of the same gateway."""

import msgspec
from tests.rigs.message_client import MessageClient

from aigw_sansio import Config, GatewaySettings, Secret
from aigw_sansio.sessions.planner import ClientInfo
from aigw_sansio.sessions.stored_conversations import conversation_key


def client(*, authentication: bool, **changed: object) -> ClientInfo:
    config = Config(gateways={"local/default": GatewaySettings(authentication=authentication)})
    one = MessageClient(config, principal="alice")
    (session,) = one.gateway._sessions
    found = session._client  # type: ignore[attr-defined]
    assert isinstance(found, ClientInfo)
    return found._replace(**changed)  # type: ignore[arg-type]


def test_names_differ_by_response_gateway_and_owner() -> None:
    one = client(authentication=True, token=Secret("t1"))
    keys = {
        conversation_key(one, "r1"),
        conversation_key(one, "r2"),
        conversation_key(one._replace(gateway="other"), "r1"),
        conversation_key(one._replace(token=Secret("t2")), "r1"),
        conversation_key(one._replace(token=None), "r1"),
        conversation_key(one._replace(token=None, principal="bob"), "r1"),
    }
    keys |= {
        conversation_key(one._replace(principal="bob"), "r1"),  # they share a token
        conversation_key(one._replace(token=None, principal="t1"), "r1"),
        conversation_key(one._replace(token=None, principal=None), "r1"),
        conversation_key(one._replace(token=None, principal=""), "r1"),
        conversation_key(one._replace(principal=None), "r1"),
        conversation_key(one._replace(principal=""), "r1"),
    }
    assert len(keys) == 12
    assert {len(key) for key in keys} == {48}
    assert conversation_key(one, "r1") == conversation_key(msgspec_copy(one), "r1")


def msgspec_copy(one: ClientInfo) -> ClientInfo:
    return one._replace(conn=one.conn, peer="another")


def test_a_token_that_nobody_has_looked_at_tells_nothing() -> None:
    one = client(authentication=False)
    assert conversation_key(one._replace(token=Secret("t1")), "r") == conversation_key(one, "r")
    assert conversation_key(one, "r\0") != conversation_key(one, "r")
    assert conversation_key(one._replace(principal="x"), "y\0r") != conversation_key(
        one._replace(principal="x\0y"), "r"
    )
    assert msgspec.json.encode(conversation_key(one, "\ud800"))
