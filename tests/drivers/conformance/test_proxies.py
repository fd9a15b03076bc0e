"""Dialling through an HTTP proxy: a tunnel first, TLS in it, and the words if there is none."""

import socket
import threading
from base64 import b64encode

import pytest
from tests.peers.certificates import Certificates
from tests.peers.connect_proxy import connect_proxy
from tests.peers.sockets import PATIENCE_S, connect, echo, read_exactly, read_to_end, server, wait_for_end
from tests.rigs.hosts import HostFactory, running
from tests.rigs.toy_engines import Relay, ToyEngine

from aigw_sansio import ConnId, Proxy, Secret, Tls

TARGET = "provider.test:443"
CREDENTIALS = "user:p:canary"


def proxy_at(port: int, credentials: str | None = None) -> Proxy:
    shown = None if credentials is None else Secret("Basic " + b64encode(credentials.encode()).decode())
    return Proxy("127.0.0.1", port, shown)


@pytest.mark.parametrize("alpn", [(), ("h2", "http/1.1")], ids=["tcp", "tls"])
def test_through_a_tunnel(start: HostFactory, certificates: Certificates, alpn: tuple[str, ...]) -> None:
    tls = Tls("localhost", certificates.ca_file) if alpn else None
    with (
        server(echo, tls=certificates.server if alpn else None) as port,
        connect_proxy({TARGET: port}, credentials=CREDENTIALS) as proxy,
    ):
        engine = Relay(443, tls, alpn, proxy_at(proxy.port, CREDENTIALS))
        with running(start, engine) as host, connect(host.port) as client:
            for message in (b"a", b"b" * 100_000):
                client.sendall(message)
                assert read_exactly(client, len(message)) == message
            client.shutdown(socket.SHUT_WR)
            assert client.recv(1) == b""
            engine.wait_for("closed", 2)
    assert engine.named("connected", 2)[0].value == ("http/1.1" if alpn else None)
    assert engine.names(2) == ["connected", "receive_data", "closed"]
    assert proxy.asked == [TARGET], "the name goes to the proxy, which alone can find it"


def failure(start: HostFactory, proxy: Proxy, tls: Tls | None = None) -> str:
    """Why a dial through ``proxy`` fails."""
    engine = Relay(443, tls, ("http/1.1",) if tls else (), proxy)
    with running(start, engine) as host, connect(host.port) as client:
        assert read_to_end(client) == b""
        client.close()
        engine.wait_for("closed", 1)
    assert engine.names(2) == ["connect_failed", "closed"]
    return str(engine.named("connect_failed")[0].value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 403 canary\r\nx: canary\r\n\r\ncanary", "the proxy answered 403: it does not allow this host"),
        (b"HTTP/1.1 418 canary\r\n\r\n", "the proxy answered 418"),
        (b"SSH-2.0-canary\r\n\r\n", "the proxy does not speak HTTP/1.1"),
        (b"", "the proxy closed the connection before it answered"),
    ],
    ids=["403", "418", "no http", "nothing"],
)
def test_no_tunnel(start: HostFactory, answer: bytes, words: str) -> None:
    with connect_proxy({}, answer=answer) as proxy:
        assert failure(start, proxy_at(proxy.port)) == words


def test_wrong_credentials(start: HostFactory) -> None:
    with connect_proxy({}, credentials=CREDENTIALS) as proxy:
        words = failure(start, proxy_at(proxy.port, "user:wrong-canary"))
    assert words == "the proxy answered 407: it wants other credentials than those in the settings"


def test_no_proxy_there(start: HostFactory) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening
        assert failure(start, proxy_at(taken.getsockname()[1])) == "no connection to the proxy: connection refused"


def test_the_certificate_is_the_providers(start: HostFactory, certificates: Certificates) -> None:
    with server(echo, tls=certificates.server) as port, connect_proxy({TARGET: port}) as proxy:
        assert "certificate" in failure(start, proxy_at(proxy.port), Tls("provider.test", certificates.ca_file))


@pytest.mark.parametrize("abort", [False, True], ids=["close", "abort"])
def test_close_cancels_a_tunnel_that_does_not_open(start: HostFactory, abort: bool) -> None:
    accepted, ended = threading.Event(), threading.Event()

    def silent(sock: socket.socket) -> None:
        accepted.set()
        wait_for_end(sock)
        ended.set()

    class Impatient(ToyEngine):
        def on_open(self, conn: ConnId) -> None:
            self.dial(443, "provider.test", proxy=proxy_at(port))

        def on_data(self, conn: ConnId, data: bytes) -> None:
            self.close(ConnId(2), abort=abort)
            self.send(conn, b"done")

    with server(silent) as port:
        engine = Impatient()
        with running(start, engine) as host, connect(host.port) as client:
            assert accepted.wait(PATIENCE_S)
            client.sendall(b"stop")
            assert read_exactly(client, 4) == b"done"
            engine.wait_for("closed", 2)
            assert ended.wait(PATIENCE_S)
    assert engine.names(2) == ["closed"]
