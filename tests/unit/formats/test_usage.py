"""The usage meter: reports of one answer replace each other, answers of a session add up."""

import json

from aigw_sansio.events import TextDelta, UsageReported
from aigw_sansio.formats.usage import KEPT_APART, UsageMeter, usage_json


def test_without_a_report_there_is_no_total() -> None:
    meter = UsageMeter()
    meter.read([TextDelta("x")])
    assert meter.total(complete=True) is None


def test_a_later_report_replaces_an_earlier_one_and_null_erases_nothing() -> None:
    meter = UsageMeter()
    meter.report(UsageReported(10, 1, 4, quality="partial"))
    meter.report(UsageReported(None, 7))
    assert meter.total(complete=True) == UsageReported(10, 7, 4)


def test_a_broken_answer_is_partial_and_a_complete_one_is_final() -> None:
    meter = UsageMeter()
    meter.report(UsageReported(10, 1))
    assert meter.total(complete=False) == UsageReported(10, 1, quality="partial")
    meter.report(UsageReported(10, 2, quality="partial"))
    assert meter.total(complete=True) == UsageReported(10, 2)


def test_a_later_zero_replaces_nothing() -> None:
    meter = UsageMeter()
    meter.read([UsageReported(7, 3), UsageReported(0, 0, 0)])
    assert meter.total(complete=True) == UsageReported(7, 3, 0)


def test_a_report_without_a_number_is_no_usage() -> None:
    meter = UsageMeter()
    meter.report(UsageReported())
    assert meter.total(complete=True) is None


def test_units_other_than_tokens_are_added_too() -> None:
    meter = UsageMeter()
    meter.report(UsageReported(input_audio_s=1.5, input_characters=7), "a")
    meter.report(UsageReported(input_audio_s=2.25), "b")
    total = meter.total(complete=True)
    assert total == UsageReported(input_audio_s=3.75, input_characters=7)
    assert json.loads(usage_json(total)) == {"input_audio_s": 3.75, "input_characters": 7, "quality": "final"}


def test_answers_of_a_session_are_added_each_once() -> None:
    meter = UsageMeter()
    for _ in range(3):
        meter.report(UsageReported(10, 1, reasoning_output_tokens=1), "resp_1")
    meter.read([UsageReported(5, 2, cache_read_input_tokens=3)], "resp_2")
    assert meter.total(complete=True) == UsageReported(15, 3, 3, reasoning_output_tokens=1)


def test_a_long_session_is_bounded_and_loses_nothing() -> None:
    meter = UsageMeter()
    for number in range(KEPT_APART * 3):
        meter.report(UsageReported(1, 2), f"resp_{number}")
    assert len(meter._responses) == KEPT_APART
    assert meter.total(complete=True) == UsageReported(KEPT_APART * 3, KEPT_APART * 6)


def test_sums_stay_within_63_bits() -> None:
    meter = UsageMeter()
    for name in "ab":
        meter.report(UsageReported(2**63 - 1), name)
    total = meter.total(complete=True)
    assert total is not None
    assert json.loads(usage_json(total)) == {"input_tokens": 2**63 - 1, "quality": "final"}


def test_the_json_form() -> None:
    assert json.loads(usage_json(UsageReported(0, 2, quality="partial"))) == {
        "input_tokens": 0,
        "output_tokens": 2,
        "quality": "partial",
    }
