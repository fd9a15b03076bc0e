"""Any bytes, any cuts: the elements and fault as read whole, within the limit; every array json reads, we read alike.

``python -m fuzz.fuzz_json_array --seconds 60``. The first byte of an input chooses the cuts.
"""

import json

from fuzz._bodies import hold
from fuzz._fuzz import cut, main, seeded
from fuzz._transcripts import bodies

from aigw_sansio.bodies.chunk import feed_all
from aigw_sansio.bodies.json_array import JsonArrayDecoder

LIMIT = 48

SEEDS: list[bytes] = seeded(
    b'[{"a": "]\\"}"}\n,\r\n[[1],{}], 1, true,null,"x\\\\"]\n',
    b'\xef\xbb\xbf {"error": {"a": [1]}}\n',
    b"[1,]",
    b"[1 2]",
    b'["' + b"x" * LIMIT + b'"]',
    b"[[[[[{{",
    b"[1]]",
    *bodies(lambda kind: b"json" in kind),
)


def target(data: bytes) -> None:
    """One fuzz input."""
    hold(lambda: JsonArrayDecoder(LIMIT), data, LIMIT)
    body, reads = cut(data)
    try:
        document = json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return
    if isinstance(document, list):
        decoder = JsonArrayDecoder(len(body) + 1)
        chunks = [chunk for piece in reads for chunk in feed_all(decoder, piece)] + decoder.finish()
        assert decoder.fault is None
        assert [json.loads(chunk.data) for chunk in chunks] == document


def _refuse(name: str) -> None:
    raise ValueError(name)


if __name__ == "__main__":
    main(target, SEEDS)
