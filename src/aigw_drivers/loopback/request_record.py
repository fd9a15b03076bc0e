"""The record that the loopback provider keeps of each request.

Data only.
"""

from dataclasses import dataclass


@dataclass
class RequestRecord:
    """One request as the provider saw it. Times are seconds of ``anyio.current_time()``."""

    connection: int  #: 1, 2, ... in the order they were accepted
    request: int  #: 1, 2, ... on that connection
    method: str
    path: str  #: without the query
    headers: list[tuple[str, str]]
    body: bytes
    started_at: float
    #: How it ended: ``None`` while it runs; "complete"; "cancelled" if the client went; "reset", "close", "mid_chunk"
    #: or "garbage" if the request asked for it; "shutdown" if the provider stopped. For a WebSocket also: "closed" by
    #: a closing handshake, "refused", "violation" if the client broke the protocol.
    how: str | None = None
    ended_at: float | None = None
    cancelled_at: float | None = None  #: when the provider noticed that the client was gone
    bytes_sent: int = 0
    query: str = ""
    messages_received: int = 0  #: of a WebSocket
    close_code: int | None = None  #: of the client's close frame; 1005 if it has no code
