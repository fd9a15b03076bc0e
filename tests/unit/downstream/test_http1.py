"""A client's HTTP/1.1 connection: its head, what comes early, its answer, its end in every phase."""

import pytest
from tests.rigs.core_rig import Rig
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request

from aigw_sansio.config import Limits, Timeouts
from aigw_sansio.downstream.http1 import Http1DownstreamConnection
from aigw_sansio.downstream.ports import (
    ClientRequest,
    Responder,
)
from aigw_sansio.effects import Emit
from aigw_sansio.engine.connection import PipeReceiver
from aigw_sansio.events import UpgradeRefused
from aigw_sansio.faults import Fault
from aigw_sansio.ids import ConnId
from aigw_sansio.wires.websocket.handshake import NotUpgrade, Offers, WrongVersion

KIB = 1024


class Receiver:
    """A ``PipeReceiver`` that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.data = b""

    def receive_data(self, data: bytes, now: float) -> None:
        self.data += data
        self.told.append(f"data {len(data)}")

    def receive_eof(self, now: float) -> None:
        self.told.append("eof")

    def connection_lost(self, reason: str, now: float) -> None:
        self.told.append(f"lost: {reason}")

    def data_sent(self, outstanding: int, now: float) -> None:
        self.told.append(f"left {outstanding}")


class Undecided:
    """An ``RequestHandler`` that leaves every request undecided, and the ``PendingRequest`` of each."""

    def __init__(self) -> None:
        self.requests: list[ClientRequest] = []
        self.responder: Responder | None = None
        self.gone = 0

    def request_arrived(self, request: ClientRequest, responder: Responder, now: float) -> "Undecided":
        self.requests.append(request)
        self.responder = responder
        return self

    def client_gone(self, now: float) -> None:
        self.gone += 1


class Client(Rig):
    """One client's connection, driven by hand."""

    def __init__(self, limits: Limits | None = None, timeouts: Timeouts | None = None) -> None:
        super().__init__(limits, timeouts)
        self.door = Undecided()
        self.receiver = Receiver()
        self.websocket = WSConnection(ConnectionType.CLIENT)
        conn: ConnId = self.services.issue_conn()
        self.down = Http1DownstreamConnection(
            self.services, conn, peer="192.0.2.7:50000", handler=self.door, now=self.now
        )

    def head(self, *subprotocols: str) -> bytes:
        """A request for a WebSocket as wsproto writes it."""
        return self.websocket.send(Request(host="gw.test", target="/v1/a/b", subprotocols=list(subprotocols)))

    def say(self, data: bytes) -> None:
        self.down.receive_data(data, self.now)

    def ask(self) -> None:
        self.say(self.head())
        assert len(self.door.requests) == 1

    def accept(self) -> None:
        receiver: PipeReceiver = self.receiver
        self.down.accept(None, receiver, self.now)

    def answer(self) -> bytes:
        """All that was written, taken by the transport."""
        data = self.down.buffer.pull(1 << 20)
        if data:
            self.down.data_sent(len(data), self.now)
        return data

    def closed(self) -> None:
        """The driver released it: nothing of it may be left."""
        self.down.closed(self.now)
        assert self.services.timers.next_deadline() is None


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 ")
    return int(answer.split()[1])


# -- the head -------------------------------------------------------------------------------------------------------


def test_a_request_reaches_the_door_once_whole() -> None:
    rig = Client()
    head = rig.head("realtime", "x.y")
    rig.say(head[:-1])
    assert rig.door.requests == []
    rig.say(head[-1:])
    (request,) = rig.door.requests
    assert (request.conn, request.peer) == (1, "192.0.2.7:50000")
    assert (request.method, request.target) == (b"GET", b"/v1/a/b")
    assert isinstance(request.websocket, Offers)
    assert request.websocket.subprotocols == (b"realtime", b"x.y")


