"""The doubling law: whatever a peer sends, twice as much costs about twice as much.

Every decoder and every reader of the core is given the shapes that provoke the most work for a byte, once with n parts
and once with 2n. The cost is counted (:mod:`tests.rigs.meter`), not timed.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any, Final, Protocol, TypeAlias

import pytest
from tests.peers import http2_frames as h2
from tests.reading.aws_messages import message as aws_message
from tests.reading.hostile import CHUNKS, WHOLES, chunk, whole
from tests.reading.written_answers import WRITERS
from tests.rigs.compiled import needs_sources
from tests.rigs.meter import Cost, cost_of
from tests.rigs.parts import TRANSLATES

from aigw_sansio.bodies.aws_eventstream import AwsEventStreamDecoder
from aigw_sansio.bodies.chunk import BodyDecoder, Chunk, feed_all, finish_all
from aigw_sansio.bodies.coding import ContentDecoder
from aigw_sansio.bodies.json_array import JsonArrayDecoder
from aigw_sansio.bodies.ndjson import NdjsonDecoder
from aigw_sansio.bodies.raw import BinaryDecoder, WholeBody
from aigw_sansio.bodies.sniffing import SniffingDecoder
from aigw_sansio.bodies.sse import SseDecoder
from aigw_sansio.config import Config, Limits, ProviderSettings
from aigw_sansio.dialects.universal.decode import decode
from aigw_sansio.effects import Connect, Continue
from aigw_sansio.events import (
    AudioDelta,
    Citation,
    ImageDelta,
    PartFailed,
    ProviderEvent,
    ReasoningDelta,
    RefusalDelta,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from aigw_sansio.exchanges.own_parts import GuardedDecoder, OwnFraming, OwnParts, OwnReading
from aigw_sansio.faults import Fault
from aigw_sansio.formats.answers.base import AnswerContext
from aigw_sansio.formats.detection import detect_format
from aigw_sansio.formats.errors import failed_response, not_json
from aigw_sansio.formats.media import Media, find_media
from aigw_sansio.formats.realtime import REALTIME_FORMATS, make_realtime_reader
from aigw_sansio.formats.registry import FORMATS, make_reader
from aigw_sansio.formats.values import parse
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId
from aigw_sansio.json_text import valid_json
from aigw_sansio.providers.redaction import redactor
from aigw_sansio.secret import Secret
from aigw_sansio.translate import Refused, client_field, read_request
from aigw_sansio.wires.heads import HeadGate, parse_request_head
from aigw_sansio.wires.http import Request
from aigw_sansio.wires.http1.chunked import ChunkedReader
from aigw_sansio.wires.http1.client import Http1Client
from aigw_sansio.wires.http2.client import Http2Client
from aigw_sansio.wires.http2.frames import PREFACE
from aigw_sansio.wires.http2.server import Http2Server
from aigw_sansio.wires.websocket.deflate import Agreement, PerMessageDeflate
from aigw_sansio.wires.websocket.frames import Role, encode_frame
from aigw_sansio.wires.websocket.handshake import ClientHandshake, parse_extensions
from aigw_sansio.wires.websocket.messages import WebSocketWire
from aigw_sansio.wires.websocket.relay import FrameRelay

pytestmark = needs_sources

#: Makes the work for ``n`` parts; only the result is measured.
Prepare: TypeAlias = Callable[[int], Callable[[], object]]

#: The largest growth from n to 2n, without what a call costs that has nothing to do.
GROWTH: Final = 2.25
#: Costs below this are not compared.
NOISE: Final = 300
BIG: Final = 1 << 24


def assert_linear(prepare: Prepare, n: int, *, handed: bool = True) -> None:
    """``handed``: also of what is handed to C functions."""
    prepare(2)()  # what is made once, for all calls
    nothing, once, twice = (cost_of(prepare(count)) for count in (1, n, 2 * n))
    for which in Cost._fields if handed else ("bytecodes",):
        base = getattr(nothing, which)
        some, more = max(0, getattr(once, which) - base), getattr(twice, which) - base
        assert more <= GROWTH * some + NOISE, f"{which}: {base} for 1, {some} more for {n}, {more} more for {2 * n}"


def reads(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


class Reading(Protocol):
    """A wire that reads a portion in each call."""

    unread: bool

    def receive_data(self, data: bytes) -> Any: ...


def receive_all(wire: Reading, data: bytes) -> None:
    """Read ``data`` to the end, as its owner does in several turns."""
    wire.receive_data(data)
    while wire.unread:
        wire.receive_data(b"")


def test_the_law_finds_what_is_quadratic() -> None:
    def held(count: int) -> Callable[[], object]:
        def run() -> object:
            data = b""
            for _ in range(count):
                data += b"x"
                data.split(b"\n")
            return data

        return run

    def nested(count: int) -> Callable[[], object]:
        return lambda: [one for one in range(count) for _ in range(one)]

    for prepare in (held, nested):
        with pytest.raises(AssertionError, match=r"bytecodes|handed_to_c"):
            assert_linear(prepare, 200)


def test_what_other_threads_do_meanwhile_is_not_counted() -> None:
    def meanwhile(steps: int) -> Callable[[], object]:
        def run() -> None:
            other = Thread(target=lambda: sum(at for at in range(steps)))
            other.start()
            other.join()

        return run

    costs = [cost_of(meanwhile(steps)).bytecodes for steps in (10, 10_000)]
    assert costs[1] <= costs[0] + NOISE


# -- messages of clients --------------------------------------------------------------------------------------------

WIDE: Final = Limits(
    steps_per_request=10_000, headers_per_step=10_000, attempts_per_exchange=10_000, head_bytes=1 << 20
)


def create(request: str) -> bytes:
    return f'{{"type":"universal.create","eventId":"e","request":{request}}}'.encode()


def step(more: str = "") -> str:
    return '{"provider":"p","endpoint":"e"' + more + "}"


MESSAGES: Final[dict[str, Callable[[int], bytes]]] = {
    "steps": lambda n: create("[" + ",".join([step()] * n) + "]"),
    "steps with halves": lambda n: create("[" + ",".join([step(',"query":"\\ud83d"')] * n) + "]"),
    "halves in a query": lambda n: create(step(',"query":"' + "\\ud83d" * n + '"')),
    "halves elsewhere": lambda n: create(step(',"method":"' + "\\ud83d\\n" * n + '"')),
    "headers": lambda n: create(step(',"headers":{' + ",".join(f'"h{at}":"v"' for at in range(n)) + "}")),
    "mixed headers": lambda n: create(step(',"headers":{' + ",".join(f'"h{at}":{at}' for at in range(n)) + "}")),
    "members": lambda n: create(step(',"a":1' * n)),
    "members and a half": lambda n: create(step(',"query":"\\ud83d"' + ',"a":1' * n)),
    "small members in a query": lambda n: create(step(',"query":["\\ud83d"' + ',{"a":1}' * n + "]")),
    "requests": lambda n: f'{{"type":"universal.create"{f",{chr(34)}request{chr(34)}:{step()}" * n}}}'.encode(),
    "brackets": lambda n: create(step(',"query":' + "[" * 300 + "[]," * n + "1" + "]" * 300)),
    "deep": lambda n: create(step(',"query":' + "[" * n + "]" * n)),
    "quotes": lambda n: create(step(',"query":"' + '\\"[' * n + '"')),
    "digits": lambda n: create(step(',"query":' + "9" * n)),
    "a long body": lambda n: create(step(',"body":{"text":"' + "x" * n + '"}')),
    "not JSON": lambda n: b"[" * n,
    "no message": lambda n: b'{"type":"' + b"x" * n + b'"}',
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_of_clients(name: str) -> None:
    def prepare(n: int) -> Callable[[], object]:
        data = MESSAGES[name](n)
        return lambda: decode(data, WIDE)

    assert_linear(prepare, 1200)


@pytest.mark.parametrize("name", MESSAGES)
def test_json_as_text_and_as_a_value(name: str) -> None:
    for read in (valid_json, parse):

        def prepare(n: int, read: Callable[[bytes], object] = read) -> Callable[[], object]:
            data = MESSAGES[name](n)
            return lambda: read(data)

        assert_linear(prepare, 2000)


REFUSED: Final[dict[str, tuple[str, Callable[[int], dict[str, Any]]]]] = {
    "items": ("openai-responses", lambda n: {"input": [{"role": "user", "content": "a"}] * n + [MARKED_ITEM]}),
    "calls": ("openai-responses", lambda n: {"input": [ITEM_CALL] * n + [MARKED_ITEM]}),
    "instructions": ("openai-responses", lambda n: {"input": [{"role": "system", "content": "a"}] * n + [MARKED_ITEM]}),
    "parts": (
        "openai-responses",
        lambda n: {"input": [{**MARKED_ITEM, "content": [ITEM_TEXT] * n + MARKED_ITEM["content"]}]},
    ),
    "messages": ("openai-chat", lambda n: {"messages": [{"role": "user", "content": "a"}] * n + [MARKED_MESSAGE]}),
    "results": ("openai-chat", lambda n: {"messages": [{"role": "tool", "content": "a"}] * n + [MARKED_MESSAGE]}),
    "blocks": (
        "anthropic-messages",
        lambda n: {"messages": [{"role": "user", "content": [TEXT_BLOCK] * n + [MARKED_BLOCK]}]},
    ),
    "turns": (
        "anthropic-messages",
        lambda n: {"messages": [{"role": "user", "content": "a"}] * n + [{"role": "user", "content": [MARKED_BLOCK]}]},
    ),
}
ITEM_TEXT: Final = {"type": "input_text", "text": "a"}
ITEM_CALL: Final = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
MARKED_ITEM: Final[dict[str, Any]] = {
    "type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "https://a.test/a"}]
}  # fmt: skip
MARKED_MESSAGE: Final = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.test/a"}}]}
TEXT_BLOCK: Final = {"type": "text", "text": "a"}
MARKED_BLOCK: Final = {"type": "image", "source": {"type": "url", "url": "https://a.test/a"}}


@pytest.mark.parametrize("name", REFUSED)
def test_the_place_of_what_is_refused(name: str) -> None:
    """What a client cannot have is named by its path, which is looked for in the whole request."""
    source, make = REFUSED[name]

    def prepare(n: int) -> Callable[[], object]:
        body = {"model": "m", "max_tokens": 9, **make(n)}
        read = read_request(body, source)
        assert not isinstance(read, Refused)
        prompt = read[0]
        turn = len(prompt.turns) - 1
        field = f"turns[{turn}].parts[{len(prompt.turns[turn].parts) - 1}]"
        return lambda: client_field(field, body, source, prompt)

    assert_linear(prepare, 600)


# -- WebSockets -----------------------------------------------------------------------------------------------------


def frame(first: int, payload: bytes = b"") -> bytes:
    return encode_frame(first, payload, b"mask")


def deflated(payload: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


FRAMES: Final[dict[str, Callable[[int], bytes]]] = {
    "messages": lambda n: frame(0x81, b"a") * n,
    "empty messages": lambda n: frame(0x81) * n,
    "fragments": lambda n: frame(0x01, b"a") + frame(0x00, b"a") * n + frame(0x80),
    "empty fragments": lambda n: frame(0x01) + frame(0x00) * n + frame(0x80),
    "half characters": lambda n: frame(0x01) + (frame(0x00, b"\xc3") + frame(0x00, b"\xa9")) * n + frame(0x80),
    "pings": lambda n: frame(0x89, b"a") * n,
    "pings between fragments": lambda n: frame(0x01, b"a") + (frame(0x89) + frame(0x00, b"a")) * n + frame(0x80),
    "a long message": lambda n: frame(0x81, b"a" * 50 * n),
    "a long message of two-byte characters": lambda n: frame(0x81, "é".encode() * 25 * n),
    "compressed messages": lambda n: frame(0xC1, deflated(b"abc")) * n,
    "compressed fragments": lambda n: frame(0x41, deflated(b"a" * 100)) + frame(0x00) * n + frame(0x80),
    "ended streams": lambda n: frame(0x41, zlib.compress(b"", wbits=-15)) + frame(0x00, b"\x03\x00") * n + frame(0x80),
    "an inflated message": lambda n: frame(0xC1, deflated(b"a" * 5000 * n)),
    "many closes": lambda n: frame(0x88) * n,
}


@pytest.mark.parametrize("size", [3, 1024])
@pytest.mark.parametrize("name", FRAMES)
def test_frames_of_clients(name: str, size: int) -> None:
    def prepare(n: int) -> Callable[[], object]:
        pieces = reads(FRAMES[name](n), size)
        extension = PerMessageDeflate(Role.SERVER, Agreement(), message_limit=BIG)
        wire = WebSocketWire(Role.SERVER, message_limit=BIG, extension=extension)
        return lambda: [receive_all(wire, piece) for piece in pieces]

    assert_linear(prepare, 60)


@pytest.mark.parametrize("size", [3, 1024])
@pytest.mark.parametrize("name", FRAMES)
def test_frames_that_are_passed_on(name: str, size: int) -> None:
    def prepare(n: int) -> Callable[[], object]:
        pieces = reads(FRAMES[name](n), size)
        wire = FrameRelay(Role.SERVER, message_limit=BIG, remask_key=lambda: b"ours", observe_bytes=1 << 20)
        return lambda: [receive_all(wire, piece) for piece in pieces]

    assert_linear(prepare, 60)


def test_offers_of_extensions() -> None:
    for part in (b"a, ", b"a; b=1, ", b",", b'a; b="\\c", ', b" ", b"a;b;b;b,", b'a; b="'):

        def prepare(n: int, part: bytes = part) -> Callable[[], object]:
            headers = [(b"sec-websocket-extensions", part * n)] * 2
            return lambda: parse_extensions(headers)

        assert_linear(prepare, 200, handed=False)


# -- HTTP/1.1 -------------------------------------------------------------------------------------------------------


def http1(data: bytes, size: int) -> Callable[[], object]:
    wire = Http1Client(1 << 20, 1 << 20)
    wire.send_request(Request(b"POST", b"https", b"h", b"/", [], b"{}"))
    wire.data_to_send()
    pieces = reads(data, size)
    return lambda: [wire.receive_data(piece) for piece in pieces]


OK: Final = b"HTTP/1.1 200 OK\r\n"
CHUNKED: Final = OK + b"transfer-encoding: chunked\r\n\r\n"
RESPONSES: Final[dict[str, Callable[[int], bytes]]] = {
    "fields": lambda n: OK + b"a: b\r\n" * n + b"\r\n",
    "folded fields": lambda n: OK + b"a: b\r\n" + b" c\r\n" * n + b"\r\n",
    "a long field": lambda n: OK + b"a: " + b"b" * n + b"\r\n\r\n",
    "carriage returns": lambda n: OK + b"a: b" + b"\r" * n,
    "blank lines": lambda n: b"\r\n" * n,
    "no end": lambda n: OK + b"a: b\r\n" * n,
    "lengths": lambda n: OK + b"content-length: 1\r\n" * n + b"\r\n",
    "codings": lambda n: OK + b"transfer-encoding: chunked\r\n" * n + b"\r\n",
    "connection tokens": lambda n: OK + b"connection: " + b"a," * n + b"\r\n\r\n",
    "small chunks": lambda n: CHUNKED + b"1\r\na\r\n" * n,
    "odd chunks": lambda n: CHUNKED + b"001 ;x=y\r\na\r\n" * n,
    "a long line": lambda n: CHUNKED + b"1;" + b"x" * n,
    "a long chunk": lambda n: CHUNKED + b"%x\r\n" % (20 * n) + b"a" * 20 * n,
    "trailers": lambda n: CHUNKED + b"0\r\n" + b"a: b\r\n" * n + b"\r\n",
    "a body": lambda n: OK + b"content-length: %d\r\n\r\n" % n + b"a" * n,
}


@pytest.mark.parametrize("size", [1, 1024])
@pytest.mark.parametrize("name", RESPONSES)
def test_responses_over_http1(name: str, size: int) -> None:
    assert_linear(lambda n: http1(RESPONSES[name](n), size), 150)


@pytest.mark.parametrize("size", [1, 1024])
@pytest.mark.parametrize(
    "name", ["fields", "folded fields", "a long field", "blank lines", "no end", "connection tokens"]
)
def test_requests_over_http1(name: str, size: int) -> None:
    def prepare(n: int) -> Callable[[], object]:
        pieces = reads(RESPONSES[name](n).replace(OK, b"GET / HTTP/1.1\r\nhost: a\r\n"), size)

        def run() -> None:
            gate = HeadGate(1 << 20)
            for piece in pieces:
                found = gate.feed(piece)
                if isinstance(found, tuple):
                    parse_request_head(found[0])
                    return

        return run

    assert_linear(prepare, 150)


@pytest.mark.parametrize("size", [1, 1024])
def test_answers_to_an_upgrade(size: int) -> None:
    for make in (
        RESPONSES["fields"],
        RESPONSES["no end"],
        lambda n: b"HTTP/1.1 103 x\r\n\r\n" * n,
        lambda n: b"HTTP/1.1 401 x\r\n\r\n" + b"a" * n,
        lambda n: b"HTTP/1.1 401 x\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * n,
    ):

        def prepare(n: int, make: Callable[[int], bytes] = make) -> Callable[[], object]:
            pieces = reads(make(n), size)

            def run() -> None:
                handshake = ClientHandshake(1 << 20, b"n" * 16, field_limit=1 << 20)
                for piece in pieces:
                    if handshake.receive_data(piece) is not None:
                        return

            return run

        assert_linear(prepare, 150)


def test_a_chunked_body_in_its_own_reads() -> None:
    def prepare(n: int) -> Callable[[], object]:
        reader = ChunkedReader()
        return lambda: [reader.feed(b"1\r\na\r\n") for _ in range(n)]

    assert_linear(prepare, 300)


# -- HTTP/2 ---------------------------------------------------------------------------------------------------------

ASKED: Final = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/x")]
TUNNEL: Final = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *ASKED[1:]]


def continued(fields: list[tuple[bytes, bytes]], size: int) -> bytes:
    """A header section in frames of ``size`` bytes."""
    block = h2.headers(1, fields)[9:]
    pieces = reads(block, size)
    kinds = [1] + [9] * (len(pieces) - 1)
    flags = [0] * (len(pieces) - 1) + [4]
    return b"".join(h2.frame(kind, flag, 1, piece) for kind, flag, piece in zip(kinds, flags, pieces, strict=True))


SERVED: Final[dict[str, Callable[[int], bytes]]] = {
    "data": lambda n: h2.headers(1, TUNNEL) + h2.data(1, b"a") * n,
    "empty data": lambda n: h2.headers(1, TUNNEL) + h2.data(1, b"") * n,
    "padded data": lambda n: h2.headers(1, TUNNEL) + h2.data(1, b"a", pad=9) * n,
    "pings": lambda n: h2.frame(6, 0, 0, b"12345678") * n,
    "settings": lambda n: h2.settings() * n,
    "unknown settings": lambda n: h2.frame(4, 0, 0, b"\x70\x00\x00\x00\x00\x01" * n),
    "windows": lambda n: h2.headers(1, TUNNEL) + h2.update(1, 1) * n,
    "unknown frames": lambda n: h2.frame(0x70, 0, 0, b"a") * n,
    "streams": lambda n: b"".join(h2.headers(1 + 2 * at, TUNNEL) for at in range(min(n, 90))),
    "streams that are reset": lambda n: b"".join(
        h2.headers(1 + 2 * at, TUNNEL) + h2.rst(1 + 2 * at, 8) for at in range(min(n, 90))
    ),
    "fields": lambda n: h2.headers(1, [*TUNNEL, *((b"a%d" % at, b"b") for at in range(n))]),
    "continuations": lambda n: continued([*TUNNEL, *((b"a%d" % at, b"b") for at in range(n))], 4),
    "cookies": lambda n: h2.headers(1, [*TUNNEL, *[(b"cookie", b"a=b")] * n]),
}


@pytest.mark.parametrize("size", [5, 1024])
@pytest.mark.parametrize("name", SERVED)
def test_clients_over_http2(name: str, size: int) -> None:
    def prepare(n: int) -> Callable[[], object]:
        wire = Http2Server(head_bytes=1 << 20, head_fields=1 << 20)
        wire.receive_data(PREFACE + h2.settings())
        wire.data_to_send()
        pieces = reads(SERVED[name](n), size)
        return lambda: [(receive_all(wire, piece), wire.data_to_send()) for piece in pieces]

    assert_linear(prepare, 45)


ANSWERED: Final[dict[str, Callable[[int], bytes]]] = {
    "data": lambda n: h2.headers(1, [(b":status", b"200")]) + h2.data(1, b"a") * n,
    "interim heads": lambda n: h2.headers(1, [(b":status", b"103")]) * n,
    "fields": lambda n: h2.headers(1, [(b":status", b"200"), *((b"a%d" % at, b"b") for at in range(n))]),
    "trailers": lambda n: (
        h2.headers(1, [(b":status", b"200")]) + h2.headers(1, [(b"a%d" % at, b"b") for at in range(n)], 5)
    ),
    "windows": lambda n: h2.update(1, 1) * n,
    "pings": lambda n: h2.frame(6, 0, 0, b"12345678") * n,
}


@pytest.mark.parametrize("size", [5, 1024])
@pytest.mark.parametrize("name", ANSWERED)
def test_providers_over_http2(name: str, size: int) -> None:
    def prepare(n: int) -> Callable[[], object]:
        wire = Http2Client(head_bytes=1 << 20, head_fields=1 << 20)
        wire.receive_data(h2.settings())
        wire.send_request(Request(b"POST", b"https", b"h", b"/", [], b"{}"))
        wire.data_to_send()
        pieces = reads(ANSWERED[name](n), size)
        return lambda: [(receive_all(wire, piece), wire.data_to_send()) for piece in pieces]

    assert_linear(prepare, 45)


# -- bodies ---------------------------------------------------------------------------------------------------------


def decoded(make: Callable[[], BodyDecoder], data: bytes, size: int) -> Callable[[], object]:
    pieces = reads(data, size)

    def run() -> None:
        decoder = make()
        for piece in pieces:
            list(feed_all(decoder, piece))
        list(finish_all(decoder))

    return run


def sse() -> BodyDecoder:
    return SseDecoder(BIG)


def ndjson() -> BodyDecoder:
    return NdjsonDecoder(BIG)


def array() -> BodyDecoder:
    return JsonArrayDecoder(BIG)


def aws() -> BodyDecoder:
    return AwsEventStreamDecoder(BIG)


def sniffed() -> BodyDecoder:
    def choose(*, sse: bool) -> BodyDecoder:
        return SseDecoder(BIG) if sse else WholeBody(BIG)

    return SniffingDecoder(choose)


class _Bytes:
    """A framing of a host's own that gives all at once: a chunk for each byte."""

    fault: Fault | None = None
    buffered = 0
    unread = False

    def feed(self, data: bytes) -> list[Chunk]:
        return [Chunk(data[at : at + 1]) for at in range(len(data))]

    def finish(self) -> list[Chunk]:
        return []


