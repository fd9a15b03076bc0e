"""A throw-away certificate authority, and the TLS contexts of both sides that trust it."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

from aigw_drivers.core.tls import client_context, server_context


@dataclass(frozen=True)
class Certificates:
    """A throw-away authority: contexts of both sides, and its file for ``Tls.ca_file``."""

    ca_file: str
    server: ssl.SSLContext
    client: ssl.SSLContext


def issue(folder: Path) -> Certificates:
    """A new authority and a certificate of ``localhost``, their files in ``folder``."""
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
