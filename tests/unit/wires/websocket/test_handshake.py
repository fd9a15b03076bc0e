"""The opening handshake, both sides."""

import pytest
import wsproto.events
from hypothesis import given
from hypothesis import strategies as st
from tests.peers.websocket_frames import cut
from websockets.client import ClientProtocol
from websockets.server import ServerProtocol
from websockets.uri import parse_uri
from wsproto import ConnectionType, WSConnection

from aigw_sansio.errors import LocalProtocolError
from aigw_sansio.faults import Fault, FaultKind, Side
from aigw_sansio.wires.heads import RequestHead, StatusHead, parse_request_head, parse_status_head
from aigw_sansio.wires.http import Headers
from aigw_sansio.wires.websocket.handshake import (
    REFUSAL_BODY_BYTES,
    Accepted,
    ClientHandshake,
    Extension,
    NotUpgrade,
    Offers,
    Outcome,
    Refused,
    Upgrade,
    WrongVersion,
    accept,
    check_upgrade,
    parse_extensions,
    read_offers,
    reason_phrase,
    request,
    response,
)

NONCE = bytes(range(16))
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

FIELDS: dict[bytes, bytes] = {
    b"host": b"gateway.example:8080",
    b"upgrade": b"websocket",
    b"connection": b"Upgrade",
    b"sec-websocket-key": KEY,
    b"sec-websocket-version": b"13",
}


def ask(
    *more: tuple[bytes, bytes],
    without: bytes = b"",
    method: bytes = b"GET",
    version: bytes = b"1.1",
    **changes: bytes,
) -> Upgrade | NotUpgrade | WrongVersion | Fault:
    fields = {**FIELDS, **{name.replace("_", "-").encode(): value for name, value in changes.items()}}
    fields.pop(without, None)
    return check_upgrade(RequestHead(method, b"/v1/a/g", version, [*fields.items(), *more]))


# -- server: requests -----------------------------------------------------------------------------------------------


def test_the_request_of_the_rfc_is_granted() -> None:
    upgrade = ask((b"sec-websocket-protocol", b"chat, superchat"), (b"sec-websocket-protocol", b"third"))
    assert upgrade == Upgrade(KEY, b"gateway.example:8080", Offers((b"chat", b"superchat", b"third"), ()))
    assert isinstance(upgrade, Upgrade)
    assert accept(upgrade, b"chat", headers=[(b"x-id", b"\xff")]) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\nSec-WebSocket-Protocol: chat\r\nX-Id: \xff\r\n\r\n"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"upgrade": b"WebSocket"},
        {"upgrade": b"h2c, websocket"},
        {"connection": b"keep-alive, upgrade"},
        {"host": b"[::1]:80"},
        {"host": b"localhost"},
        {"sec_websocket_key": b"AAAAAAAAAAAAAAAAAAAAAA=="},
        {"content_length": b"0"},
        {"origin": "https://münchen.example".encode()},
    ],
)
def test_other_proper_requests(changes: dict[str, bytes]) -> None:
    assert isinstance(ask(**changes), Upgrade)


@pytest.mark.parametrize("changes", [{"without": b"upgrade"}, {"upgrade": b"h2c"}, {"upgrade": b"websocket2"}])
def test_requests_for_something_else(changes: dict[str, bytes]) -> None:
    assert ask(**changes) == NotUpgrade()


@pytest.mark.parametrize("version", [b"8", b"7", b"14", b"13, 8", b"", b"013", b"\xff"])
def test_other_versions(version: bytes) -> None:
    assert ask(sec_websocket_version=version) == WrongVersion()


@pytest.mark.parametrize(
    "changes",
    [
        {"method": b"POST"},
        {"version": b"1.0"},
        {"connection": b"close"},
        {"without": b"connection"},
        {"without": b"host"},
        {"host": b""},
        {"host": b"a b"},
        {"host": b"user@host"},
        {"host": b"m\xfcnchen"},
        {"host": b"h:80:80"},
        {"without": b"sec-websocket-key"},
        {"sec_websocket_key": b"!"},
        {"sec_websocket_key": b"\xff"},
        {"sec_websocket_key": b"AAAA"},
        {"sec_websocket_key": b"A" * 24},
        {"sec_websocket_key": b"A" * 30 + b"=="},
        {"without": b"sec-websocket-version"},
        {"content_length": b"5"},
        {"transfer_encoding": b"chunked"},
        {"sec_websocket_protocol": b"a b"},
        {"sec_websocket_protocol": b"a, a"},
        {"sec_websocket_protocol": b"\xff"},
        {"sec_websocket_extensions": b";"},
    ],
)
def test_bad_handshakes(changes: dict[str, bytes]) -> None:
    fault = ask(**changes)
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.side) == (FaultKind.BAD_HANDSHAKE, Side.CLIENT)


