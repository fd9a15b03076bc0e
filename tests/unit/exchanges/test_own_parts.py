"""Readers and framings of the host's own: what they may do, and that a bug in one is a value and an event."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio import BodyDecoder, Chunk, Fault, FaultKind, Limits, PartFailed, ProviderEvent, Reader, Side
from aigw_sansio.bodies.chunk import PORTION_CHUNKS, feed_all, finish_all
from aigw_sansio.bodies.framing import Framing
from aigw_sansio.bodies.ndjson import NdjsonDecoder
from aigw_sansio.events import ResponseFinished, TextDelta, UsageReported
from aigw_sansio.exchanges.own_parts import (
    GuardedDecoder,
    GuardedReader,
    OwnFraming,
    OwnParts,
    OwnReading,
)
from aigw_sansio.formats.ollama import OllamaReader

CHUNK = Chunk(b"{}")


class Host:
    """The host's own parts in one response, and what it is told of them."""

    def __init__(self, reading: OwnReading | None = None) -> None:
        self.events: list[PartFailed] = []
        self.faults: list[Fault] = []
        self.parts = OwnParts(reading or OwnReading({}), "log 1", self.events.append)
        assert self.parts.watch(self.faults.append) is None

    def decoder(self, make: Callable[[], BodyDecoder], limit: int = 1000) -> GuardedDecoder:
        return GuardedDecoder(self.parts, OwnFraming(None, "blocks", make), Limits(chunk_bytes=limit))

    def reader(self, make: Callable[[], Reader]) -> GuardedReader:
        return GuardedReader(self.parts, "reader of acme", make)

    def failed(self, part: str, error: str, where: str = "") -> None:
        """It was told of one bug, and how."""
        (event,) = self.events
        assert (event.log_id, event.part, event.error) == ("log 1", part, error)
        assert re.search(where, event.where), event.where
        fault = Fault(FaultKind.INTERNAL, Side.GATEWAY, f"the gateway's own {part} failed")
        assert self.faults == [fault]
        assert self.parts.fault == fault


class Bytes:
    """A framing of single bytes, with members that tests replace."""

    fault: Any = None
    buffered: Any = 0
    unread: Any = False

    def feed(self, data: bytes) -> Any:
        return [Chunk(data[n : n + 1]) for n in range(len(data))]

    def finish(self) -> Any:
        return []


class Words:
    """A reader with members that tests replace."""

    markers: Any = (b"",)
    terminated: Any = False
    finish_seen: Any = False
    complete: Any = False

    def read(self, chunk: Chunk) -> Any:
        self.terminated = chunk.data == b"over"
        return [TextDelta(chunk.data.decode())]

    def read_whole(self, body: bytes) -> Any:
        return self.read(Chunk(body))

    def finish(self) -> Any:
        return [ResponseFinished("stop")]


def replaced(kind: type[Any], **members: Any) -> Callable[[], Any]:
    return type(kind.__name__, (kind,), members)


def says(value: object) -> Callable[..., object]:
    """A method that returns ``value``."""
    return lambda *arguments: value


def raises(*arguments: object) -> Any:
    raise LookupError("canary")


# -- framings -------------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=900), max_size=8))
def test_all_chunks_come_in_portions_and_in_order(pieces: list[bytes]) -> None:
    decoder = Host().decoder(Bytes)
    found: list[bytes] = []
    for piece in pieces:
        chunks = decoder.feed(piece)
        assert len(chunks) == min(len(piece), PORTION_CHUNKS)
        assert decoder.buffered == len(piece) - len(chunks)
        while decoder.unread:
            chunks += decoder.feed(b"")
        found += [chunk.data for chunk in chunks]
    assert b"".join(found) == b"".join(pieces)
    assert list(finish_all(decoder)) == []
    assert decoder.fault is None


@given(st.lists(st.binary(max_size=700), max_size=6), st.booleans())
def test_a_built_in_framing_is_the_same_when_it_is_called_as_an_own_one(pieces: list[bytes], all_bytes: bool) -> None:
    """... one that leaves bytes unread itself."""
    pieces = [piece.replace(b"a", b"\n") if all_bytes else b"{}\n" * len(piece) for piece in pieces]
    own, plain = Host().decoder(lambda: NdjsonDecoder(100), 100), NdjsonDecoder(100)
    for piece in pieces:
        assert list(feed_all(own, piece)) == list(feed_all(plain, piece))
        assert own.buffered == plain.buffered
    assert list(finish_all(own)) == list(finish_all(plain))
    assert (own.fault is None) == (plain.fault is None)


