"""What is said about a record."""

import pytest

from aigw_sansio.ids import NO_OPTIONS, RecordOptions


@pytest.mark.parametrize("collect", [False, True])
@pytest.mark.parametrize("payload", [False, True])
def test_bodies_are_kept_only_of_what_is_recorded(collect: bool, payload: bool) -> None:
    assert RecordOptions(collect=collect, collect_payload=payload).keeps_payload is (collect and payload)
    assert not NO_OPTIONS.keeps_payload
