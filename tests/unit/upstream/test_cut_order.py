"""The order of effects when a drain is over."""

from aigw_sansio.config import Config
from aigw_sansio.effects import Close, Effect, Flush
from aigw_sansio.engine.connection import Connection
from aigw_sansio.engine.services import Services
from aigw_sansio.ids import ConnId
from aigw_sansio.origin import Origin
from aigw_sansio.upstream.connection import UpstreamConnection
from aigw_sansio.upstream.cut_order import put_calls_last
from aigw_sansio.upstream.pool import Pool


def test_what_is_for_calls_comes_last_and_keeps_its_order() -> None:
    services = Services(Config(), b"a seed of sixteen", 0.0)
    pool = Pool(services, lambda upstream: None)
    upstream = UpstreamConnection(services, pool, Origin("http", "provider.test", 80))
    call, client, gone = upstream.conn, ConnId(upstream.conn + 1), ConnId(upstream.conn + 2)
    connections: dict[ConnId, Connection] = {client: Connection(services, client), call: upstream}
    before: list[Effect] = [Close(call, abort=True), Flush(client)]
    effects = [*before, Flush(call), Flush(gone), Close(call, abort=True), Flush(client)]
    put_calls_last(effects, len(before), connections)
    assert effects == [*before, Flush(gone), Flush(client), Flush(call), Close(call, abort=True)]