@pytest.mark.parametrize("name", [b"host", b"sec-websocket-key", b"sec-websocket-version"])
def test_fields_that_may_be_there_once(name: bytes) -> None:
    assert isinstance(ask((name, FIELDS[name])), Fault)


def test_no_fault_quotes_what_may_be_a_key() -> None:
    fault = ask(sec_websocket_protocol=b"openai-insecure-api-key.sk secret")
    assert isinstance(fault, Fault)
    assert "secret" not in fault.detail
    fault = parse_request_head(b"GET / HTTP/1.1\r\nhost: a\r\nauthorization: sk-secret\x00\r\n\r\n")
    assert isinstance(fault, Fault)
    assert "secret" not in fault.detail
    fault = parse_status_head(b"HTTP/1.1 200 OK\r\nset-cookie: secret\x00\r\n\r\n")
    assert isinstance(fault, Fault)
    assert "secret" not in fault.detail


def test_offers_of_an_extended_connect() -> None:
    headers = [(b"sec-websocket-version", b"13"), (b"sec-websocket-protocol", b"a,b")]
    assert read_offers(headers) == Offers((b"a", b"b"), ())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", ()),
        (b" , ,", ()),
        (b"foo", (Extension(b"foo", ()),)),
        (b"foo , bar; x", (Extension(b"foo", ()), Extension(b"bar", ((b"x", None),)))),
        (b"foo;a=1;a=2 ; b = 3", (Extension(b"foo", ((b"a", b"1"), (b"a", b"2"), (b"b", b"3"))),)),
        (b'foo; a="1"; b="x\\y"', (Extension(b"foo", ((b"a", b"1"), (b"b", b"xy"))),)),
        (b'foo; a="1,2"', None),  # a quoted comma does not end the element, and is no token
        (b'foo; a=""', None),
        (b'foo; a="1', None),
        (b"foo; a=", None),
        (b"foo;", None),
        (b"foo bar", None),
        (b"foo; a b", None),
        (b"foo\xff", None),
        (b"=", None),
    ],
)
def test_extensions(value: bytes, expected: tuple[Extension, ...] | None) -> None:
    assert parse_extensions([(b"sec-websocket-extensions", value)]) == expected


@given(st.text(alphabet='ab;,="\\ \t\xff', max_size=12))
def test_extensions_of_any_text(text: str) -> None:
    found = parse_extensions([(b"sec-websocket-extensions", text.encode("latin-1"))])
    if found:
        written = b",".join(
            b";".join((item.name, *(key if value is None else key + b"=" + value for key, value in item.parameters)))
            for item in found
        )
        assert parse_extensions([(b"sec-websocket-extensions", written)]) == found


# -- server: answers ------------------------------------------------------------------------------------------------


def test_a_plain_response() -> None:
    assert response(426, [(b"upgrade", b"WebSocket")], b"{}") == (
        b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: WebSocket\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    )
    assert response(499, [], b"") == b"HTTP/1.1 499 \r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    assert reason_phrase(404) == b"Not Found"


def test_misuse() -> None:
    upgrade = ask((b"sec-websocket-protocol", b"a"))
    assert isinstance(upgrade, Upgrade)
    with pytest.raises(LocalProtocolError, match="not offered"):
        accept(upgrade, b"b")
    for name, value in ((b"x", b"a\r\nb: c"), (b"x y", b""), (b"", b""), (b"x", b"\0")):
        with pytest.raises(LocalProtocolError):
            response(200, [(name, value)], b"")
    for target in (b"", b"x", b"/a b", b"/\r\n"):
        with pytest.raises(LocalProtocolError):
            request(b"h", target, [], [], NONCE)
    with pytest.raises(LocalProtocolError):
        request(b"h", b"/", [], [], b"short")


# -- client ---------------------------------------------------------------------------------------------------------


def answer(head: bytes, *, offered: tuple[bytes, ...] = (b"a", b"b"), extension: bytes | None = None) -> Outcome | None:
    handshake = ClientHandshake(4096, NONCE, offered, extension=extension)
    return handshake.receive_data(head) or handshake.receive_eof()


def grant(*headers: tuple[bytes, bytes]) -> bytes:
    upgrade = check_upgrade(parsed(request(b"h", b"/", [], [b"a", b"b"], NONCE)))
    assert isinstance(upgrade, Upgrade)
    return accept(upgrade, headers=list(headers))


def parsed(head: bytes) -> RequestHead:
    found = parse_request_head(head)
    assert isinstance(found, RequestHead)
    return found


