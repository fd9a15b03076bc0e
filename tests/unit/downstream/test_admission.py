"""The door: every refusal to the letter, tokens and where they stand, questions to the host, plain answers."""

import json
from collections.abc import Callable

import h11
import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded
from h2.events import Event as H2Event
from tests.rigs.core_rig import short
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Request

from aigw_sansio.config import Config, GatewaySettings, ProviderSettings
from aigw_sansio.effects import Ask, Authenticate, Authenticated, Effect, Emit, Metrics, ReadMetrics, Unavailable
from aigw_sansio.events import SessionOpened, UpgradeRefused
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId
from aigw_sansio.secret import Secret

CONFIG = Config(
    gateways={
        "a/open": GatewaySettings(),
        "a/sites": GatewaySettings(origins=("https://good.test", "https://fine.test")),
        "a/shut": GatewaySettings(authentication=True, tokens=(Secret("canary-1"), Secret("canary-2"))),
        "a/query": GatewaySettings(authentication=True, tokens=(Secret("canary-1"),), query_token=True),
    }
)
#: A process without authentication.
OPEN = Config(gateways={"a/open": GatewaySettings()})
TOKEN = b"cf-aig-authorization"


class Door:
    """A gateway and one client after the other."""

    def __init__(self, config: Config = CONFIG, *, local: str | None = None) -> None:
        self.gateway = Gateway(config, b"a seed of the door", 1_700_000_000.0)
        self.now = 10.0
        self.events: list[object] = []
        self.asks: list[Ask] = []
        self.conn = self.gateway.open_downstream("192.0.2.7:50000", None, self.now, local=local)

    def effects(self) -> list[str]:
        """Since the last call; events and questions are kept apart."""
        kept: list[Effect] = []
        for effect in self.gateway.effects():
            if isinstance(effect, Emit):
                self.events.append(effect.event)
            elif isinstance(effect, Ask):
                self.asks.append(effect)
            else:
                kept.append(effect)
        return [short(effect) for effect in kept]

    def send(self, data: bytes) -> None:
        self.gateway.receive_data(self.conn, data, self.now)
        self.effects()

    def upgrade(
        self, target: str, *headers: tuple[bytes, bytes], offers: list[str] | None = None, host: str = "gw.test"
    ) -> None:
        """Ask for a WebSocket, as wsproto does."""
        self.websocket = WSConnection(ConnectionType.CLIENT)
        request = Request(host=host, target=target, extra_headers=list(headers), subprotocols=offers or [])
        self.send(self.websocket.send(request))

    def plain(self, method: str, target: str) -> None:
        self.send(f"{method} {target} HTTP/1.1\r\nhost: gw.test\r\n\r\n".encode())

    def taken(self) -> bytes:
        data = self.gateway.data_to_send(self.conn)
        if data:
            self.gateway.data_sent(self.conn, len(data), self.now)
        return data

    def answer(self, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
        """The plain answer, read by h11, which knows that one to HEAD has no body: status, headers, body."""
        client = h11.Connection(h11.CLIENT)
        client.send(h11.Request(method=method, target="/", headers=[("host", "gw.test")]))
        client.send(h11.EndOfMessage())
        client.receive_data(self.taken())
        response = client.next_event()
        assert isinstance(response, h11.Response)
        body = b""
        while isinstance(event := client.next_event(), h11.Data):
            body += event.data
        assert isinstance(event, h11.EndOfMessage)
        assert client.trailing_data == (b"", False)
        headers = dict(response.headers)
        assert len(headers) == len(response.headers), "no field twice"
        return response.status_code, headers, body

    def accepted(self) -> AcceptConnection:
        """The 101, read by wsproto."""
        self.websocket.receive_data(self.taken())
        (event,) = self.websocket.events()
        assert isinstance(event, AcceptConnection)
        return event

    def refused(self, status: int, code: int, *fields: tuple[bytes, bytes]) -> str:
        """Assert that there is this refusal and nothing else; what it says."""
        seen, headers, body = self.answer()
        assert seen == status
        assert headers == {
            b"content-type": b"application/json",
            b"connection": b"close",
            b"content-length": b"%d" % len(body),
            **dict(fields),
        }
        envelope = json.loads(body)
        (error,) = envelope.pop("error")
        assert envelope == {"success": False, "result": [], "messages": []}
        message = error.pop("message")
        assert error == {"code": code}
        self.effects()
        assert self.events == [UpgradeRefused(self.conn, status, code, message, address="192.0.2.7")]
        assert "canary" not in message
        return str(message)


# -- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/a", "/v1/a/", "/v2/a/open", "/v1//open", "/v1/a%2Fopen", "/healthz/"]
)
def test_no_such_path(path: str) -> None:
    door = Door()
    door.upgrade(path)
    assert "/v1/{account}/{gateway}" in door.refused(404, 2012)


