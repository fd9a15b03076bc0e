"""The machine of a relay: what its table must say."""

from itertools import product

import pytest

from aigw_sansio.engine.fsm import Machine
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.realtime.states import RELAY_TABLE, RelayInput, RelayState


@pytest.mark.parametrize(("state", "move"), list(product(RelayState, RelayInput)))
def test_a_session_ends_only_if_it_was_open_and_a_refusal_comes_only_before(
    state: RelayState, move: RelayInput
) -> None:
    machine = Machine(RELAY_TABLE, state)
    allowed = {
        (RelayState.DIALING, RelayInput.CONNECTED),
        (RelayState.UPGRADING, RelayInput.ACCEPTED),
        (RelayState.DIALING, RelayInput.FAIL),
        (RelayState.UPGRADING, RelayInput.FAIL),
        (RelayState.OPEN, RelayInput.END),
        (RelayState.CLOSING, RelayInput.FINISH),
    }
    if (state, move) in allowed:
        machine.fire(move)
        assert machine.state > state, "it never goes back"
    else:
        with pytest.raises(LocalProtocolError):
            machine.fire(move)
