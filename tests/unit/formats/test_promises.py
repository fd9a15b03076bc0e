"""What is checked of what parts of the host's own return, and how a failure is told."""

from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio import FaultKind, PartFailed, ProviderEvent, Side
from aigw_sansio.events import TextDelta
from aigw_sansio.formats.promises import BrokenPromise, checked, checked_events, event_of, fault_of


@pytest.mark.parametrize("kind", get_args(ProviderEvent), ids=lambda kind: kind.__name__)
@given(st.data())
def test_every_event_passes_the_check_unchanged(kind: type[Any], data: st.DataObject) -> None:
    counts = st.integers(0, 2**63 - 1)
    of = {
        int: counts,
        int | None: st.none() | counts,
        float: st.floats(0, 1e9),
        float | None: st.none() | st.floats(0, 1e9),
    }
    fields = {name: of.get(hint, st.from_type(hint)) for name, hint in get_type_hints(kind).items()}
    event = data.draw(st.builds(kind, **fields))
    assert checked(event, "it") == event


def test_a_value_that_cannot_be_checked_is_a_broken_promise() -> None:
    with pytest.raises(BrokenPromise, match="it has a field of a wrong type"):
        checked(TextDelta({object()}), "it")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("events", "says"),
    [
        (None, "it returned no list of events"),
        ((TextDelta("x"),), "it returned no list of events"),
        (["x"], "it returned something else than provider events"),
        ([TextDelta("x"), TextDelta(7)], "TextDelta has a field of a wrong type"),  # type: ignore[arg-type]
    ],
)
def test_events_are_a_list_of_provider_events(events: object, says: str) -> None:
    with pytest.raises(BrokenPromise, match=says):
        checked_events(events)
    assert checked_events([TextDelta("x")]) == [TextDelta("x")]


def test_a_failure_is_told_without_the_words_of_the_exception() -> None:
    try:
        raise ValueError("canary")
    except ValueError as error:
        told = event_of("log 1", "reader of acme", error)
    assert isinstance(told, PartFailed)
    assert (told.log_id, told.part, told.error) == ("log 1", "reader of acme", "ValueError")
    assert told.where.startswith("test_promises.py:")
    assert event_of("", "x", BrokenPromise("it sleeps")).error == "it sleeps"
    fault = fault_of("reader of acme")
    assert (fault.kind, fault.side, fault.detail) == (
        FaultKind.INTERNAL, Side.GATEWAY, "the gateway's own reader of acme failed",
    )  # fmt: skip
