"""Machines as tables."""

from enum import IntEnum

import pytest

from aigw_sansio.engine.fsm import Machine, to_mermaid
from aigw_sansio.errors import LocalProtocolError


class Light(IntEnum):
    RED = 0
    GREEN = 1
    DARK = 2


class Push(IntEnum):
    SWITCH = 0
    CUT = 1


TABLE: dict[tuple[Light, Push], Light] = {
    (Light.RED, Push.SWITCH): Light.GREEN,
    (Light.GREEN, Push.SWITCH): Light.RED,
    (Light.RED, Push.CUT): Light.DARK,
    (Light.GREEN, Push.CUT): Light.DARK,
}


@pytest.mark.parametrize("state", Light)
@pytest.mark.parametrize("push", Push)
def test_every_pair(state: Light, push: Push) -> None:
    machine = Machine(TABLE, state)
    target = TABLE.get((state, push))
    assert machine.allows(push) is (target is not None)
    assert machine.state is state, "asking moves nothing"
    if target is None:
        with pytest.raises(LocalProtocolError, match=f"{push.name} is not allowed in state {state.name}"):
            machine.fire(push)
        assert machine.state is state
    else:
        assert machine.fire(push) is target
        assert machine.state is target


def test_a_target_of_value_zero_is_no_missing_one() -> None:
    machine = Machine(TABLE, Light.GREEN)
    assert machine.fire(Push.SWITCH) is Light.RED
    assert Light.RED == 0


def test_machines_share_a_table_but_no_state() -> None:
    first, second = Machine(TABLE, Light.RED), Machine(TABLE, Light.RED)
    first.fire(Push.CUT)
    assert second.state is Light.RED


def test_diagram() -> None:
    assert to_mermaid(TABLE, Light.RED).splitlines() == [
        "stateDiagram-v2",
        "    [*] --> RED",
        "    RED --> GREEN: switch",
        "    GREEN --> RED: switch",
        "    RED --> DARK: cut",
        "    GREEN --> DARK: cut",
    ]


def test_inputs_between_the_same_states_share_an_arrow() -> None:
    table = {(Light.RED, Push.SWITCH): Light.DARK, (Light.RED, Push.CUT): Light.DARK}
    assert to_mermaid(table, Light.RED).splitlines()[2:] == ["    RED --> DARK: switch, cut"]
