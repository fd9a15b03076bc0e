"""The exchange with a proxy, whole and byte by byte."""

import pytest

from aigw_sansio.effects import Connect
from aigw_sansio.ids import ConnId
from aigw_sansio.origin import Proxy
from aigw_sansio.secret import Secret
from aigw_sansio.wires.tunnel import Tunnel


def tunnel(host: str = "api.test", authorization: str | None = None) -> Tunnel:
    proxy = Proxy("proxy.test", 3128, None if authorization is None else Secret(authorization))
    return Tunnel(Connect(ConnId(1), host=host, port=443, tls=None, alpn=(), proxy=proxy))


def test_the_request() -> None:
    assert tunnel().request == b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n"
    assert tunnel("2001:db8::1").request.startswith(
        b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"
    )
    assert tunnel(authorization="Basic canary").request.endswith(b"\r\nProxy-Authorization: Basic canary\r\n\r\n")


def answered(data: bytes, *, byte_by_byte: bool) -> tuple[bool, str | None]:
    """Whether it is decided, and why there is no tunnel."""
    one = tunnel()
    decided = False
    for piece in [data[at : at + 1] for at in range(len(data))] if byte_by_byte else [data]:
        assert not decided, "it wants no more"
        decided = one.receive_data(piece)
    return decided, one.failure


@pytest.mark.parametrize("byte_by_byte", [False, True])
@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"HTTP/1.1 200 Connection established\r\n\r\n", (True, None)),
        (b"HTTP/1.0 200 OK\r\nvia: x\r\ncontent-length: 5\r\n\r\n", (True, None)),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 OK\r\n\r\n", (True, None)),
        (b"HTTP/1.1 100 Continue\r\n\r\n", (False, None)),
        (b"HTTP/1.1 200 OK\r\nx: y\r\n", (False, None)),
        (b"HTTP/1.1 101 Switching\r\n\r\n", (True, "the proxy answered 101")),
        (b"HTTP/1.1 302 Found\r\nlocation: http://canary\r\n\r\n", (True, "the proxy answered 302")),
        (
            b"HTTP/1.1 407 No\r\n\r\n",
            (True, "the proxy answered 407: it wants other credentials than those in the settings"),
        ),
        (b"HTTP/1.1 503 No\r\n\r\n", (True, "the proxy answered 503: it cannot reach this host")),
        (b"canary\r\n\r\n", (True, "the proxy does not speak HTTP/1.1")),
    ],
)
def test_what_it_answers(data: bytes, outcome: tuple[bool, str | None], *, byte_by_byte: bool) -> None:
    assert answered(data, byte_by_byte=byte_by_byte) == outcome


def test_what_comes_behind_the_answer_is_nobodys() -> None:
    assert answered(b"HTTP/1.1 200 OK\r\n\r\nx", byte_by_byte=False) == (True, "the proxy sent more than its answer")
    assert answered(b"HTTP/1.1 502 No\r\n\r\nsorry", byte_by_byte=False)[0]


def test_interim_responses_without_end() -> None:
    floods = tunnel()
    assert not floods.receive_data(b"HTTP/1.1 100 Continue\r\n\r\n" * 8)
    assert floods.failure is None
    assert floods.receive_data(b"HTTP/1.1 100 Continue\r\n\r\n" * 4000)
    assert floods.failure == "the proxy sent more than 8 interim responses"


def test_an_end_and_a_head_without_one() -> None:
    ended = tunnel()
    assert not ended.receive_data(b"HTTP/1.1 200")
    assert ended.receive_data(b"")
    assert ended.failure == "the proxy closed the connection before it answered"
    endless = tunnel()
    assert not endless.receive_data(b"HTTP/1.1 200 OK\r\nx: ")
    assert endless.receive_data(b"y" * 17_000)
    assert endless.failure == "the head of the proxy's response has more than 16384 bytes"
