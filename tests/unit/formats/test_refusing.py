"""A way out of the middle of a request."""

import pytest

from aigw_sansio.formats.refusing import RequestRefused, accepted, refusal
from aigw_sansio.formats.translation import Refused


def test_it_carries_the_refusal() -> None:
    with pytest.raises(RequestRefused) as raised:
        raise refusal("tools[0]", "It is no tool.")
    assert raised.value.refused == Refused("tools[0]", "It is no tool.")
    assert str(raised.value) == "tools[0]"


def test_what_is_refused_is_raised() -> None:
    assert accepted("a") == "a"
    assert accepted(None) is None
    with pytest.raises(RequestRefused) as raised:
        accepted(Refused("tools[0]", "It is no tool."))
    assert raised.value.refused == Refused("tools[0]", "It is no tool.")