@pytest.mark.parametrize("path", ["/v1/a/open", "/v1/a/open/", "/v1/a/open/openai", "/v1/no/such"])
def test_no_upgrade(path: str) -> None:
    door = Door()
    door.plain("GET", path)
    door.refused(426, 2013, (b"upgrade", b"websocket"))


def head_of(path: str = "/v1/a/open") -> bytes:
    return WSConnection(ConnectionType.CLIENT).send(Request(host="gw.test", target=path))


def test_another_version() -> None:
    door = Door()
    door.send(head_of().replace(b"Version: 13", b"Version: 7"))
    message = door.refused(426, 2013, (b"upgrade", b"websocket"), (b"sec-websocket-version", b"13"))
    assert "13" in message


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda head: head.replace(b"GET", b"POST"), "GET"),
        (lambda head: head.replace(b"Connection: Upgrade\r\n", b""), "connection"),
        (lambda head: head.replace(b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Key: canary"), "sec-websocket-key"),
        (lambda head: head.replace(b"Sec-WebSocket-Version: 13\r\n", b""), "sec-websocket-version"),
        (lambda head: head[:-2] + b"content-length: 1\r\n\r\n", "body"),
        (lambda head: head[:-2] + b"sec-websocket-protocol: canary, canary\r\n\r\n", "sec-websocket-protocol"),
        (lambda head: head.replace(b"HTTP/1.1", b"HTTP/1.0"), "HTTP/1.1"),
    ],
)
def test_a_bad_handshake_names_what_is_wrong_and_quotes_nothing(spoil: Callable[[bytes], bytes], named: str) -> None:
    door = Door()
    door.send(spoil(head_of()))
    assert named in door.refused(400, 2006)


def test_no_such_gateway_is_named_but_not_at_length() -> None:
    door = Door(OPEN)
    door.upgrade("/v1/no/such")
    assert "'no/such'" in door.refused(400, 2001)
    door = Door(OPEN)
    door.upgrade("/v1/a/" + "x" * 5000)
    assert len(door.refused(400, 2001)) < 200


@pytest.mark.parametrize("origin", [b"https://evil.test", b"https://good.test.evil.test", b"null", b""])
def test_another_origin(origin: bytes) -> None:
    door = Door()
    door.upgrade("/v1/a/sites", (b"origin", origin))
    door.refused(403, 2014)


@pytest.mark.parametrize("origin", [b"https://good.test", b"https://fine.test", None])
def test_an_origin_of_the_list_and_none_at_all(origin: bytes | None) -> None:
    door = Door()
    door.upgrade("/v1/a/sites", *([] if origin is None else [(b"origin", origin)]))
    door.accepted()


def test_going_away() -> None:
    door = Door()
    door.gateway.drain(door.now)
    door.upgrade("/v1/a/open")
    assert "again" in door.refused(503, 2011)


@pytest.mark.parametrize("path", ["/v1/a/nowhere", "/v1/a/sites"])
def test_who_is_going_away_says_so_before_it_looks_further(path: str) -> None:
    door = Door()
    door.gateway.drain(door.now)
    door.upgrade(path, (b"origin", b"https://evil.test"))
    door.refused(503, 2011)


# -- tokens ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"Bearer canary-1", b"canary-2", b"bEARER  canary-1"])
def test_a_token_of_the_settings_in_the_header(value: bytes) -> None:
    door = Door()
    door.upgrade("/v1/a/shut", (TOKEN, value))
    door.accepted()
    assert door.asks == []
    assert "canary" not in repr(door.events)


