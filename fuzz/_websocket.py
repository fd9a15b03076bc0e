"""The invariant for any bytes of a WebSocket peer, in either role, compressed or not. Used by the scripts of both."""

import itertools
import zlib
from typing import Final

from fuzz._fuzz import cut, seeded
from fuzz._transcripts import frames
from tests.peers.websocket_frames import KEY, item, raw_frame, read_by_wsproto, same_end

from aigw_sansio.wires.websocket.deflate import Agreement, PerMessageDeflate
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.messages import BinaryMessage, TextMessage, Violation, WebSocketWire
from aigw_sansio.wires.websocket.relay import FrameRelay

LIMIT = 1000
#: Completes any frame within the limit: wsproto judges pieces of a frame, we judge the whole.
FILLER = bytes(LIMIT + 14)
#: Nothing negotiated, and permessage-deflate with and without the context of the messages before.
AGREEMENTS: Final = (None, Agreement(), Agreement(server_takeover=False, client_takeover=False))


def _deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def seeds(role: Role) -> list[bytes]:
    """Streams that a receiver in ``role`` takes."""
    masked = role is Role.SERVER

    def frame(first: int, payload: bytes = b"") -> bytes:
        return raw_frame(first, payload, masked=masked)

    return seeded(
        frame(0x81, b'{"type":"universal.ping"}') + frame(0x82, b"x" * 126) + frame(0x88, b"\x03\xe8bye"),
        frame(0x01, b"\xe2\x82") + frame(0x89, b"p") + frame(0x00) + frame(0x80, b"\xac") + frame(0x8A),
        frame(0x88, b"\x03\xf6bad gateway"),
        frame(0x81, b"\xff") + frame(0x81, b"dropped"),
        frame(0xC1, bytes.fromhex("f248cdc9c90700")) + frame(0xC1, bytes.fromhex("f200110000")),
        frame(0x41, bytes.fromhex("f248")) + frame(0x89) + frame(0x80, bytes.fromhex("cdc9c90700")),
        frame(0xC2, _deflated(bytes(LIMIT))) + frame(0x81, b"plain") + frame(0xC2, _deflated(bytes(LIMIT + 1))),
        frame(0xC1, bytes.fromhex("f348cdc9c9070000")) + frame(0xC2, b"\x03\x00") + frame(0xC1, b"") + frame(0x41),
        frame(0x01, b"a") + frame(0x80, b"b") + frame(0x41, b"") + frame(0xC9, b"p") + frame(0xC0),
        frame(0xC1, _deflated(b"\xe2\x82")) + frame(0x81, b"dropped"),
        raw_frame(0x82, b"abc", masked=masked, length=LIMIT + 1),
        raw_frame(0x82, b"abc", masked=masked, length=1 << 62),
        *frames("client http/1.1" if masked else "provider http/1.1"),
    )


def check(role: Role, data: bytes) -> None:
    """Raise if the invariant breaks."""
    stream, reads = cut(data)
    mask_key = None if role is Role.SERVER else lambda: KEY
    plain = None
    for agreement in AGREEMENTS:
        outcomes = []
        for parts in ([stream], reads):
            extension = PerMessageDeflate(role, agreement, message_limit=LIMIT) if agreement is not None else None
            wire = WebSocketWire(role, message_limit=LIMIT, mask_key=mask_key, extension=extension)
            outcomes.append([*itertools.chain.from_iterable(map(wire.receive_data, parts))])
        assert outcomes[0] == outcomes[1]
        # What is right without the extension is the same with it.
        if plain is None:
            plain = [event for event in outcomes[0] if not isinstance(event, Violation)]
        assert outcomes[0][: len(plain)] == plain
        for event in outcomes[0]:
            if isinstance(event, TextMessage | BinaryMessage):
                assert len(event.data) <= LIMIT
            if isinstance(event, TextMessage):
                event.data.decode()

    wire = WebSocketWire(role, message_limit=LIMIT, mask_key=mask_key)
    ours = [item(event) for event in wire.receive_data(stream + FILLER)]
    theirs = read_by_wsproto(role, stream + FILLER)
    if ours and ours[-1] == ("fault", 1009):
        assert theirs[: len(ours) - 1] == ours[:-1]
    else:
        assert same_end(ours, theirs)

    passed = []
    for parts in ([stream], reads):
        relay = FrameRelay(role, message_limit=LIMIT, mask_key=mask_key)
        events = [*itertools.chain.from_iterable(map(relay.receive_data, parts))]
        rest = [event for event in events if not isinstance(event, bytes)]
        passed.append((b"".join(event for event in events if isinstance(event, bytes)), rest))
    assert passed[0] == passed[1]
    behind = read_by_wsproto(role, passed[0][0])
    assert all(entry[0] in ("text", "binary") or entry == ("fault", 1007) for entry in behind)
