"""What is told of now, kept for a moment.

Decides: how long it counts as told of now. Must not know: what is told.
"""

from typing import Final

#: Seconds for which it does.
FRESH_S: Final = 0.5


def fresh(made: tuple[float, bytes] | None, now: float) -> bytes | None:
    """What was made, if that is less than :data:`FRESH_S` ago; ``made``: when, and what."""
    return made[1] if made is not None and 0 <= now - made[0] < FRESH_S else None