def test_bytes_may_come_while_chunks_wait() -> None:
    decoder = Host().decoder(Bytes)
    found = decoder.feed(b"a" * 600) + decoder.feed(b"b" * 100)
    assert decoder.buffered == 200
    found += decoder.finish()
    assert not decoder.unread
    assert b"".join(chunk.data for chunk in found) == b"a" * 600 + b"b" * 100


def test_the_end_may_have_many_chunks_too() -> None:
    decoder = Host().decoder(replaced(Bytes, finish=says([CHUNK] * 600)))
    assert [len(decoder.finish()), len(decoder.finish()), len(decoder.finish())] == [250, 250, 100]
    assert not decoder.unread


def test_a_decoder_that_leaves_more_at_the_end_is_asked_again() -> None:
    class Late(Bytes):
        left = 3

        def finish(self) -> list[Chunk]:
            self.left -= 1
            self.unread = self.left > 0
            return [CHUNK]

    decoder = Host().decoder(Late)
    assert len(list(finish_all(decoder))) == 3


@pytest.mark.parametrize(
    ("make", "kept"),
    [
        (replaced(Bytes, feed=says([Chunk(b"12345"), Chunk(b"123456"), CHUNK])), [b"12345"]),
        (replaced(Bytes, feed=says([Chunk(b"123", "45"), Chunk(b"123", "456"), CHUNK])), [b"123"]),
        (replaced(Bytes, buffered=6), [b"x"]),
    ],
)
def test_neither_a_chunk_nor_what_is_held_may_be_too_large(make: Callable[[], BodyDecoder], kept: list[bytes]) -> None:
    host = Host()
    decoder = host.decoder(make, limit=5)
    assert [chunk.data for chunk in decoder.feed(b"x")] == kept
    assert decoder.fault is not None
    assert decoder.fault.kind is FaultKind.BODY_TOO_LARGE
    assert decoder.feed(b"x") == decoder.finish() == []
    assert decoder.buffered == 0
    assert not host.events, "that is the provider's fault"


def test_the_decoder_s_own_fault_comes_behind_its_chunks() -> None:
    fault = Fault(FaultKind.MALFORMED_RESPONSE, Side.PROVIDER, "no block begins with 7")
    decoder = Host().decoder(replaced(Bytes, fault=fault))
    assert len(decoder.feed(b"x" * 300)) == 250
    assert decoder.fault is None
    assert len(decoder.feed(b"")) == 50
    assert decoder.fault == fault
    assert not decoder.unread


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"feed": raises}, "LookupError"),
        ({"finish": raises}, "LookupError"),
        ({"fault": property(raises)}, "LookupError"),
        ({"buffered": property(raises)}, "LookupError"),
        ({"unread": property(raises)}, "LookupError"),
        ({"feed": says(None)}, "it returned no list of chunks"),
        ({"finish": says((CHUNK,))}, "it returned no list of chunks"),
        ({"feed": says([b"{}"])}, "it returned no list of chunks"),
        ({"feed": says([Chunk("{}")])}, "a chunk has a field of a wrong type"),  # type: ignore[arg-type]
        ({"feed": says([Chunk(b"", None)])}, "a chunk has a field of a wrong type"),  # type: ignore[arg-type]
        ({"feed": says([Chunk(b"", "\ud83d")])}, "UnicodeEncodeError"),
        ({"buffered": -1}, "buffered is no number of bytes"),
        ({"buffered": None}, "buffered is no number of bytes"),
        ({"fault": "broken"}, "fault is none"),
        ({"fault": Fault("odd", Side.PROVIDER, "")}, "fault has a field of a wrong type"),  # type: ignore[arg-type]
        ({"unread": True, "feed": says([])}, "unread stays true, and nothing comes"),
    ],
)
def test_a_bug_in_a_framing_is_a_fault_and_an_event(members: dict[str, Any], error: str) -> None:
    host = Host()
    decoder = host.decoder(replaced(Bytes, **members))
    found = list(feed_all(decoder, b"x")) + list(finish_all(decoder))
    assert len(found) <= 1
    assert decoder.fault == host.parts.fault
    host.failed("framing blocks", error)
    assert "canary" not in repr(host.events)
    assert decoder.feed(b"x") == decoder.finish() == []
    host.failed("framing blocks", error)


def test_a_framing_that_cannot_be_made_is_a_fault() -> None:
    host = Host()
    decoder = host.decoder(raises)
    assert decoder.fault == host.parts.fault
    assert decoder.feed(b"x") == []
    host.failed("framing blocks", "LookupError", r"\Atest_own_parts\.py:\d+ raises\Z")


# -- readers --------------------------------------------------------------------------------------------------------


