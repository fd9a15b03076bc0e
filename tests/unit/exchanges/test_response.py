"""One answer as it comes in: what kind it is, its coding undone in any cuts, its meaning as far as it is tapped."""

import gzip
import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.bodies.framing import Framing, media_type
from aigw_sansio.config import Limits
from aigw_sansio.dialects.universal.payload import as_response
from aigw_sansio.events import ResponseFailed, ResponseFinished, TextDelta, UsageReported
from aigw_sansio.exchanges.read_depth import ReadDepth
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.formats.classify import (
    worth_reading,
)
from aigw_sansio.formats.registry import FORMATS

SSE = (b"content-type", b"text/event-stream; charset=utf-8")
JSON = (b"content-type", b"application/json")
TOKEN = b'{"choices":[{"index":0,"delta":{"content":"hi"}}]}'
USAGE = b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}'
BODY = b"data: " + TOKEN + b"\n\ndata: " + USAGE + b"\n\ndata: [DONE]\n\n"


def answer(
    *headers: tuple[bytes, bytes], status: int = 200, array_stream: bool = False, limits: Limits | None = None
) -> ProviderResponse:
    return ProviderResponse(
        status, list(headers), format="openai-chat", limits=limits or Limits(), array_stream=array_stream
    )


def read_all(one: ProviderResponse, data: bytes = b"") -> list[bytes]:
    found = [chunk.data for chunk in one.next_chunks(data)]
    while not one.needs_data:
        found += [chunk.data for chunk in one.next_chunks()]
    return found


def whole(one: ProviderResponse, *pieces: bytes) -> list[bytes] | Fault:
    """All chunks of a body that comes in ``pieces`` and ends cleanly, or the fault."""
    found: list[bytes] = []
    for piece in pieces:
        found += read_all(one, piece)
        if one.fault is not None:
            return one.fault
    rest = one.finish()
    return rest if isinstance(rest, Fault) else found + [chunk.data for chunk in rest]


def cut(body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(body), *(place % (len(body) + 1) for place in cuts)})
    return [body[a:b] for a, b in pairwise(places)]


@pytest.mark.parametrize(
    ("status", "media", "length", "array", "framing"),
    [
        (200, b"text/event-stream", False, False, Framing.SSE),
        (200, b"Text/Event-Stream; charset=utf-8", True, False, Framing.SSE),
        (201, b"application/x-ndjson", False, False, Framing.NDJSON),
        (200, b"application/stream+json", True, False, Framing.NDJSON),
        (200, b"application/vnd.amazon.eventstream", False, False, Framing.AWS_EVENT_STREAM),
        (200, b"application/json", False, True, Framing.JSON_ARRAY),
        (200, b"application/json", False, False, Framing.WHOLE),
        (200, b"text/plain", False, False, Framing.WHOLE),
        (200, b"audio/mpeg", False, False, Framing.BINARY_STREAM),
        (200, b"audio/mpeg", True, False, Framing.WHOLE),
        (200, None, False, False, Framing.BINARY_STREAM),
        (200, None, True, False, Framing.WHOLE),
        (204, b"text/event-stream", False, False, Framing.WHOLE),
        (300, b"text/event-stream", False, False, Framing.WHOLE),
        (429, b"text/event-stream", False, False, Framing.WHOLE),
        (500, b"application/json", False, True, Framing.WHOLE),
    ],
)
def test_what_is_a_stream(status: int, media: bytes | None, length: bool, array: bool, framing: Framing) -> None:
    headers = [(b"content-type", media)] if media is not None else []
    headers += [(b"content-length", b"10")] if length else []
    one = answer(*headers, status=status, array_stream=array)
    assert one.framing is framing
    assert one.is_stream is (framing is not Framing.WHOLE)
    assert one.fault is None
    assert one.content_type == (media.decode().partition(";")[0].lower() if media else None)


