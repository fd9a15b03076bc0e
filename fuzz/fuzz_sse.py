"""Any bytes, any cuts: no exception, the same chunks and fault as read whole, never more held than the limit.

``python -m fuzz.fuzz_sse --seconds 60``. The first byte of an input chooses the cuts.
"""

from fuzz._bodies import hold
from fuzz._fuzz import main, seeded
from fuzz._transcripts import bodies

from aigw_sansio.bodies.sse import SseDecoder

LIMIT = 64

SEEDS: list[bytes] = seeded(
    b"data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: [DONE]\n\n",
    b"\xef\xbb\xbf: hi\nevent: x\ndata: a\ndata:b\nid: 1\nretry: 2\n\n",
    b'event: error\n{\n\n "a": "}\\"" }\ndata: b\n\n[1]\n',
    b"data: " + b"x" * LIMIT + b"\n\n",
    b"data\n:\n\n\r\n\rdata",
    *bodies(lambda kind: kind.startswith(b"text/event-stream")),
)


def target(data: bytes) -> None:
    """One fuzz input."""
    hold(lambda: SseDecoder(LIMIT), data, LIMIT)


if __name__ == "__main__":
    main(target, SEEDS)
