"""Look-ups: how many dials to names a client may have, and what becomes of the others."""

import pytest

from aigw_sansio.effects import Connect, Effect
from aigw_sansio.engine.client import Client
from aigw_sansio.engine.dials import Dials
from aigw_sansio.ids import ConnId


def connect(conn: int, host: str = "up.test") -> Connect:
    return Connect(ConnId(conn), host=host, port=443, tls=None, alpn=())


def test_a_client_has_so_many_at_once_and_the_next_goes_out_when_one_ends() -> None:
    dials, client = Dials(2), Client()
    assert [dials.begin(connect(number), client) for number in (1, 2, 3, 4)] == [True, True, False, False]
    assert (dials.held, dials.holds(ConnId(2)), dials.holds(ConnId(3))) == (2, False, True)
    effects: list[Effect] = []
    dials.ended(ConnId(2), effects)
    dials.ended(ConnId(2), effects)
    assert effects == [connect(3)]
    dials.ended(ConnId(1), effects)
    assert effects == [connect(3), connect(4)]
    assert (dials.held, client.looking_up) == (0, 2)
    dials.ended(ConnId(3), effects)
    dials.ended(ConnId(4), effects)
    assert (len(effects), client.looking_up) == (2, 0)


def test_other_clients_go_on() -> None:
    dials = Dials(1)
    assert dials.begin(connect(1), Client())
    assert dials.begin(connect(2), Client())
    assert dials.begin(connect(3), None)


@pytest.mark.parametrize("host", ["192.0.2.7", "::1", "[2001:db8::1]", "fe80::1%eth0"])
def test_addresses_do_not_count(host: str) -> None:
    dials, client = Dials(1), Client()
    assert dials.begin(connect(1), client)
    assert dials.begin(connect(2, host), client)
    assert not dials.begin(connect(3, "1.2.3.4.test"), client)
    effects: list[Effect] = []
    dials.ended(ConnId(2), effects)
    assert effects == []


def test_what_is_withdrawn_is_handed_out_once_and_takes_no_place() -> None:
    dials, client = Dials(1), Client()
    for number in (1, 2, 3):
        dials.begin(connect(number), client)
    assert dials.withdraw(ConnId(2)) == connect(2)
    assert dials.withdraw(ConnId(2)) is None
    assert dials.withdraw(ConnId(1)) is None, "it is dialled already"
    effects: list[Effect] = []
    dials.ended(ConnId(2), effects)
    assert effects == []
    dials.ended(ConnId(1), effects)
    assert effects == [connect(3)]