def own() -> BodyDecoder:
    parts = OwnParts(OwnReading({}), "a log id", _no_bug)
    return GuardedDecoder(parts, OwnFraming(None, "bytes", _Bytes), Limits(chunk_bytes=BIG))


def _no_bug(event: PartFailed) -> None:
    raise AssertionError(event)


BODIES: Final[dict[str, tuple[Callable[[], BodyDecoder], Callable[[int], bytes]]]] = {
    "sse: events": (sse, lambda n: b"data: {}\n\n" * n),
    "sse: other events": (sse, lambda n: b"event:a\r\ndata:b\r\n\r\n" * n),
    "sse: comments": (sse, lambda n: b":\n\n" * n),
    "sse: comments in a block": (sse, lambda n: b":\n" * n + b"\n"),
    "sse: comments without an end": (sse, lambda n: b":\n" * n),
    "sse: data in a block": (sse, lambda n: b"data:a\n" * n + b"\n"),
    "sse: fields in a block": (sse, lambda n: b"data:a\nid:b\nx:\nevent:c\n" * n + b"\n"),
    "sse: errors in a block": (sse, lambda n: b"error: a\n" * n + b"\n"),
    "sse: words in a block": (sse, lambda n: b"<a>\n" * n + b"\n"),
    "sse: empty lines": (sse, lambda n: b"\n" * n),
    "sse: carriage returns": (sse, lambda n: b"data:a\r\r" * n),
    "sse: a long line": (sse, lambda n: b"data: " + b"a" * 20 * n),
    "sse: a document": (sse, lambda n: b'{"a":[' + b"1,\n" * n),
    "sse: a document with empty lines": (sse, lambda n: b'{"a":[' + b"1,\n\n" * n),
    "sse: documents": (sse, lambda n: b"{}\n\n" * n),
    "sse: documents in a block": (sse, lambda n: b"{}\n" * n + b"\n"),
    "sse: brackets": (sse, lambda n: b"[" * n + b"\n\n"),
    "sse: quotes": (sse, lambda n: b'["' + b'\\"' * n + b'\n\n"]\n\n'),
    "ndjson: lines": (ndjson, lambda n: b"{}\n" * n),
    "ndjson: blank lines": (ndjson, lambda n: b"\r\n" * n),
    "ndjson: a long line": (ndjson, lambda n: b"a" * 20 * n),
    "array: scalars": (array, lambda n: b"[" + b"1," * n),
    "array: empty elements": (array, lambda n: b"[" + b"[]," * n),
    "array: brackets": (array, lambda n: b"[" + b"[" * n + b"]" * n),
    "array: brackets in an element": (array, lambda n: b"[[" + b"[]," * n),
    "array: a long string": (array, lambda n: b'["' + b"a" * 20 * n),
    "array: escapes": (array, lambda n: b'["' + b"\\\\" * n + b'"]'),
    "array: blanks": (array, lambda n: b"[" + b" \n" * n),
    "array: a long number": (array, lambda n: b"[" + b"9" * 20 * n),
    "aws: messages": (aws, lambda n: aws_message(b"{}", (":event-type", "a")) * n),
    "aws: a long message": (aws, lambda n: aws_message(b"a" * 20 * n)),
    "aws: headers": (aws, lambda n: aws_message(b"{}", *((f"{at}", "a") for at in range(n)))),
    "sniffed: blanks": (sniffed, lambda n: b" " * n),
    "sniffed: a half field": (sniffed, lambda n: b" " * n + b"dat"),
    "whole": (lambda: WholeBody(BIG), lambda n: b"a" * 20 * n),
    "binary": (BinaryDecoder, lambda n: b"a" * 20 * n),
    "own: bytes": (own, lambda n: b"a" * n),
}


