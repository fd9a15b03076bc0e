"""How header names are spelled in HTTP/1.1.

Decides: upper and lower case of a name on the wire. Must not know: which fields there are and what they mean. Case has
no meaning (RFC 9110 section 5.1), but some peers look for a name as the RFCs write it. HTTP/2 has lower case only.
"""

from typing import Final

#: Names that their RFCs do not write with one capital letter for each word.
_AS_WRITTEN: Final = {
    name.lower(): name
    for name in (
        b"Sec-WebSocket-Accept",
        b"Sec-WebSocket-Extensions",
        b"Sec-WebSocket-Key",
        b"Sec-WebSocket-Protocol",
        b"Sec-WebSocket-Version",
        b"WWW-Authenticate",
        b"Content-MD5",
        b"DNT",
        b"ETag",
        b"HTTP2-Settings",
        b"SourceMap",
        b"TE",
    )
}


def spelled(name: bytes) -> bytes:
    """``name`` as the RFCs spell it."""
    return _AS_WRITTEN.get(name) or name.title()
