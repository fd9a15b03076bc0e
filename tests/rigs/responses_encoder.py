"""The encoder of Responses over WebSocket, driven as an exchange drives it.

Decides: the order of calls for one attempt. Must not know: what the messages are.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from aigw_sansio.bodies.chunk import Chunk
from aigw_sansio.config import Limits
from aigw_sansio.dialects.base import Listener
from aigw_sansio.dialects.responses.encoder import ResponsesEncoder
from aigw_sansio.events import ResponseFailed
from aigw_sansio.exchanges.encoder import FinalResponse, Progress
from aigw_sansio.exchanges.read_depth import ReadDepth
from aigw_sansio.exchanges.rejection import fault_of, judge_whole, reject_stream
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.formats.classify import ChunkKind, classify

PROGRESS = Progress(step=0, attempts=1)
LOST = Fault(FaultKind.CONNECTION_LOST, Side.PROVIDER, "the connection was lost", retryable=True)


def request(**members: object) -> dict[str, msgspec.Raw]:
    """The members of a client's request."""
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}


def encoder(
    stream_id: str | None = None,
    *,
    asked: Mapping[str, msgspec.Raw] | None = None,
    listener: Listener | None = None,
    most: int = 1 << 20,
    **more: Any,
) -> ResponsesEncoder:
    known = {"previous_response_id": None, "store": False, "created": 1_796_000_000, **more}
    return ResponsesEncoder(
        "resp_own",
        request=request(model="gpt-6-astra") if asked is None else asked,
        stream_id=stream_id,
        most=most,
        listener=listener,
        **known,
    )


def stream(status: int = 200, content_type: bytes = b"text/event-stream") -> ProviderResponse:
    """A response of a provider that speaks Responses."""
    return ProviderResponse(
        status,
        [(b"content-type", content_type), (b"retry-after", b"7")],
        format="openai-responses",
        limits=Limits(),
        array_stream=False,
    )


def chunk(value: object) -> Chunk:
    return Chunk(msgspec.json.encode(value))


def told(encoder: ResponsesEncoder, chunks: list[Chunk], *, end: Fault | None = None) -> list[bytes]:
    """The messages of a stream of ``chunks``: nothing is sent before the first content. ``end``: the stream broke."""
    encoder.attempt(0)
    response = stream()
    before: list[bytes] = []
    for index, one in enumerate(chunks):
        events = response.read(one)
        weight = classify(events)
        if weight is ChunkKind.ERROR:
            failed = next(event for event in events if type(event) is ResponseFailed)
            final = reject_stream(response, failed, one.data, 0).final
            assert final is not None
            return encoder.whole(final, PROGRESS)
        before += encoder.chunk(response, one, events)
        if weight is ChunkKind.CONTENT:
            return _committed(encoder, response, before, chunks[index + 1 :], end)
    if end is not None:
        return encoder.refused(end, PROGRESS, None)
    return _committed(encoder, response, before, [], None)


def _committed(
    encoder: ResponsesEncoder, response: ProviderResponse, before: list[bytes], chunks: list[Chunk], end: Fault | None
) -> list[bytes]:
    response.committed(everything=encoder.reads_everything)
    messages = [*encoder.begin(response, PROGRESS), *before]
    for one in chunks:  # each in a read of its own
        more, failed = encoder.chunks(response, [one])
        messages += more
        if failed is not None:
            return messages + encoder.failed(response, fault_of(failed), PROGRESS, response.usage())
    if end is not None:
        return messages + encoder.failed(response, end, PROGRESS, response.usage())
    messages += encoder.events(response.read_end())
    return messages + encoder.finished(response, PROGRESS, response.usage())


def told_whole(encoder: ResponsesEncoder, body: bytes, *, status: int = 200) -> list[bytes]:
    """The messages of a response that is no stream."""
    encoder.attempt(0)
    response = stream(status, b"application/json")
    response.read_depth = ReadDepth.ALL
    judged = judge_whole(response, body, 0)
    final = judged if isinstance(judged, FinalResponse) else judged.final
    assert final is not None
    return encoder.whole(final, PROGRESS)
