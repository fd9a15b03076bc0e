"""The state machine of an upstream connection.

Decides: which moves are legal. Must not know: the side effects of a move; :mod:`.connection` runs them after it.
"""

from enum import IntEnum


class UpstreamState(IntEnum):
    """The states of an upstream connection. DRAINING: it takes no new calls."""

    DIALING = 0
    OPEN = 1
    DRAINING = 2
    CLOSED = 3


class UpstreamInput(IntEnum):
    """The inputs of an upstream connection."""

    CONNECTED = 0
    DRAIN = 1
    END = 2


UPSTREAM_TABLE: dict[tuple[UpstreamState, UpstreamInput], UpstreamState] = {
    (UpstreamState.DIALING, UpstreamInput.CONNECTED): UpstreamState.OPEN,
    (UpstreamState.DIALING, UpstreamInput.END): UpstreamState.CLOSED,
    (UpstreamState.OPEN, UpstreamInput.DRAIN): UpstreamState.DRAINING,
    (UpstreamState.OPEN, UpstreamInput.END): UpstreamState.CLOSED,
    (UpstreamState.DRAINING, UpstreamInput.END): UpstreamState.CLOSED,
}
