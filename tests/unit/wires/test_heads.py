"""HTTP/1.1 heads: their end, their largest size, and their verdict by h11."""

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.peers.websocket_frames import cut

from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.wires.heads import (
    HeadGate,
    RequestHead,
    StatusHead,
    count_fields,
    header_tokens,
    header_values,
    parse_request_head,
    parse_status_head,
    read_usual_head,
)

HEAD = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def feed(gate: HeadGate, reads: list[bytes]) -> tuple[bytes, bytes] | str | None:
    """The verdict of the gate; bytes not fed to it are added to the rest."""
    for number, data in enumerate(reads):
        found = gate.feed(data)
        if isinstance(found, int):
            return "over the limit"
        if found is not None:
            return found[0], found[1] + b"".join(reads[number + 1 :])
    return None


@given(
    stream=st.sampled_from((HEAD + b"rest\n\n", b"\r\n\n" + HEAD, b"a\nb\n\nrest", HEAD[:-1], b"x" * 41, b"\r\n")),
    data=st.data(),
)
def test_cuts_change_nothing(stream: bytes, data: st.DataObject) -> None:
    assert feed(HeadGate(40), data.draw(cut(stream))) == feed(HeadGate(40), [stream])


def test_a_head_ends_with_an_empty_line() -> None:
    assert HeadGate(100).feed(HEAD + b"rest") == (HEAD, b"rest")
    assert HeadGate(100).feed(b"a\nb\n\nrest") == (b"a\nb\n\n", b"rest")
    gate = HeadGate(100)
    assert gate.feed(b"\r\n\r\n") is None
    assert not gate.started
    assert gate.feed(HEAD[:-1]) is None
    assert gate.started
    assert gate.feed(HEAD[-1:]) == (HEAD, b"")
    assert gate.feed(HEAD) == (HEAD, b"")


def test_the_limit_is_inclusive() -> None:
    size = len(HEAD)
    assert HeadGate(size).feed(HEAD + b"x" * 1000) == (HEAD, b"x" * 1000)
    assert HeadGate(size - 1).feed(HEAD) == size
    assert HeadGate(10).feed(b"x" * 10) is None
    assert HeadGate(10).feed(b"x" * 11) == 11


def test_a_request_head() -> None:
    assert parse_request_head(b"GET /x?y HTTP/1.0\r\nX-Y: \xff \r\n\r\n") == RequestHead(
        b"GET", b"/x?y", b"1.0", [(b"x-y", b"\xff")]
    )


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",  # no host
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nx y: z\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"\x16\x03\x01\n\n",
        b"GET / HTTP/1.1\nhost: a\n\n",
        b"GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\n\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_bad_request_heads(head: bytes) -> None:
    fault = parse_request_head(head)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.side) == (FaultKind.BAD_HANDSHAKE, Side.CLIENT)


@pytest.mark.parametrize(("head", "wanted"), [
    (b"GET / HTTP/1.1\r\n\r\n", 0), (b"GET / HTTP/1.1\r\na: 1\r\n\r\n", 1), (b"GET / HTTP/1.1\na: 1\nb: 2\n\n", 2),
    (b"HTTP/1.1 200 OK\r\na: 1\r\n folded\r\n\r\n", 2),
])  # fmt: skip
def test_fields_are_counted(head: bytes, wanted: int) -> None:
    assert count_fields(head) == wanted


def test_a_response_head() -> None:
    for status in (101, 103, 200, 599):
        assert parse_status_head(b"HTTP/1.1 %d \r\nA: b\r\n\r\n" % status) == StatusHead(status, b"1.1", [(b"a", b"b")])


@given(st.binary(max_size=30), st.sampled_from((b"", b"HTTP/1.1 200 ", b"GET / HTTP/1.1\r\n", b"HTTP/1.1 ")))
def test_any_head_is_judged(data: bytes, start: bytes) -> None:
    head = start + data + b"\r\n\r\n"
    assert isinstance(parse_request_head(head), RequestHead | Fault)
    assert isinstance(parse_status_head(head), StatusHead | Fault)


