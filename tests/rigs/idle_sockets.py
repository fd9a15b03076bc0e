"""Universal sockets on which nothing happens, without I/O."""

from tests.rigs.core_stream import UPGRADE

from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId


def flush(gateway: Gateway, conn: ConnId) -> None:
    """What a driver does after an input for ``conn``."""
    gateway.effects()
    while data := gateway.data_to_send(conn):
        gateway.data_sent(conn, len(data), 0.0)
    gateway.effects()


def open_sockets(gateway: Gateway, number: int) -> list[ConnId]:
    """``number`` of them, each of another address."""
    conns = []
    for one in range(number):
        conn = gateway.open_downstream(f"192.0.{one // 250 % 250}.{one % 250 + 1}:1", None, 0.0)
        gateway.receive_data(conn, UPGRADE, 0.0)
        flush(gateway, conn)
        conns.append(conn)
    return conns
