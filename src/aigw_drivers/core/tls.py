"""TLS: contexts with safe settings, and one TLS connection as a filter without a socket.

Decides: protocol versions, trust, ALPN offers, and that only a ``close_notify`` is a proper end of a TLS stream (RFC
8446 section 6.1). Must not know: sockets, event loops, the peer.

A driver uses :class:`TlsPipe`. So all drivers agree on truncation, and none pays for the buffers and hidden queues
of an event loop's own TLS transport.
"""

import ssl
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from .client_hello import ClientHello

#: The most unsent output of TLS itself: tickets, key updates, alerts. A peer that causes more, and reads none, attacks.
MAX_CONTROL_BYTES = 65536


#: The most plaintext of one record (RFC 8446 section 5.1); a read gives no more.
_RECORD_BYTES = 16384
#: The fatal alert no_application_protocol, as a record of its own (RFC 7301 section 3.2).
_NO_PROTOCOL = b"\x15\x03\x03\x00\x02\x02\x78"


class ServerContext(ssl.SSLContext):
    """A context for listeners that knows which protocols it speaks."""

    #: The names of ALPN, best first.
    protocols: tuple[str, ...] = ()
    #: Handshakes that begin from now on are done with this one; ``None``: with the context itself.
    successor: "ServerContext | None" = None


def server_context(certificate: str | Path, key: str | Path, alpn: tuple[str, ...] = ("http/1.1",)) -> ServerContext:
    """A context for listeners: TLS 1.2 or later, ``alpn`` best first.

    A client that offers protocols, and none of these, is refused; one that offers none is served.

    Both files are PEM; ``certificate`` holds the chain too. Raises :class:`OSError` if they cannot be used.
    """
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.protocols = alpn
    context.load_cert_chain(certificate, key)
    _harden(context, alpn)
    return context


def client_context(ca_file: str | None = None, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """A context for dialling. It checks certificates and names, against ``ca_file`` or the system's trust.

    Loading trust takes milliseconds, so each ``(ca_file, alpn)`` has one context.
    """
    return _client_context(ca_file, alpn)


def read_trust_anew() -> None:
    """The next contexts for dialling read their files again. Connections that are open keep theirs."""
    _client_context.cache_clear()


def check_trust(ca_file: str) -> None:
    """Raise :class:`OSError` if ``ca_file`` holds no certificates that could be trusted, as it is now."""
    ssl.create_default_context(cafile=ca_file)


@lru_cache(maxsize=64)
def _client_context(ca_file: str | None, alpn: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    _harden(context, alpn)
    return context


def _harden(context: ssl.SSLContext, alpn: tuple[str, ...]) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # Python sets it; but we must see a truncated stream
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if alpn:
        context.set_alpn_protocols(list(alpn))


class TlsPipe:
    """One TLS connection: ciphertext of the peer in, plaintext out, and the reverse.

    Call :meth:`handshake` until it returns true, then :meth:`decrypt` and :meth:`encrypt`. After every call send
    :meth:`pending`: TLS has messages of its own. Every method may raise :class:`ssl.SSLError`. The connection is then
    lost, but :meth:`pending` may hold an alert that tells the peer why.
    """

    __slots__ = ("_feed", "_hello", "_incoming", "_object", "_outgoing", "_protocols", "_read", "_write", "ended")

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        if server_side and isinstance(context, ServerContext):
            context = context.successor or context
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname)
        self._protocols = context.protocols if server_side and isinstance(context, ServerContext) else ()
        self._hello = ClientHello() if self._protocols else None  # until it has come as a whole
        self._feed = self._incoming.write
        self._read = self._object.read
        self._write = self._object.write
        #: The peer sent ``close_notify``: nothing more will come.
        self.ended = False

    @property
    def alpn(self) -> str | None:
        """The protocol that ALPN chose, or ``None``."""
        return self._object.selected_alpn_protocol()

    def handshake(self, data: bytes) -> bool:
        """Continue the handshake with ``data``, empty at first. True when it is complete."""
        if self._hello is not None:
            self._check_protocols(self._hello.feed(data))
        self._feed(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def _check_protocols(self, offered: list[bytes] | None) -> None:
        """Refuse a client that offers other protocols alone. Otherwise TLS would go on without one."""
        if offered is None:
            return
        self._hello = None
        if offered and not any(name.encode() in offered for name in self._protocols):
            self._outgoing.write(_NO_PROTOCOL)
            raise ssl.SSLError("the client offers no application protocol that is spoken here")

    def decrypt(self, data: bytes) -> bytes:
        """Plaintext of ``data``. Afterwards look at :attr:`ended`.

        It may also hold plaintext of a record that began in an earlier ``data``.
        """
        self._feed(data)
        first = b""
        rest: list[bytes] = []
        try:
            while piece := self._read(_RECORD_BYTES):
                if first:
                    rest.append(piece)
                else:
                    first = piece
            self.ended = True  # a MemoryBIO reports close_notify by an empty read
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return b"".join((first, *rest)) if rest else first

    def encrypt(self, data: bytes) -> bytes:
        """Ciphertext of ``data``, behind everything that TLS had pending."""
        self._write(data)
        return self._outgoing.read()

    @property
    def has_pending(self) -> bool:
        """Whether :meth:`pending` has bytes to send."""
        return self._outgoing.pending > 0

    def pending(self) -> bytes:
        """Ciphertext that TLS itself wants to send; empty if there is none."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def close_notify(self) -> bytes:
        """End our direction: the bytes to send last, ``close_notify`` among them."""
        with suppress(
            ssl.SSLError
        ):  # raised if the peer's close_notify has not come, or the stream broke: ours is written
            self._object.unwrap()
        return self._outgoing.read()
