"""The order of effects when a drain is over."""

from aigw_sansio.effects import Close, Effect, Flush
from aigw_sansio.engine.connection import Connection
from aigw_sansio.ids import ConnId
from aigw_sansio.upstream.connection import UpstreamConnection
from aigw_sansio.upstream.cut_order import put_calls_last


def test_what_is_for_calls_comes_last_and_keeps_its_order() -> None:
    client, call, gone = ConnId(1), ConnId(2), ConnId(3)
    connections: dict[ConnId, Connection] = {
        client: Connection.__new__(Connection),
        call: UpstreamConnection.__new__(UpstreamConnection),
    }
    before: list[Effect] = [Close(call, abort=True), Flush(client)]
    effects = [*before, Flush(call), Flush(gone), Close(call, abort=True), Flush(client)]
    put_calls_last(effects, len(before), connections)
    assert effects == [*before, Flush(gone), Flush(client), Flush(call), Close(call, abort=True)]
