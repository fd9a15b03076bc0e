"""Which effects are for the handler of a client without bytes."""

from typing import get_args

import pytest

from aigw_drivers.core.hosted import Hosted, MessageEffect
from aigw_sansio import Accept, Close, CloseMessages, ConnId, Continue, Effect, Emit, Flush, PauseReading, Refuse
from aigw_sansio.effects import ResumeReading

MINE, OTHER = ConnId(1), ConnId(2)
PASSED: list[type[MessageEffect]] = [Accept, Refuse, CloseMessages, Flush, PauseReading, ResumeReading, Close]


class Handler:
    def __init__(self) -> None:
        self.effects: list[MessageEffect] = []

    def on_effect(self, effect: MessageEffect) -> None:
        self.effects.append(effect)


def made(kind: type[Effect], conn: ConnId) -> Effect:
    fields = kind.__struct_fields__
    return kind(**{**dict.fromkeys(fields), "conn": conn})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", PASSED)
def test_effects_go_to_the_handler_of_their_client(kind: type[Effect]) -> None:
    hosted, handler = Hosted(), Handler()
    hosted.add(MINE, handler)
    assert hosted.carry_out(made(kind, MINE))
    assert not hosted.carry_out(made(kind, OTHER))
    assert handler.effects == [made(kind, MINE)]
    assert hosted.remove(MINE)
    assert not hosted.remove(MINE)
    assert not hosted.carry_out(made(kind, MINE))
    assert len(hosted) == 0


def test_no_other_effect_is_passed_on() -> None:
    assert set(get_args(MessageEffect)) == set(PASSED)
    hosted = Hosted()
    hosted.add(MINE, Handler())
    assert not hosted.carry_out(Continue())
    assert not hosted.carry_out(Emit(None))  # type: ignore[arg-type]
    assert list(hosted.take_all()) == [MINE]
    assert len(hosted) == 0