@pytest.mark.parametrize("size", [1, 64])
@pytest.mark.parametrize("name", BODIES)
def test_bodies(name: str, size: int) -> None:
    make, shape = BODIES[name]
    assert_linear(lambda n: decoded(make, shape(n), size), 80 if size == 1 else 400)


CODED: Final[dict[str, tuple[str, Callable[[int], bytes]]]] = {
    "members": ("gzip", lambda n: gzip.compress(b"a") * n),
    "empty members": ("gzip", lambda n: gzip.compress(b"") * n),
    "a bomb": ("gzip", lambda n: gzip.compress(b"\n" * 20_000 * n)),
    "noise": ("gzip", lambda n: gzip.compress(bytes(range(256)) * n)),
    "behind the end": ("gzip", lambda n: gzip.compress(b"a") + b"x" * 20 * n),
    "corrupt": ("gzip", lambda n: gzip.compress(bytes(range(256)) * n)[:-9] + b"\0" * 9),
    "zlib": ("deflate", lambda n: zlib.compress(b"a" * 5000 * n)),
    "raw": ("deflate", lambda n: deflated(b"a" * 5000 * n)),
}


@pytest.mark.parametrize("size", [1, 64])
@pytest.mark.parametrize("name", CODED)
def test_codings(name: str, size: int) -> None:
    coding, shape = CODED[name]

    def prepare(n: int) -> Callable[[], object]:
        pieces = reads(shape(n), size)

        def run() -> None:
            decoder = ContentDecoder(coding)
            for piece in pieces:
                decoder.feed(piece)
                while decoder.pull():
                    pass
            decoder.finish()

        return run

    assert_linear(prepare, 30)


