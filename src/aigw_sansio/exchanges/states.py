"""The state machine of an exchange: its states and inputs.

Decides: which moves are legal. Must not know: the side effects of a move; :mod:`.exchange` runs them after it.
"""

from enum import IntEnum


class ExchangeState(IntEnum):
    """The states of an exchange."""

    PLACING = 0  #: waits for a connection
    SENDING = 1  #: the request is being sent
    WAITING = 2  #: waits for the head of the response
    READING = 3  #: the client has seen nothing of this response
    STREAMING = 4  #: committed: the client sees this response
    BACKOFF = 5  #: waits before the next attempt
    ENDED = 6


class ExchangeInput(IntEnum):
    """The inputs of an exchange."""

    PLACED = 0
    REPLACED = 1  #: the connection ended before the provider acted; the request is placed again
    SENT = 2
    HEAD = 3
    COMMIT = 4
    RETRY_LATER = 5
    TRY_NEXT = 6
    END = 7


_S, _I = ExchangeState, ExchangeInput

EXCHANGE_TABLE: dict[tuple[ExchangeState, ExchangeInput], ExchangeState] = {
    (_S.PLACING, _I.PLACED): _S.SENDING,
    (_S.PLACING, _I.RETRY_LATER): _S.BACKOFF,
    (_S.PLACING, _I.TRY_NEXT): _S.PLACING,
    (_S.PLACING, _I.END): _S.ENDED,
    (_S.SENDING, _I.REPLACED): _S.PLACING,
    (_S.SENDING, _I.SENT): _S.WAITING,
    (_S.SENDING, _I.HEAD): _S.READING,
    (_S.SENDING, _I.RETRY_LATER): _S.BACKOFF,
    (_S.SENDING, _I.TRY_NEXT): _S.PLACING,
    (_S.SENDING, _I.END): _S.ENDED,
    (_S.WAITING, _I.REPLACED): _S.PLACING,
    (_S.WAITING, _I.HEAD): _S.READING,
    (_S.WAITING, _I.RETRY_LATER): _S.BACKOFF,
    (_S.WAITING, _I.TRY_NEXT): _S.PLACING,
    (_S.WAITING, _I.END): _S.ENDED,
    (_S.READING, _I.SENT): _S.READING,
    (_S.READING, _I.COMMIT): _S.STREAMING,
    (_S.READING, _I.RETRY_LATER): _S.BACKOFF,
    (_S.READING, _I.TRY_NEXT): _S.PLACING,
    (_S.READING, _I.END): _S.ENDED,
    (_S.STREAMING, _I.SENT): _S.STREAMING,
    (_S.STREAMING, _I.END): _S.ENDED,
    (_S.BACKOFF, _I.TRY_NEXT): _S.PLACING,
    (_S.BACKOFF, _I.END): _S.ENDED,
}
