"""The options of a request in its ``loopback`` field, and the plan by which its answer is sent.

Decides: the options, their ranges, and the plan that they make of an answer: pieces, pauses before them, the ending.
Must not know: sockets, HTTP, and the JSON of any provider.
"""

import zlib
from itertools import pairwise
from typing import Annotated, Literal, TypeAlias

import msgspec

Milliseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=3_600_000)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Size: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1 << 30)]
LineEnd: TypeAlias = Literal["lf", "crlf", "cr"]
Break: TypeAlias = Literal["reset", "close", "mid_chunk"]
Ending: TypeAlias = Literal["end", "stall", "reset", "close", "mid_chunk"]

_LINE_ENDS: dict[LineEnd, bytes] = {"lf": b"\n", "crlf": b"\r\n", "cr": b"\r"}


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``loopback`` object of a request body. Real providers ignore it.

    A *chunk* is one delta of text or tool arguments; in an answer that is not streamed, a part of the body.
    """

    delay_ms: Milliseconds = 0  #: before the response head
    first_chunk_delay_ms: Milliseconds = 0  #: before the first chunk
    chunk_delay_ms: Milliseconds = 0  #: before each later chunk
    chunks: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None  #: how many; by the prompt if absent
    chunk_bytes: Size | None = None  #: text of each chunk, padded or cut to this many bytes
    status: Annotated[int, msgspec.Meta(ge=300, le=599)] | None = None  #: fail with it
    retry_after: Annotated[int, msgspec.Meta(ge=0)] | str | None = None  #: header of the failure
    fail_times: Count | None = None  #: fail this many requests with the same ``key``, with 503 or ``status``
    key: str = ""
    break_after_chunks: Count | None = None  #: then end the connection, in the way of ``how``
    how: Break = "close"
    stall_after_chunks: Count | None = None  #: then send nothing more
    error_event_after_chunks: Count | None = None  #: then the provider's own error event and the end of the body
    split: Literal["bytes", "odd"] | Size | None = None  #: cut writes: single bytes; 1, 3, 5, ... bytes; this size
    garbage: bool = False  #: send bytes that are not HTTP
    close_delimited: bool = False  #: the body ends with the connection
    content_length: bool = False  #: a streamed answer has a content-length
    gzip: bool = False
    line_end: LineEnd = "lf"  #: of server-sent events
    no_done: bool = False  #: leave out the event that ends a stream
    huge_line_bytes: Size | None = None  #: instead of events one unfinished line of this size

    def __post_init__(self) -> None:
        if self.fail_times is not None and not self.key:
            raise ValueError("`fail_times` needs `key`: it groups the attempts of one request")


def parse_options(value: object) -> Options | str:
    """The options in ``value``, or a message that says what is wrong and what is allowed."""
    try:
        return msgspec.convert(value, Options)
    except msgspec.ValidationError as error:
        return f"`loopback`: {error}. Allowed are: {', '.join(Options.__struct_fields__)}"


class Piece(msgspec.Struct, frozen=True):
    """A part of the body. ``chunk``: the options that count chunks count it."""

    data: bytes
    chunk: bool = False


class HttpResponse(msgspec.Struct, frozen=True):
    """The response of a provider, before the options are applied."""

    status: int
    content_type: str
    pieces: list[Piece]
    #: The event that ends a stream in this format, sent last.
    done: bytes = b""
    #: The event by which this format reports an error in mid-stream.
    error_event: bytes = b""
    headers: list[tuple[str, str]] = []

    @property
    def streamed(self) -> bool:
        """Whether the body is a stream of events."""
        return self.content_type.startswith("text/event-stream")


class Plan(msgspec.Struct, frozen=True):
    """The steps in which a response is sent: ``(pause in seconds, body bytes)`` in order, then the ending."""

    steps: list[tuple[float, bytes]]
    ending: Ending


def plan(answer: HttpResponse, options: Options) -> Plan:
    """Apply ``options`` to ``answer``."""
    pieces = answer.pieces
    stops: list[tuple[int, Ending | Literal["error"]]] = []
    if options.break_after_chunks is not None:
        stops.append((options.break_after_chunks, options.how))
    if options.stall_after_chunks is not None:
        stops.append((options.stall_after_chunks, "stall"))
    if options.error_event_after_chunks is not None:
        stops.append((options.error_event_after_chunks, "error"))
    last, how = min(stops, default=(-1, "end"))
    if answer.streamed:
        if options.huge_line_bytes is not None:
            pieces = [Piece(b"data: ".ljust(options.huge_line_bytes, b"x")[: options.huge_line_bytes], chunk=True)]
        elif answer.done and not options.no_done:
            pieces = [*pieces, Piece(answer.done)]
    elif answer.status < 300:  # a failure is one piece, without the pauses for content
        pieces = _cut(b"".join(piece.data for piece in pieces), max(options.chunks or 1, last + 1))
    squeeze = zlib.compressobj(wbits=31) if options.gzip else None
    line_end = _LINE_ENDS[options.line_end]
    steps: list[tuple[float, bytes]] = []

    def add(data: bytes, delay_ms: int = 0) -> None:
        if answer.streamed:
            data = data.replace(b"\n", line_end)
        if squeeze is not None:
            data = squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        if data or delay_ms:
            steps.append((delay_ms / 1000, data))

    seen = 0
    for piece in pieces:
        if seen == last and (seen or piece.chunk):
            break
        add(piece.data, (options.chunk_delay_ms if seen else options.first_chunk_delay_ms) if piece.chunk else 0)
        seen += piece.chunk
    else:
        if seen != last:
            how = "end"  # it ended before that chunk
    if how == "error":
        add(answer.error_event)
        how = "end"
    if squeeze is not None and how == "end":
        steps.append((0.0, squeeze.flush()))
    return Plan(steps, how)


def _cut(data: bytes, parts: int) -> list[Piece]:
    """``data`` in ``parts`` pieces of nearly equal size, or fewer if it is too short."""
    parts = min(parts, max(1, len(data)))
    edges = [len(data) * number // parts for number in range(parts + 1)]
    return [Piece(data[start:stop], chunk=True) for start, stop in pairwise(edges)]


def cuts(data: bytes, split: Literal["bytes", "odd"] | int | None) -> list[bytes]:
    """Cut ``data`` into writes as ``split`` says."""
    if split is None:
        return [data]
    pieces: list[bytes] = []
    pos = 0
    size = split if isinstance(split, int) else 1
    while pos < len(data):
        pieces.append(data[pos : pos + size])
        pos += size
        if split == "odd":
            size = size + 2 if size < 15 else 1
    return pieces
