"""Bytes of WebSocket peers and of HTTP bodies, with what a correct reader must report for them.

Decides: which frames, handshakes and bodies are worth trying. Must not know: any implementation.
"""

import json
import zlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import msgspec
from hypothesis import strategies as st

KEY: Final = b"\x9a\x01\x7f\xe3"
# -- cuts -----------------------------------------------------------------------------------------------------------


def cut_at(data: bytes, points: Iterable[int]) -> list[bytes]:
    """``data`` cut at ``points`` (modulo its length); no piece is empty."""
    edges = [0, *sorted({point % (len(data) + 1) for point in points} - {0, len(data)}), len(data)]
    return [data[start:stop] for start, stop in pairwise(edges) if start < stop]


def cuts(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """``data`` in pieces: whole, byte by byte, seven bytes each, or cut at random points."""
    return st.one_of(
        st.just([data] if data else []),
        st.just([data[i : i + 1] for i in range(len(data))]),
        st.just([data[i : i + 7] for i in range(0, len(data), 7)]),
        st.lists(st.integers(0, 1 << 16), max_size=8).map(lambda points: cut_at(data, points)),
    )


# -- WebSocket frames (RFC 6455) --------------------------------------------------------------------------------------


def apply_key(payload: bytes, key: bytes) -> bytes:
    """Masking by the definition of RFC 6455 section 5.3, byte by byte."""
    return bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


def frame(
    first: int, payload: bytes, *, masked: bool, key: bytes = KEY, length: int | None = None, form: int | None = None
) -> bytes:
    """A frame; every field of it can be made wrong. ``first`` is the byte with FIN, RSV bits and opcode; ``length``
    replaces the declared length, ``form`` (0, 2 or 8) the number of extra bytes that it takes."""
    size = len(payload) if length is None else length
    if form is None:
        form = 0 if size < 126 else 2 if size < 65536 else 8
    short = {0: size & 0x7F, 2: 126, 8: 127}[form]
    head = bytes((first, short | (0x80 if masked else 0))) + size.to_bytes(8, "big")[8 - form :]
    return head + (key + apply_key(payload, key) if masked else payload)


class MessageStream(msgspec.Struct, frozen=True):
    """Frames of one direction, and their meaning: ``("text", str)``, ``("binary", bytes)``, ``("ping", bytes)`` and
    ``("pong", bytes)``, in the order in which a reader must report them."""

    data: bytes
    messages: list[tuple[str, str | bytes]]


_SIZES: Final = st.sampled_from((0, 1, 3, 4, 125, 126, 127, 300, 65535, 65536))
_TEXT: Final = st.one_of(st.text(max_size=20), _SIZES.map(lambda size: "x" * size), st.just("h\u00e9llo \U0001f44b"))
_BINARY: Final = st.one_of(st.binary(max_size=20), _SIZES.map(bytes))


@st.composite
def message_streams(draw: st.DrawFn, *, masked: bool, largest: int = 6) -> MessageStream:
    """Valid frames: whole and fragmented messages (empty fragments too), control frames between the fragments.
    ``masked``: as a client sends them."""
    data = b""
    messages: list[tuple[str, str | bytes]] = []
    keys = st.sampled_from((KEY, b"\0\0\0\0", b"\xff\x00\xff\x01"))

    def control() -> None:
        nonlocal data
        opcode = draw(st.sampled_from((9, 10)))
        payload = draw(st.binary(max_size=125))
        data += frame(0x80 | opcode, payload, masked=masked, key=draw(keys))
        messages.append(("ping" if opcode == 9 else "pong", payload))

    for _ in range(draw(st.integers(1, largest))):
        if draw(st.integers(0, 4)) == 0:
            control()
            continue
        text = draw(st.booleans())
        content: str | bytes = draw(_TEXT) if text else draw(_BINARY)
        raw = content.encode() if isinstance(content, str) else content
        pieces = cut_at(raw, draw(st.lists(st.integers(0, 1 << 16), max_size=3))) or [b""]
        if draw(st.booleans()):
            pieces.insert(draw(st.integers(0, len(pieces))), b"")
        for index, piece in enumerate(pieces):
            opcode = (1 if text else 2) if index == 0 else 0
            fin = 0x80 if index == len(pieces) - 1 else 0
            data += frame(fin | opcode, piece, masked=masked, key=draw(keys))
            if not fin and draw(st.integers(0, 3)) == 0:
                control()
        messages.append(("text" if text else "binary", content))
    return MessageStream(data, messages)


class BrokenFrame(msgspec.Struct, frozen=True):
    """Bytes that break a rule. ``code`` is the close code that the rule demands; ``rule`` names the rule."""

    data: bytes
    code: int
    rule: str


@st.composite
def broken_frames(draw: st.DrawFn, *, masked: bool) -> BrokenFrame:
    """One frame, or two, that a reader must refuse (RFC 6455 sections 5 and 7.4, RFC 3629)."""
    payload = draw(st.binary(max_size=30))
    text = b"abc"
    broken = [
        BrokenFrame(frame(0x82, payload, masked=not masked), 1002, "5.1 masking goes one way"),
        BrokenFrame(frame(0xC1, text, masked=masked), 1002, "5.2 RSV without an extension"),
        BrokenFrame(frame(0x83, payload, masked=masked), 1002, "5.2 a reserved opcode"),
        BrokenFrame(frame(0x8B, payload, masked=masked), 1002, "5.2 a reserved control opcode"),
        BrokenFrame(frame(0x82, text, masked=masked, form=2), 1002, "5.2 the shortest length"),
        BrokenFrame(frame(0x82, b"", masked=masked, length=1 << 63, form=8), 1002, "5.2 the highest bit of a length"),
        BrokenFrame(frame(0x09, b"", masked=masked), 1002, "5.5 a fragmented control frame"),
        BrokenFrame(frame(0x89, bytes(126), masked=masked), 1002, "5.5 a long control frame"),
        BrokenFrame(frame(0x80, payload, masked=masked), 1002, "5.4 a continuation of nothing"),
        BrokenFrame(
            frame(0x01, text, masked=masked) + frame(0x81, text, masked=masked), 1002, "5.4 a message in a message"
        ),
        BrokenFrame(frame(0x88, b"\x03", masked=masked), 1002, "5.5.1 half a code"),
        BrokenFrame(frame(0x88, (1005).to_bytes(2, "big"), masked=masked), 1002, "7.4.1 a code for no wire"),
        BrokenFrame(frame(0x88, b"\x13\x88", masked=masked), 1002, "7.4.2 a code above 4999"),
        BrokenFrame(frame(0x81, b"\xed\xa0\x80", masked=masked), 1007, "8.1 a surrogate"),
        BrokenFrame(frame(0x81, b"\xf0\x9f", masked=masked), 1007, "8.1 half a character"),
        BrokenFrame(
            frame(0x01, b"\xc3", masked=masked) + frame(0x80, b"\x28", masked=masked), 1007, "8.1 over two fragments"
        ),
    ]
    return draw(st.sampled_from(broken))


def close_frames(*, masked: bool) -> st.SearchStrategy[tuple[bytes, int]]:
    """A close frame with a code that may be sent (RFC 6455 section 7.4 and the IANA registry), and the code."""
    codes = st.one_of(st.sampled_from((*range(1000, 1004), *range(1007, 1015))), st.integers(3000, 4999))
    return codes.map(lambda code: (frame(0x88, code.to_bytes(2, "big"), masked=masked), code))


class Bomb(msgspec.Struct, frozen=True):
    """A small compressed frame (permessage-deflate, RFC 7692) whose message has ``size`` bytes."""

    data: bytes
    size: int


def bombs(*, masked: bool) -> st.SearchStrategy[Bomb]:
    """Compressed binary messages of a mebibyte and more."""

    def build(mebibytes: int) -> Bomb:
        squeeze = zlib.compressobj(wbits=-15)
        raw = squeeze.compress(bytes(mebibytes << 20)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        return Bomb(frame(0xC2, raw[:-4], masked=masked), mebibytes << 20)

    return st.integers(1, 8).map(build)


# -- opening handshakes (RFC 6455 section 4) ---------------------------------------------------------------------------

_FIELDS: Final = {
    "Host": "gateway.test",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
_KEY_LINE: Final = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


def handshake(path: str = "/", **changed: str | None) -> bytes:
    """An opening handshake; ``Sec_WebSocket_Key="!"`` replaces a field, ``None`` leaves it out."""
    fields: dict[str, str | None] = {**_FIELDS, **{name.replace("_", "-"): value for name, value in changed.items()}}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value is not None)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def broken_handshakes(path: str = "/") -> st.SearchStrategy[bytes]:
    """Opening handshakes that a server must refuse."""
    return st.sampled_from(
        [
            handshake(path, Host=None),
            handshake(path, Upgrade="h2c"),
            handshake(path, Connection="keep-alive"),
            handshake(path, Sec_WebSocket_Key=None),
            handshake(path, Sec_WebSocket_Key="!"),
            handshake(path, Sec_WebSocket_Key="c2hvcnQ="),
            handshake(path, Sec_WebSocket_Version="12"),
            handshake(path, Sec_WebSocket_Version=None),
            handshake(path, Sec_WebSocket_Protocol="a b"),
            handshake(path, Sec_WebSocket_Protocol="caf\u00e9"),
            handshake(path).replace(_KEY_LINE, _KEY_LINE + _KEY_LINE),
            handshake(path, Sec_WebSocket_Extensions="permessage-deflate; =1"),
            handshake(path).replace(b"HTTP/1.1", b"HTTP/1.0"),
            handshake(path).replace(b"GET", b"POST"),
        ]
    )


# -- bodies of providers ---------------------------------------------------------------------------------------------


class ProviderStream(msgspec.Struct, frozen=True):
    """A body as a provider sends it, and its payloads."""

    body: bytes
    payloads: list[bytes]


#: Values of JSON.
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_PAYLOADS: Final = st.lists(
    st.dictionaries(st.text(max_size=6), JSON, max_size=3).map(
        lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    ),
    max_size=6,
)


@st.composite
def event_streams(draw: st.DrawFn) -> ProviderStream:
    """Server-sent events: any line end, comments, other fields, no blank after the colon."""
    payloads = draw(_PAYLOADS)
    end = draw(st.sampled_from((b"\n", b"\r\n", b"\r")))
    body = draw(st.sampled_from((b"", b"\xef\xbb\xbf")))
    for payload in payloads:
        if draw(st.booleans()):
            body += b": keep-alive" + end + end
        if draw(st.booleans()):
            body += b"id: 7" + end
        body += draw(st.sampled_from((b"data: ", b"data:"))) + payload + end + end
    return ProviderStream(body, payloads)


@st.composite
def line_streams(draw: st.DrawFn) -> ProviderStream:
    """NDJSON: lines of JSON, blank lines between, the last one with or without its end."""
    payloads = draw(_PAYLOADS)
    end = draw(st.sampled_from((b"\n", b"\r\n")))
    body = b"".join(payload + end * draw(st.integers(1, 2)) for payload in payloads)
    return ProviderStream(body.rstrip(b"\r\n") if draw(st.booleans()) else body, payloads)


@st.composite
def chunked_bodies(draw: st.DrawFn, body: bytes) -> bytes:
    """``body`` in the chunked coding of RFC 9112 section 7.1, with extensions and trailers."""
    points = draw(st.lists(st.integers(0, 1 << 16), max_size=5))
    extension = draw(st.sampled_from((b"", b";a=b", b';q="x;y"')))
    size = draw(st.sampled_from((b"%x", b"%X", b"0%x")))
    coded = b"".join(size % len(piece) + extension + b"\r\n" + piece + b"\r\n" for piece in cut_at(body, points))
    return coded + b"0\r\n" + draw(st.sampled_from((b"", b"x-trailer: 1\r\n"))) + b"\r\n"
