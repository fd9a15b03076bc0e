"""The ids of tool calls in an answer: the provider's own, unless it gave none, or one twice.

Decides: that each call has an id, and that no two have the same. Must not know: any format. A provider's id stays as it
is, however long it is: the client sends it back to that provider.
"""

from .encoding import make_id


class ToolIds:
    """Gives the ids of one answer. ``prefix`` is what the format puts before those that are made."""

    def __init__(self, prefix: str, answer: str) -> None:
        self._prefix = prefix
        self._answer = answer
        self._given: set[str] = set()

    def give(self, call: int, own: str | None) -> str:
        """The id for the call with the number ``call``, whose id at the provider is ``own``."""
        id_ = own or make_id(self._prefix, self._answer, call)
        if id_ in self._given:  # Workers AI repeats ids
            id_ = make_id(self._prefix, self._answer, call, own)
        self._given.add(id_)
        return id_
