"""Lengths of audio.

Decides: what counts as a length. Must not know: any provider.
"""

_LONGEST = 1e9


def seconds(value: object, unit: float = 1.0) -> float | None:
    """``value``, a count of ``unit`` seconds, in seconds; ``None`` if it cannot be a length."""
    if type(value) is not int and type(value) is not float:
        return None
    return value * unit if 0 <= value <= _LONGEST else None
