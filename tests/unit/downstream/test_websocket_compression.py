"""Compressed messages of universal clients, above their pipes: what is agreed on, what it costs, what it saves."""

import json
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.single_client import OneClient
from tests.peers.websocket_client import accepted_extensions
from tests.peers.websocket_frames import KEY, cut, raw_frame
from tests.rigs.channel_owner import Owner
from tests.rigs.core_rig import Rig
from wsproto.connection import Connection as WsConnection
from wsproto.connection import ConnectionType
from wsproto.events import Message, Ping

from aigw_sansio.config import Compression, Config, GatewaySettings, Limits, ProviderSettings
from aigw_sansio.downstream.websocket import PORTION_BYTES, DeflatedChannel, WebSocketChannel, WebSocketOpening
from aigw_sansio.engine.connection import PipeConnection
from aigw_sansio.engine.turns import TURN_BYTES
from aigw_sansio.wires.websocket.handshake import parse_extensions

BROWSER = "permessage-deflate; client_max_window_bits"
KIB = 1024
MIB = 1024 * KIB


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Open(Rig):
    """A channel, opened for a client that offers what a browser does; and wsproto as that client."""

    def __init__(self, compression: Compression, limits: Limits | None = None, offers: str = BROWSER) -> None:
        super().__init__(limits)
        self.pipe = PipeConnection(self.services, self.services.issue_conn())
        self.owner = Owner()
        parsed = parse_extensions([(b"sec-websocket-extensions", offers.encode())])
        assert parsed is not None
        opening = WebSocketOpening(self.services, self.pipe, compression=compression, offers=parsed, now=self.now)
        self.channel = opening.open(self.owner)
        self.answer = None if opening.extension is None else opening.extension.decode()
        fields = {} if self.answer is None else {"sec-websocket-extensions": self.answer}
        self.client = WsConnection(ConnectionType.CLIENT, accepted_extensions(fields))

    def say(self, data: bytes) -> None:
        """A call, and as many turns behind it as it takes."""
        turns = self.services.turns
        turns.left = TURN_BYTES
        self.channel.receive_data(data, self.now)
        while turns.waiting:
            turns.proceed(self.now)

    def taken(self) -> bytes:
        """What the transport takes of what was sent."""
        data = self.pipe.buffer.pull(1 << 30)
        self.pipe.data_sent(len(data), self.now)
        self.channel.data_sent(self.pipe.outstanding, self.now)
        return data

    def read(self, data: bytes) -> list[bytes]:
        """The messages that the client reads."""
        self.client.receive_data(data)
        parts = [(event.data.encode(), event.message_finished) for event in self.client.events()]  # type: ignore[attr-defined]
        messages, message = [], b""
        for part, is_last in parts:
            message += part
            if is_last:
                messages.append(message)
                message = b""
        return messages


