"""What the loopback provider writes down of each request.

Decides: nothing. Must not know: how it came about.
"""

from dataclasses import dataclass


@dataclass
class RequestRecord:
    """One request as the provider saw it. Times are those of ``anyio.current_time()``, in seconds."""

    connection: int  #: 1, 2, ... in the order they were accepted
    request: int  #: 1, 2, ... on that connection
    method: str
    path: str  #: without the query
    headers: list[tuple[str, str]]
    body: bytes
    started_at: float
    #: How it ended: ``None`` while it runs; "complete"; "cancelled" by the caller going away; "reset", "close",
    #: "mid_chunk" or "garbage" as the request had asked; "shutdown" of the provider. A WebSocket's also: "closed" by a
    #: closing handshake, "refused", "violation" of the protocol by the caller.
    how: str | None = None
    ended_at: float | None = None
    cancelled_at: float | None = None  #: when the caller was seen to be gone
    bytes_sent: int = 0
    query: str = ""
    messages_received: int = 0  #: of a WebSocket
    close_code: int | None = None  #: of the caller's close frame; 1005 for one without a code
