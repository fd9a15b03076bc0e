"""A way out of the middle of a request that cannot be read or written.

Decides: nothing. Must not know: any format.
"""

from typing import TypeVar

from ..faults import Problem
from .translation import Refused

_T = TypeVar("_T")


class RequestRefused(Exception):
    """Carries a refusal from the depth of a reader or writer to its public function, which returns it. It never leaves
    a format."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.field)
        self.refused = refused


def refusal(field: str, why: str, problem: Problem | None = None) -> RequestRefused:
    """What to raise if the request fails because of ``field``; ``why`` is one plain sentence without content."""
    return RequestRefused(Refused(field, why, problem))


def accepted(value: _T | Refused) -> _T:
    """``value``, unless it is a refusal: that is raised."""
    if isinstance(value, Refused):
        raise RequestRefused(value)
    return value
