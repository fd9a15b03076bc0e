"""What reads and writes the requests of a format: the types of these functions.

Data only. Losses go to the list of notes that they are given.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from ..prompt import JsonObject, Prompt
from .plain.conversation import Plain
from .translation import Note, Refused, WireRequest

#: Reads the body of a client's request. What it does not know goes to ``Prompt.extra``.
ReadRequest: TypeAlias = Callable[[JsonObject, list[Note]], Prompt | Refused]


class WriteRequest(Protocol):
    """Writes a request for a provider."""

    def __call__(self, prompt: Prompt, notes: list[Note], plain: Plain | None = None) -> WireRequest | Refused:
        """The request that ``prompt`` is. ``plain`` stands for its turns; then it raises
        :class:`~aigw_sansio.formats.plain.conversation.NotPlain` if turns are needed."""
