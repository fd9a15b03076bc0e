"""On any bytes, cut anywhere, the HTTP/2 client wire reads what plain h2 reads, and never raises.

``python -m fuzz.fuzz_http2_client --seconds 60``. The first byte of an input chooses the cuts. Three requests are
under way and two were cancelled; the rest of the input is what the server sends.
"""

from fuzz._fuzz import cut, main, seeded
from fuzz._transcripts import connections
from tests.peers.http2_frames import data, frame, goaway, headers, rst, settings, update
from tests.peers.http2_reference import hold_client_to_h2

_OK = [(b":status", b"200")]
_FIVE = [*_OK, (b"content-length", b"5")]

SEEDS: list[bytes] = seeded(
    *(
        settings({3: 100, 4: 70_000}) + raw
        for raw in (
            headers(1, _OK) + data(1, b"one") + data(3, b"x") + data(1, b"two", end=True),
            headers(1, _OK) + headers(3, _FIVE) + data(1, b"a") + data(3, b"12") + data(3, b"345", end=True, pad=9),
            headers(1, _OK) + data(1, b"") + data(1, b"x", pad=0) + headers(1, [(b"x", b"y")], 5),
            headers(1, [(b":status", b"103")]) + headers(1, [(b":status", b"204")], 5) + rst(3, 7) + rst(9, 2),
            headers(5, _OK) + data(5, b"late", end=True) + data(7, b"late") + data(9, b"early"),
            goaway(3) + headers(1, _OK) + data(9, b"x") + data(1, b"x", end=True) + goaway(3, 11),
            headers(1, _OK, 0)[:-1] + frame(9, 4, 1, b"\x88") + frame(6, 0, 0, b"12345678") + update(0, 1),
            headers(1, _OK) + b"".join(data(1, bytes(16_384)) for _ in range(5)),
        )
    ),
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    *connections("provider h2"),
)


def target(data: bytes) -> None:
    """One fuzz input."""
    raw, pieces = cut(data)
    hold_client_to_h2(raw, [pieces])


if __name__ == "__main__":
    main(target, SEEDS)
