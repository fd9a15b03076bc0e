"""What of a provider's refusal goes to the client."""

import gzip
import zlib

import pytest

from aigw_sansio.realtime.refusal import readable_refusal
from aigw_sansio.wires.http import Headers
from aigw_sansio.wires.websocket.handshake import REFUSAL_BODY_BYTES, Refused


def passed(body: bytes, *headers: tuple[bytes, bytes]) -> tuple[Headers, bytes]:
    refused = Refused(401, [(b"content-type", b"text/plain"), *headers], body, complete=True)
    return readable_refusal(refused, lambda text: text.replace("canary", "***"))


@pytest.mark.parametrize(
    ("coding", "coded"),
    [(b"gzip", gzip.compress(b"bad canary")), (b"deflate", zlib.compress(b"bad canary")), (b"identity", b"bad canary")],
)
def test_a_key_in_a_coded_body_is_hidden(coding: bytes, coded: bytes) -> None:
    assert passed(coded, (b"content-encoding", coding)) == ([(b"content-type", b"text/plain")], b"bad ***")


def test_a_body_that_nobody_here_can_read_is_left_out() -> None:
    assert passed(b"canary", (b"content-encoding", b"br"))[1] == b""
    assert passed(b"canary", (b"content-encoding", b"gzip"))[1] == b""


def test_a_body_is_decoded_up_to_its_limit() -> None:
    assert len(passed(gzip.compress(bytes(1 << 20)), (b"content-encoding", b"gzip"))[1]) == REFUSAL_BODY_BYTES


def test_fields() -> None:
    fields, _ = passed(b"", (b"retry-after", b"canary"), (b"set-cookie", b"x"))
    assert fields == [(b"content-type", b"text/plain"), (b"retry-after", b"***")]
