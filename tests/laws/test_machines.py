"""Every machine, state by state and input by input: it moves as its table says, or raises and stays."""

from enum import IntEnum
from itertools import product

import pytest
from tests.tables.diagrams import BEGIN, PAGE, TITLES, diagrams, tables

from aigw_sansio.engine.fsm import Machine, to_mermaid
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.exchanges.states import EXCHANGE_TABLE, ExchangeState

TABLES = tables()


def states_of(name: str) -> type[IntEnum]:
    return type(next(iter(TABLES[name]))[0])


def inputs_of(name: str) -> type[IntEnum]:
    return type(next(iter(TABLES[name]))[1])


CASES = [(name, state, event) for name in TABLES for state, event in product(states_of(name), inputs_of(name))]


def test_each_has_a_title() -> None:
    assert TITLES.keys() == TABLES.keys()


@pytest.mark.parametrize(("name", "state", "event"), CASES, ids=lambda value: getattr(value, "name", value))
def test_every_cell(name: str, state: IntEnum, event: IntEnum) -> None:
    table = TABLES[name]
    machine = Machine(table, state)
    target = table.get((state, event))
    assert machine.allows(event) is (target is not None)
    if target is None:
        with pytest.raises(LocalProtocolError, match=f"{event.name} is not allowed in state {state.name}"):
            machine.fire(event)
        assert machine.state is state
    else:
        assert machine.fire(event) is target
        assert machine.state is target


@pytest.mark.parametrize("name", TABLES)
def test_every_state_is_reached_and_only_the_last_has_no_way_out(name: str) -> None:
    table, states = TABLES[name], states_of(name)
    reached = {states(0)}
    while more := {target for (state, _), target in table.items() if state in reached} - reached:
        reached |= more
    assert reached == set(states)
    stuck = {state for state in states if not any(source is state for source, _ in table)}
    assert stuck <= {max(states)}
    assert {event for _, event in table} == set(inputs_of(name)), "an input that moves nothing"


@pytest.mark.parametrize("name", TABLES)
def test_the_end_can_be_reached_from_everywhere(name: str) -> None:
    table, states = TABLES[name], states_of(name)
    last = max(states)
    if any(source is last for source, _ in table):
        pytest.skip("this machine begins anew with each response")
    able = {last}
    while more := {source for (source, _), target in table.items() if target in able} - able:
        able |= more
    assert able == set(states)


def test_the_architecture_page_shows_them_all() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert BEGIN in page
    assert diagrams() in page, "python -m tests.tables.diagrams writes them"


def test_diagrams_name_every_arrow_once() -> None:
    drawn = to_mermaid(EXCHANGE_TABLE, ExchangeState.PLACING)
    assert drawn.splitlines()[1] == "    [*] --> PLACING"
    assert drawn.count("-->") == 1 + len({(source, target) for (source, _), target in EXCHANGE_TABLE.items()})
    assert "STREAMING --> ENDED: end" in drawn
