"""Look-ups: how many dials to names a client may have, and what becomes of the others."""

import pytest

from aigw_sansio.config import Config, Limits, Timeouts
from aigw_sansio.effects import Connect
from aigw_sansio.engine.client import Client
from aigw_sansio.engine.dials import REMEMBERED_NAMES, Dials
from aigw_sansio.engine.timers import Timers
from aigw_sansio.ids import ConnId


class Desk:
    """Dials, and what went out late."""

    def __init__(self, limit: int, *known: str) -> None:
        config = Config(limits=Limits(lookups_at_once_per_client=limit), timeouts=Timeouts(connect_s=10))
        self.timers = Timers()
        self.late: list[Connect] = []
        self.begun: list[float] = []
        self.dials = Dials(config, self.timers, self.late.append, frozenset(known))

    def begin(self, effect: Connect, client: Client | None, now: float = 0.0) -> bool:
        return self.dials.begin(effect, client, self.begun.append, now)

    def abort(self, conn: int, now: float) -> None:
        self.dials.withdraw(ConnId(conn))
        self.dials.closed(ConnId(conn), now)


def connect(conn: int, host: str = "up.test") -> Connect:
    return Connect(ConnId(conn), host=host, port=443, tls=None, alpn=())


def test_a_client_has_so_many_at_once_and_the_next_goes_out_when_one_ends() -> None:
    desk, client = Desk(2), Client()
    dials = desk.dials
    assert [desk.begin(connect(number), client) for number in (1, 2, 3, 4)] == [True, True, False, False]
    assert (dials.held, dials.holds(ConnId(2)), dials.holds(ConnId(3))) == (2, False, True)
    dials.ended(ConnId(2), 3.0)
    dials.ended(ConnId(2), 4.0)
    assert (desk.late, desk.begun) == ([connect(3)], [3.0])
    dials.closed(ConnId(1), 5.0)
    assert (desk.late, desk.begun) == ([connect(3), connect(4)], [3.0, 5.0])
    assert (dials.held, client.looking_up) == (0, 2)
    dials.ended(ConnId(3), 6.0)
    dials.ended(ConnId(4), 6.0)
    assert (len(desk.late), client.looking_up) == (2, 0)


def test_other_clients_go_on() -> None:
    desk = Desk(1)
    assert desk.begin(connect(1), Client())
    assert desk.begin(connect(2), Client())
    assert desk.begin(connect(3), None)


@pytest.mark.parametrize("host", ["192.0.2.7", "::1", "[2001:db8::1]", "fe80::1%eth0", "known.test"])
def test_addresses_and_known_hosts_do_not_count(host: str) -> None:
    desk, client = Desk(1, "known.test"), Client()
    assert desk.begin(connect(1), client)
    assert desk.begin(connect(2, host), client)
    assert not desk.begin(connect(3, "1.2.3.4.test"), client)
    desk.dials.ended(ConnId(2), 0.0)
    assert desk.late == []


def test_a_name_that_was_reached_once_counts_no_more() -> None:
    desk, client = Desk(1), Client()
    for number in (1, 2, 3):
        desk.begin(connect(number), client)
    desk.begin(connect(4, "other.test"), client)
    desk.dials.connected(ConnId(1), 2.0)
    assert desk.late == [connect(2), connect(3), connect(4, "other.test")]
    assert client.looking_up == 1, "that of the other name"
    assert desk.begin(connect(5), client)


def test_of_the_names_that_were_reached_the_last_ones_are_remembered() -> None:
    desk, client = Desk(1), Client()
    for number in range(1, REMEMBERED_NAMES + 2):
        assert desk.begin(connect(number, f"name{number}.test"), client)
        desk.dials.connected(ConnId(number), 0.0)
    assert desk.begin(connect(5000, "slow.test"), client)
    assert desk.begin(connect(5001, "name2.test"), client)
    assert not desk.begin(connect(5002, "name1.test"), client)


def test_what_is_withdrawn_is_handed_out_once_and_takes_no_place() -> None:
    desk, client = Desk(1), Client()
    dials = desk.dials
    for number in (1, 2, 3):
        desk.begin(connect(number), client)
    assert dials.withdraw(ConnId(2)) == connect(2)
    assert dials.withdraw(ConnId(2)) is None
    dials.closed(ConnId(2), 0.0)
    assert desk.late == []
    dials.ended(ConnId(1), 0.0)
    assert desk.late == [connect(3)]


def test_an_aborted_dial_counts_until_its_look_up_must_be_over() -> None:
    desk, client = Desk(1), Client()
    assert desk.begin(connect(1), client, 100.0)
    desk.abort(1, 103.0)
    assert not desk.begin(connect(2), client, 103.0)
    assert desk.timers.next_deadline() == 110.0
    desk.timers.fire(110.0)
    assert (desk.late, desk.begun) == ([connect(2)], [110.0])
    assert desk.timers.next_deadline() is None


def test_an_aborted_dial_frees_its_place_if_another_waits_already() -> None:
    desk, client = Desk(1), Client()
    desk.begin(connect(1), client, 100.0)
    desk.begin(connect(2), client, 101.0)
    desk.abort(1, 103.0)
    assert desk.late == []
    desk.timers.fire(110.0)
    assert desk.late == [connect(2)]


def test_a_look_up_that_outlives_its_dial_counts_until_the_driver_says_that_it_is_over() -> None:
    """A silent name server may take longer than ``connect_s``."""
    desk, client = Desk(1), Client()
    desk.begin(connect(1), client, 100.0)
    desk.dials.withdraw(ConnId(1))
    assert not desk.begin(connect(2), client, 110.0)
    assert desk.timers.next_deadline() is None
    desk.dials.closed(ConnId(1), 131.0)
    assert (desk.late, desk.begun) == ([connect(2)], [131.0])


@pytest.mark.parametrize("outcome", ["connected", "ended"])
def test_an_aborted_dial_whose_end_was_on_its_way_does_not_count(outcome: str) -> None:
    desk, client = Desk(1), Client()
    desk.begin(connect(1), client)
    desk.dials.withdraw(ConnId(1))
    getattr(desk.dials, outcome)(ConnId(1), 1.0)
    desk.dials.closed(ConnId(1), 1.0)
    assert desk.begin(connect(2), client, 1.0)


def test_a_client_that_does_not_wait_leaves_no_timer() -> None:
    desk, client = Desk(1), Client()
    desk.begin(connect(1), client)
    desk.begin(connect(2), client)
    desk.abort(1, 3.0)
    desk.abort(2, 3.0)
    assert desk.timers.next_deadline() is None
    assert desk.begin(connect(3), client, 10.0), "by then it is over"