def test_our_request_is_a_proper_one() -> None:
    head = parsed(request(b"h:1", b"/p?q", [(b"authorization", b"Bearer x")], [b"a", b"b"], NONCE, b"foo; x=1"))
    assert head.target == b"/p?q"
    assert (b"authorization", b"Bearer x") in head.headers
    assert check_upgrade(head) == Upgrade(
        b"AAECAwQFBgcICQoLDA0ODw==", b"h:1", Offers((b"a", b"b"), (Extension(b"foo", ((b"x", b"1"),)),))
    )


def test_accepted() -> None:
    outcome = answer(grant((b"sec-websocket-protocol", b"b"), (b"x", b"y")) + b"\x81\x00")
    assert isinstance(outcome, Accepted)
    assert (outcome.subprotocol, outcome.rest) == (b"b", b"\x81\x00")
    assert (b"x", b"y") in outcome.headers
    outcome = answer(grant((b"sec-websocket-extensions", b"foo; x")), extension=b"foo; x")
    assert isinstance(outcome, Accepted)
    assert outcome.extensions == (Extension(b"foo", ((b"x", None),)),)


def test_informational_responses_are_skipped() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    assert isinstance(answer(hints + hints + grant()), Accepted)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Upgrade: websocket", b"upgrade: h2c"),
        (b"Upgrade: websocket", b"upgrade: websocket, h2c"),
        (b"Upgrade: websocket\r\n", b""),
        (b"Connection: Upgrade", b"connection: close"),
        (b"Sec-WebSocket-Accept: ", b"sec-websocket-accept: x"),
        (b"Sec-WebSocket-Accept: ", b"x: "),
        (b"Sec-WebSocket-Accept: ", b"sec-websocket-accept: x\r\nsec-websocket-accept: "),
        (b"X: y", b"sec-websocket-protocol: c"),
        (b"X: y", b"sec-websocket-protocol: A"),
        (b"X: y", b"sec-websocket-protocol: a, b"),
        (b"X: y", b"sec-websocket-protocol: a\r\nsec-websocket-protocol: b"),
        (b"X: y", b"sec-websocket-extensions: foo"),
        (b"X: y", b"sec-websocket-extensions: ;"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"HTTP/1.1", b"HTTP/2"),
        (b"X: y", b"x: " + b"y" * 5000),
    ],
)
def test_a_bad_101_is_a_fault(old: bytes, new: bytes) -> None:
    whole = grant((b"x", b"y"))
    assert old in whole
    fault = answer(whole.replace(old, new, 1))
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.side) == (FaultKind.MALFORMED_RESPONSE, Side.PROVIDER)


@pytest.mark.parametrize(
    ("stream", "body", "complete"),
    [
        (b"HTTP/1.1 401 No\r\ncontent-length: 3\r\n\r\nabc", b"abc", True),
        (b"HTTP/1.1 401 No\r\ncontent-length: 3\r\n\r\nabcdef", b"abc", True),
        (b"HTTP/1.1 401 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n", b"abc", True),
        (b"HTTP/1.1 401 No\r\n\r\nto the end", b"to the end", True),
        (b"HTTP/1.0 401 No\r\n\r\n", b"", True),
        (b"HTTP/1.1 204 No\r\n\r\n", b"", True),
        (b"HTTP/1.1 401 No\r\ncontent-length: 3\r\n\r\nab", b"ab", False),
        (b"HTTP/1.1 401 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n", b"ab", False),
        (b"HTTP/1.1 401 No\r\n\r\n" + b"x" * 70_000, b"x" * REFUSAL_BODY_BYTES, False),
        (b"HTTP/1.1 401 No\r\ncontent-length: 65536\r\n\r\n" + b"x" * 65536, b"x" * 65536, True),
    ],
)
def test_refused(stream: bytes, body: bytes, complete: bool) -> None:
    for size in (1, 7, 1000, 1 << 20):
        handshake = ClientHandshake(4096, NONCE)
        parts = (stream[at : at + size] for at in range(0, len(stream), size))
        outcome = next(filter(None, map(handshake.receive_data, parts)), None) or handshake.receive_eof()
        assert isinstance(outcome, Refused)
        assert (outcome.body, outcome.complete) == (body, complete)
        assert outcome.status in (401, 204)


@pytest.mark.parametrize("stream", [b"", b"HTTP/1.1 101", b"HTTP/1.1 103 x\r\n\r\n"])
def test_an_end_before_the_answer_is_a_lost_connection(stream: bytes) -> None:
    handshake = ClientHandshake(4096, NONCE)
    assert not stream or handshake.receive_data(stream) is None
    fault = handshake.receive_eof()
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.retryable) == (FaultKind.CONNECTION_LOST, True)


@pytest.mark.parametrize("head", [b"HTTP/1.1 abc\r\n\r\n", b"junk\r\n\r\n", b"HTTP/1.1 1000 x\r\n\r\n", b"x" * 5000])
def test_bytes_that_are_no_response_are_a_fault(head: bytes) -> None:
    assert isinstance(answer(head), Fault)


