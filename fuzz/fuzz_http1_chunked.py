"""Any bytes, any cuts, as a chunked body: the same data, end and rest as read whole, and as h11 reads them.

``python -m fuzz.fuzz_http1_chunked --seconds 60``. The first byte of an input chooses the cuts.
"""

import h11
from fuzz._fuzz import cut, main, seeded
from fuzz._transcripts import connections

from aigw_sansio.wires.http1.chunked import MAX_LINE_BYTES, MAX_TRAILER_BYTES, ChunkedReader

_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"

SEEDS: list[bytes] = seeded(
    b"5\r\nhello\r\n0\r\n\r\nrest",
    b"3;a=b\r\nabc\r\nA \r\n0123456789\r\n0\r\nx: y\r\n\r\n",
    b"5\r\nhelloX\r\n",
    b"3;a\rb\r\nabc\r\n0\r\n\r\n",
    b"0" * 20 + b"1\r\nx\r\n",
    b"1" + b";" * MAX_LINE_BYTES,
    *(
        body
        for head, _, body in (data.partition(b"\r\n\r\n") for data in connections("provider http/1.1"))
        if b"chunked" in head
    ),
)


def _ours(reads: list[bytes]) -> tuple[bytes, bool, bool, bytes]:
    """Data, whether it is over, whether it is malformed, and what stands behind."""
    reader = ChunkedReader()
    data = rest = b""
    for piece in reads:
        if reader.ended:
            rest += piece
        else:
            data += reader.feed(piece)
            rest = reader.rest
        assert len(reader._held) <= MAX_LINE_BYTES + MAX_TRAILER_BYTES
    return data, reader.ended, reader.fault is not None, b"" if reader.fault is not None else rest


def _h11(body: bytes) -> tuple[bytes, bool, bool, bytes]:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(_HEAD + body)
    data = b""
    try:
        while True:
            event = client.next_event()
            if isinstance(event, h11.Data):
                data += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return data, True, False, client.trailing_data[0]
            elif event is h11.NEED_DATA or event is h11.PAUSED:
                return data, False, False, b""
    except h11.RemoteProtocolError:
        return data, True, True, b""


def target(data: bytes) -> None:
    """Raise if the invariant breaks."""
    body, reads = cut(data)
    whole = _ours([body] if body else [])
    assert _ours(reads) == whole
    theirs = _h11(body)
    if not whole[2]:
        assert theirs == whole
    else:  # a line or a trailer section that h11 would go on waiting for, or the same place
        assert theirs[2] or not theirs[1]


if __name__ == "__main__":
    main(target, SEEDS)