def test_a_token_in_a_subprotocol_is_selected_only_if_nothing_else_is_offered() -> None:
    door = Door()
    door.upgrade("/v1/a/shut", offers=["cf-aig-authorization.canary-1"])
    assert door.accepted().subprotocol == "cf-aig-authorization.canary-1"
    (opened,) = door.events
    assert isinstance(opened, SessionOpened)
    assert opened.subprotocol == "cf-aig-authorization.***"
    door = Door()
    door.upgrade("/v1/a/shut", offers=["cf-aig-authorization.canary-1", "mine"])
    assert door.accepted().subprotocol == "cf-aig-authorization.canary-1"
    door = Door()
    door.upgrade("/v1/a/shut", offers=["cf-aig-authorization.canary-1", "openai-beta.x"])
    assert door.accepted().subprotocol == "openai-beta.x"


@pytest.mark.parametrize("query", ["cf-aig-authorization=canary-1", "x=1&CF-AIG-Authorization=Bearer%20canary-1&y"])
def test_a_token_in_the_query_counts_where_the_setting_is_on(query: str) -> None:
    door = Door()
    door.upgrade(f"/v1/a/query?{query}")
    door.accepted()
    door = Door()
    door.upgrade(f"/v1/a/shut?{query}")
    (ask,) = door.asks
    assert isinstance(ask.question, Authenticate)
    assert ask.question.token is None


@pytest.mark.parametrize(
    ("header", "item", "query", "shown"),
    [
        ("H", "I", "Q", "H"),
        (None, "I", "Q", "I"),
        (None, None, "Q", "Q"),
        ("H", None, "canary-1", "H"),
        (None, "I", "canary-1", "I"),
    ],
)
def test_the_header_goes_before_the_item_and_that_before_the_query(
    header: str | None, item: str | None, query: str, shown: str
) -> None:
    door = Door()
    headers = [] if header is None else [(TOKEN, header.encode())]
    offers = [] if item is None else [f"cf-aig-authorization.{item}"]
    door.upgrade(f"/v1/a/query?cf-aig-authorization={query}", *headers, offers=offers)
    (ask,) = door.asks
    assert isinstance(ask.question, Authenticate)
    assert ask.question.token is not None
    assert ask.question.token.reveal() == shown


@pytest.mark.parametrize("values", [(b"wrong", b"canary-2"), (b"canary-1", b"canary-2"), (b"canary-1", b"")])
def test_two_different_tokens_in_one_place_are_none(values: tuple[bytes, bytes]) -> None:
    door = Door()
    door.upgrade("/v1/a/shut", *((TOKEN, value) for value in values))
    assert "two different" in door.refused(401, 2009)
    door = Door()
    door.upgrade("/v1/a/query?" + "&".join(f"cf-aig-authorization={value.decode()}" for value in values))
    door.refused(401, 2009)
    assert door.asks == []


def test_two_items_with_different_tokens_are_none_and_the_same_token_twice_is_one() -> None:
    door = Door()
    door.upgrade("/v1/a/shut", offers=["cf-aig-authorization.canary-1", "cf-aig-authorization.canary-2"])
    door.refused(401, 2009)
    door = Door()
    door.upgrade("/v1/a/shut", (TOKEN, b"canary-1"), (TOKEN, b"Bearer canary-1"))
    door.accepted()


def test_an_unknown_gateway_looks_like_one_that_wants_a_token() -> None:
    for path in ("/v1/a/shut", "/v1/no/such"):
        for token, allowed in ((None, False), (b"wrong", False), (b"mine", True)):
            door = Door()
            door.upgrade(path, *([] if token is None else [(TOKEN, token)]))
            (ask,) = door.asks
            door.gateway.answer(ask.id, Authenticated(allowed), door.now)
            door.effects()
            if allowed and path == "/v1/a/shut":
                door.accepted()
            else:
                door.refused(*((400, 2001) if allowed else (401, 2009)))


# -- Host and Origin ------------------------------------------------------------------------------------------------


def test_a_foreign_page_gets_nothing_from_an_open_gateway() -> None:
    door = Door(OPEN, local="127.0.0.1:8787")
    door.upgrade("/v1/a/open", (b"origin", b"https://evil.test"), host="127.0.0.1:8787")
    assert "origins" in door.refused(403, 2014)


def test_a_page_that_rebound_its_name_gets_nothing() -> None:
    door = Door(OPEN, local="127.0.0.1:8787")
    door.upgrade("/v1/a/open", (b"origin", b"http://evil.test:8787"), host="evil.test:8787")
    assert "hosts" in door.refused(403, 2014)
    named = Config(gateways=OPEN.gateways, hosts=("Gw.Test",))
    door = Door(named, local="127.0.0.1:8787")
    door.upgrade("/v1/a/open", (b"origin", b"http://gw.test:8787"), host="GW.test:8787")
    door.accepted()


