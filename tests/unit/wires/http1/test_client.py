"""The HTTP/1.1 client wire: what it writes, what it reads, when the connection is spent."""

import re
from itertools import product

import h11
import msgspec
import pytest
from fuzz.fuzz_http1_client import SEEDS, check, target
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.heads import memo_of

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import FaultKind
from aigw_sansio.wires.http import (
    BodyData,
    ConnectionFailed,
    Headers,
    HttpClientWire,
    Request,
    ResponseEnd,
    ResponseHead,
    StreamFailed,
    WireEvent,
)
from aigw_sansio.wires.http1.client import (
    HTTP1_CLIENT_TABLE,
    MAX_INFORMATIONAL,
    Http1Client,
    Http1Input,
    Http1State,
    encode_request,
)

OK = b"HTTP/1.1 200 OK\r\n"
LIMIT = 2048


def request(
    method: bytes = b"POST",
    target: bytes = b"/v1/chat/completions?a=b",
    headers: Headers | None = None,
    body: bytes = b"",
    authority: bytes = b"api.example:8443",
) -> Request:
    return Request(method, b"https", authority, target, headers or [], body)


def opened(method: bytes = b"POST", *, pulled: bool = True) -> Http1Client:
    """A wire whose first request is on its way."""
    wire = Http1Client(LIMIT)
    assert wire.send_request(request(method)) == 1
    if pulled:
        wire.data_to_send()
    return wire


def joined(events: list[WireEvent]) -> list[WireEvent]:
    """Neighbouring body pieces as one: what must not depend on cuts."""
    out: list[WireEvent] = []
    for event in events:
        if isinstance(event, BodyData) and out and isinstance(out[-1], BodyData):
            out[-1] = BodyData(event.stream, out[-1].data + event.data)
        else:
            out.append(event)
    return out


def read(raw: bytes, method: bytes = b"POST", step: int | None = None) -> tuple[list[WireEvent], Http1Client]:
    wire = opened(method)
    step = step or len(raw)
    events = [event for start in range(0, len(raw), step) for event in wire.receive_data(raw[start : start + step])]
    return joined(events), wire


def kinds(events: list[WireEvent]) -> list[FaultKind]:
    """The fault of the stream, then that of the connection."""
    return [event.fault.kind for event in events if isinstance(event, StreamFailed | ConnectionFailed)]


# -- writing ----------------------------------------------------------------------------------------------------


