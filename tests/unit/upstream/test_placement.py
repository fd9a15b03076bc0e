"""Where a request goes: the pure decision, as a table."""

import pytest

from aigw_sansio.ids import ConnId
from aigw_sansio.upstream.placement import ConnectionFacts, Dial, Placement, Use, Wait, choose_connection


def facts(conn: int, last_used: float = 0.0, dialed_at: float = 50.0, busy: bool = False) -> ConnectionFacts:
    return ConnectionFacts(conn=ConnId(conn), last_used=last_used, dialed_at=dialed_at, busy=busy)


@pytest.mark.parametrize(("available", "total", "shareable", "fresh", "wanted", "expired"), [
    ([], 0, False, False, Dial(), ()),
    ([], 1, False, False, Dial(), ()),
    ([], 2, False, False, Wait(), ()),
    ([], 3, False, False, Wait(), ()),
    ([], 1, True, False, Wait(), ()),
    ([facts(1)], 1, False, False, Use(ConnId(1)), ()),
    ([facts(1)], 2, True, False, Use(ConnId(1)), ()),
    ([facts(1, 3), facts(2, 7), facts(3, 5)], 3, False, False, Use(ConnId(2)), ()),
    ([facts(1, 3, busy=True)], 1, False, False, Use(ConnId(1)), ()),
    ([facts(1)], 1, False, True, Dial(), ()),
    ([facts(1)], 2, False, True, Use(ConnId(1)), ()),
    ([facts(1, 3), facts(2, 1, busy=True)], 2, False, True, Use(ConnId(2)), ()),
    ([facts(1, 3), facts(2, 5, busy=True)], 1, False, True, Dial(), ()),
    ([], 2, False, True, Wait(), ()),
    ([facts(1)], 1, True, True, Wait(), ()),
    ([facts(1, 90, -1)], 1, False, False, Dial(), (1,)),
    ([facts(1, 90, -1)], 2, False, False, Dial(), (1,)),
    ([facts(1, 90, -1, busy=True)], 1, False, False, Dial(), ()),
    ([facts(1, 90, -1, busy=True)], 2, False, False, Wait(), ()),
    ([facts(1, 90, -1), facts(2, 1, 1)], 2, False, False, Use(ConnId(2)), (1,)),
    ([facts(1, 90, 0), facts(2, 1, 1)], 2, False, False, Use(ConnId(2)), (1,)),
    ([facts(1, 90, -1), facts(2, 1, -5)], 2, False, False, Dial(), (1, 2)),
])  # fmt: skip
def test_the_decision(
    available: list[ConnectionFacts],
    total: int,
    shareable: bool,
    fresh: bool,
    wanted: Placement,
    expired: tuple[int, ...],
) -> None:
    found = choose_connection(
        available, total=total, limit=2, shareable_dial=shareable, after=int(fresh), now=100.0, max_age_s=100.0
    )
    assert found == (wanted, expired)
