"""The first message of a TLS client: which protocols it offers (ALPN, RFC 7301 section 3.1).

Decides: how the offer is found in a ClientHello (RFC 8446 sections 4.1.2 and 5.1). Must not know: what is done about
it.

OpenSSL asks Python about nothing here: if no protocol fits, its server goes on without one. A client that means another
protocol would then speak that one, and what it sends would be read as HTTP.
"""

from typing import Final

_HANDSHAKE, _CLIENT_HELLO, _ALPN = 22, 1, 16
#: Longer ones are for TLS itself to judge.
_LONGEST: Final = 1 << 16


class ClientHello:
    """Collects a ClientHello: :meth:`feed` it what the client sends until it returns a list."""

    __slots__ = ("_at", "_data", "_message")

    def __init__(self) -> None:
        self._data = bytearray()
        self._at = 0  # the record that has not come as a whole
        self._message = bytearray()

    def feed(self, data: bytes) -> list[bytes] | None:
        """The protocols that the client offers; ``None`` if its ClientHello has not come as a whole. An empty list: it
        offers none, or it is no ClientHello, which is for TLS itself to judge."""
        buffer, message = self._data, self._message
        buffer += data
        while len(buffer) >= self._at + 5:
            if buffer[self._at] != _HANDSHAKE or len(buffer) > _LONGEST:
                return []
            end = self._at + 5 + int.from_bytes(buffer[self._at + 3 : self._at + 5])
            if len(buffer) < end:
                return None
            message += buffer[self._at + 5 : end]
            self._at = end
            if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4]):
                try:
                    return _offer(bytes(message))
                except IndexError:
                    return []
        return None


def _offer(message: bytes) -> list[bytes]:
    if message[0] != _CLIENT_HELLO:
        return []
    at = 4 + 2 + 32
    at += 1 + message[at]  # the session's id
    at += 2 + int.from_bytes(message[at : at + 2])  # cipher suites
    at += 1 + message[at]  # compression methods
    end = at + 2 + int.from_bytes(message[at : at + 2])
    at += 2
    while at + 4 <= end:
        kind, size = int.from_bytes(message[at : at + 2]), int.from_bytes(message[at + 2 : at + 4])
        at += 4
        if kind == _ALPN:
            return _names(message[at + 2 : at + size])
        at += size
    return []


def _names(listed: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(listed):
        found.append(listed[at + 1 : at + 1 + listed[at]])
        at += 1 + listed[at]
    return found
