"""What is open costs nothing but memory, and little of that: chunks and requests cost the same beside it.

``python -m tests.benchmarks.growth`` measures time, more sockets, and the drivers.
"""

import gc
import sys
import tracemalloc
from collections.abc import Callable

import pytest
from tests.rigs.compiled import COMPILED
from tests.rigs.core_request import Requests
from tests.rigs.core_stream import Rig, chunk
from tests.rigs.idle_sockets import open_sockets
from tests.rigs.meter import cost_of

pytestmark = [
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the numbers of another Python are others"),
    pytest.mark.skipif(COMPILED, reason="the compiled core executes no bytecodes"),
]

MANY = 150
KIB = 1024


def flat(alone: Callable[[], object], beside: Callable[[], object]) -> None:
    """Both cost as many bytecodes. The first calls make what is made once."""
    for action in (alone, beside):
        action()
    assert cost_of(beside).bytecodes == pytest.approx(cost_of(alone).bytecodes, rel=0.01)


def test_a_chunk_costs_the_same_beside_other_sockets_and_exchanges() -> None:
    read, alone, sockets, exchanges = chunk(), Rig(1), Rig(1), Rig(MANY)
    open_sockets(sockets.gateway, MANY)
    exchanges.run(read, MANY)
    for other in (sockets, exchanges):
        flat(lambda: alone.run(read, 20), lambda other=other: other.run(read, 20))


def test_a_request_costs_the_same_beside_other_sockets() -> None:
    alone, beside = Requests(), Requests()
    open_sockets(beside.gateway, MANY)
    flat(lambda: [alone.request() for _ in range(5)], lambda: [beside.request() for _ in range(5)])


def held(make: Callable[[], object]) -> int:
    """The bytes of what ``make`` makes, and of all that it opens."""
    make()
    gc.collect()
    tracemalloc.start()
    try:
        made = make()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] if made is not None else 0
    finally:
        tracemalloc.stop()


def test_an_idle_socket_holds_little() -> None:
    rig = Rig(1)
    assert held(lambda: open_sockets(rig.gateway, MANY)) < 7.3 * KIB * MANY


def test_a_running_exchange_and_its_connection_hold_little() -> None:
    assert held(lambda: Rig(MANY)) < 6.1 * KIB * MANY
