"""The ``universal.*`` dialect: the exact text of every message to a client."""

import json
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.dialects.universal import messages as universal
from aigw_sansio.dialects.universal.messages import Metadata
from aigw_sansio.events import ResponseFinished, TextDelta, UsageReported
from aigw_sansio.faults import Fault, FaultKind, Side

FULL = Metadata("MISS", "e", "l", "0", "text/plain", 200, 2, "base64", msgspec.Raw(b'{"input_tokens":1}'))
FULL_TEXT = (
    '{"cacheStatus":"MISS","eventId":"e","logId":"l","step":"0","contentType":"text/plain","status":200,"attempts":2,'
    '"encoding":"base64","usage":{"input_tokens":1}}'
)
FAULT = Fault(FaultKind.STREAM_RESET, Side.PROVIDER, 'the "stream" was reset', retryable=True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (universal.created(FULL, None), f'{{"type":"universal.created","metadata":{FULL_TEXT}}}'),
        (universal.created(FULL, b'{"a": 1}'), f'{{"type":"universal.created","metadata":{FULL_TEXT},"response":{{"a": 1}}}}'),
        (universal.created(Metadata("HIT"), b'""'), '{"type":"universal.created","metadata":{"cacheStatus":"HIT"},"response":""}'),
        (universal.stream_prefix('a"é') + b"[1]}", '{"type":"universal.stream","metadata":{"eventId":"a\\"é"},"response":[1]}'),
        (universal.stream_base64("e", b'"YQ=="'),
         '{"type":"universal.stream","metadata":{"eventId":"e","encoding":"base64"},"response":"YQ=="}'),
        (universal.event("e", TextDelta("hi")),
         '{"type":"universal.event","metadata":{"eventId":"e"},"event":{"type":"text.delta","text":"hi"}}'),
        (universal.event("e", ResponseFinished("stop", "end_turn")),
         '{"type":"universal.event","metadata":{"eventId":"e"},"event":{"type":"response.finished","reason":"stop","raw_reason":"end_turn"}}'),
        (universal.event("e", UsageReported(input_tokens=0)),
         '{"type":"universal.event","metadata":{"eventId":"e"},"event":{"type":"usage","input_tokens":0}}'),
        (universal.done(FULL), f'{{"type":"universal.done","metadata":{FULL_TEXT}}}'),
        (universal.error(FAULT, Metadata("MISS", "e", "l")),
         '{"type":"universal.error","metadata":{"cacheStatus":"MISS","eventId":"e","logId":"l"},"error":{"code":2005,'
         '"message":"the \\"stream\\" was reset","kind":"stream_reset","retryable":true}}'),
        (universal.error(FAULT, None),
         '{"type":"universal.error","metadata":{},"error":{"code":2005,"message":"the \\"stream\\" was reset","kind":"stream_reset",'
         '"retryable":true}}'),
        (universal.error(FAULT, None, "run"),
         '{"type":"universal.error","metadata":{},"error":{"code":2005,"message":"the \\"stream\\" was reset","kind":"stream_reset",'
         '"retryable":true,"eventId":"run"}}'),
        (universal.cancelled(Metadata("MISS", "e")), '{"type":"universal.cancelled","metadata":{"cacheStatus":"MISS","eventId":"e"}}'),
        (universal.going_away(30000), '{"type":"universal.going_away","deadline_ms":30000}'),
        (universal.PONG, '{"type":"universal.pong"}'),
    ],
)  # fmt: skip
def test_exact_texts(text: bytes, wanted: str) -> None:
    assert text.decode() == wanted
    json.loads(text)


@given(st.text(min_size=1, max_size=20), st.sampled_from(["HIT", "MISS"]))
def test_any_id_is_told_as_it_came(event_id: str, cache: Literal["HIT", "MISS"]) -> None:
    metadata = Metadata(cache, event_id)
    for text in (universal.created(metadata, None), universal.done(metadata), universal.cancelled(metadata),
                 universal.stream_prefix(event_id) + b"1}", universal.stream_base64(event_id, b'""')):  # fmt: skip
        assert json.loads(text)["metadata"]["eventId"] == event_id
