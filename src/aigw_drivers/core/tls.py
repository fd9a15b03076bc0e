"""TLS: contexts with the settings we stand by, and one TLS connection as a filter without a socket.

Decides: protocol versions, trust, ALPN offers, what counts as a proper end of a TLS stream (RFC 8446 section 6.1:
only a ``close_notify``). Must not know: sockets, event loops, who is at the other end.

:class:`TlsPipe` is the same for every driver, so all of them agree on truncation, and none pays for the buffers and
the hidden queues of a loop's own TLS transport.
"""

import ssl
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from aigw_sansio import READ_SIZE

#: Output that TLS makes by itself (tickets, key updates, alerts) and the peer does not take: more is an attack.
MAX_CONTROL_BYTES = 65536


def server_context(certificate: str | Path, key: str | Path, alpn: tuple[str, ...] = ("http/1.1",)) -> ssl.SSLContext:
    """A context for listeners: TLS 1.2 or later, ``alpn`` best first. Files in PEM; the certificate with its chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    _harden(context, alpn)
    return context


@lru_cache(maxsize=64)
def client_context(ca_file: str | None = None, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
    """A context for dialling: certificates and names are checked, against ``ca_file`` or the system's trust.

    Loading trust costs milliseconds, so there is one context for each ``(ca_file, alpn)``.
    """
    context = ssl.create_default_context(cafile=ca_file)
    _harden(context, alpn)
    return context


def _harden(context: ssl.SSLContext, alpn: tuple[str, ...]) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # Python sets it; we must see streams that are cut short
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if alpn:
        context.set_alpn_protocols(list(alpn))


class TlsPipe:
    """One TLS connection: ciphertext of the peer in, plaintext out, and the other way round.

    Call :meth:`handshake` until it returns true, then :meth:`decrypt` and :meth:`encrypt`. Whatever was called, send
    :meth:`pending` afterwards: TLS speaks of its own accord. Every method may raise :class:`ssl.SSLError`: the
    connection is lost, though :meth:`pending` may hold an alert that says why.
    """

    __slots__ = ("_feed", "_incoming", "_object", "_outgoing", "_read", "_write", "ended")

    def __init__(self, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None = None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side, server_hostname)
        self._feed = self._incoming.write
        self._read = self._object.read
        self._write = self._object.write
        #: The peer said ``close_notify``: nothing more will come.
        self.ended = False

    @property
    def alpn(self) -> str | None:
        """The protocol that was agreed on, if any."""
        return self._object.selected_alpn_protocol()

    def handshake(self, data: bytes) -> bool:
        """Take ``data`` (empty at first) and go on shaking hands. True when it is done."""
        self._feed(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def decrypt(self, data: bytes) -> bytes:
        """Plaintext from ``data``: never longer than it, so a read of 64 KiB stays one. Mind :attr:`ended` after."""
        self._feed(data)
        first = b""
        rest: list[bytes] = []
        try:
            while piece := self._read(READ_SIZE):
                if first:
                    rest.append(piece)
                else:
                    first = piece
            self.ended = True  # an empty read is how a MemoryBIO tells of close_notify without raising
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return b"".join((first, *rest)) if rest else first

    def encrypt(self, data: bytes) -> bytes:
        """Ciphertext of ``data``, with whatever TLS had pending before it."""
        self._write(data)
        return self._outgoing.read()

    @property
    def talks(self) -> bool:
        """Whether :meth:`pending` has anything."""
        return self._outgoing.pending > 0

    def pending(self) -> bytes:
        """Ciphertext that TLS itself wants sent."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def end(self) -> bytes:
        """Say ``close_notify``. What is returned is the last to be sent."""
        with suppress(ssl.SSLError):  # the peer's own close_notify is outstanding, or it broke: ours is written
            self._object.unwrap()
        return self._outgoing.read()