# -- what is agreed on ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compression", "offers", "answer"),
    [
        ("off", BROWSER, None),
        ("messages", "", None),
        ("messages", "x-webkit-deflate-frame", None),
        ("messages", BROWSER, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        ("stream", BROWSER, "permessage-deflate; client_no_context_takeover"),
        (
            "stream",
            "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
    ],
)
def test_the_answer(compression: Compression, offers: str, answer: str | None) -> None:
    link = Open(compression, offers=offers)
    assert link.answer == answer
    assert type(link.channel) is (WebSocketChannel if answer is None else DeflatedChannel)


# -- what is sent ---------------------------------------------------------------------------------------------------


def delta(number: int) -> bytes:
    choice = {"index": 0, "delta": {"content": f" word{number}"}, "finish_reason": None}
    response = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    message = {"type": "universal.stream", "metadata": {"eventId": "q1"}, "response": response}
    return json.dumps(message).encode()


def test_in_a_stream_deltas_shrink_to_a_twentieth() -> None:
    link = Open("stream")
    deltas = [delta(number) for number in range(1000)]
    assert link.channel.send_texts(deltas, MIB, link.now) == []
    sent = link.taken()
    assert len(sent) < sum(map(len, deltas)) / 15
    assert link.read(sent) == deltas
    assert link.channel.bytes_sent == sum(map(len, deltas)), "messages are counted, not frames"


def test_by_themselves_they_are_sent_as_they_are_and_long_messages_shrink() -> None:
    link = Open("messages")
    whole = b"[" + b",".join(delta(number) for number in range(100)) + b"]"
    link.channel.send_text(delta(1), link.now)
    sent = link.taken()
    assert delta(1) in sent
    assert link.read(sent) == [delta(1)]
    for _ in range(2):
        link.channel.send_text(whole, link.now)
        sent = link.taken()
        assert len(sent) < len(whole) / 5
        assert link.read(sent) == [whole]


def test_where_little_room_is_left_only_what_is_sent_is_deflated() -> None:
    """In one context nothing may be deflated and then wait behind another message."""
    link = Open("stream")
    deltas = [delta(number) for number in range(100)]
    left = link.channel.send_texts(deltas, 10 * KIB, link.now)
    assert 0 < len(left) < len(deltas)
    link.channel.send_text(b"x" * 100, link.now)
    assert link.channel.send_texts(left, MIB, link.now) == []
    assert link.read(link.taken()) == [*deltas[: -len(left)], b"x" * 100, *left]


def test_the_bytes_are_the_same_however_the_reads_were_cut() -> None:
    sent = []
    for step in (1, 7, 1 << 20):
        link = Open("stream")
        said = b"".join(link.client.send(Message(str(number) + "x" * number)) for number in range(100))
        for at in range(0, len(said), step):
            before = len(link.owner.messages)
            link.say(said[at : at + step])
            link.channel.send_texts([data for data, _ in link.owner.messages[before:]], MIB, link.now)
        sent.append(link.taken())
    assert sent[0] == sent[1] == sent[2]


# -- what is received -----------------------------------------------------------------------------------------------


@given(st.data())
def test_however_it_is_cut(data: st.DataObject) -> None:
    said, expected = b"", []
    client = Open("messages").client
    for size in data.draw(st.lists(st.sampled_from((0, 1, 30, 1000, 5000)), max_size=4)):
        text = "".join(map(str, range(size)))
        middle = data.draw(st.integers(0, len(text)))
        said += client.send(Message(text[:middle], message_finished=False)) + client.send(Ping(b"p"))
        said += client.send(Message(text[middle:]))
        expected.append((text.encode(), True))
    link = Open("messages")
    for part in data.draw(cut(said)):
        link.say(part)
    assert link.owner.messages == expected
    assert not link.owner.ends
    assert link.taken() == raw_frame(0x8A, b"p", masked=False) * len(expected)


class Forgetful(Owner):
    """Keeps nothing but the number of its messages and the most memory that was in use."""

    count = 0

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        self.count += 1


def test_many_bombs_in_one_read_are_not_held_together() -> None:
    link = Open("messages", Limits(message_bytes=MIB))
    owner = Forgetful()
    link.channel._owner = owner
    bomb = raw_frame(0xC2, deflated(bytes(MIB)), masked=True)
    count = 64 * KIB // len(bomb)
    assert count > 50, "one read inflates to more than 50 messages of a MiB"
    tracemalloc.start()
    link.say(bomb * count)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert owner.count == count
    assert peak < 8 * MIB
    assert len(bomb) < PORTION_BYTES * 2


def test_small_bombs_are_not_held_together_either() -> None:
    link = Open("messages", Limits(message_bytes=64 * KIB))
    owner = Forgetful()
    link.channel._owner = owner
    bomb = raw_frame(0xC2, deflated(bytes(64 * KIB)), masked=True)
    count = 64 * KIB // len(bomb)
    assert count * 64 * KIB > 40 * MIB
    tracemalloc.start()
    link.say(bomb * count)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert owner.count == count
    assert peak < 3 * MIB


def test_a_bomb_is_closed_with_1009_and_nothing_behind_it_is_read() -> None:
    link = Open("messages", Limits(message_bytes=MIB))
    fine, bomb = (
        raw_frame(0xC2, deflated(b"x" * 100), masked=True),
        raw_frame(0xC2, deflated(bytes(MIB + 1)), masked=True),
    )
    link.say(fine + bomb + fine)
    assert link.owner.messages == [(b"x" * 100, False)]
    detail = "a message inflates to more than the gateway's limit of 1048576 bytes"
    assert link.owner.ends == [("client", 1009, detail)]
    link.say(fine)
    assert len(link.owner.messages) == 1


@pytest.mark.parametrize(
    ("compression", "frames", "code"),
    [
        ("off", [(0xC1, b"")], 1002),
        ("off", [(0x01, b""), (0xC0, b"")], 1002),
        ("messages", [(0xC9, b"")], 1002),
        ("messages", [(0xC8, b"\x03\xe8")], 1002),
        ("messages", [(0x41, b""), (0xC0, b"")], 1002),
        ("messages", [(0xE1, b"")], 1002),
        ("messages", [(0xC1, b"\xff\xff")], 1007),
        ("messages", [(0xC1, deflated(b"\xff"))], 1007),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 1 << 20])
def test_violations(compression: Compression, frames: list[tuple[int, bytes]], code: int, step: int) -> None:
    link = Open(compression)
    said = b"".join(raw_frame(first, payload, masked=True, key=KEY) for first, payload in frames)
    for at in range(0, len(said), step):
        link.say(said[at : at + step])
    ((by, ended_with, _),) = link.owner.ends
    assert (by, ended_with) == ("client", code)


def test_what_the_wire_has_not_got_is_held_until_it_is_read_or_dropped() -> None:
    """One read inflates to more than a turn: the rest of it waits, deflated."""
    link = Open("messages", Limits(message_bytes=MIB))
    assert link.channel.held == 0
    bomb = raw_frame(0xC2, deflated(bytes(MIB)), masked=True)
    data = bomb * (64 * KIB // len(bomb))
    link.services.turns.left = TURN_BYTES
    link.channel.receive_data(data, link.now)
    read = len(link.owner.messages)
    assert 0 < read < 5
    held = link.channel.held
    assert held >= len(data) - read * len(bomb) - PORTION_BYTES
    link.channel.receive_data(data, link.now)
    assert link.channel.held == held + len(data)
    link.say(b"")
    assert len(link.owner.messages) == 2 * (len(data) // len(bomb))
    assert link.channel.held == 0
    link.services.turns.left = TURN_BYTES
    link.channel.receive_data(data, link.now)
    assert link.channel.held > 0
    link.channel.connection_lost("reset", link.now)
    assert link.channel.held == 0


def test_what_has_inflated_of_an_unfinished_message_is_held() -> None:
    link = Open("messages")
    message = deflated(b"x" * MIB)
    assert len(message) < 2 * KIB
    link.say(raw_frame(0x41, message[:-100], masked=True))
    assert MIB // 2 < link.channel.held < MIB
    link.say(raw_frame(0x80, message[-100:], masked=True))
    assert link.owner.messages == [(b"x" * MIB, True)]
    assert link.channel.held == 0


# -- the whole gateway ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["off", "messages", "stream"])
def test_a_stream_through_a_gateway(compression: Compression) -> None:
    """What the client reads is the same; what crosses the wire is not."""
    gateways = {"local/default": GatewaySettings(compression=compression)}
    providers = {"custom-a": ProviderSettings(base_url="http://127.0.0.1:1")}
    run = OneClient(Config(gateways=gateways, providers=providers), [("sec-websocket-extensions", BROWSER)])
    crossed = 0

    def count(link: object, data: bytes) -> None:
        nonlocal crossed
        crossed += len(data) if link is run.link else 0

    run.driver.on_bytes = count
    run.create("q", {"provider": "custom-a", "endpoint": "x", "query": {"stream": True}})
    (conn,) = (connect.conn for connect in run.connects)
    run.accept(conn)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    run.driver.send(run.up(conn), head)
    for number in range(50):
        run.driver.send(run.up(conn), b'data: {"choices":[{"delta":{"content":"%d"}}],"model":"a model"}\n\n' % number)
    messages = run.messages()
    assert [message["type"] for message in messages] == ["universal.created"] + ["universal.stream"] * 50
    texts = [message["response"]["choices"][0]["delta"]["content"] for message in messages[1:]]
    assert texts == list(map(str, range(50)))
    plain = sum(len(json.dumps(message, separators=(",", ":"))) for message in messages)
    assert crossed < plain / 4 if compression == "stream" else crossed >= plain
    run.leave()
    run.finish()