def test_metrics_are_not_for_foreign_pages_and_names() -> None:
    for head in ("host: evil.test", "host: localhost\r\norigin: http://evil.test", "host: localhost\r\norigin: null"):
        door = Door(OPEN, local="127.0.0.1:1")
        door.send(f"GET /metrics HTTP/1.1\r\n{head}\r\n\r\n".encode())
        door.refused(403, 2014)
        assert door.asks == []
    door = Door(OPEN, local="127.0.0.1:1")
    door.send(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")
    assert len(door.asks) == 1
    door = Door(OPEN, local="127.0.0.1:1")
    door.send(b"GET /healthz HTTP/1.1\r\nhost: evil.test\r\norigin: http://evil.test\r\n\r\n")
    assert door.answer()[0] == 200


def test_two_origins_are_refused_whatever_the_list_says() -> None:
    door = Door()
    door.upgrade("/v1/a/sites", (b"origin", b"https://good.test"), (b"origin", b"https://good.test"))
    door.refused(403, 2014)


def test_the_order_of_the_checks() -> None:
    evil = (b"origin", b"https://evil.test")
    for path, headers, host, refusal in (
        ("/v1/no/such", [(b"origin", b"bad")], "evil.test", (403, 2014)),  # a malformed origin before the gateway
        ("/v1/a/open", [evil], "evil.test", (403, 2014)),
        ("/v1/a/shut", [evil, (TOKEN, b"a"), (TOKEN, b"b")], "gw.test", (401, 2009)),  # the token before the origin
        ("/v1/a/sites/nobody", [evil], "localhost", (403, 2014)),  # the origin before the provider
    ):
        door = Door(local="127.0.0.1:1")
        door.upgrade(path, *headers, host=host)
        door.refused(*refusal)


def test_a_right_token_lets_any_page_in_unless_there_is_a_list() -> None:
    door = Door()
    door.upgrade("/v1/a/shut", (TOKEN, b"canary-1"), (b"origin", b"https://any.test"))
    door.accepted()
    door = Door()
    door.upgrade("/v1/a/shut", (TOKEN, b"canary-1"), (b"origin", b"null"))
    door.refused(403, 2014)


# -- wrong tokens ---------------------------------------------------------------------------------------------------


def test_the_tenth_wrong_token_in_a_minute_waits_and_a_right_one_does_not() -> None:
    door = Door()

    def show(token: bytes) -> None:
        door.conn = door.gateway.open_downstream("192.0.2.7:50001", None, door.now)
        door.upgrade("/v1/a/shut", (TOKEN, token))
        if door.asks:
            door.gateway.answer(door.asks.pop().id, Unavailable(), door.now)
            door.effects()

    for _ in range(9):
        show(b"wrong")
        assert door.taken().startswith(b"HTTP/1.1 401")
    show(b"wrong")
    assert door.taken() == b""
    waiting = door.conn
    show(b"canary-1")
    assert door.taken().startswith(b"HTTP/1.1 101")
    door.conn, door.now = waiting, door.now + 0.2
    door.gateway.handle_timeout(door.now)
    door.effects()
    assert door.taken().startswith(b"HTTP/1.1 401")


def test_a_client_that_leaves_does_not_wait_any_more() -> None:
    door = Door()
    for _ in range(10):
        door.conn = door.gateway.open_downstream("192.0.2.7:50001", None, door.now)
        door.upgrade("/v1/a/shut", (TOKEN, b"a"), (TOKEN, b"b"))
    for conn in range(1, door.conn + 1):
        door.gateway.connection_lost(ConnId(conn), "reset", door.now)
        door.gateway.closed(ConnId(conn), door.now)
    assert not any(door.gateway.snapshot().values())


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"x-goog-api-key"])
def test_a_token_in_a_providers_place_opens_nothing(name: bytes) -> None:
    door = Door()
    door.upgrade("/v1/a/shut", (name, b"Bearer canary-1"))
    (ask,) = door.asks
    assert isinstance(ask.question, Authenticate)
    assert ask.question.token is None


