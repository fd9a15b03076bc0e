"""Control frames, the closing handshake and limits: alike for the message layer and for the relay."""

from collections.abc import Callable

import pytest
from tests.peers.websocket_frames import KEY, raw_frame

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import FaultKind, Side
from aigw_sansio.wires.websocket.base import CLOSING_TABLE, ClosingInput, ClosingState
from aigw_sansio.wires.websocket.events import CloseReceived, PingReceived, PongReceived, Violation
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.messages import WebSocketWire
from aigw_sansio.wires.websocket.relay import FrameRelay

LIMIT = 2000
Reader = WebSocketWire | FrameRelay
READERS = pytest.mark.parametrize("reader", [WebSocketWire, FrameRelay])
ROLES = pytest.mark.parametrize("role", Role)


def make(reader: Callable[..., Reader], role: Role) -> Reader:
    return reader(role, message_limit=LIMIT, mask_key=None if role is Role.SERVER else lambda: KEY)


def frame(role: Role, first: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """A frame that a receiver in ``role`` takes."""
    return raw_frame(first, payload, masked=role is Role.SERVER, length=length)


def sent(role: Role, first: int, payload: bytes) -> bytes:
    """A frame that a sender in ``role`` writes."""
    return raw_frame(first, payload, masked=role is Role.CLIENT)


@pytest.mark.parametrize("state", ClosingState)
@pytest.mark.parametrize("move", ClosingInput)
def test_the_table_is_what_the_rfc_allows(state: ClosingState, move: ClosingInput) -> None:
    peer_is_over = state in (ClosingState.CLOSE_RECEIVED, ClosingState.BROKEN, ClosingState.CLOSED)
    we_are_over = state in (ClosingState.CLOSE_SENT, ClosingState.CLOSED)
    allowed = not we_are_over if move is ClosingInput.SEND_CLOSE else not peer_is_over
    assert ((state, move) in CLOSING_TABLE) is allowed
    if allowed:
        assert (CLOSING_TABLE[state, move] is ClosingState.CLOSED) is (peer_is_over or we_are_over)


@READERS
@ROLES
def test_control_frames_are_told(reader: type[Reader], role: Role) -> None:
    wire = make(reader, role)
    stream = frame(role, 0x89, b"a") + frame(role, 0x8A, b"b") + frame(role, 0x88, b"\x03\xe8bye")
    assert wire.receive_data(stream) == [PingReceived(b"a"), PongReceived(b"b"), CloseReceived(1000, "bye")]
    assert wire.state is ClosingState.CLOSE_RECEIVED


@READERS
@ROLES
def test_control_frames_are_written(reader: type[Reader], role: Role) -> None:
    wire = make(reader, role)
    assert wire.ping(b"a") == sent(role, 0x89, b"a")
    assert wire.pong(b"b") == sent(role, 0x8A, b"b")
    assert wire.close(1000, "bye") == sent(role, 0x88, b"\x03\xe8bye")
    assert wire.state is ClosingState.CLOSE_SENT


@READERS
@ROLES
def test_a_frame_byte_by_byte(reader: type[Reader], role: Role) -> None:
    stream = frame(role, 0x88, b"\x03\xf6" + b"r" * 100)
    wire = make(reader, role)
    events = [event for at in range(len(stream)) for event in wire.receive_data(stream[at : at + 1])]
    assert events == [CloseReceived(1014, "r" * 100)], "1014, which wsproto does not know"


@READERS
@ROLES
@pytest.mark.parametrize(
    ("first", "length", "kind"),
    [
        (0x82, LIMIT + 1, FaultKind.MESSAGE_TOO_BIG),
        (0x80, None, FaultKind.PROTOCOL_ERROR),
        (0x09, None, FaultKind.PROTOCOL_ERROR),
    ],
)
def test_after_a_violation_the_peer_is_not_heard(
    reader: type[Reader], role: Role, first: int, length: int | None, kind: FaultKind
) -> None:
    wire = make(reader, role)
    (event,) = wire.receive_data(frame(role, first, b"", length))
    assert isinstance(event, Violation)
    assert (event.fault.kind, event.fault.side) == (kind, Side.CLIENT if role is Role.SERVER else Side.PROVIDER)
    assert wire.receive_data(frame(role, 0x89)) == []
    assert wire.state is ClosingState.BROKEN
    assert wire.pong(b"what came before may still be answered")
    wire.close(1002)
    assert wire.state is ClosingState.CLOSED


@READERS
@ROLES
def test_both_closes_in_either_order_end_the_handshake(reader: type[Reader], role: Role) -> None:
    close = frame(role, 0x88)
    first, second = make(reader, role), make(reader, role)
    first.close(1000)
    assert first.receive_data(close) == [CloseReceived(1005, "")]
    assert second.receive_data(close) == [CloseReceived(1005, "")]
    second.close(None)
    assert first.state is second.state is ClosingState.CLOSED
    for wire in (first, second):
        for send in (wire.ping, wire.pong):
            with pytest.raises(LocalProtocolError, match="state CLOSED"):
                send(b"")
        with pytest.raises(LocalProtocolError, match="SEND_CLOSE"):
            wire.close(1000)


@READERS
@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1014, 1015, 1016, 2999, 5000, 70000, -1])
def test_codes_that_may_not_be_sent(reader: type[Reader], code: int) -> None:
    wire = make(reader, Role.SERVER)
    with pytest.raises(LocalProtocolError):
        wire.close(code)
    assert wire.state is ClosingState.OPEN


@READERS
def test_misuse_changes_nothing(reader: type[Reader]) -> None:
    wire = make(reader, Role.SERVER)
    with pytest.raises(LocalProtocolError):
        wire.ping(b"x" * 126)
    with pytest.raises(LocalProtocolError):
        wire.close(None, "a reason without a code")
    assert wire.state is ClosingState.OPEN
    with pytest.raises(LocalProtocolError):
        reader(Role.CLIENT, message_limit=1)
    with pytest.raises(LocalProtocolError):
        reader(Role.SERVER, message_limit=1, mask_key=lambda: KEY)


def test_every_frame_of_a_client_has_its_own_key() -> None:
    keys = iter((b"abcd", b"efgh", b"ijkl"))
    wire = WebSocketWire(Role.CLIENT, message_limit=1, mask_key=lambda: next(keys))
    assert [wire.text(b"")[2:], wire.ping()[2:], wire.close(None)[2:]] == [b"abcd", b"efgh", b"ijkl"]
