"""Running totals: no count falls, and totals hold their parts."""

import pytest

from aigw_sansio import events as e
from aigw_sansio.formats.totals import merge_usage, whole_usage


@pytest.mark.parametrize("field", [field for field in e.UsageReported.__struct_fields__ if field != "quality"])
def test_every_count_is_merged_and_never_falls(field: str) -> None:
    old, new = e.UsageReported(**{field: 1}), e.UsageReported(**{field: 2}, quality="partial")
    assert merge_usage(old, e.UsageReported()) == old
    assert merge_usage(old, new) == new
    assert merge_usage(new, old) == e.UsageReported(**{field: 2})
    assert merge_usage(None, new) is new
    assert merge_usage(e.UsageReported(), new) == new
    assert merge_usage(new, e.UsageReported(**{field: 0})) == e.UsageReported(**{field: 2})


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        ((10, 4, 12, 5), e.UsageReported(27, 4, 12, 5)),
        ((10, 4, 8, 5), e.UsageReported(23, 4, 8, 5)),
        ((10, 4, 8, 2), e.UsageReported(10, 4, 8, 2)),
        ((10, 4, 161), e.UsageReported(171, 4, 161)),
        ((None, 4, 8, 5), e.UsageReported(None, 4, 8, 5)),
        ((1, 9, None, None, 75), e.UsageReported(1, 84, reasoning_output_tokens=75)),
        ((1, 75, None, None, 75), e.UsageReported(1, 75, reasoning_output_tokens=75)),
    ],
)
def test_parts_that_are_more_than_their_total_were_counted_beside_it(
    reported: tuple[int | None, ...], shown: e.UsageReported
) -> None:
    assert whole_usage(e.UsageReported(*reported)) == shown


def test_a_corrected_total_is_not_corrected_again() -> None:
    once = whole_usage(e.UsageReported(10, 9, 161, reasoning_output_tokens=75))
    assert whole_usage(merge_usage(once, whole_usage(e.UsageReported(10, 9, 161, reasoning_output_tokens=75)))) == once
