"""The SSE decoder against tables, cuts, another implementation and recorded bodies."""

from pathlib import Path

import httpx_sse
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.bodies import bounded, check_recorded, cut_at, cut_points, read, recorded, single, whole

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.sse import SseDecoder, begins_like_sse
from aigw_sansio.faults import FaultKind, Side

LIMIT = 200
TOO_LARGE = FaultKind.BODY_TOO_LARGE
DOCUMENT = b'{\n  "error": {\n\n    "message": "a }\\" b",\n    "details": [ {} ]\n  }\n}'


def make() -> SseDecoder:
    return SseDecoder(LIMIT)


def data(*values: bytes) -> list[Chunk]:
    return [Chunk(value) for value in values]


CASES: list[tuple[str, bytes, list[Chunk]]] = [
    ("nothing", b"", []),
    ("one event", b"data: a\n\n", data(b"a")),
    ("CRLF", b"data: a\r\n\r\ndata: b\r\n\r\n", data(b"a", b"b")),
    ("CR", b"data: a\r\rdata: b\r\r", data(b"a", b"b")),
    ("mixed line ends", b"data: a\n\r\ndata: b\r\n\ndata: c\r\n\rdata: d\r\r\n", data(b"a", b"b", b"c", b"d")),
    ("a CRLF is one line end", b"data: a\r\ndata: b\r\n\r\n", data(b"a\nb")),
    ("BOM", b"\xef\xbb\xbfdata: a\n\n", data(b"a")),
    ("only one BOM", b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", data(b"b")),
    ("a BOM within", b"data: a\n\n\xef\xbb\xbfdata: b\n\n", data(b"a")),
    ("half a BOM", b"\xef\xbb", []),
    ("comments", b": hi\n\n:\n\ndata: a\n: ping\n\n:x\n", data(b"a")),
    ("several data lines", b"data: a\ndata:\ndata:  b\n\n", data(b"a\n\n b")),
    ("no space", b"data:a\n\n", data(b"a")),
    ("one space is stripped", b"data:  a \n\n", data(b" a ")),
    ("named", b"event: x\ndata: a\n\ndata: b\n\n", [Chunk(b"a", "x"), Chunk(b"b")]),
    ("name behind the data", b"data: a\nevent: x\n\n", [Chunk(b"a", "x")]),
    ("name without data", b"event: x\n\ndata: a\n\n", data(b"a")),
    ("two names", b"event: x\nevent:y\ndata: a\n\n", [Chunk(b"a", "y")]),
    ("a name that is no UTF-8", b"event: \xff\ndata: a\n\n", [Chunk(b"a", "\ufffd")]),
    ("id and retry", b"id: 1\nretry: 5\ndata: a\n\nid\n\n", data(b"a")),
    ("fields without a colon", b"data\n\ndata\ndata\n\nevent\n\n", data(b"\n")),
    ("empty data", b"data:\n\ndata: \n\nevent: x\ndata:\n\n", []),
    ("unknown fields", b"foo: 1\nDATA: 2\n data: 3\ndata : 4\ndata: a\n\n", data(b"a")),
    ("colons in data", b"data: a:b: c\n\n", data(b"a:b: c")),
    ("no final empty line", b'data: a\n\ndata: {"b":1}\n', data(b"a", b'{"b":1}')),
    ("no final line end", b"event: x\ndata: 1", [Chunk(b"1", "x")]),
    ("an event that stops", b'data: a\n\ndata: {"b":', data(b"a")),
    ("a word that stops", b"data: a\n\ndata: b\n", data(b"a")),
    ("words", b"Internal Server Error", data(b"Internal Server Error")),
    (
        "words between events",
        b"data: a\n\n<html>\n<b>502: Bad</b>\n\ndata: b\n\n",
        data(b"a", b"<html>\n<b>502: Bad</b>", b"b"),
    ),
    ("words behind data", b"data: a\n no field\n\n", data(b"a", b"no field")),
    ("an error field", b'error: {"code":400}\n\ndata: a\n\n', [Chunk(b'{"code":400}', "error", True), Chunk(b"a")]),
    ("an error field of words", b"Error: too much", [Chunk(b"too much", "error", True)]),
    ("done with blanks", b"data: a\n\ndata: [DONE] \n\ndata: b\n\n", data(b"a")),
    ("done in quotes", b'data: "[DONE]"\n\ndata: b\n\n', []),
    ("done in lower case", b"data: [done]\n\ndata: b\n\n", []),
    ("done without brackets", b"data: DONE\n\ndata: b\n\n", []),
    ("done without a line end", b"data: a\n\ndata: [DONE]", data(b"a")),
    ("done glued to a document", b'{"a": 1}data: [DONE]\n\ndata: b\n\n', [Chunk(b'{"a": 1}', "", True)]),
    ("many empty lines", b"\n\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", data(b"a", b"b")),
    ("done", b"data: a\n\ndata: [DONE]\n\n", data(b"a")),
    ("done in every form", b"data:[DONE]\r\n\r\nevent: done\ndata: [DONE]\n\nid: 1\ndata: [DONE]", []),
    ("a bare done", b"data: a\n\n[DONE]\n\n", data(b"a")),
    ("an error instead of a stream", DOCUMENT, [Chunk(DOCUMENT, "", True)]),
    ("an error in the middle", b"data: a\n\n" + DOCUMENT + b"\n", [Chunk(b"a"), Chunk(DOCUMENT, "", True)]),
    ("events behind it", DOCUMENT + b"\ndata: a\n\ndata: b\n\n", [Chunk(DOCUMENT, "", True), *data(b"a", b"b")]),
    ("an error in CRLF", b'{\r\n"a": 1\r\n}\r\n\r\n', [Chunk(b'{\n"a": 1\n}', "", True)]),
    ("an error in an array", b' [{"error": {}}]\n', [Chunk(b'[{"error": {}}]', "", True)]),
    ("a named error", b'event: error\n{"a": 1}\n\n', [Chunk(b'{"a": 1}', "error", True)]),
    (
        "an error behind data",
        b'data: a\n{"b": 1}\ndata: c\n\n',
        [Chunk(b"a"), Chunk(b'{"b": 1}', "", True), Chunk(b"c")],
    ),
    ("an escape before an empty line", b'{"\\\n\n"}\ndata: b\n\n', [Chunk(b'{"\\\n\n"}', "", True), Chunk(b"b")]),
    ("a name is the error's alone", b"event: e\n{}\ndata: b\n\n", [Chunk(b"{}", "e", True), Chunk(b"b")]),
    ("one error a block", b'{"a": 1}\n{"b": 1}\n\n', [Chunk(b'{"a": 1}', "", True), Chunk(b'{"b": 1}')]),
    ("a cut error", b'{"a": "x\n\n', [Chunk(b'{"a": "x', "", True)]),
    ("a cut error with a name", b'event: e\n{"a\\\n\ndata: b\n\n', [Chunk(b'{"a\\\n\ndata: b', "e", True)]),
    ("braces in data", b'data: {"a": 1}\n\n', data(b'{"a": 1}')),
    ("continued braces are no error", b'data: {\ndata: "a": 1}\n\n', data(b'{\n"a": 1}')),
]


@pytest.mark.parametrize(("body", "expected"), [pytest.param(*rest, id=name) for name, *rest in CASES])
def test_whole_and_byte_by_byte(body: bytes, expected: list[Chunk]) -> None:
    assert whole(make, body) == (expected, None)
    assert read(make(), single(body)) == (expected, None)


@given(st.sampled_from([body for _, body, _ in CASES]), cut_points)
def test_cut_anywhere(body: bytes, points: list[int]) -> None:
    assert read(make(), cut_at(body, points)) == whole(make, body)


_pieces = st.sampled_from(
    [
        b"data: ",
        b"data:",
        b"a",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"event: x",
        b": c",
        b"{",
        b"}",
        b"[",
        b'"',
        b"\\",
        b" ",
    ]
)
_anything = st.one_of(st.binary(max_size=300), st.lists(_pieces | st.binary(max_size=3), max_size=120).map(b"".join))


@given(_anything, cut_points)
def test_any_bytes_in_any_cuts(body: bytes, points: list[int]) -> None:
    expected = read(SseDecoder(40), [body])
    assert read(SseDecoder(40), cut_at(body, points)) == expected
    assert read(SseDecoder(40), single(body)) == expected
    bounded(lambda: SseDecoder(40), 40, cut_at(body, points))


def test_done_is_told_once() -> None:
    told: list[int] = []
    decoder = SseDecoder(LIMIT, lambda: told.append(1))
    assert decoder.feed(b'data: {"a":1}\n\ndata: [DONE]\n\ndata: [DONE]\n\n') == data(b'{"a":1}')
    assert decoder.done
    assert decoder.feed(b"data: [DONE]\n\nx") == decoder.finish() == []
    assert told == [1]
    assert decoder.buffered == 0


@pytest.mark.parametrize(("body", "dropped"), [
    (b'data: {"a":', True), (b"data: a", True), (b'data: {"a":1}', False), (b"data: a\n\n", False), (b": a", False),
    (b"data: [DONE]", False), (b"words", False),
])  # fmt: skip
def test_what_is_dropped_at_the_end_is_said(body: bytes, dropped: bool) -> None:
    decoder = make()
    decoder.feed(body)
    decoder.finish()
    assert decoder.dropped is dropped


@pytest.mark.parametrize(("start", "found"), [
    (b"data: x", True), (b"event:", True), (b"id:1", True), (b"retry: 1", True), (b": hello", True), (b"\xef\xbb\xbf\r\n data:", True),
    (b"", None), (b" \n", None), (b"\xef\xbb", None), (b"da", None), (b"event", None), (b"{", False), (b"dates: x", False),
    (b"data x", False), (b"<html>", False),
])  # fmt: skip
def test_how_an_event_stream_begins(start: bytes, found: bool | None) -> None:
    assert begins_like_sse(start) is found


def test_events_come_at_their_last_byte() -> None:
    decoder = make()
    assert decoder.feed(b"data: a\r\n\r") == data(b"a")  # the LF may never come
    assert decoder.feed(b"\ndata: b\n") == []
    assert decoder.buffered == 8
    assert decoder.feed(b"\n") == data(b"b")
    assert decoder.buffered == 0


@pytest.mark.parametrize("pieces", [lambda body: [body], single])
@pytest.mark.parametrize(
    ("large", "fault"),
    [
        (b"data: " + b"x" * (LIMIT - 7) + b"\n\n", None),
        (b"data: " + b"x" * (LIMIT - 6) + b"\n\n", TOO_LARGE),
        (b"data: x\n" * (LIMIT // 8) + b"\n", None),
        (b"data: x\n" * (LIMIT // 8 + 1) + b"\n", TOO_LARGE),
        (b'data: "' + b"x" * (LIMIT - 8) + b'"', None),
        (b"data: " + b"x" * (LIMIT - 5), TOO_LARGE),
        (b'{"' + b"x" * (LIMIT - 4) + b'"}', None),
        (b'{"' + b"x" * (LIMIT - 3) + b'"}', TOO_LARGE),
        (b'{"\n\n' + b"x" * (LIMIT - 6) + b'"}\n\n', TOO_LARGE),
        (b": " + b"x" * LIMIT, TOO_LARGE),
    ],
)
def test_limit(pieces, large: bytes, fault: FaultKind | None) -> None:
    decoder = make()
    chunks, kind = read(decoder, pieces(b"data: a\n\n" + large))
    assert kind is fault
    assert chunks[0] == Chunk(b"a")
    assert len(chunks) == (1 if fault else 2)
    assert decoder.fault is None or decoder.fault.side is Side.PROVIDER


def test_after_a_fault_nothing_is_read_or_kept() -> None:
    decoder = make()
    assert decoder.feed(b"data: a\n\n" + b"x" * 1000) == data(b"a")
    assert decoder.fault is not None
    assert str(LIMIT) in decoder.fault.detail
    assert decoder.feed(b"data: b\n\n") == []
    assert decoder.finish() == []
    assert decoder.buffered == 0


@pytest.mark.parametrize("body", [b"x" * 5000, b"data: x\n" * 700, b"{\n\n" * 1700, b"\r" * 5000, b'{"\\\n\n' * 1000])
@pytest.mark.parametrize("step", [1, 7, 64])
def test_bounded(body: bytes, step: int) -> None:
    bounded(make, LIMIT, [body[at : at + step] for at in range(0, len(body), step)])


_text = st.text(st.characters(blacklist_characters="\r\n\0", blacklist_categories=["Cs"]), max_size=8)
_events = st.lists(
    st.tuples(
        st.one_of(st.just(""), st.sampled_from(["message_start", "error", "é"])),
        st.lists(_text, max_size=3),
        st.lists(st.sampled_from([": c", ":", "id: 1", "retry: 7", "other: x"]), max_size=2),
    ),
    max_size=6,
)


@given(_events, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([" ", ""]), st.booleans(), cut_points)
def test_equals_httpx_sse(
    events: list[tuple[str, list[str], list[str]]], line_end: str, space: str, bom: bool, points: list[int]
) -> None:
    lines: list[str] = []
    for name, values, others in events:
        lines += [*others, *([f"event:{space}{name}"] if name else [])]
        # A leading space of the value survives only behind the one that is stripped.
        lines += [f"data:{space or ' '}{value}" for value in values]
        lines.append("")
    text = "".join(line + line_end for line in lines)

    splitter, theirs = httpx_sse._decoders.SSELineDecoder(), httpx_sse._decoders.SSEDecoder()
    found = [theirs.decode(line) for line in [*(splitter.decode(text) if text else []), *splitter.flush()]]
    expected = [
        Chunk(event.data.encode(), event.event if event.event != "message" else "")
        for event in found
        if event is not None and event.data and event.data != "[DONE]"  # not among the generated ones: it ends a stream
    ]
    body = (b"\xef\xbb\xbf" if bom else b"") + text.encode()
    assert read(SseDecoder(1 << 20), cut_at(body, points)) == (expected, None)


@pytest.mark.parametrize("path", recorded(".sse"))
def test_recorded(path: Path) -> None:
    chunks = check_recorded(lambda: SseDecoder(1 << 24), path)
    assert all(chunk.data for chunk in chunks)
    assert [chunk.failed for chunk in chunks].count(True) == (
        path.name in ("404-gemini-1-5-pro-object-streaming.sse", "mock-streaming-failure-error-mid-stream.sse")
    )
