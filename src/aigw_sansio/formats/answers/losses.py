"""What a format could not say: one note for each kind of loss in a response.

Decides: that nothing is lost silently, and nothing is told twice. Must not know: any format.
"""

from ..translation import Note


class Losses:
    """Collects the notes of one writer."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self._told: set[tuple[str, str]] = set()

    def dropped(self, field: str, why: str) -> None:
        """``field``, the type of an event, was not written, because ``why``."""
        if (field, why) not in self._told:
            self._told.add((field, why))
            self.notes.append(Note("dropped", field, why))
