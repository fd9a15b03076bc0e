"""A provider's frames as whole messages: what wsproto would have read, however they were cut."""

import itertools
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.websocket_frames import KEY, Item, cut, raw_frame, read_by_wsproto, same_end, streams

from aigw_sansio.effects import Message
from aigw_sansio.faults import CLOSE_CODE
from aigw_sansio.wires.websocket import relay as relay_frames
from aigw_sansio.wires.websocket.assembling import AssemblingRelay
from aigw_sansio.wires.websocket.base import ClosingState
from aigw_sansio.wires.websocket.events import CloseReceived, MessagePassed, PingReceived, PongReceived, Violation
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.relay import RelayEvent

LIMIT = 2000
FILLER = bytes(LIMIT + 14)


def make(limit: int = LIMIT, observe: int | None = None) -> AssemblingRelay:
    return AssemblingRelay(message_limit=limit, mask_key=lambda: KEY, observe_bytes=observe)


def frame(first: int, payload: bytes = b"") -> bytes:
    return raw_frame(first, payload, masked=False)


def items(events: list[RelayEvent]) -> list[Item]:
    found: list[Item] = []
    for event in events:
        match event:
            case Message(data, text):
                found.append(("text" if text else "binary", data))
            case PingReceived(payload):
                found.append(("ping", payload))
            case PongReceived(payload):
                found.append(("pong", payload))
            case CloseReceived(code, reason):
                found.append(("close", code, reason))
            case Violation(fault):
                found.append(("fault", CLOSE_CODE[fault.kind]))
            case other:
                raise AssertionError(f"{other!r} comes out")
    return found


def receive(relay: AssemblingRelay, reads: list[bytes]) -> list[Item]:
    return items(list(itertools.chain.from_iterable(map(relay.receive_data, reads))))


def data_of(found: list[Item]) -> list[Item]:
    return [item for item in found if item[0] in ("text", "binary")]


@pytest.mark.parametrize("whole", [16, 65536])
@given(data=st.data())
def test_messages_are_those_of_wsproto(whole: int, data: st.DataObject) -> None:
    """wsproto judges text by its pieces, and so earlier; and it knows no limit."""
    stream = data.draw(streams(Role.CLIENT))
    reads = [*data.draw(cut(stream)), FILLER]
    with mock.patch.multiple(relay_frames, WHOLE_BYTES=whole, FRAGMENT_BYTES=whole // 4 * 3):
        relay = make()
        ours, theirs = receive(relay, reads), read_by_wsproto(Role.CLIENT, b"".join(reads))
        assert receive(make(), [b"".join(reads)]) == ours
    if ours and ours[-1] == ("fault", 1009):
        assert ours[:-1] == theirs[: len(ours) - 1]
    elif theirs and theirs[-1] == ("fault", 1007) and not same_end(ours, theirs):
        assert ours[: len(theirs) - 1] == theirs[:-1]
        assert data_of(ours) == data_of(theirs)
    else:
        assert same_end(ours, theirs)
    messages = data_of(ours)
    assert (relay.messages_passed, relay.bytes_passed) == (len(messages), sum(len(bytes(one[1])) for one in messages))  # type: ignore[arg-type]


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_arbitrary_bytes(reads: list[bytes]) -> None:
    assert receive(make(), reads) == receive(make(), [b"".join(reads)])


def test_a_long_frame_is_one_message() -> None:
    said = bytes(range(256)) * 1000
    relay = make(limit=1 << 20)
    stream = frame(0x82, said) + frame(0x01, b"gr\xc3") + frame(0x89, b"?") + frame(0x80, b"\xbc\xc3\x9fe")
    reads = [stream[at : at + 10_000] for at in range(0, len(stream), 10_000)]
    assert receive(relay, reads) == [("binary", said), ("ping", b"?"), ("text", "grüße".encode())]


def test_what_is_incomplete_is_held_and_dropped() -> None:
    relay = make()
    assert receive(relay, [frame(0x01, b"x" * 500)]) == []
    assert relay.held == 500
    assert (relay.messages_passed, relay.bytes_passed) == (0, 0)
    relay.stop_reading()
    assert relay.held == 0


@pytest.mark.parametrize("behind", [b"", frame(0x81, b"more"), frame(0x88, b"\x03\xe8"), frame(0x83)])
def test_a_text_that_is_none_ends_the_reading(behind: bytes) -> None:
    relay = make()
    stream = frame(0x81, b"fine") + frame(0x01, b"a") + frame(0x80, b"\xff") + behind
    assert receive(relay, [stream, frame(0x81, b"late")]) == [("text", b"fine"), ("fault", 1007)]
    assert (relay.messages_passed, relay.bytes_passed) == (1, 4)
    assert relay.close(1007, "a text message is not UTF-8")  # whatever came behind
    assert relay.state is ClosingState.CLOSED


def test_no_more_frames_than_a_portion_are_read() -> None:
    relay = make()
    stream = frame(0x81, b"a") * 5
    assert len(relay.receive_data(stream, 2)) == 2
    assert relay.unread
    assert len(relay.receive_data(b"", 2)) == 2
    assert len(relay.receive_data(b"", 2)) == 1
    assert not relay.unread


def test_an_observer_sees_the_messages_that_are_small_enough() -> None:
    relay = make(observe=4)
    events = relay.receive_data(frame(0x81, b"tiny") + frame(0x82, b"large"))
    assert [event for event in events if isinstance(event, MessagePassed)] == [
        MessagePassed(True, 4, b"tiny"),
        MessagePassed(False, 5, None),
    ]
    assert [event for event in events if isinstance(event, Message)] == [(b"tiny", True), (b"large", False)]
