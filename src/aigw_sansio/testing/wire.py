"""Hypothesis strategies for protocol tests: WebSocket, HTTP bodies, universal conversations, and prompts.

Decides: which inputs are worth trying, and what a correct reader must report for them. Must not know: any
implementation; they work for another library as well as for this one. Needs ``hypothesis``, which no other module here
imports.

Each strategy for valid input gives the bytes together with their meaning, so a test reads like this::

    from hypothesis import given
    from aigw_sansio.testing import cuts, message_streams

    @given(message_streams(masked=True).flatmap(lambda stream: tuples(just(stream), cuts(stream.data))))
    def test_my_server(case):
        stream, pieces = case
        assert my_reader(pieces) == stream.messages

``tests/examples/findings_in_wsproto.py`` runs them against another library and shows what they find.
"""

import json
import zlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

import msgspec
from hypothesis import strategies as st

from . import prompt as p

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


_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_PAYLOADS: Final = st.lists(
    st.dictionaries(st.text(max_size=6), _JSON, max_size=3).map(
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


# -- universal conversations -----------------------------------------------------------------------------------------


@st.composite
def universal_messages(draw: st.DrawFn, event_ids: tuple[str, ...] = ("a", "b", "c")) -> bytes:
    """One client message: mostly a valid one, sometimes an invalid one."""
    event_id = draw(st.sampled_from(event_ids))
    kind = draw(st.sampled_from(("create", "create", "create", "cancel", "ping", "bad")))
    if kind == "ping":
        return b'{"type":"universal.ping"}'
    if kind == "cancel":
        return json.dumps({"type": "universal.cancel", "eventId": event_id}).encode()
    if kind == "bad":
        return draw(st.sampled_from((b"", b"{", b"[]", b'{"type":"x"}', b'{"type":"universal.create"}', b"\xff")))
    steps: list[dict[str, Any]] = [
        {
            "provider": draw(st.sampled_from(("openai", "anthropic", "groq", "nobody"))),
            "endpoint": draw(st.sampled_from(("chat/completions", "v1/messages", "../x"))),
            "headers": {"authorization": "Bearer key"},
            "query": {"model": "m", "stream": draw(st.booleans())},
        }
        for _ in range(draw(st.integers(1, 2)))
    ]
    steps[0]["eventId"] = event_id
    request: object = steps if len(steps) > 1 or draw(st.booleans()) else steps[0]
    return json.dumps({"type": "universal.create", "request": request}).encode()


# -- prompts ---------------------------------------------------------------------------------------------------------

_WORDS: Final = st.sampled_from(("Hello", "Be brief.", "a\nb", "h\u00e9llo \U0001f44b", "{}", "12", "<x>")) | st.text(
    "ab \u00e9", min_size=1, max_size=8
).filter(lambda text: text == text.strip())
_ID: Final = st.sampled_from(("call_1", "toolu_01A", "abcdefghi", "a b|c", "x" * 90)) | st.text("abc_", min_size=1)
_TOOL_NAMES: Final = st.sampled_from(("get_weather", "f", "Look-up", "mcp.server/tool", "t" * 100))
_SCHEMAS: Final[st.SearchStrategy[p.JsonObject | None]] = st.none() | st.sampled_from(("string", "integer")).map(
    lambda kind: {"type": "object", "properties": {"city": {"type": kind}}, "required": ["city"]}
)
_OBJECTS: Final = st.dictionaries(st.text("abc", min_size=1, max_size=3), _JSON, max_size=2)
_ARGUMENTS: Final = st.one_of(
    _OBJECTS.map(lambda value: msgspec.json.encode(value).decode()), st.sampled_from(("{}", "{", "[1]"))
)
_MAKERS: Final = st.sampled_from(("openai", "anthropic", "google"))
_OPAQUE: Final = st.builds(p.Opaque, _MAKERS, st.sampled_from(("c2ln", "EqQBCkYIARgCKkA=")))
_YES: Final = st.sampled_from((True,))
_CACHE: Final = st.sampled_from((p.CacheMark(), p.CacheMark("5m"), p.CacheMark("1h")))


def _sources(mime_type: str) -> st.SearchStrategy[p.Source]:
    near: st.SearchStrategy[p.Source] = st.just(p.Blob("aGVsbG8=", mime_type))
    return near | st.just(p.Uri(f"https://media.test/{mime_type}")) | st.builds(p.UploadedFile, st.just("f-1"), _MAKERS)


_IMAGES: Final = st.builds(p.Image, _sources("image/png"), st.none() | st.sampled_from(("low", "high")))
_FILES: Final = st.builds(
    p.File, _sources("application/pdf") | st.just(p.PlainText("Once.")), st.none() | st.just("a.pdf")
)
_SOUNDS: Final = st.builds(p.Audio, st.just(p.Blob("aGVsbG8=", "audio/wav")))
_DEFINED_BY: Final = (("openai", "openai-chat"), ("openai", "openai-responses"), ("anthropic", ""), ("google", ""))
_NATIVE: Final = st.sampled_from(_DEFINED_BY).map(lambda by: p.Native(by[0], {"type": "block", "id": "s1"}, by[1]))
#: What a prompt may have beside texts: a field and its values.
_SETTINGS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "parallel_tool_calls": st.booleans(),
    "output": st.builds(p.OutputFormat, st.just("json_schema"), st.just("city"), _SCHEMAS.filter(bool), st.booleans())
    | st.just(p.OutputFormat("json_object")),
    "modalities": st.sampled_from((("text",), ("text", "audio"))),
    "max_tokens": st.integers(1, 100_000),
    "temperature": st.integers(0, 8).map(lambda number: number / 4),
    "top_p": st.integers(0, 4).map(lambda number: number / 4),
    "top_k": st.integers(1, 600),
    "min_p": st.just(0.25),
    "stop_sequences": st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True).map(tuple),
    "seed": st.integers(0, 1 << 40),
    "presence_penalty": st.integers(-4, 4).map(lambda number: number / 2),
    "frequency_penalty": st.integers(-4, 4).map(lambda number: number / 2),
    "repetition_penalty": st.sampled_from((1.0, 1.25)),
    "logit_bias": st.just({"50256": -100.0}),
    "logprobs": st.integers(0, 20),
    "choice_count": st.integers(1, 3),
    "verbosity": st.sampled_from(("low", "medium", "high")),
    "reasoning": st.builds(p.ReasoningSettings, st.sampled_from(("none", "minimal", "low", "high", "max")))
    | st.builds(p.ReasoningSettings, st.none(), st.integers(0, 20_000))
    | st.builds(p.ReasoningSettings, adaptive=_YES, summary=st.none() | st.just("auto")),
    "cache": _CACHE,
    "cache_key": _WORDS,
    "metadata": st.just({"project": "x"}),
    "end_user": _WORDS,
    "service_tier": st.sampled_from(("auto", "default", "flex")),
    "stream": _YES,
    "include_usage": _YES,
    "store": st.booleans(),
    "previous_response_id": st.just("resp_1"),
    "extra": _OBJECTS,
}
_HISTORY: Final = (
    "calls", "reasoning parts", "images", "files", "audio", "refusals", "native parts", "custom tools", "cache marks",
    "errors", "media from tools", "system turns", "names", "choice of tools", "strict tools",
)  # fmt: skip
_SHOWN: Final[dict[str, st.SearchStrategy[Any]]] = {"media from tools": _IMAGES}
_NEED_TOOLS: Final = {"calls", "custom tools", "choice of tools", "strict tools", "errors", "media from tools"}


