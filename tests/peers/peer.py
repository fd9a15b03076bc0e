"""A peer of the gateway, as drivers and transcripts hold it: bytes in, and plain lines that say what it saw.

Each peer is a real protocol object (h11, h2, wsproto), so what a transcript expects was accepted by an independent
implementation. Nothing here imports the gateway.
"""

from typing import Protocol, TypeAlias

Headers: TypeAlias = list[tuple[str, str]]


class Seen:
    """One thing a peer saw: a line, the header fields and the body that may be checked beside it."""

    __slots__ = ("body", "headers", "line", "stream", "text", "who")

    def __init__(
        self, line: str, *, headers: Headers | None = None, body: bytes | None = None, text: str | None = None
    ) -> None:
        self.line = line
        self.stream = 0  #: of HTTP/2
        self.who = ""  #: which client saw it, if several share a connection
        self.headers = headers
        self.body = body
        self.text = text  #: the message as received, if ``line`` is its text


class Peer(Protocol):
    """Any of the peers: a client or a provider, on any protocol."""

    def receive(self, data: bytes) -> list[Seen]:
        """Bytes of the gateway, and what they say."""

    def take(self) -> bytes:
        """Bytes that the peer sends by itself (a pong, the answer to a close, SETTINGS)."""
