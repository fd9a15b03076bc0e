"""A connection to a provider: which wire, whose bytes, what its end means."""

import pytest
from tests.peers.http2_frames import frames, settings, update
from tests.rigs.core_rig import OK, Handler, Rig

from aigw_sansio.config import Timeouts
from aigw_sansio.effects import Connect, Tls
from aigw_sansio.ids import ConnId
from aigw_sansio.origin import Origin

PLAIN = Origin("https", "up.test", 443, None, "off")
AUTO = Origin("https", "up.test", 443)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


@pytest.mark.parametrize(("origin", "wanted"), [
    (AUTO, Connect(ConnId(1), "up.test", 443, Tls("up.test"), ("h2", "http/1.1"))),
    (PLAIN, Connect(ConnId(1), "up.test", 443, Tls("up.test"), ("http/1.1",))),
    (Origin("https", "up.test", 8443, "ca.pem", "on"), Connect(ConnId(1), "up.test", 8443, Tls("up.test", "ca.pem"), ("h2",))),
    (Origin("http", "::1", 80), Connect(ConnId(1), "::1", 80, None, ())),
])  # fmt: skip
def test_what_is_dialled(origin: Origin, wanted: Connect) -> None:
    rig = Rig()
    rig.call(Handler(), origin)
    assert rig.effects() == [wanted]


@pytest.mark.parametrize(("origin", "alpn", "multiplexed"), [
    (AUTO, "h2", True), (AUTO, "http/1.1", False), (AUTO, None, False), (AUTO, "spdy/3", False), (AUTO, "", False),
    (Origin("http", "up.test", 80), None, False), (Origin("http", "up.test", 80, None, "on"), None, True),
    (Origin("https", "up.test", 443, None, "on"), None, False),
])  # fmt: skip
def test_which_wire_it_speaks(origin: Origin, alpn: str | None, multiplexed: bool) -> None:
    rig = Rig()
    rig.call(Handler(), origin)
    upstream = rig.connections[ConnId(1)]
    assert not upstream.ready
    upstream.connected(alpn, 0.0)
    assert upstream.ready
    assert upstream.multiplexed is multiplexed
    assert upstream.buffer.pull(24).startswith(b"PRI * HTTP/2.0" if multiplexed else b"POST /v1 HTTP/1.1")


def test_a_second_connected_is_ignored() -> None:
    rig = Rig()
    rig.call(Handler(), PLAIN)
    upstream = rig.connect(1)
    wire = upstream.wire
    upstream.connected("h2", 0.0)
    assert upstream.wire is wire


def test_sent_is_told_when_the_last_byte_was_taken() -> None:
    rig = Rig()
    handler = Handler()
    rig.call(handler, PLAIN, b"x" * 100_000)
    upstream = rig.connections[ConnId(1)]
    upstream.connected(None, 0.0)
    while data := upstream.buffer.pull(65536):
        assert handler.told == ["placed 1 dialled"]
        upstream.data_sent(len(data) - 1, 0.0)
        assert handler.told == ["placed 1 dialled"]
        upstream.data_sent(1, 0.0)
    assert handler.told == ["placed 1 dialled", "sent"]


def test_holding_pauses_an_http1_connection_and_keeps_credit_on_http2() -> None:
    rig = Rig()
    handler = Handler()
    call = rig.call(handler, PLAIN)
    rig.connect(1)
    rig.short()
    call.pause()
    call.pause()
    assert rig.short() == ["pause 1"]
    rig.receive(1, HEAD + b"ab")  # the read under way
    assert handler.told[-1] == "body ab"
    call.resume(0.0)
    call.resume(0.0)
    assert rig.short() == ["resume 1"]
    rig.call(handler2 := Handler(), AUTO)
    other = rig.connect(2, "h2")
    second = rig.call(Handler(), AUTO)
    rig.exchange(2)
    rig.short()
    server = rig.servers[ConnId(2)]
    second.pause()
    server.send_headers(3, [(":status", "200")])
    before = server.local_flow_control_window(3)
    for _ in range(4):
        server.send_data(3, b"x" * 10_000)
    rig.exchange(2)
    assert "pause 2" not in rig.short()
    assert second.withheld_credit == 40_000
    assert server.local_flow_control_window(3) == before - 40_000
    rig.respond(2, 1)
    assert handler2.told[-1] == "end", "its sibling goes on"
    second.resume(0.0)
    rig.exchange(2)
    assert second.withheld_credit == 0
    assert server.local_flow_control_window(3) == before - 40_000 + 32_768, "credit goes back in quanta"
    assert not other.closing


