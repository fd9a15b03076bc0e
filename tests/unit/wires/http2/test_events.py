"""The values that the HTTP/2 server wire hands out."""

from typing import get_args

import msgspec
import pytest

from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.wires.http import ConnectionFailed
from aigw_sansio.wires.http2 import events
from aigw_sansio.wires.http2.server import ServerEvent

EVENTS = [value for value in vars(events).values() if isinstance(value, type) and value.__module__ == events.__name__]


def test_the_server_hands_out_these_and_the_end_of_the_connection() -> None:
    assert {*EVENTS, ConnectionFailed} == set(get_args(ServerEvent))


@pytest.mark.parametrize(
    "event",
    [
        events.RequestReceived(1, b"GET", None, b"https", b"a", b"/", []),
        events.StreamData(1, b"x", 1),
        events.StreamEof(1),
        events.StreamAborted(1, Fault(FaultKind.CLIENT_GONE, Side.CLIENT, "reset")),
    ],
    ids=lambda event: type(event).__name__,
)
def test_every_event_names_its_stream_first_and_does_not_change(event: msgspec.Struct) -> None:
    assert type(event) in EVENTS
    assert event.__struct_fields__[0] == "stream"
    for field in event.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(event, field, None)
