"""The values that the WebSocket wires hand out."""

from typing import get_args

import msgspec
import pytest

from aigw_sansio.effects import Message
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.wires.websocket import events
from aigw_sansio.wires.websocket.messages import WebSocketEvent
from aigw_sansio.wires.websocket.relay import RelayEvent

EVENTS = {value for value in vars(events).values() if isinstance(value, type) and value.__module__ == events.__name__}


def test_the_message_layer_and_the_relay_hand_out_all_of_them_and_no_others() -> None:
    """The relay beside them bytes, which are frames to be passed on, and messages for a client without bytes."""
    assert set(get_args(WebSocketEvent)) | set(get_args(RelayEvent)) == {*EVENTS, bytes, Message}
    assert set(get_args(WebSocketEvent)) & set(get_args(RelayEvent)) == {
        events.PingReceived,
        events.PongReceived,
        events.CloseReceived,
        events.Violation,
    }


@pytest.mark.parametrize(
    "event",
    [
        events.TextMessage(b"x"),
        events.BinaryMessage(b"x"),
        events.PingReceived(b"x"),
        events.PongReceived(b"x"),
        events.CloseReceived(1000, "x"),
        events.Violation(Fault(FaultKind.PROTOCOL_ERROR, Side.CLIENT, "x")),
        events.MessagePassed(True, 1, b"x"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_events_do_not_change(event: msgspec.Struct) -> None:
    assert type(event) in EVENTS
    for field in event.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(event, field, None)


def test_text_and_binary_differ_although_their_bytes_are_equal() -> None:
    assert events.TextMessage(b"x") != events.BinaryMessage(b"x")
    assert events.PingReceived(b"x") != events.PongReceived(b"x")
