"""What a gateway shows its operator, and to whom."""

import re

import h2.config
import h2.connection
import h2.events
import msgspec
import pytest

from aigw_sansio.config import Config, Timeouts
from aigw_sansio.downstream.operator_pages import MOST_STREAMS
from aigw_sansio.effects import Answer, Ask, Close, Emit, Metrics, Page, Question, ReadMetrics, ReadPage, Unavailable
from aigw_sansio.events import Event, UpgradeRefused
from aigw_sansio.gateway import Gateway
from aigw_sansio.ids import ConnId
from aigw_sansio.secret import Secret

TOKEN = "canary-of-a-token"
OTHER = "canary-of-another"
PAGE = Config(page="on")
LOCKED = Config(page="on", page_token=TOKEN, metrics_token=TOKEN)  # type: ignore[arg-type]


class Desk:
    """A gateway with a host that knows its page and its metrics, and browsers on this machine."""

    def __init__(self, config: Config = PAGE) -> None:
        self.gateway = Gateway(config, b"a seed of sixteen", 0.0)
        self.now = 10.0
        self.asked: list[Question] = []
        self.events: list[Event] = []
        self.closed: list[ConnId] = []
        self.answers: dict[str, Answer] = {}
        self.silent = False

    def open(self, peer: str = "127.0.0.1:5000", local: str = "127.0.0.1:80", alpn: str | None = None) -> ConnId:
        return self.gateway.open_downstream(peer, alpn, self.now, local=local)

    def pump(self) -> None:
        """Carry out all effects; the host answers at once."""
        while effects := self.gateway.effects():
            for effect in effects:
                if isinstance(effect, Ask):
                    self.asked.append(effect.question)
                    if not self.silent:
                        self.gateway.answer(effect.id, self._answer(effect.question), self.now)
                elif isinstance(effect, Emit):
                    self.events.append(effect.event)
                elif isinstance(effect, Close):
                    self.closed.append(effect.conn)

    def _answer(self, question: Question) -> Answer:
        if isinstance(question, ReadMetrics):
            return Metrics(b"up 1\n")
        assert isinstance(question, ReadPage)
        return self.answers.get(question.name, Page(b"<p>" + question.name.encode(), "text/html"))

    def take(self, conn: ConnId, *, confirm: bool = True) -> bytes:
        data = self.gateway.data_to_send(conn)
        if data and confirm:
            self.gateway.data_sent(conn, len(data), self.now)
            self.pump()
        return data

    def ask(
        self, path: str, *fields: str, method: str = "GET", host: str = "localhost", conn: ConnId | None = None
    ) -> tuple[int, dict[str, str], str]:
        """A plain request and its whole response."""
        conn = self.open() if conn is None else conn
        head = "\r\n".join([f"{method} {path} HTTP/1.1", f"host: {host}", *fields])
        self.gateway.receive_data(conn, head.encode() + b"\r\n\r\n", self.now)
        self.pump()
        start, _, body = self.take(conn).decode().partition("\r\n\r\n")
        status, *lines = start.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(status.split()[1]), {name.lower(): value for name, value in headers.items()}, body

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (due := self.gateway.next_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            self.gateway.handle_timeout(self.now)
            self.pump()
        self.now = until

    def stream(self, *fields: str) -> ConnId:
        conn = self.open()
        head = "\r\n".join(["GET /page/events HTTP/1.1", "host: localhost", *fields])
        self.gateway.receive_data(conn, head.encode() + b"\r\n\r\n", self.now)
        self.pump()
        return conn


def bearer(token: str) -> str:
    return f"authorization: Bearer {token}"


def test_the_page_is_the_hosts_and_a_browser_may_do_nothing_else_with_it() -> None:
    desk = Desk()
    status, headers, body = desk.ask("/")
    assert (status, headers["content-type"], body) == (200, "text/html", "<p>")
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")
    assert desk.ask("/page/style.css")[2] == "<p>style.css"
    assert desk.asked == [ReadPage(""), ReadPage("style.css")]
    desk.answers["no"] = Unavailable()
    assert desk.ask("/page/no")[0] == 404
    assert desk.ask("/", method="HEAD")[::2] == (200, "")
    assert desk.ask("/", method="POST")[0] == 404
    upgrade = (
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: " + "A" * 22 + "==",
    )
    assert desk.ask("/page/events", *upgrade)[0] == 404


def test_without_the_setting_there_is_nothing() -> None:
    desk = Desk(Config())
    for path in ("/", "/page/events", "/page/session"):
        assert desk.ask(path)[0] == 404
    assert desk.asked == []


@pytest.mark.parametrize(
    ("peer", "local", "field", "host", "status"),
    [
        ("127.0.0.1:5", "127.0.0.1:80", "x: y", "localhost", 200),
        ("[::1]:5", "[::1]:80", "x: y", "[::1]:80", 200),
        ("192.0.2.1:5", "192.0.2.9:80", "x: y", "192.0.2.9", 404),
        ("127.0.0.1:5", "127.0.0.1:80", "x-forwarded-for: 192.0.2.1", "localhost", 404),
        ("127.0.0.1:5", "127.0.0.1:80", "forwarded: for=192.0.2.1", "localhost", 404),
        ("127.0.0.1:5", "127.0.0.1:80", "via: 1.1 front", "localhost", 404),
        ("127.0.0.1:5", "127.0.0.1:80", "x-forwarded-host: gateway.example", "localhost", 404),
        ("127.0.0.1:5", "127.0.0.1:80", "X-Forwarded-Proto: https", "localhost", 404),
        ("127.0.0.1:5", "127.0.0.1:80", "x-client-ip: 192.0.2.1", "localhost", 404),
        ("127.0.0.1:5", "127.0.0.1:80", "cf-connecting-ip: 192.0.2.1", "localhost", 404),
        ("127.0.0.1:5", "127.0.0.1:80", "x: y", "rebound.example", 403),
        ("127.0.0.1:5", "127.0.0.1:80", "origin: https://evil.example", "localhost", 403),
        ("127.0.0.1:5", "127.0.0.1:80", "origin: no origin at all", "localhost", 403),
        ("127.0.0.1:5", "127.0.0.1:80", "origin: http://localhost", "localhost", 200),
    ],
)
def test_a_page_for_this_machine_alone(peer: str, local: str, field: str, host: str, status: int) -> None:
    desk = Desk(Config(page="loopback"))
    assert desk.ask("/page/session", field, host=host, conn=desk.open(peer, local))[0] == (
        204 if status == 200 else status
    )
    assert desk.ask("/", field, host=host, conn=desk.open(peer, local))[0] == status


def test_a_request_without_one_host_is_refused() -> None:
    assert Desk().ask("/", "host: second")[0] == 400


def test_the_token_becomes_a_cookie_that_tells_nothing() -> None:
    desk = Desk(LOCKED)
    assert desk.ask("/")[0] == 200  # there is no secret in it
    assert desk.ask("/page/session")[0] == 401
    status, headers, _ = desk.ask("/page/session", bearer(TOKEN), "origin: http://localhost", method="POST")
    assert status == 204
    cookie = headers["set-cookie"]
    assert "canary" not in cookie
    assert re.fullmatch(r"aigw-page=[0-9a-f]{48}; Path=/page; Max-Age=43200; HttpOnly; SameSite=Strict", cookie)
    shown = "cookie: other=1; " + cookie.partition(";")[0]
    assert desk.ask("/page/session", shown)[0] == 204
    assert desk.take(desk.stream(shown)).startswith(b"HTTP/1.1 200 OK")
    secure = desk.ask("/page/session", bearer(TOKEN), "origin: https://localhost", host="localhost", method="POST")
    assert secure[1]["set-cookie"].endswith("; Secure")
    assert "set-cookie" not in desk.ask("/page/session", shown)[1]  # a browser tells no Origin: it might not be Secure
    other = Desk(LOCKED)  # another process
    assert other.ask("/page/session", shown)[0] == 204


@pytest.mark.parametrize(
    "field", ["cookie: aigw-page=", "cookie: aigw-page", "cookie: aigw-page=" + "0" * 48, bearer(OTHER), "x: y"]
)
def test_a_wrong_token_or_cookie_is_none(field: str) -> None:
    desk = Desk(LOCKED)
    for path in ("/page/session", "/page/events"):
        assert desk.ask(path, field)[0] == 401
    assert desk.asked == []
    refused = [event for event in desk.events if isinstance(event, UpgradeRefused)]
    assert len(refused) == 2
    assert "canary" not in str(refused)


def test_wrong_tokens_are_slowed() -> None:
    desk = Desk(LOCKED)
    statuses = [desk.ask("/page/session", bearer(OTHER))[0] for _ in range(9)]
    assert statuses == [401] * 9
    conn = desk.open()
    desk.gateway.receive_data(
        conn, f"GET /metrics HTTP/1.1\r\nhost: localhost\r\n{bearer(OTHER)}\r\n\r\n".encode(), desk.now
    )
    desk.pump()
    assert desk.take(conn) == b""
    desk.wait(1.0)
    assert desk.take(conn).startswith(b"HTTP/1.1 401 ")


def test_metrics_have_a_token_of_their_own() -> None:
    desk = Desk(LOCKED)
    assert desk.ask("/metrics")[0] == 401
    assert desk.ask("/metrics", bearer(OTHER))[0] == 401
    assert desk.ask("/metrics", bearer(TOKEN), bearer(TOKEN))[0] == 401
    status, headers, body = desk.ask("/metrics", bearer(TOKEN))
    assert (status, body) == (200, "up 1\n")
    assert headers["content-type"].startswith("text/plain")


def test_an_event_a_second_as_long_as_the_browser_takes_them() -> None:
    desk = Desk()
    desk.answers["events"] = Page(b'{"n":1}', "application/json")
    conn = desk.stream()
    start, _, first = desk.take(conn).decode().partition("\r\n\r\n")
    assert start.startswith("HTTP/1.1 200 OK")
    assert "content-length" not in start.lower()
    assert first == 'data: {"n":1}\n\n'
    desk.answers["events"] = Page(b"a\nb", "application/json")
    desk.wait(1.0)
    assert desk.take(conn, confirm=False) == b"data: a\ndata: b\n\n"
    desk.wait(5.0)
    assert len(desk.asked) == 2  # what it has not taken is not followed by more
    desk.gateway.data_sent(conn, 17, desk.now)
    desk.wait(1.0)
    assert desk.take(conn) == b"data: a\ndata: b\n\n"
    desk.gateway.receive_data(conn, b"noise", desk.now)
    desk.gateway.receive_eof(conn, desk.now)  # it still reads
    desk.wait(1.0)
    assert desk.take(conn) == b"data: a\ndata: b\n\n"
    assert desk.closed == []


def test_events_end_with_the_browser_the_host_or_the_gateway() -> None:
    desk = Desk()
    first, second = desk.stream(), desk.stream()
    desk.take(first)
    desk.take(second)
    desk.gateway.connection_lost(first, "reset", desk.now)
    desk.gateway.closed(first, desk.now)
    desk.answers["events"] = Unavailable()
    desk.wait(1.0)
    assert desk.closed == [second]
    del desk.answers["events"]
    third = desk.stream()
    desk.take(third)
    desk.gateway.drain(desk.now)
    desk.wait(1.0)
    assert desk.closed == [second, third]


@pytest.mark.parametrize(
    "after",
    [
        Config(page="on", page_token=Secret("another-token-of-the-page")),
        Config(page="on"),
        Config(page="off", page_token=Secret(TOKEN)),
        Config(page="on", page_token=Secret(TOKEN), hosts=("gw.test",)),
    ],
)
def test_events_end_if_those_who_may_see_them_are_others(after: Config) -> None:
    desk = Desk(LOCKED)
    streams = [desk.stream(bearer(TOKEN)) for _ in range(2)]
    for conn in streams:
        assert desk.take(conn).startswith(b"HTTP/1.1 200 OK")
    desk.gateway.reconfigure(msgspec.structs.replace(LOCKED, metrics_token=None), desk.now)
    desk.pump()
    assert desk.closed == []
    desk.silent = True
    desk.wait(1.0)
    desk.gateway.reconfigure(after, desk.now)
    desk.pump()
    assert desk.closed == streams
    assert desk.gateway.snapshot()["asks"] == 0


def test_a_browser_that_leaves_while_the_host_is_asked() -> None:
    desk = Desk()
    desk.silent = True
    streaming, asking = desk.stream(), desk.open()
    desk.gateway.receive_data(asking, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", desk.now)
    desk.pump()
    assert desk.gateway.snapshot()["asks"] == 2
    for conn in (streaming, asking):
        desk.gateway.connection_lost(conn, "reset", desk.now)
        desk.gateway.closed(conn, desk.now)
    assert desk.gateway.snapshot()["asks"] == 0
    assert desk.gateway.next_timeout() is None


def test_a_host_that_says_nothing_ends_them() -> None:
    desk = Desk(Config(page="on", timeouts=Timeouts(ask_s=3.0)))
    desk.silent = True
    conn = desk.stream()
    desk.wait(4.0)
    assert desk.closed == [conn]


def test_few_browsers_at_once() -> None:
    desk = Desk()
    streams = [desk.stream() for _ in range(MOST_STREAMS)]
    assert desk.ask("/page/events")[0] == 429
    desk.gateway.connection_lost(streams[0], "reset", desk.now)
    desk.gateway.closed(streams[0], desk.now)
    assert desk.ask("/page/events", method="HEAD")[::2] == (200, "")
    assert desk.take(desk.stream()).startswith(b"HTTP/1.1 200 OK")


def test_over_http2() -> None:
    desk = Desk()
    conn = desk.open(alpn="h2")
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    client.initiate_connection()

    def ask(path: str) -> int:
        stream = client.get_next_available_stream_id()
        fields = [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", "localhost")]
        client.send_headers(stream, fields, end_stream=True)
        return stream

    def exchange() -> list[h2.events.Event]:
        desk.gateway.receive_data(conn, client.data_to_send(), desk.now)
        desk.pump()
        return client.receive_data(desk.take(conn))

    shell, events = ask("/"), ask("/page/events")
    seen = exchange()
    heads = {one.stream_id: dict(one.headers) for one in seen if isinstance(one, h2.events.ResponseReceived)}
    assert {stream: head[":status"] for stream, head in heads.items()} == {shell: "200", events: "200"}
    assert heads[events]["content-type"] == "text/event-stream"
    bodies = {one.stream_id: one.data for one in seen if isinstance(one, h2.events.DataReceived)}
    assert bodies == {shell: b"<p>", events: b"data: <p>events\n\n"}
    assert [one.stream_id for one in seen if isinstance(one, h2.events.StreamEnded)] == [shell]
    desk.wait(1.0)
    (more,) = [one for one in exchange() if isinstance(one, h2.events.DataReceived)]
    assert (more.stream_id, more.data) == (events, b"data: <p>events\n\n")
    client.reset_stream(events)
    exchange()
    desk.wait(3.0)
    assert not [one for one in exchange() if isinstance(one, h2.events.DataReceived)]


def test_a_client_of_a_host_has_no_page() -> None:
    desk = Desk()
    conn = desk.gateway.open_messages(b"/page/events", "127.0.0.1:5", [(b"host", b"localhost")], [], None, desk.now)
    assert any(type(effect).__name__ == "Refuse" for effect in desk.gateway.effects())
    assert desk.gateway.messages_to_send(conn) == []
