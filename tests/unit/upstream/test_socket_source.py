"""Who gets a source that may use WebSockets, and that a session keeps them."""

from tests.peers.memory_source import MemorySource
from tests.rigs.response_sockets import Sockets

from aigw_sansio.engine.client import Keeper, Requester
from aigw_sansio.exchanges.source import Source
from aigw_sansio.upstream.socket_source import SessionSource, SocketSource


def test_a_session_keeps_its_sockets_though_its_source_is_made_anew() -> None:
    rig = Sockets()
    http = MemorySource()

    def source_of(requester: Requester) -> Source:
        return http

    sources = SocketSource(rig.services, source_of, rig.pipes.append, lambda: 0)
    assert sources.of(Requester("a/g", rig.client)) is http
    keeper = Keeper()
    requester = Requester("a/g", rig.client, keeper)
    assert isinstance(sources.of(requester), SessionSource)
    kept = keeper.kept
    assert kept is not None
    sources.of(requester)
    assert keeper.kept is kept