@pytest.mark.parametrize("size", [1, 7, 100])
def test_its_cuts_change_nothing(size: int) -> None:
    rig = Client()
    data = rig.head() + b"early bytes"
    for at in range(0, len(data), size):
        rig.say(data[at : at + size])
    assert len(rig.door.requests) == 1
    rig.accept()
    assert rig.receiver.data == b"early bytes"


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (b"Upgrade: ", b"Not-Upgrade: ", NotUpgrade),
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8", WrongVersion),
        (b"Connection: Upgrade\r\n", b"", Fault),
        (b"Host: gw.test", b"Host: gw test", Fault),
    ],
)
def test_the_door_is_told_why_there_can_be_no_websocket(old: bytes, new: bytes, verdict: type) -> None:
    rig = Client()
    head = rig.head()
    assert old in head
    rig.say(head.replace(old, new))
    (request,) = rig.door.requests
    assert type(request.websocket) is verdict


def test_a_head_that_is_no_http_is_answered_400_and_closed() -> None:
    rig = Client()
    rig.say(b"\x16\x03\x01 not http\r\n\r\n")
    answer = rig.answer()
    assert status(answer) == 400
    assert b'"code":2006' in answer
    assert b"\r\nConnection: close\r\n" in answer
    assert rig.short() == ["flush 1", "close 1"]
    assert rig.door.requests == []
    rig.closed()


#: Beginnings of other protocols, none of which is a whole head.
OTHER_PROTOCOLS = {
    "TLS 1.2 hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "TLS 1.3 hello behind a line end": b"\r\n\x16\x03\x03",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "SMTP": b"EHLO client.example\r\n",
    "HTTP/0.9": b"GET /v1/a/b\r\n",
    "Redis": b"*1\r\n$4\r\nPING\r\n",
    "SOCKS5": b"\x05\x01\x00",
    "PROXY v2": b"\r\n\r\n\x00\r\nQUIT\n",
    "a blank": b" GET / HTTP/1.1\r\n",
    "JSON": b'{"type":"universal.ping"}',
    "a WebSocket frame": b"\x81\x85",
    "another version": b"GET / HTTQ",
}


@pytest.mark.parametrize("name", OTHER_PROTOCOLS)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_what_is_no_http_is_refused_at_once_and_said(name: str, size: int) -> None:
    rig = Client()
    data = OTHER_PROTOCOLS[name]
    for at in range(0, len(data), size):
        rig.say(data[at : at + size])
    answer = rig.answer()
    assert status(answer) == 400
    assert (b"begins with TLS" in answer) is name.startswith("TLS")
    (refused,) = [effect.event for effect in rig.services.effects if isinstance(effect, Emit)]
    assert isinstance(refused, UpgradeRefused)
    assert (refused.status, refused.code) == (400, 2006)
    assert rig.short() == ["flush 1", "close 1"]
    rig.closed()


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.1\r\n", b"M-SEARCH * HTTP/1.1\n", b"PRI * HTTP/2.0\r\n", b"\r\n\r\nGET "]
)
def test_what_may_become_a_request_is_waited_for(line: bytes) -> None:
    rig = Client()
    for at in range(len(line)):
        rig.say(line[at : at + 1])
    assert rig.services.effects == []
    rig.closed()


@pytest.mark.parametrize("ended", [True, False])
def test_a_head_over_the_limit_is_431_and_one_of_the_limit_passes(ended: bool) -> None:
    rig = Client(Limits(head_bytes=1024))
    head = rig.head()[:-2] + b"x: "
    fitting = head.ljust(1020, b"x") + b"\r\n\r\n"
    rig.say(fitting)
    assert len(rig.door.requests) == 1
    rig = Client(Limits(head_bytes=1024))
    rig.say(head.ljust(1021, b"x") + (b"\r\n\r\n" if ended else b"xxxx"))
    answer = rig.answer()
    assert status(answer) == 431
    assert b"1024 bytes" in answer
    assert rig.door.requests == []
    assert rig.short() == ["flush 1", "close 1"]
    rig.say(head)
    assert rig.answer() == b"", "what follows is not read"
    rig.closed()


