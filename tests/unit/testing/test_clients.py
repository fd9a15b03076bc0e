"""The public strategies for messages of clients, run against the dialects."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio import translate
from aigw_sansio.config import Config
from aigw_sansio.dialects.commands import Create, Reply, Turn, Unusable
from aigw_sansio.dialects.responses.dialect import ResponsesDialect
from aigw_sansio.dialects.universal import decode as universal
from aigw_sansio.faults import WrongField
from aigw_sansio.sessions.compat import CompatStep, translate_step
from aigw_sansio.testing import (
    BrokenMessage,
    ResponsesCreate,
    broken_responses_messages,
    responses_creates,
    responses_messages,
    universal_messages,
)

LOG_ID = "018bcff4-aa40-7440-a446-2790546e040e"


@given(universal_messages())
def test_every_conversation_is_understood_or_refused(message: bytes) -> None:
    assert isinstance(
        universal.decode(message),
        universal.Create | universal.BadCreate | universal.Cancel | universal.Ping | universal.Unusable,
    )


def dialect() -> ResponsesDialect:
    return ResponsesDialect(Config(), provider="anthropic", headers=[], keeps=lambda slug: False)


def begun(one: ResponsesDialect, data: bytes) -> Create | list[dict[str, Any]]:
    """What becomes of a message: the create, or the messages for its client."""
    found = one.receive(data)
    if isinstance(found, Turn):
        found = one.begin(found.event_id, LOG_ID, 17)
    if isinstance(found, Create):
        return found
    assert isinstance(found, Reply | Unusable)
    messages = one.unusable(found.fault, None) if isinstance(found, Unusable) else found.messages
    return [json.loads(message) for message in messages]


@given(st.lists(st.one_of(responses_creates(), broken_responses_messages()), max_size=5))
def test_creates_begin_and_what_is_nearly_one_is_refused_by_name(
    messages: list[ResponsesCreate | BrokenMessage],
) -> None:
    one = dialect()
    for message in messages:
        found = begun(one, message.data)
        if isinstance(message, BrokenMessage):
            assert not isinstance(found, Create), message.rule
            (error,) = found
            assert (error["type"], error["status"]) == ("error", 400)
            assert error["error"]["param"] == message.param, message.rule
            assert error.get("stream_id") == (message.lane or None), message.rule
            continue
        assert isinstance(found, Create), found
        assert found.generates is message.generates
        (step,) = found.steps
        body = json.loads(step.query or b"")
        assert not {"stream_id", "generate", "client_metadata", "event_id", "background"} & body.keys()
        assert body["model"] == "anthropic/m"
        assert not message.generates or body.get("input", []) == message.items
        told = translate_step(step, {}, lambda text: False, translator=translate)
        assert isinstance(told, CompatStep | WrongField), told


@given(responses_creates(previous=("resp_0",)).filter(lambda create: create.previous is not None))
def test_what_goes_on_from_nothing_is_told_so_in_its_lane(create: ResponsesCreate) -> None:
    found = begun(dialect(), create.data)
    assert not isinstance(found, Create)
    (error,) = found
    assert (error["error"]["code"], error.get("stream_id")) == ("previous_response_not_found", create.lane or None)


@given(responses_messages())
def test_every_message_of_responses_is_understood_or_refused(data: bytes) -> None:
    assert isinstance(dialect().receive(data), Turn | Reply | Unusable)
