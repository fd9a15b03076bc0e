"""Any bytes, any cuts: no exception, the same lines and fault as read whole, never more held than the limit.

``python -m fuzz.fuzz_ndjson --seconds 60``. The first byte of an input chooses the cuts.
"""

from fuzz._bodies import hold
from fuzz._fuzz import main, seeded
from fuzz._transcripts import bodies

from aigw_sansio.bodies.ndjson import NdjsonDecoder

LIMIT = 32

SEEDS: list[bytes] = seeded(
    b'{"a":1}\n{"a":2}\r\n\n',
    b"\xef\xbb\xbf1\n \r\n2",
    b"x" * LIMIT + b"\n" + b"x" * (LIMIT + 1) + b"\n1\n",
    *bodies(lambda kind: b"json" in kind and kind != b"application/json"),
)


def target(data: bytes) -> None:
    """One fuzz input."""
    hold(lambda: NdjsonDecoder(LIMIT), data, LIMIT)


if __name__ == "__main__":
    main(target, SEEDS)
