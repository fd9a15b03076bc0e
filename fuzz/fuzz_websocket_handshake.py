"""Any bytes, any cuts, as request or response of an opening handshake: one verdict, the same as read whole.

``python -m fuzz.fuzz_websocket_handshake --seconds 60``. The first byte of an input chooses the cuts. If an
upgrade is granted, the answer is a proper 101.
"""

from fuzz._fuzz import cut, main, seeded
from fuzz._transcripts import heads

from aigw_sansio.wires.heads import HeadGate, RequestHead, StatusHead, parse_request_head, parse_status_head
from aigw_sansio.wires.websocket.deflate import DeflateSettings, choose
from aigw_sansio.wires.websocket.handshake import (
    Accepted,
    ClientHandshake,
    Outcome,
    Upgrade,
    accept,
    check_upgrade,
    request,
)

LIMIT = 600
NONCE = bytes(16)
_REQUEST = request(
    b"h:1", b"/v1/a/g?x=1", [(b"origin", b"http://\xff")], [b"realtime", b"openai-insecure-api-key.k"], NONCE,
    b'permessage-deflate; client_max_window_bits="10"',
)  # fmt: skip
_GRANT = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n"
)

SEEDS: list[bytes] = seeded(
    _REQUEST,
    _REQUEST.replace(b"version: 13", b"version: 8"),
    _GRANT + b"sec-websocket-protocol: realtime\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n\x81\x00",
    b"HTTP/1.1 103 Early Hints\r\n\r\n" + _GRANT + b"\r\n",
    b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 4\r\n\r\n{}\r\n",
    b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.0 302 Found\r\nlocation: /\r\n\r\nto the end",
    *heads("client http/1.1"),
    *heads("provider http/1.1"),
)


def _as_request(reads: list[bytes]) -> object:
    gate = HeadGate(LIMIT)
    for at, data in enumerate(reads):
        found = gate.feed(data)
        if isinstance(found, int):
            return "over the limit"
        if found is not None:
            head = parse_request_head(found[0])
            verdict = check_upgrade(head) if isinstance(head, RequestHead) else head
            return verdict, found[1] + b"".join(reads[at + 1 :])
    return None


def _as_response(reads: list[bytes]) -> Outcome:
    handshake = ClientHandshake(LIMIT, NONCE, (b"realtime",), extension=b"permessage-deflate")
    left = iter(reads)
    outcome = next(filter(None, map(handshake.receive_data, left)), None) or handshake.receive_eof()
    if isinstance(outcome, Accepted):
        return Accepted(outcome.subprotocol, outcome.extensions, outcome.headers, outcome.rest + b"".join(left))
    return outcome


def target(data: bytes) -> None:
    """Raise if the invariant breaks."""
    stream, reads = cut(data)
    whole = [stream] if stream else []
    asked = _as_request(reads)
    assert asked == _as_request(whole)
    assert _as_response(reads) == _as_response(whole)
    if isinstance(asked, tuple) and isinstance(asked[0], Upgrade):
        upgrade = asked[0]
        chosen = choose(upgrade.offers.extensions, DeflateSettings())
        subprotocol = next(iter(upgrade.offers.subprotocols), None)
        granted = parse_status_head(accept(upgrade, subprotocol, chosen[1] if chosen else None))
        assert isinstance(granted, StatusHead)
        assert granted.status == 101


if __name__ == "__main__":
    main(target, SEEDS)