def test_the_host_is_told_all_that_it_may_judge_by() -> None:
    door = Door()
    fields = [(b"Cookie", b"sid=1"), (b"origin", b"https://page.test"), (b"X-Api-Key", b"canary-2")]
    door.upgrade("/v1/a/shut/openai/realtime?api_key=canary-3", *fields, offers=["realtime", "secret.canary-4"])
    (ask,) = door.asks
    question = ask.question
    assert isinstance(question, Authenticate)
    assert (question.account, question.gateway, question.token) == ("a", "shut", None)
    assert (question.peer, question.path) == ("192.0.2.7:50000", "/v1/a/shut/openai/realtime")
    assert question.origin == "https://page.test"
    assert question.headers.get("cookie") == "sid=1"
    assert question.headers.get("x-api-key") == "canary-2"
    assert question.headers.get("sec-websocket-protocol") == "realtime, secret.canary-4"
    assert "canary" not in repr(ask)


def test_without_authentication_nobody_is_asked() -> None:
    door = Door()
    door.upgrade("/v1/a/open", (TOKEN, b"whatever"))
    door.accepted()
    assert door.asks == []


# -- the host's answer ----------------------------------------------------------------------------------------------


def asking(*headers: tuple[bytes, bytes]) -> tuple[Door, Ask]:
    door = Door()
    door.upgrade("/v1/a/shut", *headers)
    (ask,) = door.asks
    assert door.taken() == b"", "nothing is answered yet"
    assert ask.deadline == door.now + 5
    assert door.gateway.snapshot()["asks"] == 1
    return door, ask


def test_the_host_lets_it_in_and_names_it() -> None:
    door, ask = asking((TOKEN, b"Bearer canary-3"))
    assert "canary" not in repr(ask)
    door.gateway.answer(ask.id, Authenticated(True, "somebody"), door.now)
    door.effects()
    door.accepted()
    (opened,) = door.events
    assert isinstance(opened, SessionOpened)
    assert opened.principal == "somebody"
    door.gateway.answer(ask.id, Authenticated(False), door.now)
    assert door.effects() == [], "a second answer is ignored"


@pytest.mark.parametrize("headers", [[], [(TOKEN, b"canary-3")]])
@pytest.mark.parametrize("answer", [Authenticated(False), Authenticated(False, "known"), Unavailable(), None])
def test_anything_else_is_401(headers: list[tuple[bytes, bytes]], answer: Authenticated | Unavailable | None) -> None:
    door, ask = asking(*headers)
    if answer is None:
        door.gateway.handle_timeout(ask.deadline - 0.001)
        assert door.taken() == b""
        door.now = ask.deadline
        door.gateway.handle_timeout(door.now)
    else:
        door.gateway.answer(ask.id, answer, door.now)
    assert door.effects() == ["flush 1", "close 1"]
    message = door.refused(401, 2009)
    assert ("cf-aig-authorization" in message) is not bool(headers), "who showed none is told where"
    assert door.gateway.snapshot()["asks"] == 0
    door.gateway.answer(ask.id, Authenticated(True), door.now)
    assert door.effects() == [], "too late"


def test_a_gateway_that_goes_away_meanwhile_lets_nobody_in() -> None:
    door, ask = asking()
    door.gateway.drain(door.now)
    door.gateway.answer(ask.id, Authenticated(True), door.now)
    door.refused(503, 2011)


@pytest.mark.parametrize("end", ["eof", "lost", "closed"])
@pytest.mark.parametrize("target", ["/v1/a/shut", "/metrics"])
def test_a_client_that_left_withdraws_its_question(end: str, target: str) -> None:
    door = Door()
    if target == "/metrics":
        door.plain("GET", target)
    else:
        door.upgrade(target)
    (ask,) = door.asks
    if end == "eof":
        door.gateway.receive_eof(door.conn, door.now)
        assert door.effects() == ["close 1"]
    elif end == "lost":
        door.gateway.connection_lost(door.conn, "reset", door.now)
    door.gateway.closed(door.conn, door.now)
    assert not any(door.gateway.snapshot().values())
    door.gateway.answer(ask.id, Unavailable(), door.now)
    assert door.effects() == []
    assert door.events == []


# -- plain answers --------------------------------------------------------------------------------------------------