# -- readers --------------------------------------------------------------------------------------------------------


def each_once(formats: Iterable[str], reader: Callable[[str], object]) -> list[str]:
    """Of the formats that share a class of readers only the first."""
    return list({type(reader(format)): format for format in reversed(list(formats))}.values())


READERS: Final = each_once(FORMATS, make_reader)
REALTIME_READERS: Final = each_once(REALTIME_FORMATS, lambda format: make_realtime_reader(format)._reader)


@pytest.mark.parametrize("format", READERS)
def test_readers_of_streams(format: str) -> None:
    for name in CHUNKS:

        def prepare(n: int, name: str = name) -> Callable[[], object]:
            chunks = [Chunk(chunk(name, number)) for number in range(n)]
            reader = make_reader(format)
            return lambda: ([reader.read(one) for one in chunks], reader.finish())

        assert_linear(prepare, 60)


@pytest.mark.parametrize("format", READERS)
def test_readers_of_whole_responses(format: str) -> None:
    for name in WHOLES:

        def prepare(n: int, name: str = name) -> Callable[[], object]:
            body = whole(name, n)
            return lambda: (make_reader(format).read_whole(body), make_reader(format).read(Chunk(body)))

        assert_linear(prepare, 50)


@pytest.mark.parametrize("format", REALTIME_READERS)
def test_readers_of_realtime_messages(format: str) -> None:
    for name in CHUNKS:

        def prepare(n: int, name: str = name) -> Callable[[], object]:
            messages = [chunk(name, number) for number in range(n)]
            reader = make_realtime_reader(format)
            return lambda: [reader.read_message(one, is_text=True) for one in messages]

        assert_linear(prepare, 60)


