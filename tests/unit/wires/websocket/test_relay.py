"""Frames passed on: what the receiver reads is what it would have read from the sender itself."""

import itertools
import tracemalloc
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.websocket_frames import KEY, Item, cut, raw_frame, read_by_wsproto, same_end, streams

from aigw_sansio.engine_api import READ_SIZE
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import CLOSE_CODE, FaultKind
from aigw_sansio.testing import BrokenFrame, broken_frames
from aigw_sansio.wires.websocket import relay as relay_frames
from aigw_sansio.wires.websocket.base import ClosingState
from aigw_sansio.wires.websocket.events import CloseReceived, MessagePassed, PingReceived, PongReceived, Violation
from aigw_sansio.wires.websocket.frames import LONGEST_HEADER, Role
from aigw_sansio.wires.websocket.relay import FRAGMENT_BYTES, WHOLE_BYTES, FrameRelay, RelayEvent

LIMIT = 2000
FILLER = bytes(LIMIT + 14)
ROLES = pytest.mark.parametrize("role", Role)


def counted_keys() -> Iterator[bytes]:
    return (number.to_bytes(4) for number in itertools.count(0x01020304))


def make(role: Role, limit: int = LIMIT, *, remask: bool = False, observe: int | None = None) -> FrameRelay:
    keys = counted_keys()
    return FrameRelay(
        role,
        message_limit=limit,
        mask_key=None if role is Role.SERVER else lambda: KEY,
        remask_key=(lambda: next(keys)) if remask else None,
        observe_bytes=observe,
    )


def frame(role: Role, first: int, payload: bytes = b"", length: int | None = None) -> bytes:
    return raw_frame(first, payload, masked=role is Role.SERVER, length=length)


def receive(relay: FrameRelay, reads: list[bytes]) -> list[RelayEvent]:
    return list(itertools.chain.from_iterable(map(relay.receive_data, reads)))


def forwarded(events: list[RelayEvent]) -> bytes:
    return b"".join(event for event in events if isinstance(event, bytes))


def controls(events: list[RelayEvent]) -> list[Item]:
    items: list[Item] = []
    for event in events:
        match event:
            case PingReceived(payload):
                items.append(("ping", payload))
            case PongReceived(payload):
                items.append(("pong", payload))
            case CloseReceived(code, reason):
                items.append(("close", code, reason))
            case Violation(fault):
                items.append(("fault", CLOSE_CODE[fault.kind]))
    return items


def is_data(item: Item) -> bool:
    return item[0] in ("text", "binary")


def assert_relayed(role: Role, reads: list[bytes], *, remask: bool = False) -> None:
    """Data as wsproto reads it from the sender, control frames and faults as wsproto sees them, apart from limits,
    1014 and when pieces are judged (see ``test_websocket``). UTF-8 is the receiver's to judge."""
    events = receive(make(role, remask=remask), reads)
    direct = read_by_wsproto(role, b"".join(reads))
    behind = read_by_wsproto(role, forwarded(events))
    taken = controls(events)
    assert all(is_data(item) or item == ("fault", 1007) for item in behind)
    direct_data = [item for item in direct if is_data(item)]
    direct_rest = [item for item in direct if not is_data(item)]
    if behind and behind[-1] == ("fault", 1007):
        assert direct_data == behind[:-1]
        assert direct_rest[-1] == ("fault", 1007)
        assert taken[: len(direct_rest) - 1] == direct_rest[:-1]
        return
    if taken and taken[-1] == ("fault", 1009):
        assert direct_data[: len(behind)] == behind
        assert direct_rest[: len(taken) - 1] == taken[:-1]
        return
    assert direct_data == behind
    assert same_end(taken, direct_rest)


@ROLES
@pytest.mark.parametrize("remask", [False, True])
@given(data=st.data())
def test_the_receiver_reads_what_was_sent(role: Role, remask: bool, data: st.DataObject) -> None:
    stream = data.draw(streams(role))
    reads = [*data.draw(cut(stream)), FILLER]
    with mock.patch.multiple(relay_frames, WHOLE_BYTES=16, FRAGMENT_BYTES=12):
        assert_relayed(role, reads, remask=remask and role is Role.SERVER)
    assert_relayed(role, reads, remask=remask and role is Role.SERVER)


@ROLES
@given(stream=st.binary(max_size=60))
def test_arbitrary_bytes(role: Role, stream: bytes) -> None:
    assert_relayed(role, [stream, FILLER])


def without_runs(events: list[RelayEvent]) -> list[RelayEvent]:
    """Control frames, faults and messages, in order; a run of forwarded bytes may be cut anywhere."""
    return [event for event in events if not isinstance(event, bytes)]


