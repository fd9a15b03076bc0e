"""State machines as tables: one dict literal for each machine, and the diagram drawn from it.

Decides: that a pair (state, input) without an entry is illegal: it raises and changes nothing. Must not know: any
machine. Side effects belong to the caller, after the move.
"""

from enum import IntEnum
from typing import Generic, TypeVar

from ..errors import LocalProtocolError

S = TypeVar("S", bound=IntEnum)
I = TypeVar("I", bound=IntEnum)  # noqa: E741 - S for state, I for input


class Machine(Generic[S, I]):
    """One running machine. Its ``table`` ``{(state, input): next state}`` is shared."""

    __slots__ = ("_table", "state")

    def __init__(self, table: dict[tuple[S, I], S], state: S) -> None:
        self._table = table
        self.state = state

    def fire(self, event: I) -> S:
        """Move by ``event`` and return the new state. ``LocalProtocolError`` if the table has no such pair."""
        state = self._table.get((self.state, event))
        if state is None:
            raise LocalProtocolError(f"{event.name} is not allowed in state {self.state.name}")
        self.state = state
        return state

    def allows(self, event: I) -> bool:
        """Whether ``fire(event)`` would move."""
        return (self.state, event) in self._table


def to_mermaid(table: dict[tuple[S, I], S], initial: S) -> str:
    """The table as a Mermaid state diagram. Inputs between the same two states share an arrow."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for (state, event), target in table.items():
        arrows.setdefault((state.name, target.name), []).append(event.name.lower())
    lines = ["stateDiagram-v2", f"    [*] --> {initial.name}"]
    lines += [f"    {state} --> {target}: {', '.join(events)}" for (state, target), events in arrows.items()]
    return "\n".join(lines)
