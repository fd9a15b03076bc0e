"""Responses that a budget counts: all is read, and the chunk that only the gateway asked for is not shown."""

import pytest

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.config import Limits
from aigw_sansio.dialects.universal.encoder import UniversalEncoder
from aigw_sansio.events import ResponseFailed, UsageReported
from aigw_sansio.exchanges.encoder import FinalResponse, Progress, ResponseEncoder
from aigw_sansio.exchanges.metering import MeteringEncoder
from aigw_sansio.exchanges.policy import ResponseMode
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.quotas.claim import Unreported

KEY = b"canary-of-a-key-0123456789"
PROGRESS = Progress(0, 1)
LOST = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "lost")
TEXT = Chunk(b'{"choices":[{"index":0,"delta":{"content":"hi there"}}],"usage":null}')
LAST = Chunk(
    b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
)
USAGE = Chunk(b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}')


def response(status: int = 200, keys: tuple[bytes, ...] = (), how: Unreported | None = None) -> ProviderResponse:
    return ProviderResponse(
        status,
        [(b"content-type", b"text/event-stream")],
        format="openai-chat",
        limits=Limits(),
        array_stream=False,
        query=b"q" * 40,
        keys=keys,
        unreported=how,
    )


def inner(mode: ResponseMode = "raw") -> ResponseEncoder[bytes]:
    return UniversalEncoder("e", "l", mode=mode, listener=None)


def metering(*hides: bool, mode: ResponseMode = "raw") -> MeteringEncoder[bytes]:
    encoder = MeteringEncoder(inner(mode), hides)
    encoder.attempt(0)
    return encoder


@pytest.mark.parametrize("hides", [False, True])
def test_only_the_chunk_that_tells_nothing_but_usage_is_hidden(*, hides: bool) -> None:
    encoder, other = metering(hides), inner()
    seen, plain = response(), response()
    for one, reader in ((encoder, seen), (other, plain)):
        one.begin(reader, PROGRESS)
        reader.committed(everything=one.reads_everything)
    shown, failed = encoder.chunks(seen, [TEXT, LAST, USAGE])
    all_of_it, _ = other.chunks(plain, [TEXT, LAST, USAGE])
    assert failed is None
    assert shown == (all_of_it[:2] if hides else all_of_it)
    assert seen.usage() == plain.usage()
    again = encoder.chunk(seen, USAGE, seen.read(USAGE))
    assert again == ([] if hides else all_of_it[2:])
    changed = encoder.rewritten(seen, USAGE, USAGE, seen.read(USAGE))
    assert changed == ([] if hides else all_of_it[2:])
    assert encoder.rewritten(seen, TEXT, TEXT, []) == other.rewritten(plain, TEXT, TEXT, [])


@pytest.mark.parametrize("data", [
    b'{"choices":[],"usage":{"prompt_tokens":1},"prompt_filter_results":[]}',
    b'"choices":[]', b'{"choices":7,"usage":{}}', b'{"choices":[],"usage":1}', b'{"choices":[],"usage":null}',
    b'{"choices":[],"x":"\xff",', b'{"choices":[],"x":' + b"[" * 100_000, b'{"usage":{}}',
    b'{"choices":[],"choices":[1],"usage":{}}', b'{"x":{"choices":[]},"usage":{}}',
    b'{"choices":[],"prompt_filter_results":[]}',
])  # fmt: skip
def test_what_no_provider_sends_is_shown(data: bytes) -> None:
    encoder, seen = metering(True), response()
    assert len(encoder.chunk(seen, Chunk(data), [UsageReported(input_tokens=1)])) == 1


def test_who_asked_for_events_sees_the_usage() -> None:
    encoder, seen = metering(True, mode="both"), response()
    encoder.begin(seen, PROGRESS)
    seen.committed(everything=True)
    shown, _ = encoder.chunks(seen, [USAGE])
    assert len(shown) == 1
    assert b'"type":"usage"' in shown[0]


def test_each_step_hides_its_own() -> None:
    encoder, seen = metering(True, False), response()
    assert encoder.chunk(seen, USAGE, seen.read(USAGE)) == []
    encoder.attempt(1)
    assert len(encoder.chunk(seen, USAGE, seen.read(USAGE))) == 1


def test_an_error_ends_it_and_a_key_is_hidden() -> None:
    encoder, seen = metering(False), response(keys=(KEY,))
    seen.committed(everything=True)
    chunk = Chunk(b'{"choices":[{"index":0,"delta":{"content":"' + KEY + b'"}}]}')
    seen.unsearched = 1
    bad = Chunk(b'{"error":{"message":"too busy"}}')
    shown, failed = encoder.chunks(seen, [chunk, TEXT, bad, TEXT])
    assert isinstance(failed, ResponseFailed)
    assert len(shown) == 3
    assert KEY not in b"".join(shown)


def test_all_else_is_passed_on() -> None:
    encoder, other, seen = metering(False), inner(), response()
    assert (encoder.held, encoder.kept, encoder.shows_chunks, encoder.shows_body(0)) == (0, None, True, True)
    assert encoder.refused(LOST, PROGRESS, None) == other.refused(LOST, PROGRESS, None)
    assert encoder.failed(seen, LOST, PROGRESS, None) == other.failed(seen, LOST, PROGRESS, None)
    assert encoder.cancelled(None, PROGRESS, None) == other.cancelled(None, PROGRESS, None)
    assert encoder.finished(seen, PROGRESS, None) == other.finished(seen, PROGRESS, None)
    assert encoder.texts([b"1"], []) == other.texts([b"1"], [])
    assert encoder.events([]) == other.events([])
    final = FinalResponse(
        step=0, status=200, content_type="application/json", body=b"{}", charset=None, headers=[], events=[]
    )
    assert encoder.whole(final, PROGRESS) == other.whole(final, PROGRESS)


@pytest.mark.parametrize(("status", "how", "output"), [
    (200, None, None),
    (200, Unreported(None), 2),
    (200, Unreported(9), 9),
    (500, Unreported(None), None),
    (500, Unreported(9), None),
])  # fmt: skip
def test_what_counts_of_a_response_that_reports_nothing(
    status: int, how: Unreported | None, output: int | None
) -> None:
    seen = response(status, how=how)
    seen.read(TEXT)
    used = seen.used(cut=False)
    assert (None if used is None else used.output_tokens) == output
    assert seen.usage() is None
