"""A throw-away certificate authority, and the TLS contexts of both sides that trust it. Needs ``trustme``.

Decides: which certificate a driver under test shows. Must not know: any check.
"""

import atexit
import shutil
import ssl
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..core.tls import client_context, server_context


@dataclass(frozen=True)
class Certificates:
    """A throw-away authority: contexts of both sides, and its file for ``Tls.ca_file``."""

    ca_file: str
    server: ssl.SSLContext
    client: ssl.SSLContext


@cache
def certificates() -> Certificates:
    """An authority and a certificate of ``localhost``; one for each process, whose files are removed at its end."""
    import trustme

    folder = Path(tempfile.mkdtemp(prefix="aigw-conformance-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
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