@ROLES
@given(data=st.data())
def test_cuts_change_nothing(role: Role, data: st.DataObject) -> None:
    stream = data.draw(streams(role))
    remask = role is Role.SERVER and data.draw(st.booleans())
    observe = data.draw(st.sampled_from((None, 200)))
    with mock.patch.multiple(relay_frames, WHOLE_BYTES=16, FRAGMENT_BYTES=12):
        whole, parts = (make(role, remask=remask, observe=observe) for _ in range(2))
        events = whole.receive_data(stream)
        cut_events = receive(parts, data.draw(cut(stream)))
    assert forwarded(cut_events) == forwarded(events)
    assert without_runs(cut_events) == without_runs(events)
    assert (whole.messages_passed, whole.bytes_passed) == (parts.messages_passed, parts.bytes_passed)
    if observe is not None:
        assert whole.messages_passed == sum(isinstance(event, MessagePassed) for event in events)


@ROLES
@given(data=st.data())
def test_the_observer_is_told_every_message(role: Role, data: st.DataObject) -> None:
    stream = data.draw(streams(role))
    with mock.patch.multiple(relay_frames, WHOLE_BYTES=16, FRAGMENT_BYTES=12):
        events = receive(make(role, observe=125), data.draw(cut(stream)))
        plain = receive(make(role), [stream])
    assert forwarded(events) == forwarded(plain)
    behind = [item for item in read_by_wsproto(role, forwarded(events)) if is_data(item)]
    seen = [event for event in events if isinstance(event, MessagePassed)]
    for event, (kind, content) in zip(seen, behind):
        assert isinstance(content, bytes)
        assert event.is_text is (kind == "text")
        assert event.size == len(content)
        assert event.data == (content if len(content) <= 125 else None)
    assert len(seen) >= len(behind)


# -- tables ---------------------------------------------------------------------------------------------------------


@ROLES
def test_many_frames_of_one_read_are_one_run(role: Role) -> None:
    stream = b"".join(frame(role, 0x81, b"x" * size) for size in (0, 1, 125, 126, 1000))
    (event,) = make(role).receive_data(stream)
    assert isinstance(event, bytes)
    assert event is stream


@ROLES
@pytest.mark.parametrize("size", [0, 125, 126, 300, 65535, 65536, WHOLE_BYTES, WHOLE_BYTES + 1])
def test_a_header_may_be_cut_anywhere(role: Role, size: int) -> None:
    stream = frame(role, 0x81, b"z" * size)
    whole = forwarded(make(role, 1 << 17).receive_data(stream))
    for at in range(1, 15):
        reads = [part for part in (stream[:at], stream[at:]) if part]
        assert forwarded(receive(make(role, 1 << 17), reads)) == whole


@ROLES
def test_the_observer_says_how_much_it_wants(role: Role) -> None:
    stream = frame(role, 0x81, b"x" * 10) + frame(role, 0x02, b"y" * 10) + frame(role, 0x80, b"z")
    seen = [event for event in make(role, observe=10).receive_data(stream) if isinstance(event, MessagePassed)]
    assert seen == [MessagePassed(True, 10, b"x" * 10), MessagePassed(False, 11, None)]


@ROLES
@pytest.mark.parametrize("observe", [None, 0])
def test_messages_are_counted_alike_observed_or_not(role: Role, observe: int | None) -> None:
    relay = make(role, observe=observe)
    whole = [frame(role, 0x81, b"x" * size) for size in (0, 5, 125, 126, 300)]
    receive(relay, [b"".join(whole), frame(role, 0x01, b"ab"), frame(role, 0x80, b"c")])
    assert (relay.messages_passed, relay.bytes_passed) == (6, 556 + 3)


@ROLES
@pytest.mark.parametrize("observe", [None, 1000])
@pytest.mark.parametrize("before", [0, 1])
def test_broken_frames_do_not_pass(role: Role, observe: int | None, before: int) -> None:
    @given(broken_frames(masked=role is Role.SERVER))
    def check(broken: BrokenFrame) -> None:
        good = frame(role, 0x82, b"good") * before
        events = receive(make(role, observe=observe), [good + broken.data])
        if broken.code == 1007 and not broken.rule.startswith("5.5.1"):
            assert controls(events) == []  # text is its receiver's to judge
        else:
            assert controls(events) == [("fault", broken.code)], broken.rule
            assert len(forwarded(events)) < len(good + broken.data)

    check()


@ROLES
def test_the_observer_keeps_no_more_than_it_wants(role: Role) -> None:
    relay = make(role, observe=100)
    receive(relay, [frame(role, 0x01, b"x" * 60)])
    for _ in range(20):
        receive(relay, [frame(role, 0x00, b"x" * 60)])
        assert len(relay._seen) <= 100
    (told,) = (e for e in receive(relay, [frame(role, 0x80)]) if isinstance(e, MessagePassed))
    assert (told.size, told.data) == (1260, None)


