"""The public strategies for bytes, run against this library and against others: what they find there is stated here."""

from collections.abc import Callable

import h11
import pytest
import wsproto
import wsproto.events
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.extensions import PerMessageDeflate

from aigw_sansio.bodies.chunk import feed_all, finish_all
from aigw_sansio.bodies.ndjson import NdjsonDecoder
from aigw_sansio.bodies.sse import SseDecoder
from aigw_sansio.testing import (
    BrokenFrame,
    MessageStream,
    broken_frames,
    broken_handshakes,
    chunked_bodies,
    cuts,
    event_streams,
    frame,
    handshake,
    line_streams,
    message_streams,
)
from aigw_sansio.wires.heads import RequestHead, parse_request_head
from aigw_sansio.wires.http1.chunked import ChunkedReader
from aigw_sansio.wires.websocket.frames import Role
from aigw_sansio.wires.websocket.handshake import Upgrade, check_upgrade
from aigw_sansio.wires.websocket.messages import (
    BinaryMessage,
    CloseReceived,
    PingReceived,
    PongReceived,
    TextMessage,
    Violation,
    WebSocketWire,
)

Heard = list[tuple[str, str | bytes]]


def ours(pieces: list[bytes]) -> Heard:
    """The reading of this library."""
    wire = WebSocketWire(Role.SERVER, message_limit=1 << 20)
    heard: Heard = []
    for piece in pieces:
        for event in wire.receive_data(piece):
            match event:
                case TextMessage(data):
                    heard.append(("text", data.decode()))
                case BinaryMessage(data):
                    heard.append(("binary", data))
                case PingReceived(payload):
                    heard.append(("ping", payload))
                case PongReceived(payload):
                    heard.append(("pong", payload))
                case CloseReceived(code):
                    heard.append(("close", str(code)))
                case Violation(fault):
                    heard.append(("violation", fault.kind.value))
    return heard


def theirs(pieces: list[bytes]) -> Heard:
    """The reading of wsproto."""
    connection = Connection(ConnectionType.SERVER)
    heard: Heard = []
    parts: list[str | bytes] = []
    for piece in pieces:
        connection.receive_data(piece)
        for event in connection.events():
            if isinstance(event, wsproto.events.Message):
                parts.append(bytes(event.data) if isinstance(event, wsproto.events.BytesMessage) else event.data)
                if event.message_finished:
                    text = isinstance(event, wsproto.events.TextMessage)
                    heard.append(("text", "".join(map(str, parts))) if text else ("binary", b"".join(parts)))  # type: ignore[arg-type]
                    parts = []
            elif isinstance(event, wsproto.events.Ping):
                heard.append(("ping", bytes(event.payload)))
            elif isinstance(event, wsproto.events.Pong):
                heard.append(("pong", bytes(event.payload)))
            elif isinstance(event, wsproto.events.CloseConnection):
                heard.append(("close", str(event.code)))
    return heard


def with_cuts(streams: st.SearchStrategy[MessageStream]) -> st.SearchStrategy[tuple[MessageStream, list[bytes]]]:
    return streams.flatmap(lambda stream: st.tuples(st.just(stream), cuts(stream.data)))


@pytest.mark.parametrize("read", [ours, theirs])
def test_legal_streams_are_heard_alike_by_both(read: Callable[[list[bytes]], Heard]) -> None:
    @given(with_cuts(message_streams(masked=True)))
    def check(case: tuple[MessageStream, list[bytes]]) -> None:
        stream, pieces = case
        assert read(pieces) == stream.messages

    check()


@given(broken_frames(masked=True), st.data())
def test_broken_frames_are_refused_with_the_code_of_their_rule(broken: BrokenFrame, data: st.DataObject) -> None:
    kinds = {1002: "protocol_error", 1007: "invalid_payload"}
    assert ours(data.draw(cuts(broken.data)))[-1] == ("violation", kinds[broken.code]), broken.rule


@given(broken_handshakes())
def test_broken_handshakes_are_not_granted(raw: bytes) -> None:
    head = parse_request_head(raw)
    assert not isinstance(head, RequestHead) or not isinstance(check_upgrade(head), Upgrade)
    assert isinstance(parse_request_head(handshake()), RequestHead)


@given(st.one_of(event_streams(), line_streams()), st.data())
def test_bodies_mean_the_same_in_any_cuts(stream: object, data: st.DataObject) -> None:
    events = data.draw(event_streams())
    decoder = SseDecoder(1 << 20)
    heard = [chunk.data for piece in data.draw(cuts(events.body)) for chunk in feed_all(decoder, piece)]
    assert heard + [chunk.data for chunk in finish_all(decoder)] == events.payloads
    lines = data.draw(line_streams())
    ndjson = NdjsonDecoder(1 << 20)
    heard = [chunk.data for piece in data.draw(cuts(lines.body)) for chunk in feed_all(ndjson, piece)]
    assert heard + [chunk.data for chunk in finish_all(ndjson)] == lines.payloads


@given(st.binary(max_size=200), st.data())
def test_chunked_bodies_are_read_alike_by_h11(body: bytes, data: st.DataObject) -> None:
    coded = data.draw(chunked_bodies(body))
    reader = ChunkedReader()
    assert b"".join(reader.feed(piece) for piece in data.draw(cuts(coded))) == body
    assert reader.ended
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + coded)
    read = b""
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        read += bytes(event.data) if isinstance(event, h11.Data) else b""
    assert read == body


# -- findings in wsproto 1.3, of which this library makes up for each --------------------------------------------------


def test_finding_a_frame_error_looks_like_the_peers_own_close() -> None:
    connection = Connection(ConnectionType.SERVER)
    connection.receive_data(frame(0x83, b"", masked=True))
    (event,) = connection.events()
    assert isinstance(event, wsproto.events.CloseConnection)
    assert event.code == 1002
    assert connection.state is ConnectionState.OPEN, "the peer has not closed"


def test_finding_a_key_of_one_character_is_granted() -> None:
    server = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    server.receive_data(handshake(Sec_WebSocket_Key="!"))
    assert isinstance(next(iter(server.events())), wsproto.events.Request)


def test_finding_a_header_that_is_not_ascii_raises_out_of_the_parser() -> None:
    server = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    with pytest.raises(UnicodeDecodeError):
        server.receive_data(handshake(Sec_WebSocket_Protocol="caf\u00e9"))
        list(server.events())


def test_finding_a_small_frame_inflates_without_limit() -> None:
    import zlib

    squeeze = zlib.compressobj(wbits=-15)
    bomb = (squeeze.compress(bytes(8 << 20)) + squeeze.flush(zlib.Z_SYNC_FLUSH))[:-4]
    deflate = PerMessageDeflate()
    deflate._enabled = True
    connection = Connection(ConnectionType.SERVER, [deflate])
    connection.receive_data(frame(0xC2, bomb, masked=True))
    size = sum(len(event.data) for event in connection.events() if isinstance(event, wsproto.events.Message))
    assert (len(bomb) < 10_000, size) == (True, 8 << 20)


@pytest.mark.parametrize("code", [1014, 1016, 2999])
def test_finding_registered_and_unregistered_codes_are_all_1002(code: int) -> None:
    connection = Connection(ConnectionType.SERVER)
    connection.receive_data(frame(0x88, code.to_bytes(2, "big"), masked=True))
    (event,) = connection.events()
    assert isinstance(event, wsproto.events.CloseConnection)
    assert event.code == 1002
