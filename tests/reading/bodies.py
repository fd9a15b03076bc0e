"""For the tests of body decoders: cutting, reading, recorded bodies."""

import csv
import functools
import json
import os
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import strategies as st

from aigw_sansio.bodies.chunk import BodyDecoder, Chunk, feed_all, finish_all
from aigw_sansio.faults import FaultKind

Make = Callable[[], BodyDecoder]
Result = tuple[list[Chunk], FaultKind | None]


def read(decoder: BodyDecoder, pieces: Iterable[bytes]) -> Result:
    """Everything a decoder makes of ``pieces`` and the end behind them."""
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks += feed_all(decoder, piece)
    chunks += finish_all(decoder)
    return chunks, decoder.fault.kind if decoder.fault else None


def whole(make: Make, data: bytes) -> Result:
    return read(make(), [data])


def single(data: bytes) -> list[bytes]:
    """``data`` byte by byte."""
    return [data[index : index + 1] for index in range(len(data))]


def cut_at(data: bytes, points: Iterable[int]) -> list[bytes]:
    """``data`` cut at ``points``, taken modulo its length; equal points make empty pieces."""
    edges = [0, *sorted(point % (len(data) + 1) for point in points), len(data)]
    return [data[start:stop] for start, stop in pairwise(edges)]


#: Where to cut, for :func:`cut_at`.
cut_points = st.lists(st.integers(0, 1 << 16), max_size=8)


def bounded(make: Make, limit: int, pieces: Iterable[bytes]) -> None:
    """Holds that a decoder never keeps more than ``limit`` between calls."""
    decoder = make()
    for piece in pieces:
        for _ in feed_all(decoder, piece):
            pass
        assert decoder.buffered <= limit


def fixture_root() -> Path | None:
    root = os.environ.get("AIGW_FIXTURES")
    return Path(root) if root else None


def recorded(*suffixes: str) -> list[object]:
    """Parameters of a test over recorded bodies with one of ``suffixes``: paths, or one that skips."""
    root = fixture_root()
    if root is None:
        return [pytest.param(Path(), marks=pytest.mark.skip(reason="AIGW_FIXTURES is not set"))]
    found = [path for path in sorted(root.rglob("*")) if path.name.endswith(suffixes) and not _is_meta(path)]
    return [pytest.param(path, id=str(path.relative_to(root))) for path in found]


def _is_meta(path: Path) -> bool:
    return path.name.endswith(".meta.json")


def described(path: Path) -> tuple[int, str] | None:
    """The status and the media type of a recorded answer: in the file beside it, or in the index of its folder."""
    beside = path.with_name(path.name + ".meta.json")
    if beside.exists():
        meta = json.loads(beside.read_bytes())
        return meta["status"], meta["content_type"]
    return _index(path.parents[1]).get(f"{path.parent.name}/{path.name}")


@functools.cache
def _index(folder: Path) -> dict[str, tuple[int, str]]:
    """The answers of ``translation/INDEX.tsv``."""
    index = folder / "INDEX.tsv"
    if folder.name != "translation" or not index.exists():
        return {}
    with index.open(newline="") as rows:
        read = csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["response"]: (int(row["status"]), row["content_type"]) for row in read}


def real_pieces(path: Path, data: bytes) -> list[bytes] | None:
    """The body in the network reads it was recorded in, if those are known."""
    beside = path.with_name(path.name + ".meta.json")
    if not beside.exists():
        return None
    sizes = (json.loads(beside.read_bytes()).get("chunks") or {}).get("sizes")
    if not sizes:
        return None
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


#: A larger body is not read byte by byte: that costs seconds and shows nothing that cuts every 61 bytes do not show.
BYTE_BY_BYTE = 1 << 16


def check_recorded(make: Make, path: Path) -> list[Chunk]:
    """A recorded body reads without a fault, and the same in any cuts."""
    data = path.read_bytes()
    chunks, fault = whole(make, data)
    assert fault is None
    bytewise = single(data) if len(data) <= BYTE_BY_BYTE else None
    for pieces in (bytewise, cut_at(data, range(0, len(data), 61)), real_pieces(path, data)):
        if pieces is not None:
            assert read(make(), pieces) == (chunks, None)
    return chunks