def test_a_request_is_written_host_first_with_its_length() -> None:
    wire: HttpClientWire = Http1Client(LIMIT)
    stream = wire.send_request(request(headers=[(b"accept", b"*/*"), (b"x-key", "é".encode())], body=b"{}"))
    assert not wire.request_sent(stream)
    assert wire.data_to_send() == (
        b"POST /v1/chat/completions?a=b HTTP/1.1\r\nHost: api.example:8443\r\nAccept: */*\r\nX-Key: \xc3\xa9\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )
    assert wire.request_sent(stream)
    assert wire.data_to_send() == b""


def test_a_head_that_comes_again_is_made_once_and_of_another_one_never() -> None:
    bodies = [b"{}", b"", b"x" * 70_000]
    first = request(headers=[(b"x-key", b"one")])
    memo = memo_of(first)
    others = (first, request(headers=[(b"x-key", b"two")]), msgspec.structs.replace(first, target=b"/other"))
    for like in (*others, msgspec.structs.replace(first, method=b"GET")):
        for body in bodies:
            plain = msgspec.structs.replace(like, body=body)
            for _ in range(2):
                assert encode_request(msgspec.structs.replace(plain, memo=memo)) == encode_request(plain)
    assert memo.http1 is not None
    bad = request(headers=[(b"a b", b"")])
    with pytest.raises(LocalProtocolError):
        encode_request(msgspec.structs.replace(bad, memo=memo_of(bad)))


def test_a_response_has_been_read_once_its_end_came() -> None:
    wire = Http1Client(LIMIT)
    with pytest.raises(LocalProtocolError):
        wire.response_read(1)
    read = []
    for pieces in (
        [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"o", b"k"],
        [b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"],
    ):
        stream = wire.send_request(request())
        wire.data_to_send()
        for piece in pieces:
            read.append(wire.response_read(stream))
            wire.receive_data(piece)
        read.append(wire.response_read(stream))
    assert read == [False, False, False, True, False, True]
    assert wire.response_read(1)


@pytest.mark.parametrize(
    ("method", "line"), [(b"POST", b"Content-Length: 0\r\n"), (b"GET", b""), (b"HEAD", b""), (b"DELETE", b"")]
)
def test_an_empty_body_has_a_length_where_one_is_expected(method: bytes, line: bytes) -> None:
    wire = Http1Client(LIMIT)
    wire.send_request(request(method, target=b"/"))
    assert wire.data_to_send() == method + b" / HTTP/1.1\r\nHost: api.example:8443\r\n" + line + b"\r\n"


@pytest.mark.parametrize(
    "bad",
    [
        request(b"GE T"),
        request(b""),
        request(b"CONNECT"),
        request(target=b"/a b"),
        request(target=b"/a\r\nx: y"),
        request(target=b""),
        request(authority=b"a\nb"),
        request(authority=b""),
        request(headers=[(b"a b", b"")]),
        request(headers=[(b"", b"x")]),
        request(headers=[(b"a\r\nb", b"")]),
        request(headers=[(b"a", b"b\r\nc: d")]),
        request(headers=[(b"a", b"b\nc")]),
        request(headers=[(b"a", b"\0")]),
        request(headers=[(b"host", b"b")]),
        request(headers=[(b"content-length", b"5")]),
        request(headers=[(b"transfer-encoding", b"chunked")]),
        request(headers=[(b"connection", b"close")]),
    ],
)
def test_a_request_that_would_be_another_is_refused_and_nothing_moves(bad: Request) -> None:
    wire = Http1Client(LIMIT)
    with pytest.raises(LocalProtocolError):
        wire.send_request(bad)
    assert (wire.capacity, wire.data_to_send()) == (1, b"")
    assert wire.send_request(request()) == 1


@given(
    st.sampled_from([b"GET", b"POST", b"DELETE", b"PUT"]),
    st.from_regex(rb"/[\x21-\x7e]{0,20}", fullmatch=True),
    st.lists(
        st.tuples(
            st.from_regex(rb"x-[-a-z0-9]{0,8}", fullmatch=True),
            st.from_regex(rb"([\x21-\xff]([ \t\x21-\xff]*[\x21-\xff])?)?", fullmatch=True).filter(
                lambda value: not re.search(rb"[\x85\xa0]", value)
            ),
        ),
        max_size=5,
    ),
    st.binary(max_size=60),
)
def test_a_server_reads_what_was_asked(method: bytes, path: bytes, headers: Headers, body: bytes) -> None:
    wire = Http1Client(LIMIT)
    wire.send_request(request(method, path, headers, body, b"h"))
    server = h11.Connection(h11.SERVER)
    server.receive_data(wire.data_to_send())
    head = server.next_event()
    assert isinstance(head, h11.Request)
    length = [(b"content-length", b"%d" % len(body))] if body or method in (b"POST", b"PUT") else []
    assert (head.method, head.target) == (method, path)
    assert list(head.headers) == [(b"host", b"h"), *headers, *length]
    received = b""
    while not isinstance(event := server.next_event(), h11.EndOfMessage):
        assert isinstance(event, h11.Data)
        received += event.data
    assert received == body
    assert server.trailing_data == (b"", False)


# -- reading ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [None, 1, 7])
@pytest.mark.parametrize(
    ("raw", "method", "status", "body", "reusable"),
    [
        (OK + b"content-length: 5\r\n\r\nhello", b"POST", 200, b"hello", True),
        (OK + b"content-length: 0\r\n\r\n", b"POST", 200, b"", True),
        (OK + b"content-length: 5, 5\r\n\r\nhello", b"POST", 200, b"hello", True),
        (OK + b"transfer-encoding: Chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"POST", 200, b"abc", True),
        (OK + b"content-length: 5\r\n\r\n", b"HEAD", 200, b"", True),
        (OK + b"transfer-encoding: chunked\r\n\r\n", b"HEAD", 200, b"", True),
        (b"HTTP/1.1 204 \r\n\r\n", b"POST", 204, b"", True),
        (b"HTTP/1.1 304\r\ncontent-length: 9\r\n\r\n", b"GET", 304, b"", True),
        (OK + b"content-length: 1\r\nconnection: x, Close\r\n\r\nz", b"POST", 200, b"z", False),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\nz", b"POST", 200, b"z", False),
        (b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" * 2 + OK + b"content-length: 1\r\n\r\nz", b"GET", 200, b"z", True),
        (b"HTTP/1.1 599 Odd\ncontent-length: 1\n\nz", b"GET", 599, b"z", True),
    ],
)
def test_responses(raw: bytes, method: bytes, status: int, body: bytes, reusable: bool, step: int | None) -> None:
    events, wire = read(raw, method, step)
    assert isinstance(events[0], ResponseHead)
    assert (events[0].stream, events[0].status) == (1, status)
    assert events[1:] == ([BodyData(1, body)] if body else []) + [ResponseEnd(1)]
    assert (wire.reusable, wire.capacity) == (reusable, int(reusable))


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    events, wire = read(OK + b"\r\nabc")
    assert events[1:] == [BodyData(1, b"abc")]
    assert not wire.reusable
    assert wire.receive_data(b"d") == [BodyData(1, b"d")]
    assert wire.receive_eof() == [ResponseEnd(1)]
    assert wire.capacity == 0


@pytest.mark.parametrize("step", [None, 1, 7])
@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01",
        b"SSH-2.0-OpenSSH_9.6",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 600 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
        OK + b"content-length: 5, 6\r\n\r\nhello",
        OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        OK + b"content-length: +5\r\n\r\nhello",
        OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"transfer-encoding: gzip\r\n\r\n",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_INFORMATIONAL + 1),
        OK + b"x: " + b"y" * LIMIT,
        b"HTTP/1.1 100 Continue\r\nx: " + b"y" * LIMIT,
    ],
)
def test_malformed_heads(raw: bytes, step: int | None) -> None:
    events, wire = read(raw, step=step)
    assert kinds(events) == [FaultKind.MALFORMED_RESPONSE] * 2
    assert len(events) == 2
    assert not wire.reusable
    assert wire.receive_eof() == []
    assert isinstance(events[0], StreamFailed)
    assert len(events[0].fault.detail) < 200  # no more than an excerpt of what the peer sent


def test_informational_responses_are_counted_per_request() -> None:
    wire = Http1Client(LIMIT)
    for _ in range(2):
        wire.send_request(request())
        wire.data_to_send()
        events = wire.receive_data(b"HTTP/1.1 100 Continue\r\n\r\n" * MAX_INFORMATIONAL + b"HTTP/1.1 204 \r\n\r\n")
        assert [type(event) for event in events] == [ResponseHead, ResponseEnd]


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("over", [0, 1])
def test_the_head_limit_is_exact(over: int, step: int | None) -> None:
    head = OK + b"content-length: 0\r\nx: "
    head += b"y" * (LIMIT - len(head) - 4 + over) + b"\r\n\r\n"
    events, _ = read(head, step=step)
    assert isinstance(events[0], StreamFailed if over else ResponseHead)
    if isinstance(events[0], StreamFailed):
        assert events[0].fault.detail == f"the response head is larger than the {LIMIT} bytes of head_bytes"


@pytest.mark.parametrize("step", [None, 1])
def test_a_malformed_chunk_comes_after_the_data_before_it(step: int | None) -> None:
    events, wire = read(OK + b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n", step=step)
    assert events[1] == BodyData(1, b"ab")
    assert kinds(events[2:]) == [FaultKind.MALFORMED_RESPONSE] * 2
    assert wire.receive_data(b"more") == []


@pytest.mark.parametrize(
    ("raw", "kind", "detail"),
    [
        (b"", FaultKind.CONNECTION_LOST, "before it answered"),
        (b"HTTP", FaultKind.CONNECTION_LOST, "inside the response head"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", FaultKind.CONNECTION_LOST, "before it answered"),
        (OK + b"content-length: 5\r\n\r\nabc", FaultKind.INCOMPLETE_BODY, "2 bytes early"),
        (OK + b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n", FaultKind.INCOMPLETE_BODY, "chunked"),
        (OK + b"transfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n", FaultKind.INCOMPLETE_BODY, "chunked"),
    ],
)
def test_eof_before_the_end(raw: bytes, kind: FaultKind, detail: str) -> None:
    wire = opened()
    if raw:
        wire.receive_data(raw)
    events = wire.receive_eof()
    assert kinds(events) == [kind, kind]
    assert isinstance(events[0], StreamFailed)
    assert detail in events[0].fault.detail
    assert not wire.reusable
    assert wire.receive_data(b"x") == wire.connection_lost("late") == []


@pytest.mark.parametrize("raw", [b"", OK, OK + b"\r\nabc", OK + b"content-length: 5\r\n\r\nabc"])
def test_a_lost_connection_is_never_an_end(raw: bytes) -> None:
    wire = opened()
    if raw:
        wire.receive_data(raw)
    events = wire.connection_lost("reset by peer")
    assert kinds(events) == [FaultKind.CONNECTION_LOST] * 2
    assert isinstance(events[1], ConnectionFailed)
    assert "reset by peer" in events[1].fault.detail


# -- the connection's life --------------------------------------------------------------------------------------


def test_requests_follow_each_other() -> None:
    wire = Http1Client(LIMIT)
    for stream, raw in ((1, b"content-length: 1\r\n\r\na"), (2, b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n")):
        assert (wire.capacity, wire.reusable) == (1, True)
        assert wire.send_request(request()) == stream
        assert (wire.capacity, wire.reusable) == (0, True)
        with pytest.raises(LocalProtocolError):
            wire.send_request(request())
        assert wire.data_to_send().startswith(b"POST ")
        assert wire.receive_data(OK + raw)[-1] == ResponseEnd(stream)
    assert wire.request_sent(1)


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize(
    "raw",
    [
        OK + b"content-length: 1\r\n\r\na",
        OK + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
def test_bytes_behind_a_response_end_the_connection(raw: bytes, step: int | None) -> None:
    events, wire = read(raw + b"HTTP/1.1 200 OK\r\n", step=step)
    assert events[-2] == ResponseEnd(1)
    assert isinstance(events[-1], ConnectionFailed)
    assert kinds(events) == [FaultKind.MALFORMED_RESPONSE]
    assert (wire.reusable, wire.capacity) == (False, 0)
    with pytest.raises(LocalProtocolError):
        wire.send_request(request())


def test_bytes_behind_the_last_response_are_ignored() -> None:
    events, wire = read(OK + b"connection: close\r\ncontent-length: 1\r\n\r\nabc")
    assert events[-1] == ResponseEnd(1)
    assert wire.receive_data(b"x") == wire.receive_eof() == []


@pytest.mark.parametrize("end", ["byte", "eof", "lost"])
@pytest.mark.parametrize("fresh", [True, False])
def test_anything_on_an_idle_connection_ends_it(end: str, fresh: bool) -> None:
    wire = Http1Client(LIMIT) if fresh else read(b"HTTP/1.1 204 No Content\r\n\r\n")[1]
    if end == "byte":
        events = wire.receive_data(b"H")
    else:
        events = wire.receive_eof() if end == "eof" else wire.connection_lost("reset")
    assert [type(event) for event in events] == [ConnectionFailed]
    assert not wire.reusable


def test_an_answer_before_the_request_has_left_is_read_but_ends_the_connection() -> None:
    wire = opened(pulled=False)
    events = wire.receive_data(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n")
    assert isinstance(events[0], ResponseHead)
    assert wire.reusable  # the request may still leave
    assert wire.receive_data(b"no") == [BodyData(1, b"no"), ResponseEnd(1)]
    assert (wire.reusable, wire.capacity, wire.data_to_send()) == (False, 0, b"")


def test_a_request_that_never_left_is_unprocessed() -> None:
    for pulled in (True, False):
        failed = opened(pulled=pulled).receive_eof()[0]
        assert isinstance(failed, StreamFailed)
        assert failed.unprocessed is not pulled


def test_cancel_needs_the_connection_closed_while_the_stream_runs() -> None:
    for raw in (b"", b"HTT", OK + b"transfer-encoding: chunked\r\n\r\n2\r\na"):
        wire = opened(pulled=False)
        if raw:
            wire.receive_data(raw)
        assert wire.cancel(1) is False
        assert (wire.reusable, wire.capacity, wire.data_to_send()) == (False, 0, b"")
        assert wire.receive_data(b"b\r\n0\r\n\r\n") == wire.receive_eof() == wire.connection_lost("x") == []
    _, wire = read(OK + b"content-length: 0\r\n\r\n")
    assert wire.cancel(1) is True
    assert wire.reusable


def test_streams_that_were_never_opened_are_misuse() -> None:
    wire = Http1Client(LIMIT)
    for call in (wire.request_sent, wire.cancel):
        with pytest.raises(LocalProtocolError):
            call(1)


def test_nothing_to_do_for_credit_and_pings() -> None:
    wire = opened()
    wire.consume(1, 0)
    wire.ping()
    assert (wire.multiplexed, wire.settings_received, wire.settings_version) == (False, True, 0)
    assert wire.data_to_send() == b""


def test_the_machine_over_all_pairs() -> None:
    assert {
        (state, event) for state, event in product(Http1State, Http1Input) if (state, event) not in HTTP1_CLIENT_TABLE
    } == {
        (Http1State.IDLE, Http1Input.HEAD_READ),
        (Http1State.IDLE, Http1Input.END_REUSABLE),
        (Http1State.IDLE, Http1Input.END_LAST),
        (Http1State.HEAD, Http1Input.REQUEST),
        (Http1State.HEAD, Http1Input.END_REUSABLE),
        (Http1State.HEAD, Http1Input.END_LAST),
        (Http1State.BODY, Http1Input.REQUEST),
        (Http1State.BODY, Http1Input.HEAD_READ),
        *product(
            (Http1State.SPENT, Http1State.CLOSED),
            (Http1Input.REQUEST, Http1Input.HEAD_READ, Http1Input.END_REUSABLE, Http1Input.END_LAST),
        ),
    }


# -- against h11 ------------------------------------------------------------------------------------------------

LINES = st.sampled_from(
    [
        b"content-length: 5", b"content-length: 0", b"content-length: 5, 5", b"content-length: 6", b"Content-Length:5 ",
        b"content-length: -1", b"transfer-encoding: chunked", b"Transfer-Encoding: CHUNKED", b"transfer-encoding: gzip",
        b"connection: close", b"connection: keep-alive", b"x: y", b"x:", b" folded", b"x\t: y", b"x: \xff\x01", b"bad",
    ]
)  # fmt: skip
STATUS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 ", b"HTTP/1.1 304 x", b"HTTP/2.0 200 OK"]
)
BEFORE = st.sampled_from(
    [b"", b"", b"", b"HTTP/1.1 100 C\r\n\r\n", b"HTTP/1.1 103 E\nx: y\n\n", b"HTTP/1.1 101 S\r\n\r\n", b"\r\n"]
)
PIECES = st.sampled_from(
    [
        b"5\r\nhello\r\n", b"05\r\nhello\r\n", b"1;a=b\r\nx\r\n", b"A \r\n0123456789\r\n", b"hello", b"0\r\n\r\n",
        b"0\r\nx: y\r\n\r\n", b"0\r\nbad\r\n\r\n", b"0\r\n\n", b"0x5\r\nhello\r\n", b"5\nhello\n", b"3\r\nhello\r\n",
        b"\r\n",
    ]
)  # fmt: skip
EOL = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """Something like a response, often a good one, sometimes with bytes changed, put in or taken out."""
    eol = draw(EOL)
    head = eol.join([draw(STATUS), *draw(st.lists(LINES, max_size=3))]) + eol + eol
    raw = bytearray(draw(BEFORE) + head + b"".join(draw(st.lists(PIECES, max_size=5))))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        place = draw(st.integers(0, max(0, len(raw) - 1)))
        raw[place : place + draw(st.integers(0, 2))] = draw(
            st.sampled_from([b"", b"\r", b"\n", b"0", b";", b" ", b"\xe9"])
        )
    return bytes(raw)


CUTS = st.one_of(st.just(list(range(1, 400))), st.lists(st.integers(1, 200), max_size=6))
METHODS = st.sampled_from([b"POST", b"GET", b"HEAD"])


@given(responses(), METHODS, CUTS)
def test_reads_like_h11(raw: bytes, method: bytes, cuts: list[int]) -> None:
    check(raw, method, [cut for cut in cuts if cut < len(raw)])


@given(st.lists(PIECES, max_size=6).map(b"".join), CUTS)
def test_reads_chunked_bodies_like_h11(body: bytes, cuts: list[int]) -> None:
    raw = OK + b"transfer-encoding: chunked\r\n\r\n" + body
    check(raw, b"GET", [cut for cut in cuts if cut < len(raw)])


@given(st.binary(max_size=80), CUTS)
def test_reads_anything_like_h11(raw: bytes, cuts: list[int]) -> None:
    check(raw, b"GET", [cut for cut in cuts if cut < len(raw)])


def test_the_differential_check_sees_ends_and_faults() -> None:
    outcomes = {check(seed[1:], b"GET", [])[3] for seed in SEEDS}
    assert outcomes == {"end", "last", "fault"}
    for seed in SEEDS:
        for choice in range(32):
            target(bytes([choice]) + seed[1:])


@pytest.mark.parametrize(("fields", "fits"), [(3, True), (4, False)])
def test_the_fields_of_a_response_and_of_its_trailers_are_counted(fields: int, fits: bool) -> None:
    some = b"x: 1\r\n" * (fields - 1)
    for raw in (
        OK + some + b"content-length: 0\r\n\r\n",
        b"HTTP/1.1 103 x\r\n" + some + b"x: 2\r\n\r\n" + OK + b"content-length: 0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n0\r\n" + some + b"x: 2\r\n\r\n",
    ):
        wire = Http1Client(LIMIT, 3)
        wire.send_request(request())
        wire.data_to_send()
        events = wire.receive_data(raw)
        assert (type(events[-1]) is ResponseEnd) is fits
        assert kinds(events) == ([] if fits else [FaultKind.MALFORMED_RESPONSE] * 2)
        if not fits:
            failed = events[-1]
            assert isinstance(failed, ConnectionFailed)
            assert "4 " in failed.fault.detail
            assert "head_fields allows 3" in failed.fault.detail


def test_a_malformed_head_is_refused_without_a_quotation() -> None:
    for line in (b"a secret: x", b"x: secret\0", b"secret"):
        events, _ = read(OK + line + b"\r\n\r\n")
        assert kinds(events) == [FaultKind.MALFORMED_RESPONSE] * 2
        assert "secret" not in repr(events)


@pytest.mark.parametrize(("size", "pieces"), [(0, 1), (65_535, 1), (65_536, 2)])
def test_a_large_body_is_a_piece_of_its_own(size: int, pieces: int) -> None:
    body = b"x" * size
    wire = Http1Client(LIMIT)
    wire.send_request(request(body=body))
    taken = []
    while data := wire.data_to_send():
        assert not taken or not wire.request_sent(1) or len(taken) == pieces - 1
        taken.append(data)
    assert wire.request_sent(1)
    assert len(taken) == pieces
    assert b"".join(taken).endswith(b"\r\n\r\n" + body)
    assert size < 65_536 or taken[1] is body
