"""The listening sockets of workers."""

import socket
import sys
from itertools import pairwise

import pytest

from aigw_drivers.server.slots import Slots

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux deals clients out")


def ports(slots: Slots, count: int) -> set[int]:
    return {sock.getsockname()[1] for number in range(count) for sock in slots[number]}


@linux_only
def test_each_worker_has_its_own_on_one_port() -> None:
    slots = Slots("127.0.0.1", 0, 3)
    assert len(ports(slots, 3)) == 1
    assert len({sock.fileno() for number in range(3) for sock in slots[number]}) == 3
    slots.close()


@linux_only
def test_those_that_were_given_up_are_opened_again_on_the_same_port() -> None:
    slots = Slots("127.0.0.1", 0, 2)
    before = ports(slots, 2)
    given_up = slots[1][0]
    slots.give_up(1)
    assert given_up.fileno() == -1
    assert slots[0][0].fileno() >= 0
    assert ports(slots, 2) == before
    slots.close()


@linux_only
def test_a_worker_keeps_only_its_own() -> None:
    slots = Slots("127.0.0.1", 0, 3)
    sockets = [slots[number][0] for number in range(3)]
    slots.keep_only(1)
    assert [sock.fileno() >= 0 for sock in sockets] == [False, True, False]
    slots.close()
    assert sockets[1].fileno() == -1


def test_a_port_that_another_server_has_is_refused() -> None:
    """Though both would let others share it."""
    first = Slots("127.0.0.1", 0, 2)
    (port,) = ports(first, 2)
    with pytest.raises(OSError, match="in use"):
        Slots("127.0.0.1", port, 2)
    first.close()


def test_sockets_that_were_passed_are_shared() -> None:
    with socket.create_server(("127.0.0.1", 0)) as passed:
        slots = Slots("192.0.2.1", 1, 3, [passed])
        assert all(one is other for one, other in pairwise(slots[number] for number in range(3)))
        slots.give_up(0)
        slots.keep_only(1)
        assert passed.fileno() >= 0
        slots.close()
        assert passed.fileno() == -1


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="no SO_REUSEPORT")
def test_elsewhere_than_on_linux_they_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aigw_drivers.server.slots._DEALS_OUT", False)
    slots = Slots("127.0.0.1", 0, 2)
    assert slots[0] is slots[1]
    slots.close()
