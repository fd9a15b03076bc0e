"""The AWS event stream decoder against built messages, cuts and recorded bodies."""

import base64
import json
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.aws_messages import message
from tests.reading.bodies import bounded, check_recorded, cut_at, cut_points, read, recorded, single, whole

from aigw_sansio.bodies.aws_eventstream import HEADERS_BYTES, AwsEventStreamDecoder
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.faults import FaultKind

LIMIT = 400
MALFORMED, INCOMPLETE, TOO_LARGE = FaultKind.MALFORMED_RESPONSE, FaultKind.INCOMPLETE_BODY, FaultKind.BODY_TOO_LARGE


def make() -> AwsEventStreamDecoder:
    return AwsEventStreamDecoder(LIMIT)


def event(name: str, payload: bytes) -> bytes:
    return message(payload, (":event-type", name), (":content-type", "application/json"), (":message-type", "event"))


def exception(name: str, payload: bytes) -> bytes:
    return message(payload, (":exception-type", name), (":message-type", "exception"))


def carried(inner: bytes, **others: object) -> bytes:
    return json.dumps({"bytes": base64.b64encode(inner).decode(), **others}).encode()


ALL_TYPES = b"".join(
    bytes([len(name)]) + name + kind
    for name, kind in [
        (b"t", b"\x00"),
        (b"f", b"\x01"),
        (b"b", b"\x02\xff"),
        (b"s", b"\x03\xff\xff"),
        (b"i", b"\x04\xff\xff\xff\xff"),
        (b"l", b"\x05" + b"\xff" * 8),
        (b"y", b"\x06\x00\x03abc"),
        (b"g", b"\x07\x00\x03abc"),
        (b"d", b"\x08" + b"\x00" * 8),
        (b"u", b"\x09" + b"\x00" * 16),
    ]
)
START = event("messageStart", b'{"role": "assistant"}')
STARTED = Chunk(b'{"messageStart":{"role": "assistant"}}', "messageStart")

CASES: list[tuple[str, bytes, list[Chunk], FaultKind | None]] = [
    ("nothing", b"", [], None),
    ("an event", START, [STARTED], None),
    ("two events", START + START, [STARTED, STARTED], None),
    ("no payload", event("ping", b""), [Chunk(b'{"ping":{}}', "ping")], None),
    ("no headers", message(b'{"a":1}'), [Chunk(b'{"a":1}')], None),
    ("nothing in it", message(b""), [Chunk(b"{}")], None),
    ("a name to be escaped", event('a"\n', b"{}"), [Chunk(b'{"a\\"\\n":{}}', 'a"\n')], None),
    ("every header type", message(b"1", (":event-type", "e"), raw_headers=ALL_TYPES), [Chunk(b'{"e":1}', "e")], None),
    ("a payload that is no JSON", event("audio", b"\xff\x00"), [Chunk(b"\xff\x00", "audio")], None),
    ("JSON that is no UTF-8", event("e", b'"\xff"'), [Chunk(b'"\xff"', "e")], None),
    ("carried JSON", event("chunk", carried(b'{"x": 1}', p="abc")), [Chunk(b'{"x": 1}', "chunk")], None),
    ("carried JSON unpadded", event("chunk", carried(b'{"x": 1}')), [Chunk(b'{"x": 1}', "chunk")], None),
    ("carried text", event("chunk", carried(b"42")), [Chunk(b'{"chunk":' + carried(b"42") + b"}", "chunk")], None),
    (
        "more than carried",
        event("chunk", carried(b"{}", attribution={})),
        [Chunk(b'{"chunk":' + carried(b"{}", attribution={}) + b"}", "chunk")],
        None,
    ),
    ("no base64", event("chunk", b'{"bytes":"*"}'), [Chunk(b'{"chunk":{"bytes":"*"}}', "chunk")], None),
    ("carried by another event", event("e", carried(b"{}")), [Chunk(b'{"e":' + carried(b"{}") + b"}", "e")], None),
    (
        "an exception",
        START + exception("validationException", b'{"message":"no"}'),
        [STARTED, Chunk(b'{"validationException":{"message":"no"}}', "validationException", True)],
        None,
    ),
    ("an exception without JSON", exception("x", b"no"), [Chunk(b'{"x":{"message":"no"}}', "x", True)], None),
    ("an exception without anything", exception("x", b""), [Chunk(b'{"x":{"message":""}}', "x", True)], None),
    (
        "an error",
        message(b"", (":error-code", "500"), (":error-message", 'a "b"'), (":message-type", "error")),
        [Chunk(b'{"500":{"message":"a \\"b\\""}}', "500", True)],
        None,
    ),
    (
        "an error without a code",
        message(b"", (":message-type", "error")),
        [Chunk(b'{"error":{"message":""}}', "error", True)],
        None,
    ),
    ("cut in a prelude", START + START[:5], [STARTED], INCOMPLETE),
    ("cut in a payload", START + START[:-1], [STARTED], INCOMPLETE),
    ("prelude checksum", START + START[:8] + b"\0\0\0\0" + START[12:], [STARTED], MALFORMED),
    ("message checksum", START + START[:-4] + b"\0\0\0\0", [STARTED], MALFORMED),
    ("a changed payload", START.replace(b"assistant", b"assistent"), [], MALFORMED),
    ("text", b"data: hello, this is no event stream\n\n", [], MALFORMED),
    ("an unknown header type", message(b"", raw_headers=b"\x01a\x0a"), [], MALFORMED),
    ("a header name beyond the end", message(b"", raw_headers=b"\x05a"), [], MALFORMED),
    ("a header without a name", message(b"", raw_headers=b"\x00\x00"), [], MALFORMED),
    ("a header without a type", message(b"{}", raw_headers=b"\x01a"), [], MALFORMED),
    ("a value beyond the end", message(b"xxxx", raw_headers=b"\x01a\x07\x00\x02b"), [], MALFORMED),
    ("a length beyond the end", message(b"", raw_headers=b"\x01a\x07\x00"), [], MALFORMED),
]


