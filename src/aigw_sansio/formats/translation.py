"""What reading and writing a request gives: notes, refusals, and a request ready to be sent.

Data only. A function that reads or writes a request is pure and never raises on any JSON. It tells its losses in the
list ``notes`` that it is given, and returns a :class:`Refused` in place of its result if going on would make the
response lie. Nothing is lost silently.
"""

from typing import Final, Literal

import msgspec

from ..faults import Problem
from .values import JsonObject

#: Characters of the longest name of a model with which it is tried what a target takes.
LONGEST_MODEL: Final = 2048


class Note(msgspec.Struct, frozen=True):
    """What was not sent as the client wrote it.

    ``dropped``: the target has no place for it. ``clamped``: it was out of the target's range. ``mapped``: it is said
    in another way that means nearly the same. ``field`` is its name in :class:`~aigw_sansio.prompt.Prompt`, with a
    position if it is one of many (``turns[3].parts[0]``); ``why`` is one plain sentence without any content.
    """

    kind: Literal["dropped", "clamped", "mapped"]
    field: str
    why: str


class Refused(msgspec.Struct, frozen=True, omit_defaults=True):
    """The request cannot be read, or cannot be said to this target without making its response lie. A value, never
    raised; fields as in :class:`Note`. A reader names the member of the client's own body in ``field``. ``problem`` is
    what is wrong with it, if that is known."""

    field: str
    why: str
    problem: Problem | None = None


class WireRequest(msgspec.Struct, frozen=True):
    """An HTTP request for a provider. ``path`` is relative to the provider's endpoint root, without a slash in front,
    and with its query; ``headers`` are those that the format needs beside the key (``anthropic-version``); ``body`` is
    to be encoded as JSON."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: JsonObject

    def __repr__(self) -> str:
        return f"WireRequest({self.method}, {len(self.body)} members)"
