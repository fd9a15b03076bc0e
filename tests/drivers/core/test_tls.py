"""Contexts, and a TLS connection without a socket."""

import ssl
from pathlib import Path

import pytest
import trustme

from aigw_drivers.core.tls import TlsPipe, client_context, server_context


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return folder


def _pair(
    folder: Path, *, name: str = "localhost", offer: tuple[str, ...] = (), accept: tuple[str, ...] = ()
) -> tuple[TlsPipe, TlsPipe]:
    server = TlsPipe(server_context(folder / "server.pem", folder / "server.pem", accept), server_side=True)
    client = TlsPipe(client_context(str(folder / "ca.pem"), offer), server_side=False, server_hostname=name)
    client.handshake(b"")
    server.handshake(client.pending())
    assert client.handshake(server.pending())
    assert server.handshake(client.pending())
    client.decrypt(server.pending())
    return client, server


@pytest.mark.parametrize(
    ("offer", "accept", "chosen"),
    [
        (("h2", "http/1.1"), ("http/1.1",), "http/1.1"),
        (("h2", "http/1.1"), ("h2", "http/1.1"), "h2"),
        ((), ("http/1.1",), None),
        (("h2",), (), None),
    ],
)
def test_alpn(folder: Path, offer: tuple[str, ...], accept: tuple[str, ...], chosen: str | None) -> None:
    client, server = _pair(folder, offer=offer, accept=accept)
    assert client.alpn == server.alpn == chosen


@pytest.mark.parametrize("cut", [1, 7, 1 << 20])
def test_a_client_of_other_protocols_is_refused_with_an_alert(folder: Path, cut: int) -> None:
    """RFC 7301 section 3.2: no_application_protocol."""
    context = server_context(folder / "server.pem", folder / "server.pem", ("h2", "http/1.1"))
    server = TlsPipe(context, server_side=True)
    client = TlsPipe(client_context(str(folder / "ca.pem"), ("ftp", "smtp")), server_side=False, server_hostname="x")
    client.handshake(b"")
    hello = client.pending()
    with pytest.raises(ssl.SSLError, match="protocol"):
        for start in range(0, len(hello), cut):
            server.handshake(hello[start : start + cut])
    with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
        client.handshake(server.pending())


def test_one_context_for_each_trust_and_offer(folder: Path) -> None:
    ca_file = str(folder / "ca.pem")
    assert client_context(ca_file, ("h2",)) is client_context(ca_file, ("h2",))
    assert client_context(ca_file, ("h2",)) is not client_context(ca_file, ())
    assert client_context().check_hostname
    assert client_context().verify_mode is ssl.CERT_REQUIRED
    assert client_context().minimum_version >= ssl.TLSVersion.TLSv1_2


def test_the_name_is_checked(folder: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        _pair(folder, name="example.com")


@pytest.mark.parametrize("cut", [1, 100, 49152, 1 << 20])
def test_any_cut_gives_the_same_plaintext(folder: Path, cut: int) -> None:
    client, server = _pair(folder)
    plain = bytes(range(256)) * 1024
    data = b"".join(client.encrypt(plain[start : start + 65536]) for start in range(0, len(plain), 65536))
    pieces = [server.decrypt(data[start : start + cut]) for start in range(0, len(data), cut)]
    assert b"".join(pieces) == plain
    assert not server.ended
    if cut <= 49152:
        assert max(map(len, pieces)) <= 65536  # so that a read of the driver stays within its bound


def test_each_side_ends_for_itself(folder: Path) -> None:
    client, server = _pair(folder)
    assert server.decrypt(client.encrypt(b"last") + client.close_notify()) == b"last"
    assert server.ended
    assert not client.ended
    assert client.decrypt(server.encrypt(b"answer")) == b"answer"
    client.decrypt(server.close_notify())
    assert client.ended


def test_rubbish_is_an_error_with_an_alert(folder: Path) -> None:
    client, server = _pair(folder)
    with pytest.raises(ssl.SSLError):
        server.decrypt(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert server.has_pending
    with pytest.raises(ssl.SSLError):
        client.decrypt(server.pending())
