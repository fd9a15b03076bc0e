"""Shares: how many connections are kept for others."""

import pytest

from aigw_sansio.engine.client import Client, Requester, Requesters
from aigw_sansio.upstream.shares import OriginShares


def shares(gateways: int, clients: int) -> tuple[OriginShares, list[Requester]]:
    """Of ``clients`` connections of gateway ``a/a``; ``gateways`` are configured."""
    requesters = Requesters()
    found = [Requester("a/a", Client()) for _ in range(clients)]
    for requester in found:
        requesters.entered(requester)
    return OriginShares(gateways, requesters), found


def test_nothing_is_kept_from_who_has_nothing_yet() -> None:
    found, (one, *_) = shares(5, 5)
    assert found.kept_from(one, 100) == 0


@pytest.mark.parametrize(("gateways", "clients", "limit", "kept"), [
    (1, 1, 100, 0),
    (4, 1, 100, 3),
    (1, 4, 100, 3),
    (4, 4, 100, 6),
    (90, 90, 100, 75),
    (90, 1, 8, 4),
    (1, 90, 8, 2),
    (9, 9, 1, 0),
])  # fmt: skip
def test_one_for_each_other_that_has_none(gateways: int, clients: int, limit: int, kept: int) -> None:
    """At most half of the limit for gateways, and a quarter for clients."""
    found, (one, *_) = shares(gateways, clients)
    found.take(one)
    assert found.kept_from(one, limit) == kept


def test_whoever_has_one_needs_none_kept() -> None:
    found, (one, two, three) = shares(3, 3)
    elsewhere = Requester("b/b", Client())
    for requester in (one, two, elsewhere):
        found.take(requester)
    assert found.kept_from(one, 100) == 1 + 1, "one gateway and one client have none"
    assert found.kept_from(three, 100) == 1, "only the gateway: the place of a client was kept for this one"
    assert found.kept_from(Requester("c/c", Client()), 100) == 0
    found.give_back(two)
    assert found.kept_from(one, 100) == 1 + 2
    found.give_back(elsewhere)
    assert found.kept_from(one, 100) == 2 + 2


def test_several_requests_of_a_client_count_until_the_last_ends() -> None:
    found, (one, two) = shares(1, 2)
    found.take(one)
    found.take(one)
    found.give_back(one)
    assert found.kept_from(one, 100) == 1
    found.give_back(one)
    assert found.kept_from(one, 100) == 0
    found.take(two)
    assert found.kept_from(two, 100) == 1
