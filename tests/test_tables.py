"""Every machine, state by state and input by input: it moves as its table says, or raises and stays."""

from enum import IntEnum
from itertools import product

import pytest

from aigw_sansio.downstream import DOWNSTREAM_TABLE, DownstreamInput, DownstreamState
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.exchange_states import EXCHANGE_TABLE, ExchangeInput, ExchangeState
from aigw_sansio.fsm import Machine, to_mermaid
from aigw_sansio.relay import RELAY_TABLE, RelayInput, RelayState
from aigw_sansio.stream_pipe import STREAM_TABLE, StreamInput, StreamState
from aigw_sansio.upstream import UPSTREAM_TABLE, UpstreamInput, UpstreamState
from aigw_sansio.wires import endpoint, http1

Table = dict[tuple[IntEnum, IntEnum], IntEnum]

MACHINES: dict[str, tuple[Table, type[IntEnum], type[IntEnum], IntEnum, IntEnum]] = {  # type: ignore[assignment]
    "exchange": (EXCHANGE_TABLE, ExchangeState, ExchangeInput, ExchangeState.PLACING, ExchangeState.ENDED),
    "downstream": (DOWNSTREAM_TABLE, DownstreamState, DownstreamInput, DownstreamState.HEAD, DownstreamState.CLOSED),
    "http/2 stream": (STREAM_TABLE, StreamState, StreamInput, StreamState.DECIDING, StreamState.CLOSED),
    "upstream": (UPSTREAM_TABLE, UpstreamState, UpstreamInput, UpstreamState.DIALING, UpstreamState.CLOSED),
    "relay": (RELAY_TABLE, RelayState, RelayInput, RelayState.DIALING, RelayState.CLOSED),
    "closing handshake": (
        endpoint.TABLE, endpoint.State, endpoint.Input, endpoint.State.OPEN, endpoint.State.CLOSED
    ),
    "http/1.1 client": (http1.TABLE, http1.State, http1.Input, next(iter(http1.State)), max(http1.State)),
}  # fmt: skip

CASES = [
    (name, state, event)
    for name, (_, states, inputs, _, _) in MACHINES.items()
    for state, event in product(states, inputs)
]


@pytest.mark.parametrize(("name", "state", "event"), CASES, ids=lambda value: getattr(value, "name", value))
def test_every_cell(name: str, state: IntEnum, event: IntEnum) -> None:
    table = MACHINES[name][0]
    machine = Machine(table, state)
    target = table.get((state, event))
    assert machine.allows(event) is (target is not None)
    if target is None:
        with pytest.raises(LocalProtocolError, match=state.name):
            machine.fire(event)
        assert machine.state is state
    else:
        assert machine.fire(event) is target
        assert machine.state is target


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_is_reached_and_only_the_last_has_no_way_out(name: str) -> None:
    table, states, inputs, first, last = MACHINES[name]
    reached = {first} | set(table.values())
    assert reached == set(states)
    stuck = {state for state in states if not any(source is state for source, _ in table)}
    assert stuck <= {last}
    assert {event for _, event in table} == set(inputs)


@pytest.mark.parametrize("name", MACHINES)
def test_the_end_can_be_reached_from_everywhere(name: str) -> None:
    table, states, _, _, last = MACHINES[name]
    if any(source is last for source, _ in table):
        pytest.skip("this machine begins anew with each response")
    able = {last}
    while more := {source for (source, _), target in table.items() if target in able} - able:
        able |= more
    assert able == set(states)


def test_diagrams_name_every_arrow_once() -> None:
    drawn = to_mermaid(EXCHANGE_TABLE, ExchangeState.PLACING)
    assert drawn.splitlines()[1] == "    [*] --> PLACING"
    assert drawn.count("-->") == 1 + len({(source, target) for (source, _), target in EXCHANGE_TABLE.items()})
    assert "STREAMING --> ENDED: end" in drawn