@ROLES
def test_control_frames_are_taken_out(role: Role) -> None:
    before, inside, after = frame(role, 0x01, b"a"), frame(role, 0x80, b"b"), frame(role, 0x82, b"c")
    relay = make(role)
    assert relay.receive_data(before + frame(role, 0x89, b"p")) == [before, PingReceived(b"p")]
    close = frame(role, 0x88, b"\x03\xf6bad gateway")
    assert relay.receive_data(frame(role, 0x8A) + inside + after + close + after) == [
        PongReceived(b""),
        inside + after,
        CloseReceived(1014, "bad gateway"),
    ]
    assert relay.receive_data(after) == []
    assert relay.state is ClosingState.CLOSE_RECEIVED


@ROLES
@pytest.mark.parametrize("reads", [1000, 65536, 1 << 20])
def test_a_long_frame_passes_in_fragments(role: Role, reads: int) -> None:
    payload = bytes(range(256)) * 1100 + b"xyz"
    stream = frame(role, 0x82, b"first") + frame(role, 0x81, payload) + frame(role, 0x82, b"last")
    relay = make(role, 1 << 20)
    events = receive(relay, [stream[at : at + reads] for at in range(0, len(stream), reads)])
    tail = len(payload) - 2 * FRAGMENT_BYTES
    assert forwarded(events) == (
        frame(role, 0x82, b"first")
        + frame(role, 0x01, payload[:FRAGMENT_BYTES])
        + frame(role, 0x00, payload[FRAGMENT_BYTES : 2 * FRAGMENT_BYTES])
        + frame(role, 0x80, payload[-tail:])
        + frame(role, 0x82, b"last")
    )


@ROLES
def test_the_longest_frame_that_passes_whole(role: Role) -> None:
    stream = frame(role, 0x82, b"w" * WHOLE_BYTES)
    assert make(role, 1 << 20).receive_data(stream) == [stream]
    (event,) = make(role, 1 << 20).receive_data(frame(role, 0x82, b"w" * (WHOLE_BYTES + 1)))
    assert isinstance(event, bytes)
    assert event[0] == 0x02


@ROLES
def test_the_limit_is_inclusive_and_taken_from_the_declared_length(role: Role) -> None:
    right = frame(role, 0x81, b"x" * LIMIT)
    assert make(role).receive_data(right) == [right]
    for stream in (
        frame(role, 0x82, b"", length=LIMIT + 1),
        frame(role, 0x82, b"", length=1 << 40),
        frame(role, 0x02, b"x" * 1000) + frame(role, 0x00, b"", length=1001),
    ):
        event = make(role).receive_data(stream)[-1]
        assert isinstance(event, Violation)
        assert event.fault.kind is FaultKind.MESSAGE_TOO_BIG
        assert "limit of 2000 bytes" in event.fault.detail


@ROLES
def test_a_long_frame_counts_towards_the_limit_of_its_message(role: Role) -> None:
    relay = make(role, 150_000)
    relay.receive_data(frame(role, 0x02, b"x" * 100_000))
    event = relay.receive_data(frame(role, 0x80, b"", length=50_001))[-1]
    assert isinstance(event, Violation)
    relay = make(role, 150_000)
    stream = (
        frame(role, 0x82, b"x" * 100_000) * 2 + frame(role, 0x02, b"x" * 100_000) + frame(role, 0x80, b"x" * 50_000)
    )
    assert not any(isinstance(event, Violation) for event in relay.receive_data(stream))


def test_masked_anew_every_frame_has_a_key_of_ours() -> None:
    stream = frame(Role.SERVER, 0x81, b"abc") + frame(Role.SERVER, 0x82, b"d" * 300)
    (event,) = make(Role.SERVER, remask=True).receive_data(stream)
    keys = counted_keys()
    short, longer = (
        raw_frame(0x81, b"abc", masked=True, key=next(keys)),
        raw_frame(0x82, b"d" * 300, masked=True, key=next(keys)),
    )
    assert event == short + longer


def test_only_a_clients_frames_can_be_masked_anew() -> None:
    with pytest.raises(LocalProtocolError):
        make(Role.CLIENT, remask=True)


@ROLES
def test_control_frames_to_the_sender(role: Role) -> None:
    relay, peer = make(role), Role(1 - role)
    assert read_by_wsproto(peer, relay.ping(b"a") + relay.pong(b"b") + relay.close(1001, "idle")) == [
        ("ping", b"a"),
        ("pong", b"b"),
        ("close", 1001, "idle"),
    ]
    with pytest.raises(LocalProtocolError):
        relay.ping()


@pytest.mark.parametrize("size", [200, 4096, 65535, 65536, WHOLE_BYTES])
@ROLES
def test_a_whole_frame_of_one_read_is_not_copied(role: Role, size: int) -> None:
    data = frame(role, 0x82, bytes(size))
    relay = make(role, 1 << 20)
    tracemalloc.start()
    try:
        (passed,) = relay.receive_data(data)
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert passed is data
    assert taken < 4096


def test_a_fragment_of_a_long_frame_is_one_write_of_a_driver() -> None:
    assert FRAGMENT_BYTES + LONGEST_HEADER <= READ_SIZE
    assert FRAGMENT_BYTES % 4 == 0  # else the masking key would turn
