"""The machine of an upstream connection: what its table must say."""

from itertools import product

import pytest

from aigw_sansio.engine.fsm import Machine
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.upstream.states import UPSTREAM_TABLE, UpstreamInput, UpstreamState


@pytest.mark.parametrize(("state", "move"), list(product(UpstreamState, UpstreamInput)))
def test_table(state: UpstreamState, move: UpstreamInput) -> None:
    machine = Machine(UPSTREAM_TABLE, state)
    allowed = {
        (UpstreamState.DIALING, UpstreamInput.CONNECTED),
        (UpstreamState.OPEN, UpstreamInput.DRAIN),
        *((living, UpstreamInput.END) for living in UpstreamState if living is not UpstreamState.CLOSED),
    }
    if (state, move) in allowed:
        machine.fire(move)
        assert machine.state > state, "it never goes back"
    else:
        with pytest.raises(LocalProtocolError):
            machine.fire(move)