def test_a_held_leg_that_ends_lets_its_connection_read_on() -> None:
    rig = Rig()
    handler = Handler()
    call = rig.call(handler, PLAIN)
    rig.connect(1)
    rig.short()
    call.pause()
    rig.receive(1, OK)
    assert handler.told[-1] == "end"
    assert rig.short() == ["pause 1", "resume 1"]


def test_cancel_ends_the_connection_on_http1_and_the_stream_on_http2() -> None:
    rig = Rig()
    one = Handler()
    call = rig.call(one, PLAIN)
    rig.connect(1)
    rig.short()
    rig.connections[ConnId(1)].cancel(call, 0.0)
    assert rig.short() == ["abort 1"]
    assert call.connection is None
    second = rig.call(Handler(), AUTO)
    rig.connect(2, "h2")
    rig.short()
    rig.connections[ConnId(2)].cancel(second, 0.0)
    data = rig.connections[ConnId(2)].buffer.pull(65536)
    events = rig.servers[ConnId(2)].receive_data(data)
    assert [(type(event).__name__, int(event.error_code)) for event in events] == [("StreamReset", 8)]  # type: ignore[attr-defined]
    assert not rig.connections[ConnId(2)].closing
    assert one.told[-1] == "sent", "who cancels is told nothing more"