def test_a_reader_is_heard_as_it_is() -> None:
    reader = Host().reader(Words)
    assert reader.markers == (b"",)
    assert reader.read(Chunk(b"hi")) == [TextDelta("hi")]
    assert not reader.terminated
    assert reader.read(Chunk(b"over")) == [TextDelta("over")]
    assert reader.terminated
    assert reader.read_whole(b"all") == [TextDelta("all")]
    assert reader.finish() == [ResponseFinished("stop")]


def test_a_reader_may_have_seen_its_finish() -> None:
    reader = Host().reader(replaced(Words, finish_seen=1, complete=[1]))
    assert (reader.terminated, reader.finish_seen, reader.complete) == (False, True, True)


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"read": raises}, "LookupError"),
        ({"read_whole": raises}, "LookupError"),
        ({"finish": raises}, "LookupError"),
        ({"terminated": property(raises)}, "LookupError"),
        ({"finish_seen": property(raises)}, "LookupError"),
        ({"complete": property(raises)}, "LookupError"),
        ({"markers": property(raises)}, "LookupError"),
        ({"markers": ("error",)}, "its markers are no bytes"),
        ({"markers": None}, "its markers are no bytes"),
        ({"read": says(None)}, "it returned no list of events"),
        ({"read": says(["text"])}, "it returned something else than provider events"),
        ({"finish": says([TextDelta(7)])}, "TextDelta has a field of a wrong type"),  # type: ignore[arg-type]
        ({"finish": says([ResponseFinished("done")])}, "ResponseFinished has a field of a wrong type"),  # type: ignore[arg-type]
        ({"finish": says([UsageReported(input_tokens="3")])}, "UsageReported has a field of a wrong type"),  # type: ignore[arg-type]
        ({"finish": says([TextDelta(object())])}, "TextDelta has a field of a wrong type"),  # type: ignore[arg-type]
        ({"finish": says([TextDelta("\ud83d")])}, "TextDelta has a field of a wrong type"),
    ],
)
def test_a_bug_in_a_reader_is_a_fault_and_an_event(members: dict[str, Any], error: str) -> None:
    host = Host()
    reader = host.reader(replaced(Words, **members))
    for _ in range(2):
        reader.read(Chunk(b"over"))
        reader.read_whole(b"over")
        reader.finish()
        host.failed("reader of acme", error)
    seen = (reader.terminated, reader.finish_seen, reader.complete)
    assert seen == (False, False, False), "it would end well"
    assert reader.read(Chunk(b"over")) == []


def test_the_places_are_those_of_the_host_s_code() -> None:
    class Deep(Words):
        def read(self, chunk: Chunk) -> list[ProviderEvent]:
            return self.down(8)

        def down(self, n: int) -> list[ProviderEvent]:
            return self.down(n - 1) if n else raises()  # type: ignore[no-any-return]

    host = Host()
    host.reader(Deep).read(CHUNK)
    places = host.events[0].where.split(" > ")
    assert len(places) == 5
    assert re.fullmatch(r"test_own_parts\.py:\d+ down", places[0])
    assert re.fullmatch(r"test_own_parts\.py:\d+ raises", places[-1])


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_still_does(error: type[BaseException]) -> None:
    def end(*arguments: object) -> list[Chunk]:
        raise error

    host = Host()
    with pytest.raises(error):
        host.decoder(replaced(Bytes, feed=end)).feed(b"x")
    assert not host.events


# -- which framing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "media_type", "found"),
    [(200, "text/x", True), (299, "text/x", True), (200, "text/y", False), (200, None, False), (204, "text/x", False),
     (205, "text/x", False), (300, "text/x", False), (199, "text/x", False), (500, "text/x", False)],
)  # fmt: skip
def test_an_own_framing_is_for_responses_that_succeed(status: int, media_type: str | None, found: bool) -> None:
    framing = OwnFraming(Framing.NDJSON)
    host = Host(OwnReading({"text/x": framing}))
    assert host.parts.framing(status, media_type) is (framing if found else None)


def test_a_format_without_a_reader_of_the_host_s_has_the_built_in_one() -> None:
    assert isinstance(Host(OwnReading({}, "ollama")).parts.reader("ollama"), OllamaReader)
    assert isinstance(Host(OwnReading({}, "acme", Words)).parts.reader("acme"), GuardedReader)


def test_a_response_that_is_closed_is_told_nothing() -> None:
    host = Host()
    host.parts.close()
    host.decoder(raises)
    assert len(host.events) == 1
    assert host.faults == []
    assert host.parts.fault is not None


def test_a_second_bug_is_told_too_but_the_attempt_fails_once() -> None:
    host = Host()
    host.decoder(raises)
    host.reader(raises)
    assert [event.part for event in host.events] == ["framing blocks", "reader of acme"]
    assert host.faults == [host.parts.fault]