# -- time for the head ----------------------------------------------------------------------------------------------


def test_without_a_byte_it_is_closed_without_a_word() -> None:
    rig = Client()
    rig.pass_time(9.9)
    assert rig.short() == []
    rig.pass_time(0.2)
    assert rig.answer() == b""
    assert rig.short() == ["close 1"]
    rig.closed()


def test_blank_lines_are_no_byte_of_a_head() -> None:
    rig = Client()
    rig.say(b"\r\n\r\n")
    rig.pass_time(10.1)
    assert rig.answer() == b""
    assert rig.short() == ["close 1"]


def test_half_a_head_is_answered_408() -> None:
    rig = Client(timeouts=Timeouts(handshake_s=2.5))
    rig.say(rig.head()[:-1])
    rig.pass_time(2.4)
    assert rig.short() == []
    rig.say(b"\r")
    rig.pass_time(0.2)
    answer = rig.answer()
    assert status(answer) == 408, "a byte does not buy time"
    assert b"2.5 s" in answer
    assert rig.short() == ["flush 1", "close 1"]
    rig.closed()


def test_a_whole_head_stops_the_clock() -> None:
    rig = Client()
    rig.ask()
    rig.pass_time(1000)
    assert rig.short() == []


# -- while it is undecided ------------------------------------------------------------------------------------------


def test_early_bytes_are_kept_up_to_the_limit_and_then_it_is_held_back() -> None:
    rig = Client()
    rig.say(rig.head() + b"a" * 10)
    rig.say(b"b" * (64 * KIB - 10))
    assert rig.short() == []
    rig.say(b"c")
    assert rig.short() == ["pause 1"]
    rig.say(b"d" * 64 * KIB)  # the read that was under way
    assert rig.short() == []
    rig.accept()
    assert rig.short() == ["flush 1", "resume 1"]
    assert rig.receiver.data == b"a" * 10 + b"b" * (64 * KIB - 10) + b"c" + b"d" * 64 * KIB


def test_early_bytes_hold_it_back_though_the_memory_suffices_again() -> None:
    rig = Client()
    rig.say(rig.head())
    rig.say(b"a" * (64 * KIB + 1))
    assert rig.short() == ["pause 1"]
    rig.down.squeeze(rig.now, on=True)
    rig.down.squeeze(rig.now, on=False)
    assert rig.short() == []
    rig.accept()
    assert rig.short() == ["flush 1", "resume 1"]


@pytest.mark.parametrize("accepted", [False, True])
def test_short_memory_holds_it_back_until_its_answer(accepted: bool) -> None:
    rig = Client()
    rig.say(rig.head())
    rig.down.squeeze(rig.now, on=True)
    assert rig.short() == ["pause 1"]
    if accepted:
        rig.accept()
    else:
        rig.down.refuse(403, [], b"", rig.now)
    assert rig.short()[:2] == ["flush 1", "resume 1"]
    rig.down.squeeze(rig.now, on=False)
    assert rig.short() == []


def test_accepted_it_answers_101_before_the_receiver_hears_anything() -> None:
    rig = Client()
    rig.say(rig.head() + b"early")
    rig.accept()
    answer = rig.answer()
    rig.websocket.receive_data(answer)
    (event,) = rig.websocket.events()
    assert isinstance(event, AcceptConnection)
    assert rig.receiver.told == ["data 5", "left 0"]


def test_a_selected_subprotocol_is_named() -> None:
    rig = Client()
    rig.say(rig.head("realtime", "other"))
    rig.down.accept(b"other", rig.receiver, rig.now)
    rig.websocket.receive_data(rig.answer())
    (event,) = rig.websocket.events()
    assert isinstance(event, AcceptConnection)
    assert event.subprotocol == "other"


