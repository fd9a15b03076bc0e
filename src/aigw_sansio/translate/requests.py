"""Requests from one format to another.

Decides: the order of the steps: read, set the model, write; that a request without any words is none. Must not know:
any format.
"""

import msgspec

from ..formats.translation import Note, Refused, WireRequest
from ..prompt import JsonObject, Prompt
from .registry import find_format, find_reader


class Translated(msgspec.Struct, frozen=True):
    """``request`` is ready to be sent; ``prompt`` is what it asks, for whoever writes the response; ``notes`` say what
    was lost on the way."""

    request: WireRequest
    prompt: Prompt
    notes: tuple[Note, ...]

    def __repr__(self) -> str:
        return f"Translated({self.request!r}, {len(self.notes)} notes)"


def translate_request(
    body: object, *, source: str, target: str, model: str | None = None, stream: bool | None = None
) -> Translated | Refused:
    """The client's ``body``, which is in the format ``source``, as a request to a provider that speaks ``target``.

    ``body`` is a JSON value and is not changed; the result shares parts of it. ``model`` and ``stream`` replace what
    the client said. Next, send ``request``, and give ``prompt`` to whoever translates the response. Raises
    :class:`~aigw_sansio.errors.LocalProtocolError` if one of the formats is unknown.
    """
    write = find_format(target).write
    notes: list[Note] = []
    prompt = _read(body, source, notes)
    if isinstance(prompt, Refused):
        return prompt
    if model is not None:
        prompt = msgspec.structs.replace(prompt, model=model)
    if stream is not None:
        prompt = msgspec.structs.replace(prompt, stream=stream)
    request = write(prompt, notes)
    return request if isinstance(request, Refused) else Translated(request, prompt, tuple(notes))


def read_request(body: object, source: str) -> tuple[Prompt, tuple[Note, ...]] | Refused:
    """What the client's ``body`` asks, and what of it was lost. Next, :func:`write_request`."""
    notes: list[Note] = []
    prompt = _read(body, source, notes)
    return prompt if isinstance(prompt, Refused) else (prompt, tuple(notes))


def write_request(prompt: Prompt, target: str) -> tuple[WireRequest, tuple[Note, ...]] | Refused:
    """``prompt`` for a provider that speaks ``target``, and what of it was lost."""
    notes: list[Note] = []
    request = find_format(target).write(prompt, notes)
    return request if isinstance(request, Refused) else (request, tuple(notes))


def _read(body: object, source: str, notes: list[Note]) -> Prompt | Refused:
    read = find_reader(source)
    if type(body) is not dict:
        return Refused("body", "It must be a JSON object.")
    members: JsonObject = body
    prompt = read(members, notes)
    if isinstance(prompt, Prompt) and not prompt.turns and _says_nothing(prompt):
        return Refused("input" if "input" in members else "messages", "It holds nothing to respond to.")
    return prompt


def _says_nothing(prompt: Prompt) -> bool:
    """Whether a request without turns has no conversation at all, here or where the provider keeps it. Some formats
    need a message, and their writers put one in: the response would be to words that are nobody's."""
    kept = prompt.previous_response_id or prompt.extra.get("conversation") or prompt.extra.get("prompt")
    return not (prompt.instructions or kept)
