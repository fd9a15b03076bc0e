"""One stream of a client's HTTP/2 connection, on a connection that only writes down what it is told: what is held back
and credited, what counts as taken, and who is told of the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.core_rig import Rig

from aigw_sansio.config import Timeouts
from aigw_sansio.downstream.http2_stream import StreamPipe, StreamState
from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.wires.http import Headers

S = StreamState


class Link(Rig):
    """The connection of one stream, the receiver of its bytes, and who decides about its request."""

    def __init__(self, *, tunnel: bool = True, greedy: bool = False) -> None:
        """``greedy``: the receiver pauses the client after every read."""
        super().__init__(timeouts=Timeouts(close_s=5.0, write_stall_s=60.0))
        self.said: list[object] = []  # what the connection was told
        self.credited = 0
        self.received = b""
        self.left: list[int] = []
        self.ends: list[str] = []  # what the receiver, or who decides, was told
        self.greedy = greedy
        self.pipe = StreamPipe(self, 7, tunnel=tunnel)
        self.pipe.pending = self

    # -- StreamOwner

    def accept(self, pipe: StreamPipe, headers: Headers) -> None:
        self.said.append(("accept", headers))

    def respond(self, pipe: StreamPipe, *, status: int, headers: Headers, body: bytes) -> None:
        self.said.append(("answer", status, headers, body))

    def send(self, pipe: StreamPipe, data: bytes) -> None:
        self.said.append(("send", data))

    def end_stream(self, pipe: StreamPipe, credit: int) -> None:
        self.said.append("end")
        self.credited += credit

    def reset(self, pipe: StreamPipe) -> None:
        self.said.append("reset")

    def consume(self, pipe: StreamPipe, flow: int) -> None:
        assert pipe is self.pipe
        self.credited += flow

    # -- PipeReceiver and PendingRequest

    def receive_data(self, data: bytes, now: float) -> None:
        assert data
        self.received += data
        if self.greedy:
            self.pipe.pause_reading()

    def receive_eof(self, now: float) -> None:
        self.ends.append("eof")
        self.pipe.close(now)

    def connection_lost(self, reason: str, now: float) -> None:
        self.ends.append(reason)

    def data_sent(self, outstanding: int, now: float) -> None:
        self.left.append(outstanding)

    def client_gone(self, now: float) -> None:
        self.ends.append("client gone")

    # -- what happens

    def open(self) -> None:
        self.pipe.accept(None, self, self.now)
        self.said.clear()

    def data(self, data: bytes, padding: int = 0) -> None:
        self.pipe.receive_data(data, len(data) + padding, self.now)

    def eof(self) -> None:
        self.pipe.receive_eof(self.now)

    def gone(self, reason: str) -> None:
        self.pipe.stream_lost(reason, self.now)

    def resume(self) -> None:
        self.pipe.resume_reading()
        self.services.run_deferred(self.now)

    @property
    def state(self) -> StreamState:
        return self.pipe.state

    def stands_at(self, state: StreamState) -> bool:
        return self.pipe.state is state

    def no_deadline(self) -> bool:
        return self.services.timers.next_deadline() is None


# -- the request ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subprotocol", "extension", "headers"),
    [
        (None, None, []),
        (b"a", None, [(b"sec-websocket-protocol", b"a")]),
        (None, b"x", [(b"sec-websocket-extensions", b"x")]),
        (b"a", b"x", [(b"sec-websocket-protocol", b"a"), (b"sec-websocket-extensions", b"x")]),
    ],
)
def test_an_acceptance_names_what_was_agreed_on(
    subprotocol: bytes | None, extension: bytes | None, headers: Headers
) -> None:
    link = Link()
    link.pipe.accept(subprotocol, link, 0.0, extension=extension)
    assert link.said == [("accept", headers)]
    assert link.stands_at(S.OPEN)
    assert link.pipe.pending is None


def test_early_bytes_come_with_the_acceptance_as_one_and_get_their_credit_then() -> None:
    link = Link()
    link.data(b"early ")
    link.data(b"bird", padding=3)
    assert (link.received, link.credited) == (b"", 0)
    link.pipe.accept(None, link, 0.0)
    assert (link.received, link.credited) == (b"early bird", 13)


def test_a_greedy_receiver_of_early_bytes_gets_no_credit() -> None:
    link = Link(greedy=True)
    link.data(b"early")
    link.open()
    assert (link.received, link.credited) == (b"early", 0)
    link.resume()
    assert link.credited == 5


def test_a_refusal_is_without_the_fields_of_http1() -> None:
    link = Link()
    link.data(b"early")
    link.pipe.refuse(426, [(b"upgrade", b"websocket"), (b"connection", b"upgrade"), (b"x", b"y")], b"no", 0.0)
    assert link.said == [("answer", 426, [(b"x", b"y")], b"no")]
    assert link.stands_at(S.ANSWERED)
    assert link.pipe.outstanding == link.pipe.queued == 2
    link.data(b"more")
    assert (link.received, link.credited) == (b"", 0)  # a body that nobody wants gets no credit


def test_the_body_of_a_plain_request_is_dropped_without_credit() -> None:
    link = Link(tunnel=False)
    link.data(b"body")
    link.eof()
    assert link.stands_at(S.DECIDING)
    assert link.ends == link.said == []
    assert link.credited == 0


def test_a_request_is_answered_once() -> None:
    accepted, refused = Link(), Link()
    accepted.open()
    refused.pipe.refuse(404, [], b"", 0.0)
    for link in (accepted, refused):
        said, state = list(link.said), link.state
        with pytest.raises(LocalProtocolError, match=f"ACCEPT is not allowed in state {state.name}"):
            link.pipe.accept(None, link, 0.0)
        with pytest.raises(LocalProtocolError, match=f"REFUSE is not allowed in state {state.name}"):
            link.pipe.refuse(400, [], b"", 0.0)
        assert (link.said, link.state) == (said, state)


@pytest.mark.parametrize("how", ["eof", "gone"])
def test_a_client_that_leaves_before_it_is_answered(how: str) -> None:
    link = Link()
    if how == "eof":
        link.eof()
    else:
        link.gone("reset")
    assert link.ends == ["client gone"]
    assert link.said == (["reset"] if how == "eof" else [])
    assert link.stands_at(S.CLOSED)
    link.gone("again")
    assert link.ends == ["client gone"]


# -- bytes in ---------------------------------------------------------------------------------------------------------


def test_bytes_that_are_passed_on_get_their_credit_at_once_with_the_padding() -> None:
    link = Link()
    link.open()
    link.data(b"abc", padding=10)
    assert (link.received, link.credited) == (b"abc", 13)


def test_a_paused_receiver_gets_nothing_and_the_client_no_credit() -> None:
    link = Link()
    link.open()
    link.pipe.pause_reading()
    link.data(b"a")
    link.data(b"b")
    assert (link.received, link.credited) == (b"", 0)
    link.pipe.resume_reading()
    assert link.received == b""  # not in the middle of whatever resumed it
    link.services.run_deferred(0.0)
    assert (link.received, link.credited) == (b"ab", 2)


def test_credit_is_kept_if_the_read_itself_pauses() -> None:
    link = Link(greedy=True)
    link.open()
    link.data(b"abc")
    assert (link.received, link.credited) == (b"abc", 0)
    link.resume()
    assert link.credited == 3


def test_bytes_that_come_before_the_held_ones_are_delivered_stay_in_order() -> None:
    link = Link()
    link.open()
    link.pipe.pause_reading()
    link.data(b"a")
    link.pipe.resume_reading()
    link.data(b"b")  # in the same input
    assert link.received == b""
    link.services.run_deferred(0.0)
    assert (link.received, link.credited) == (b"ab", 2)


def test_a_receiver_that_pauses_again_keeps_what_comes_next() -> None:
    link = Link(greedy=True)
    link.open()
    link.data(b"a")
    link.data(b"b")
    link.resume()
    assert (link.received, link.credited) == (b"ab", 0)
    link.data(b"c")
    assert link.received == b"ab"
    link.greedy = False
    link.resume()
    assert (link.received, link.credited) == (b"abc", 3)


def test_the_end_of_the_client_waits_behind_its_bytes() -> None:
    link = Link()
    link.open()
    link.pipe.pause_reading()
    link.data(b"last")
    link.eof()
    assert link.ends == []
    link.resume()
    assert (link.received, link.ends, link.said) == (b"last", ["eof"], ["end"])
    assert link.stands_at(S.CLOSING)


def test_a_resume_without_a_pause_does_nothing() -> None:
    link = Link()
    link.open()
    link.resume()
    link.pipe.pause_reading()
    link.pipe.pause_reading()
    link.resume()
    link.data(b"a")
    assert (link.received, link.said) == (b"a", [])


@given(
    moves=st.lists(st.sampled_from(["data", "pause", "resume", "deferred"]), max_size=30),
    greedy=st.booleans(),
    early=st.integers(0, 3),
)
def test_all_bytes_arrive_in_order_and_all_credit_returns(moves: list[str], greedy: bool, early: int) -> None:
    """The client never has more credit than its bytes were passed on, and in the end it has all of it."""
    link = Link(greedy=greedy)
    sent = b""

    def data() -> None:
        nonlocal sent
        piece = bytes([len(sent) % 256, 1])
        sent += piece
        link.data(piece)

    for _ in range(early):
        data()
    link.open()
    for move in moves:
        if move == "data":
            data()
        elif move == "pause":
            link.pipe.pause_reading()
        elif move == "resume":
            link.pipe.resume_reading()
        else:
            link.services.run_deferred(0.0)
        assert sent.startswith(link.received)
        assert link.credited <= len(link.received)
    link.greedy = False
    link.pipe.pause_reading()
    link.resume()
    assert (link.received, link.credited) == (sent, len(sent))


# -- bytes out --------------------------------------------------------------------------------------------------------


def test_what_is_written_is_outstanding_until_the_transport_took_it() -> None:
    link = Link()
    link.open()
    assert link.pipe.write(b"abc", 0.0) == 3
    assert link.pipe.write(b"", 0.0) == 3
    assert link.pipe.write(b"de", 0.0) == 5
    assert link.said == [("send", b"abc"), ("send", b"de")]
    assert link.pipe.queued == 5
    link.pipe.sent(4, 0.0)
    assert (link.pipe.outstanding, link.left) == (1, [1])
    link.pipe.sent(1, 0.0)
    assert (link.pipe.outstanding, link.left) == (0, [1, 0])
    assert link.no_deadline()
    link.pipe.sent(3, 0.0)  # frames of a stream that has forgotten them
    assert link.left == [1, 0]


def test_a_client_that_takes_nothing_is_reset() -> None:
    link = Link()
    link.open()
    link.pipe.write(b"abc", 0.0)
    link.pass_time(59.0)
    link.pipe.write(b"de", link.now)  # writing more gives the client no more time
    link.pass_time(0.9)
    assert link.ends == []
    link.pass_time(0.1)
    assert link.ends == ["the client takes no more bytes"]
    assert link.said[-1] == "reset"
    assert link.pipe.outstanding == 0
    assert link.stands_at(S.CLOSED)
    assert link.no_deadline()


def test_a_client_that_takes_something_has_all_the_time_again() -> None:
    link = Link()
    link.open()
    link.pipe.write(b"abc", 0.0)
    link.pass_time(59.0)
    link.pipe.sent(1, link.now)
    link.pass_time(59.9)
    assert link.ends == []
    link.pass_time(0.2)
    assert link.ends == ["the client takes no more bytes"]


# -- ends -------------------------------------------------------------------------------------------------------------


def test_our_end_gives_the_held_credit_back_and_drops_what_comes() -> None:
    """The client may have to send more before it can end too: it gets credit, and its bytes go nowhere."""
    link = Link()
    link.open()
    link.pipe.pause_reading()
    link.data(b"held")
    link.pipe.close(0.0)
    assert (link.said, link.credited) == (["end"], 4)
    assert link.stands_at(S.CLOSING)
    link.data(b"more")
    assert (link.received, link.credited) == (b"", 8)
    link.eof()
    assert link.ends == []
    assert link.pipe.write(b"too late", 0.0) == 0
    link.pipe.close(0.0)
    link.pipe.pause_reading()
    link.resume()
    assert link.said == ["end"]


def test_a_client_that_does_not_let_go_is_reset() -> None:
    link = Link()
    link.open()
    link.pipe.close(0.0)
    link.pass_time(4.9)
    assert link.said == ["end"]
    link.pass_time(0.1)
    assert link.said == ["end", "reset"]
    assert link.stands_at(S.CLOSED)
    assert link.no_deadline()


def test_a_stream_that_ended_in_order_leaves_nothing() -> None:
    link = Link()
    link.open()
    link.pipe.close(0.0)
    link.pipe.finish()
    link.pipe.finish()
    assert link.stands_at(S.CLOSED)
    assert link.no_deadline()
    assert link.ends == []


def test_a_stream_that_ended_in_order_tells_of_the_last_byte_and_lets_its_user_go() -> None:
    link = Link()
    link.open()
    link.pipe.write(b"x" * 10, 0.0)
    link.pipe.close(0.0)
    link.pipe.finish()
    link.pipe.sent(4, 1.0)
    assert link.pipe._receiver is link
    link.pipe.sent(6, 2.0)
    assert link.left == [6, 0]
    assert link.pipe._receiver is None
    assert link.no_deadline()


def test_an_aborted_stream_tells_nobody() -> None:
    link = Link()
    link.open()
    link.pipe.write(b"abc", 0.0)
    link.pipe.abort(0.0)
    assert link.said[-1] == "reset"
    assert (link.pipe.outstanding, link.ends) == (0, [])
    assert link.no_deadline()
    said = list(link.said)
    link.pipe.abort(0.0)
    link.data(b"late")
    link.eof()
    link.pipe.sent(3, 0.0)
    link.gone("late")
    assert (link.said, link.received, link.ends, link.left) == (said, b"", [], [])


def test_a_lost_stream_tells_its_receiver_once_and_first_hands_over_what_it_holds() -> None:
    link = Link()
    link.open()
    link.pipe.write(b"abc", 0.0)
    link.pipe.pause_reading()
    link.data(b"held")
    link.pipe.resume_reading()
    link.gone("the client reset the stream")
    link.services.run_deferred(0.0)
    link.gone("again")
    assert link.ends == ["the client reset the stream"]
    assert link.received == b"held"
    assert link.pipe.outstanding == 0
    assert link.no_deadline()
    assert "reset" not in link.said


def test_a_stream_that_ended_while_its_bytes_wait_to_be_resumed_delivers_none() -> None:
    link = Link()
    link.open()
    link.pipe.pause_reading()
    link.data(b"held")
    link.eof()
    link.pipe.resume_reading()
    link.pipe.close(0.0)
    link.services.run_deferred(0.0)
    assert (link.received, link.credited, link.ends) == (b"", 4, [])


@pytest.mark.parametrize("sizes", [[1] * 3000, [1, 4096, 1, 1, 5000, 4095, 1]])
def test_small_pieces_that_wait_take_the_memory_of_their_bytes(sizes: list[int]) -> None:
    link = Link()
    sent = b""
    for number, size in enumerate(sizes):
        data = bytes([number & 0xFF]) * size
        sent += data
        link.data(data)
    assert len(link.pipe._undelivered) <= 1 + 2 * sum(size >= 4096 for size in sizes)
    link.open()
    assert link.received == sent