@pytest.mark.parametrize("held", [False, True])
def test_a_refusal_is_sent_whole_and_closes(held: bool) -> None:
    rig = Client()
    rig.ask()
    if held:
        rig.say(b"x" * (64 * KIB + 1))
        assert rig.short() == ["pause 1"]
    rig.down.refuse(503, [(b"retry-after", b"1")], b"later", rig.now)
    assert rig.answer() == (
        b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlater"
    )
    assert rig.short() == ["flush 1", *(["resume 1"] if held else []), "close 1"]
    rig.say(b"GET / HTTP/1.1\r\n\r\n")
    assert rig.answer() == b"", "one request for each connection"
    assert rig.door.gone == 0
    rig.closed()
    assert rig.door.gone == 0


def test_a_client_that_does_not_let_go_after_its_refusal_is_cut_off() -> None:
    rig = Client()
    rig.ask()
    rig.down.refuse(404, [], b"", rig.now)
    rig.answer()
    rig.short()
    rig.pass_time(4.9)
    assert rig.short() == []
    rig.pass_time(0.2)
    assert rig.short() == ["abort 1"]
    rig.closed()


# -- its end --------------------------------------------------------------------------------------------------------


def reach(phase: str) -> Client:
    rig = Client()
    if phase == "half":
        rig.say(rig.head()[:-1])
    elif phase != "nothing":
        rig.ask()
    if phase == "open":
        rig.accept()
        rig.answer()
        rig.receiver.told.clear()
    if phase == "refused":
        rig.down.refuse(404, [], b"", rig.now)
        rig.answer()
    rig.short()
    return rig


PHASES = ["nothing", "half", "undecided", "open", "refused"]


@pytest.mark.parametrize("phase", PHASES)
def test_eof_closes_it(phase: str) -> None:
    rig = reach(phase)
    rig.down.receive_eof(rig.now)
    assert rig.answer() == b""
    assert rig.short() == ([] if phase in ("open", "refused") else ["close 1"]), (
        "one close; the receiver may still write"
    )
    assert rig.receiver.told == (["eof"] if phase == "open" else [])
    rig.closed()
    assert rig.door.gone == (phase == "undecided"), "told once"


@pytest.mark.parametrize("phase", PHASES)
def test_a_loss_is_told_and_closes_nothing(phase: str) -> None:
    rig = reach(phase)
    rig.down.connection_lost("reset", rig.now)
    assert rig.short() == []
    assert rig.receiver.told == (["lost: reset"] if phase == "open" else [])
    assert rig.services.timers.next_deadline() is None
    rig.closed()
    assert rig.door.gone == (phase == "undecided"), "told once"


@pytest.mark.parametrize("phase", PHASES)
def test_released_without_a_reported_end_is_a_loss(phase: str) -> None:
    rig = reach(phase)
    rig.closed()
    assert rig.short() == []
    assert rig.receiver.told == (["lost: the connection was given up"] if phase == "open" else [])
    assert rig.door.gone == (phase == "undecided")


def test_a_client_that_takes_nothing_is_cut_off_and_its_receiver_told() -> None:
    rig = reach("open")
    rig.down.write(b"x" * 100, rig.now)
    rig.pass_time(30)
    rig.down.data_sent(len(rig.down.buffer.pull(10)), rig.now)
    rig.pass_time(59.9)
    rig.short()
    assert rig.receiver.told == ["left 90"]
    rig.pass_time(0.2)
    assert rig.short() == ["abort 1"]
    assert rig.receiver.told == ["left 90", "lost: the client takes no more bytes"]
    rig.closed()


@pytest.mark.parametrize(("most", "fits"), [(16, True), (17, False)])
def test_a_head_with_too_many_fields_is_431(most: int, fits: bool) -> None:
    rig = Client(Limits(head_fields=16))
    head = rig.head()[:-2]
    rig.say(head + b"x: 1\r\n" * (most + 1 - head.count(b"\n")) + b"\r\n")
    assert len(rig.door.requests) == fits
    if not fits:
        answer = rig.answer()
        assert status(answer) == 431
        assert b"the request head has 17 header fields; head_fields allows 16" in answer
        assert rig.short() == ["flush 1", "close 1"]
        rig.closed()