WELL = b'{"success":true,"result":[],"messages":[],"error":[]}'


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/healthz?probe=1"])
def test_alive_and_ready(path: str) -> None:
    door = Door()
    door.plain("GET", path)
    status, headers, body = door.answer()
    assert (status, body) == (200, WELL)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"content-length"] == b"%d" % len(WELL)
    assert headers[b"connection"] == b"close"
    door.effects()
    assert door.events == []


def test_a_gateway_that_goes_away_is_alive_and_not_ready() -> None:
    door = Door()
    door.gateway.drain(door.now)
    door.plain("GET", "/healthz")
    assert door.answer()[0] == 200
    door = Door()
    door.gateway.drain(door.now)
    door.plain("GET", "/readyz")
    door.refused(503, 2011)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_they_are_read_only(path: str) -> None:
    door = Door()
    door.plain("POST", path)
    door.refused(404, 2012)
    assert door.asks == []


def test_metrics_are_the_hosts() -> None:
    door = Door()
    door.plain("GET", "/metrics")
    (ask,) = door.asks
    assert ask.question == ReadMetrics()
    assert door.taken() == b""
    door.gateway.answer(ask.id, Metrics(b"up 1\n", "text/x-up"), door.now)
    status, headers, body = door.answer()
    assert (status, headers[b"content-type"], body) == (200, b"text/x-up", b"up 1\n")


@pytest.mark.parametrize("answered", [True, False])
def test_without_metrics_there_is_nothing_there(answered: bool) -> None:
    door = Door()
    door.plain("GET", "/metrics")
    (ask,) = door.asks
    if answered:
        door.gateway.answer(ask.id, Unavailable(), door.now)
    else:
        door.now = ask.deadline
        door.gateway.handle_timeout(door.now)
    door.refused(404, 2012)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/nowhere", "/v1/a/open"])
def test_an_answer_to_head_has_the_fields_of_get_and_no_body(path: str) -> None:
    answers = []
    for method in ("GET", "HEAD"):
        door = Door()
        door.plain(method, path)
        for ask in door.asks:
            door.gateway.answer(ask.id, Metrics(b"up 1\n"), door.now)
        answers.append(door.answer(method))
    get, head = answers
    assert get[2]
    assert head == (get[0], get[1], b""), "RFC 9110 section 8.6: content-length says what GET would send"


def test_head_over_http2_as_well_and_nothing_of_the_stream_stays() -> None:
    gateway = Gateway(CONFIG, b"a seed of the door", 1_700_000_000.0)
    conn = gateway.open_downstream("192.0.2.7:50000", "h2", 1.0)
    client = H2Connection()
    client.initiate_connection()
    answers = []
    for method in ("GET", "HEAD"):
        stream = client.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "https"), (":authority", "gw.test"), (":path", "/healthz")]
        client.send_headers(stream, fields, end_stream=True)
        gateway.receive_data(conn, client.data_to_send(), 1.0)
        found: list[H2Event] = []
        while data := gateway.data_to_send(conn):
            found += client.receive_data(data)
            gateway.data_sent(conn, len(data), 1.0)
        (response,) = (event for event in found if isinstance(event, ResponseReceived))
        answers.append((response.headers, b"".join(event.data for event in found if isinstance(event, DataReceived))))
        assert sum(isinstance(event, StreamEnded) for event in found) == 1
    get, head = answers
    assert get[1] == WELL
    assert head == (get[0], b"")
    gateway.effects()
    gateway.handle_timeout(62.0)
    assert [short(effect) for effect in gateway.effects()] == ["flush 1", "close 1"], "idle, and for no other reason"


# -- what a gateway allows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [GatewaySettings(providers=("groq",)), GatewaySettings(endpoints=("chat/completions",))]
)
def test_a_realtime_provider_or_endpoint_that_is_not_listed_is_not_dialled(settings: GatewaySettings) -> None:
    door = Door(Config(gateways={"a/open": settings}))
    door.upgrade("/v1/a/open/openai/v1/realtime?model=m", (b"authorization", b"Bearer own"))
    door.refused(403, 2014)
    assert door.gateway.snapshot()["connections"] == 1


def test_realtime_without_a_key_of_its_own_is_not_dialled_if_none_is_lent() -> None:
    settings = GatewaySettings(byok_only=True)
    door = Door(Config(gateways={"a/open": settings}, providers={"openai": ProviderSettings(api_key=Secret("canary"))}))
    door.upgrade("/v1/a/open/openai?model=m")
    assert "byok_only" in door.refused(400, 2006)
