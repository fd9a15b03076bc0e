"""The machine of a relay: its states, what moves them, and nothing else.

Decides: which moves there are. Must not know: what is done when one is made; :mod:`.relay` does it, after the move.
"""

from enum import IntEnum
from typing import Final


class RelayState(IntEnum):
    """The states of a relay. DIALING: the access token is fetched, if one is needed, and the provider dialled.
    CLOSING: the session has ended, a closing handshake has not."""

    DIALING = 0
    UPGRADING = 1
    OPEN = 2
    CLOSING = 3
    CLOSED = 4


class RelayInput(IntEnum):
    """The inputs of a relay. FAIL: no session begins; END: the session ended; FINISH: both sides have finished."""

    CONNECTED = 0
    ACCEPTED = 1
    FAIL = 2
    END = 3
    FINISH = 4


RELAY_TABLE: Final[dict[tuple[RelayState, RelayInput], RelayState]] = {
    (RelayState.DIALING, RelayInput.CONNECTED): RelayState.UPGRADING,
    (RelayState.DIALING, RelayInput.FAIL): RelayState.CLOSED,
    (RelayState.UPGRADING, RelayInput.ACCEPTED): RelayState.OPEN,
    (RelayState.UPGRADING, RelayInput.FAIL): RelayState.CLOSED,
    (RelayState.OPEN, RelayInput.END): RelayState.CLOSING,
    (RelayState.CLOSING, RelayInput.FINISH): RelayState.CLOSED,
}
