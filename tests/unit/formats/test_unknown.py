"""The reader of formats that nobody knows."""

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.formats.classify import is_content
from aigw_sansio.formats.errors import response_failed
from aigw_sansio.formats.registry import make_reader


def test_an_unknown_format_is_content_unless_it_is_an_error() -> None:
    reader = make_reader("no such format")
    assert is_content(reader.read(Chunk(b"\x00\x01")))
    assert is_content(reader.read(Chunk(b'{"x":1}')))
    assert is_content(reader.read(Chunk(b'{"said":"\\"error\\""}')))
    assert is_content(reader.read(Chunk(b'{"error":null}')))
    assert reader.read(Chunk(b'{"error":{"message":"no","code":7}}')) == [response_failed("no", None, "7")]
    assert reader.read(Chunk(b"no", "error")) == [response_failed("no", "error")]
    assert reader.read_whole(b"<html>") == []
    assert reader.finish() == []
