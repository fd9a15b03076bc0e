"""A client wire and a request for it, for the tests of HTTP/2."""

from tests.peers.http2_frames import settings

from aigw_sansio.wires.http import Headers, Request
from aigw_sansio.wires.http2.client import Http2Client

#: The fields of a plain answer.
OK = [(b":status", b"200")]


def request(body: bytes = b"", method: bytes = b"GET", fields: Headers | None = None) -> Request:
    return Request(method, b"https", b"api.example", b"/v1?x=1", fields or [(b"accept", b"*/*")], body)


def client(*, greeted: bool = True, **limits: int) -> Http2Client:
    """A wire; ``greeted``: the server's SETTINGS have come."""
    wire = Http2Client(**limits)
    if greeted:
        assert wire.receive_data(settings()) == []
        wire.data_to_send()
    return wire