@pytest.mark.parametrize(("data", "closes"), [
    (OK, False),
    (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", True),
    (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", True),
    (OK + b"surplus", True),
    (b"HTTP/1.1 204 No\r\n\r\n", False),
])  # fmt: skip
def test_which_connections_are_kept(data: bytes, closes: bool) -> None:
    rig = Rig()
    handler = Handler()
    rig.call(handler, PLAIN)
    rig.connect(1)
    rig.short()
    rig.receive(1, data)
    assert handler.told[-1] == "end"
    assert (rig.short() != []) is closes
    rig.call(Handler(), PLAIN)
    assert (rig.short() == ["connect 2"]) is closes


@pytest.mark.parametrize("data", [b"HTTP/1.1 408 Timeout\r\ncontent-length: 0\r\n\r\n", b"\r\n", b"x"])
def test_a_byte_on_an_idle_connection_kills_it(data: bytes) -> None:
    rig = Rig()
    rig.call(Handler(), PLAIN)
    rig.connect(1)
    rig.receive(1, OK)
    rig.short()
    rig.receive(1, data)
    assert rig.short() == ["abort 1"]
    rig.call(Handler(), PLAIN)
    assert rig.short() == ["connect 2"]


def test_an_answer_before_the_request_has_left_ends_the_connection() -> None:
    rig = Rig()
    handler = Handler()
    rig.call(handler, PLAIN, b"x" * 100_000)
    upstream = rig.connections[ConnId(1)]
    upstream.connected(None, 0.0)
    assert len(upstream.buffer.pull(1000)) == 1000
    rig.short()
    rig.receive(1, OK)
    assert handler.told[-1] == "end"
    assert rig.short() == ["abort 1"]


@pytest.mark.parametrize(("data", "end", "last"), [
    (b"", "eof", "failed connection_lost"), (b"", "lost", "failed connection_lost"), (b"", "closed", "failed connection_lost"),
    (HEAD + b"ab", "eof", "failed incomplete_body"), (b"HTTP/1.1 200 OK\r\n\r\nab", "eof", "end"),
    (b"HTTP/1.1 200 OK\r\n\r\nab", "lost", "failed connection_lost"), (b"HTTP/1.1 2", "eof", "failed connection_lost"),
    (b"garbage\r\n\r\n", "none", "failed malformed_response"), (OK, "closed", "end"),
])  # fmt: skip
def test_ends(data: bytes, end: str, last: str) -> None:
    rig = Rig()
    handler = Handler()
    rig.call(handler, PLAIN)
    upstream = rig.connect(1)
    if data:
        rig.receive(1, data)
    if end == "eof":
        upstream.receive_eof(0.0)
    elif end == "lost":
        upstream.connection_lost("reset", 0.0)
    upstream.closed(0.0)
    assert handler.told[-1] == last
    assert sum(told == "end" or told.startswith("failed") for told in handler.told) == 1
    assert rig.short().count("connect 2") == 0
    assert upstream.idle
    assert rig.services.timers.next_deadline() is None


@pytest.mark.parametrize("end", ["connect_failed", "closed", "connection_lost", "receive_eof"])
def test_a_dial_that_ends_in_any_way_fails_its_request_at_once(end: str) -> None:
    rig = Rig()
    handler = Handler()
    rig.call(handler, PLAIN)
    upstream = rig.connections[ConnId(1)]
    if end == "connect_failed":
        upstream.connect_failed("refused", 0.0)
    elif end == "connection_lost":
        upstream.connection_lost("reset", 0.0)
    elif end == "receive_eof":
        upstream.receive_eof(0.0)
    upstream.closed(0.0)
    assert handler.told == ["failed connect_failed"]


def test_a_silent_shared_connection_is_pinged_and_then_given_up() -> None:
    rig = Rig(timeouts=Timeouts(upstream_ping_s=30, pong_s=20))
    handlers = [Handler(), Handler()]
    for handler in handlers:
        rig.call(handler, AUTO)
        if handler is handlers[0]:
            rig.connect(1, "h2")
    rig.exchange(1)
    rig.pass_time(29)
    assert rig.take(1) == b""
    rig.pass_time(2)
    rig.exchange(1)  # a ping and its answer
    rig.pass_time(29)
    assert handlers[0].told[-1] == "sent"
    rig.pass_time(2)
    assert rig.take(1)
    rig.pass_time(18)
    assert handlers[0].told[-1] == "sent"
    rig.short()
    rig.pass_time(2)
    assert [handler.told[-1] for handler in handlers] == ["failed connection_lost"] * 2, "both may have begun"
    assert rig.short() == ["close 1", "abort 1"]


def test_an_idle_shared_connection_is_not_pinged() -> None:
    rig = Rig(timeouts=Timeouts(upstream_ping_s=30, pool_idle_s=60))
    rig.call(Handler(), AUTO)
    rig.connect(1, "h2")
    rig.respond(1, 1)
    rig.pass_time(59)
    assert rig.take(1) == b""
    rig.pass_time(2)
    assert "close 1" in rig.short()


def test_a_provider_that_takes_nothing_fails_what_it_carries() -> None:
    rig = Rig(timeouts=Timeouts(write_stall_s=60))
    handler = Handler()
    rig.call(handler, PLAIN)
    rig.connections[ConnId(1)].connected(None, 0.0)
    rig.short()
    rig.pass_time(61)
    assert handler.told[-1] == "failed connection_lost"
    assert handler.fault is not None
    assert "takes no more bytes" in handler.fault.detail
    assert rig.short() == ["abort 1"]


def test_goaway_lets_what_runs_finish_and_takes_nothing_new() -> None:
    rig = Rig()
    handler = Handler()
    rig.call(handler, AUTO)
    rig.connect(1, "h2")
    server = rig.servers[ConnId(1)]
    server.close_connection(0, last_stream_id=1)
    goaway = server.data_to_send()
    rig.receive(1, goaway)
    rig.short()
    rig.call(Handler(), AUTO)
    assert rig.short() == ["connect 2"]
    assert handler.told[-1] != "failed connection_lost"
    assert rig.connections[ConnId(1)].capacity == 0


def test_what_the_wire_has_to_say_still_leaves_when_its_last_stream_ends() -> None:
    """A PING that came in the same read as the end of all streams is answered before the connection closes."""
    rig = Rig()
    rig.call(Handler(), AUTO)
    rig.connect(1, "h2")
    server = rig.servers[ConnId(1)]
    server.ping(b"any more")
    server.send_headers(1, [(":status", "204")], end_stream=True)
    server.close_connection(0, last_stream_id=1)
    rig.receive(1, server.data_to_send())
    assert rig.short()[-2:] == ["flush 1", "close 1"]
    assert b"any more" in rig.take(1)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("end", ["eof", "reset"])
def test_losses_at_every_byte_of_a_request(kept: bool, end: str) -> None:
    """The connection ends when the transport has taken ``taken`` bytes of the request, ``later`` seconds after that."""
    whole = 0
    taken = 0
    while not whole or taken <= whole:
        for later in (0.0, 0.2, 0.3):
            rig = Rig()
            rig.call(first := Handler(), PLAIN)
            rig.now = 0.2
            rig.connect(1)
            if kept:
                rig.receive(1, OK)
                assert first.told[-1] == "end"
                rig.call(handler := Handler(), PLAIN)
            else:
                rig = Rig()
                rig.call(handler := Handler(), PLAIN)
                rig.now = 0.2
                rig.connections[ConnId(1)].connected("http/1.1", rig.now)
            upstream = rig.connections[ConnId(1)]
            whole = len(upstream.buffer.pull(65536))
            if taken:
                upstream.data_sent(taken, rig.now)
            rig.now += later
            if end == "eof":
                upstream.receive_eof(rig.now)
            else:
                upstream.connection_lost("reset", rig.now)
            again = taken < whole or (kept and later <= 0.2)
            assert handler.told[-1] == ("replaced" if again else "failed connection_lost"), (taken, later)
        taken += 1


@pytest.mark.parametrize("end", ["eof", "reset"])
@pytest.mark.parametrize("kept", [True, False])
def test_losses_at_every_byte_of_a_request_over_http2(kept: bool, end: str) -> None:
    """As over HTTP/1.1."""
    whole = 0
    taken = 0
    while not whole or taken <= whole:
        for later in (0.0, 0.2, 0.3):
            rig = Rig()
            rig.call(first := Handler(), AUTO)
            rig.now = 0.2
            if kept:
                rig.connect(1, "h2")
                rig.respond(1, 1)
                assert first.told[-1] == "end"
                rig.call(handler := Handler(), AUTO)
            else:
                handler = first
                rig.connections[ConnId(1)].connected("h2", rig.now)
            upstream = rig.connections[ConnId(1)]
            whole = len(upstream.buffer.pull(65536))
            if taken:
                upstream.data_sent(taken, rig.now)
            rig.now += later
            if end == "eof":
                upstream.receive_eof(rig.now)
            else:
                upstream.connection_lost("reset", rig.now)
            again = taken < whole or (kept and later <= 0.2)
            assert handler.told[-1] == ("replaced" if again else "failed connection_lost"), (taken, later)
        taken += 1


@pytest.mark.parametrize("end", ["eof", "reset"])
@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
def test_losses_at_every_byte_of_a_response(alpn: str, end: str) -> None:
    """A kept connection ends at once behind ``came`` bytes of a response: one byte of it, even of the header of its
    first frame, says that the provider has begun."""
    whole = 0
    came = 0
    while not whole or came <= whole:
        rig = Rig()
        origin = AUTO if alpn == "h2" else PLAIN
        rig.call(Handler(), origin)
        rig.now = 0.2
        upstream = rig.connect(1, alpn)
        if alpn == "h2":
            rig.respond(1, 1)
        else:
            rig.receive(1, OK)
        rig.call(handler := Handler(), origin)
        if alpn == "h2":
            assert rig.exchange(1) == [3]
            server = rig.servers[ConnId(1)]
            server.send_headers(3, [(":status", "200"), ("content-length", "9"), ("x", "y" * 30)])
            server.send_data(3, b"four")
            response = server.data_to_send()
        else:
            rig.take(1)
            response = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfour"
        whole = len(response)
        if came:
            rig.receive(1, response[:came])
        if end == "eof":
            upstream.receive_eof(rig.now)
        else:
            upstream.connection_lost("reset", rig.now)
        last = handler.told[-1]
        assert last.startswith("failed") if came else last == "replaced", (came, last)
        came += 1


def test_no_request_is_sent_again_for_the_bytes_of_another() -> None:
    """HTTP/2: the bytes of a request are taken, but not those of a later one on the same connection."""
    rig = Rig()
    rig.call(Handler(), AUTO)
    rig.connect(1, "h2")
    rig.call(begun := Handler(), AUTO)
    upstream = rig.connections[ConnId(1)]
    upstream.data_sent(len(upstream.buffer.pull(65536)), rig.now)
    rig.call(later := Handler(), AUTO)
    rig.now += 5
    upstream.connection_lost("reset", rig.now)
    assert begun.told[-1] == "failed connection_lost"
    assert later.told[-1] == "replaced"


@pytest.mark.parametrize("busy", [True, False])
def test_the_close_of_a_busy_connection_did_not_cross_a_request(busy: bool) -> None:
    """HTTP/2: who closes a connection that carries requests does so for another reason than that it was idle."""
    rig = Rig()
    rig.call(first := Handler(), AUTO)
    rig.now = 0.2
    upstream = rig.connect(1, "h2")
    if not busy:
        rig.respond(1, 1)
    rig.call(second := Handler(), AUTO)
    rig.take(1)
    rig.now += 0.1
    upstream.connection_lost("reset", rig.now)
    assert first.told[-1] == ("failed connection_lost" if busy else "end")
    assert second.told[-1] == ("failed connection_lost" if busy else "replaced")


def test_a_provider_that_demands_http1_gets_it() -> None:
    rig = Rig()
    rig.call(handler := Handler(), AUTO)
    rig.connect(1, "h2")
    server = rig.servers[ConnId(1)]
    server.reset_stream(1, 0xD)
    rig.receive(1, server.data_to_send())
    assert handler.told[-1] == "replaced"
    (connect,) = (effect for effect in rig.effects() if isinstance(effect, Connect) and effect.conn == ConnId(2))
    assert connect.alpn == ("http/1.1",)
    rig.connect(2)
    rig.receive(2, OK)
    assert handler.told[-1] == "end"


def test_the_body_of_a_request_is_held_once_on_http1() -> None:
    rig = Rig()
    body = b"x" * 1_000_000
    rig.call(Handler(), PLAIN, body)
    upstream = rig.connections[ConnId(1)]
    upstream.connected(None, 0.0)
    assert upstream.buffer.size > len(body)
    assert any(piece is body for piece in upstream.buffer._pieces), "no copy of it"
    assert rig.take(1).endswith(body)


def test_a_body_is_framed_as_its_provider_takes_it_however_much_it_allows() -> None:
    rig = Rig()
    handler = Handler()
    body = bytes(range(256)) * 16 * 1024
    rig.call(handler, AUTO, body)
    upstream = rig.connections[ConnId(1)]
    upstream.connected("h2", 0.0)
    sent = rig.take(1)
    most = (1 << 24) - 1
    rig.receive(1, settings({4: (1 << 31) - 1, 5: most}) + update(0, (1 << 31) - 1 - 65_535))
    highest = 0
    while data := upstream.buffer.pull(65536):
        assert "sent" not in handler.told
        highest = max(highest, upstream.buffer.size)
        sent += data
        upstream.data_sent(len(data), 0.0)
    assert handler.told[-1] == "sent"
    assert b"".join(payload for kind, _, _, payload in frames(sent) if kind == 0) == body
    assert highest < 600 * 1024
    assert max(len(payload) for kind, _, _, payload in frames(sent)) <= 64 * 1024
