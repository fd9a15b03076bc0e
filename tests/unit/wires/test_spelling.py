"""Header names as the RFCs spell them."""

import pytest

from aigw_sansio.wires.spelling import spelled


@pytest.mark.parametrize(
    "name",
    [
        b"Sec-WebSocket-Key",
        b"Sec-WebSocket-Accept",
        b"Sec-WebSocket-Protocol",
        b"Sec-WebSocket-Version",
        b"Sec-WebSocket-Extensions",
        b"Host",
        b"Content-Type",
        b"Content-Length",
        b"Connection",
        b"Upgrade",
        b"Retry-After",
        b"WWW-Authenticate",
        b"ETag",
        b"TE",
        b"X-Api-Key",
    ],
)
def test_names(name: bytes) -> None:
    assert spelled(name.lower()) == name
