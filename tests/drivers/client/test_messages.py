"""Messages of a gateway as values: written by the core, read by the client."""

import pytest

from aigw_drivers.client.messages import Trouble, read_envelope, read_message
from aigw_drivers.client.values import Content, Metadata
from aigw_sansio import Fault, FaultKind, Side, TextDelta
from aigw_sansio.dialects.universal import messages
from aigw_sansio.faults import error_envelope, success_envelope

FAULT = Fault(FaultKind.IDLE_TIMEOUT, Side.PROVIDER, "nothing came", retryable=True)


def test_what_the_gateway_writes_is_read() -> None:
    told = messages.Metadata(event_id="a", log_id="L", step="1", status=200, attempts=3, finish_reason="stop")
    read = [
        read_message(data)
        for data in (
            messages.created(told, None),
            messages.created(told, b'{"x":1}'),
            messages.stream_prefix("a") + b"[1]}",
            messages.stream_base64("a", b'"AAE="'),
            messages.event("a", TextDelta(text="Hi")),
            messages.done(told),
            messages.error(FAULT, told),
            messages.cancelled(told),
        )
    ]
    assert [(message.kind, message.ends) if message else None for message in read] == [
        ("created", False), ("created", True), ("stream", False), ("stream", False), ("event", False), ("done", True),
        ("error", True), ("cancelled", True),
    ]  # fmt: skip
    assert all(message is not None and message.event_id == "a" for message in read)
    _, whole, chunk, binary, event, done, error, _ = [message for message in read if message is not None]
    assert whole.response == Content(b'{"x":1}')
    assert chunk.response == Content(b"[1]")
    assert binary.response == Content(b'"AAE="', is_base64=True)
    assert binary.response.data() == b"\x00\x01"
    assert event.event == TextDelta(text="Hi")
    assert done.metadata == Metadata(event_id="a", log_id="L", step="1", status=200, attempts=3, finish_reason="stop")
    assert error.error == Trouble(2005, "nothing came", "idle_timeout", FAULT.retryable)


def test_what_is_about_the_socket_names_no_exchange() -> None:
    about = ((messages.PONG, "pong"), (messages.going_away(5), "going_away"), (messages.error(FAULT, None), "error"))
    for data, kind in about:
        message = read_message(data)
        assert message is not None
        assert (message.kind, message.event_id) == (kind, None)


NO_MESSAGES = ["", "[]", '{"type":1}', '{"type":"other"}', b"\xff", '{"type":"universal.done","metadata":3}']


@pytest.mark.parametrize("data", NO_MESSAGES)
def test_what_is_no_message_is_none(data: str | bytes) -> None:
    assert read_message(data) is None


def test_a_field_of_another_type_costs_the_metadata_and_not_the_name() -> None:
    message = read_message('{"type":"universal.done","metadata":{"eventId":"a","status":"200"}}')
    assert message is not None
    assert (message.event_id, message.metadata) == ("a", Metadata(event_id="a"))


def test_an_error_without_a_reason_is_still_one() -> None:
    message = read_message('{"type":"universal.error","metadata":{"eventId":"a"},"error":7}')
    assert message is not None
    assert message.ends
    assert message.error == Trouble(0, "the gateway gave no reason")


def test_an_envelope_is_told_from_a_providers_response() -> None:
    assert read_envelope(Content(error_envelope(FAULT))) == Trouble(2005, "nothing came")
    for body in (success_envelope(), b'{"error":{"message":"no"}}', b'{"success":false,"errors":[]}', b'"text"'):
        assert read_envelope(Content(body)) is None


@pytest.mark.parametrize(
    ("content", "data"),
    [
        (Content(b'{"a": 1}'), b'{"a": 1}'),
        (Content(b'"\\u00e4"'), "ä".encode()),
        (Content(b'"AAE="', is_base64=True), b"\x00\x01"),
        (Content(b'"A"', is_base64=True), b'"A"'),
        (Content(b'"\\ud800"'), b'"\\ud800"'),
    ],
)
def test_the_bytes_of_a_content(content: Content, data: bytes) -> None:
    assert content.data() == data
    assert content.text() == data.decode("utf-8", "replace")
