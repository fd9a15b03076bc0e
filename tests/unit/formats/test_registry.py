"""The table of all formats: the names, and the laws that every reader keeps on any bytes."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reading.any_json import mutate
from tests.reading.recordings import (
    RECORDINGS,
    needs_recordings,
)

from aigw_sansio import events as e
from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.bodies.framing import Framing
from aigw_sansio.formats.classify import LIFECYCLE, classify
from aigw_sansio.formats.realtime import REALTIME_FORMATS
from aigw_sansio.formats.registry import FORMAT_ALIASES, FORMATS, make_reader
from aigw_sansio.providers.registry import REGISTRY, format_of


def test_every_format_name_leads_to_a_family() -> None:
    assert set(FORMAT_ALIASES.values()) <= set(FORMATS)
    assert all(FORMAT_ALIASES[format] == format for format in FORMATS)


def test_every_format_that_a_provider_names_exists() -> None:
    for row in REGISTRY.values():
        named = {row.format, *(format for _, format in row.formats)}
        named |= {format_of(row, path) for path in ("/v1/chat/completions", "/v1/messages", "/x:generateContent", "/x")}
        assert named <= set(FORMATS), row.slug
        if row.realtime is not None:
            assert row.realtime.format in {*REALTIME_FORMATS, "unknown"}, row.slug


@pytest.mark.parametrize("format", [format for format in FORMATS if format not in ("unknown", "fal")])
def test_an_unknown_shape_is_named_and_does_not_commit(format: str) -> None:
    events = make_reader(format).read(Chunk(b'{"brand_new":{"thing":1},"type":"brand.new"}'))
    assert events == [e.Unrecognised("type brand.new")]
    assert classify(events) is LIFECYCLE


# -- any bytes and any JSON --------------------------------------------------------------------------------------------


def run(format: str, chunks: list[Chunk]) -> None:
    """Reading never raises, whatever the bytes, and every event can be written as JSON."""
    reader = make_reader(format)
    for chunk in chunks:
        for event in reader.read(chunk):
            msgspec.json.encode(event)
    for event in reader.finish():
        msgspec.json.encode(event)
    for chunk in chunks[:1]:
        for event in make_reader(format).read_whole(chunk.data):
            msgspec.json.encode(event)


@given(format=st.sampled_from(FORMATS), data=st.binary(max_size=64), event=st.text(max_size=6), failed=st.booleans())
def test_no_bytes_raise(format: str, data: bytes, event: str, failed: bool) -> None:
    run(format, [Chunk(data, event, failed)])


@needs_recordings
@given(data=st.data())
def test_no_shape_raises(data: st.DataObject) -> None:
    """Recorded answers in which single values are exchanged for any JSON."""
    recording = data.draw(st.sampled_from(RECORDINGS))
    chunks = [Chunk(recording.body)] if recording.framing is Framing.WHOLE else recording.chunks()
    for at in data.draw(st.lists(st.integers(0, len(chunks) - 1), min_size=1, max_size=4)):
        try:
            value = json.loads(chunks[at].data)
        except ValueError:
            continue
        changed = json.dumps(mutate(value, data.draw)).encode()
        chunks[at] = Chunk(changed, chunks[at].event, chunks[at].failed)
    run(data.draw(st.sampled_from([recording.format, FORMAT_ALIASES[recording.folder], *FORMATS])), chunks)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"[DONE]",
        b"null",
        b"[]",
        b"{}",
        b"0",
        b'"x"',
        b"\xef\xbb\xbf{}",
        b'{"choices":[{"delta":{"content":"\xff"}}]}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"error":' * 2_000 + b"1" + b"}" * 2_000,
        b'{"usage":{"prompt_tokens":' + b"9" * 5000 + b"}}",
        b'{"usage":{"prompt_tokens":1e400,"completion_tokens":NaN}}',
        b'{"choices":[{"index":-1,"delta":{"content":"x"}},{"index":1e9,"delta":{"content":"y"}}]}',
    ],
    ids=lambda data: repr(data[:20]),
)
def test_awkward_bytes(format: str, data: bytes) -> None:
    run(format, [Chunk(data), Chunk(data, "error"), Chunk(data, "message", True)])
