"""The loopback provider's Responses over WebSocket, without sockets: its events, its errors, and what it remembers."""

import json
from typing import Any

from aigw_drivers.loopback.openai_responses import ResponsesSession
from aigw_drivers.loopback.realtime import RealtimeOptions, Say


def tell(session: ResponsesSession, **members: object) -> list[dict[str, Any]]:
    assert session.received(json.dumps({"type": "response.create", "model": "m", **members}).encode(), text=True) == []
    said: list[dict[str, Any]] = []
    while session.speaking:
        for step in session.next():
            assert isinstance(step, Say)
            said.append(json.loads(step.data))
    return said


def test_a_create_is_answered_with_the_events_of_a_stream() -> None:
    session = ResponsesSession({}, RealtimeOptions(chunks=2))
    assert session.opened() == []
    said = tell(session, input="Hi")
    assert [event["sequence_number"] for event in said] == list(range(len(said)))
    assert (said[0]["type"], said[-1]["type"]) == ("response.created", "response.completed")
    assert sum(event["type"] == "response.output_text.delta" for event in said) == 2
    assert tell(session, input="More", previous_response_id=said[-1]["response"]["id"])[-1]["response"]["output"]


def test_what_it_refuses() -> None:
    session = ResponsesSession({}, RealtimeOptions())
    known = tell(session, input="Hi")[-1]["response"]["id"]
    (error,) = tell(session, input="More", previous_response_id="other")
    assert (error["status"], error["error"]["code"]) == (400, "previous_response_not_found")
    (error,) = tell(session, input="More", previous_response_id=known)  # it has forgotten that
    assert error["error"]["code"] == "previous_response_not_found"
    (error,) = tell(session)
    assert (error["type"], error["status"], error["error"]["param"]) == ("error", 400, "input")
    for message in (b"[]", b"{", b'{"type":"response.cancel"}'):
        assert session.received(message, text=True) == []
        (step,) = session.next()
        assert isinstance(step, Say)
        assert json.loads(step.data)["error"]["param"] == "type"
