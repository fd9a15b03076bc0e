"""Content codings: gzip and deflate, in any cuts, bounded."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.bodies import cut_at, cut_points, single

from aigw_sansio.bodies.coding import PIECE_BYTES, ContentDecoder, content_decoder
from aigw_sansio.faults import Fault, FaultKind, Side

MALFORMED, INCOMPLETE = FaultKind.MALFORMED_RESPONSE, FaultKind.INCOMPLETE_BODY
TEXT = b"data: " + bytes(range(256)) * 3 + b"\n\n"


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def deflated(data: bytes, wbits: int) -> bytes:
    compressor = zlib.compressobj(wbits=wbits)
    return compressor.compress(data) + compressor.flush()


def read(coding: bytes, pieces: list[bytes]) -> tuple[bytes, FaultKind | None]:
    decoder = content_decoder(coding)
    assert isinstance(decoder, ContentDecoder)
    output = bytearray()
    for piece in pieces:
        decoder.feed(piece)
        while content := decoder.pull():
            assert len(content) <= PIECE_BYTES
            output += content
        assert decoder.buffered <= 1
    fault = decoder.finish()
    assert fault is decoder.fault
    return bytes(output), fault.kind if fault else None


CASES: list[tuple[str, bytes, bytes, bytes, FaultKind | None]] = [
    ("gzip", b"gzip", gzipped(TEXT), TEXT, None),
    ("x-gzip", b"x-gzip", gzipped(TEXT), TEXT, None),
    ("names in any case", b" GZip ", gzipped(TEXT), TEXT, None),
    ("identity beside it", b"identity, gzip,", gzipped(TEXT), TEXT, None),
    ("deflate in zlib", b"deflate", deflated(TEXT, 15), TEXT, None),
    ("deflate in zlib, small window", b"deflate", deflated(TEXT, 9), TEXT, None),
    ("bare deflate", b"deflate", deflated(TEXT, -15), TEXT, None),
    ("nothing inside", b"gzip", gzipped(b""), b"", None),
    ("bare nothing", b"deflate", deflated(b"", -15), b"", None),
    ("no body", b"gzip", b"", b"", None),
    ("no deflate body", b"deflate", b"", b"", None),
    ("members", b"gzip", gzipped(b"a") + gzipped(b"") + gzipped(TEXT), b"a" + TEXT, None),
    ("zeros behind", b"gzip", gzipped(TEXT) + bytes(600), TEXT, None),
    ("garbage behind", b"gzip", gzipped(TEXT) + b"garbage" + gzipped(b"x"), TEXT, None),
    ("half a magic behind", b"gzip", gzipped(TEXT) + b"\x1f", TEXT, None),
    ("almost a magic behind", b"gzip", gzipped(TEXT) + b"\x1f\x8c", TEXT, None),
    ("garbage behind deflate", b"deflate", deflated(TEXT, 15) + gzipped(b"x"), TEXT, None),
    ("a corrupt member behind", b"gzip", gzipped(TEXT) + b"\x1f\x8bgarbage", TEXT, MALFORMED),
    ("cut", b"gzip", gzipped(TEXT)[:-1], TEXT, INCOMPLETE),
    ("cut in the head", b"gzip", gzipped(TEXT)[:5], b"", INCOMPLETE),
    ("cut deflate", b"deflate", deflated(b"a", 15)[:1], b"", INCOMPLETE),
    ("cut in a member", b"gzip", gzipped(b"a") + gzipped(b"b")[:11], b"a", INCOMPLETE),
    ("plain text", b"gzip", b"data: a\n\n", b"", MALFORMED),
    ("wrong checksum", b"gzip", gzipped(TEXT)[:-8] + bytes(8), TEXT, MALFORMED),
    ("a preset dictionary", b"deflate", b"\x78\xbb\x00\x00\x00\x01\x00", b"", MALFORMED),
]


@pytest.mark.parametrize(
    ("coding", "body", "content", "fault"), [pytest.param(*rest, id=name) for name, *rest in CASES]
)
def test_whole_and_byte_by_byte(coding: bytes, body: bytes, content: bytes, fault: FaultKind | None) -> None:
    assert read(coding, [body]) == (content, fault)
    assert read(coding, single(body)) == (content, fault)


@given(
    st.one_of(st.binary(max_size=60), st.sampled_from([case[2] for case in CASES])),
    st.binary(max_size=4),
    st.integers(0, 400),
    st.sampled_from([b"gzip", b"deflate"]),
    cut_points,
)
def test_any_bytes_in_any_cuts(body: bytes, patch: bytes, at: int, coding: bytes, points: list[int]) -> None:
    body = body[:at] + patch + body[at + len(patch) :]
    expected = read(coding, [body])
    assert read(coding, cut_at(body, points)) == expected
    assert read(coding, single(body)) == expected


@given(st.binary(max_size=2000), st.sampled_from([15, -15, 9, 31]), cut_points)
def test_round_trip(content: bytes, wbits: int, points: list[int]) -> None:
    body = deflated(content, wbits)
    assert read(b"gzip" if wbits == 31 else b"deflate", cut_at(body, points)) == (content, None)


@given(
    st.sampled_from([case[2] for case in CASES] + [gzipped(b"abc") + gzipped(b"\0" * 700) + gzipped(b"abcdef")]),
    st.binary(max_size=2),
    st.integers(0, 400),
    st.sampled_from([1, 2, 3, 7, 258]),
    cut_points,
)
def test_pieces_of_any_size_add_up_to_the_same(
    body: bytes, patch: bytes, at: int, size: int, points: list[int]
) -> None:
    body = body[:at] + patch + body[at + len(patch) :]
    for coding in (b"gzip", b"deflate"):
        expected = read(coding, single(body))
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("aigw_sansio.bodies.coding.PIECE_BYTES", size)
            assert read(coding, cut_at(body, points)) == expected


@pytest.mark.parametrize("size", [1, 100, PIECE_BYTES])
def test_every_flipped_bit(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With short codes several symbols and the corrupt place share one byte."""
    body = deflated(b"abracadabra" + bytes(3000) + b"abba", 15)
    for bit in range(len(body) * 8):
        flipped = (int.from_bytes(body, "little") ^ 1 << bit).to_bytes(len(body), "little")
        with pytest.MonkeyPatch.context() as usual:
            usual.setattr("aigw_sansio.bodies.coding.PIECE_BYTES", PIECE_BYTES)
            expected = read(b"deflate", single(flipped))
        monkeypatch.setattr("aigw_sansio.bodies.coding.PIECE_BYTES", size)
        assert read(b"deflate", [flipped]) == expected
        assert read(b"deflate", cut_at(flipped, [bit // 8])) == expected


@pytest.mark.parametrize("size", [2, 3, 6])
def test_a_member_that_ends_with_a_full_piece(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aigw_sansio.bodies.coding.PIECE_BYTES", size)
    assert read(b"gzip", [gzipped(b"abcdef"), gzipped(b"ghi")]) == (b"abcdefghi", None)


def test_all_of_a_long_match_comes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    body = deflated(bytes(1000), 15)
    monkeypatch.setattr("aigw_sansio.bodies.coding.PIECE_BYTES", 10)
    for end in range(2, len(body)):
        decoder = ContentDecoder("deflate")
        decoder.feed(body[:end])
        assert b"".join(iter(decoder.pull, b"")) == zlib.decompressobj().decompress(body[:end])


def test_flushed_output_comes_at_once() -> None:
    compressor = zlib.compressobj(wbits=31)
    decoder = ContentDecoder("gzip")
    for number in range(3):
        line = b"data: %d\n\n" % number
        decoder.feed(compressor.compress(line) + compressor.flush(zlib.Z_SYNC_FLUSH))
        assert decoder.pull() == line
        assert decoder.pull() == b""


@pytest.mark.parametrize("size", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 5_000_000])
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_bomb_comes_in_pieces(coding: str, size: int) -> None:
    body = deflated(bytes(size), 31 if coding == "gzip" else 15)
    decoder = ContentDecoder(coding)
    decoder.feed(body)
    total = 0
    while piece := decoder.pull():
        assert len(piece) <= PIECE_BYTES
        assert decoder.buffered <= len(body)
        total += len(piece)
    assert total == size
    assert decoder.finish() is None


def test_many_members_and_feeding_ahead() -> None:
    decoder = ContentDecoder("gzip")
    for _ in range(3):
        decoder.feed(gzipped(b"ab") * 2000)
    output = b"".join(iter(decoder.pull, b""))
    assert output == b"ab" * 6000
    assert decoder.finish() is None


def test_after_a_fault_nothing_is_read_or_kept() -> None:
    decoder = ContentDecoder("gzip")
    decoder.feed(b"x" * 1000)
    assert decoder.pull() == b""
    assert decoder.fault is not None
    assert decoder.fault.side is Side.PROVIDER
    decoder.feed(gzipped(b"a"))
    assert decoder.buffered == 0
    assert decoder.pull() == b""
    assert decoder.finish() is decoder.fault


@pytest.mark.parametrize(
    "value", [None, b"", b" ", b"identity", b"Identity, identity", b",,", b"utf-8", b"none, UTF8", b"\xff\x00" * 100]
)
def test_nothing_to_undo(value: bytes | None) -> None:
    assert content_decoder(value) is None


@pytest.mark.parametrize("value", [b"br", b"zstd", b"gzip, br", b"gzip, gzip", b"compress", b"dcb", b"utf-8, br"])
def test_unsupported(value: bytes) -> None:
    fault = content_decoder(value)
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.UNSUPPORTED_CODING
    assert fault.side is Side.PROVIDER
    assert "gzip and deflate are read" in fault.detail
    assert fault.detail.isascii()
    assert len(fault.detail) < 300
