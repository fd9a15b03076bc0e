"""Which calls others may join."""

from types import SimpleNamespace
from typing import Any

from tests.rigs.compiled import needs_sources

from aigw_sansio.upstream.recordings import Recordings

pytestmark = needs_sources


def test_a_call_is_found_until_it_is_removed_or_full() -> None:
    call: Any = SimpleNamespace(readers=1)
    recordings = Recordings()
    assert recordings.find("a") is None
    recordings.add("a", call)
    assert recordings.find("a") is call
    assert recordings.find("b") is None
    call.readers = 256
    assert recordings.find("a") is None
    call.readers = 255
    assert recordings.find("a") is call
    recordings.remove("a", call)
    assert recordings.find("a") is None


def test_a_later_call_of_the_same_name_stays() -> None:
    first: Any = SimpleNamespace(readers=1)
    second: Any = SimpleNamespace(readers=1)
    recordings = Recordings()
    recordings.add("a", first)
    recordings.add("a", second)
    recordings.remove("a", first)
    recordings.remove("b", first)
    assert recordings.find("a") is second