@given(data=st.data())
def test_cuts_change_nothing(data: st.DataObject) -> None:
    stream = data.draw(
        st.sampled_from(
            (
                grant((b"sec-websocket-protocol", b"a")),
                b"HTTP/1.1 100 Continue\r\n\r\n" + grant(),
                b"\r\n" + response(403, [(b"x", b"y")], b"no" * 50),
                b"HTTP/1.1 500 x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nt: r\r\n\r\nmore",
            )
        )
    )
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(stream) - 1))
        stream = stream[:at] + data.draw(st.binary(max_size=3)) + stream[at + 1 :]
    outcomes = []
    for reads in ([stream], data.draw(cut(stream))):
        handshake = ClientHandshake(4096, NONCE, (b"a",))
        left = iter(reads)
        outcome = next(filter(None, map(handshake.receive_data, left)), None) or handshake.receive_eof()
        if isinstance(outcome, Accepted):
            outcome = Accepted(outcome.subprotocol, outcome.extensions, outcome.headers, outcome.rest + b"".join(left))
        outcomes.append(outcome)
    assert outcomes[0] == outcomes[1]


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
def test_any_bytes_are_judged(reads: list[bytes]) -> None:
    handshake = ClientHandshake(100, NONCE)
    outcome = next(filter(None, map(handshake.receive_data, reads)), None) or handshake.receive_eof()
    assert isinstance(outcome, Fault | Refused)


# -- against other implementations ----------------------------------------------------------------------------------


def test_wsproto_grants_what_we_ask_and_we_grant_what_it_asks() -> None:
    server = WSConnection(ConnectionType.SERVER)
    server.receive_data(request(b"h", b"/", [], [b"a", b"b"], NONCE))
    assert [type(event) for event in server.events()] == [wsproto.events.Request]
    outcome = answer(server.send(wsproto.events.AcceptConnection(subprotocol="b")))
    assert isinstance(outcome, Accepted)
    assert outcome.subprotocol == b"b"

    client = WSConnection(ConnectionType.CLIENT)
    asked = client.send(wsproto.events.Request(host="h", target="/", subprotocols=["a", "b"]))
    upgrade = check_upgrade(parsed(asked))
    assert isinstance(upgrade, Upgrade)
    client.receive_data(accept(upgrade, b"b"))
    (event,) = client.events()
    assert isinstance(event, wsproto.events.AcceptConnection)
    assert event.subprotocol == "b"


def test_websockets_grants_what_we_ask_and_we_grant_what_it_asks() -> None:
    server = ServerProtocol(subprotocols=["b"])
    server.receive_data(request(b"h", b"/", [], [b"a", b"b"], NONCE))
    (asked,) = server.events_received()
    server.send_response(server.accept(asked))
    outcome = answer(b"".join(server.data_to_send()))
    assert isinstance(outcome, Accepted)
    assert outcome.subprotocol == b"b"

    client = ClientProtocol(parse_uri("ws://h/"), subprotocols=["a", "b"])
    client.send_request(client.connect())
    upgrade = check_upgrade(parsed(b"".join(client.data_to_send())))
    assert isinstance(upgrade, Upgrade)
    client.receive_data(accept(upgrade, b"b"))
    assert client.handshake_exc is None
    assert client.subprotocol == "b"


def test_a_status_head() -> None:
    headers: Headers = [(b"x", b"\xff")]
    assert parse_status_head(b"HTTP/1.1 200 OK\r\nX: \xff\r\n\r\n") == StatusHead(200, b"1.1", headers)


@pytest.mark.parametrize(("fields", "fits"), [(3, True), (4, False)])
def test_the_fields_of_the_answer_are_counted(fields: int, fits: bool) -> None:
    head = b"HTTP/1.1 401 no\r\n" + b"x: 1\r\n" * (fields - 1) + b"content-length: 0\r\n\r\n"
    outcome = ClientHandshake(4096, NONCE, field_limit=3).receive_data(head)
    assert isinstance(outcome, Refused) is fits
    if not fits:
        assert isinstance(outcome, Fault)
        assert outcome.detail == "the response head has 4 header fields; head_fields allows 3"


@pytest.mark.parametrize(("count", "fits"), [(16, True), (17, False)])
def test_informational_answers_are_counted(count: int, fits: bool) -> None:
    raw = b"HTTP/1.1 103 x\r\n\r\n" * count + b"HTTP/1.1 401 no\r\ncontent-length: 0\r\n\r\n"
    outcome = ClientHandshake(4096, NONCE).receive_data(raw)
    assert isinstance(outcome, Refused if fits else Fault)
