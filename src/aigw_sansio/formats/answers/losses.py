"""What a format could not say: one note for each kind of loss in a response.

Decides: that nothing is lost silently, nothing is told twice, and a provider cannot make the notes grow without end.
Must not know: any format.
"""

from typing import Final

from ..translation import Note

#: The most kinds of losses that are told one by one.
MOST: Final = 20


class Losses:
    """Collects the notes of one writer."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self._told: set[tuple[str, str]] = set()

    def dropped(self, field: str, why: str) -> None:
        """``field``, the type of an event, was not written, because ``why``."""
        if (field, why) in self._told or len(self.notes) > MOST:
            return
        if len(self.notes) == MOST:
            field, why = "notes", "more was dropped, of kinds that are not shown"
        self._told.add((field, why))
        self.notes.append(Note("dropped", field, why))
