"""A client of Responses that comes back, cut off at every byte and at random: nothing is lost, repeated or asked twice."""

import pytest
from tests.world.resumed import sessions
from tests.world.resumed_responses import cut_at, run

from aigw_drivers.client import resumption
from aigw_sansio.events import SessionDetached, SessionResumed


@pytest.mark.parametrize("hears", [True, False], ids=["heard", "half-open"])
def test_a_drop_at_every_byte(monkeypatch: pytest.MonkeyPatch, *, hears: bool) -> None:
    """As for the universal protocol: every second message is acknowledged, so acknowledgements are lost, too."""
    monkeypatch.setattr(resumption, "ACK_EVERY", 2)
    resumed = 0
    place = 1
    while (world := cut_at(place, hears=hears)).first_was_cut:
        back = sum(isinstance(event, SessionResumed) for event in world.events)
        assert back == 1 or not world.told_before_the_cut, place
        assert sessions(world)[0] == 1 or not back, place
        resumed += back
        place += 1
    assert place > 2000
    assert resumed > 1500


@pytest.mark.parametrize("seed", range(60))
def test_random_drops(seed: int) -> None:
    world = run(seed)
    assert sessions(world)[0] >= 1


def test_the_worlds_are_worth_it() -> None:
    worlds = [run(seed) for seed in range(60)]
    events = [event for world in worlds for event in world.events]
    resumed = [event for event in events if isinstance(event, SessionResumed)]
    assert sum(event.again > 0 for event in resumed) > 20
    assert sum(event.away_s == 0 for event in resumed) > 20  # half-open ones
    assert sum(isinstance(event, SessionDetached) for event in events) > 20
    creates = [one for world in worlds for one in world.creates]
    assert sum(one.parent is not None for one in creates) > 20
    assert {one.lane for one in creates} == {"", "a", "b"}
    assert max(world.dials for world in worlds) > 5
