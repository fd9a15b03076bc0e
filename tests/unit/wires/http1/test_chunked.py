"""The chunked reader against RFC 9112 section 7.1; against h11 it is held in test_http1.py."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.wires.http1 import chunked
from aigw_sansio.wires.http1.chunked import MAX_LINE_BYTES, MAX_TRAILER_BYTES, ChunkedReader


def read(raw: bytes, step: int | None = None) -> tuple[list[bytes], ChunkedReader]:
    """Feed ``raw`` in pieces of ``step`` until the body is over; what each feed returned, without empty ones."""
    reader = ChunkedReader()
    got = []
    step = step or len(raw)
    for start in range(0, len(raw), step):
        got.append(reader.feed(raw[start : start + step]))
        if reader.ended:
            reader.rest += raw[start + step :]
            break
    return [data for data in got if data], reader


@pytest.mark.parametrize("step", [None, 1, 2, 3, 5])
@pytest.mark.parametrize(
    ("raw", "body", "rest"),
    [
        (b"0\r\n\r\n", b"", b""),
        (b"0\r\n\nrest", b"", b"rest"),  # a bare LF ends lines elsewhere too (section 2.2)
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc", b""),
        (b"3\r\nabc\r\n0\r\n\r\nHTTP", b"abc", b"HTTP"),
        (b"00000003\r\nabc\r\n000\r\n\r\n", b"abc", b""),
        (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"01234567890123456789", b""),
        (b'3;name;n="v"\r\nabc\r\n0;last\r\n\r\n', b"abc", b""),
        (b"3 \t\r\nabc\r\n0\r\n\r\n", b"abc", b""),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n", b""),
        (b"3\r\nabc\r\n0\r\nx: y\r\nz: 1\r\n\r\nrest", b"abc", b"rest"),
    ],
)
def test_whole_bodies(raw: bytes, body: bytes, rest: bytes, step: int | None) -> None:
    got, reader = read(raw, step)
    assert (b"".join(got), reader.ended, reader.fault, reader.rest) == (body, True, None, rest)


@pytest.mark.parametrize("step", [None, 1, 2, 3, 5])
@pytest.mark.parametrize(
    "line",
    [
        b"", b"0x3", b"0X3", b"+3", b"-3", b"3_0", b" 3", b"3 ;a", b"3,", b"g", b"1g", b"3\n", b"3;a\nb", b"\xb3",
        b"123456789012345678901",
    ],
)  # fmt: skip
def test_sizes_are_strict(line: bytes, step: int | None) -> None:
    got, reader = read(b"2\r\nok\r\n" + line + b"\r\nabc\r\n0\r\n\r\n", step)
    assert b"".join(got) == b"ok"
    assert reader.fault == "a chunk's size is not a hexadecimal number"


@pytest.mark.parametrize("step", [None, 1, 2])
@pytest.mark.parametrize("tail", [b"c\r\n", b"\n", b"\rX", b"\n\r"])
def test_a_chunk_ends_where_it_said(tail: bytes, step: int | None) -> None:
    got, reader = read(b"2\r\nab" + tail + b"0\r\n\r\n", step)
    assert b"".join(got) == b"ab"
    assert reader.fault == "a chunk is longer than it announced"


def test_all_data_of_one_read_comes_as_one() -> None:
    raw = b"".join(b"%x\r\n%b\r\n" % (n, b"z" * n) for n in (1, 200, 20, 300))
    got, reader = read(raw)
    assert got == [b"z" * 521]
    assert not reader.ended


def test_a_line_cut_before_its_lf_is_not_taken_for_a_size() -> None:
    reader = ChunkedReader()
    # Were the missing LF overlooked, "4" would lead back to the first chunk's CRLF.
    assert reader.feed(b"2\r\nab\r\n4\r") == b"ab"
    assert reader.feed(b"\nwxyz\r\n0\r\n\r\n") == b"wxyz"
    assert (reader.ended, reader.fault) == (True, None)


@pytest.mark.parametrize(
    ("behind", "fault"),
    [
        (b"\r\n2\r\nxy\r\n0\r\n\r\nrest", None),
        (b"\r\n2\r\nxy\rX0\r\n\r\nrest", "a chunk is longer than it announced"),
        (b"\n2\r\nxy\r\n0\r\n\r\nrest", "a chunk is longer than it announced"),
        (b"\r\n2\nxy\r\n0\r\n\r\nrest", "a chunk's size is not a hexadecimal number"),
    ],
)
def test_one_cut_anywhere_changes_nothing(behind: bytes, fault: str | None) -> None:
    raw = b"5\r\nab\r\nc\r\nc\r\n0123456789ab" + behind
    whole, last = read(raw)
    assert last.fault == fault
    for cut in range(1, len(raw)):
        reader = ChunkedReader()
        body = reader.feed(raw[:cut])
        if reader.ended:
            reader.rest += raw[cut:]
        else:
            body += reader.feed(raw[cut:])
        assert [body] == whole, cut
        assert reader.fault == fault, cut
        if fault is None:
            assert reader.rest == b"rest", cut


def test_data_inside_a_long_chunk_is_not_copied() -> None:
    reader = ChunkedReader()
    assert reader.feed(b"1000\r\n") == b""
    piece = b"x" * 100
    assert reader.feed(piece) is piece


@pytest.mark.parametrize("step", [None, 1, 1000])
@pytest.mark.parametrize("over", [0, 1])
def test_the_line_limit_is_exact(over: int, step: int | None) -> None:
    line = b"3;" + b"x" * (MAX_LINE_BYTES - 2 + over)
    got, reader = read(line + b"\r\nabc\r\n0\r\n\r\n", step)
    if over:
        assert (got, reader.fault) == ([], f"a chunk's line is longer than {MAX_LINE_BYTES} bytes")
    else:
        assert (b"".join(got), reader.ended, reader.fault) == (b"abc", True, None)


@pytest.mark.parametrize("step", [None, 100, 8192])
@pytest.mark.parametrize("over", [0, 1])
def test_the_trailer_limit_is_exact(over: int, step: int | None) -> None:
    trailers = b"x: " + b"y" * (MAX_TRAILER_BYTES - 7 + over) + b"\r\n\r\n"
    _, reader = read(b"0\r\n" + trailers + b"rest", step)
    if over:
        assert reader.fault == f"the trailer section is longer than {MAX_TRAILER_BYTES} bytes"
    else:
        assert (reader.fault, reader.rest) == (None, b"rest")


@pytest.mark.parametrize("trailers", [b"no colon\r\n\r\n", b" folded: 1\r\n\r\n", b"a b: 1\r\n\r\n"])
def test_trailers_are_checked(trailers: bytes) -> None:
    _, reader = read(b"0\r\n" + trailers)
    assert reader.fault == "the trailer section is malformed"


def test_an_endless_line_or_trailer_section_is_not_held() -> None:
    for raw in (b"3;" + b"x" * 10_000, b"0\r\nx: " + b"x" * 10_000):
        reader = ChunkedReader()
        held = 0
        for byte in raw:
            reader.feed(bytes([byte]))
            held = max(held, len(reader._held))
            if reader.ended:
                break
        assert reader.fault
        assert held <= MAX_TRAILER_BYTES


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.lists(st.integers(0, 400), max_size=8), st.booleans()
)
def test_a_chunked_body_is_read(chunks: list[bytes], cuts: list[int], upper: bool) -> None:
    form = b"%X\r\n%b\r\n" if upper else b"%x\r\n%b\r\n"
    raw = b"".join(form % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    reader = ChunkedReader()
    edges = [0, *sorted(cut for cut in set(cuts) if 0 < cut < len(raw)), len(raw)]
    got = [reader.feed(raw[start:stop]) for start, stop in pairwise(edges)]
    assert b"".join(got) == b"".join(chunks)
    assert (reader.ended, reader.fault, reader.rest) == (True, None, b"")


def test_sizes_that_came_are_kept_if_they_are_small_and_usually_spelled() -> None:
    sizes = (2047, 2048, 2046)
    raw = b"".join(b"%x\r\n%b\r\n" % (size, bytes(size)) for size in sizes)
    odd = b"7FD\r\n%b\r\n" % bytes(2045) + b"07fc\r\n%b\r\n" % bytes(2044) + b"7fb;x\r\n%b\r\n" % bytes(2043)
    for _ in range(2):  # the second time they are looked up
        got, reader = read(raw + odd + b"0\r\n\r\n")
        assert (len(b"".join(got)), reader.ended, reader.fault) == (sum(sizes) + 2045 + 2044 + 2043, True, None)
    kept = {line for line, size in chunked._sizes.items() if size > 2042}
    assert kept == {b"7ff", b"7fe"}
