"""Hosts and certificates for the conformance suite."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from tests.rigs.hosts import HOSTS, HostFactory

from aigw_drivers.core.tls import client_context, server_context


@dataclass(frozen=True)
class Certificates:
    """A throw-away authority: contexts of both sides, and its file for ``Tls.ca_file``."""

    ca_file: str
    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certificates]:
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(str(folder / "cert.pem"), append=number > 0)
    ca_file = str(folder / "ca.pem")
    return Certificates(
        ca_file,
        server_context(folder / "cert.pem", folder / "key.pem", ("http/1.1",)),
        client_context(ca_file, ("http/1.1",)),
    )


@pytest.fixture(params=list(HOSTS))
def start(request: pytest.FixtureRequest) -> HostFactory:
    """Starts a host of each kind in turn."""
    return HOSTS[request.param]
