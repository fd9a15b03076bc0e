"""Dialling through an HTTP proxy: a tunnel first, TLS in it, and the words if there is none.

Decides: what a driver does that is told to dial through a proxy. Must not know: how a tunnel is opened.
"""

import socket
import threading
from base64 import b64encode

import pytest

from aigw_sansio import ConnId, Proxy, Secret, Tls

from .certificates import certificates
from .connect_proxy import connect_proxy
from .rig import Rig
from .sockets import echo, read_exactly, read_to_end, wait_for_end
from .toy_engines import Relay, ToyEngine

TARGET = "provider.test:443"
CREDENTIALS = "user:p:canary"


def _proxy_at(port: int, credentials: str | None = None) -> Proxy:
    shown = None if credentials is None else Secret("Basic " + b64encode(credentials.encode()).decode())
    return Proxy("127.0.0.1", port, shown)


class _Impatient(ToyEngine):
    """Dials through a proxy for its first client, and closes that dial when the client says so."""

    def __init__(self, port: int, *, abort: bool) -> None:
        super().__init__()
        self.port, self.abort = port, abort

    def on_open(self, conn: ConnId) -> None:
        self.dial(443, "provider.test", proxy=_proxy_at(self.port))

    def on_data(self, conn: ConnId, data: bytes) -> None:
        self.close(ConnId(2), abort=self.abort)
        self.send(conn, b"done")


class ProxyChecks(Rig):
    """Dials through proxies, and their ends."""

    def test_through_a_tunnel(self, *, secure: bool) -> None:
        self.need("proxies")
        tls = Tls("localhost", certificates().ca_file) if secure else None
        alpn = ("h2", "http/1.1") if secure else ()
        with (
            self.server(echo, secure=secure) as port,
            connect_proxy({TARGET: port}, credentials=CREDENTIALS, patience_s=self.patience_s) as proxy,
        ):
            engine = Relay(443, tls, alpn, _proxy_at(proxy.port, CREDENTIALS))
            with self.running(engine) as host, self.connect(host) as client:
                for message in (b"a", b"b" * 100_000):
                    client.sendall(message)
                    assert read_exactly(client, len(message)) == message
                client.shutdown(socket.SHUT_WR)
                assert client.recv(1) == b""
                engine.wait_for("closed", 2)
        assert engine.named("connected", 2)[0].value == ("http/1.1" if secure else None)
        assert engine.names(2) == ["connected", "receive_data", "closed"]
        assert proxy.asked == [TARGET], "the name goes to the proxy, which alone can find it"

    def failure(self, proxy: Proxy, tls: Tls | None = None) -> str:
        """Why a dial through ``proxy`` fails."""
        engine = Relay(443, tls, ("http/1.1",) if tls else (), proxy)
        with self.running(engine) as host, self.connect(host) as client:
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
    def test_no_tunnel(self, answer: bytes, words: str) -> None:
        self.need("proxies")
        with connect_proxy({}, answer=answer, patience_s=self.patience_s) as proxy:
            assert self.failure(_proxy_at(proxy.port)) == words

    def test_wrong_credentials(self) -> None:
        self.need("proxies")
        with connect_proxy({}, credentials=CREDENTIALS, patience_s=self.patience_s) as proxy:
            words = self.failure(_proxy_at(proxy.port, "user:wrong-canary"))
        assert words == "the proxy answered 407: it wants other credentials than those in the settings"

    def test_no_proxy_there(self) -> None:
        self.need("proxies")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and not listening
            words = self.failure(_proxy_at(taken.getsockname()[1]))
        assert words.startswith("no connection to the proxy: ")
        assert "refused" in words

    def test_the_certificate_is_the_providers(self) -> None:
        self.need("proxies")
        self.need("tls")
        tls = Tls("provider.test", certificates().ca_file)
        with (
            self.server(echo, secure=True) as port,
            connect_proxy({TARGET: port}, patience_s=self.patience_s) as proxy,
        ):
            assert "certificate" in self.failure(_proxy_at(proxy.port), tls)

    @pytest.mark.parametrize("abort", [False, True], ids=["close", "abort"])
    def test_close_cancels_a_tunnel_that_does_not_open(self, *, abort: bool) -> None:
        self.need("proxies")
        accepted, ended = threading.Event(), threading.Event()

        def silent(sock: socket.socket) -> None:
            accepted.set()
            wait_for_end(sock)
            ended.set()

        with self.server(silent) as port:
            engine = _Impatient(port, abort=abort)
            with self.running(engine) as host, self.connect(host) as client:
                assert accepted.wait(self.patience_s)
                client.sendall(b"stop")
                assert read_exactly(client, 4) == b"done"
                engine.wait_for("closed", 2)
                assert ended.wait(self.patience_s)
        assert engine.names(2) == ["closed"]