@st.composite
def prompts(draw: st.DrawFn, *, maker: str = "", most: int = 3) -> p.Prompt:
    """Requests that make sense: each call of a tool is answered by the next turn, ids are unique, a choice names tools
    that there are. ``most``: so many features stand at most beside plain texts, so that small examples are frequent.
    ``maker`` is :attr:`aigw_sansio.prompt.Prompt.maker`."""
    features = draw(st.sets(st.sampled_from((*_SETTINGS, *_HISTORY)), max_size=most))
    features |= {"max_tokens"} if draw(st.booleans()) else set()  # some formats cannot do without
    fields = {name: draw(_SETTINGS[name]) for name in _SETTINGS if name in features}
    cache = st.none() | _CACHE if "cache marks" in features else st.none()
    texts = st.builds(p.Text, _WORDS, cache)
    tools = draw(_tools(features, cache))
    return p.Prompt(
        model=draw(st.sampled_from(("model-1", "gpt-4.1", "claude-sonnet-4-5", "gemini-2.5-flash"))),
        instructions=tuple(draw(st.lists(texts, max_size=2))),
        turns=tuple(draw(_turns(features, tools, texts))),
        tools=tools,
        tool_choice=draw(_choices(tools)) if "choice of tools" in features and tools else None,
        maker=maker,
        **fields,
    )


