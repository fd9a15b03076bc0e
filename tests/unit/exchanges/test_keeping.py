"""What a provider sent, kept for the record of its exchange."""

import pytest

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.config import Limits
from aigw_sansio.dialects.universal.encoder import UniversalEncoder
from aigw_sansio.exchanges.encoder import FinalResponse, KeptText, Progress, ResponseEncoder
from aigw_sansio.exchanges.keeping import KeepingEncoder
from aigw_sansio.exchanges.policy import ResponseMode
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.faults import Fault, FaultKind, Side

KEY = b"canary-of-a-key-0123456789"
PROGRESS = Progress(0, 1)
LOST = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "lost")


def response(kind: bytes = b"text/event-stream", keys: tuple[bytes, ...] = ()) -> ProviderResponse:
    return ProviderResponse(
        200, [(b"content-type", kind)], format="openai-chat", limits=Limits(), array_stream=False, keys=keys
    )


def inner() -> ResponseEncoder[bytes]:
    return UniversalEncoder("e", "l", mode="raw", listener=None)


def keeping(most: int = 1000) -> KeepingEncoder[bytes]:
    encoder = KeepingEncoder(inner(), most)
    encoder.attempt(0)
    return encoder


def chunk(text: str) -> Chunk:
    return Chunk(b'{"choices":[{"index":0,"delta":{"content":"%b"}}]}' % text.encode())


def test_the_chunks_of_a_stream_are_lines_and_the_client_sees_what_it_sees_without() -> None:
    encoder, other, seen = keeping(), inner(), response()
    chunks = [chunk("a"), chunk("b"), chunk("c")]
    assert encoder.chunk(seen, chunks[0], []) == other.chunk(seen, chunks[0], [])
    assert encoder.begin(seen, PROGRESS) == other.begin(seen, PROGRESS)
    assert encoder.chunks(seen, chunks[1:]) == other.chunks(seen, chunks[1:])
    assert encoder.finished(seen, PROGRESS, None) == other.finished(seen, PROGRESS, None)
    text = "\n".join(one.data.decode() for one in chunks)
    assert encoder.kept == KeptText(text, complete=True)
    assert encoder.held == sum(len(one.data) for one in chunks)


@pytest.mark.parametrize("most", range(0, 130, 9))
def test_the_beginning_is_kept(most: int) -> None:
    encoder, seen = keeping(most), response()
    sizes = [len(chunk(text).data) for text in "ab"]
    for text in "ab":
        encoder.chunks(seen, [chunk(text)])
    kept = encoder.kept
    assert kept is not None
    assert kept.complete is (most >= sum(sizes))
    assert encoder.held == min(most, sum(sizes))
    assert "\n".join(chunk(text).data.decode() for text in "ab").startswith(kept.text)


@pytest.mark.parametrize("at", range(8, len(KEY), 5))
def test_a_key_is_in_no_record_also_over_the_border_of_chunks(at: int) -> None:
    encoder, seen = keeping(), response(keys=(KEY,))
    seen.next_chunks(b"")
    for piece in (b"x", KEY[:at], KEY[at:], b"y", KEY):
        encoder.chunks(seen, [chunk(piece.decode())])
    kept = encoder.kept
    assert kept is not None
    assert "canary" not in kept.text
    assert KEY[at:].decode() not in kept.text
    assert kept.text.count("***") >= 2


def test_an_attempt_that_failed_leaves_nothing() -> None:
    encoder = keeping()
    encoder.chunk(response(), chunk("failed"), [])
    encoder.attempt(1)
    encoder.chunk(response(), chunk("good"), [])
    assert encoder.kept is not None
    assert "failed" not in encoder.kept.text


def test_a_whole_response() -> None:
    encoder, other = keeping(), inner()
    encoder.chunk(response(), chunk("earlier"), [])
    final = FinalResponse(0, 200, "application/json", b'{"a":1}', None, [], [])
    assert encoder.whole(final, PROGRESS) == other.whole(final, PROGRESS)
    assert encoder.kept == KeptText('{"a":1}', complete=True)


def test_what_is_no_text_is_not_kept() -> None:
    encoder, seen = keeping(), response(b"audio/mpeg")
    encoder.chunks(seen, [Chunk(b"\xff\x00")])
    assert (encoder.kept, encoder.held) == (None, 0)
    encoder = keeping()
    encoder.whole(FinalResponse(0, 200, "image/png", b"\x89PNG", None, [], []), PROGRESS)
    assert (encoder.kept, encoder.held) == (None, 0)


def test_a_review_takes_nothing_out_of_a_record() -> None:
    encoder, other, seen = keeping(), inner(), response()
    assert encoder.rewritten(seen, chunk("shown"), chunk("own"), []) == other.chunk(seen, chunk("shown"), [])
    assert encoder.kept == KeptText(chunk("own").data.decode(), complete=True)
    final = FinalResponse(0, 200, "application/json", b'{"a":2}', None, [], [], own_body=b'{"a":1}')
    assert encoder.whole(final, PROGRESS) == other.whole(final, PROGRESS)
    assert encoder.kept == KeptText('{"a":1}', complete=True)


@pytest.mark.parametrize("mode", ["raw", "events"])
def test_the_client_sees_what_it_sees_without(mode: ResponseMode) -> None:
    other = UniversalEncoder("e", "l", mode=mode, listener=None)
    encoder = KeepingEncoder(other, 1000)
    assert encoder.shows_chunks is other.shows_chunks is (mode == "raw")
    assert encoder.shows_body(0) is other.shows_body(0)


def test_all_other_words_are_the_other_encoders() -> None:
    encoder, other, seen = keeping(), inner(), response()
    assert encoder.reads_everything is other.reads_everything
    assert encoder.events([]) == other.events([])
    assert encoder.texts([b"{}"], []) == other.texts([b"{}"], [])
    assert encoder.refused(LOST, PROGRESS, None) == other.refused(LOST, PROGRESS, None)
    assert encoder.failed(seen, LOST, PROGRESS, None) == other.failed(seen, LOST, PROGRESS, None)
    assert encoder.cancelled(seen, PROGRESS, None) == other.cancelled(seen, PROGRESS, None)
    assert (other.held, other.kept) == (0, None)
