"""Requests from one format to another.

Decides: the order of the steps: read, set the model, write; that a request without any words is none; that a plain
conversation goes from reader to writer without turns, if the writer can tell it so. Must not know: any format.
"""

from typing import Final

import msgspec

from ..formats.plain.conversation import NotPlain, Plain
from ..formats.translation import Note, Refused, WireRequest
from ..json_text import UNREADABLE
from ..prompt import JsonObject, Prompt
from .registry import find_format, find_reader

_decode: Final = msgspec.json.Decoder().decode


class Translated(msgspec.Struct, frozen=True):
    """``request`` is ready to be sent; ``notes`` say what was lost on the way."""

    request: WireRequest
    notes: tuple[Note, ...]
    _read: Prompt
    _plain: Plain | None = None

    @property
    def prompt(self) -> Prompt:
        """What the request asks. Who writes the response needs :attr:`settings` alone."""
        return _whole(self._read, self._plain)

    @property
    def settings(self) -> Prompt:
        """:attr:`prompt` without its turns."""
        return msgspec.structs.replace(self._read, turns=()) if self._read.turns else self._read

    def __repr__(self) -> str:
        return f"Translated({self.request!r}, {len(self.notes)} notes)"


def translate_request(
    body: object, *, source: str, target: str, model: str | None = None, stream: bool | None = None
) -> Translated | Refused:
    """The client's ``body``, which is in the format ``source``, as a request to a provider that speaks ``target``.

    ``body`` is a JSON value, or JSON itself as ``bytes``, which costs less than to read it first. A value is not
    changed; the result shares parts of it. ``model`` and ``stream`` replace what the client said. Next, send
    ``request``, and give ``settings`` to whoever translates the response. Raises
    :class:`~aigw_sansio.errors.LocalProtocolError` if one of the formats is unknown.
    """
    write = find_format(target).write
    notes: list[Note] = []
    read = _read(body, source, notes)
    if isinstance(read, Refused):
        return read
    prompt, plain = read
    if model is not None:
        prompt = msgspec.structs.replace(prompt, model=model)
    if stream is not None:
        prompt = msgspec.structs.replace(prompt, stream=stream)
    if plain is not None:
        known = len(notes)
        try:
            request = write(prompt, notes, plain)
        except NotPlain:
            del notes[known:]
            prompt, plain = _whole(prompt, plain), None
            request = write(prompt, notes)
    else:
        request = write(prompt, notes)
    if isinstance(request, Refused):
        return request
    return Translated(request=request, notes=tuple(notes), _read=prompt, _plain=plain)


def read_request(body: object, source: str) -> tuple[Prompt, tuple[Note, ...]] | Refused:
    """What the client's ``body``, a JSON value or JSON as ``bytes``, asks, and what of it was lost. Next,
    :func:`write_request`."""
    notes: list[Note] = []
    read = _read(body, source, notes)
    return read if isinstance(read, Refused) else (_whole(*read), tuple(notes))


def write_request(prompt: Prompt, target: str) -> tuple[WireRequest, tuple[Note, ...]] | Refused:
    """``prompt`` for a provider that speaks ``target``, and what of it was lost."""
    notes: list[Note] = []
    request = find_format(target).write(prompt, notes)
    return request if isinstance(request, Refused) else (request, tuple(notes))


def _read(body: object, source: str, notes: list[Note]) -> tuple[Prompt, Plain | None] | Refused:
    read, plain = find_reader(source)
    may_be_plain = True
    if type(body) is bytes:
        told = plain.read_text(body, notes)
        if told:
            return told
        may_be_plain = told is None
        try:
            body = _decode(body)
        except UNREADABLE:
            return Refused("body", "It must be JSON, RFC 8259.")
    if type(body) is not dict:
        return Refused("body", "It must be a JSON object.")
    members: JsonObject = body
    found = plain.read(members, notes) if may_be_plain else None
    if found is not None:
        return found
    prompt = read(members, notes)
    if isinstance(prompt, Refused):
        return prompt
    if not prompt.turns and _says_nothing(prompt):
        empty = members.get(plain.member) is None
        return Refused(plain.member, "It holds nothing to respond to.", "missing" if empty else "value")
    return prompt, None


def _whole(prompt: Prompt, plain: Plain | None) -> Prompt:
    return prompt if plain is None else msgspec.structs.replace(prompt, turns=plain.turns())


def _says_nothing(prompt: Prompt) -> bool:
    """Whether a request without turns has no conversation at all, here or where the provider keeps it. Some formats
    need a message, and their writers put one in: the response would be to words that are nobody's."""
    kept = prompt.previous_response_id or prompt.extra.get("conversation") or prompt.extra.get("prompt")
    return not (prompt.instructions or kept)
