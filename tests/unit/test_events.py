"""The vocabulary of events: each has a type tag of its own, and its JSON form reads back as the same event."""

import json
from types import NoneType
from typing import Any, Literal, NewType, get_args, get_origin

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio import events as e
from aigw_sansio.faults import Fault, FaultKind, Side

PROVIDER_EVENTS: tuple[type[msgspec.Struct], ...] = get_args(e.ProviderEvent)
LIFECYCLE_EVENTS: tuple[type[msgspec.Struct], ...] = get_args(e.LifecycleEvent)
ALL = PROVIDER_EVENTS + LIFECYCLE_EVENTS
#: Whole sets of the tags: a client and a host depend on every one.
PROVIDER_TAGS = {
    "response.started", "text.delta", "reasoning.delta", "tool_call.started", "tool_call.delta", "audio.delta",
    "image.delta", "refusal.delta", "citation", "usage", "response.finished", "response.failed", "unrecognised",
}  # fmt: skip
LIFECYCLE_TAGS = {
    "session.opened", "session.detached", "session.resumed", "session.ended", "upgrade.refused", "connection.refused", "request.waiting", "request.admitted", "request.denied", "attempt.started", "attempt.connected",
    "attempt.first_byte", "attempt.ended", "exchange.ended", "part.failed", "provider.event",
}  # fmt: skip
FAULT = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "reset")


def tag(event: type[msgspec.Struct]) -> object:
    return event.__struct_config__.tag


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Any value that a field may have."""
    if isinstance(annotation, NewType):
        annotation = annotation.__supertype__
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is dict:
        return st.dictionaries(*map(values, get_args(annotation)), max_size=3)
    if get_args(annotation):
        return st.one_of([values(one) for one in get_args(annotation)])
    if annotation is Fault:
        return st.sampled_from([Fault(kind, side, "d") for kind in FaultKind for side in Side])
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return structs(annotation)
    found = {
        str: st.text(max_size=5),
        int: st.integers(0, 2**63 - 1),
        float: st.floats(0, 1e6),
        bool: st.booleans(),
        NoneType: st.none(),
        Side: st.sampled_from(Side),
    }
    return found[annotation]


def structs(event: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    fields = {field.name: values(field.type) for field in msgspec.structs.fields(event)}
    return st.fixed_dictionaries(fields).map(lambda found: event(**found))


def test_every_event_of_the_module_belongs_to_one_family() -> None:
    defined = {
        value
        for value in vars(e).values()
        if isinstance(value, type) and value.__module__ == e.__name__ and not value.__name__.startswith("_")
    }
    assert defined == set(ALL)
    assert len(ALL) == len(set(ALL))


def test_the_tags_are_those_that_clients_and_hosts_know() -> None:
    assert {tag(event) for event in PROVIDER_EVENTS} == PROVIDER_TAGS
    assert {tag(event) for event in LIFECYCLE_EVENTS} == LIFECYCLE_TAGS
    assert len({tag(event) for event in ALL}) == len(ALL)


@pytest.mark.parametrize("event", ALL, ids=tag)
@given(data=st.data())
def test_the_json_form_reads_back_as_the_same_event(event: type[msgspec.Struct], data: st.DataObject) -> None:
    made = data.draw(structs(event))
    family: Any = e.ProviderEvent if event in PROVIDER_EVENTS else e.LifecycleEvent
    written = msgspec.json.encode(made)
    assert json.loads(written)["type"] == tag(event)
    assert msgspec.json.decode(written, type=family) == made


@pytest.mark.parametrize("event", ALL, ids=tag)
def test_an_event_does_not_change(event: type[msgspec.Struct]) -> None:
    assert event.__struct_config__.frozen
    fields = [field.name for field in msgspec.structs.fields(event)]
    made = event(**dict.fromkeys(fields, "x"))
    assert hash(made) == hash(event(**dict.fromkeys(fields, "x")))
    for field in fields:
        with pytest.raises(AttributeError):
            setattr(made, field, "y")


@pytest.mark.parametrize("event", PROVIDER_EVENTS, ids=tag)
def test_a_provider_event_on_the_wire_leaves_out_what_it_does_not_know(event: type[msgspec.Struct]) -> None:
    """Clients pay for each byte of each chunk."""
    required = [field.name for field in msgspec.structs.fields(event) if field.required]
    written = json.loads(msgspec.json.encode(event(**dict.fromkeys(required, "x"))))
    assert list(written) == ["type", *required]


@pytest.mark.parametrize("event", LIFECYCLE_EVENTS, ids=tag)
def test_a_lifecycle_event_is_written_with_all_its_fields(event: type[msgspec.Struct]) -> None:
    """A host's log has the same columns in every line."""
    fields = [field.name for field in msgspec.structs.fields(event)]
    assert list(json.loads(msgspec.json.encode(event(**dict.fromkeys(fields))))) == ["type", *fields]


@pytest.mark.parametrize("event", ALL, ids=tag)
def test_no_event_has_a_field_for_a_secret_or_for_bytes(event: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(event):
        assert "Secret" not in str(field.type)
        assert "bytes" not in str(field.type)


def test_one_name_is_written_alike_for_all_events() -> None:
    """``side`` and ``by`` are the three words of :class:`Side`, whatever the event."""
    for event in LIFECYCLE_EVENTS:
        for field in msgspec.structs.fields(event):
            if field.name == "by":
                assert {str(word) for word in get_args(field.type) or Side} == {side.value for side in Side}
