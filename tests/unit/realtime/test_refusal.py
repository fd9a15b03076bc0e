"""A provider's refusal: what of it the client gets, and what an event says of it."""

import gzip
import zlib

import pytest

from aigw_sansio.providers.redaction import redactor
from aigw_sansio.realtime.refusal import readable_refusal, request_ids
from aigw_sansio.wires.http import Headers
from aigw_sansio.wires.websocket.handshake import REFUSAL_BODY_BYTES, Refused

KEY = b"canary-0123456789"
HIDER = redactor([KEY])


def refusal(body: bytes, *headers: tuple[bytes, bytes]) -> Refused:
    return Refused(401, list(headers), body, complete=True)


@pytest.mark.parametrize(
    ("coding", "encode"),
    [(b"gzip", gzip.compress), (b"x-gzip", gzip.compress), (b"deflate", zlib.compress), (b"identity", bytes)],
)
def test_a_coding_is_undone_before_keys_are_hidden(coding: bytes, encode: object) -> None:
    assert callable(encode)
    headers, body, problem = readable_refusal(
        refusal(encode(b"no such key: " + KEY), (b"content-encoding", coding), (b"content-type", b"text/plain")), HIDER
    )
    assert (headers, body, problem) == ([(b"content-type", b"text/plain")], b"no such key: ***", None)


def test_a_body_in_an_unknown_coding_is_left_out() -> None:
    _, body, problem = readable_refusal(refusal(KEY, (b"content-encoding", b"br")), HIDER)
    assert (body, problem) == (b"", "its body is in a content coding that is not read")


def test_what_inflates_is_cut() -> None:
    _, body, _ = readable_refusal(refusal(gzip.compress(bytes(1 << 22)), (b"content-encoding", b"gzip")), HIDER)
    assert len(body) == REFUSAL_BODY_BYTES


def test_a_corrupt_body_goes_on_as_far_as_it_can_be_read() -> None:
    packed = bytearray(gzip.compress(b"no" * 1000, 0))
    packed[-6] ^= 1
    _, body, problem = readable_refusal(refusal(bytes(packed), (b"content-encoding", b"gzip")), HIDER)
    assert body == b"no" * 1000
    assert problem is not None


def test_the_ids_of_the_request_go_on_without_keys() -> None:
    fields: Headers = [
        (b"x-request-id", b"req_1"),
        (b"dg-request-id", b"d-2"),
        (b"dg-error", b"bad key " + KEY),
        (b"openai-organization", b"o"),
        (b"set-cookie", b"a=b"),
        (b"retry-after", b"7"),
    ]
    headers, _, _ = readable_refusal(refusal(b"", *fields), HIDER)
    assert headers == [
        (b"x-request-id", b"req_1"),
        (b"dg-request-id", b"d-2"),
        (b"dg-error", b"bad key ***"),
        (b"retry-after", b"7"),
    ]
    assert request_ids(fields, HIDER) == {
        "x-request-id": "req_1",
        "dg-request-id": "d-2",
        "dg-error": "bad key ***",
    }


def test_a_key_in_the_name_of_an_id() -> None:
    hider = redactor([b"Canary-KEY-01234"])
    fields: Headers = [(b"canary-key-01234-request-id", b"r")]
    headers, _, _ = readable_refusal(refusal(b"", *fields), hider)
    assert headers == [(b"***-request-id", b"r")]
    assert request_ids(fields, hider) == {"***-request-id": "r"}


def test_the_ids_in_an_event_are_few_and_short() -> None:
    fields: Headers = [(b"dg-%d" % number, b"x" * 1000) for number in range(100)]
    ids = request_ids(fields, HIDER)
    assert len(ids) == 16
    assert {len(value) for value in ids.values()} == {256}