@pytest.mark.parametrize(("body", "expected", "fault"), [pytest.param(*rest, id=name) for name, *rest in CASES])
def test_whole_and_byte_by_byte(body: bytes, expected: list[Chunk], fault: FaultKind | None) -> None:
    assert whole(make, body) == (expected, fault)
    assert read(make(), single(body)) == (expected, fault)


@given(
    st.one_of(
        st.binary(max_size=100),
        st.lists(st.sampled_from([body for _, body, *_ in CASES]), max_size=4).map(b"".join),
        st.builds(
            lambda payload, headers: message(payload, raw_headers=headers),
            st.binary(max_size=60),
            st.binary(max_size=20),
        ),
    ),
    cut_points,
)
def test_any_bytes_in_any_cuts(body: bytes, points: list[int]) -> None:
    expected = whole(make, body)
    assert read(make(), cut_at(body, points)) == expected
    assert read(make(), single(body)) == expected
    bounded(make, LIMIT, cut_at(body, points))


def prelude(total: int, headers: int) -> bytes:
    lengths = total.to_bytes(4, "big") + headers.to_bytes(4, "big")
    return lengths + zlib.crc32(lengths).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("total", "headers", "fault"),
    [
        (15, 0, MALFORMED),
        (0, 0, MALFORMED),
        (100, 85, MALFORMED),
        (100, 84, None),
        (400, 0, None),
        (401, 0, TOO_LARGE),
        (0xFFFFFFFF, 0, TOO_LARGE),
        (0xFFFFFFFF, 0xFFFFFFFF, MALFORMED),
        (0xFFFFFFFF, HEADERS_BYTES + 1, MALFORMED),
        (0xFFFFFFFF, HEADERS_BYTES, TOO_LARGE),
    ],
)
def test_lengths_are_judged_by_the_prelude(total: int, headers: int, fault: FaultKind | None) -> None:
    decoder = make()
    assert decoder.feed(START + prelude(total, headers)) == [STARTED]
    assert (decoder.fault.kind if decoder.fault else None) is fault
    assert decoder.buffered == (0 if fault else 12)


def test_deep_json_is_passed_on_as_it_is() -> None:
    deep = b"[" * 50_000 + b"]" * 50_000
    body = event("e", deep) + event("chunk", b'{"bytes":"", "p":' + deep + b"}") + exception("x", deep)
    chunks, fault = whole(lambda: AwsEventStreamDecoder(1 << 20), body)
    assert fault is None
    assert chunks[0] == Chunk(deep, "e")
    assert [chunk.event for chunk in chunks] == ["e", "chunk", "x"]


def test_after_a_fault_nothing_is_read_or_kept() -> None:
    decoder = make()
    decoder.feed(b"x" * 1000)
    assert decoder.fault is not None
    assert decoder.feed(START) == []
    assert decoder.finish() == []
    assert decoder.fault.kind is MALFORMED
    assert decoder.buffered == 0


@pytest.mark.parametrize("path", recorded(".eventstream"))
def test_recorded(path: Path) -> None:
    chunks = check_recorded(lambda: AwsEventStreamDecoder(1 << 24), path)
    assert chunks
    for chunk in chunks:
        document = msgspec.json.decode(chunk.data, type=dict[str, msgspec.Raw])
        if path.parent.name == "bedrock-converse":
            assert list(document) == [chunk.event]
        elif path.parent.name == "bedrock-invoke":
            assert chunk.event == "chunk"
            assert "bytes" not in document
        assert chunk.failed == (path.name == "exception-frame-validationexception.eventstream")
