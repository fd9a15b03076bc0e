"""What a session may rely on, whatever carries its messages: the promise of ``MessageChannel``, held against every
channel there is."""

from collections.abc import Callable

import pytest
from tests.rigs.core_rig import Rig

from aigw_sansio.config import Compression
from aigw_sansio.downstream.channel import MessageChannel
from aigw_sansio.downstream.websocket import WebSocketOpening
from aigw_sansio.faults import Side
from aigw_sansio.wires.websocket.handshake import Extension


class Pipe:
    """A byte pipe that counts. Implements ``BytePipe``."""

    def __init__(self) -> None:
        self.written = 0
        self.outstanding = 0
        self.writes = 0
        self.said: list[str] = []

    def write(self, data: bytes, now: float) -> int:
        self.writes += 1
        self.written += len(data)
        self.outstanding += len(data)
        return self.outstanding

    def close(self, now: float) -> None:
        self.said.append("end")

    def abort(self, now: float) -> None:
        self.said.append("abort")

    def pause_reading(self) -> None:
        self.said.append("pause")

    def resume_reading(self) -> None:
        self.said.append("resume")


class Owner(Rig):
    """A session, as its channel sees it."""

    def __init__(self, compression: Compression) -> None:
        super().__init__()
        self.messages: list[tuple[bytes, bool]] = []
        self.room = 0
        self.ends: list[tuple[Side, int, str]] = []
        self.pipe = Pipe()
        offers = (Extension(b"permessage-deflate", ()),) if compression != "off" else ()
        opening = WebSocketOpening(self.services, self.pipe, compression=compression, offers=offers, now=0.0)
        assert (opening.extension is not None) is (compression != "off")
        self.socket = opening.open(self)
        self.channel: MessageChannel = self.socket

    def message_received(self, data: bytes, now: float, *, text: bool) -> None:
        self.messages.append((data, text))

    def room_made(self, now: float) -> None:
        self.room += 1

    def channel_ended(self, by: Side, code: int, reason: str, now: float) -> None:
        assert self.channel.ended, "it has ended before its owner is told"
        self.ends.append((by, code, reason))

    def take_all(self) -> None:
        """The transport takes everything."""
        self.pipe.outstanding = 0
        self.socket.data_sent(0, self.now)


@pytest.fixture(params=["off", "messages", "stream"])
def owner(request: pytest.FixtureRequest) -> Owner:
    compression: Compression = request.param
    return Owner(compression)


def test_a_new_channel_is_open_and_has_counted_nothing(owner: Owner) -> None:
    channel = owner.channel
    assert not channel.ended
    assert channel.outstanding == 0
    assert (channel.messages_received, channel.messages_sent, channel.bytes_received, channel.bytes_sent) == (
        0,
        0,
        0,
        0,
    )


def test_counts_are_those_of_messages_and_their_payload(owner: Owner) -> None:
    owner.channel.send_text(b"abc", 0.0)
    assert owner.channel.send_texts([b"d", b"ef"], 1 << 16, 0.0) == []
    owner.channel.send_control_text(b"ghij", 0.0)
    assert (owner.channel.messages_sent, owner.channel.bytes_sent) == (4, 10)
    assert owner.channel.outstanding == owner.pipe.written > 10
    owner.take_all()
    assert owner.channel.outstanding == 0
    assert (owner.channel.messages_sent, owner.channel.bytes_sent) == (4, 10)
    owner.socket.receive_data(b"\x81\x83\0\0\0\0abc\x82\x82\0\0\0\0de", 0.0)
    assert (owner.channel.messages_received, owner.channel.bytes_received) == (2, 5)
    assert owner.messages == [(b"abc", True), (b"de", False)]


def test_messages_are_sent_joined_up_to_the_limit_and_the_rest_comes_back(owner: Owner) -> None:
    texts = [bytes([65 + n]) * 100 for n in range(10)]
    rest = owner.channel.send_texts(texts, 250, 0.0)
    assert rest == texts[3:]  # the third began below the limit
    assert owner.channel.messages_sent == 3
    assert owner.pipe.writes == 1
    assert owner.channel.send_texts(rest, owner.channel.outstanding, 0.0) == rest  # no room
    assert owner.channel.messages_sent == 3
    owner.take_all()
    assert owner.channel.send_texts(rest, 1 << 16, 0.0) == []
    assert owner.channel.messages_sent == 10


def test_the_owner_is_told_of_room(owner: Owner) -> None:
    owner.channel.send_text(b"x" * 70_000, 0.0)
    if owner.pipe.outstanding > 65536:  # not compressed
        owner.pipe.outstanding = 65536
        owner.socket.data_sent(65536, 0.0)
        assert owner.room == 0
    owner.take_all()
    assert owner.room == 1


def test_a_channel_is_paused_and_resumed_once(owner: Owner) -> None:
    owner.channel.pause()
    owner.channel.pause()
    assert owner.pipe.said == ["pause"]
    owner.channel.resume(0.0)
    owner.channel.resume(0.0)
    assert owner.pipe.said == ["pause", "resume"]


def test_a_client_that_does_not_take_direct_answers_is_paused(owner: Owner) -> None:
    text = "".join(map(chr, range(0x100, 0x2100))).encode()  # that hardly shrinks
    for _ in range(20):
        owner.channel.send_control_text(text, 0.0)
    assert owner.pipe.said == ["pause"]
    owner.take_all()
    assert owner.pipe.said == ["pause", "resume"]


@pytest.mark.parametrize("by", [Side.GATEWAY, Side.CLIENT])
def test_the_owner_is_told_of_its_own_close_at_once_and_only_once(owner: Owner, by: Side) -> None:
    owner.channel.close(1001, "enough", 0.0, by=by)
    assert owner.ends == [(by, 1001, "enough")]
    assert owner.channel.ended
    owner.channel.close(1011, "again", 0.0)
    owner.socket.receive_data(b"\x88\x80\0\0\0\0", 0.0)
    owner.socket.connection_lost("reset", 0.0)
    assert len(owner.ends) == 1


ENDINGS: dict[str, Callable[[Owner], None]] = {
    "closed": lambda owner: owner.channel.close(1000, "", 0.0),
    "closed by the client": lambda owner: owner.socket.receive_data(b"\x88\x80\0\0\0\0", 0.0),
    "lost": lambda owner: owner.socket.connection_lost("reset", 0.0),
    "end of the bytes": lambda owner: owner.socket.receive_eof(0.0),
    "silent": lambda owner: owner.pass_time(1000.0),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_after_the_end_nothing_comes_or_goes(owner: Owner, how: str) -> None:
    if how == "silent":
        owner.pass_time(31.0)
        owner.take_all()  # the ping
    ENDINGS[how](owner)
    assert len(owner.ends) == 1
    assert (owner.ends[0][0] is Side.GATEWAY) is (how == "closed")
    written, messages = owner.pipe.written, list(owner.messages)
    owner.channel.send_text(b"a", 0.0)
    owner.channel.send_control_text(b"b", 0.0)
    owner.socket.receive_data(b"\x81\x81\0\0\0\0a", 0.0)
    assert (owner.pipe.written, owner.messages) == (written, messages)
    assert (owner.channel.messages_sent, owner.channel.messages_received) == (0, 0)
