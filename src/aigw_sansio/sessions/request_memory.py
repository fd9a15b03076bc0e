"""What a request takes in memory before it is planned.

Decides: what a step counts. Must not know: limits, and what becomes of a request.
"""

from typing import Final

from ..dialects.commands import Step

#: What a step and one of its headers take in memory beside their texts: bytes, measured with CPython 3.11.
_STEP_BYTES: Final = 1536
_HEADER_BYTES: Final = 160


def size_of(step: Step) -> int:
    """Bytes that a step takes in memory: its query or body, its headers, its endpoint, and the objects for them."""
    size = _STEP_BYTES + len(step.query or step.body or b"") + 2 * len(step.endpoint)
    for name, value in step.headers:
        size += _HEADER_BYTES + len(name) + len(value)
    return size
