"""The open universal sessions: over bytes and in messages they are counted, and end, together."""

from tests.peers.single_client import OneClient
from tests.rigs.message_client import MessageClient

from aigw_sansio import CloseMessages, Config, GatewaySettings

CONFIG = Config(gateways={"local/default": GatewaySettings()})


def test_sessions_of_both_kinds_are_one_crowd() -> None:
    over_bytes = OneClient(CONFIG)
    in_messages = MessageClient(CONFIG, gateway=over_bytes.gateway, now=over_bytes.driver.now)
    sessions = over_bytes.gateway._sessions
    assert len(sessions) == len(list(sessions)) == 2
    assert len({session.session_id for session in sessions}) == 2
    over_bytes.gateway.drain(in_messages.now)
    in_messages.collect()
    assert in_messages.of(CloseMessages)
    assert not len(sessions)
    assert over_bytes.gateway.idle


def test_a_session_may_end_while_all_are_told() -> None:
    clients = [MessageClient(CONFIG)]
    clients += [MessageClient(CONFIG, gateway=clients[0].gateway) for _ in range(3)]
    sessions = clients[0].gateway._sessions
    sessions.drain(200.0, 100.0)
    assert not len(sessions)
