"""Which answers are failures, what is shown of them, and what follows from them."""

import pytest

from aigw_sansio.config import Limits
from aigw_sansio.events import ResponseFailed
from aigw_sansio.exchanges.encoder import FinalResponse
from aigw_sansio.exchanges.rejection import Rejection, ended_by, failure_event, judge_whole, reject_stream
from aigw_sansio.exchanges.response import ProviderResponse
from aigw_sansio.faults import Denial, Fault, FaultKind, Side

JSON = b"application/json"


def response(status: int = 200, kind: bytes = JSON, format: str = "openai-chat") -> ProviderResponse:
    headers = [(b"content-type", kind), (b"x-request-id", b"KEY-canary"), (b"content-length", b"9")]
    return ProviderResponse(status, headers, format=format, limits=Limits(), array_stream=False, keys=(b"KEY-canary",))


@pytest.mark.parametrize(("body", "kind", "format"), [
    (b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}', JSON, "openai-chat"),
    (b'{"choices":[{"index":0,"message":{"content":""},"finish_reason":"stop"}]}', JSON, "openai-chat"),
    (b'{"choices":[{"index":0,"message":{"content":"x"},"finish_reason":"error"}]}', JSON, "openai-chat"),
    (b'{"object":"list","data":[]}', JSON, "openai-chat"),
    (b"", JSON, "openai-chat"),
    (b"\xff\xfb\x90", b"audio/mpeg", "openai-chat"),
    (b"<html>", b"text/html", "unknown"),
    (b'{"error":"no such thing"}', JSON, "unknown"),
])  # fmt: skip
def test_successes(body: bytes, kind: bytes, format: str) -> None:
    judged = judge_whole(response(200, kind, format), body, 2)
    assert isinstance(judged, FinalResponse)
    assert (judged.status, judged.body, judged.step) == (200, body, 2)
    assert judged.headers[:2] == [(b"content-type", kind), (b"x-request-id", b"***")]


@pytest.mark.parametrize(("status", "body", "shown", "again", "wait"), [
    (200, b'{"error":{"type":"permission_error","message":"x"}}', 403, False, 0.0),
    (200, b'{"error":{"message":"x","code":529}}', 529, True, 0.0),
    (200, b"<html><title>Just a moment</title></html>", 502, True, 0.0),
    (200, b'{"choices":[{"ind', 502, True, 0.0),
    (200, b'{"choices":null,"base_resp":{"status_code":1008,"status_msg":"x"}}', 403, False, 0.0),
    (200, b'{"choices":[{"index":0,"message":{"content":""},"finish_reason":"error"}]}', 502, True, 0.0),
    (429, b'{"error":{"details":[{"retryDelay":"3s"}]}}', 429, True, 3.0),
    (404, b"Not Found", 404, False, 0.0),
    (307, b"", 307, False, 0.0),
])  # fmt: skip
def test_failures(status: int, body: bytes, shown: int, again: bool, wait: float) -> None:
    judged = judge_whole(response(status), body, 0)
    assert isinstance(judged, Rejection)
    assert judged.final is not None
    assert (judged.final.status, judged.final.body, judged.final.finish_reason) == (shown, body, None)
    assert (judged.fault.retryable, judged.wait_s) == (again, wait)
    assert [type(event) for event in judged.final.events] == [ResponseFailed]


def test_a_stream_without_words_leaves_nothing_to_show() -> None:
    failed = ResponseFailed("nothing in it")
    assert reject_stream(response(), failed, b"", 0).final is None
    final = reject_stream(response(), failed, b"oh", 0).final
    assert final is not None
    assert (final.status, final.body) == (502, b"oh")


@pytest.mark.parametrize(("kind", "side", "wanted"), [
    (FaultKind.CONNECTION_LOST, Side.PROVIDER, "server"), (FaultKind.SHUTDOWN, Side.GATEWAY, "unknown"),
    (FaultKind.PROVIDER_ERROR, Side.PROVIDER, "unknown"),
])  # fmt: skip
def test_the_event_of_a_break(kind: FaultKind, side: Side, wanted: str) -> None:
    event = failure_event(Fault(kind, side, "why"))
    assert (event.message, event.kind, event.error_class) == ("why", kind.value, wanted)


def test_who_ended_it() -> None:
    assert ended_by(Fault(FaultKind.CONNECT_FAILED, Side.PROVIDER, "")) is Side.PROVIDER
    assert ended_by(Fault(FaultKind.INTERNAL, Side.GATEWAY, "")) is Side.GATEWAY
    assert ended_by(Denial(FaultKind.RATE_LIMITED, Side.CLIENT, "")) is Side.GATEWAY