# -- writers --------------------------------------------------------------------------------------------------------

#: What makes the writers of answers work most, by the number of parts.
ANSWERS: dict[str, Callable[[int], list[ProviderEvent]]] = {
    "text": lambda n: [TextDelta("abc")] * n,
    "signed": lambda n: [ReasoningDelta("abc", signature="s")] * n,
    "unsigned": lambda n: [ReasoningDelta("abc")] * n,
    "by turns": lambda n: [TextDelta("a"), ReasoningDelta("b"), RefusalDelta("c")] * n,
    "sources": lambda n: [TextDelta("a"), *[Citation("https://x", "t", "c")] * n],
    "fragments": lambda n: [ToolCallStarted(0, "a", "f"), *[ToolCallDelta(0, '{"a":')] * n],
    "held text": lambda n: [
        ToolCallStarted(0, "a", "patch"),
        ToolCallDelta(0, '{"input":"'),
        *[ToolCallDelta(0, "abc")] * n,
    ],
    "calls": lambda n: [
        event for call in range(n) for event in (ToolCallStarted(call, "a", "f"), ToolCallDelta(call, "{}"))
    ],
    "mixed calls": lambda n: [
        *[ToolCallStarted(call, None, "f") for call in range(n)],
        *[ToolCallDelta(call, piece) for piece in ("{", "}") for call in reversed(range(n))],
    ],
    "behind an open call": lambda n: [ToolCallStarted(0, "a", "f"), *[TextDelta("a"), ReasoningDelta("b")] * n],
    "choices": lambda n: [
        event for choice in range(n) for event in (TextDelta("a", choice), ResponseFinished("stop", "x", choice))
    ],
    "images": lambda n: [ImageDelta(3)] * n,
    "spoken": lambda n: [AudioDelta(3, "a")] * n,
    "usage": lambda n: [UsageReported(number, number) for number in range(n)],
    "restarts": lambda n: [TextDelta("a"), *[ResponseStarted(restarted=True)] * n],
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("format", sorted(WRITERS))
def test_writers_of_answers(format: str, name: str) -> None:
    context = AnswerContext("r", 0, "m", custom_tools=frozenset({"patch"}))
    media = Media("AAAA", mime_type="image/png")

    def prepare(n: int) -> Callable[[], object]:
        events = [*ANSWERS[name](n), ResponseFinished("stop", "stop")]
        held = [media] * n
        one, whole = WRITERS[format](context), WRITERS[format](context)
        return lambda: (
            [one.write([event], [media]) for event in events],
            one.finish(),
            whole.write_whole(events, held),
        )

    assert_linear(prepare, 60)


@pytest.mark.parametrize("around", [(b'[{"data":"AAAA"}', b"]"), (b"[", b"]")])
def test_media_in_chunks(around: tuple[bytes, bytes]) -> None:
    """Many of them, or none, deep inside."""

    def prepare(n: int) -> Callable[[], object]:
        first, last = around
        data = (first + b",") * n + b"1" + last * n if first != b"[" else first * n + last * n
        return lambda: find_media(data, [AudioDelta(3)] * n)

    assert_linear(prepare, 60)


def test_bodies_of_no_known_format() -> None:
    shapes: Iterable[Callable[[int], bytes]] = (
        lambda n: b"data: {}\n\n" * n,
        lambda n: b"\n" * n,
        lambda n: b"{}\n" * n,
        lambda n: b"<title>" * n,
        lambda n: b"a: " * n,
        lambda n: json.dumps({f"m{at}": 1 for at in range(n)}).encode(),
    )
    for shape in shapes:
        for read in (lambda body: detect_format(None, body), not_json, lambda body: failed_response(500, body)):

            def prepare(n: int, shape: Any = shape, read: Any = read) -> Callable[[], object]:
                body = shape(n)
                return lambda: read(body)

            assert_linear(prepare, 100)


# -- keys that a provider quotes -------------------------------------------------------------------------------------

QUOTED: Final[dict[str, Callable[[int], bytes]]] = {
    "keys": lambda n: b"a 12345678901 b" * n,
    "almost keys": lambda n: b"1234567890" * n,
    "beginnings": lambda n: b"[%b1]" % (b'"123",' * n),
    "longer beginnings": lambda n: b"[%b1]" % (b'"123456789",' * n),
    "numbers": lambda n: b"[%b1]" % (b"12345678901," * n),
    "lines": lambda n: b"12345\n678901\n" * n,
    "empty lines": lambda n: b"12345%b678901" % (b"\n" * n),
    "entities": lambda n: b"&#49;&#50;&amp;#51;&amp;" * n,
    "cut escapes": lambda n: b"\\u0026amp;#" * n,
    "backslashes": lambda n: b"\\" * n,
    "percent": lambda n: b"%25" * n,
}


@pytest.mark.parametrize("name", QUOTED)
def test_hiding(name: str) -> None:
    def prepare(n: int) -> Callable[[], object]:
        text = QUOTED[name](n)

        def run() -> None:
            redactor([b"12345678901"]).hide_whole(text)
            stream = redactor([b"12345678901"]).stream()
            for _ in range(3):
                stream.hide(text)

        return run

    assert_linear(prepare, 100)


# -- the whole gateway ----------------------------------------------------------------------------------------------

UPGRADE: Final = (
    b"GET /v1/local/default HTTP/1.1\r\nHost: gw\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
TEXT: Final = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
ROLE: Final = b'data: {"choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n'


class World:
    """A gateway with one client, and one exchange whose provider has begun to answer."""

    def __init__(self, *, mode: str = "raw", media: bytes = b"text/event-stream", client: str = "") -> None:
        """``client``: the endpoint of ``compat`` that it uses."""
        settings = {"openai": ProviderSettings(base_url="http://127.0.0.1:9/v1", api_key=Secret("sk-abcdefghijkl"))}
        self.gateway = Gateway(Config(providers=settings), b"a seed of 16 bytes", 0.0, TRANSLATES)
        self.client = self.gateway.open_downstream("peer", None, 0.0)
        self.gateway.receive_data(self.client, UPGRADE, 0.0)
        query = {"stream": True, "model": "m"}
        step: dict[str, Any] = {"provider": "openai", "endpoint": "chat/completions", "query": query}
        step["config"] = {"response": mode}
        if client:
            step |= {"provider": "compat", "endpoint": client, "query": translated(client)}
        self.create = json.dumps({"type": "universal.create", "request": step}).encode()
        self.say(self.create)
        self.provider = next(e.conn for e in self.gateway.effects() if isinstance(e, Connect))
        self.gateway.connected(self.provider, None, 0.0)
        self.take(self.provider)
        self.answer(OK + b"content-type: " + media + b"\r\n\r\n")
        self.take(self.client)

    def say(self, message: bytes) -> None:
        self.gateway.receive_data(self.client, frame(0x81, message), 0.0)

    def answer(self, data: bytes) -> None:
        self.gateway.receive_data(self.provider, data, 0.0)
        while any(isinstance(effect, Continue) for effect in self.gateway.effects()):
            self.gateway.proceed(0.0)

    def take(self, conn: ConnId) -> None:
        while data := self.gateway.data_to_send(conn):
            self.gateway.data_sent(conn, len(data), 0.0)


def translated(client: str, count: int = 1) -> dict[str, object]:
    """A request of ``count`` messages in the client's format."""
    said = [{"role": ("user", "assistant")[at % 2], "content": "Hello"} for at in range(count)]
    messages = "input" if client == "responses" else "messages"
    return {"model": "openai/m" if client == "messages" else "groq/m", "stream": True, "max_tokens": 9, messages: said}


def streamed(part: bytes, *, first: bytes = TEXT, taken: bool = True, mode: str = "raw", client: str = "") -> Prepare:
    """``part`` comes n times, each in a read of its own."""

    def prepare(n: int) -> Callable[[], object]:
        world = World(mode=mode, client=client)
        world.answer(first)

        def run() -> None:
            for _ in range(n):
                world.answer(part)
                if taken:
                    world.take(world.client)

        return run

    return prepare


def whole_answer(n: int) -> Callable[[], object]:
    world = World(media=b"text/plain")
    return lambda: [world.answer(b"a" * 50) for _ in range(n)]


def said(messages: Callable[[World, int], list[bytes]]) -> Prepare:
    def prepare(n: int) -> Callable[[], object]:
        world = World()
        some = messages(world, n)

        def run() -> None:
            for one in some:
                world.say(one)
                world.gateway.effects()

        return run

    return prepare


def create_and_cancel(world: World, n: int) -> list[bytes]:
    told = [{**json.loads(world.create), "eventId": f"e{at}"} for at in range(n)]
    return [
        json.dumps(message).encode()
        for one in told
        for message in (one, {"type": "universal.cancel", "eventId": one["eventId"]})
    ]


GATEWAY: Final[dict[str, Prepare]] = {
    "a stream": streamed(TEXT),
    "a stream as events": streamed(TEXT, mode="both"),
    "a stream that nobody takes": streamed(TEXT, taken=False),
    "a stream that nobody takes, as events": streamed(TEXT, taken=False, mode="events"),
    "what comes before the first content": streamed(ROLE, first=ROLE),
    "comments": streamed(b":\n\n"),
    "an event in pieces": streamed(b"a", first=TEXT + b"data: "),
    "a stream for a client of Messages": streamed(TEXT, client="messages"),
    "a stream for a client of Messages, as events": streamed(TEXT, client="messages", mode="both"),
    "a whole answer": whole_answer,
    "a translated request": said(
        lambda world, n: [
            json.dumps(
                {"type": "universal.create", "request": {"provider": "compat", "endpoint": client, "query": query}}
            ).encode()
            for client in ("chat/completions", "messages", "responses")
            for query in (translated(client, n),)
        ]
    ),
    "pings": said(lambda world, n: [b'{"type":"universal.ping"}'] * n),
    "exchanges": said(create_and_cancel),
    "many exchanges at once": said(
        lambda world, n: [json.dumps({**json.loads(world.create), "eventId": f"e{at}"}).encode() for at in range(n)]
    ),
    "exchanges over the limit": said(
        lambda world, n: [
            json.dumps({**json.loads(world.create), "eventId": f"e{at}"}).encode() for at in range(100 + n)
        ]
    ),
    "cancels of nothing": said(lambda world, n: [b'{"type":"universal.cancel","eventId":"x"}'] * n),
}


@pytest.mark.parametrize("name", GATEWAY)
def test_the_whole_gateway(name: str) -> None:
    assert_linear(GATEWAY[name], 40, handed=False)
