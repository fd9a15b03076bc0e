"""On any bytes, cut anywhere, the HTTP/2 server wire never raises and tells one story for each stream.

``python -m fuzz.fuzz_http2_server --seconds 60``. The first byte of an input chooses the cuts; the rest is what the
client sends behind the preface and its SETTINGS.
"""

from fuzz._fuzz import cut, main, seeded
from fuzz._transcripts import connections
from tests.peers.http2_frames import Fields, data, frame, goaway, headers, rst, settings, update
from tests.peers.http2_reference import served

_GET: Fields = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/")]
_CONNECT: Fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *_GET[1:]]

SEEDS: list[bytes] = seeded(
    headers(1, _CONNECT) + data(1, b"one") + data(1, b"two", pad=3) + data(1, b"", end=True),
    headers(1, _GET, 5) + headers(3, _CONNECT) + rst(3, 8) + data(3, b"late"),
    headers(1, [*_GET, (b"content-length", b"5")]) + data(1, b"123") + data(1, b"45") + headers(1, [(b"x", b"y")], 5),
    headers(1, _GET[1:]) + headers(3, [*_GET, (b"Upper", b"x")]) + headers(5, _CONNECT),
    headers(1, _CONNECT) + goaway(0) + data(1, b"x") + goaway(0, 1),
    headers(1, _CONNECT, 0) + frame(9, 4, 1) + frame(6, 0, 0, b"12345678") + update(1, 2**31 - 1),
    headers(1, _CONNECT) + b"".join(data(1, bytes(16_384)) for _ in range(17)),
    settings({1: 0, 4: 1, 5: 20_000}) + headers(2, _GET) + frame(99, 1, 1, b"x"),
    *connections("client h2"),
)


def target(data: bytes) -> None:
    """One fuzz input."""
    raw, pieces = cut(data)
    assert served(pieces) == served([raw])


if __name__ == "__main__":
    main(target, SEEDS)
