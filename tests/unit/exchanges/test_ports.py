"""A planned step: which of its calls each try takes."""

import msgspec
import pytest
from tests.rigs.core_rig import Rig
from tests.rigs.steps import client, step

from aigw_sansio.sessions.planner import plan


@pytest.mark.parametrize(("others", "tries"), [(0, "0000"), (1, "0111"), (2, "0121")])
def test_each_try_takes_another_key_as_far_as_there_are_some(others: int, tries: str) -> None:
    found = plan(Rig().services, client(), [step()], 0.0)
    assert isinstance(found, list)
    calls = [found[0].call, *(msgspec.structs.replace(found[0].call, endpoint=str(n)) for n in range(others))]
    planned = found[0]._replace(others=tuple(calls[1:]))
    assert [calls.index(planned.call_of(number)) for number in (1, 2, 3, 4)] == [int(one) for one in tries]
