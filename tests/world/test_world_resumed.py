"""Clients of both dialects that come back, cut off at every byte and at random: nothing is lost, repeated or carried out
twice."""

from types import ModuleType

import pytest
from tests.world import resumed, resumed_responses
from tests.world.resumed import sessions

from aigw_drivers.client import resumption
from aigw_sansio.events import SessionDetached, SessionResumed

WORLDS = pytest.mark.parametrize("worlds", [resumed, resumed_responses], ids=["universal", "responses"])


@pytest.mark.parametrize("hears", [True, False], ids=["heard", "half-open"])
@pytest.mark.parametrize(
    ("worlds", "places", "resumptions"),
    [(resumed, 1200, 800), (resumed_responses, 2000, 1500)],
    ids=["universal", "responses"],
)
def test_a_drop_at_every_byte(
    monkeypatch: pytest.MonkeyPatch, worlds: ModuleType, places: int, resumptions: int, *, hears: bool
) -> None:
    """The gateway hears of it at once, or never: then the connection is half-open when the client comes back. Every
    second message is acknowledged, so acknowledgements are lost, too."""
    monkeypatch.setattr(resumption, "ACK_EVERY", 2)
    back_again = 0
    place = 1
    while (world := worlds.cut_at(place, hears=hears)).first_was_cut:
        back = sum(isinstance(event, SessionResumed) for event in world.events)
        assert back == 1 or not world.told_before_the_cut, place
        assert sessions(world)[0] == 1 or not back, place
        back_again += back
        place += 1
    assert place > places
    assert back_again > resumptions


@WORLDS
@pytest.mark.parametrize("seed", range(60))
def test_random_drops(worlds: ModuleType, seed: int) -> None:
    assert sessions(worlds.run(seed))[0] >= 1


@WORLDS
def test_the_worlds_are_worth_it(worlds: ModuleType) -> None:
    some = [worlds.run(seed) for seed in range(60)]
    events = [event for world in some for event in world.events]
    resumptions = [event for event in events if isinstance(event, SessionResumed)]
    assert sum(event.again > 0 for event in resumptions) > 20
    assert sum(event.away_s == 0 for event in resumptions) > 20  # half-open ones
    assert sum(isinstance(event, SessionDetached) for event in events) > 20
    assert max(world.dials for world in some) > 5


def test_creates_have_lanes_and_conversations() -> None:
    creates = [one for seed in range(60) for one in resumed_responses.run(seed).creates]
    assert sum(one.parent is not None for one in creates) > 20
    assert {one.lane for one in creates} == {"", "a", "b"}
