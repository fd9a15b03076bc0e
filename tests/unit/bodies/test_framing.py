"""How the decoder of a body is chosen (client protocol, section 3.2)."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.bodies import described, recorded

from aigw_sansio.bodies.aws_eventstream import AwsEventStreamDecoder
from aigw_sansio.bodies.framing import Framing, decoder_for, framing_of, media_type
from aigw_sansio.bodies.json_array import JsonArrayDecoder
from aigw_sansio.bodies.ndjson import NdjsonDecoder
from aigw_sansio.bodies.raw import BinaryDecoder, WholeBody
from aigw_sansio.bodies.sse import SseDecoder
from aigw_sansio.config import Limits
from aigw_sansio.faults import FaultKind


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"application/json", ("application/json", None)),
        (b"Application/JSON ; Charset=UTF-8", ("application/json", "utf-8")),
        (b"text/event-stream;charset=utf-8", ("text/event-stream", "utf-8")),
        (b'text/plain; a=b; charset="iso-8859-1"', ("text/plain", "iso-8859-1")),
        (b"text/plain; xcharset=a", ("text/plain", None)),
        (b"text/plain; charset=", ("text/plain", None)),
        (b"text/plain; charset = utf-8", ("text/plain", "utf-8")),
        (b"application/json, text/plain", ("application/json", None)),
        (b"  audio/mpeg  ", ("audio/mpeg", None)),
        (b"application/vnd.amazon.eventstream", ("application/vnd.amazon.eventstream", None)),
        (b"", (None, None)),
        (b"json", (None, None)),
        (b"a/", (None, None)),
        (b"/a", (None, None)),
        (b"a/b c", (None, None)),
        (b"\xff/\xff; charset=\xff", (None, None)),
        (b"charset=utf-8", (None, None)),
    ],
)
def test_media_type(value: bytes, expected: tuple[str | None, str | None]) -> None:
    assert media_type([(b"x", b"a/b"), (b"content-type", value)]) == expected


def test_media_type_of_several_fields() -> None:
    assert media_type([]) == (None, None)
    two = [(b"content-type", b"text/plain;charset=a"), (b"content-type", b"application/json")]
    assert media_type(two) == ("application/json", None)
    assert media_type([*two, (b"content-type", b"?")]) == ("application/json", None)


@given(st.binary())
def test_media_type_is_total(value: bytes) -> None:
    kind, charset = media_type([(b"content-type", value)])
    assert kind is None or (kind.isascii() and kind == kind.lower() and kind.count("/") == 1)
    assert charset is None or (charset.isascii() and kind is not None)


STREAMS = {
    "text/event-stream": Framing.SSE,
    "application/x-ndjson": Framing.NDJSON,
    "application/ndjson": Framing.NDJSON,
    "application/jsonl": Framing.NDJSON,
    "application/stream+json": Framing.NDJSON,
    "application/vnd.amazon.eventstream": Framing.AWS_EVENT_STREAM,
}
JSON = ["application/json", "text/json", "application/problem+json"]
TEXT = ["text/plain", "text/html"]
OTHER = ["audio/mpeg", "application/octet-stream", None]


@pytest.mark.parametrize("has_length", [False, True])
@pytest.mark.parametrize("array_stream", [False, True])
def test_framing_of_success(has_length: bool, array_stream: bool) -> None:
    def framing(kind: str | None) -> Framing:
        results = {
            framing_of(status, kind, has_length=has_length, array_stream=array_stream) for status in (200, 201, 299)
        }
        assert len(results) == 1
        return results.pop()

    assert {kind: framing(kind) for kind in STREAMS} == STREAMS
    assert {framing(kind) for kind in JSON} == {Framing.JSON_ARRAY if array_stream else Framing.WHOLE}
    assert {framing(kind) for kind in TEXT} == {Framing.WHOLE}
    assert {framing(kind) for kind in OTHER} == {Framing.WHOLE if has_length else Framing.BINARY_STREAM}


@pytest.mark.parametrize("status", [100, 199, 204, 205, 300, 304, 400, 404, 500, 599])
def test_framing_of_everything_else(status: int) -> None:
    for kind in (*STREAMS, *JSON, *TEXT, *OTHER):
        assert framing_of(status, kind, has_length=False, array_stream=True) is Framing.WHOLE


def test_decoders_and_their_limits() -> None:
    limits = Limits(chunk_bytes=10, response_body_bytes=20)
    made = {framing: decoder_for(framing, limits) for framing in Framing}
    assert {framing: type(decoder) for framing, decoder in made.items()} == {
        Framing.SSE: SseDecoder,
        Framing.NDJSON: NdjsonDecoder,
        Framing.JSON_ARRAY: JsonArrayDecoder,
        Framing.AWS_EVENT_STREAM: AwsEventStreamDecoder,
        Framing.BINARY_STREAM: BinaryDecoder,
        Framing.WHOLE: WholeBody,
    }
    aws = made.pop(Framing.AWS_EVENT_STREAM)
    aws.feed(bytes.fromhex("000000100000000005c248eb"))  # the prelude of an empty message of 16 bytes
    assert aws.fault is not None
    assert aws.fault.kind is FaultKind.BODY_TOO_LARGE
    for framing, decoder in made.items():
        decoder.feed(b"[" + b"1" * 11)
        assert (decoder.fault is None) == (framing in (Framing.BINARY_STREAM, Framing.WHOLE))
    made[Framing.WHOLE].feed(b"1" * 11)
    assert made[Framing.WHOLE].fault is not None


EXPECTED = {".sse": Framing.SSE, ".ndjson": Framing.NDJSON, ".eventstream": Framing.AWS_EVENT_STREAM}


@pytest.mark.parametrize("path", recorded(".sse", ".ndjson", ".eventstream"))
def test_recorded(path: Path) -> None:
    known = described(path)
    assert known is not None, "nothing says which media type this body had"
    status, content_type = known
    kind, _ = media_type([(b"content-type", content_type.encode())])
    expected = EXPECTED[path.suffix] if status < 300 else Framing.WHOLE
    assert framing_of(status, kind, has_length=False, array_stream=False) is expected