def _deflate_raw(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


CODINGS: dict[bytes, Callable[[bytes], bytes]] = {
    b"identity": bytes,
    b"gzip": lambda body: gzip.compress(body, mtime=0),
    b"x-gzip": lambda body: gzip.compress(body[:20], mtime=0) + gzip.compress(body[20:], mtime=0),  # two members
    b"deflate": zlib.compress,
    b"Deflate": _deflate_raw,
}


@given(st.sampled_from(sorted(CODINGS)), st.lists(st.integers(0, 10_000), max_size=12))
def test_any_coding_in_any_cuts_gives_the_same_chunks(coding: bytes, cuts: list[int]) -> None:
    body = CODINGS[coding](BODY)
    one = answer(SSE, (b"content-encoding", coding))
    assert whole(one, *cut(body, cuts)) == [TOKEN, USAGE]
    assert one.buffered == 0


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_a_coded_body_that_stops_short_is_incomplete(coding: bytes) -> None:
    found = whole(answer(JSON, (b"content-encoding", coding)), CODINGS[coding](BODY)[:-3])
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.INCOMPLETE_BODY
    assert found.side is Side.PROVIDER


def test_a_coded_body_that_is_none_is_a_fault() -> None:
    found = whole(answer(JSON, (b"content-encoding", b"gzip")), b"this is no gzip at all")
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.MALFORMED_RESPONSE


@pytest.mark.parametrize("values", [(b"br",), (b"zstd",), (b"gzip", b"br"), (b"gzip", b"gzip")])
def test_a_coding_that_is_not_known_is_a_fault_before_the_body(values: tuple[bytes, ...]) -> None:
    one = answer(SSE, *[(b"content-encoding", value) for value in values])
    assert one.fault is not None
    assert one.fault.kind is FaultKind.UNSUPPORTED_CODING
    assert one.finish() is one.fault


@pytest.mark.parametrize(("length", "refused"), [(b"9", False), (b"10", False), (b"11", True), (b"9" * 30, True)])
def test_a_whole_answer_that_announces_too_much_is_refused_from_its_head(length: bytes, refused: bool) -> None:
    one = answer(JSON, (b"content-length", length), limits=Limits(response_body_bytes=10))
    assert (one.fault is not None) is refused
    if one.fault is not None:
        assert one.fault.kind is FaultKind.BODY_TOO_LARGE
        assert "10" in one.fault.detail


def test_the_length_of_a_stream_or_of_a_coded_body_is_not_the_size_that_counts() -> None:
    limits = Limits(response_body_bytes=10)
    assert answer(SSE, (b"content-length", b"11"), limits=limits).fault is None
    packed = gzip.compress(b"{}")
    one = answer(JSON, (b"content-length", b"%d" % len(packed)), (b"content-encoding", b"gzip"), limits=limits)
    assert whole(one, packed) == [b"{}"]


@pytest.mark.parametrize(("size", "refused"), [(10, False), (11, True)])
def test_a_whole_answer_of_no_announced_length_is_cut_at_the_limit(size: int, refused: bool) -> None:
    for coding in (b"identity", b"gzip"):
        limits = Limits(response_body_bytes=10)
        found = whole(answer(JSON, (b"content-encoding", coding), limits=limits), CODINGS[coding](b"x" * size))
        if refused:
            assert isinstance(found, Fault)
            assert found.kind is FaultKind.BODY_TOO_LARGE
        else:
            assert found == [b"x" * size]


def test_what_cannot_be_read_on_is_known_before_the_end() -> None:
    too_much = answer(JSON, limits=Limits(response_body_bytes=10))
    read_all(too_much, b"x" * 11)
    assert too_much.fault is not None
    corrupt = answer(JSON, (b"content-encoding", b"gzip"))
    read_all(corrupt, b"this is no gzip at all")
    assert corrupt.fault is not None


@pytest.mark.parametrize("coding", [None, b"gzip"])
def test_what_is_kept_comes_first_and_in_order(coding: bytes | None) -> None:
    one = answer(SSE, *([] if coding is None else [(b"content-encoding", coding)]))
    body = BODY if coding is None else gzip.compress(BODY)
    one.buffer(body[:20])
    one.buffer(body[20:30])
    assert not one.needs_data
    assert one.buffered == 30
    assert read_all(one, body[30:]) == [TOKEN, USAGE]
    assert one.buffered == 0


def test_a_bomb_is_undone_in_pieces() -> None:
    """What one pull gives is bounded, however little was fed."""
    one = answer((b"content-encoding", b"gzip"))
    one.buffer(gzip.compress(bytes(8 << 20)))
    sizes = []
    while not one.needs_data:
        sizes.append(sum(len(chunk.data) for chunk in one.next_chunks()))
    assert sum(sizes) == 8 << 20
    assert max(sizes) <= 1 << 18


def test_an_unfinished_piece_is_counted_until_it_is_complete() -> None:
    one = answer(SSE)
    one.buffer(b"data: " + TOKEN)
    assert one.buffered == 6 + len(TOKEN)
    assert read_all(one) == []
    assert one.buffered >= len(TOKEN)
    assert read_all(one, b"\n\n") == [TOKEN]
    assert one.buffered == 0


def test_how_a_stream_is_read_at_each_tap() -> None:
    """Before the commit and for listeners all; else what has a mark."""
    error = b'{"error":{"message":"too busy"}}'
    one = answer(SSE)
    token, usage, failed = one.next_chunks(b"data: %b\n\ndata: %b\n\ndata: %b\n\n" % (TOKEN, USAGE, error))
    assert one.read_depth is ReadDepth.COMMIT
    assert TextDelta("hi") in one.read(token)
    one.read_depth = ReadDepth.MARKERS
    assert not worth_reading(token, one.search)
    assert one.read(token) == []
    assert worth_reading(usage, one.search)
    assert [type(event) for event in one.read(usage)] == [UsageReported]
    assert ResponseFailed("too busy") in one.read(failed)
    one.read_depth = ReadDepth.ALL
    assert TextDelta("hi") in one.read(token)


def test_the_ledger_has_what_was_read_and_says_whether_it_is_all() -> None:
    one = answer(SSE)
    assert one.meter.total(complete=True) is None
    one.read_depth = ReadDepth.MARKERS
    for chunk in one.next_chunks(BODY):
        one.read(chunk)
    total = one.meter.total(complete=True)
    assert total == UsageReported(3, 4)
    partial = one.meter.total(complete=False)
    assert partial == UsageReported(3, 4, quality="partial")


def test_a_whole_answer_is_read_for_its_usage() -> None:
    one = answer(JSON)
    body = b'{"choices":[{"index":0,"message":{"content":"hi"}}],"usage":{"prompt_tokens":3,"completion_tokens":4}}'
    events = one.read_whole(body)
    assert TextDelta("hi") in events
    assert one.meter.total(complete=True) == UsageReported(3, 4)


def test_finish_is_a_value_whatever_came() -> None:
    ended = answer(SSE)
    assert ended.finish() == []
    nothing = answer(JSON)
    chunks = nothing.finish()
    assert not isinstance(chunks, Fault)
    assert b"".join(chunk.data for chunk in chunks) == b""
    broken = whole(answer(JSON, array_stream=True), b'[{"a":1},{"b":')
    assert isinstance(broken, Fault)
    assert broken.side is Side.PROVIDER


@pytest.mark.parametrize("format", sorted(set(FORMATS) - {"unknown"}))
@pytest.mark.parametrize("body", [b'data: {"foo":1}\n\n', b"data: [1]\n\ndata: [DONE]\n\n"])
def test_a_stream_of_a_known_format_has_an_end_whatever_it_says(format: str, body: bytes) -> None:
    for committed in (False, True):
        one = ProviderResponse(200, [SSE], format=format, limits=Limits(), array_stream=False)
        events = [event for chunk in one.next_chunks(body) for event in one.read(chunk)]
        if committed:
            one.committed(everything=True)
        assert one.over or one.finish() == []
        events += one.read_end()
        (end,) = (event for event in events if isinstance(event, ResponseFinished | ResponseFailed))
        assert isinstance(end, ResponseFinished)
        assert one.finish_reason == end.reason


@given(st.binary(max_size=200), st.sampled_from([SSE, JSON, (b"content-type", b"application/x-ndjson")]), st.booleans())
def test_no_bytes_raise(body: bytes, kind: tuple[bytes, bytes], array: bool) -> None:
    one = answer(kind, array_stream=array)
    found = whole(one, body)
    assert isinstance(found, (list, Fault))
    if isinstance(found, Fault):
        assert found.side is Side.PROVIDER


KEY = b"canary-of-a-key-0123456789"


def keyed(*headers: tuple[bytes, bytes]) -> ProviderResponse:
    one = ProviderResponse(200, list(headers), format="openai-chat", limits=Limits(), array_stream=False, keys=(KEY,))
    one.committed(everything=False)
    return one


@pytest.mark.parametrize("coded", [False, True], ids=["plain", "gzip"])
@given(cuts=st.lists(st.integers(0, 2000), max_size=6), at=st.integers(0, 5))
def test_a_chunk_with_a_key_is_always_to_be_searched(coded: bool, cuts: list[int], at: int) -> None:
    """However the body is cut into reads; and of others few are."""
    plain = [b'{"choices":[{"index":0,"delta":{"content":"word %d"}}]}' % number for number in range(6)]
    chunks = [*plain[:at], b'{"choices":[{"index":0,"delta":{"content":"' + KEY + b'"}}]}', *plain[at:]]
    body = b"".join(b"data: " + chunk + b"\n\n" for chunk in chunks)
    one = keyed(SSE, *([(b"content-encoding", b"gzip")] if coded else []))
    searched: list[bytes] = []
    seen: list[bytes] = []
    for piece in cut(gzip.compress(body) if coded else body, cuts):
        found = one.next_chunks(piece)
        while found or not one.needs_data:
            searched += [chunk.data for chunk in found[: one.unsearched]]
            one.unsearched = 0 if found else one.unsearched
            seen += [chunk.data for chunk in found]
            found = one.next_chunks()
    assert seen == chunks
    assert any(KEY in data for data in searched)
    one.next_chunks(b"data: " + plain[0] + b"\n\n")
    if not coded:
        assert not one.unsearched


def test_what_is_shown_of_a_head_has_no_key() -> None:
    one = keyed((b"content-type", KEY + b"/x; charset=utf-8"), (KEY + b"-request-id", KEY))
    assert one.content_type == "***/x"
    assert one.shown_headers[1] == (b"***-request-id", b"***")


def test_the_name_of_an_event_has_no_key() -> None:
    one = keyed(SSE)
    (chunk,) = one.next_chunks(b"event: " + KEY + b"\ndata: {}\n\n")
    assert one.unsearched
    assert one.redacted(chunk).event == "***"


TEXT = (b"content-type", b"text/plain")
SMALL = Limits(response_body_bytes=90_000, chunk_bytes=90_000)


@pytest.mark.parametrize(("headers", "body", "fits"), [
    ([TEXT], b"\x01" * 20_000, True),  # 120,002 bytes as a string: what base64 of the largest body takes
    ([TEXT], b"\x01" * 20_001, False),
    ([TEXT], b'"' * 60_000, True),
    ([TEXT], b'"' * 60_001, False),
    ([TEXT], b"a" * 90_000, True),
    ([TEXT], b"\xff" + b"\x01" * 80_000, True),  # no text: base64
    ([JSON], b"[" + b'"",' * 29_000 + b"1]", True),  # shown as it is
    ([JSON], b"[" + b'"",' * 29_000 + b"\x011]", False),
    ([(b"content-type", b"text/plain; charset=utf-16le")], b"a\0" * 40_000, True),
    ([(b"content-type", b"text/plain; charset=utf-16le")], b"\x01\0" * 40_000, False),
    ([(b"content-type", b"text/plain; charset=latin-1")], b"\xe9" * 40_000, True),
    ([(b"content-type", b"text/plain; charset=windows-1252")], b"\x80" * 41_000, False),
    ([SSE], b"data: " + b"\x01" * 20_000 + b"\n\n", True),
    ([SSE], b"data: " + b"\x01" * 75_000 + b"\n\n", False),
    ([SSE], b"<" + b"\x01" * 20_001, False),
])  # fmt: skip
def test_what_the_client_would_be_shown_is_counted_before_it_is_made(
    headers: list[tuple[bytes, bytes]], body: bytes, fits: bool
) -> None:
    pieces = [body[at : at + 8192] for at in range(0, len(body), 8192)]
    found = whole(answer(*headers, limits=SMALL), *pieces)
    if fits:
        assert isinstance(found, list)
        assert len(found) == 1
        shown, _ = as_response(found[0], media_type(headers)[1])
        assert len(shown) <= 120_002
    else:
        assert isinstance(found, Fault)
        assert found.kind is FaultKind.BODY_TOO_LARGE
        assert "the 120002 bytes allowed as a JSON string" in found.detail