@st.composite
def _tools(draw: st.DrawFn, features: set[str], cache: st.SearchStrategy[p.CacheMark | None]) -> tuple[p.Tool, ...]:
    if not features & _NEED_TOOLS:
        return ()
    strict = st.sampled_from((None, True, False) if "strict tools" in features else (None,))
    function = st.builds(p.FunctionTool, _TOOL_NAMES, _WORDS, _SCHEMAS, strict, cache)
    tools = draw(st.lists(function, min_size=1, max_size=2, unique_by=lambda tool: tool.name))
    return (*tools, p.CustomTool("shell", draw(_WORDS))) if "custom tools" in features else tuple(tools)


def _choices(tools: tuple[p.Tool, ...]) -> st.SearchStrategy[p.ToolChoice]:
    names = [tool.name for tool in tools if isinstance(tool, p.FunctionTool)]
    some = st.lists(st.sampled_from(names), max_size=2, unique=True).map(tuple)
    return st.builds(p.ToolChoice, st.sampled_from(("auto", "required")), some) | st.just(p.ToolChoice("none"))


@st.composite
def _turns(
    draw: st.DrawFn, features: set[str], tools: tuple[p.Tool, ...], texts: st.SearchStrategy[p.Text]
) -> list[p.Turn]:
    def parts(kinds: dict[str, st.SearchStrategy[Any]], least: int = 1) -> tuple[Any, ...]:
        some = st.one_of(texts, *(kinds[name] for name in kinds if name in features))
        return tuple(draw(st.lists(some, min_size=least, max_size=2)))

    names = st.none() | st.just("Bo") if "names" in features else st.none()
    turns: list[p.Turn] = []
    ids: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        if "system turns" in features and turns:
            turns.append(p.Turn("system", (draw(texts),)))
        turns.append(p.Turn("user", parts({"images": _IMAGES, "files": _FILES, "audio": _SOUNDS}), draw(names)))
        calls: list[p.ToolCall] = []
        for tool in draw(st.lists(st.sampled_from(tools), max_size=2)) if tools else ():
            ids.append(draw(_ID.filter(lambda made: made not in ids)))
            made = p.ToolCall(ids[-1], getattr(tool, "name", ""), custom=isinstance(tool, p.CustomTool))
            calls.append(msgspec.structs.replace(made, arguments=draw(_WORDS if made.custom else _ARGUMENTS)))
        thoughts = (p.Reasoning(draw(_WORDS), draw(st.none() | _OPAQUE)),) if "reasoning parts" in features else ()
        said = parts({"refusals": st.builds(p.Refusal, _WORDS), "native parts": _NATIVE}, least=not calls)
        turns.append(p.Turn("assistant", (*thoughts, *said, *calls)))
        blank = p.ToolCallResponse("", is_error="errors" in features)
        responses = [
            msgspec.structs.replace(blank, id=call.id, response=parts(_SHOWN, 0), name=call.name, custom=call.custom)
            for call in calls
        ]
        turns += [p.Turn("tool", tuple(responses))] if responses else []
    return [*turns, p.Turn("user", (draw(texts),))] if turns[-1].role == "assistant" else turns