def test_fields() -> None:
    headers = [(b"a", b"1, ,2"), (b"b", b"x"), (b"a", b" 3 ")]
    assert header_values(headers, b"a") == [b"1, ,2", b" 3 "]
    assert header_tokens(headers, b"a") == [b"1", b"2", b"3"]
    assert header_values(headers, b"c") == header_tokens(headers, b"c") == []


# -- heads that are read without h11 mean what h11 says

USUAL = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n"
    b"set-cookie: a=b; Path=/\r\nset-cookie: c=d\r\nvary:\r\nX_Odd!:1\r\n\r\n"
)


def by_h11(head: bytes) -> tuple[int, bytes, list[tuple[bytes, bytes]]] | None:
    """Status, version and fields; ``None`` if it refuses the head."""
    reader = h11.Connection(h11.CLIENT)
    reader.receive_data(head)
    try:
        event = reader.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Response) or reader.trailing_data[0]:
        return None
    return event.status_code, event.http_version, list(event.headers)


def check(head: bytes) -> None:
    """Either it is not read here, or h11 reads the same."""
    found = read_usual_head(head)
    if found is not None:
        assert by_h11(head) == (found[0], b"1.1", found[1])


STARTS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.1 404 ", b"HTTP/1.1 200", b"HTTP/1.0 200 OK", b"HTTP/1.1 103 E", b"HTTP/1.1 600 x"]
)
LINES = st.one_of(
    st.sampled_from(
        [
            b"content-length: 5", b"Content-Length: 05", b"content-length: 5, 5", b"content-length: " + b"9" * 19,
            b"content-length: -1", b"content-length:", b"transfer-encoding: chunked", b"Transfer-Encoding:chunked",
            b"transfer-encoding: Chunked", b"transfer-encoding: gzip", b"x: y", b"x:", b"x: ", b"x:  y", b"x: y ", b" z",
            b"x : y", b"x: a\tb", b"x: \xe9", b"x: \x0b", b"bad", b": y", b"x: a: b", b"x: y\rz", b"x: y\nz: 1",
        ]
    ),
    st.binary(max_size=12).map(lambda value: b"x: " + value),
)  # fmt: skip


@given(STARTS, st.lists(LINES, max_size=4), st.sampled_from([b"\r\n", b"\r\n", b"\n"]))
def test_what_is_read_here_h11_reads_alike(start: bytes, lines: list[bytes], end: bytes) -> None:
    check(end.join([start, *lines, b"", b""]))


@given(st.integers(0, len(USUAL)), st.binary(max_size=2), st.integers(0, 2))
@example(place=0, put_in=b"", taken=0)
def test_a_usual_head_with_a_change_is_read_alike(place: int, put_in: bytes, taken: int) -> None:
    check(USUAL[:place] + put_in + USUAL[place + taken :])


@pytest.mark.parametrize(
    "head",
    [
        USUAL,
        b"HTTP/1.1 200 \r\n\r\n",
        b"HTTP/1.1 599 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\ndate: Tue, 01 Dec 2026 08:00:00 GMT\r\nserver: cloudflare\r\n\r\n",
    ],
)
def test_usual_heads_are_read_here(head: bytes) -> None:
    found = read_usual_head(head)
    assert found is not None
    assert by_h11(head) == (found[0], b"1.1", found[1])


@pytest.mark.parametrize(
    "fields",
    [
        b"content-length: 5\r\ncontent-length: 5\r\n",
        b"content-length: 5\r\ncontent-length: 6\r\n",
        b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: gzip, chunked\r\n",
        b"content-length: 5, 5\r\n",
        b"content-length: +5\r\n",
        b"x: folded\r\n line\r\n",
        b"x : y\r\n",
        b"x: y\n",
        b"x: \x00\r\n",
        b"x\xe9: y\r\n",
    ],
)
def test_what_frames_a_body_in_any_other_way_is_left_to_h11(fields: bytes) -> None:
    assert read_usual_head(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n") is None
