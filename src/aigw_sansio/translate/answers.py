"""Responses from a provider's format to a client's.

Decides: what the writer of a response has to know of the request; who writes for the clients of a format; the order of
the steps: divide, read, write, frame. Must not know: what any format says.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from ..bodies.chunk import Chunk, feed_all, finish_all
from ..bodies.framing import decoder_for
from ..config import Limits
from ..errors import LocalProtocolError
from ..events import ResponseFailed
from ..formats.answers.anthropic import AnthropicWriter
from ..formats.answers.base import AnswerContext, AnswerWriter
from ..formats.answers.errors import ClientFormat, provider_error, shown_status
from ..formats.answers.openai_chat import ChatWriter
from ..formats.answers.openai_responses import ResponsesWriter
from ..formats.anthropic_tools import output_tool
from ..formats.media import find_media
from ..formats.registry import make_reader
from ..formats.request_tools import original_names
from ..formats.translation import Note, WireRequest
from ..prompt import CustomTool, Prompt
from .registry import find_format, unknown_format

_DONE: Final = b"[DONE]"


class _Client(NamedTuple):
    """A format that clients speak, and what writes it. ``named``: events of its streams have names, their types."""

    format: ClientFormat
    writer: Callable[[AnswerContext], AnswerWriter]
    named: bool = True


_CLIENTS: Final[Mapping[str, _Client]] = {
    "openai-chat": _Client("openai-chat", ChatWriter, named=False),
    "openai-responses": _Client("openai-responses", ResponsesWriter),
    "anthropic-messages": _Client("anthropic-messages", AnthropicWriter),
}


def answer_context(
    prompt: Prompt, target: str, *, id: str, created: int, model: str = "", request: WireRequest | None = None
) -> AnswerContext:
    """What the writer of a response has to know of its request. ``prompt`` was asked of a provider that speaks
    ``target``; ``request`` is what was written from it, if it is known.

    ``id`` makes the ids of the response, ``created`` is its time in seconds since 1970, ``model`` the name that the
    client is told if the provider tells none; by default that of the prompt. Next, :class:`AnswerTranslator`, or
    :func:`translate_answer`.
    """
    row = find_format(target)
    names = {} if row.names is None else original_names(prompt.tools, row.names)
    sent = {original: name for name, original in names.items()}
    custom = () if row.custom_tools else [tool.name for tool in prompt.tools if isinstance(tool, CustomTool)]
    return AnswerContext(
        id=id,
        created=created,
        model=model or prompt.model,
        prompt=prompt,
        include_usage=prompt.include_usage,
        source=row.answers,
        maker=row.maker or ("anthropic" if "claude" in prompt.model else "amazon"),
        tool_names=names,
        custom_tools=frozenset(sent.get(name, name) for name in custom),
        output_tool=None if request is None else output_tool(request.body),
    )


def make_writer(target: str, context: AnswerContext) -> AnswerWriter:
    """A new writer of one response in the client's format ``target``. Raises
    :class:`~aigw_sansio.errors.LocalProtocolError` if clients do not speak it."""
    return _client(target).writer(context)


class _Typed(msgspec.Struct):
    type: str


_decode_type: Final = msgspec.json.Decoder(_Typed).decode


class Answer(msgspec.Struct, frozen=True):
    """A whole response for the client, and what was lost of it."""

    status: int
    body: bytes
    notes: tuple[Note, ...] = ()

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.body)} bytes, {len(self.notes)} notes)"


def translate_answer(
    body: bytes, *, target: str, context: AnswerContext, status: int = 200, completed: int | None = None
) -> Answer:
    """A whole response of a provider, that is no stream, in the client's format ``target``. An error of the provider
    becomes one of the client's format. ``context`` comes from :func:`answer_context`. ``completed``: the time, in
    seconds since 1970, for formats that tell it. Never raises for any ``body``."""
    form = client_format(target)
    if status >= 300:
        shown = provider_error(form, status, body)
        return Answer(shown.status, shown.body)
    writer = make_writer(target, context)
    events = make_reader(context.source).read_whole(body)
    if writer.wants_logprobs:
        writer.take_logprobs(body)
    written = writer.write_whole(events, find_media(body, events), completed=completed)
    failed = writer.failed
    return Answer(status if failed is None else shown_status(form, failed), written, tuple(writer.notes))


class AnswerTranslator:
    """Translates one streamed response. Call :meth:`feed` with the bytes of its body as they come, then
    :meth:`finish`; each returns server-sent events for the client. Never raises for any bytes."""

    def __init__(self, *, target: str, context: AnswerContext, provider: str, limits: Limits | None = None) -> None:
        """``target`` is the client's format, ``provider`` that in which the request was written. ``context`` comes from
        :func:`answer_context`."""
        client = _client(target)
        self._named = client.named
        self._writer = client.writer(context)
        self._reader = make_reader(context.source)
        self._over = False
        limits = limits or Limits()
        self._most = limits.response_body_bytes  # so much may be kept for the end, or until it can be told in order
        self._decoder = decoder_for(find_format(provider).framing, limits, self._on_done)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was lost so far."""
        return tuple(self._writer.notes)

    def feed(self, data: bytes) -> bytes:
        """More of the body, cut anywhere. Returns what it means for the client; nothing after an error."""
        if self._over:
            return b""
        return self._write(feed_all(self._decoder, data)) + self._broken()

    def finish(self, *, completed: int | None = None) -> bytes:
        """The body ended. Returns the end of the client's response. ``completed``: the time, in seconds since 1970, for
        formats that tell it."""
        if self._over:
            return b""
        out = self._write(finish_all(self._decoder))
        broken = self._broken()
        if broken:
            return out + broken
        self._over = True
        out += self._framed(self._writer.write(self._reader.finish()))
        return out + self._framed(self._writer.finish(completed=completed))

    def _write(self, chunks: Iterable[Chunk]) -> bytes:
        out: list[bytes] = []
        for chunk in chunks:
            events = self._reader.read(chunk)
            if self._writer.wants_logprobs:
                self._writer.take_logprobs(chunk.data)
            out += self._writer.write(events, find_media(chunk.data, events))
        return self._framed(out)

    def _on_done(self) -> None:
        self._reader.read(Chunk(_DONE))

    def _broken(self) -> bytes:
        if self._over:
            return b""
        if self._decoder.fault is not None:
            detail = self._decoder.fault.detail
        elif self._writer.held > self._most:
            detail = f"the client's format keeps parts of a response, here more than {self._most} bytes"
        else:
            return b""
        self._over = True
        return self._framed(self._writer.write([ResponseFailed(detail, error_class="server")]))

    def _framed(self, payloads: Sequence[bytes]) -> bytes:
        return b"".join(self._event(payload) for payload in payloads)

    def _event(self, payload: bytes) -> bytes:
        """One server-sent event."""
        if not self._named or payload == _DONE:
            return b"data: " + payload + b"\n\n"
        return b"event: " + _decode_type(payload).type.encode() + b"\ndata: " + payload + b"\n\n"


def client_format(target: str) -> ClientFormat:
    """``target`` as a format that clients speak; raises :class:`~aigw_sansio.errors.LocalProtocolError` if it is
    none."""
    return _client(target).format


def _client(target: str) -> _Client:
    found = _CLIENTS.get(target)
    if found is None:
        raise LocalProtocolError(unknown_format(target, _CLIENTS))
    return found
