"""What every input begins with."""

import pytest
from tests.rigs.core_rig import Rig

from aigw_sansio.engine.connection import Connection
from aigw_sansio.engine.inputs import Inputs
from aigw_sansio.engine.turns import TURN_BYTES
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.ids import ConnId


def test_a_connection_is_found_while_it_is_open() -> None:
    rig = Rig()
    inputs = Inputs(rig.services)
    connection = Connection(rig.services, rig.services.issue_conn())
    inputs._register(connection)
    rig.services.turns.left = 0
    assert inputs._look(connection.conn, 1.0) is connection
    assert rig.services.turns.left == 0  # it may still prove to be misuse
    assert inputs._find(connection.conn, 1.0) is connection
    assert rig.services.turns.left == TURN_BYTES
    del inputs._connections[connection.conn]
    assert inputs._look(connection.conn, 1.0) is None


def test_misuse_moves_no_time() -> None:
    inputs = Inputs(Rig().services)
    inputs._advance(5.0)
    with pytest.raises(LocalProtocolError, match="no connection 9 was ever issued"):
        inputs._look(ConnId(9), 7.0)
    with pytest.raises(LocalProtocolError, match=r"now is 4\.0, the last input was at 5\.0"):
        inputs._advance(4.0)
    inputs._check(5.0)
    assert not inputs.draining
